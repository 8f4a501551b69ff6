"""Means over the last 1, 2, 4, 8, … values of a stream.

A sum of 2m values is the sum of m plus the sum of the m before them, so each mean is one fixed
expression of the values under it: the same bits however the stream is cut, no drift however long it
is, and exact for equal values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class SlidingMeans:
    """Means over windows of a power of two up to `largest`; holds the last `largest` - 1 values.

    Before the stream's beginning its first value is taken to have been there for ever.
    """

    def __init__(self, largest: int) -> None:
        self._held = largest - 1
        self._before: npt.NDArray[np.float64] | None = None

    def add(self, values: npt.NDArray[np.float64]) -> dict[int, npt.NDArray[np.float64]]:
        """Window to its mean at each of the next values.

        values: shape (n,), n >= 1, below 2**1023. Each array of the result has shape (n,).
        """
        if self._before is None:
            self._before = np.full(self._held, values[0])
        together = np.concatenate((self._before, values))
        self._before = together[len(values) :].copy()
        mean = together
        means = {1: mean[self._held :]}
        window = 1
        while window <= self._held:
            mean = 0.5 * mean[window:] + 0.5 * mean[:-window]
            window *= 2
            means[window] = mean[len(mean) - len(values) :]
        return means
