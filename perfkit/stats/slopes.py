"""Robust straight lines through many short series at once.

The slope is the median of the slopes between all pairs of points (Theil 1950; Sen 1968, "Estimates
of the regression coefficient based on Kendall's tau"); its interval are the ranks around that median
which Kendall's test would not reject. Neighbouring values that resemble each other make a series
say less than its length: the variance of the test is raised by the first autocorrelation of what
the line leaves over (Yue and Wang 2004, "The Mann-Kendall test modified by effective sample size").
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_POINTS = 5
"""Below it no interval is bounded at the usual levels."""


@dataclass(frozen=True)
class Slopes:
    """One line a series: arrays of length m, per unit of x.

    middle: median of each series. low and high bound slope; at the given confidence they hold the
    true one, infinite where the series is too short for it.
    """

    middle: Floats
    slope: Floats
    low: Floats
    high: Floats


def slopes(x: Floats, values: Floats, confidence: float) -> Slopes:
    """Lines through m series of the same points.

    x: float64[n], strictly increasing. values: float64[m, n], finite, n >= 2. confidence: of each
    interval alone. Holds m · n² / 2 numbers at once.
    """
    count = len(x)
    first, second = np.triu_indices(count, 1)
    pairs = (values[:, second] - values[:, first]) / (x[second] - x[first])
    pairs.sort(axis=1)
    slope = _middle(pairs)
    left = values - slope[:, None] * x
    spread = NormalDist().inv_cdf(0.5 + confidence / 2) * np.sqrt(
        _kendall_variance(values) * _inflation(left)
    )
    total = pairs.shape[1]
    low_rank = np.floor((total - spread) / 2).astype(np.int64) - 1
    high_rank = np.ceil((total + spread) / 2).astype(np.int64)
    rows = np.arange(len(values))
    low = np.where(low_rank >= 0, pairs[rows, np.maximum(low_rank, 0)], -np.inf)
    high = np.where(high_rank < total, pairs[rows, np.minimum(high_rank, total - 1)], np.inf)
    return Slopes(_middle(np.sort(values, axis=1)), slope, low, high)


def _middle(ordered: Floats) -> Floats:
    """The medians of rows that are sorted."""
    count = ordered.shape[1]
    low, high = ordered[:, (count - 1) // 2], ordered[:, count // 2]
    middle: Floats = low + (high - low) / 2
    return middle


def _kendall_variance(values: Floats) -> Floats:
    """Variance of Kendall's S for each row, with equal values accounted for."""
    count = values.shape[1]
    variance = np.full(len(values), count * (count - 1) * (2.0 * count + 5))
    ordered = np.sort(values, axis=1)
    for row in np.flatnonzero((np.diff(ordered, axis=1) == 0).any(axis=1)).tolist():
        _, ties = np.unique(ordered[row], return_counts=True)
        ties = ties.astype(np.float64)
        variance[row] -= float(np.sum(ties * (ties - 1) * (2 * ties + 5)))
    return variance / 18


def _inflation(left: Floats) -> Floats:
    """How much resemblance of neighbours raises the variance, at least 1."""
    centred = left - left.mean(axis=1, keepdims=True)
    power = np.sum(centred * centred, axis=1)
    product = np.sum(centred[:, 1:] * centred[:, :-1], axis=1)
    resemblance = np.zeros(len(left))
    np.divide(product, power, out=resemblance, where=power > 0)
    bounded = np.clip(resemblance, 0.0, 0.95)
    inflation: Floats = (1 + bounded) / (1 - bounded)
    return inflation
