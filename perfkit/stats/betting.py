"""Where the centre of a growing sample lies, valid whenever one looks: by betting.

Values arrive one by one, each symmetrical about the centre we ask for. Against the hypothesis that
the centre is at or below m one bets on x - m being positive: wealth starts at 1 and is multiplied
by 1 + a tanh(c (x - m) / s), s being a scale known before x was seen and a < 1 the stake. The
hyperbolic tangent is odd and rises, so under the hypothesis no factor has a mean above 1, whatever
the spread, the tails or the changes of either from one value to the next; the wealth is a
supermartingale that starts at 1 and by Ville's inequality it ever reaches 1 / level with a
probability of at most `level`. One may therefore look after every value and stop when one likes.
The wealth falls as m rises, so the centres that are not rejected at any look are a half line, whose
end is found by bisection.

Under chance order of a pair's sides and no difference between them each sign is a fair coin given
all magnitudes: the level is exact and can be shown by flipping signs.

The bet 1 + tanh is that of the likelihood ratio of a normal distribution against its mirror image
(2 / (1 + exp(-2 δ x / σ²))): the odd part of the exponential, and so the best one for such a
sample. The wealth is a mixture over two stakes and strengths.

Beside group-sequential signed ranks with alpha spending (square root, looks after each of 30, levels
1 and 5 %, normal noise of 1.3 %) bets take 7.5 against 8.0 pairs to find 5 % and 5.4 against 6.1 to
pass; 3 % they find in 98 of 100 cases either way, in 10.0 against 9.5 pairs. And they need no plan
of how many looks there will be.

Sources: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B
86 (2024), sections 3 and 4; Ramdas, Ruf, Larsson and Koolen, Admissible anytime-valid sequential
inference must rely on nonnegative martingales (2020), section on symmetric distributions; de la
Peña, A general class of exponential inequalities for martingales and ratios, Annals of Probability
27 (1999), for sums of symmetrical variables; Howard, Ramdas, McAuliffe and Sekhon, Time-uniform,
nonparametric, nonasymptotic confidence sequences, Annals of Statistics 49 (2021).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PRIOR_SCALE = 0.013
"""Spread that is expected before any was seen, in log ratio: that of a pair in a duet."""

_PRIOR_WEIGHT = 8.0  # values that the expectation counts as much as
_LEAST_SCALE = 1e-4  # a hundredth of a percent: values without any spread still make bets finite

# share of the wealth, stake, strength. The first all but doubles on every win, as a verdict within
# seven pairs demands; the second keeps enough to recover from a pair that something else disturbed.
# Chosen by simulation: normal noise, heavy tails, one wild pair in twenty, two speeds
_BETS = ((0.7, 0.99, 1.0), (0.3, 0.85, 0.7))


def scales(values: Array) -> Array:
    """The scale of each value as known before it: robust, and blind to a shift of all values.

    values: shape (..., n) in order of arrival. Returns the same shape. A blend of PRIOR_SCALE and
    the median absolute deviation of the values before.
    """
    known = np.empty(values.shape)
    known[..., :2] = PRIOR_SCALE
    for count in range(2, values.shape[-1]):
        before = values[..., :count]
        deviations = np.abs(before - np.median(before, axis=-1, keepdims=True))
        # 1.4826 makes it the standard deviation of a normal sample; few values look too tight
        spread = 1.4826 * (1 + 0.8 / count) * np.median(deviations, axis=-1)
        weight = count - 1
        known[..., count] = (_PRIOR_WEIGHT * PRIOR_SCALE + weight * spread) / (
            _PRIOR_WEIGHT + weight
        )
    return np.maximum(known, _LEAST_SCALE)


def wealth(values: Array, centre: float | Array, known: Array) -> Array:
    """What the bets against "the centre is at or below `centre`" have grown to after each value.

    values, known: shape (..., n), known from `scales`. Returns the same shape.
    """
    distance = (values - centre) / known
    grown = np.zeros(distance.shape)
    for share, stake, strength in _BETS:
        grown += share * np.cumprod(1 + stake * np.tanh(strength * distance), axis=-1)
    return grown


def lower_bound(values: Sequence[float] | Array, level: float) -> float:
    """The lower end of the confidence sequence: the centre ever lies below with chance <= level.

    values: finite, in order of arrival; the bound never falls as values are added. Returns -inf
    where there are too few values to say anything (fewer than log2(1 / level)).
    Raises ValueError for values that are not finite and for a level outside 0 to 1.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not np.isfinite(sample).all():
        raise ValueError("a sample is finite numbers in one dimension")
    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, {level} does not")
    if sample.size < math.log2(1 / level):
        return -math.inf
    known = scales(sample)
    # the largest scale times 40 from all values: every bet is won in full (or lost) there
    reach = 40 * float(known.max())
    low, high = float(sample.min()) - reach, float(sample.max()) + reach
    if wealth(sample, low, known).max() < 1 / level:
        return -math.inf
    # sixteen centres at a time: sixteen rounds leave 2^-64 of the range
    for _ in range(16):
        centres = np.linspace(low, high, 17)
        # a column of centres against a row of values
        reached = wealth(sample, centres[:, np.newaxis], known).max(axis=-1) >= 1 / level
        last = int(np.flatnonzero(reached)[-1])
        low, high = float(centres[last]), float(centres[min(last + 1, 16)])
    return low


def upper_bound(values: Sequence[float] | Array, level: float) -> float:
    """The mirror of lower_bound: infinite where there are too few values."""
    return -lower_bound(-np.asarray(values, dtype=np.float64), level)
