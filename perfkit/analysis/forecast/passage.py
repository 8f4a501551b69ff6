"""First passage: how likely a course meets its capacity within a time, and when.

A bank of straight lines over windows of a quarter of the horizon up to twice it, each with the
uncertainty of its slope and the walk of what it does not explain, gives a distribution of the first
time at the capacity in closed form (a Gaussian walk with drift: Cox and Miller, *The Theory of
Stochastic Processes*, 5.7); the bank's mean is the forecast. The leak gate then asks whether the
growth is one that lasts: the Mann-Kendall test (Mann 1945) on block minima, and whether growth has
slowed. Every window is in units of the horizon, so nothing here knows a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WINDOWS = (0.25, 0.5, 1.0, 2.0)
LEAST_SEEN = 0.5
"""In units of the horizon: before so much has been seen there is no forecast."""

LEAST_POINTS = 10
FARTHEST = 10.0
"""Times to the crossing are told up to so many horizons."""

_STEPS = 400
_TREND_Z = 1.645
_LATE_SHARE = 0.4
_STILL_SHARE = 0.5
_DOUBT = 0.3
_BENDS = 0.25
"""Standard deviation of a slope to come, as a share of the present one: no growth goes on for ever as
it went so far."""


@dataclass(frozen=True)
class Passage:
    """When a capacity is met.

    probability: within the horizon, after the gate; surge_risk: before it. median, low, high: times
    in units of the horizon, None beyond FARTHEST; low and high are the ends of the 80 % interval.
    """

    probability: float
    surge_risk: float
    median: float | None
    low: float | None
    high: float | None


def foresee(t: Floats, highs: Floats, lows: Floats, distance_to: float) -> Passage | None:
    """The passage of a rising series over a level.

    t: times of blocks in units of the horizon, increasing, the last one now. highs, lows: greatest
    and least of each block. distance_to: the level. None where too little has been seen.
    """
    if len(t) < LEAST_POINTS or t[-1] - t[0] < LEAST_SEEN * (1 - 1e-9):
        return None
    scale = max(float(np.abs(highs).max()), abs(distance_to), 1e-300)
    highs, lows, level = highs / scale, lows / scale, distance_to / scale
    ahead = np.geomspace(0.01, FARTHEST, _STEPS)
    chances = [
        _chances(t[chosen], highs[chosen], level, ahead)
        for width in WINDOWS
        if (chosen := t >= t[-1] - width).sum() >= 5 and t[-1] - t[0] >= 0.8 * width
    ]
    if not chances:
        return None
    met = np.maximum.accumulate(np.mean(chances, axis=0))
    risk = float(np.interp(1.0, ahead, met))
    lasting = 1.0 if grows_lastingly(t, lows) else _DOUBT
    return Passage(
        risk * lasting,
        risk,
        _when(ahead, met, 0.5),
        _when(ahead, met, 0.1),
        _when(ahead, met, 0.9),
    )


def _chances(t: Floats, values: Floats, level: float, ahead: Floats) -> Floats:
    """Probability that the level is met within each time of `ahead`."""
    from scipy.special import ndtr

    since = t - t[-1]
    middle = since.mean()
    spread = float(((since - middle) ** 2).sum())
    slope = float(((since - middle) * values).sum() / spread) if spread > 0 else 0.0
    rest = values - values.mean() - slope * (since - middle)
    noise = float((rest**2).sum()) / max(len(t) - 2, 1)
    steps = np.diff(rest)
    passed = np.diff(since)
    walk = float((steps**2 / np.maximum(passed, 1e-9)).mean()) / 2 if len(steps) else 0.0
    # of a walk the steps of what is left grow with time, of noise they do not
    walk = walk if abs(float((rest[1:] * rest[:-1]).sum())) > 0.5 * float((rest**2).sum()) else 0.0
    now = float(values.mean()) + slope * (0.0 - middle)
    apart = level - max(now, float(values[-1]) - 3.0 * noise**0.5)
    if apart <= 0:
        return np.ones(len(ahead))
    of_slope = noise / spread if spread > 0 else 0.0
    bends = (_BENDS * slope) ** 2
    deviation = np.sqrt(noise / len(t) + walk * ahead + (of_slope + bends) * ahead**2)
    deviation = np.maximum(deviation, 1e-12)
    chances: Floats = ndtr((slope * ahead - apart) / deviation)
    return chances


def grows_lastingly(t: Floats, lows: Floats) -> bool:
    """The leak gate: least values rise, late growth is a good part of all, and has not slowed."""
    blocks = np.array_split(np.arange(len(t)), min(12, len(t)))
    least = np.array([lows[block].min() for block in blocks])
    if mann_kendall(least) < _TREND_Z:
        return False
    span = t[-1] - t[0]
    whole = _slope(t, lows)
    if whole <= 0 or _slope(t[t >= t[-1] - span / 3], lows[t >= t[-1] - span / 3]) < (
        _LATE_SHARE * whole
    ):
        return False
    middle = (t >= t[0] + span / 3) & (t < t[0] + 2 * span / 3)
    late = t >= t[0] + 2 * span / 3
    before, after = _slope(t[middle], lows[middle]), _slope(t[late], lows[late])
    return after >= _STILL_SHARE * before


def mann_kendall(values: Floats) -> float:
    """The test's standard score: above 1.645 values rise, at one side's 5 %; ties are allowed for."""
    count = len(values)
    if count < 4:
        return 0.0
    rises = float(np.sign(values[None, :] - values[:, None])[np.triu_indices(count, 1)].sum())
    _, ties = np.unique(values, return_counts=True)
    tied = float((ties * (ties - 1) * (2 * ties + 5)).sum())
    variance = count * (count - 1) * (2 * count + 5) - tied
    if variance <= 0:
        return 0.0
    return float((rises - np.sign(rises)) / (variance / 18.0) ** 0.5)


def _slope(t: Floats, values: Floats) -> float:
    if len(t) < 2:
        return 0.0
    since = t - t.mean()
    spread = float((since**2).sum())
    return float((since * values).sum() / spread) if spread > 0 else 0.0


def _when(ahead: Floats, met: Floats, share: float) -> float | None:
    if met[-1] < share:
        return None
    return float(np.interp(share, met, ahead))
