"""Fitting the calibration of the default forecaster, and scoring it on families of program that it
was not fitted on.

A logistic regression of the terms of `passage.terms` (scikit-learn, its own ridge of 1), then the
spread of times that holds four of five crossings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perfkit.analysis.forecast.bank import AHEAD
from perfkit.analysis.forecast.calibration import CHOSEN, Calibration
from perfkit.analysis.forecast.passage import Windows, calibrated, passage_of, seen_in, single
from perfkit.analysis.forecast_scoring import Floats, Told, View, pasts, told_at
from perfkit.model.forecast import WATCH_FROM

Bools = npt.NDArray[np.bool_]

_TERMS = len(CHOSEN.weights)
_SPREADS = np.arange(1.0, 4.01, 0.1)
_COVERS = 0.8


@dataclass(frozen=True)
class Seen:
    """The forecasts of one view before any calibration. able: bool[n], whether enough was seen;
    met, terms: of those. left: float64[n] horizons to the crossing, infinite without one."""

    view: View
    t_s: Floats
    able: Bools
    met: Floats
    terms: Floats
    left: Floats


def seen(view: View, horizon_s: float, from_s: float, every_s: float) -> Seen:
    """What the bank and the gate say of a view."""
    told = list(pasts(view, horizon_s, from_s, every_s))
    singles = [None if past is None else single(*past) for _, past in told]
    able = [one for one in singles if one is not None]
    t_s = np.array([t for t, _ in told], np.float64)
    left = np.full(len(t_s), np.inf) if view.t_cross_s is None else view.t_cross_s - t_s
    met, terms = np.zeros((len(AHEAD), 0)), np.zeros((_TERMS, 0))
    if able:
        met, terms = seen_in(
            Windows(
                np.concatenate([one.highs for one in able], axis=1),
                np.concatenate([one.lows for one in able], axis=1),
                np.concatenate([one.seen for one in able]),
                np.concatenate([one.level for one in able]),
            )
        )
    return Seen(
        view, t_s, np.array([one is not None for one in singles]), met, terms, left / horizon_s
    )


def fit(some: Sequence[Seen]) -> Calibration:
    """The calibration of these; the one in use where all or none of them cross."""
    from sklearn.linear_model import LogisticRegression

    met = np.concatenate([one.met for one in some], axis=1)
    terms = np.concatenate([one.terms for one in some], axis=1)
    left = np.concatenate([one.left[one.able] for one in some])
    happened = left <= 1.0
    if happened.all() or not happened.any():
        return CHOSEN
    model = LogisticRegression(max_iter=1000).fit(terms[1:].T, happened)
    weights = (float(model.intercept_[0]), *map(float, model.coef_[0]))
    best = replace(CHOSEN, weights=tuple(round(one, 3) for one in weights))
    sure = calibrated(met, terms, best)
    counted = (sure.probability >= WATCH_FROM) & np.isfinite(left)
    shares = []
    for spread in _SPREADS.tolist():
        its = calibrated(met, terms, replace(best, spread=spread))
        high = np.where(np.isnan(its.high), np.inf, its.high)
        holds = (its.low <= left) & (left <= high)
        shares.append(abs(float(holds[counted].mean() if counted.any() else _COVERS) - _COVERS))
    return replace(best, spread=round(float(_SPREADS[int(np.argmin(shares))]), 2))


def told(one: Seen, calibration: Calibration, horizon_s: float) -> list[Told]:
    """The forecasts of a view under a calibration."""
    its = calibrated(one.met, one.terms, calibration)
    places: Iterator[int] = iter(range(one.met.shape[1]))
    return [
        told_at(one.view, t, passage_of(its, next(places)) if able else None, horizon_s)
        for t, able in zip(one.t_s.tolist(), one.able.tolist(), strict=True)
    ]


def by_others(some: Sequence[Seen], families: Sequence[str]) -> Mapping[str, Calibration]:
    """Of every family the calibration that was fitted on all the others."""
    return {
        family: fit([one for one, its in zip(some, families, strict=True) if its != family])
        for family in dict.fromkeys(families)
        if len(set(families)) > 1
    }
