"""First passage: how likely a course meets its capacity within a time, and when.

Greatest values of tenths of the horizon go through a bank of local linear trends (`bank`), which
gives the chance of having met the level by each time. Growth ends of itself, and the younger it is
the sooner: one that has lasted for a lasts t longer with probability a / (a + t), as lifetimes with
a Pareto tail have it (Lomax, *JASA* 49, 1954; Gott, *Nature* 363, 1993, from ignorance alone). That,
the leak gate (`gate`) and the age of the growth are the terms of a calibrated logistic regression.
Where it is known how much work was done, the gate is open for what that does not explain (`work`).
Every window is in horizons: nothing here knows a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from perfkit.analysis.forecast.bank import A_HORIZON, AHEAD, STEPS, rises
from perfkit.analysis.forecast.calibration import CHOSEN, Calibration
from perfkit.analysis.forecast.gate import growing_for, lasts
from perfkit.analysis.forecast.work import explained

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

LEAST_SEEN = 0.5
"""In units of the horizon: before so much has been seen there is no forecast."""

LEAST_POINTS = 10
PAST = STEPS / A_HORIZON
"""Horizons that a forecaster sees."""

LEAST_VALUES = 5
"""Of a past whose values lie further apart than its blocks."""

_SURE = 0.98
"""No chance counts as more, nor as less than what is left of 1."""

_YOUNGEST = 0.1
"""Horizons: growth is no younger than a block of the bank."""

_SOON = 0.05
"""Horizons: ages and times below it are about the same."""

_OUT_OF_SIGHT = 5.0
"""Horizons that are left where nothing is foreseen."""

_WITHIN = AHEAD <= 1.0 + 1e-9


@dataclass(frozen=True)
class Passage:
    """When a capacity is met.

    probability: within the horizon, after the gate; surge_risk: before it. median, low, high: times
    in units of the horizon, None beyond what is foreseen; low and high are the ends of the 80 %
    interval. What it rests on, None where it rests on something else: age: how long growth has
    lasted, in horizons; lasting: 1 where it is one that lasts, else 0; explained: how much of it
    goes with the work, None where nobody tells of work too. driven: it is foreseen because of what
    drives it.
    """

    probability: float
    surge_risk: float
    median: float | None
    low: float | None
    high: float | None
    age: float | None = None
    lasting: float | None = None
    explained: float | None = None
    driven: bool = False


class Windows(NamedTuple):
    """Many pasts: highs, lows float64[STEPS, n] of tenths of the horizon, a column each, its first
    `seen` rows valid and the others 0, scaled to a size near 1; level float64[n]. work:
    float64[STEPS, n], what was done in each of them, 0 where nobody tells."""

    highs: Floats
    lows: Floats
    seen: Ints
    level: Floats
    work: Floats


class Passages(NamedTuple):
    """As Passage, of many: float64[n], NaN for None."""

    probability: Floats
    surge_risk: Floats
    median: Floats
    low: Floats
    high: Floats
    age: Floats
    lasting: Floats
    explained: Floats


class Signs(NamedTuple):
    """What is seen in n windows, before any calibration.

    met: float64[len(AHEAD), n], the bank's chances. terms: float64[5, n], of the regression. age,
    lasting, explained: float64[n], as in Passage. worked: bool[n], whether work is told.
    """

    met: Floats
    terms: Floats
    age: Floats
    lasting: Floats
    explained: Floats
    worked: Bools


def windows(
    highs: Floats, lows: Floats, level: Floats, step: float, done: Floats | None = None
) -> Windows:
    """Of blocks of any length: greatest and least of tenths of the horizon, counted back from now.

    highs, lows: float64[n, k], NaN before the first; step: horizons a block. done: float64[n, k],
    the work done by the end of each block, NaN where nobody tells.
    """
    tenth = np.floor(np.arange(highs.shape[1]) * step * A_HORIZON + 1e-9).astype(np.int64)
    size = np.fmax(np.fmax.reduce(np.abs(highs), axis=1), np.abs(level))
    size = np.maximum(np.fmax(size, np.fmax.reduce(np.abs(lows), axis=1)), 1e-300)
    high, low, so_far = (np.full((STEPS, len(level)), np.nan) for _ in range(3))
    done = np.full(highs.shape, np.nan) if done is None else done
    for age in range(STEPS):
        # a block that is longer than a tenth stands for all those that it covers
        first = int(np.searchsorted(tenth, age))
        if first >= len(tenth):
            break
        end = max(int(np.searchsorted(tenth, age, side="right")), first + 1)
        for block in range(first, end):
            column = highs.shape[1] - 1 - block
            high[STEPS - 1 - age] = np.fmax(high[STEPS - 1 - age], highs[:, column])
            low[STEPS - 1 - age] = np.fmin(low[STEPS - 1 - age], lows[:, column])
            so_far[STEPS - 1 - age] = np.fmax(so_far[STEPS - 1 - age], done[:, column])
    seen = np.isfinite(high).sum(axis=0)
    moved = np.minimum(np.arange(STEPS)[:, None] + (STEPS - seen), STEPS - 1)
    valid = np.arange(STEPS)[:, None] < seen
    high, low = (
        np.where(valid, np.take_along_axis(one, moved, 0), 0.0) / size for one in (high, low)
    )
    work = np.diff(np.take_along_axis(so_far, moved, 0), axis=0, prepend=np.nan)
    # of the first block nobody knows when its work began
    work[0] = work[1]
    work = np.where(valid, np.nan_to_num(work), 0.0)
    return Windows(high, low, seen.astype(np.int64), level / size, work)


def foresee_all(past: Windows, calibration: Calibration = CHOSEN) -> Passages:
    """The default forecaster, of many windows at once; what is said of one is its own alone."""
    return calibrated(signs_of(past), calibration)


def signs_of(past: Windows) -> Signs:
    """What is seen in these windows."""
    met = rises(past.highs, past.seen, past.level)
    rows = growing_for(past.highs, past.seen)
    age = rows / A_HORIZON
    lasting = lasts(past.lows, past.seen).astype(np.float64)
    by_work = explained(past.highs, past.seen, past.work, rows)
    found = terms(met, lasting * (1.0 - by_work), age)
    return Signs(met, found, age, lasting, by_work, np.any(past.work > 0, axis=0))


def terms(met: Floats, gate: Floats, age: Floats) -> Floats:
    """float64[5, n]: 1; log odds of a crossing within the horizon, growth ending as it does; how
    far the gate is open; both; logarithm of the age of growth over the time that is left.

    Only the odds ask how long the horizon is, and not of a crossing that is well within it: what has
    grown for a minute and has five seconds left is about as sure within ten seconds as within two
    minutes.
    """
    chance = np.clip(_outlived(met, np.maximum(age, _YOUNGEST)), 1.0 - _SURE, _SURE)
    odds = np.log(chance / (1.0 - chance))
    left = np.nan_to_num(_when(met, 0.5), nan=_OUT_OF_SIGHT)
    return np.stack(
        [np.ones_like(odds), odds, gate, gate * odds, np.log((age + _SOON) / (left + _SOON))]
    )


def calibrated(signs: Signs, calibration: Calibration) -> Passages:
    """What is made of the signs."""
    score = np.zeros(signs.met.shape[1])
    both = zip(calibration.worked, calibration.weights, strict=True)
    for (with_work, alone), term in zip(both, signs.terms, strict=True):
        score = score + np.where(signs.worked, with_work, alone) * term
    plain = as_met(signs.met)
    median, low, high = (calibration.pace * one for one in (plain.median, plain.low, plain.high))
    with np.errstate(invalid="ignore"):
        narrow = median * np.maximum(low / median, 1e-3) ** calibration.spread
        wide = median * np.minimum(high / median, 1e3) ** calibration.spread
    return Passages(
        probability=1.0 / (1.0 + np.exp(-score)),
        surge_risk=plain.surge_risk,
        median=median,
        low=np.where(np.isnan(median), low, narrow),
        high=wide,
        age=signs.age,
        lasting=signs.lasting,
        explained=np.where(signs.worked, signs.explained, np.nan),
    )


def as_met(met: Floats) -> Passages:
    """The bank's chances as they are."""
    risk = met[int(np.flatnonzero(_WITHIN)[-1])]
    median, low, high = (_when(met, share) for share in (0.5, 0.1, 0.9))
    nothing = np.full(len(risk), np.nan)
    return Passages(risk, risk, median, low, high, nothing, nothing, nothing)


def _outlived(met: Floats, age: Floats) -> Floats:
    """Probability of a crossing within the horizon by growth that may end before it."""
    total = np.zeros(met.shape[1])
    before = np.zeros(met.shape[1])
    for time, now in zip(AHEAD[_WITHIN].tolist(), met[_WITHIN], strict=True):
        total += (now - before) * (age / (age + time))
        before = now
    return total


def foresee(t: Floats, highs: Floats, lows: Floats, level: float) -> Passage | None:
    """The passage of a rising series over a level.

    t: times of blocks in units of the horizon, increasing, the last one now. highs, lows: greatest
    and least of each block. None where too little has been seen.
    """
    past = single(t, highs, lows, level)
    return None if past is None else passage_of(foresee_all(past), 0)


def single(
    t: Floats, highs: Floats, lows: Floats, level: float, done: Floats | None = None
) -> Windows | None:
    """One window of blocks at any times; where there is none a line is drawn between two."""
    if len(t) < LEAST_VALUES or t[-1] - t[0] < LEAST_SEEN * (1 - 1e-9):
        return None
    step = max(float(np.diff(t).min()), PAST / 4000)
    ages = np.arange(int(min((t[-1] - t[0]) / step + 1e-6, PAST / step)) + 1)[::-1]
    at = t[-1] - ages * step
    high, low = (np.interp(at, t, one)[None] for one in (highs, lows))
    work = None if done is None else np.interp(at, t, done)[None]
    return windows(high, low, np.array([level]), step, work)


def without_work(signs: Signs) -> Signs:
    """The same windows, as if nobody had told of work."""
    found = terms(signs.met, signs.lasting, signs.age)
    nothing = np.zeros(len(signs.age))
    return signs._replace(terms=found, explained=nothing, worked=nothing > 0)


def joined(some: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    """Of windows or signs, each part of all of them in their order; at least one."""
    return (np.concatenate(part, axis=-1) for part in zip(*some, strict=True))


def scattered(many: Passages | None, able: Sequence[bool]) -> list[Passage | None]:
    """One after the other where there is one, None elsewhere; many: None where there is none."""
    places = iter(range(len(able)))
    return [
        passage_of(many, next(places)) if it_is and many is not None else None for it_is in able
    ]


def passage_of(many: Passages, place: int) -> Passage:
    """One of many."""
    told = {
        name: None if np.isnan(one[place]) else float(one[place])
        for name, one in many._asdict().items()
    }
    return Passage(
        probability=float(many.probability[place]),
        surge_risk=float(many.surge_risk[place]),
        median=told["median"],
        low=told["low"],
        high=told["high"],
        age=told["age"],
        lasting=told["lasting"],
        explained=told["explained"],
    )


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


def _when(met: Floats, share: float) -> Floats:
    """The time at which the chance gets to a share, NaN where it does not."""
    place = (met < share).sum(axis=0)
    column = np.arange(met.shape[1])
    last = np.clip(place, 1, len(AHEAD) - 1)
    before, after = met[last - 1, column], met[last, column]
    way = np.clip((share - before) / np.maximum(after - before, 1e-12), 0.0, 1.0)
    time = AHEAD[last - 1] + way * (AHEAD[last] - AHEAD[last - 1])
    time = np.where(place == 0, AHEAD[0], time)
    return np.where(place < len(AHEAD), time, np.nan)
