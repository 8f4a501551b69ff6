"""The mean over the last values of a stream, as many as a power of two.

A sum of 2m values is the sum of m plus the sum of the m before them, so each mean is one fixed
expression of the values under it: the same bits however the stream is cut, no drift however long it
is, and exact for equal values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class SlidingMean:
    """The mean over a window; holds the last `window` - 1 values.

    Before the stream's beginning its first value is taken to have been there for ever.
    """

    def __init__(self, window: int) -> None:
        """window: a power of two."""
        self._held = window - 1
        self._before: npt.NDArray[np.float64] | None = None

    def add(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The mean at each of the next values; shape (n,), n >= 1, both; below 2**1023."""
        if self._before is None:
            self._before = np.full(self._held, values[0])
        mean = np.concatenate((self._before, values))
        self._before = mean[len(values) :].copy()
        reach = 1
        while reach <= self._held:
            mean = 0.5 * mean[reach:] + 0.5 * mean[:-reach]
            reach *= 2
        return mean
