"""From alarms of single moments to one finding: what moved, from when to when, and how far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from perfkit.analysis.watched import Watched
from perfkit.model.finding import DOWN, UP, Finding
from perfkit.model.insight import SEVERITIES

Array = npt.NDArray[np.float64]

TOGETHER = 10
"""Metrics that move within so many periods of one another are one anomaly."""

QUIET = 5
"""An anomaly is over once it was quiet for so many periods."""

HELD = 900
"""What lasts for more periods is the new normal."""

_FAR_AGAIN = 2.0
"""A peak is told again when it is so many times as far out as the one told last."""

_SIZES = (4.0, 12.0)
"""From so many times the smallest change worth hearing of, severity is medium, and high."""


@dataclass
class Member:
    """A side within an anomaly: how surprising it was at most, and how far it went.

    sign: 1 where it rose. level, value, floor: in the metric's unit, value the one farthest out.
    back: nearer to the level than this it is no longer out. explained: activity is to be taken
    into account.
    """

    watched: Watched
    sign: int
    level: float
    floor: float
    back: float
    surprise: float
    value: float
    peak_ns: int
    last_out_ns: int

    @property
    def size(self) -> float:
        """How far it went, in changes that are just worth hearing of."""
        return abs(self.value - self.level) / self.floor if self.floor > 0 else 0.0

    def follow(self, value: float, now_ns: int) -> bool:
        """Take its next value; whether it is still out."""
        away = self.sign * (value - self.level)
        if away > self.sign * (self.value - self.level):
            self.value, self.peak_ns = value, now_ns
        if away < self.back:
            return False
        self.last_out_ns = now_ns
        return True


@dataclass
class Episode:
    """One anomaly while it lasts; members by number of the side, main the one that opened it.

    farthest: of each member, the most unusual of every stream, shape (STREAMS,).
    """

    main: int
    onset_ns: int
    members: dict[int, Member]
    rows: int = 0
    quiet_rows: int = 0
    severity: str = "info"
    told_members: int = 0
    told_size: float = 0.0
    expected_per_day: float = 0.0
    farthest: dict[int, Array] = field(default_factory=dict)

    @property
    def last_out_ns(self) -> int:
        """When any member was last out of the ordinary."""
        return max(one.last_out_ns for one in self.members.values())

    def see(self, unusual: Array) -> None:
        """Take how unusual all streams of all sides are now, shape (STREAMS, sides)."""
        for side in self.members:
            now = unusual[:, side]
            before = self.farthest.get(side)
            self.farthest[side] = now.copy() if before is None else np.maximum(before, now)

    @property
    def surprise(self) -> float:
        """Of the most surprising member, nats."""
        return max(one.surprise for one in self.members.values())

    def changed(self) -> bool:
        """Whether there is something new to tell: severity, members, or a much higher peak."""
        severity = max((self.severity, *map(_severity, self.members.values())), key=_rank)
        news = (
            severity != self.severity
            or len(self.members) > self.told_members
            or self.members[self.main].size >= _FAR_AGAIN * self.told_size
        )
        self.severity = severity
        return news

    def finding(self, stage: str, known_ns: int, end_ns: int | None, note: str = "") -> Finding:
        """What to say of it now."""
        main = self.members[self.main]
        self.told_members, self.told_size = len(self.members), main.size
        # expected_per_day may be tiny: what is left of 1 is the chance of a day without
        return Finding(
            stage=stage,
            kind="anomaly",
            cause=main.watched.cause or main.watched.metric,
            metric=main.watched.metric,
            known_at_ns=known_ns,
            onset_ns=self.onset_ns,
            peak_ns=main.peak_ns,
            end_ns=end_ns,
            severity=self.severity,
            direction=UP if main.sign > 0 else DOWN,
            value=main.value,
            expected=main.level,
            probability=min(self.expected_per_day, 1.0),
            evidence=dict(self._evidence()),
            text=self._text() + note,
        )

    def _evidence(self) -> Iterator[tuple[str, float]]:
        yield "expected_per_day", self.expected_per_day
        whole = sum(one.surprise for one in self.members.values())
        for _, one in sorted(self.members.items()):
            name = one.watched.metric
            yield f"{name}_contribution_ratio", one.surprise / whole
            yield f"was_{name}", one.value
            yield f"usual_{name}", one.level

    def _text(self) -> str:
        main = self.members[self.main]
        text = f"{main.watched.metric} {'rose' if main.sign > 0 else 'fell'} far out of its usual range"
        others = dict.fromkeys(
            one.watched.metric for at, one in sorted(self.members.items()) if at != self.main
        )
        return text + (f"; with it moved {', '.join(others)}" if others else "")


def _severity(member: Member) -> str:
    """By size; what gets better is a remark."""
    better = member.watched.worse not in ("", UP if member.sign > 0 else DOWN)
    if better:
        return SEVERITIES[0]
    return SEVERITIES[1 + sum(member.size >= size for size in _SIZES)]


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity)
