"""The catalogue of foreign formats: a row each, in the order of the help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perfkit.foreign import hyperfine, pyperf, pytest_benchmark, table_csv
from perfkit.foreign.measurements import Measurements


@dataclass(frozen=True)
class ForeignFormat:
    """name: as the user writes it. run: what one run is there, for a report's notes."""

    name: str
    read: Callable[[Path], Measurements]
    suffixes: tuple[str, ...]
    run: str


FORMATS: tuple[ForeignFormat, ...] = (
    ForeignFormat("hyperfine", hyperfine.read, (".json",), "one timing of the command"),
    ForeignFormat(
        "pytest-benchmark",
        pytest_benchmark.read,
        (".json",),
        "one file, since the rounds of one process are not independent: name several files a "
        "side (a folder, or a quoted pattern)",
    ),
    ForeignFormat("pyperf", pyperf.read, (".json",), "one worker process"),
    ForeignFormat("csv", table_csv.read, (".csv", ".tsv"), "one row"),
)
