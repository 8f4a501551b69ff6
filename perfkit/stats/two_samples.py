"""How far one sample lies from another, with bounds that assume no shape of their noise.

The estimate of Hodges and Lehmann for two samples is the median of all differences of a value of
one and a value of the other; its bounds consist of the shifts that the rank-sum test of Mann,
Whitney and Wilcoxon does not reject. Within each sample the values must be independent.

Source: Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3rd ed. 2014, sections 4.1
to 4.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from perfkit.stats.intervals import Interval

Array = NDArray[np.float64]

_MOST_VALUES = 1000
_MOST_EXACT = 60


def shift_interval(
    first: Sequence[float] | Array, second: Sequence[float] | Array, below: float, above: float
) -> Interval:
    """The shift from first to second, with one-sided bounds.

    first, second: finite, in order of time. Of more than 1000 values every k-th is taken.
    below: chance that the shift lies under low; above: chance that it lies over high. Bounds are
    infinite where the samples are too small for these.
    Raises ValueError for an empty sample, values that are not finite, other chances.
    """
    one, other = (_thinned(sample) for sample in (first, second))
    for chance in (below, above):
        if not 0 < chance < 1:
            raise ValueError(f"a chance lies between 0 and 1, {chance} does not")
    differences = np.sort((other[np.newaxis, :] - one[:, np.newaxis]).ravel())
    under = outermost_difference(one.size, other.size, below)
    over = outermost_difference(one.size, other.size, above)
    return Interval(
        float(np.median(differences)),
        float(differences[under - 1]) if under else -math.inf,
        float(differences[-over]) if over else math.inf,
    )


@lru_cache(maxsize=64)
def outermost_difference(first: int, second: int, tail: float) -> int:
    """Which difference, counted from either end, bounds the shift; 0 where none does.

    It is the largest k with P(U < k) <= tail, U being the count of pairs in which the second
    sample's value is the smaller; exact up to 60 values a sample, normal beyond.
    """
    if max(first, second) > _MOST_EXACT:
        middle = first * second / 2
        spread = math.sqrt(first * second * (first + second + 1) / 12)
        return max(0, math.floor(middle - NormalDist().inv_cdf(1 - tail) * spread))
    chances = _rank_sum_chances(first, second)
    # a hair more than the tail, so that rounding does not take a rank away
    return int(np.searchsorted(np.cumsum(chances), tail * (1 + 1e-12), side="right"))


def _rank_sum_chances(first: int, second: int) -> Array:
    """P(U = k), k from 0 to first * second, each order of the values being equally likely."""
    # ways[i] by U: orders of i values of the first and j of the second. The largest of all is
    # either of the second sample (U unchanged) or of the first (above all j of the second)
    size = first * second + 1
    ways = np.zeros((first + 1, size))
    ways[:, 0] = 1.0
    for have in range(1, second + 1):
        for count in range(1, first + 1):
            shifted = np.zeros(size)
            shifted[have:] = ways[count - 1, : size - have]
            # chances instead of counts, so that no number grows too large
            share = count / (count + have)
            ways[count] = share * shifted + (1 - share) * ways[count]
    chances: Array = ways[first]
    return chances


def _thinned(values: Sequence[float] | Array) -> Array:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not sample.size or not np.isfinite(sample).all():
        raise ValueError("a sample is one or more finite numbers in one dimension")
    return sample[:: math.ceil(sample.size / _MOST_VALUES)]
