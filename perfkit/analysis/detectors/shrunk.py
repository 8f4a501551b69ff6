"""Values as differences from a stream's first one, small enough that no sum of them overflows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_SCALE = 2.0**-61
"""A power of two: nothing is rounded, and 2**60 of the largest floats have a finite sum."""


class Shrunk:
    """Takes a stream's first value off, so that one that never changes is exactly zero."""

    def __init__(self) -> None:
        self._first: float | None = None

    def of(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The next values less the first of all, times 2**-61. values: shape (n,), finite."""
        shrunk = values * _SCALE
        if self._first is None and len(values):
            self._first = float(shrunk[0])
        return shrunk - (self._first or 0.0)
