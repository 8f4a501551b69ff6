"""Cells of text as numbers and as times, a column at a time.

Empty cells, NaN, infinities and the usual words for nothing are null. Times of day are ISO 8601
(without an offset: UTC) or numbers since 1970, whose size tells seconds, milli-, micro- and
nanoseconds apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

NULLS = frozenset(
    {"", "-", "--", "nan", "-nan", "na", "n/a", "null", "none", "nil", "inf", "-inf", "+inf",
     "infinity", "-infinity", "?"}
)  # fmt: skip

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# up to the year 5138 in seconds, from 1973 on in each finer unit
_UNIT_BOUNDS_US = ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (math.inf, 1e-3))
_LATEST_US = 2**62


class BadCell(Exception):
    """The cell at this row is none of what belongs there."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


def figures(
    cells: Sequence[str], *, whole: bool
) -> tuple[npt.NDArray[np.float64] | npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Values and which are there; int64 where whole is asked for and every cell is a whole number.

    Raises BadCell.
    """
    if whole:
        try:
            return np.array(list(map(int, cells)), np.int64), np.ones(len(cells), np.bool_)
        except (ValueError, OverflowError):
            pass
    try:
        values = np.array(list(map(float, cells)), np.float64)
    except ValueError:
        values = np.array([_figure(cell, row) for row, cell in enumerate(cells)], np.float64)
    valid = np.isfinite(values)
    if whole and valid.any() and not valid.all():
        return _whole_with_nulls(cells, values, valid)
    return np.where(valid, values, 0.0), valid


def _figure(cell: str, row: int) -> float:
    if cell.strip().lower() in NULLS:
        return math.nan
    try:
        return float(cell)
    except ValueError:
        raise BadCell(row) from None


def _whole_with_nulls(
    cells: Sequence[str], values: npt.NDArray[np.float64], valid: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64] | npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    # a counter of nanoseconds has more digits than a float
    try:
        exact = [int(cell) if there else 0 for cell, there in zip(cells, valid, strict=True)]
        return np.array(exact, np.int64), valid
    except (ValueError, OverflowError):
        return np.where(valid, values, 0.0), valid


def moments(cells: Sequence[str], factor: float) -> npt.NDArray[np.int64]:
    """Times of day as microseconds since 1970 UTC; factor: seconds a unit where it is not 1.

    Raises BadCell.
    """
    moment = _number_or_date if factor == 1 else lambda cell: float(cell) * factor * 1e6
    found = np.zeros(len(cells), np.int64)
    for row, cell in enumerate(cells):
        found[row] = _checked(cell, row, moment)
    return found


def epoch_us(value: float) -> float:
    """A number since 1970 as microseconds; its size tells its unit. NaN where it is no number."""
    size = abs(value)
    return value * next((worth for bound, worth in _UNIT_BOUNDS_US if size < bound), math.nan)


def since_1970(moment: datetime) -> int:
    """Microseconds; a time without an offset is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def _number_or_date(cell: str) -> float | int:
    try:
        number = float(cell)
    except ValueError:
        return since_1970(datetime.fromisoformat(cell.strip()))
    # nanoseconds have more digits than a float
    return int(cell) // 1000 if abs(number) >= 1e17 and cell.strip().isdigit() else epoch_us(number)


def _checked(cell: str, row: int, moment: Callable[[str], float | int]) -> int:
    try:
        found = round(moment(cell))
    except (ValueError, OverflowError):
        raise BadCell(row) from None
    if abs(found) > _LATEST_US:
        raise BadCell(row)
    return found
