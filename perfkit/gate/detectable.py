"""What a gate could have found: its whole sequential procedure, simulated over many gates at once.

The procedure here is that of perfkit.gate.decision in arrays; tests hold the two together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfkit.stats.betting import scales, wealth
from perfkit.stats.intervals import signed_rank_interval

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

POWER = 0.8
"""How often the effect that is called detectable is found."""

_GATES = 500
_STEPS = 12  # halvings of the effect's range: a 4000th of it is left
_FEWEST_RATIOS = 4


@dataclass(frozen=True)
class Outcomes:
    """How simulated gates of one metric ended, shape (gates,) each.

    regressed, improved, unchanged: whether that was the verdict. pairs: until the gate stopped.
    """

    regressed: NDArray[np.bool_]
    improved: NDArray[np.bool_]
    unchanged: NDArray[np.bool_]
    pairs: Counts


def simulate(
    ratios: Array, *, tolerance: float, margin: float, fail_level: float, pass_level: float
) -> Outcomes:
    """Run one gate of one metric per row.

    ratios: log ratios, shape (gates, most pairs), in order of arrival.
    tolerance, margin: as shares. fail_level: after division by the number of gating metrics.
    """
    return _run(ratios, scales(ratios), tolerance, margin, fail_level, pass_level)


def detectable_effect(
    ratios: Sequence[float] | Array,
    *,
    tolerance: float,
    margin: float,
    fail_level: float,
    pass_level: float,
    max_pairs: int,
    seed: int = 0,
) -> float | None:
    """The true effect that such a gate calls regressed in 80 of 100 cases, as a share.

    ratios: observed log ratios of pairs; what they vary about their own centre is the noise that
    is simulated, with either sign and a little wider than seen since a centre always lies amid.
    fail_level: after division by the number of gating metrics. max_pairs: where it gives up.
    The gate's stops in favour of "unchanged" are simulated as well, so an effect below the margin
    that would pass by them does not count as found. Returns None where fewer than four ratios are
    known and where no effect at all is found within so few pairs.
    """
    sample = np.asarray(ratios, dtype=np.float64)
    if sample.size < _FEWEST_RATIOS:
        return None
    generator = np.random.default_rng(seed)
    noise = _noise(sample, generator, (_GATES, max_pairs))
    known = scales(noise)

    def found(effect: float) -> float:
        outcomes = _run(noise + effect, known, tolerance, margin, fail_level, pass_level)
        return float(outcomes.regressed.mean())

    low = math.log1p(tolerance)
    high = low + math.log1p(margin) + 8 * float(np.abs(noise).max()) + 0.01
    if found(high) < POWER:
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if found(middle) >= POWER:
            high = middle
        else:
            low = middle
    return math.expm1(high)


def _noise(sample: Array, generator: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Noise like that of the sample, symmetrical, as a smoothed bootstrap of its residuals."""
    residuals = sample - signed_rank_interval(sample, 0.5).estimate
    size = sample.size
    spread = float(np.sqrt(np.mean(residuals**2)))
    # Silverman's rule; the factor after it gives back the variance that the centre took and the
    # smoothing added (Silverman and Young, The bootstrap: to smooth or not to smooth?, 1987); a
    # spread known from few values is as often too small as too large, but too small costs more
    # power than too large gives: 1 + 1 / size evens that out (by simulation, 6 to 30 values)
    width = spread * size**-0.2
    drawn = generator.choice(residuals, shape) + width * generator.standard_normal(shape)
    widening = math.sqrt(size / (size - 1) / (1 + size**-0.4)) * (1 + 1 / size)
    noise: Array = drawn * generator.choice(np.array([-1.0, 1.0]), shape) * widening
    return noise


def _run(
    ratios: Array,
    known: Array,
    tolerance: float,
    margin: float,
    fail_level: float,
    pass_level: float,
) -> Outcomes:
    most = ratios.shape[-1]
    tolerated, ruled_out = math.log1p(tolerance), math.log1p(max(margin, tolerance))
    more = _first(wealth(ratios, tolerated, known) >= 1 / fail_level)
    less = _first(wealth(-ratios, tolerated, known) >= 1 / fail_level)
    below = np.maximum.accumulate(wealth(-ratios, -ruled_out, known), axis=-1) >= 1 / pass_level
    # "unchanged" does not stop a gate that may be about to find an improvement
    in_sight = _medians(ratios) <= -(tolerated + ruled_out) / 2
    same = _first(below & ~in_sight)
    pairs = np.minimum(np.minimum(more, less), np.minimum(same, most))
    regressed = (more <= pairs) & (more <= less)
    improved = (less <= pairs) & ~regressed
    unchanged = below[np.arange(len(below)), pairs - 1] & ~regressed & ~improved
    return Outcomes(regressed, improved, unchanged, pairs)


def _first(reached: NDArray[np.bool_]) -> Counts:
    """After how many pairs each row was true first, one more than there are where it never was."""
    after: Counts = np.where(
        reached.any(axis=-1), reached.argmax(axis=-1) + 1, reached.shape[-1] + 1
    )
    return after


def _medians(ratios: Array) -> Array:
    """The median of each row's values so far."""
    return np.stack(
        [np.median(ratios[:, : count + 1], axis=-1) for count in range(ratios.shape[-1])], axis=-1
    )
