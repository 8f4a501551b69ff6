"""`pyperf … -o FILE`: every run is a worker process, its figure the median of its values.

Runs that only calibrated have no values and are no measurement. Values within one worker are not
runs of their own: they share its memory layout and its hash seed.
Source: https://pyperf.readthedocs.io/en/latest/api.html#json-format (version 1.0).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perfkit.foreign.measurements import (
    Measure,
    Measurements,
    number,
    objects,
    read_json,
    unusable,
    words,
)
from perfkit.model.text import printable

TOOL = "pyperf"
_UNITS = {"second": ("ns", 1e9), "byte": ("bytes", 1.0), "integer": ("count", 1.0)}


def read(path: Path) -> Measurements:
    """The runs of every benchmark in the file. Raises UnusableInput."""
    data = read_json(path, TOOL)
    benchmarks = objects(data, "benchmarks", path, TOOL)
    if not words(data.get("version", "1.0")).startswith("1."):
        raise unusable(
            path,
            f"has version {printable(words(data['version']), 20)} of pyperf's format, "
            "and 1 is the one that is read",
        )
    shared = _mapping(data.get("metadata"))
    values: dict[Measure, tuple[float | None, ...]] = {}
    for place, benchmark in enumerate(benchmarks):
        runs = objects(benchmark, "runs", path, TOOL)
        # what all runs have in common is moved up, to the benchmark or to the file
        facts = {
            **shared,
            **_mapping(runs[0].get("metadata")),
            **_mapping(benchmark.get("metadata")),
        }
        unit, worth = _UNITS.get(words(facts.get("unit", "second")), ("", 1.0))
        measure = Measure(words(facts.get("name", "")), "", unit)
        if measure in values:
            raise unusable(path, f"holds the benchmark {printable(measure.benchmark, 80)} twice")
        medians = []
        for at, run in enumerate(runs):
            found = run.get("values") or []
            if not isinstance(found, list):
                raise unusable(path, f"is not the JSON of {TOOL}: values are no list")
            where = f"benchmarks[{place}], runs[{at}]"
            figures = [number(value, path, where) for value in found]
            if figures:
                medians.append(statistics.median(figures) * worth)
        if medians:
            values[measure] = tuple(medians)
    if not values:
        raise unusable(path, "holds no value: its runs only calibrated")
    return Measurements(values)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
