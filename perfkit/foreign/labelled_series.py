"""Labelled series in the layout of the Numenta Anomaly Benchmark.

A folder with `windows.json` (or `combined_windows.json`), which maps FOLDER/NAME.csv to the
[start, end] pairs of its labelled windows, and these files: `timestamp,value`, a header first.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perfkit.errors import UnusableInput
from perfkit.model.text import printable

LABELS = ("windows.json", "combined_windows.json")
_LARGEST_LABELS = 64 << 20


@dataclass(frozen=True)
class LabelledSeries:
    """One file. name: FOLDER/NAME.csv; timestamps: as written; values: float64[n], finite;
    windows: numbers of the first and of the last row of each, in order."""

    name: str
    timestamps: tuple[str, ...]
    values: npt.NDArray[np.float64]
    windows: tuple[tuple[int, int], ...]


def read_folder(folder: Path) -> list[LabelledSeries]:
    """Every file that the labels name, by name.

    Raises UnusableInput where the labels or a file are missing or not as above, in one sentence.
    """
    labels = _labels(folder)
    return [_series(folder, name, labels[name]) for name in sorted(labels)]


def _labels(folder: Path) -> dict[str, list[tuple[str, str]]]:
    place = next((folder / name for name in LABELS if (folder / name).is_file()), None)
    if place is None:
        raise UnusableInput(
            f"{printable(str(folder))} holds no {LABELS[0]}, which says where its anomalies are; "
            "the layout is that of the Numenta Anomaly Benchmark"
        )
    shown = printable(str(place))
    try:
        if place.stat().st_size > _LARGEST_LABELS:
            raise UnusableInput(f"{shown} is larger than labels can be")
        found = json.loads(place.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        raise UnusableInput(f"{shown} is no JSON that can be read") from None
    if not isinstance(found, dict) or not found:
        raise UnusableInput(f"{shown} does not map files to windows; is it another file?")
    labels = {}
    for name, windows in found.items():
        if not isinstance(windows, list) or not all(
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(t, str) for t in pair)
            for pair in windows
        ):
            raise UnusableInput(
                f"{shown}: {printable(name)} needs a list of [start, end] pairs of timestamps"
            )
        parts = Path(name).parts
        if Path(name).is_absolute() or ".." in parts:
            raise UnusableInput(f"{shown}: {printable(name)} leads out of the folder")
        labels[name] = [(start, end) for start, end in windows]
    return labels


def _series(folder: Path, name: str, labelled: list[tuple[str, str]]) -> LabelledSeries:
    shown = printable(str(folder / name))
    timestamps: list[str] = []
    times: list[np.datetime64] = []
    values: list[float] = []
    try:
        with (folder / name).open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            if [word.strip() for word in header[:2]] != ["timestamp", "value"]:
                raise UnusableInput(f"{shown} does not begin with the header timestamp,value")
            for row in rows:
                if not row:
                    continue
                timestamps.append(row[0])
                times.append(_time(row[0]))
                values.append(_finite(row[1]))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UnusableInput(f"{shown}, which the labels name, cannot be read ({reason})") from None
    except (ValueError, IndexError, csv.Error):
        raise UnusableInput(
            f"{shown}, row {len(values) + 1} after the header: not a timestamp "
            "(YYYY-MM-DD HH:MM:SS) and a finite number"
        ) from None
    if not values:
        raise UnusableInput(f"{shown} holds no row")
    moments = np.array(times)
    windows = []
    for start, end in labelled:
        try:
            inside = np.flatnonzero((moments >= _time(start)) & (moments <= _time(end)))
        except ValueError:
            inside = np.zeros(0, np.int64)
        if not len(inside):
            raise UnusableInput(
                f"{shown}: no row lies in its window {printable(start)} to {printable(end)}"
            )
        windows.append((int(inside[0]), int(inside[-1])))
    windows.sort()
    if any(second[0] <= first[1] for first, second in pairwise(windows)):
        raise UnusableInput(f"{shown}: two of its windows overlap")
    return LabelledSeries(name, tuple(timestamps), np.array(values), tuple(windows))


def _time(text: str) -> np.datetime64:
    return np.datetime64(datetime.fromisoformat(text.strip()).replace(tzinfo=None), "us")


def _finite(text: str) -> float:
    value = float(text)
    if not np.isfinite(value):
        raise ValueError(text)
    return value
