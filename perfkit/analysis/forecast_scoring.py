"""How good forecasts were, on runs whose end is known; pure.

Every forecaster sees the past and the capacity alone. What counts as a warning, an episode and a
crossing that was warned of stands with the functions; all times are in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from perfkit.analysis.forecast.registry import Foresee
from perfkit.analysis.forecast.stage import BLOCKS

Floats = npt.NDArray[np.float64]

WARNS_FROM = 0.5
_PAST = 2.0
_LEAST_LEAD = 0.2
_JOINED = 0.3
_BINS = 10


@dataclass(frozen=True)
class View:
    """One run, one metric, one capacity, and what became of it.

    t_s, values: float64[n] of the valid ticks. falling: the metric runs down to the capacity.
    t_cross_s: None where it is never met. end_s: end of the run.
    """

    name: str
    t_s: Floats
    values: Floats
    capacity: float
    falling: bool
    t_cross_s: float | None
    end_s: float


@dataclass(frozen=True)
class Told:
    """One forecast: at t_s; probability of a crossing within the horizon; times from t_s on."""

    view: str
    t_s: float
    probability: float
    median_s: float | None
    low_s: float | None
    high_s: float | None


def forecasts(
    view: View, foresee: Foresee, horizon_s: float, from_s: float, every_s: float
) -> Iterator[Told]:
    """Forecasts from `from_s` to the crossing, or to end minus horizon without one.

    "Not enough data" counts as a probability of 0: nobody was warned.
    """
    sign = -1.0 if view.falling else 1.0
    values, level = sign * view.values, sign * view.capacity
    until_s = view.end_s - horizon_s if view.t_cross_s is None else view.t_cross_s
    numbers = np.floor(view.t_s / (horizon_s / BLOCKS)).astype(np.int64)
    for step in range(int(max(0.0, until_s - from_s) / every_s + 1e-9) + 1):
        t_s = from_s + step * every_s
        if t_s >= until_s:
            return
        first = int(np.searchsorted(view.t_s, t_s - _PAST * horizon_s))
        last = int(np.searchsorted(view.t_s, t_s, side="right"))
        passage = None
        if last > first:
            edges = np.flatnonzero(np.diff(numbers[first:last], prepend=-1))
            highs = np.maximum.reduceat(values[first:last], edges)
            lows = np.minimum.reduceat(values[first:last], edges)
            passage = foresee(numbers[first:last][edges] / BLOCKS, highs, lows, level)
        if passage is None:
            yield Told(view.name, t_s, 0.0, None, None, None)
            continue
        times = (passage.median, passage.low, passage.high)
        yield Told(
            view.name,
            t_s,
            passage.probability,
            *(None if time is None else time * horizon_s for time in times),
        )


def score(
    views: Sequence[View], told: Sequence[Sequence[Told]], horizon_s: float
) -> dict[str, float | None]:
    """The figures of one forecaster; told: its forecasts of every view, in the order of the views.

    recall: crossings warned of between one horizon and .2 of it before. precision: episodes of
    warnings that begin at most two horizons before a crossing. false_per_negative: episodes a view
    without crossing. brier_skill: against the base rate. ece: expected calibration error over ten
    bins. lead_s_median: from the first such warning to the crossing. interval_coverage: 80 %
    intervals that hold the truth, of forecasts of .5 and more in crossing views. tte_error_90:
    median relative error of the time left at 90 % of life (1 where no time was told). None where
    there is nothing to tell it by.
    """
    leads, hits, episodes, true_episodes, false_episodes = [], 0, 0, 0, 0
    errors, covered, outcomes, chances = [], [], [], []
    crossing = [view for view in views if view.t_cross_s is not None]
    for view, its in zip(views, told, strict=True):
        cross_s = view.t_cross_s
        starts, warned = _episodes(its, horizon_s)
        episodes += len(starts)
        for one in its:
            chances.append(one.probability)
            outcomes.append(cross_s is not None and cross_s - one.t_s <= horizon_s)
            if cross_s is not None and one.probability >= WARNS_FROM and one.low_s is not None:
                high_s = np.inf if one.high_s is None else one.high_s
                covered.append(one.low_s <= cross_s - one.t_s <= high_s)
        if cross_s is None:
            false_episodes += len(starts)
            continue
        true_episodes += sum(cross_s - start <= 2 * horizon_s for start in starts)
        in_time = [t for t in warned if _LEAST_LEAD * horizon_s <= cross_s - t <= horizon_s]
        hits += bool(in_time)
        leads += [cross_s - in_time[0]] if in_time else []
        late = [one for one in its if one.t_s <= 0.9 * cross_s]
        if late:
            median_s, left_s = late[-1].median_s, cross_s - late[-1].t_s
            errors.append(1.0 if median_s is None else min(abs(median_s - left_s) / left_s, 1e3))
    happened, said = np.array(outcomes, np.float64), np.array(chances)
    base = happened.mean() if len(happened) else 0.0
    spread = float(((happened - base) ** 2).mean()) if len(happened) else 0.0
    negatives = len(views) - len(crossing)
    return {
        "recall": hits / len(crossing) if crossing else None,
        "precision": true_episodes / episodes if episodes else None,
        "false_per_negative": false_episodes / negatives if negatives else None,
        "brier_skill": (
            1.0 - float(((happened - said) ** 2).mean()) / spread if spread > 0 else None
        ),
        "ece": _calibration_error(said, happened) if len(said) else None,
        "lead_s_median": float(np.median(leads)) if leads else None,
        "interval_coverage": float(np.mean(covered)) if covered else None,
        "tte_error_90": float(np.median(errors)) if errors else None,
    }


def _episodes(its: Sequence[Told], horizon_s: float) -> tuple[list[float], list[float]]:
    """(starts of the episodes, times at which a warning stood): a warning needs two in a row."""
    warned = [
        one.t_s
        for before, one in pairwise(its)
        if min(before.probability, one.probability) >= WARNS_FROM
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
