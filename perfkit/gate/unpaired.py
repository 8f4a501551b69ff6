"""Runs of base and head that were not made in pairs, such as those of a stored baseline.

Nothing cancels here: between two series of runs a machine drifts, and no number of runs shows by
how much. Tests for two samples take that drift for an effect (a stored baseline doubles to
quadruples their false alarms). So the bounds of the shift are never closer to its estimate than
the largest shift that this host showed between equal builds, its floor; and without a floor there
are no bounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfkit.gate.detectable import POWER
from perfkit.stats.two_samples import shift_interval

Array = NDArray[np.float64]

LEAST_RUNS = 5
"""Base's runs from which its own floor can be told."""

_OWN_FLOOR_FACTOR = 2.0
# what hours do is more than what the minutes of one series show; see own_floor

_DRAWS = 200
_MOST_DIFFERENCES = 900


@dataclass(frozen=True)
class Shift:
    """From base to head in log ratio, with bounds that reach to the floor at least.

    low, surely_below: bounds at the fail level; high: upper bound at the pass level; infinite
    without a floor or with too few runs. floor: see own_floor, None where unknown.
    detectable: the shift found in 80 of 100 cases, None where none would be.
    """

    estimate: float
    low: float = -math.inf
    surely_below: float = math.inf
    high: float = math.inf
    floor: float | None = None
    detectable: float | None = None


def unpaired_shift(
    base: Sequence[float],
    head: Sequence[float],
    *,
    floor: float | None,
    tolerance: float,
    fail_level: float,
    pass_level: float,
    seed: int = 0,
) -> Shift:
    """How head's runs differ from base's.

    base, head: logarithms in order of time, one or more each. floor: this host's, None to take it
    from base's own runs. tolerance: as a share. Levels: of one metric, one-sided.
    Raises ValueError for values that are not finite.
    """
    if floor is None:
        floor = own_floor(base, len(head))
    at_fail = shift_interval(base, head, fail_level, fail_level)
    if floor is None:
        return Shift(at_fail.estimate)
    at_pass = shift_interval(base, head, pass_level, pass_level)
    detectable = None
    if math.isfinite(at_fail.low):
        detectable = math.log1p(tolerance)
        detectable += _detectable(np.array(base), np.array(head), floor, fail_level, seed)
    return Shift(
        at_fail.estimate,
        min(at_fail.low, at_fail.estimate - floor),
        max(at_fail.high, at_fail.estimate + floor),
        max(at_pass.high, at_fail.estimate + floor),
        floor,
        detectable,
    )


def own_floor(log_values: Sequence[float], size: int) -> float | None:
    """A floor for want of a recorded one: as far as one series of runs of one build shows it.

    log_values: in order of time. size: how many runs head has. The range of nine in ten of these
    runs, or where that is more the largest shift between blocks of as many runs as head has, but
    at most half of them. Returns None for fewer than LEAST_RUNS runs.

    Runs within minutes do not show what hours do. On simulated machines that wander, 10 or 20 runs
    a side and 60 runs between, that alone left 3 to 7 % of false alarms (ranks alone: 16 to 21 %);
    hence it is doubled, which left about 1 %. A floor from a recording of 400 runs left none in
    400. So record one.
    """
    if len(log_values) < LEAST_RUNS:
        return None
    least, greatest = np.quantile(np.asarray(log_values, dtype=np.float64), (0.05, 0.95))
    shift = largest_shift(log_values, max(1, min(size, len(log_values) // 2)))
    return _OWN_FLOOR_FACTOR * max(float(greatest - least), shift)


def largest_shift(log_values: Sequence[float], size: int) -> float:
    """The largest difference between the medians of two blocks of `size` runs in a row.

    log_values: in order of time. The blocks do not overlap, as base and head do not; where there
    are too few runs for two, it is the largest difference of one block from all other runs.
    Raises ValueError where no run is left for either.
    """
    values = np.asarray(log_values, dtype=np.float64)
    if not 0 < size < values.size:
        raise ValueError(f"no block of {size} runs beside others in {values.size} runs")
    starts = range(values.size - size + 1)
    medians = np.array([np.median(values[start : start + size]) for start in starts])
    if values.size < 2 * size:
        others = [np.median(np.delete(values, slice(start, start + size))) for start in starts]
        return float(np.abs(medians - others).max())
    # all that begin where a block ends or later, against that block
    later = medians[size:]
    greatest = np.maximum.accumulate(later[::-1])[::-1]
    least = np.minimum.accumulate(later[::-1])[::-1]
    earlier = medians[: later.size]
    return float(np.maximum(greatest - earlier, earlier - least).max())


def _detectable(base: Array, head: Array, floor: float, fail_level: float, seed: int) -> float:
    """How far beyond the tolerance a shift lies that is found with POWER, by resampling."""
    # shares of the runs that keep the count of differences small; arms of large samples are short
    generator = np.random.default_rng(seed)
    residuals = [side - np.median(side) for side in (base, head)]
    sizes = [side.size for side in residuals]
    shrink = max(1.0, math.sqrt(sizes[0] * sizes[1] / _MOST_DIFFERENCES))
    drawn_sizes = [max(1, round(size / shrink)) for size in sizes]
    reaches = []
    for _ in range(_DRAWS):
        one, other = (
            generator.choice(side, size) for side, size in zip(residuals, drawn_sizes, strict=True)
        )
        plain = shift_interval(one, other, fail_level, 0.5)
        low = plain.estimate - plain.low
        # a larger sample has shorter arms and a steadier estimate, both by the root of its size
        error, arm = plain.estimate / math.sqrt(shrink), low / math.sqrt(shrink)
        reaches.append(max(arm, floor) - error)
    return float(np.quantile(reaches, POWER))
