"""New extremes: how far a value lies beyond everything that the stream has shown before.

Source: the theory of records, Chandler (1952), "The distribution and frequency of record values";
a stream without change sets its n-th value as a record with probability 1/n, so that records die
out by themselves while a change makes new ones.
"""

from __future__ import annotations

import numpy as np

from perfkit.analysis.detectors.protocol import Scores, Values

_QUIET_ROWS = 10
"""Rows before the first score: every early value is a record."""


class Extremes:
    """Distance beyond the past maximum or minimum, in widths of the past range."""

    def __init__(self) -> None:
        self._rows = 0
        self._low = np.inf
        self._high = -np.inf

    def score(self, values: Values) -> Scores:
        """As `protocol.Detector`; 0 for a value within the past range."""
        n = len(values)
        if not n:
            return np.zeros(0)
        highs = np.maximum.accumulate(np.concatenate(([self._high], values)))
        lows = np.minimum.accumulate(np.concatenate(([self._low], values)))
        self._high, self._low = float(highs[-1]), float(lows[-1])
        known = np.arange(self._rows, self._rows + n) >= _QUIET_ROWS
        self._rows += n
        scores = np.zeros(n)
        if known.any():
            first = int(np.argmax(known))
            high, low, value = highs[first:n], lows[first:n], values[first:]
            # halves: the range of the largest floats is no float
            beyond = np.maximum(value / 2 - high / 2, low / 2 - value / 2)
            width = high / 2 - low / 2
            least = np.maximum(np.maximum(np.abs(high), np.abs(low)) * 2.0**-20, 2.0**-1060)
            with np.errstate(over="ignore"):
                scores[first:] = np.minimum(
                    np.maximum(beyond, 0.0) / np.maximum(width, least), np.finfo(np.float64).max
                )
        return scores
