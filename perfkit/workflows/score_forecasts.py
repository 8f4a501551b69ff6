"""`perfkit score-forecasts`: every forecaster on runs whose end is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from perfkit.analysis.forecast.calibration import CHOSEN
from perfkit.analysis.forecast.fitting import alone, by_others, lessons, seen
from perfkit.analysis.forecast.fitting import told as told_by
from perfkit.analysis.forecast.registry import FORECASTERS
from perfkit.analysis.forecast_scoring import (
    Told,
    View,
    forecasts,
    precision_at_recall,
    score,
)
from perfkit.errors import UnusableInput, UsageError
from perfkit.model.text import printable
from perfkit.workflows.durations import parse_duration
from perfkit.workflows.labelled_views import labelled_views

COMPARED = "predict_linear"
OTHERS = "default, fitted on others"
SECOND = ", with second signals"
OUT_COLUMNS = ("forecaster", "view", "t_s", "probability", "median_s", "low_s", "high_s")


@dataclass(frozen=True)
class Scores:
    """What was measured.

    figures: by forecaster. told: by forecaster, every single forecast. positives: views that cross.
    """

    views: int
    positives: int
    horizon_s: float
    figures: Mapping[str, Mapping[str, float | None]]
    told: Mapping[str, Sequence[Told]]


def score_forecasts(
    folder: Path,
    horizon: str = "10s",
    from_: str = "10s",
    every: str = "1s",
    forecaster: str | None = None,
) -> Scores:
    """Score all forecasters on the views that the folder's views.csv names.

    forecaster: this one alone, beside predict_linear, which all are compared with. Each sees the
    metric alone; where files hold second signals, the default stands once more with them. Where
    views.csv has a column `family`, or `kind`, `default, fitted on others` is the default with
    every family of programs judged by a calibration fitted on all the others. Raises UnusableInput
    where that file or one that it names cannot be used, UsageError for a length of time that is
    none.
    """
    horizon_s, from_s, every_s = (
        parse_duration(text, option) / 1e9
        for text, option in ((horizon, "--horizon"), (from_, "--from"), (every, "--every"))
    )
    if min(horizon_s, every_s) <= 0:
        raise UsageError("--horizon and --every have to be longer than 0")
    if forecaster is not None and forecaster not in FORECASTERS:
        raise UsageError(
            f"no forecaster is called {printable(forecaster)}: there are {', '.join(FORECASTERS)}"
        )
    views, families = labelled_views(folder, from_s)
    said = {
        name: [
            list(forecasts(view, spec.foresee, horizon_s, from_s, every_s, spec.many))
            for view in views
        ]
        for name, spec in FORECASTERS.items()
        if forecaster in (None, name) or name == COMPARED
    }
    if not any(its for its in said[COMPARED]):
        raise UnusableInput(
            f"no forecast falls into the runs of {printable(str(folder))}: the first is made at "
            f"{from_s:g} s, the last before the crossing or {horizon_s:g} s before the end; "
            "choose a shorter --from or --horizon"
        )
    if forecaster in (None, "default"):
        said |= _calibrated(views, families, horizon_s, from_s, every_s)
    recall = score(views, said[COMPARED], horizon_s)["recall"]
    figures = {
        name: {
            **score(views, its, horizon_s),
            "precision_at_equal_recall": precision_at_recall(views, its, horizon_s, recall or 0.0),
        }
        for name, its in said.items()
    }
    told = {name: [one for some in its for one in some] for name, its in said.items()}
    positives = sum(view.t_cross_s is not None for view in views)
    return Scores(len(views), positives, horizon_s, figures, told)


def _calibrated(
    views: Sequence[View],
    families: Sequence[str],
    horizon_s: float,
    from_s: float,
    every_s: float,
) -> dict[str, list[list[Told]]]:
    """The default by calibrations fitted on other families, and all of it with second signals."""
    said: dict[str, list[list[Told]]] = {}
    both = [seen(view, horizon_s, from_s, every_s) for view in views]
    rounds = [("", [alone(one) for one in both])]
    if any(view.done is not None or view.driver is not None for view in views):
        said[f"default{SECOND}"] = [told_by(one, CHOSEN, horizon_s) for one in both]
        rounds.append((SECOND, both))
    fitted = by_others(lessons(views, families, horizon_s)) if len(set(families)) > 1 else {}
    for words, its in rounds if fitted else ():
        said[f"{OTHERS}{words}"] = [
            told_by(one, fitted[family], horizon_s)
            for one, family in zip(its, families, strict=True)
        ]
    return said


def out_rows(scores: Scores) -> list[tuple[object, ...]]:
    """Every single forecast, as rows of OUT_COLUMNS."""
    return [
        (name, one.view, one.t_s, one.probability, one.median_s, one.low_s, one.high_s)
        for name, some in scores.told.items()
        for one in some
    ]
