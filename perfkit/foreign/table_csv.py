"""A table of runs: one row a run, one column a metric, the names in the first line.

A column `pair` tells which runs of base and head belong together; rows with an `exit_code` other
than 0 do not count. Columns without any number (a date, a commit) and row numbers are no metrics.
Fields are separated by commas, semicolons or tabs. An empty field is a run without that figure.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from perfkit.foreign.measurements import (
    Measure,
    Measurements,
    listed,
    read_text,
    unusable,
)
from perfkit.model.text import printable

PAIR = "pair"
EXIT_CODE = "exit_code"
_ROW_NUMBERS = ("", "run", "index", "iteration")
_SEPARATORS = ",;\t"


def read(path: Path) -> Measurements:
    """The runs in the file. Units are left open: the names say them. Raises UnusableInput."""
    header, rows = _rows(path)
    places = {name: place for place, name in enumerate(header)}
    kept, failed = _succeeded(rows, places, path)
    values: dict[Measure, tuple[float | None, ...]] = {}
    ignored: list[str] = []
    for name, place in places.items():
        if name in (PAIR, EXIT_CODE):
            continue
        cells = [(line, row[place].strip()) for line, row in kept]
        if not any(_is_number(cell) for _, cell in cells) or _counts_rows(name, cells):
            ignored.append(name or "(no name)")
            continue
        values[Measure("", name, "")] = tuple(_figure(cell, name, at, path) for at, cell in cells)
    if not values:
        raise unusable(path, "holds no column of numbers; one column a metric, one row a run")
    pairs = None
    if PAIR in places:
        pairs = tuple(row[places[PAIR]].strip() for _, row in kept)
        twice = sorted({pair for pair in pairs if pair and pairs.count(pair) > 1})
        if twice:
            raise unusable(path, f"has the pair {listed(twice, 1)} more than once")
    notes = (f"Columns that are no metrics: {listed(ignored)}.",) if ignored else ()
    return Measurements(values, pairs, tuple(failed), notes)


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    text = read_text(path)
    first = text.lstrip("\r\n").splitlines()[0]
    separator = max(_SEPARATORS, key=lambda one: (first.count(one), -_SEPARATORS.index(one)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header: list[str] = []
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header = [cell.strip() for cell in row]
            elif len(row) != len(header):
                raise unusable(
                    path,
                    f"has {len(row)} fields in line {reader.line_num} where the first line "
                    f"names {len(header)}",
                )
            else:
                rows.append((reader.line_num, row))
    except csv.Error as error:
        raise unusable(path, f"is no table: line {reader.line_num}, {error}") from None
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise unusable(path, f"names the column {listed(twice, 1)} more than once")
    if all(_is_number(name) for name in header):
        raise unusable(path, "has no names in its first line; name each column's metric there")
    if not rows:
        raise unusable(path, "holds no run: there is nothing below its first line")
    return header, rows


def _succeeded(
    rows: Sequence[tuple[int, list[str]]], places: dict[str, int], path: Path
) -> tuple[list[tuple[int, list[str]]], list[str]]:
    if EXIT_CODE not in places:
        return list(rows), []
    kept, failed = [], []
    for line, row in rows:
        code = row[places[EXIT_CODE]].strip()
        if code == "0":
            kept.append((line, row))
        else:
            how = f"exit code {printable(code, 20)}" if code else "no exit code"
            failed.append(f"the run in line {line} failed: {how}")
    if not kept:
        raise unusable(path, "holds no run that succeeded: no exit_code is 0")
    return kept, failed


def _figure(cell: str, name: str, line: int, path: Path) -> float | None:
    if not cell:
        return None
    shown = f"{printable(cell, 40)!r} in line {line}, column {printable(name, 80)}"
    try:
        value = float(cell)
    except ValueError:
        raise unusable(path, f"holds {shown}, where a number belongs") from None
    if not math.isfinite(value) or value < 0:
        raise unusable(path, f"holds {shown}; a figure is a finite number, zero or more")
    return value


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _counts_rows(name: str, cells: Sequence[tuple[int, str]]) -> bool:
    """Whether a column numbers the rows, as tables that other programs write often have."""
    if name.lower() not in _ROW_NUMBERS:
        return False
    first = cells[0][1]
    if not first.isdecimal():
        return False
    return all(cell == str(int(first) + step) for step, (_, cell) in enumerate(cells))
