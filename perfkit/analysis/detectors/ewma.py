"""Residuals of an exponentially weighted mean, in units of the large ones of the past.

Source: Roberts (1959), "Control Chart Tests Based on Geometric Moving Averages", Technometrics 1,
239; robust in that a residual is held against a quantile of past ones, not against their variance.
"""

from __future__ import annotations

import numpy as np

from perfkit.analysis.detectors.past import PastQuantile
from perfkit.analysis.detectors.protocol import Scores, Values
from perfkit.analysis.detectors.shrunk import Shrunk

_WEIGHT = 1 / 8
_SHARE = 0.99


class Ewma:
    """How far a value is from the mean of those before, the newest weighing most."""

    def __init__(self) -> None:
        self._shrunk = Shrunk()
        self._past = PastQuantile(_SHARE)
        self._mean = 0.0

    def score(self, values: Values) -> Scores:
        """As `protocol.Detector`; 1 is the 99th percentile of past residuals."""
        expected = np.empty(len(values))
        mean = self._mean
        shrunk = self._shrunk.of(values)
        # a filter carried from value to value: a vectorised one would differ by the cuts
        for place, value in enumerate(shrunk.tolist()):
            expected[place] = mean
            mean += _WEIGHT * (value - mean)
        self._mean = mean
        return self._past.ratios(np.abs(shrunk - expected))
