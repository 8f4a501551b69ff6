"""Numbers that several patterns need: arrays in, numbers out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def filled(values: Floats) -> Floats:
    """The values with unknown ones (NaN) put on the line between their neighbours."""
    known = np.flatnonzero(~np.isnan(values))
    if len(known) == len(values):
        return values
    if not len(known):
        return np.zeros(len(values))
    return np.interp(np.arange(len(values)), known, values[known])


def spread(values: Floats) -> float:
    """Standard deviation as the median absolute deviation tells it of a normal distribution."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) if len(values) else 0.0


def runs(where: Bools) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Starts and stops (exclusive) of the stretches that hold."""
    edges = np.flatnonzero(np.diff(where, prepend=False, append=False))
    return edges[0::2], edges[1::2]


def dense(values: Floats, least: int, share: float = 0.5) -> tuple[Floats, int] | None:
    """(values from the first to the last known one, gaps filled; place of the first), None if fewer
    than `least` are known, or a smaller share of those in between."""
    known = np.flatnonzero(~np.isnan(values))
    if len(known) < least:
        return None
    part = values[known[0] : known[-1] + 1]
    if len(known) < share * len(part):
        return None
    return filled(part), int(known[0])
