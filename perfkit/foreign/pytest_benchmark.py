"""`pytest --benchmark-json` and `.benchmarks/`: one file is one run of a Python process.

Rounds within a file share everything that differs from process to process (where memory lies, the
seed of hashes, what else ran): they are no runs. A file's figure is the median of its rounds, and
a comparison needs several files a side.
Source: the JSON that pytest-benchmark 3.2 to 5.3 writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

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

TOOL = "pytest-benchmark"
_NS_PER_S = 1e9


def read(path: Path) -> Measurements:
    """The median of every benchmark in the file. Raises UnusableInput."""
    values: dict[Measure, tuple[float | None, ...]] = {}
    failed: list[str] = []
    for place, one in enumerate(objects(read_json(path, TOOL), "benchmarks", path, TOOL)):
        label = words(one.get("fullname") or one.get("name", ""))
        if one.get("has_error"):
            failed.append(f"{printable(label, 80)} failed in {printable(str(path))}")
            continue
        stats = one.get("stats")
        if not isinstance(stats, Mapping) or "median" not in stats:
            raise unusable(path, f"is not the JSON of {TOOL}: benchmarks[{place}] has no median")
        median_s = number(stats["median"], path, f"benchmarks[{place}], median")
        measure = Measure(label, "", "ns")
        if measure in values:
            raise unusable(path, f"holds the benchmark {printable(label, 80)} twice")
        values[measure] = (median_s * _NS_PER_S,)
    if not values:
        raise unusable(path, "holds no benchmark that succeeded")
    return Measurements(values, failed=tuple(failed))
