"""Figures of many windows over one sequence at once: exact, whatever the windows share.

A window is a half-open range of positions. Each window's figure is a function of its own values in
their order alone: the same to the last bit whatever else lies before and behind them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]


class WindowQuantiles:
    """Percentiles of windows over n values: n log n to build, log n a window to ask.

    A wavelet matrix over the values' ranks: Claude and Navarro (2012), "The wavelet matrix",
    section 3, asked for all windows at once.
    """

    def __init__(self, values: Floats) -> None:
        """values: float64[n], finite."""
        order = np.argsort(values, kind="stable")
        self._sorted = values[order]
        ranks = np.empty(len(values), np.int32)
        ranks[order] = np.arange(len(values), dtype=np.int32)
        self._zeros: list[npt.NDArray[np.int32]] = []  # at each level, zeros before each position
        for bit in reversed(range(max(len(values) - 1, 0).bit_length())):
            is_zero = (ranks >> bit) & 1 == 0
            before = np.zeros(len(values) + 1, np.int32)
            np.cumsum(is_zero, out=before[1:])
            self._zeros.append(before)
            ranks = np.concatenate((ranks[is_zero], ranks[~is_zero]))

    def at(self, begins: Positions, ends: Positions, percent: int) -> Floats:
        """float64[q]: of each window, none empty, the value at the nearest rank, 1 to 100.

        That is the least value such that at least this percentage of all is not above it.
        """
        sought = ((ends - begins) * percent + 99) // 100 - 1
        found = np.zeros(len(begins), np.int64)
        for before in self._zeros:
            first, last = before[begins].astype(np.int64), before[ends].astype(np.int64)
            among_ones = sought >= last - first
            found = 2 * found + among_ones
            sought = np.where(among_ones, sought - (last - first), sought)
            zeros = int(before[-1])
            begins = np.where(among_ones, zeros + begins - first, first)
            ends = np.where(among_ones, zeros + ends - last, last)
        return self._sorted[found]


def window_sums(values: Floats, starts: Positions, begins: Positions, ends: Positions) -> Floats:
    """float64[q]: the sum of each window; infinite or NaN where that is beyond a double.

    starts: the positions at which groups of values begin, the first one 0; windows consist of
    whole groups, each of which is added up once.
    """
    if not len(values):
        return np.zeros(len(begins))
    with np.errstate(over="ignore", invalid="ignore"):
        # A group more, of nothing: a window may end behind the last one.
        groups = np.append(np.add.reduceat(values, starts), 0.0)
        first, last = np.searchsorted(starts, begins), np.searchsorted(starts, ends)
        between = np.stack((first, last), axis=1).ravel()
        sums: Floats = np.add.reduceat(groups, between)[::2]
    return np.where(first < last, sums, 0.0)
