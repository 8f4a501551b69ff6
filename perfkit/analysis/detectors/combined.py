"""The default: three views of a stream, added up.

A new extreme, a short mean off its history and a residual of a slow mean are each unusual in their
own way; the logarithm keeps one of them from drowning the others, and a sum has no upper end.

Source: the sum of logarithms of evidence from several detectors is Fisher's method (1925,
Statistical Methods for Research Workers, section 21.1) with ratios in place of p-values; parts as
in `extremes`, `level` and `ewma`.
"""

from __future__ import annotations

import numpy as np

from perfkit.analysis.detectors.ewma import Ewma
from perfkit.analysis.detectors.extremes import Extremes
from perfkit.analysis.detectors.level import Level
from perfkit.analysis.detectors.protocol import Scores, Values

_EXTREME = 10.0
"""A tenth of the past range beyond it counts as much as the 99th percentile of the others."""


class Combined:
    """The sum of log(1 + score) of extremes, level and residual."""

    def __init__(self) -> None:
        self._extremes = Extremes()
        self._level = Level()
        self._ewma = Ewma()

    def score(self, values: Values) -> Scores:
        """As `protocol.Detector`."""
        if not len(values):
            return np.zeros(0)
        most = np.finfo(np.float64).max / _EXTREME
        beyond = np.log1p(_EXTREME * np.minimum(self._extremes.score(values), most))
        level = np.log1p(self._level.score(values))
        residual = np.log1p(self._ewma.score(values))
        return beyond + level + residual
