"""How far a row lies from what was learned, given how the metrics go together.

The squared distance is Mahalanobis' (1936, "On the generalised distance in statistics"), of the
metrics that have a value: a multivariate normal's marginal covariance is that of those alone. It
is split among the metrics as Garthwaite and Koch (2016, "Evaluating the contributions of individual
variables to a quadratic form", Aust. N. Z. J. Stat. 58, 99): shares are never negative, and add up.
Whatever the number k of metrics, distances compare after Fisher (1925, "Statistical Methods for
Research Workers"): sqrt(2 d^2) - sqrt(2 k - 1) is near a standard normal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perfkit.model.joint import DistanceTail, JointModel
from perfkit.stats.extreme_values import Tails

Array = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

_FARTHEST = 1e9
"""Scales from the middle; what lies farther out is no farther."""

SOFT = 8.0

_PATTERNS = 64
"""Of so many sets of metrics that have a value the matrix is kept."""


@dataclass(frozen=True)
class _Marginal:
    """Of k metrics. columns: which. spread: their standard deviations. root: the inverse of the
    symmetric square root of their correlations, k x k."""

    columns: npt.NDArray[np.int64]
    spread: Array
    root: Array


def softened(values: Array, middle: Array, scale: Array) -> Array:
    """How many scales from the middle, shape as of values; beyond SOFT of them as the square root
    grows, so that what comes in spikes of all sizes does not hide the rest (Huber 1981)."""
    with np.errstate(over="ignore"):
        scaled = np.clip((values - middle) / scale, -_FARTHEST, _FARTHEST)
    far = np.abs(scaled)
    soft: Array = np.where(far <= SOFT, scaled, np.copysign(2 * np.sqrt(SOFT * far) - SOFT, scaled))
    return soft


class Distances:
    """Distances of rows of the model's p metrics."""

    def __init__(self, model: JointModel) -> None:
        self.model = model
        self._middle = np.array(model.middle)
        self._scale = np.array(model.scale)
        self._mean = np.array(model.mean)
        self._covariance = np.array(model.covariance)
        self._least = max(2, (len(model.metrics) + 1) // 2)
        self._marginals: dict[bytes, _Marginal] = {}

    def of(self, rows: Array) -> Array:
        """Shape (n,), NaN where fewer than half of the metrics have a value. rows: shape (n, p)."""
        found = np.full(len(rows), np.nan)
        if not len(rows):
            return found
        there = np.isfinite(rows)
        patterns, of = np.unique(there, axis=0, return_inverse=True)
        of = of.reshape(-1)
        for number, pattern in enumerate(patterns):
            if pattern.sum() >= self._least:
                those = of == number
                squares = self._squares(rows[those], pattern)
                total = squares[:, 0].copy()
                for at in range(1, squares.shape[1]):  # in one order, whatever the rows
                    total += squares[:, at]
                found[those] = np.sqrt(2 * total) - np.sqrt(2 * squares.shape[1] - 1)
        return found

    def shares(self, row: Array) -> Array:
        """What each metric contributes to the squared distance of a row, shape (p,), sum 1."""
        pattern = np.isfinite(row)
        shares = np.zeros(len(row))
        squares = self._squares(row[np.newaxis], pattern)[0]
        shares[pattern] = squares
        whole = float(shares.sum())
        return shares / whole if whole > 0 else shares

    def usual(self) -> Array:
        """The mean of every metric, in its unit, shape (p,)."""
        usual: Array = self._middle + self._scale * self._mean
        return usual

    def _squares(self, rows: Array, pattern: Booleans) -> Array:
        """The parts of the squared distance, shape (n, k)."""
        marginal = self._marginal(pattern)
        columns = marginal.columns
        scaled = softened(rows[:, columns], self._middle[columns], self._scale[columns])
        scaled = (scaled - self._mean[columns]) / marginal.spread
        # not a matrix product: its sums come in another order for another number of rows
        turned = scaled[:, :1] * marginal.root[0]
        for at in range(1, len(columns)):
            turned += scaled[:, at : at + 1] * marginal.root[at]
        squares: Array = turned * turned
        return squares

    def _marginal(self, pattern: Booleans) -> _Marginal:
        key = pattern.tobytes()
        known = self._marginals.get(key)
        if known is None:
            if len(self._marginals) >= _PATTERNS:
                self._marginals.clear()
            known = self._marginals[key] = self._made(np.flatnonzero(pattern))
        return known

    def _made(self, columns: npt.NDArray[np.int64]) -> _Marginal:
        covariance = self._covariance[np.ix_(columns, columns)]
        spread = np.sqrt(np.diag(covariance))
        values, vectors = np.linalg.eigh(covariance / np.outer(spread, spread))
        values = np.maximum(values, 1e-12)
        return _Marginal(columns, spread, (vectors / np.sqrt(values)) @ vectors.T)


def tail_of(tail: DistanceTail) -> Tails:
    """The tail as arithmetic has it, of one stream."""
    return Tails(
        *(
            np.array([figure])
            for figure in (tail.base, tail.scale, tail.shape, tail.weight, tail.log_rate)
        )
    )
