"""What a kind of pattern is to the stage: a file of its own, a class, a line in the registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from perfkit.analysis.patterns.history import Views
from perfkit.analysis.watched import Watched
from perfkit.model.finding import EITHER
from perfkit.model.text import printable

NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Seen:
    """A pattern as one look shows it.

    onset_ns, peak_ns: on the session's clock. last_ns: until when it was seen, its end if it is not
    seen again. telling: the numbers of its evidence that make it another one: it is told again when
    one of them changes by more than the stage's share. The rest is as in `perfkit.model.finding`.
    """

    onset_ns: int
    peak_ns: int
    last_ns: int
    text: str
    evidence: Mapping[str, float]
    telling: tuple[str, ...]
    severity: str = "info"
    direction: str = EITHER
    value: float | None = None
    expected: float | None = None
    probability: float | None = None


@dataclass(frozen=True)
class Known:
    """What is told of one metric at present: kind to how it was seen last. Of patterns earlier in
    the registry that is now, of the others at the look before; what happens at a moment stays."""

    seen: Mapping[str, Seen] = field(default_factory=dict)

    def any(self, *kinds: str) -> bool:
        """Whether one of these is told."""
        return any(kind in self.seen for kind in kinds)


class Pattern(Protocol):
    """Looks for one kind of pattern; keeps no state of its own.

    kind: what its findings are called. looks: so many looks in a row must show it before it is
    told. patience: so many in a row must not show it before it has ended; None for what happens at
    a moment and is never over: another onset is another finding.
    """

    @property
    def kind(self) -> str:
        """See above."""
        ...

    @property
    def looks(self) -> int:
        """See above."""
        ...

    @property
    def patience(self) -> int | None:
        """See above."""
        ...

    def sights(
        self, views: Views, metrics: Sequence[Watched], known: Sequence[Known], /
    ) -> dict[int, Seen]:
        """What the views show, by row of the metric; the many metrics without it cost little.

        known: what is told of each metric.
        """
        ...


class OneByOne(ABC):
    """A pattern that is looked for in one metric after the other; see Pattern."""

    def sights(
        self, views: Views, metrics: Sequence[Watched], known: Sequence[Known], /
    ) -> dict[int, Seen]:
        """See Pattern."""
        rows = self.rows(views, metrics)
        found = ((row, self.judge(views, row, metrics[row], known[row])) for row in rows)
        return {row: seen for row, seen in found if seen is not None}

    @abstractmethod
    def rows(self, views: Views, metrics: Sequence[Watched], /) -> list[int]:
        """Where it could be, told cheaply of all metrics at once."""

    @abstractmethod
    def judge(self, views: Views, row: int, metric: Watched, known: Known, /) -> Seen | None:
        """What the views show of it in one metric."""


def named(metric: Watched) -> str:
    """A metric's name in a sentence; imported sessions bring names of their own."""
    return printable(metric.metric, 60)


def seconds(value: float) -> str:
    """A length of time in a sentence."""
    if value < 99.5:
        return f"{value:.3g} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
