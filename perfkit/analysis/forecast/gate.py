"""The leak gate: whether growth is one that lasts; and how long it has lasted.

Three things have to hold: least values rise (Mann, *Econometrica* 13, 1945), what comes late rises
too and at a good part of the whole slope, and growth has not been slowing. Many windows at once, elementwise.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

TREND_Z = 1.645
_GROUPS = 12
_LATE_SHARE = 0.4
_STILL_SHARE = 0.5
_BEGUN_SHARE = 0.1


def lasts(lows: Floats, seen: Ints) -> Bools:
    """bool[n]. lows: float64[steps, n], a column a window, its first `seen` rows valid."""
    step = np.arange(len(lows))[:, None]
    minima = np.empty((_GROUPS, lows.shape[1]))
    for group in range(_GROUPS):
        first = seen * group // _GROUPS
        end = np.maximum(seen * (group + 1) // _GROUPS, first + 1)
        minima[group] = np.where((step >= first) & (step < end), lows, np.inf).min(axis=0)
    thirds = [-(-seen * part // 3) for part in range(4)]
    whole, middle, late = (
        _slope(lows, first, end)
        for first, end in ((thirds[0], seen), (thirds[1], thirds[2]), (thirds[2], thirds[3]))
    )
    rising: Bools = _trend(minima) > TREND_Z
    found: Bools = (
        rising
        & (whole > 0)
        & (late > 0)
        & (late >= _LATE_SHARE * whole)
        & (late >= _STILL_SHARE * middle)
    )
    return found


def growing_for(highs: Floats, seen: Ints) -> Ints:
    """int64[n]: rows since the last one that was as low as a tenth of the way from the window's
    least to where it is now: how long the present growth has been going on. highs: as `lows`."""
    step = np.arange(len(highs))[:, None]
    valid = step < seen
    last = np.maximum(seen - 1, 0)
    now = highs[last, np.arange(highs.shape[1])]
    least = np.where(valid, highs, np.inf).min(axis=0)
    below = valid & (highs <= least + _BEGUN_SHARE * (now - least))
    age: Ints = np.maximum(last - np.where(below, step, -1).max(axis=0), 0)
    return age


def _trend(values: Floats) -> Floats:
    """The Mann-Kendall score of each column; ties make it cautious."""
    count = len(values)
    rises = np.zeros(values.shape[1])
    for later in range(1, count):
        for earlier in range(later):
            rises += np.sign(values[later] - values[earlier])
    score: Floats = (rises - np.sign(rises)) / np.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return score


def _slope(values: Floats, first: Ints, end: Ints) -> Floats:
    """Least squares over the rows from first on and before end; 0 of fewer than two."""
    count = np.maximum(end - first, 1)
    middle = (first + end - 1) / 2.0
    spread, rise = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for step, row in enumerate(values):
        away = np.where((step >= first) & (step < end), step - middle, 0.0)
        spread += away * away
        rise += away * row
    return np.where(count > 1, rise / np.maximum(spread, 1e-12), 0.0)
