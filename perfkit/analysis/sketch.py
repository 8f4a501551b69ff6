"""Quantiles of a stream in bounded memory, the same however the stream is cut.

Values are counted by the upper bits of their binary form: sign, exponent and 12 bits of mantissa.
That is a histogram whose bins are 0.02 % wide wherever a value lies, exact for whole numbers below
8192, built by integer operations alone, and mergeable. The idea of relative-error bins is that of
Masson, Rim and Lee (2019), "DDSketch", with the logarithm replaced by the exponent itself.
"""

from __future__ import annotations

import bisect
import math

import numpy as np
import numpy.typing as npt

_DROPPED_BITS = 52 - 12
_WAITING_LIMIT = 200_000


class Quantiles:
    """Counts float64 values; memory grows with how many magnitudes occur, not with how many values.

    A quantile is the value at the nearest rank, known to 0.02 % from below and never outside the
    least and largest value seen.
    """

    def __init__(self) -> None:
        self.count = 0
        self._bins = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)
        self._waiting: list[npt.NDArray[np.int64]] = []
        self._waiting_count = 0
        self._low = math.inf
        self._high = -math.inf

    def add(self, values: npt.NDArray[np.float64]) -> None:
        """Count values; finite or infinite, not NaN."""
        if not len(values):
            return
        self.count += len(values)
        self._low = min(self._low, float(values.min()))
        self._high = max(self._high, float(values.max()))
        # Adding zero turns a negative zero into zero, whose bits sort with the positive numbers.
        self._waiting.append((values + 0.0).view(np.int64) >> _DROPPED_BITS)
        self._waiting_count += len(values)
        if self._waiting_count > _WAITING_LIMIT:
            self._count_waiting()

    def at(self, share: float) -> float | None:
        """The least value such that at least this share (0..1) of all is not above it."""
        if not self.count:
            return None
        self._count_waiting()
        bits = self._bins << _DROPPED_BITS
        values = bits.view(np.float64)
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(self._counts[order])
        rank = max(1, math.ceil(share * self.count))
        value = float(values[order][np.searchsorted(reached, rank)])
        return min(max(value, self._low), self._high)

    def _count_waiting(self) -> None:
        if not self._waiting:
            return
        bins, counts = np.unique(np.concatenate(self._waiting), return_counts=True)
        merged, places = np.unique(np.concatenate((self._bins, bins)), return_inverse=True)
        totals = np.zeros(len(merged), np.int64)
        np.add.at(totals, places, np.concatenate((self._counts, counts)))
        self._bins, self._counts = merged, totals
        self._waiting, self._waiting_count = [], 0


class RunningMedian:
    """The median of all values so far, after each of them, counted as in Quantiles."""

    def __init__(self) -> None:
        self._values: list[int] = []  # in order, each once
        self._counts: dict[int, int] = {}
        self._count = 0
        self._place = 0  # of the median in _values
        self._below = 0  # how many values lie below it

    def add(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """float64[n]: the lower median up to each value; values: finite, not negative."""
        bits = [
            self._median_with(bin)
            for bin in ((values + 0.0).view(np.int64) >> _DROPPED_BITS).tolist()
        ]
        return (np.array(bits, np.int64) << _DROPPED_BITS).view(np.float64)

    def _median_with(self, value: int) -> int:
        at = bisect.bisect_left(self._values, value)
        if value not in self._counts:
            self._values.insert(at, value)
            self._counts[value] = 0
            self._place += self._count > 0 and at <= self._place
        self._counts[value] += 1
        self._count += 1
        self._below += at < self._place
        rank = (self._count - 1) // 2
        while self._below > rank:
            self._place -= 1
            self._below -= self._counts[self._values[self._place]]
        while self._below + self._counts[self._values[self._place]] <= rank:
            self._below += self._counts[self._values[self._place]]
            self._place += 1
        return self._values[self._place]
