"""Where the middle of a sample lies, with an interval that assumes no shape of its noise.

The estimate of Hodges and Lehmann is the median of all means of two values (each with itself
included); the interval that belongs to it consists of those centres that Wilcoxon's signed-rank
test does not reject. Both bear a few wild values, and for a symmetrical distribution, such as that
of a pair's log ratio when chance decided who started first, the level is exact at any size.

Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3rd ed. 2014, sections 3.1 to 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Interval:
    """An estimate of the centre and the bounds around it, in the units of the sample.

    low and high are infinite where the sample is too small for the confidence asked for.
    """

    estimate: float
    low: float
    high: float


def signed_rank_interval(
    values: Sequence[float] | NDArray[np.float64], confidence: float
) -> Interval:
    """The Hodges-Lehmann estimate of a sample's centre and its interval, two-sided.

    values: n finite numbers, n >= 1; n² / 2 numbers are held at once. confidence: between 0 and 1;
    the true level is the least one above it that the ranks allow.
    Raises ValueError for an empty sample, values that are not finite, or another confidence.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not sample.size or not np.isfinite(sample).all():
        raise ValueError("a sample is one or more finite numbers in one dimension")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, {confidence} does not")
    first, second = np.triu_indices(sample.size)
    means = np.sort((sample[first] + sample[second]) / 2)
    estimate = float(np.median(means))
    below = outermost(sample.size, (1 - confidence) / 2)
    if not below:
        return Interval(estimate, -math.inf, math.inf)
    return Interval(estimate, float(means[below - 1]), float(means[-below]))


@lru_cache(maxsize=64)
def outermost(size: int, tail: float) -> int:
    """Which mean of two, counted from either end, bounds the interval; 0 where none does.

    It is the largest k with P(W < k) <= tail, W being the signed-rank statistic of a sample
    without a shift: the sum of those ranks 1 to `size` that a fair coin picks for each.
    """
    # the distribution of W by adding one rank at a time: half of all sets hold it, half do not
    chances = np.zeros(size * (size + 1) // 2 + 1)
    chances[0] = 1.0
    for rank in range(1, size + 1):
        shifted = np.zeros_like(chances)
        shifted[rank:] = chances[:-rank]
        chances = (chances + shifted) / 2
    # a hair more than the tail, so that rounding does not take a rank away
    return int(np.searchsorted(np.cumsum(chances), tail * (1 + 1e-12), side="right"))
