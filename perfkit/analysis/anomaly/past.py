"""What is usual of late: middle and spread of every stream, from the last rows that were ordinary."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perfkit.analysis.anomaly.streams import LASTING, LONG, SCORE, SHORT, STREAMS, VALUE

Array = npt.NDArray[np.float64]

ROWS = 600
"""Rows of memory."""

LEAST_VALUES = 40
"""Ordinary values that a judgement needs; before that a metric is too young to judge."""

_LAG = 12
"""The last so many rows wait until they count, so that what begins slowly does not become usual."""

_NINETIETH = 1.2816
"""A normal distribution's 90th percentile, in standard deviations."""

_SHARES = {LASTING: 0.6, SHORT: 0.5, LONG: 0.25}
"""The least spread of a stream in spreads of the value: about that of means of independent values."""

_IN_FLOORS = 8.0
"""A change worth hearing of is at least so many spreads where a metric hardly ever moves."""

_LEAST_SCORE_SPREAD = 0.5


class Past:
    """The last rows of s sides; `refresh` reads middle and spread from those that count.

    middle, spread: shape (STREAMS, s). level, floor: shape (s,), the middle of the value, and the
    smallest change from it that is worth hearing of. known: bool (s,), whether that could be told.
    """

    def __init__(self, least: Array, least_share: Array) -> None:
        """least, least_share: shape (s,), as of `Watched`."""
        sides = len(least)
        self._least = least
        self._least_share = least_share
        self._rows = np.full((STREAMS, sides, ROWS), np.nan)
        self._counts = np.zeros((sides, ROWS), np.bool_)
        self._at = 0
        self.known = np.zeros(sides, np.bool_)
        self.floor = least.copy()
        self.middle = np.zeros((STREAMS, sides))
        self.spread = np.ones((STREAMS, sides))

    @property
    def level(self) -> Array:
        """Shape (s,)."""
        level: Array = self.middle[VALUE]
        return level

    def add(self, rows: Array, ordinary: npt.NDArray[np.bool_]) -> None:
        """The next rows, shape (STREAMS, s, n), n at most ROWS. ordinary: bool (s, n), which count."""
        n = rows.shape[2]
        places = (self._at + np.arange(n)) % ROWS
        self._rows[:, :, places] = rows
        self._counts[:, places] = ordinary
        self._at = (self._at + n) % ROWS

    def adopt(self, side: int, rows: int) -> None:
        """From now on the last so many rows of a side count, and none before them."""
        self._counts[side] = False
        self._counts[side, self._recent(rows)] = True

    def exclude(self, side: int, rows: int) -> None:
        """The last so many rows of a side were not ordinary after all."""
        self._counts[side, self._recent(rows)] = False

    def include(self, side: int, rows: int) -> None:
        """The last so many rows of a side were ordinary after all."""
        self._counts[side, self._recent(rows)] = True

    def last(self, side: int, rows: int) -> Array:
        """The values of a side's last rows, the latest first, NaN where there is none."""
        found: Array = self._rows[VALUE, side, self._recent(rows)]
        return found

    def counted(self) -> Array:
        """All rows in order of time, shape (STREAMS, s, ROWS), NaN where none is or none counts."""
        counts = self._counts.copy()
        counts[:, self._recent(_LAG)] = False
        rows = np.where(counts, self._rows, np.nan)
        return np.concatenate((rows[:, :, self._at :], rows[:, :, : self._at]), axis=2)

    def _recent(self, rows: int) -> npt.NDArray[np.int64]:
        recent: npt.NDArray[np.int64] = (self._at - 1 - np.arange(min(rows, ROWS))) % ROWS
        return recent

    def refresh(self) -> None:
        """Take middle and spread from the rows that count, where there are enough of them."""
        values = self.counted()
        counts = (~np.isnan(values)).sum(axis=2)
        enough = counts[VALUE] >= LEAST_VALUES
        if not enough.any():
            return
        ranked = np.sort(values, axis=2)  # what is none comes last
        middle = _quantile(ranked, counts, 0.5)
        spread = (_quantile(ranked, counts, 0.9) - middle) / _NINETIETH
        # a stream that is longer in coming than the value: as if it were like that
        young = counts < LEAST_VALUES // 2
        middle = np.where(young, middle[VALUE], middle)
        floor = np.maximum(self._least, self._least_share * np.abs(middle[VALUE]))
        spread[VALUE] = np.maximum(spread[VALUE], floor / _IN_FLOORS)
        for stream, share in _SHARES.items():
            least = np.where(young[stream], spread[VALUE], share * spread[VALUE])
            spread[stream] = np.fmax(spread[stream], least)
        spread[SCORE] = np.fmax(spread[SCORE], _LEAST_SCORE_SPREAD)
        self.middle = np.where(enough, middle, self.middle)
        self.spread = np.where(enough, spread, self.spread)
        self.floor = np.where(enough, floor, self.floor)
        self.known = self.known | enough


def _quantile(ranked: Array, counts: npt.NDArray[np.int64], share: float) -> Array:
    """Shape (STREAMS, s), NaN where there is nothing. ranked: sorted, NaN last."""
    place = (np.maximum(counts - 1, 0) * share).astype(np.int64)
    found: Array = np.take_along_axis(ranked, place[:, :, None], axis=2)[:, :, 0]
    return found
