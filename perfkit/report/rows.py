"""The rows of a query: aligned for a person, exact for a program.

columns: their names. rows: one sequence of values each, as DuckDB gives them: None, bool, int,
float, str, bytes, Decimal, date and time values, and lists and dicts of these.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from rich.cells import cell_len, set_cell_size

from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.sheet import HEADING, QUIET, Line, Sheet, ink, wrap
from perfkit.report.units import UNKNOWN

Rows = Sequence[Sequence[object]]

CELL_LIMIT = 60
"""Columns of a table on a screen; longer text is cut there. In a pipe nothing is."""


class RowFormat(StrEnum):
    """The catalogue of row formats: each names a function of this module."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def render(
    columns: Sequence[str],
    rows: Rows,
    format: RowFormat,
    page: Page,
    types: Sequence[str] = (),
) -> str:
    """The rows in the format asked for; ends in a newline.

    types: DuckDB's names of the columns' types, where they are known: a FLOAT is written with the
    digits it has (11.6) and not with those of the double it is handed over as (11.600000381…).
    """
    singles = [at for at, type in enumerate(types) if type == "FLOAT"]
    if singles:
        rows = [_shortened(row, singles) for row in rows]
    if format is RowFormat.CSV:
        return as_csv(columns, rows)
    if format is RowFormat.JSON:
        return as_json(columns, rows)
    return as_table(columns, rows, page)


def as_csv(columns: Sequence[str], rows: Rows) -> str:
    """CSV as RFC 4180 has it: a header line, CRLF, quotes where needed; null is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_as_text(value) for value in row] for row in rows)
    return text.getvalue()


def as_json(columns: Sequence[str], rows: Rows) -> str:
    """An array of objects, one a line; times ISO 8601, NaN and infinities null.

    Columns of one name get `_1`, `_2`, … so that none is lost.
    """
    names = _distinct(columns)
    lines = (
        json.dumps(
            dict(zip(names, (_as_json(value) for value in row), strict=True)), allow_nan=False
        )
        for row in rows
    )
    return "[" + ",\n ".join(lines) + "]\n"


def as_table(columns: Sequence[str], rows: Rows, page: Page) -> str:
    """Aligned text: numbers to the right, everything made printable.

    With colour, which is to say on a screen, long cells are cut and a table wider than the page
    is turned: one block a row, one line a column. Without it every row is one whole line.
    """
    limit = CELL_LIMIT if page.colour else 0
    names = [printable(name, limit) for name in columns]
    cells = [[_as_cell(value, limit) for value in row] for row in rows]
    widths = [
        max([cell_len(name), *(cell_len(row[at]) for row in cells)])
        for at, name in enumerate(names)
    ]
    if page.colour and sum(widths) + 2 * len(widths) - 2 > page.width:
        return ink(_turned(names, cells, page), page)
    right = [_is_numeric(row[at] for row in rows) for at in range(len(names))]
    sheet = Sheet(page.width)
    sheet.line((_aligned(names, widths, right), HEADING))
    sheet.line(("  ".join("─" * width for width in widths), QUIET))
    for row in cells:
        sheet.line((_aligned(row, widths, right), ""))
    if page.colour:
        sheet.line((f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}", QUIET))
    return ink(sheet.lines, page)


def _shortened(row: Sequence[object], singles: Sequence[int]) -> list[object]:
    import numpy as np

    values = list(row)
    for at in singles:
        value = values[at]
        if isinstance(value, float):
            values[at] = float(str(np.float32(value)))
    return values


def _turned(names: Sequence[str], cells: Sequence[Sequence[str]], page: Page) -> list[Line]:
    sheet = Sheet(max(page.width, 1))
    indent = min(max((cell_len(name) for name in names), default=0) + 2, page.width // 2)
    for number, row in enumerate(cells, start=1):
        sheet.line((f"row {number} of {len(cells)}", HEADING))
        for name, value in zip(names, row, strict=True):
            label = wrap(name, indent - 1)
            for part in label[:-1]:
                sheet.line((part, QUIET))
            sheet.paragraph(value, indent=indent, head=(label[-1], QUIET))
    return sheet.lines


def _aligned(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    return "  ".join(
        " " * (width - cell_len(text)) + text if to_right else set_cell_size(text, width)
        for text, width, to_right in zip(texts, widths, right, strict=True)
    )


def _is_numeric(values: Iterable[object]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in known
    )


def _as_cell(value: object, limit: int) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, float):
        return _as_figure(value)
    return printable(_as_text(value), limit)


def _as_figure(value: float) -> str:
    """Six significant digits, more where the number has them before its point."""
    if not math.isfinite(value):
        return str(value)
    return f"{value:.0f}" if 1e5 <= abs(value) < 1e15 else f"{value:.6g}"


def _as_text(value: object) -> str:
    """The value as a CSV field: exact, null empty, nested values as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(_as_json(value), ensure_ascii=False, allow_nan=False)
    return str(_as_json(value)) if not isinstance(value, float) else repr(value)


def _as_json(value: object) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return _as_json(int(value) if value == value.to_integral_value() else float(value))
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Mapping):
        return {str(key): _as_json(member) for key, member in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [_as_json(member) for member in value]
    return str(value)


def _distinct(names: Sequence[str]) -> list[str]:
    taken = set(names)
    distinct: list[str] = []
    for name in names:
        number = 0
        candidate = name
        while candidate in distinct or (number and candidate in taken):
            number += 1
            candidate = f"{name}_{number}"
        distinct.append(candidate)
    return distinct
