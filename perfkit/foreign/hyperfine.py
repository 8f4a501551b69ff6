"""`hyperfine --export-json`: every timing is a run of the process.

Version 1 holds a list of wall times a command (CPU times only as their means, which are no runs);
version 2 (`schema_version` 2) holds every figure of every run.
Source: src/benchmark/benchmark_result.rs of hyperfine 1.20, --export-json of hyperfine 2.0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from perfkit.foreign.measurements import (
    Measure,
    Measurements,
    listed,
    number,
    objects,
    read_json,
    unusable,
    words,
)
from perfkit.model.text import printable

TOOL = "hyperfine"
NEWEST_SCHEMA = 2

_FIGURES: Mapping[str, tuple[str, bool]] = {
    "time_wall_clock": ("wall_s", True),
    "time_cpu": ("cpu_s", True),
    "time_user": ("cpu_user_s", False),
    "time_system": ("cpu_system_s", False),
    "memory_peak_resident": ("peak_rss_bytes", True),
}
_UNITS = {"second": "s", "byte": "bytes"}
_ZERO_IF_UNKNOWN = ("memory_peak_resident",)  # no process has no memory: it was not measured


def read(path: Path) -> Measurements:
    """The runs of every command in the file. Raises UnusableInput."""
    data = read_json(path, TOOL)
    results = objects(data, "results", path, TOOL)
    schema = data.get("schema_version", 1)
    if not isinstance(schema, int) or schema > NEWEST_SCHEMA:
        raise unusable(
            path,
            f"has version {printable(words(schema), 20)} of hyperfine's format, and "
            f"{NEWEST_SCHEMA} is the newest that is read; export with an older hyperfine",
        )
    values: dict[Measure, tuple[float | None, ...]] = {}
    failed: list[str] = []
    notes: list[str] = []
    for place, result in enumerate(results):
        label = words(result.get("name") or result.get("command", ""))
        if any(measure.benchmark == label for measure in values):
            raise unusable(
                path, f"holds the command {printable(label, 80)} twice; give each a --command-name"
            )
        if "measurements" in result:
            values |= _each_run(result, label, place, path, failed)
        else:
            values |= _times(result, label, place, path, failed)
            note = "hyperfine 1 keeps of CPU times their means alone: they cannot be compared."
            if note not in notes:
                notes.append(note)
    if not values:
        raise unusable(path, f"holds no run that succeeded: {listed(failed, 2)}")
    return Measurements(values, failed=tuple(failed), notes=tuple(notes))


def _times(
    result: Mapping[str, Any], label: str, place: int, path: Path, failed: list[str]
) -> dict[Measure, tuple[float | None, ...]]:
    times = result.get("times")
    if not isinstance(times, list):
        raise unusable(
            path,
            f"holds no times of {printable(label, 80)}, only their mean; "
            "a comparison needs every run's (hyperfine --export-json)",
        )
    codes = _codes(result.get("exit_codes"), len(times))
    columns: dict[Measure, list[Any]] = {Measure(label, "wall_s", "s"): times}
    memory = result.get("memory_usage_byte")
    if isinstance(memory, list) and len(memory) == len(times) and any(memory):
        columns[Measure(label, "peak_rss_bytes", "bytes")] = memory
    failed += _failures(codes, label)
    kept = [run for run, code in enumerate(codes) if code == 0]
    return {
        measure: tuple(
            number(column[run], path, f"results[{place}], {measure.name} {run}") for run in kept
        )
        for measure, column in columns.items()
        if kept
    }


def _each_run(
    result: Mapping[str, Any], label: str, place: int, path: Path, failed: list[str]
) -> dict[Measure, tuple[float | None, ...]]:
    everything = objects(result, "measurements", path, TOOL)
    failed += _failures([run.get("exit_code") for run in everything], label)
    runs = [run for run in everything if run.get("exit_code") == 0]
    values: dict[Measure, tuple[float | None, ...]] = {}
    for key in dict.fromkeys(key for run in runs for key in run if key != "exit_code"):
        figures = [run.get(key) for run in runs]
        there = [figure for figure in figures if isinstance(figure, Mapping)]
        if not there:
            continue
        unit = words(there[0].get("unit", ""))
        name, gating = _FIGURES.get(key, (key, False))
        column = tuple(
            number(figure.get("value"), path, f"results[{place}], {printable(key, 40)} {run}")
            if isinstance(figure, Mapping)
            else None
            for run, figure in enumerate(figures)
        )
        if key not in _ZERO_IF_UNKNOWN or all(column):
            values[Measure(label, name, _UNITS.get(unit, ""), gating)] = column
    return values


def _codes(codes: object, runs: int) -> list[Any]:
    # versions before 1.13 kept none: they stopped at the first failure
    return codes if isinstance(codes, list) and len(codes) == runs else [0] * runs


def _failures(codes: Sequence[Any], label: str) -> Iterator[str]:
    """The runs that failed, those that failed alike in one sentence."""
    ways = Counter(
        "ended by a signal" if code is None else f"exit code {printable(words(code), 20)}"
        for code in codes
        if code != 0
    )
    for way, runs in ways.items():
        count = "1 run" if runs == 1 else f"{runs} runs"
        yield f"{count} of {printable(label, 80)} failed: {way}"
