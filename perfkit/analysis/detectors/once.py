"""An event is told once: a score counts only where it beats those of the rows just before."""

from __future__ import annotations

import numpy as np

from perfkit.analysis.detectors.protocol import Detector, Scores, Values

_ROWS = 128
"""A power of two; about two minutes of periods of a second."""


class Once:
    """The scores of a detector, 0 where one of the 128 rows before scored as much."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._before = np.zeros(_ROWS)

    def score(self, values: Values) -> Scores:
        """As `protocol.Detector`."""
        scores = self._detector.score(values)
        together = np.concatenate((self._before, scores))
        self._before = together[len(scores) :].copy()
        largest, reach = together[:-1], 1
        while reach < _ROWS:
            largest = np.maximum(largest[reach:], largest[:-reach])
            reach *= 2
        return np.where(scores > largest, scores, 0.0)
