"""Results per commit: what is kept of each, the series they make, and what is found in those."""

from __future__ import annotations

from dataclasses import dataclass

from perfkit.model.change_point import ChangePoint, Levels, Seam


@dataclass(frozen=True)
class Result:
    """One metric of one commit beside an anchor build that was run with it.

    ratio: commit over anchor; low, high: its interval as the measurement gave it, None unbounded.
    pairs: runs of the smaller side. anchor: the build's name; anchor_source: what was run of it.
    gating: whether the metric decided where it was measured. host: where that was, or "".
    value: of the commit, in the metric's unit, where it is known. added_at_us: when it was added,
    microseconds since 1970.
    """

    commit: str
    metric: str
    unit: str
    ratio: float
    low: float | None
    high: float | None
    pairs: int
    anchor: str
    anchor_source: str
    gating: bool
    design: str
    host: str
    value: float | None
    added_at_us: int


@dataclass(frozen=True)
class Point:
    """One commit of a series. value: log ratio to the first anchor, as far as anchors are linked.

    pairs: of all its results with the anchor that it is told by.
    """

    commit: str
    value: float
    pairs: int
    anchor: str
    host: str
    added_at_us: int


@dataclass(frozen=True)
class Series:
    """A metric over the commits, in the order in which these were first added.

    seams: where the anchor changes. gating: whether the metric last decided.
    """

    metric: str
    unit: str
    gating: bool
    points: tuple[Point, ...]
    seams: tuple[Seam, ...] = ()


@dataclass(frozen=True)
class MetricHistory:
    """A series and its levels.

    comparable_from: the first point that the newest can be compared with; before it lies another
    anchor without a commit that was measured with both.
    """

    series: Series
    levels: Levels
    comparable_from: int = 0


@dataclass(frozen=True)
class History:
    """A history file, read and understood. notes: what limits it, one sentence each."""

    source: str
    commits: int
    metrics: tuple[MetricHistory, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Regression:
    """A change for the worse among the newest commits that has not been taken back."""

    metric: str
    change: ChangePoint


@dataclass(frozen=True)
class HistoryCheck:
    """Whether a history got worse lately.

    verdict: REGRESSED, PASSED or UNDECIDED of perfkit.model.verdict. newest: commits that count as
    new. too_short: metrics of which nothing can be said yet. checked: metrics that decide.
    """

    history: History
    verdict: str
    newest: int
    tolerance: float
    checked: tuple[str, ...]
    regressions: tuple[Regression, ...] = ()
    too_short: tuple[str, ...] = ()
    suspicions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Added:
    """What `history add` did. commits: in the file now. skipped: why metrics were left out."""

    source: str
    commit: str
    anchor: str
    metrics: tuple[str, ...]
    commits: int
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
