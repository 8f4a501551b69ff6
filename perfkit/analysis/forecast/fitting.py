"""Fitting the calibration of the default forecaster, and scoring it on families of program that it
was not fitted on.

A logistic regression of the terms of `passage.terms` (scikit-learn, its own ridge of 1), by the
metric alone and with the work that is told, then the spread of times that holds four of five
crossings. What has a driver is left out: its own past does not tell when it jumps, and a regression
that has to learn from it believes no trend any more.

Every recording is learned from at several paces, as if its horizon had been shorter and longer: runs
of one laboratory take turns at similar ages, and at one pace a calibration learns that age by heart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perfkit.analysis.forecast.calibration import CHOSEN, Calibration
from perfkit.analysis.forecast.driver import LONG_MET, driven
from perfkit.analysis.forecast.passage import (
    Passage,
    Signs,
    Windows,
    calibrated,
    joined,
    scattered,
    signs_of,
    single,
    without_work,
)
from perfkit.analysis.forecast_scoring import Floats, Told, View, pasts, told_at
from perfkit.model.forecast import WATCH_FROM

Bools = npt.NDArray[np.bool_]

PACES = (0.5, 0.7, 1.0, 1.4, 2.0)
"""Horizons that a calibration is learned at, in units of the one that is asked for."""

_STEPS = 10
"""Forecasts a horizon to learn from."""

_SPREADS = np.arange(1.0, 4.01, 0.1)
_COVERS = 0.8


@dataclass(frozen=True)
class Seen:
    """The forecasts of one view before any calibration. able: bool[n], whether enough was seen;
    signs: of those, None where there are none. left: float64[n] horizons to the crossing, infinite
    without one. driver: of the view's driver, at the same times, and whether its capacity was met
    then."""

    view: View
    t_s: Floats
    able: Bools
    signs: Signs | None
    left: Floats
    driver: tuple[Seen, Bools] | None


def seen(view: View, horizon_s: float, from_s: float, every_s: float) -> Seen:
    """What the bank and the gate say of a view, with its second signals where it has any."""
    told = list(pasts(view, horizon_s, from_s, every_s))
    singles = [None if past is None else single(*past) for _, past in told]
    able = [one for one in singles if one is not None]
    t_s = np.array([t for t, _ in told], np.float64)
    left = np.full(len(t_s), np.inf) if view.t_cross_s is None else view.t_cross_s - t_s
    signs = signs_of(Windows(*joined(able))) if able else None
    its = None
    if view.driver is not None:
        its = seen(view.driver, horizon_s, from_s, every_s), _met(view.driver, t_s, horizon_s)
    whether = np.array([one is not None for one in singles], np.bool_)
    return Seen(view, t_s, whether, signs, left / horizon_s, its)


def alone(one: Seen) -> Seen:
    """The same by the metric alone."""
    signs = None if one.signs is None else without_work(one.signs)
    return replace(one, view=one.view.alone(), signs=signs, driver=None)


@dataclass(frozen=True)
class Lessons:
    """What calibrations are fitted on: views at all paces, with their second signals; families: of
    each."""

    seen: Sequence[Seen]
    families: Sequence[str]


def lessons(views: Sequence[View], families: Sequence[str], horizon_s: float) -> Lessons:
    """Of all these views."""
    horizons = [pace * horizon_s for pace in PACES]
    some = [
        seen(view, horizon, horizon, horizon / _STEPS) for horizon in horizons for view in views
    ]
    return Lessons(some, [*families] * len(horizons))


def _met(view: View, t_s: Floats, horizon_s: float) -> Bools:
    """Whether the last value at each time is at the capacity or beyond, and was not for most of a
    whole horizon already."""
    beyond = view.values <= view.capacity if view.falling else view.values >= view.capacity
    found = np.zeros(len(t_s), np.bool_)
    for place, now_s in enumerate(t_s.tolist()):
        first, end = np.searchsorted(view.t_s, (now_s - horizon_s, now_s), side="right").tolist()
        if end and beyond[end - 1]:
            found[place] = not first or beyond[first:end].mean() < LONG_MET
    return found


def fit(its: Lessons, without: str | None = None) -> Calibration:
    """The calibration of these lessons, without a family where one is told; the one in use where
    all or none of them cross."""
    some = [
        one
        for one, family in zip(its.seen, its.families, strict=True)
        if one.driver is None and family != without
    ]
    told = [one.signs for one in some if one.signs is not None]
    if not told:
        return CHOSEN
    with_work = Signs(*joined(told))
    signs = without_work(with_work)
    left = np.concatenate([one.left[one.able] for one in some])
    happened = left <= 1.0
    if happened.all() or not happened.any():
        return CHOSEN
    weights, worked = (_weights(one.terms, happened) for one in (signs, with_work))
    best = replace(CHOSEN, weights=weights, worked=worked)
    counted = (calibrated(signs, best).probability >= WATCH_FROM) & np.isfinite(left)
    shares = []
    for spread in _SPREADS.tolist():
        passages = calibrated(signs, replace(best, spread=spread))
        high = np.where(np.isnan(passages.high), np.inf, passages.high)
        holds = (passages.low <= left) & (left <= high)
        shares.append(abs(float(holds[counted].mean() if counted.any() else _COVERS) - _COVERS))
    return replace(best, spread=round(float(_SPREADS[int(np.argmin(shares))]), 2))


def _weights(terms: Floats, happened: Bools) -> tuple[float, ...]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=1000).fit(terms[1:].T, happened)
    return tuple(round(float(one), 3) for one in (model.intercept_[0], *model.coef_[0]))


def told(one: Seen, calibration: Calibration, horizon_s: float) -> list[Told]:
    """The forecasts of a view under a calibration."""
    passages = _passages(one, calibration)
    if one.driver is not None:
        driver, met = one.driver
        passages = [
            None if own is None else driven(own, other, met=bool(now))
            for own, other, now in zip(passages, _passages(driver, calibration), met, strict=True)
        ]
    return [
        told_at(one.view, t, passage, horizon_s)
        for t, passage in zip(one.t_s.tolist(), passages, strict=True)
    ]


def _passages(one: Seen, calibration: Calibration) -> list[Passage | None]:
    its = None if one.signs is None else calibrated(one.signs, calibration)
    return scattered(its, one.able.tolist())


def by_others(its: Lessons) -> Mapping[str, Calibration]:
    """Of every family the calibration that was fitted on all the others; empty of one alone."""
    families = dict.fromkeys(its.families)
    return {family: fit(its, family) for family in families if len(families) > 1}
