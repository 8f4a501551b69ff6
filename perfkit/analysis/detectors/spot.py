"""How seldom so large a departure comes, by extreme value theory, with drift: DSPOT.

Departures from the mean of the last values that exceed a high quantile follow a generalised Pareto
distribution, whose parameters come from probability-weighted moments (Hosking and Wallis 1987,
Technometrics 29, 339) of the newest excesses.

Source: Siffer, Fouque, Termier and Largouet (2017), "Anomaly Detection in Streams with Extreme
Value Theory", KDD, section 4.3. Unlike there, the threshold follows the stream, and the fit is
made at fixed rows, so that it does not depend on how the stream is cut.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perfkit.analysis.detectors.past import PastQuantile
from perfkit.analysis.detectors.protocol import Scores, Values
from perfkit.analysis.detectors.shrunk import Shrunk
from perfkit.analysis.detectors.sliding import SlidingMean
from perfkit.stats.extreme_values import LEAST_SHAPE, MOST_SHAPE, pareto_shape

_ROWS = 16
_SHARE = 0.98
_MOST_EXCESSES = 256
_LEAST_EXCESSES = 8


class Spot:
    """Decades of rarity: 3 is a departure that one row in a thousand exceeds."""

    def __init__(self) -> None:
        self._shrunk = Shrunk()
        self._mean = SlidingMean(_ROWS)
        self._before = 0.0
        self._past = PastQuantile(_SHARE)
        self._largest = np.zeros(0)
        self._scale = 0.0
        self._shape = 0.0

    def score(self, values: Values) -> Scores:
        """As `protocol.Detector`; 0 for what lies below the 98th percentile of the past."""
        if not len(values):
            return np.zeros(0)
        shrunk = self._shrunk.of(values)
        means = self._mean.add(shrunk)
        expected = np.concatenate(([self._before], means[:-1]))
        self._before = float(means[-1])
        amounts = np.abs(shrunk - expected)
        scores = np.zeros(len(values))
        begin = 0
        while begin < len(amounts):
            part = amounts[begin : begin + self._past.rows_until_count]
            level = self._past.level
            if level is not None:
                beyond = part > level
                scores[begin : begin + len(part)][beyond] = self._decades(part[beyond] - level)
                kept = np.concatenate((self._largest, part[beyond]))
                self._largest = kept[-_MOST_EXCESSES:]
            self._past.add(part)
            if self._past.level != level:
                self._fit()
            begin += len(part)
        return scores

    def _decades(self, over: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Minus the decimal logarithm of the chance of an excess so large."""
        if not self._scale:
            return np.full(len(over), -np.log10(1 - _SHARE))
        with np.errstate(over="ignore"):
            scaled = np.minimum(over / self._scale, 2.0**1000)
        bent = self._shape
        nats = np.log1p(bent * scaled) / bent if bent > 1e-6 else scaled
        decades: npt.NDArray[np.float64] = nats / np.log(10) - np.log10(1 - _SHARE)
        return decades

    def _fit(self) -> None:
        level = self._past.level or 0.0
        over = np.sort(self._largest[self._largest > level] - level)
        if len(over) < _LEAST_EXCESSES:
            return
        mean = over.mean()
        larger = np.arange(len(over) - 1, -1, -1) / (len(over) - 1)
        shape = pareto_shape(mean, (over * larger).mean())
        self._shape = float(np.clip(shape, LEAST_SHAPE, MOST_SHAPE))
        self._scale = float(mean) * (1.0 - self._shape)
