"""Runs whose end is known: what a folder's views.csv names, read into views to be scored."""

from __future__ import annotations

import csv
import math
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perfkit.analysis.forecast.capacities import Capacity, capacities
from perfkit.analysis.forecast.history import other_wholes
from perfkit.analysis.forecast_scoring import View
from perfkit.errors import UnusableInput, UsageError
from perfkit.model.block import Block
from perfkit.model.text import printable
from perfkit.model.thresholds import Thresholds
from perfkit.workflows.import_data import import_data
from perfkit.workflows.source import Recording, open_recording

VIEWS_FILE = "views.csv"
NEEDED = ("view", "file", "metric", "capacity", "crosses", "t_cross_s", "end_s")

_ENDS_BY = 1.05
"""Of the end: who notes when it crossed and when it ended may use two clocks."""

_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}

Course = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""Times and values of what is valid."""


def labelled_views(folder: Path, from_s: float = 10.0) -> tuple[list[View], list[str]]:
    """The views, and of what family of programs each is (its kind else), where that is told.

    from_s: until when what is seen tells whether a metric runs down to its capacity, where neither
    views.csv nor the metric's own meaning does. Raises UnusableInput for a file that cannot be used.
    """
    path = folder / VIEWS_FILE
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnusableInput(
            f"{printable(str(path))} cannot be read ({printable(str(error))}); "
            "it has to name the views, a row each"
        ) from None
    if any(None in row.values() for row in rows):
        raise UnusableInput(
            f"{printable(str(path))} has a row with fewer cells than its first line has names"
        )
    twice = [name for name, times in Counter(row.get("view") for row in rows).items() if times > 1]
    if twice:
        raise UnusableInput(
            f"{printable(str(path))} names the view {printable(str(twice[0]))} twice; "
            "forecasts are told apart by it"
        )
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
                found[row["view"]] = _view(recording, row, path, from_s)
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


def _view(recording: Recording, row: Mapping[str, str], path: Path, from_s: float) -> View:
    metric = row["metric"]
    if metric not in {one.name for one in recording.metrics}:
        raise UnusableInput(
            f"{printable(row['file'])} has no metric {printable(metric)}, which "
            f"{printable(str(path))} names"
        )
    related = _related(metric)
    columns = _columns(recording, metric, related)
    t_s, all_values = columns[metric]
    where = f"{printable(str(path))}: view {printable(row['view'])}"
    crosses = _whether(row["crosses"], f"{where}: crosses")
    capacity, end_s = (_number(row[name], f"{where}: {name}") for name in ("capacity", "end_s"))
    t_cross_s = _number(row["t_cross_s"], f"{where}: t_cross_s") if crosses else None
    if end_s <= 0 or (t_cross_s is not None and not 0 < t_cross_s <= _ENDS_BY * end_s):
        raise UnusableInput(f"{where} needs 0 < t_cross_s <= end_s, in seconds of its file")
    falling = row.get("falling", "").strip()
    if falling:
        down = _whether(falling, f"{where}: falling")
    elif related is not None:
        down = related.falling
    else:
        # it lies above: it can only run down to it; starts are wild, so the middle of them counts
        early = all_values[t_s <= from_s]
        down = bool(len(early)) and float(np.median(early)) > capacity
    found = View(row["view"], t_s, all_values, capacity, down, t_cross_s, end_s)
    return found if related is None else _with_second_signals(found, related, columns)


def _whether(text: str, what: str) -> bool:
    found = _WORDS.get(text.strip().lower().removesuffix(".0"))
    if found is None:
        raise UnusableInput(f"{what} has to be 1 or 0, not {printable(repr(text), 40)}")
    return found


def _number(text: str, what: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise UnusableInput(f"{what} has to be a finite number, not {printable(repr(text), 40)}")
    return found


def _related(metric: str) -> Capacity | None:
    """The metric's own capacity, else the one that it bears on: as that of a whole tree does beside
    that of the process nearest its limit. What bears on a metric that falls need not fall."""
    known = capacities(Thresholds())
    own = [one for one in known if one.metric == metric]
    near = [one for one in known if not one.falling and f"{metric}_last" in one.evidence]
    return next(iter((*own, *near)), None)


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
