"""Lines of a text file, checked and in blocks, and the rows made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perfkit.errors import UnusableInput
from perfkit.foreign.cells import BadCell, figures, moments
from perfkit.foreign.measurements import unusable
from perfkit.foreign.series import (
    T_NS,
    Layout,
    Mapped,
    Rows,
    Taken,
    Trouble,
    clock_ns,
    stored,
)
from perfkit.model.block import Column
from perfkit.model.metric import INTEGER
from perfkit.model.text import printable

BLOCK_ROWS = 10_000
LONGEST_LINE = 2**20

_NO_NUMBER = "a number belongs"
_NO_TIME = "a time belongs (ISO 8601, or seconds since 1970)"
_TOO_LARGE = "no number of that size can be kept"


def lines(path: Path) -> Iterator[str]:
    """The lines of a text file with their ends. Raises UnusableInput, naming the line."""
    number = 0
    try:
        with path.open("rb") as file:
            while data := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(data) > LONGEST_LINE:
                    raise unusable(path, f"is no table: line {number} is longer than 1 MiB")
                if b"\0" in data:
                    raise unusable(
                        path, f"is not text: line {number} holds null characters; save it as UTF-8"
                    )
                yield data.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise unusable(
            path, f"is not text in UTF-8 (line {number}); save it in that encoding"
        ) from None
    except FileNotFoundError:
        raise UnusableInput(f"{printable(str(path))} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a valid path"
        raise UnusableInput(
            f"cannot read {printable(str(path))} ({reason}); check its permissions"
        ) from None


def in_blocks(
    fields: Iterable[tuple[int, Sequence[str]]],
    names: Sequence[str],
    layout: Layout,
    trouble: Trouble,
) -> Iterator[Rows]:
    """Rows of text, each with its place, as blocks of the columns that the layout takes.

    names: of the fields of every row. Raises UnusableInput, naming the cell.
    """
    rows = iter(fields)
    while block := list(islice(rows, BLOCK_ROWS)):
        places = [place for place, _ in block]
        columns = list(zip(*(row for _, row in block), strict=True))
        cells = {name: columns[names.index(name)] for name in layout.columns}
        yield rows_of(cells, places, layout, trouble)


def rows_of(
    cells: Mapping[str, Sequence[str]], places: Sequence[int], layout: Layout, trouble: Trouble
) -> Rows:
    """Columns of text as a block of rows. Raises UnusableInput, naming the cell."""
    clock = wall = None
    at, column, wanted = 0, "", _NO_TIME
    try:
        if layout.clock is not None:
            column, wanted = layout.clock.column, "a number of the clock belongs"
            clock = session_clock(cells[column], layout.clock)
        if layout.wall is not None:
            column, wanted = layout.wall.column, _NO_TIME
            wall = moments(cells[column], layout.wall.factor)
        columns: dict[str, Column] = {}
        for one in layout.taken:
            column, wanted = one.column, _NO_NUMBER
            columns[one.metric.name] = _column(cells[column], one)
    except _TooLarge as error:
        at, wanted = error.row, _TOO_LARGE
    except BadCell as error:
        at = error.row
    else:
        return Rows(np.array(places, np.int64), clock, wall, columns)
    raise trouble.cell(cells[column][at], places[at], column, wanted)


def session_clock(cells: Sequence[str], clock: Mapped) -> npt.NDArray[np.int64]:
    """Nanoseconds. Raises BadCell: a time is never null."""
    values, valid = figures(cells, whole=clock.metric == T_NS and clock.factor == 1)
    found = clock_ns(np.where(valid, values, np.nan) if not valid.all() else values, clock)
    if isinstance(found, int):
        raise BadCell(found)
    return found


class _TooLarge(BadCell):
    pass


def _column(cells: Sequence[str], one: Taken) -> Column:
    whole = one.metric.format == INTEGER and one.factor == 1
    values, valid = figures(cells, whole=whole)
    found = stored(values, valid, one)
    if isinstance(found, int):
        raise _TooLarge(found)
    return found
