"""What a detector remembers of a stream: a quantile of all that came before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_DROPPED_BITS = 52 - 5
_FIRST_ROWS = 32
"""Amounts before the first answer, and the least number between two counts."""

_SHARE = 16
"""Counted anew whenever a sixteenth has come on top, so that a share is never far out of date."""

_MOST_BINS = 64 * 32
"""Amounts down to 2**-64 of the largest are told apart."""

_MOST_ROWS = 4096
_REMEMBERED = 1 << 16

_LEAST = 2.0**-1000
"""Where all of the past was zero: whatever is more is very unusual, and still finite."""


class PastQuantile:
    """A quantile of all amounts before, in bins of 3 % (the upper bits of their binary form).

    Amounts are counted at rows fixed from the stream's beginning, whatever the cuts; counts are
    halved from time to time, so that an old past weighs less and memory is bounded. The binned
    form is that of a log-linear histogram (HdrHistogram; Masson et al. 2019, DDSketch).
    """

    def __init__(self, share: float) -> None:
        """share: of the past that lies at or below the quantile, 0 to 1."""
        self._share = share
        self._rows = 0
        self._next = _FIRST_ROWS
        self._waiting: list[npt.NDArray[np.int64]] = []
        self._base = 0
        self._counts = np.zeros(0, np.int64)
        self.level: float | None = None
        """The quantile as last counted, the upper edge of its bin; None before enough was seen."""

    @property
    def rows_until_count(self) -> int:
        """How many further amounts the level stands for."""
        return self._next - self._rows

    @property
    def rows(self) -> int:
        """Amounts seen."""
        return self._rows

    def add(self, amounts: Array) -> None:
        """Take in the next amounts: finite, at least 0, no more than `rows_until_count`."""
        # adding zero turns a negative zero into zero
        self._waiting.append((amounts + 0.0).view(np.int64) >> _DROPPED_BITS)
        self._rows += len(amounts)
        if self._rows == self._next:
            self._count()

    def ratios(self, amounts: Array) -> Array:
        """The next amounts in units of the quantile before them; 0 before enough was seen.

        amounts: shape (n,), finite, at least 0. Returns shape (n,), finite.
        """
        answers = np.zeros(len(amounts))
        begin = 0
        while begin < len(amounts):
            part = amounts[begin : begin + self.rows_until_count]
            if self.level is not None:
                with np.errstate(over="ignore"):
                    answers[begin : begin + len(part)] = part / self.level
            self.add(part)
            begin += len(part)
        return np.minimum(answers, np.finfo(np.float64).max)

    def _count(self) -> None:
        keys = np.concatenate(self._waiting)
        self._waiting = []
        high = max(int(keys.max()), self._base + len(self._counts) - 1)
        # what is far below the largest is counted with the smallest bin
        low = high - _MOST_BINS + 1
        counts = np.bincount(np.maximum(keys - low, 0), minlength=_MOST_BINS)
        places = np.arange(self._base, self._base + len(self._counts)) - low
        np.add.at(counts, np.maximum(places, 0), self._counts)
        if counts.sum() > _REMEMBERED:
            counts //= 2
        self._base, self._counts = low, counts
        below = counts.cumsum()
        key = low + int(np.searchsorted(below, self._share * below[-1]))
        edge = np.int64(key + 1 << _DROPPED_BITS).view(np.float64) if key >= 0 else 0.0
        self.level = max(float(edge), _LEAST)
        self._next = self._rows + min(max(_FIRST_ROWS, self._rows // _SHARE), _MOST_ROWS)
