"""Fitting the calibration of the default forecaster, and scoring it on kinds it was not fitted on.

Three numbers from a small grid, by the Brier score; views that cross are weighed as a third of all,
whatever their share in the recordings (a share of crossings is no property of a program:
Saerens, Latinne and Decaestecker, *Neural Computation* 14, 2002).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perfkit.analysis.forecast.bank import AHEAD, rises
from perfkit.analysis.forecast.calibration import Calibration
from perfkit.analysis.forecast.gate import lasts
from perfkit.analysis.forecast.passage import Windows, judged, passage_of, single
from perfkit.analysis.forecast_scoring import Floats, Told, View, pasts, told_at

Bools = npt.NDArray[np.bool_]

_CROSSING_SHARE = 0.35
_ENDS = np.arange(0.0, 3.01, 0.25)
_ODDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0)
_SPREADS = np.arange(1.0, 4.01, 0.1)
_COVERS = 0.8


@dataclass(frozen=True)
class Seen:
    """The forecasts of one view before any calibration. able: bool[n], whether enough was seen;
    met, lasting: of those. left: float64[n] horizons to the crossing, infinite without one."""

    view: View
    t_s: Floats
    able: Bools
    met: Floats
    lasting: Bools
    left: Floats


def seen(view: View, horizon_s: float, from_s: float, every_s: float) -> Seen:
    """What the bank and the gate say of a view."""
    told = list(pasts(view, horizon_s, from_s, every_s))
    singles = [None if past is None else single(*past) for _, past in told]
    able = [one for one in singles if one is not None]
    t_s = np.array([t for t, _ in told], np.float64)
    left = np.full(len(t_s), np.inf) if view.t_cross_s is None else view.t_cross_s - t_s
    met, lasting = np.zeros((len(AHEAD), 0)), np.zeros(0, np.bool_)
    if able:
        joined = Windows(
            np.concatenate([one.highs for one in able], axis=1),
            np.concatenate([one.lows for one in able], axis=1),
            np.concatenate([one.seen for one in able]),
            np.concatenate([one.level for one in able]),
        )
        met, lasting = (
            rises(joined.highs, joined.seen, joined.level),
            lasts(joined.lows, joined.seen),
        )
    return Seen(
        view, t_s, np.array([one is not None for one in singles]), met, lasting, left / horizon_s
    )


def fit(some: Sequence[Seen]) -> Calibration:
    """The calibration of least Brier score, and the spread that holds four of five crossings."""
    crossing = np.array([one.view.t_cross_s is not None for one in some])
    share = float(np.clip(crossing.mean(), 1e-3, 1 - 1e-3)) if len(some) else 0.5
    weights = np.where(crossing, _CROSSING_SHARE / share, (1 - _CROSSING_SHARE) / (1 - share))
    met = np.concatenate([one.met for one in some], axis=1)
    lasting = np.concatenate([one.lasting for one in some])
    left = np.concatenate([one.left[one.able] for one in some])
    weight = np.concatenate(
        [np.full(int(one.able.sum()), its) for one, its in zip(some, weights, strict=True)]
    )
    happened = left <= 1.0

    def loss(one: Calibration) -> float:
        said = judged(met, lasting, one).probability
        return float((weight * (said - happened) ** 2).sum())

    best = min((Calibration(float(ends), odds, 1.0) for ends in _ENDS for odds in _ODDS), key=loss)
    sure = judged(met, lasting, best)
    counted = (sure.probability >= 0.5) & np.isfinite(left)
    shares = []
    for spread in _SPREADS.tolist():
        its = judged(met, lasting, Calibration(best.ends, best.odds, spread))
        high = np.where(np.isnan(its.high), np.inf, its.high)
        holds = (its.low <= left) & (left <= high)
        shares.append(abs(float(holds[counted].mean() if counted.any() else _COVERS) - _COVERS))
    return Calibration(best.ends, best.odds, round(float(_SPREADS[int(np.argmin(shares))]), 2))


def told(one: Seen, calibration: Calibration, horizon_s: float) -> list[Told]:
    """The forecasts of a view under a calibration."""
    its = judged(one.met, one.lasting, calibration)
    places: Iterator[int] = iter(range(len(one.lasting)))
    return [
        told_at(one.view, t, passage_of(its, next(places)) if able else None, horizon_s)
        for t, able in zip(one.t_s.tolist(), one.able.tolist(), strict=True)
    ]


def by_other_kinds(some: Sequence[Seen], kinds: Sequence[str]) -> Mapping[str, Calibration]:
    """Of every kind the calibration that was fitted on all the others."""
    return {
        kind: fit([one for one, its in zip(some, kinds, strict=True) if its != kind])
        for kind in dict.fromkeys(kinds)
        if len(set(kinds)) > 1
    }
