"""A Parquet file with a column of time, read a few thousand rows at a time.

Times of day may be timestamps, numbers since 1970 or text as in `cells`; session clocks numbers or
durations; metrics numbers of any kind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from perfkit.errors import UnusableInput
from perfkit.foreign.cells import BadCell, epoch_us, moments
from perfkit.foreign.measurements import listed, unusable
from perfkit.foreign.series import Layout, Mapped, Rows, Taken, Trouble, clock_ns, stored
from perfkit.foreign.text_rows import session_clock
from perfkit.model.block import Column
from perfkit.model.metric import INTEGER
from perfkit.model.text import printable

MAGIC = b"PAR1"

_BLOCK_ROWS = 20_000
_SESSION_KEY = b"perfkit"
_WORTH_US = {"s": 10**6, "ms": 10**3, "us": 1}


class ParquetSeries:
    """See `series.SeriesFile`."""

    kind = "parquet"
    place = "row"
    presets: Sequence[Mapped] = ()

    def __init__(self, path: Path) -> None:
        """Read the footer. Raises UnusableInput."""
        self.path = path
        self._trouble = Trouble(path, self.place)
        with self._damage_told():
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
        if _SESSION_KEY in (self._file.metadata.metadata or {}):
            raise unusable(path, "is a session of perfkit already: there is nothing to import")
        self.names: Sequence[str] = list(self._file.schema_arrow.names)

    @property
    def notes(self) -> Sequence[str]:
        """See SeriesFile."""
        return self._trouble.notes

    def rows(self, layout: Layout) -> Iterator[Rows]:
        """See SeriesFile."""
        schema = self._file.schema_arrow
        for name in layout.columns:
            if pa.types.is_nested(schema.field(name).type):
                raise unusable(self.path, f"holds no plain numbers in its column {listed([name])}")
        first = 1
        batches = self._file.iter_batches(
            _BLOCK_ROWS, columns=list(layout.columns), use_threads=False
        )
        while True:
            with self._damage_told():
                batch = next(batches, None)
                if batch is not None:
                    batch.validate(full=True)
            if batch is None:
                return
            if batch.num_rows:
                yield self._rows(batch, first, layout)
            first += batch.num_rows

    def _rows(self, batch: pa.RecordBatch, first: int, layout: Layout) -> Rows:
        clock = wall = None
        if layout.clock is not None:
            column = layout.clock.column
            with self._cell_told(batch, column, first, "a number of the clock belongs"):
                clock = _clock(batch.column(column), layout.clock)
        if layout.wall is not None:
            column = layout.wall.column
            with self._cell_told(batch, column, first, "a time belongs"):
                wall = _wall(batch.column(column), layout.wall)
        columns: dict[str, Column] = {}
        for one in layout.taken:
            with self._cell_told(batch, one.column, first, "a number that can be kept belongs"):
                columns[one.metric.name] = _column(batch.column(one.column), one)
        places = np.arange(first, first + batch.num_rows)
        return Rows(places, clock, wall, columns)

    @contextlib.contextmanager
    def _cell_told(
        self, batch: pa.RecordBatch, column: str, first: int, wanted: str
    ) -> Iterator[None]:
        try:
            yield
        except BadCell as error:
            text = str(batch.column(column)[error.row])
            raise self._trouble.cell(text, first + error.row, column, wanted) from None
        except (pa.ArrowException, ValueError, OverflowError):
            kind = printable(str(batch.schema.field(column).type), 60)
            raise unusable(
                self.path,
                f"holds values of the type {kind} in column {printable(column, 80)}, from row "
                f"{first} on, where {wanted}",
            ) from None

    @contextlib.contextmanager
    def _damage_told(self) -> Iterator[None]:
        # Arrow reports damage as whatever the damaged bytes made it trip over.
        try:
            yield
        except FileNotFoundError:
            raise UnusableInput(
                f"{printable(str(self.path))} does not exist; check the path"
            ) from None
        except MemoryError:
            raise unusable(self.path, "is damaged: it claims to be larger than memory") from None
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            reason = printable(str(error).partition("\n")[0], 120).rstrip(". ")
            raise unusable(
                self.path, f"is damaged ({reason}); use an intact copy of the file"
            ) from None


def _numbers(array: pa.Array) -> npt.NDArray[np.float64]:
    """As float64, NaN where null."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    if not _is_number(array.type):
        raise ValueError
    numbers: npt.NDArray[np.float64] = array.cast(pa.float64(), safe=False).to_numpy(
        zero_copy_only=False
    )
    return numbers


def _is_number(type: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(type) or pa.types.is_floating(type) or pa.types.is_decimal(type)
    )


def _texts(array: pa.Array) -> list[str]:
    return ["" if text is None else text for text in array.cast(pa.string()).to_pylist()]


def _is_text(type: pa.DataType) -> bool:
    if pa.types.is_dictionary(type):
        return _is_text(type.value_type)
    return bool(pa.types.is_string(type) or pa.types.is_large_string(type))


def _clock(array: pa.Array, clock: Mapped) -> npt.NDArray[np.int64]:
    _assert_none_null(array)
    if pa.types.is_duration(array.type):
        return np.asarray(array.cast(pa.duration("ns")).cast(pa.int64()), np.int64)
    if _is_text(array.type):
        return session_clock(_texts(array), clock)
    values: npt.NDArray[np.float64] | npt.NDArray[np.int64] = _numbers(array)
    if pa.types.is_integer(array.type):
        values = np.asarray(array.cast(pa.int64()), np.int64)
    found = clock_ns(values, clock)
    if isinstance(found, int):
        raise BadCell(found)
    return found


def _wall(array: pa.Array, wall: Mapped) -> npt.NDArray[np.int64]:
    _assert_none_null(array)
    if pa.types.is_timestamp(array.type):
        whole = np.asarray(array.cast(pa.int64()), np.int64)
        if array.type.unit == "ns":
            return whole // 1000
        worth = _WORTH_US[array.type.unit]
        outside = np.abs(whole) > 2**62 // worth
        if outside.any():
            raise BadCell(int(np.flatnonzero(outside)[0]))
        return whole * worth
    if pa.types.is_date(array.type):
        return np.asarray(array.cast(pa.timestamp("us")).cast(pa.int64()), np.int64)
    if _is_text(array.type):
        return moments(_texts(array), wall.factor)
    if pa.types.is_integer(array.type) and wall.factor == 1:
        return moments([str(value) for value in array.to_pylist()], 1)
    numbers = _numbers(array)
    scaled = (
        np.array([epoch_us(value) for value in numbers.tolist()], np.float64)
        if wall.factor == 1
        else numbers * (wall.factor * 1e6)
    )
    outside = ~(np.abs(scaled) < 2.0**62)
    if outside.any():
        raise BadCell(int(np.flatnonzero(outside)[0]))
    return np.rint(scaled).astype(np.int64)


def _assert_none_null(array: pa.Array) -> None:
    if array.null_count:
        raise BadCell(int(np.flatnonzero(np.asarray(array.is_null()))[0]))


def _column(array: pa.Array, one: Taken) -> Column:
    if pa.types.is_null(array.type):
        return Column(np.zeros(len(array)), np.zeros(len(array), np.bool_))
    whole = one.metric.format == INTEGER and one.factor == 1
    values: npt.NDArray[np.float64] | npt.NDArray[np.int64]
    if whole and pa.types.is_integer(array.type):
        valid = ~np.asarray(array.is_null())
        values = np.asarray(array.cast(pa.int64()).fill_null(0), np.int64)
    else:
        numbers = _numbers(array)
        valid = np.isfinite(numbers)
        values = np.where(valid, numbers, 0.0)
    found = stored(values, valid, one)
    if isinstance(found, int):
        raise BadCell(found)
    return found
