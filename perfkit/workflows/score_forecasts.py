"""`perfkit score-forecasts`: every forecaster on runs whose end is known."""

from __future__ import annotations

import csv
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perfkit.analysis.forecast.calibration import CHOSEN
from perfkit.analysis.forecast.capacities import Capacity, capacities
from perfkit.analysis.forecast.fitting import by_others, lessons, seen
from perfkit.analysis.forecast.fitting import told as told_by
from perfkit.analysis.forecast.history import other_wholes
from perfkit.analysis.forecast.registry import FORECASTERS
from perfkit.analysis.forecast_scoring import (
    Told,
    View,
    forecasts,
    precision_at_recall,
    score,
)
from perfkit.errors import UnusableInput, UsageError
from perfkit.model.block import Block
from perfkit.model.text import printable
from perfkit.model.thresholds import Thresholds
from perfkit.workflows.durations import parse_duration
from perfkit.workflows.import_data import import_data
from perfkit.workflows.source import Recording, open_recording

VIEWS_FILE = "views.csv"
COMPARED = "predict_linear"
OTHERS = "default, fitted on others"
SECOND = ", with second signals"
NEEDED = ("view", "file", "metric", "capacity", "crosses", "t_cross_s", "end_s")
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
    views, families = labelled_views(folder)
    said = {
        name: [list(forecasts(view, spec.foresee, horizon_s, from_s, every_s)) for view in views]
        for name, spec in FORECASTERS.items()
        if forecaster in (None, name) or name == COMPARED
    }
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
    alone = [seen(view.alone(), horizon_s, from_s, every_s) for view in views]
    both = [seen(view, horizon_s, from_s, every_s) for view in views]
    rounds = [("", alone)]
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


def labelled_views(folder: Path) -> tuple[list[View], list[str]]:
    """The views, and of what family of programs each is (its kind else), where that is told."""
    path = folder / VIEWS_FILE
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnusableInput(
            f"{printable(str(path))} cannot be read ({printable(str(error))}); "
            "it has to name the views, a row each"
        ) from None
    lacking = [name for name in NEEDED if not rows or name not in rows[0]]
    if lacking:
        raise UnusableInput(
            f"{printable(str(path))} has no column {lacking[0]}; it needs {', '.join(NEEDED)}"
            if rows
            else f"{printable(str(path))} names no view; it needs a row for each"
        )
    by_file: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_file.setdefault(row["file"], []).append(row)
    found: dict[str, View] = {}
    with tempfile.TemporaryDirectory(prefix="perfkit-") as scratch:
        for number, (name, some) in enumerate(by_file.items()):
            recording = _opened(folder / name, some, Path(scratch) / f"{number}.parquet")
            for row in some:
                found[row["view"]] = _view(recording, row, path)
    families = [row.get("family") or row.get("kind") or "" for row in rows]
    return [found[row["view"]] for row in rows], families


def _opened(path: Path, rows: Sequence[Mapping[str, str]], scratch: Path) -> Recording:
    """The session, or what `perfkit import` makes of another file."""
    if path.suffix == ".parquet" or path.is_dir():
        return open_recording(path)
    maps = [f"{metric}={metric}" for metric in dict.fromkeys(row["metric"] for row in rows)]
    try:
        import_data(path, scratch, maps)
    except UsageError as error:
        # nobody gave --map here: the file does not have what views.csv names
        raise UnusableInput(f"{printable(str(path))} does not fit its views: {error}") from None
    return open_recording(scratch)


def _view(recording: Recording, row: Mapping[str, str], path: Path) -> View:
    metric = row["metric"]
    if metric not in {one.name for one in recording.metrics}:
        raise UnusableInput(
            f"{printable(row['file'])} has no metric {printable(metric)}, which "
            f"{printable(str(path))} names"
        )
    related = next(
        (one for one in capacities(Thresholds()) if metric in (one.metric, *_shown_by(one))), None
    )
    columns = _columns(recording, metric, related)
    t_s, all_values = columns[metric]
    try:
        capacity, end_s = float(row["capacity"]), float(row["end_s"])
        crosses = row["crosses"].strip().lower() in ("1", "true", "yes")
        t_cross_s = float(row["t_cross_s"]) if crosses else None
        falling = row.get("falling", "").strip().lower()
    except ValueError as error:
        raise UnusableInput(
            f"{printable(str(path))}: view {printable(row['view'])} holds no number "
            f"({printable(str(error))})"
        ) from None
    if not all(map(math.isfinite, (capacity, end_s, t_cross_s or 0.0))):
        raise UnusableInput(
            f"{printable(str(path))}: view {printable(row['view'])} needs finite numbers"
        )
    down = falling in ("1", "true", "yes")
    if not falling and len(all_values):
        down = bool(all_values[0] > capacity)  # it begins above: it can only run down to it
    found = View(row["view"], t_s, all_values, capacity, down, t_cross_s, end_s)
    return found if related is None else _with_second_signals(found, related, columns)


Course = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""Times and values of what is valid."""


def _shown_by(one: Capacity) -> Iterator[str]:
    """Other metrics that show the same: those of a whole tree beside that of the nearest process."""
    return (name.removesuffix("_last") for name in one.evidence if name.endswith("_last"))


def _columns(recording: Recording, metric: str, one: Capacity | None) -> dict[str, Course]:
    """The metric, and what the recording has of the capacity's second signals and its whole."""
    names = [metric]
    if one is not None:
        known = {spec.name for spec in recording.metrics}
        wanted = (one.whole.removesuffix("_last"), one.work, one.driver)
        names += [name for name in wanted if name in known]
    parts: dict[str, list[Course]] = {name: [(np.zeros(0), np.zeros(0))] for name in names}
    for block in recording.blocks(names):
        for name, its in parts.items():
            numbers = block.floats(name)
            valid = np.isfinite(numbers)
            its.append((block.t_ns[valid] / 1e9, numbers[valid]))
    return {
        name: (np.concatenate([t for t, _ in its]), np.concatenate([one for _, one in its]))
        for name, its in parts.items()
    }


def _with_second_signals(view: View, one: Capacity, columns: Mapping[str, Course]) -> View:
    driver_of = {its.metric: its for its in capacities(Thresholds())}.get(one.driver)
    done = driver = None
    if one.work in columns and len(columns[one.work][0]):
        t_s, rates = columns[one.work]
        so_far = np.cumsum(rates * np.diff(t_s, prepend=0.0))
        done = np.interp(view.t_s, t_s, so_far, left=0.0)
    if driver_of is not None and one.driver in columns and len(columns[one.driver][0]):
        t_s, values = columns[one.driver]
        nothing = Block(np.zeros(1, np.int64), {})
        driver = replace(
            view,
            t_s=t_s,
            values=values,
            capacity=float(driver_of.capacity_of(nothing)[0]),
            falling=driver_of.falling,
        )
    fresh_s = ()
    if (name := one.whole.removesuffix("_last")) in columns:
        t_s, sizes = columns[name]
        fresh_s = tuple(t_s[other_wholes(sizes, np.nan)].tolist())
    return replace(view, fresh_s=fresh_s, done=done, driver=driver)


def out_rows(scores: Scores) -> list[tuple[object, ...]]:
    """Every single forecast, as rows of OUT_COLUMNS."""
    return [
        (name, one.view, one.t_s, one.probability, one.median_s, one.low_s, one.high_s)
        for name, some in scores.told.items()
        for one in some
    ]
