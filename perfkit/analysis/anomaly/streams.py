"""What is looked at of each side of a metric: its value, a few lasting figures of it, its score.

A side is a metric in one direction, signed so that upwards is worse. All of it is arithmetic on one
value and those before it in a fixed order, so that it does not depend on how the stream was cut.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

VALUE, LASTING, SHORT, LONG, SCORE = range(5)
"""The streams of a side: the value; the least of the last few values (what lasted); the means of
the last SHORT_ROWS and LONG_ROWS; the larger of this score and the last one, as 1 + its logarithm."""

STREAMS = 5
SHORT_ROWS = 4
LONG_ROWS = 16
_CARRY = LONG_ROWS - 1


class Streams:
    """The streams of s sides; carries the last values of each."""

    def __init__(self, lasting: Sequence[int]) -> None:
        """lasting: of each side, how many values in a row have to be high, at most LONG_ROWS."""
        self._lasting = tuple(lasting)
        self.restart()

    def restart(self) -> None:
        """Forget the last values: what comes next does not follow on them."""
        self._values = [np.zeros(0) for _ in self._lasting]
        self._scores = np.zeros(len(self._lasting))

    def add(self, values: Array, scores: Array) -> Array:
        """Shape (STREAMS, s, n), NaN where there is no value or not enough before it.

        values, scores: shape (s, n), NaN where there is none; scores at least 0.
        """
        rows = np.full((STREAMS, *values.shape), np.nan)
        here = ~np.isnan(values)
        for side in np.flatnonzero(here.any(axis=1)).tolist():
            if here[side].all():
                self._add_side(side, values[side], scores[side], rows[:, side])
            else:
                kept = here[side]
                some = np.full((STREAMS, int(kept.sum())), np.nan)
                self._add_side(side, values[side, kept], scores[side, kept], some)
                rows[:, side, kept] = some
        return rows

    def _add_side(self, side: int, new: Array, scores: Array, rows: Array) -> None:
        """Fill rows, shape (STREAMS, n), from the next n values of a side."""
        n = len(new)
        values = np.concatenate((self._values[side], new))
        self._values[side] = values[-_CARRY:]
        rows[VALUE] = new
        # sums of 2, 4, 8 and 16: each one fixed expression of the values under it
        sums, width = values, 1
        while width < LONG_ROWS and len(sums) > width:
            sums = sums[width:] + sums[:-width]
            width *= 2
            if width == SHORT_ROWS:
                _at_the_end(rows[SHORT], sums / SHORT_ROWS)
        if width == LONG_ROWS:
            _at_the_end(rows[LONG], sums / LONG_ROWS)
        least = values
        for ago in range(1, self._lasting[side]):
            least = np.minimum(least[1:], values[:-ago])
        _at_the_end(rows[LASTING], least)
        before = np.concatenate((self._scores[side : side + 1], scores[:-1]))
        rows[SCORE] = np.log1p(np.maximum(scores, before))
        self._scores[side] = scores[n - 1]


def _at_the_end(row: Array, figures: Array) -> None:
    """Put figures at the end of the row; there may be more or fewer of them."""
    count = min(len(row), len(figures))
    if count:
        row[-count:] = figures[-count:]
