"""Where a series of results changed its level: which commit, how sure, how much."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_POINTS = 8
"""Below this many results nothing can be said of a series."""


@dataclass(frozen=True)
class Seam:
    """A place where a series goes on in another measure, joined through results in both.

    index: the first result behind it. links: how many results were made in both measures; 0 where
    the two sides cannot be compared.
    """

    index: int
    links: int


@dataclass(frozen=True)
class ChangePoint:
    """A lasting change of a series' level. All sizes are differences of the series' values.

    index: the first result of the new level. earliest, latest: 95 of 100 such ranges hold the true
    one. sure: how likely it is this very one, if the range is right.
    chance: how likely noise alone shows a change as clear as this anywhere in such a series.
    before, after: the levels. shift: after less before; low, high: its 95 % interval.
    points_before, points_after: the results that these rest on.
    at_seam: it lies where the measure changed.
    """

    index: int
    earliest: int
    latest: int
    sure: float
    chance: float
    before: float
    after: float
    low: float
    high: float
    points_before: int
    points_after: int
    at_seam: bool = False

    @property
    def shift(self) -> float:
        """How far the level moved."""
        return self.after - self.before


@dataclass(frozen=True)
class Levels:
    """A series as stretches of one level each, and the noise around them.

    changes: in order of the series. noise: standard deviation of one result around its level,
    strays pulled in. autocorrelation: between neighbouring results, 0 to 0.95.
    starts: the first index of each stretch, level changes and seams alike; values: their levels.
    """

    changes: tuple[ChangePoint, ...]
    noise: float
    autocorrelation: float
    starts: tuple[int, ...]
    values: tuple[float, ...]
