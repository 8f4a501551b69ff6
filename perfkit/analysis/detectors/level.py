"""A short mean against the mean of all that came before, in units of its large departures so far.

Source: the windowed mean of Gustafsson (2000), "Adaptive Filtering and Change Detection", section
3.4 (two filters of different memory), held against a quantile of its own past.
"""

from __future__ import annotations

import numpy as np

from perfkit.analysis.detectors.past import PastQuantile
from perfkit.analysis.detectors.protocol import Scores, Values
from perfkit.analysis.detectors.shrunk import Shrunk
from perfkit.analysis.detectors.sliding import SlidingMean

_ROWS = 64
_SHARE = 0.99


class Level:
    """How far the mean of the last 64 values is from the mean of the stream so far."""

    def __init__(self) -> None:
        self._shrunk = Shrunk()
        self._mean = SlidingMean(_ROWS)
        self._past = PastQuantile(_SHARE)
        self._rows = 0
        self._sum = 0.0

    def score(self, values: Values) -> Scores:
        """As `protocol.Detector`; 1 is the 99th percentile of past departures."""
        if not len(values):
            return np.zeros(0)
        shrunk = self._shrunk.of(values)
        sums = np.concatenate(([self._sum], shrunk)).cumsum()[1:]
        counts = np.arange(self._rows + 1, self._rows + 1 + len(values))
        self._sum, self._rows = float(sums[-1]), int(counts[-1])
        recent = self._mean.add(shrunk)
        return self._past.ratios(np.abs(recent - sums / counts))
