"""How good forecasts were, on runs whose end is known; pure.

Every forecaster sees the past and the capacity alone. What counts as a warning, an episode and a
crossing that was warned of stands with the functions; all times are in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perfkit.analysis.forecast.passage import (
    PAST,
    Passage,
    Passages,
    Windows,
    joined,
    scattered,
    single,
)
from perfkit.analysis.forecast.registry import Foresee
from perfkit.analysis.forecast.stage import BLOCKS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
WARNS_FROM = 0.5
NOTICES_FROM = float(np.nextafter(0.8, 1.0))
_LEVELS = 40
_LEAST_LEAD = 0.2
_JOINED = 0.3
_BINS = 10


class Past(NamedTuple):
    """What a forecaster is given: see `forecast.passage.foresee`. done: of the second signal."""

    t: Floats
    highs: Floats
    lows: Floats
    level: float
    done: Floats | None


@dataclass(frozen=True)
class View:
    """One run, one metric, one capacity, and what became of it.

    t_s, values: float64[n] of the valid ticks. falling: the metric runs down to the capacity.
    t_cross_s: None where it is never met. end_s: end of the run. fresh_s: times at which the
    metric begins anew. Second signals, None where there is none: done, float64[n], work done by
    then; driver: what drives this one to its capacity, with what became of this one.
    """

    name: str
    t_s: Floats
    values: Floats
    capacity: float
    falling: bool
    t_cross_s: float | None
    end_s: float
    fresh_s: tuple[float, ...] = ()
    done: Floats | None = None
    driver: View | None = None

    def alone(self) -> View:
        """Without a second signal."""
        return replace(self, done=None, driver=None)


@dataclass(frozen=True)
class Told:
    """One forecast: at t_s; probability of a crossing within the horizon; times from t_s on."""

    view: str
    t_s: float
    probability: float
    median_s: float | None
    low_s: float | None
    high_s: float | None


def pasts(
    view: View, horizon_s: float, from_s: float, every_s: float, *, to_end: bool = False
) -> Iterator[tuple[float, Past | None]]:
    """(t_s, what a forecaster sees then) from `from_s` to the crossing, or to end minus horizon
    without one, or to the end whatever comes; None before the first value."""
    sign = -1.0 if view.falling else 1.0
    values, level = sign * view.values, sign * view.capacity
    until_s = view.end_s - horizon_s if view.t_cross_s is None else view.t_cross_s
    until_s = view.end_s if to_end else until_s
    numbers = np.floor(view.t_s / (horizon_s / BLOCKS)).astype(np.int64)
    for step in range(int(max(0.0, until_s - from_s) / every_s + 1e-9) + 1):
        t_s = from_s + step * every_s
        if t_s >= until_s:
            return
        yield t_s, _past(view, values, numbers, level, t_s, horizon_s)


def _past(
    view: View, values: Floats, numbers: Ints, level: float, now_s: float, horizon_s: float
) -> Past | None:
    fresh_s = max((t for t in view.fresh_s if t <= now_s), default=-np.inf)
    first = int(np.searchsorted(view.t_s, max(now_s - PAST * horizon_s, fresh_s)))
    last = int(np.searchsorted(view.t_s, now_s, side="right"))
    if last <= first:
        return None
    edges = np.flatnonzero(np.diff(numbers[first:last], prepend=-1))
    highs = np.maximum.reduceat(values[first:last], edges)
    lows = np.minimum.reduceat(values[first:last], edges)
    ends = np.append(edges[1:], last - first) - 1
    done = None if view.done is None else view.done[first:last][ends]
    return Past(numbers[first:last][edges] / BLOCKS, highs, lows, level, done)


def forecasts(
    view: View,
    foresee: Foresee,
    horizon_s: float,
    from_s: float,
    every_s: float,
    many: Callable[[Windows], Passages] | None = None,
) -> Iterator[Told]:
    """What a forecaster says of each of `pasts`, by the metric alone.

    many: the same forecaster, of many windows at once. "Not enough data" counts as a probability
    of 0: nobody was warned.
    """
    some = list(pasts(view, horizon_s, from_s, every_s))
    if many is None:
        said = [None if past is None else foresee(*past[:4]) for _, past in some]
    else:
        singles = [None if past is None else single(*past[:4]) for _, past in some]
        able = [one for one in singles if one is not None]
        its = many(Windows(*joined(able))) if able else None
        said = scattered(its, [one is not None for one in singles])
    for (t_s, _), passage in zip(some, said, strict=True):
        yield told_at(view, t_s, passage, horizon_s)


def told_at(view: View, t_s: float, passage: Passage | None, horizon_s: float) -> Told:
    """A passage in seconds."""
    if passage is None:
        return Told(view.name, t_s, 0.0, None, None, None)
    times = (passage.median, passage.low, passage.high)
    median_s, low_s, high_s = (None if time is None else time * horizon_s for time in times)
    return Told(view.name, t_s, passage.probability, median_s, low_s, high_s)


@dataclass(frozen=True)
class Warned:
    """Of warnings at a level: recall, precision and false_per_negative as in `score`; leads_s: of
    each crossing that was warned of in time."""

    recall: float | None
    precision: float | None
    false_per_negative: float | None
    leads_s: tuple[float, ...]


def warned(
    views: Sequence[View], told: Sequence[Sequence[Told]], horizon_s: float, level: float
) -> Warned:
    """How well warnings did, a warning being two forecasts in a row of at least that level."""
    leads: list[float] = []
    episodes = right = wrong = crossings = 0
    for view, its in zip(views, told, strict=True):
        starts, stood = _episodes(its, horizon_s, level)
        episodes += len(starts)
        cross_s = view.t_cross_s
        if cross_s is None:
            wrong += len(starts)
            continue
        crossings += 1
        right += sum(cross_s - start <= 2 * horizon_s for start in starts)
        in_time = [t for t in stood if _LEAST_LEAD * horizon_s <= cross_s - t <= horizon_s]
        leads += [cross_s - in_time[0]] if in_time else []
    negatives = len(views) - crossings
    return Warned(
        len(leads) / crossings if crossings else None,
        right / episodes if episodes else None,
        wrong / negatives if negatives else None,
        tuple(leads),
    )


def precision_at_recall(
    views: Sequence[View], told: Sequence[Sequence[Told]], horizon_s: float, recall: float
) -> float | None:
    """The best precision of warnings at a level that recalls at least so much."""
    chances = np.array([one.probability for its in told for one in its])
    chances = chances[chances > 0.001]
    if not len(chances):
        return None
    levels = np.unique(np.quantile(chances, np.linspace(0.0, 1.0, _LEVELS), method="lower"))
    found = [warned(views, told, horizon_s, float(level)) for level in levels]
    fit = [
        one.precision
        for one in found
        if one.precision is not None and one.recall is not None and one.recall >= recall
    ]
    return max(fit, default=None)


def score(
    views: Sequence[View], told: Sequence[Sequence[Told]], horizon_s: float
) -> dict[str, float | None]:
    """The figures of one forecaster; told: its forecasts of every view, in the order of the views.

    recall: crossings warned of between one horizon and .2 of it before. precision: episodes of
    warnings that begin at most two horizons before a crossing. false_per_negative: episodes a view
    without crossing. brier_skill: against the base rate. ece: expected calibration error over ten
    bins. lead_s_median: from the first such warning to the crossing. interval_coverage: 80 %
    intervals that hold the truth, of forecasts of .5 and more in crossing views. tte_error_90:
    median relative error of the time left at 90 % of life (1 where no time was told).
    notice_precision, notice_recall: of warnings above .8. None where there is nothing to tell it by.
    """
    errors, covered, outcomes, chances = [], [], [], []
    for view, its in zip(views, told, strict=True):
        cross_s = view.t_cross_s
        for one in its:
            chances.append(one.probability)
            outcomes.append(cross_s is not None and cross_s - one.t_s <= horizon_s)
            if cross_s is not None and one.probability >= WARNS_FROM and one.low_s is not None:
                high_s = np.inf if one.high_s is None else one.high_s
                covered.append(one.low_s <= cross_s - one.t_s <= high_s)
        late = [one for one in its if cross_s is not None and one.t_s <= 0.9 * cross_s]
        if late and cross_s is not None:
            median_s, left_s = late[-1].median_s, cross_s - late[-1].t_s
            errors.append(1.0 if median_s is None else min(abs(median_s - left_s) / left_s, 1e3))
    happened, said = np.array(outcomes, np.float64), np.array(chances)
    base = happened.mean() if len(happened) else 0.0
    spread = float(((happened - base) ** 2).mean()) if len(happened) else 0.0
    watch = warned(views, told, horizon_s, WARNS_FROM)
    notice = warned(views, told, horizon_s, NOTICES_FROM)
    return {
        "recall": watch.recall,
        "precision": watch.precision,
        "false_per_negative": watch.false_per_negative,
        "brier_skill": (
            1.0 - float(((happened - said) ** 2).mean()) / spread if spread > 0 else None
        ),
        "ece": _calibration_error(said, happened) if len(said) else None,
        "lead_s_median": float(np.median(watch.leads_s)) if watch.leads_s else None,
        "interval_coverage": float(np.mean(covered)) if covered else None,
        "tte_error_90": float(np.median(errors)) if errors else None,
        "notice_precision": notice.precision,
        "notice_recall": notice.recall,
    }


def _episodes(
    its: Sequence[Told], horizon_s: float, level: float
) -> tuple[list[float], list[float]]:
    """(starts of the episodes, times at which a warning stood): a warning needs two in a row."""
    warned = [
        one.t_s
        for before, one in pairwise(its)
        if min(before.probability, one.probability) >= level
    ]
    starts = [
        t
        for place, t in enumerate(warned)
        if place == 0 or t - warned[place - 1] > _JOINED * horizon_s
    ]
    return starts, warned


def _calibration_error(said: Floats, happened: Floats) -> float:
    """Mean distance of what was said from what happened, by bins of probability, weighted."""
    bins = np.minimum((said * _BINS).astype(np.int64), _BINS - 1)
    total = 0.0
    for number in range(_BINS):
        chosen = bins == number
        if chosen.any():
            total += abs(float(said[chosen].sum() - happened[chosen].sum()))
    return total / len(said)
