"""What patterns remember of a session: three views of it, of at most 1,000 points a metric.

The newest periods as they were; further back in bins of 16; the whole session in bins that double
whenever there are too many. Bins are made at scheduled periods only, of whole groups of periods
counted from the session's start, so the same periods give the same bins however they arrived.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

RECENT_POINTS = 512
LONG_POINTS = 244
BIN = 16
"""Periods in a bin of the middle view; looks fall on multiples of it."""

_EXTREME = 1e60  # fourth powers of it are still finite


@dataclass(frozen=True)
class View:
    """All metrics over n points of equal length, the oldest first.

    first: period that the first point begins with. step: periods a point. length_ns: of a period.
    values: float64[metrics, n], means, NaN where nothing is known.
    """

    first: int
    step: int
    length_ns: int
    values: Floats

    def __len__(self) -> int:
        return int(self.values.shape[1])

    @property
    def step_ns(self) -> int:
        """Length of a point."""
        return self.step * self.length_ns

    @cached_property
    def counts(self) -> Integers:
        """int64[metrics]: known values of each."""
        counts: Integers = (~np.isnan(self.values)).sum(axis=1)
        return counts

    def quantile(self, share: float) -> Floats:
        """float64[metrics]: the value at the nearest rank below, NaN where nothing is known."""
        if not len(self):
            return np.full(len(self.values), np.nan)
        ranks = (share * np.maximum(self.counts - 1, 0)).astype(np.int64)
        return self.ordered[np.arange(len(ranks)), ranks]

    @cached_property
    def ordered(self) -> Floats:
        """The values of each metric in order, NaN at the end."""
        return np.sort(self.values, axis=1)

    @cached_property
    def ranges(self) -> Floats:
        """float64[metrics]: largest less least, 0 where nothing is known."""
        return np.nan_to_num(self.quantile(1.0) - self.quantile(0.0))

    def t_ns(self, place: float) -> int:
        """When a point begins."""
        return round((self.first + place * self.step) * self.length_ns)


@dataclass(frozen=True)
class Views:
    """recent: one period a point. middle: BIN periods. whole: from the start on, BIN periods or
    more. begins: the session's first period."""

    recent: View
    middle: View
    whole: View
    begins: int


class History:
    """Takes the periods of so many metrics, in order; periods may be missing."""

    def __init__(self, metrics: int, length_ns: int) -> None:
        self._metrics, self._length_ns = metrics, length_ns
        self._recent = _Ring(metrics, RECENT_POINTS)
        self._middle = _Ring(metrics, LONG_POINTS)
        self._begins = -1
        self._whole = np.zeros((2, metrics, LONG_POINTS))  # sums and counts
        self._bins = 1  # of BIN periods in one of the whole view

    def add(self, numbers: Integers, values: Floats) -> None:
        """numbers: int64[n], of the periods. values: float64[metrics, n], NaN where unknown."""
        if not len(numbers):
            return
        if self._begins < 0:
            self._begins = int(numbers[0])
            self._middle.end = self._begins // BIN
        self._recent.put(numbers, np.clip(values, -_EXTREME, _EXTREME))

    def look(self, until: int) -> Views:
        """The views of the periods before `until`. The newest bins may not be full and are left out."""
        self._close_bins(until)
        recent = self._recent.view(max(self._begins, self._recent.end - RECENT_POINTS))
        oldest = self._begins // BIN
        middle = self._middle.view(max(oldest, self._middle.end - LONG_POINTS))
        first = max(oldest, self._middle.end - LONG_POINTS)
        full = (self._middle.end - oldest) // self._bins
        sums, counts = self._whole[:, :, :full]
        whole = np.full(sums.shape, np.nan)
        np.divide(sums, counts, out=whole, where=counts > 0)
        start = max(self._begins, self._recent.end - RECENT_POINTS)
        return Views(
            View(start, 1, self._length_ns, recent),
            View(first * BIN, BIN, self._length_ns, middle),
            View(oldest * BIN, BIN * self._bins, self._length_ns, whole),
            self._begins,
        )

    def _close_bins(self, until: int) -> None:
        """Take what is whole of the newest periods into the bins."""
        stop = until // BIN
        # of a long gap nothing is known: what lay before it was taken in at the look before
        first = max(self._middle.end, stop - RECENT_POINTS // BIN)
        if stop <= first:
            return
        numbers = np.arange(first * BIN, stop * BIN)
        values = self._recent.at(numbers).reshape(self._metrics, -1, BIN)
        known = ~np.isnan(values)
        counts = known.sum(axis=2)
        sums = np.where(known, values, 0.0).sum(axis=2)
        means = np.full(sums.shape, np.nan)
        np.divide(sums, counts, out=means, where=counts > 0)
        self._middle.put(np.arange(first, stop), means)
        for place in range(stop - first):
            at = first + place - self._begins // BIN
            while at // self._bins >= LONG_POINTS:
                self._halve()
            self._whole[0, :, at // self._bins] += sums[:, place]
            self._whole[1, :, at // self._bins] += counts[:, place]

    def _halve(self) -> None:
        pairs = self._whole[:, :, 0::2] + self._whole[:, :, 1::2]
        self._whole[:] = 0.0
        self._whole[:, :, : LONG_POINTS // 2] = pairs
        self._bins *= 2


class _Ring:
    """The newest points by their number; end: the number after the newest."""

    def __init__(self, metrics: int, points: int) -> None:
        self._values = np.full((metrics, points), np.nan)
        self.end = 0

    def put(self, numbers: Integers, values: Floats) -> None:
        points = self._values.shape[1]
        moved = int(numbers[-1]) + 1 - self.end
        if moved < points:
            self._values[:, : points - moved] = self._values[:, moved:].copy()
            self._values[:, points - moved :] = np.nan
        else:
            self._values[:] = np.nan
        self.end += moved
        places = numbers - (self.end - points)
        kept = places >= 0
        self._values[:, places[kept]] = values[:, kept]

    def at(self, numbers: Integers) -> Floats:
        """The points of these numbers, NaN where they are gone or not there."""
        places = numbers - (self.end - self._values.shape[1])
        kept = (places >= 0) & (places < self._values.shape[1])
        found = np.full((len(self._values), len(numbers)), np.nan)
        found[:, kept] = self._values[:, places[kept]]
        return found

    def view(self, first: int) -> Floats:
        """A copy of the points from number `first` on."""
        return self._values[:, first - self.end + self._values.shape[1] :].copy()
