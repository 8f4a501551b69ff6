"""A bank of local linear trends, and when each of them meets a level.

Level and slope are random walks seen through noise (Harvey, *Forecasting, Structural Time Series
Models and the Kalman Filter*, 2.3); a model is a pair of ratios of their variances to the noise's.
With the ratios fixed the gains of the Kalman filter do not depend on the data, and the noise has
its estimate in closed form. Models are weighted by their likelihood on what came lately (Raftery,
Karny and Ettler, *Technometrics* 52, 2010).

Many windows at once, a column each. All is elementwise over them, so what is said of one does not
depend on which others it came with.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STEPS = 40
"""Blocks of a window."""

A_HORIZON = 10
"""Blocks a horizon."""

AHEAD: Floats = np.concatenate(
    [[0.02], np.arange(1, 31) * 0.05, np.geomspace(1.6, 4.0, 12)]
).astype(np.float64)
"""Times at which the chance of having met the level is told, in horizons."""

_MODELS = tuple((level, slope) for level in (0.0, 0.1, 3.0) for slope in (1e-5, 1e-3, 3e-2))
_FORGETS = 0.8
"""What a block counts for in a model's weight, of what the next one counts for."""

_LEAST_NOISE = 0.002
"""Of the range of the window: no recording is a straight line."""

_OF_NOISE = 0.25
"""Share of the noise that is in what is to meet the level: the greatest of a block."""


def rises(values: Floats, seen: Ints, level: Floats) -> Floats:
    """float64[len(AHEAD), n]: probability that the level is met within each time of AHEAD.

    values: float64[STEPS, n], a column a window, its first `seen` rows valid and the others 0;
    level: float64[n]. All of a size near 1.
    """
    from scipy.special import ndtr

    gains, spreads, doubts, ratios = _filters()
    greatest, least = _range(values, seen)
    floor = (_LEAST_NOISE * np.maximum(greatest - least, 1e-9)) ** 2
    models = len(_MODELS)
    at = np.repeat(values[:1], models, axis=0)
    slope = np.zeros_like(at)
    squares = np.repeat(2.0 * floor[None], models, axis=0)
    weight = np.full_like(at, 2.0)
    logs = np.zeros_like(at)
    for step in range(1, int(seen.max(initial=1))):
        valid = step < seen
        expected = at + slope
        error = np.where(valid, values[step] - expected, 0.0)
        at = np.where(valid, expected + gains[step, 0] * error, at)
        slope = slope + gains[step, 1] * error
        spread = spreads[step]
        squares = np.where(valid, _FORGETS * squares + error * error / spread, squares)
        weight = np.where(valid, _FORGETS * weight + 1.0, weight)
        logs = np.where(valid, _FORGETS * logs + np.log(spread), logs)
    noise = squares / weight + 0.1 * floor
    likelihood = -0.5 * (weight * np.log(noise) + logs)
    share = np.exp(likelihood - likelihood.max(axis=0))
    share = share / _sum(share)
    last = np.maximum(seen - 1, 0)
    of_level, of_both, of_slope = (doubts[last, :, part].T for part in range(3))
    met = np.empty((len(AHEAD), values.shape[1]))
    for place, time in enumerate((AHEAD * A_HORIZON).tolist()):
        variance = noise * (
            of_level
            + 2.0 * time * of_both
            + time * time * of_slope
            + ratios[0] * time
            + ratios[1] * (time**3 / 3.0)
            + _OF_NOISE
        )
        met[place] = _sum(share * ndtr((at + slope * time - level) / np.sqrt(variance)))
    return np.clip(np.maximum.accumulate(met, axis=0), 0.0, 1.0)


@cache
def _filters() -> tuple[Floats, Floats, Floats, Floats]:
    """Of each step and model: gains [STEPS, 2, models, 1], variance of what is seen next
    [STEPS, models, 1], doubt of level, both and slope [STEPS, models, 3]; ratios [2, models, 1]."""
    gains = np.zeros((STEPS, 2, len(_MODELS), 1))
    spreads = np.ones((STEPS, len(_MODELS), 1))
    doubts = np.zeros((STEPS, len(_MODELS), 3))
    for model, (of_level, of_slope) in enumerate(_MODELS):
        level, both, slope = 1.0, 0.0, 1.0
        doubts[0, model] = level, both, slope
        for step in range(1, STEPS):
            level, both, slope = level + 2 * both + slope + of_level, both + slope, slope + of_slope
            seen = level + 1.0
            first, second = level / seen, both / seen
            level, both, slope = level - first * level, both - first * both, slope - second * both
            gains[step, :, model, 0] = first, second
            spreads[step, model, 0] = seen
            doubts[step, model] = level, both, slope
    ratios = np.array(_MODELS).T[:, :, None]
    return gains, spreads, doubts, np.ascontiguousarray(ratios)


def _range(values: Floats, seen: Ints) -> tuple[Floats, Floats]:
    valid = np.arange(len(values))[:, None] < seen
    greatest: Floats = np.where(valid, values, -np.inf).max(axis=0)
    least: Floats = np.where(valid, values, np.inf).min(axis=0)
    return greatest, least


def _sum(rows: Floats) -> Floats:
    """Of all rows, in their order."""
    total: Floats = rows[0].copy()
    for row in rows[1:]:
        total += row
    return total
