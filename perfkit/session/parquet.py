"""The session file: one Parquet file, one row a tick, readable without perfkit.

Columns are flat and explain themselves in their field metadata: `unit`, `meaning` and `kind`, the
latter as three words (kind, group and scope, for instance `counter fast target`; each further key
would cost 4 kB over all columns). The facts of the session are JSON under the file's metadata key
`perfkit`. Raw columns are int64 (a few
float64), derived ones float32. `processes` and `events` are lists of structs, null where a tick
has none. Every page carries a checksum, so a flipped bit among the ticks is an error and never a
wrong figure.

Writing and reading go one row group at a time: memory is bounded by ROW_GROUP_TICKS and
ROW_GROUP_EVENTS, not by the length of the session.

How columns are encoded was measured (benchmarks/seal.py prints the outcome), see `_encodings`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from perfkit.errors import OutputRefused, UnusableInput
from perfkit.model.block import Block, Column
from perfkit.model.events import Events, Fields
from perfkit.model.metric import CLOCK, COUNTER, DELTA, FLOAT, INTEGER, SINGLE, Metric
from perfkit.model.session import Session
from perfkit.model.text import printable
from perfkit.model.tick import BYTES, PROCESS_FIELDS
from perfkit.session.schema import (
    METADATA_KEY,
    SCHEMA_VERSION,
    metric_from_facts,
    session_from_json,
    session_to_json,
)

__all__ = ["ROW_GROUP_TICKS", "SCHEMA_VERSION", "SessionFile", "arrow_table", "write_session"]

ROW_GROUP_TICKS = 20_000
ROW_GROUP_EVENTS = 200_000
"""The tick with which a row group reaches so many events is its last."""

PROCESSES = "processes"
EVENTS = "events"

_TYPES = {INTEGER: pa.int64(), FLOAT: pa.float64(), SINGLE: pa.float32()}
_NUMPY_TYPES = {INTEGER: np.int64, FLOAT: np.float64, SINGLE: np.float32}
_TIME_TYPE = pa.timestamp("us", tz="UTC")
_PROCESS_TYPE = pa.struct(
    [(name, pa.string() if kind == BYTES else pa.int64()) for name, kind, _ in PROCESS_FIELDS]
)
_PROCESS_VALUES = itemgetter(*(name for name, _, _ in PROCESS_FIELDS))
EVENT_TYPE = pa.struct(
    [
        ("t_ns", pa.int64()),
        ("type", pa.string()),
        ("duration_ms", pa.float64()),
        ("ok", pa.bool_()),
        ("numbers", pa.map_(pa.string(), pa.float64())),
        ("labels", pa.map_(pa.string(), pa.string())),
    ]
)
_EVENT = f"{EVENTS}.list.element"
_EVENT_DICTIONARIES = (
    f"{_EVENT}.type",
    f"{_EVENT}.numbers.key_value.key",
    f"{_EVENT}.labels.key_value.key",
    f"{_EVENT}.labels.key_value.value",
)
_EVENT_ENCODINGS = {f"{_EVENT}.t_ns": "DELTA_BINARY_PACKED"}
_LISTS = {PROCESSES: pa.list_(_PROCESS_TYPE), EVENTS: pa.list_(EVENT_TYPE)}


def write_session(
    path: Path,
    blocks: Iterable[Block],
    metrics: Sequence[Metric],
    session: Session | Callable[[], Session],
    *,
    force: bool = False,
) -> int:
    """Write one session file; returns the number of ticks in it.

    blocks: in time order, cut anywhere: the file does not depend on where.
    metrics: the columns of the file, in order; a block without one of them gives nulls.
    session: the facts, or a function that gives them once the last block has been taken.
    The file appears under its name only when it is complete and on the disk; after a failure
    nothing is left behind.
    Raises OutputRefused if path exists (unless force) or cannot be written.
    """
    if not force and os.path.lexists(path):
        raise _exists(path)
    temporary = path.parent / f".perfkit-{secrets.token_hex(6)}.tmp"
    try:
        with _removed_on_failure(temporary):
            with open(temporary, "xb") as file:
                ticks = _write(file, blocks, metrics, session)
                file.flush()
                os.fsync(file.fileno())
            _publish(temporary, path, force)
    except OSError as error:
        raise OutputRefused(
            f"cannot write {printable(str(path))} ({error.strerror or type(error).__name__}); "
            "free some space or choose another place with -o FILE"
        ) from error
    return ticks


def arrow_table(
    blocks: Iterable[Block], metrics: Sequence[Metric], columns: Collection[str] | None = None
) -> pa.Table:
    """The blocks as one Arrow table with the columns that a session file of these metrics has.

    `processes` and `events` are there too; a metric that a block lacks is null. columns: those
    that are wanted, all by default; unknown names are passed over.
    """
    chosen = [one for one in metrics if columns is None or one.name in columns]
    schema = arrow_schema(chosen)
    batches = [_record_batch(block, chosen, schema) for block in blocks if len(block)]
    table = pa.Table.from_batches(batches, schema)
    if columns is None:
        return table
    return table.select([name for name in table.column_names if name in columns])


def arrow_schema(metrics: Sequence[Metric]) -> pa.Schema:
    """The Arrow schema of a session file with these metrics."""
    fields = [pa.field(metric.name, _type(metric), metadata=_facts(metric)) for metric in metrics]
    return pa.schema([*fields, *(pa.field(name, type) for name, type in _LISTS.items())])


class SessionFile:
    """A session file that was checked to be one; its ticks are read when they are asked for.

    path, session, metrics (in column order), ticks (the number of rows).
    """

    def __init__(self, path: Path) -> None:
        """Read the footer. Raises UnusableInput if path is not an intact session file."""
        self.path = path
        self._source = printable(str(path))
        with self._damage_told():
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
        stored = self._file.schema_arrow
        facts = (self._file.metadata.metadata or {}).get(METADATA_KEY)
        if facts is None:
            raise UnusableInput(
                f"{self._source} is a Parquet file, but not a session of perfkit; "
                "record one with `perfkit record`"
            )
        self.session: Session = session_from_json(facts, self._source)
        self.metrics: tuple[Metric, ...] = tuple(
            metric for field in stored if (metric := _metric(field)) is not None
        )
        self.ticks: int = self._file.metadata.num_rows
        self._lists = [name for name, type in _LISTS.items() if _has(stored, name, type)]
        if not any(metric.name == "t_ns" for metric in self.metrics):
            raise UnusableInput(
                f"{self._source} has no column t_ns, without which its ticks have no order; "
                "use an intact copy of the file"
            )

    def blocks(self, columns: Collection[str] | None = None) -> Iterator[Block]:
        """The ticks in time order, one block a row group; only the columns asked for are read.

        columns: names of metrics, `processes` and `events`; all by default. Names that the file
        does not have are passed over.
        Raises UnusableInput where the file turns out to be damaged.
        """
        metrics = [
            metric
            for metric in self.metrics
            if metric.name != "t_ns" and (columns is None or metric.name in columns)
        ]
        names = ["t_ns", *(metric.name for metric in metrics)]
        if PROCESSES in self._lists and (columns is None or PROCESSES in columns):
            names.append(PROCESSES)
        if EVENTS in self._lists and (columns is None or EVENTS in columns):
            names.append(EVENTS)
        latest = None
        for group in range(self._file.num_row_groups):
            with self._damage_told():
                table = self._file.read_row_group(group, names, use_threads=False)
                table.validate(full=True)
                block = _block(table, metrics)
            if not len(block):
                continue
            if (latest is not None and block.t_ns[0] <= latest) or (np.diff(block.t_ns) <= 0).any():
                raise UnusableInput(
                    f"the ticks of {self._source} are not in time order; "
                    "use the file as perfkit wrote it"
                )
            latest = block.t_ns[-1]
            yield block

    def table(self, columns: Collection[str] | None = None) -> pa.Table:
        """The columns asked for (all by default) as an Arrow table, in the file's order.

        Names that the file does not have are passed over.
        Raises UnusableInput where the file turns out to be damaged.
        """
        names = [
            name
            for name in [*(metric.name for metric in self.metrics), *self._lists]
            if columns is None or name in columns
        ]
        with self._damage_told():
            table = self._file.read(names, use_threads=False)
            table.validate(full=True)
        return table

    def event_lists(self, fields: Collection[str]) -> Iterator[pa.Table]:
        """`t_ns`, `time` and, as `events`, these fields of the events, a row group at a time.

        Nothing from a file without events. Raises UnusableInput where it is damaged.
        """
        if EVENTS not in self._lists:
            return
        names = ["t_ns", "time", *(f"{_EVENT}.{field}" for field in fields)]
        for group in range(self._file.num_row_groups):
            with self._damage_told():
                table = self._file.read_row_group(group, names, use_threads=False)
                table.validate(full=True)
            yield table

    @contextlib.contextmanager
    def _damage_told(self) -> Iterator[None]:
        # Arrow reports damage as whatever the damaged bytes made it trip over.
        try:
            yield
        except MemoryError:
            raise self._damaged("it claims to be larger than memory") from None
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise self._damaged(printable(str(error).partition("\n")[0], 120)) from error

    def _damaged(self, reason: str) -> UnusableInput:
        return UnusableInput(
            f"{self._source} is damaged ({reason.rstrip('. ')}); use an intact copy of the file"
        )


def _write(
    file: Any,
    blocks: Iterable[Block],
    metrics: Sequence[Metric],
    session: Session | Callable[[], Session],
) -> int:
    schema = arrow_schema(metrics)
    writer = pq.ParquetWriter(
        file,
        schema,
        version="2.6",
        compression="zstd",
        write_page_checksum=True,
        # Only what lets readers skip row groups by time; for ninety columns the least and largest
        # value would be a third of the footer.
        write_statistics=["t_ns", "time"],
        **_encodings(metrics),
    )
    ticks = 0
    try:
        # Arrow packs one row group while the next is being made: a third less to wait for.
        with ThreadPoolExecutor(1) as packing:
            packed: Future[None] | None = None
            for group in _row_groups(blocks, metrics, schema):
                if packed is not None:
                    packed.result()
                packed = packing.submit(writer.write_table, group, ROW_GROUP_TICKS)
                ticks += group.num_rows
            if packed is not None:
                packed.result()
        facts = session() if callable(session) else session
        writer.add_key_value_metadata({METADATA_KEY: session_to_json(facts).encode()})
    except BaseException:
        # Closing writes a footer, and would write it at garbage collection if not now; onto a full
        # disk it fails like the write before it.
        with contextlib.suppress(OSError, pa.ArrowException):
            writer.close()
        raise
    writer.close()
    return ticks


def _encodings(metrics: Sequence[Metric]) -> dict[str, Any]:
    """How each column is stored: what weighed least over PostgreSQL under pgbench and Python jobs.

    What grows, as the width of its changes. Rates, ratios and the amounts of a tick are rounded
    and so have few values: by dictionary. Levels repeat themselves in ways that zstd finds best
    unaided. Level 3 takes two thirds of the time of level 9 and two per cent more bytes.
    """
    return {
        "compression_level": 3,
        "use_dictionary": [
            *(m.name for m in metrics if m.format == SINGLE or m.kind == DELTA),
            *_EVENT_DICTIONARIES,
        ],
        "column_encoding": {
            **{
                metric.name: "DELTA_BINARY_PACKED"
                for metric in metrics
                if metric.format == INTEGER and metric.kind in (COUNTER, CLOCK)
            },
            **_EVENT_ENCODINGS,
        },
    }


def _row_groups(
    blocks: Iterable[Block], metrics: Sequence[Metric], schema: pa.Schema
) -> Iterator[pa.Table]:
    """Tables of ROW_GROUP_TICKS rows, or fewer where events or ticks end, however blocks are cut."""
    waiting: list[pa.RecordBatch] = []
    rows = events = 0
    for block in blocks:
        start = 0
        while start < len(block):
            stop = min(start + ROW_GROUP_TICKS - rows, len(block))
            if block.events is not None:
                first = int(np.searchsorted(block.events.rows, start))
                full = first + ROW_GROUP_EVENTS - events - 1  # the event that makes the group full
                if full < len(block.events):
                    stop = min(stop, int(block.events.rows[full]) + 1)
                events += int(np.searchsorted(block.events.rows, stop)) - first
            part = block[start:stop]
            waiting.append(_record_batch(part, metrics, schema))
            start = stop
            rows += len(part)
            if rows == ROW_GROUP_TICKS or events >= ROW_GROUP_EVENTS:
                yield pa.Table.from_batches(waiting, schema)
                waiting, rows, events = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting, schema)


def _record_batch(block: Block, metrics: Sequence[Metric], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [_array(block, metric) for metric in metrics]
    arrays.append(_processes(block))
    arrays.append(_events(block))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(block: Block, metric: Metric) -> pa.Array:
    type = _type(metric)
    if metric.name == "t_ns":
        # from_buffers, as below: pa.array would load numpy.ma, which takes 40 ms
        t_ns = np.ascontiguousarray(block.t_ns, np.int64)
        return pa.Array.from_buffers(type, len(block), [None, pa.py_buffer(t_ns)], 0)
    column = block.columns.get(metric.name)
    nulls = len(block) if column is None else len(block) - int(np.count_nonzero(column.valid))
    if column is None or nulls == len(block):
        return pa.nulls(len(block), type)
    # Values and validity become Arrow's buffers as they are: no second copy, no pass for a mask.
    bitmap = None if not nulls else pa.py_buffer(np.packbits(column.valid, bitorder="little"))
    with np.errstate(over="ignore", invalid="ignore"):  # what is not valid may be anything
        values = np.ascontiguousarray(column.values, _NUMPY_TYPES[metric.format])
    return pa.Array.from_buffers(type, len(block), [bitmap, pa.py_buffer(values)], nulls)


def _processes(block: Block) -> pa.Array:
    type = _LISTS[PROCESSES]
    if not block.processes:
        return pa.nulls(len(block), type)
    lengths = np.zeros(len(block), np.int32)
    absent = np.ones(len(block), np.bool_)
    for row, entries in block.processes:
        lengths[row] = len(entries)
        absent[row] = False
    flat = [entry for _, entries in block.processes for entry in entries]
    columns = zip(*map(_PROCESS_VALUES, flat), strict=True) if flat else ((),) * len(_PROCESS_TYPE)
    structs = pa.StructArray.from_arrays(
        [
            pa.array(values, field.type)
            for values, field in zip(columns, _PROCESS_TYPE, strict=True)
        ],
        fields=list(_PROCESS_TYPE),
    )
    offsets = np.zeros(len(block) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), structs, type=type, mask=pa.array(absent)
    )


def _events(block: Block) -> pa.Array:
    type = _LISTS[EVENTS]
    if block.events is None:
        return pa.nulls(len(block), type)
    lengths = np.bincount(block.events.rows, minlength=len(block))
    offsets = np.zeros(len(block) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()),
        event_structs(block.events),
        type=type,
        mask=pa.array(lengths == 0),
    )


def event_structs(events: Events) -> pa.StructArray:
    """Events as the elements of the column `events`."""
    arrays = [
        pa.array(events.t_ns),
        _texts(events.types).take(pa.array(events.codes)),
        pa.array(events.duration_ms, mask=np.isnan(events.duration_ms)),
        pa.array(events.ok == 1, mask=events.ok < 0),
        _map(events.numbers, pa.array(events.numbers.values, pa.float64())),
        _map(events.labels, _texts(events.labels.texts).take(pa.array(events.labels.values))),
    ]
    return pa.StructArray.from_arrays(arrays, fields=list(EVENT_TYPE))


def _map(fields: Fields, values: pa.Array) -> pa.Array:
    starts = pa.array(fields.starts, pa.int32())
    return pa.MapArray.from_arrays(starts, _texts(fields.names).take(pa.array(fields.keys)), values)


def _texts(texts: Sequence[str]) -> pa.Array:
    return pa.array(texts, pa.string())


def _read_events(lists: pa.ListArray) -> Events | None:
    """The events of a column of lists, as they were before they were written."""
    if lists.null_count == len(lists):
        return None  # as nearly always: to flatten loads the compute kernels, which takes 50 ms
    offsets = lists.offsets.to_numpy()
    structs = lists.flatten()  # without what stands behind nulls, so that lengths say where all is
    if not len(structs):
        return None
    lengths = np.where(_validity(lists), np.diff(offsets), 0)
    t_ns, type, duration, ok, numbers, labels = structs.flatten()
    codes, types = _codes(type)
    return Events(
        np.repeat(np.arange(len(lists)), lengths),
        _column(pa.chunked_array([t_ns])).values.astype(np.int64, copy=False),
        codes,
        types,
        duration.to_numpy(zero_copy_only=False),
        np.where(_validity(ok), ok.fill_null(False).to_numpy(zero_copy_only=False), -1).astype(
            np.int8
        ),
        _fields(numbers),
        _fields(labels),
    )


def _fields(maps: pa.MapArray) -> Fields:
    offsets = maps.offsets.to_numpy().astype(np.int64)
    first, last = int(offsets[0]), int(offsets[-1])
    keys, names = _codes(maps.keys[first:last])
    items = maps.items[first:last]
    if pa.types.is_string(items.type):
        values, texts = _codes(items)
    else:
        values, texts = items.to_numpy(zero_copy_only=False), ()
    return Fields(offsets - first, keys, names, values, texts)


def _codes(array: pa.Array) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    coded = array.dictionary_encode()
    return coded.indices.to_numpy(), tuple(coded.dictionary.to_pylist())


def _block(table: pa.Table, metrics: Sequence[Metric]) -> Block:
    times = table.column("t_ns")
    if times.null_count:
        raise ValueError("a tick has no t_ns")
    processes: list[tuple[int, list[dict[str, Any]]]] = []
    if PROCESSES in table.column_names:
        if table.column(PROCESSES).type != _LISTS[PROCESSES]:
            raise ValueError("the fields of its processes are not those of perfkit")
        lists = table.column(PROCESSES).combine_chunks()
        rows = np.flatnonzero(_validity(lists)).tolist()
        processes = [(row, lists[row].as_py()) for row in rows]
    events = None
    if EVENTS in table.column_names:
        events = _read_events(table.column(EVENTS).combine_chunks())
    return Block(
        _column(times).values.astype(np.int64, copy=False),
        {metric.name: _column(table.column(metric.name)) for metric in metrics},
        processes,
        events,
    )


def _column(chunked: pa.ChunkedArray) -> Column:
    array = chunked.combine_chunks()
    if pa.types.is_timestamp(array.type):
        array = array.view(pa.int64())
    valid = _validity(array)
    # The buffers are read as they are: the kernels that would do it take 30 ms to load.
    data = array.buffers()[1] if len(array) else None
    if data is None:
        return Column(np.zeros(len(array), np.int64), valid)
    stored = np.frombuffer(data, array.type.to_pandas_dtype())
    values = stored[array.offset : array.offset + len(array)]
    if values.dtype != np.int64:
        values = values.astype(np.float64)
    if not valid.all():
        values = np.where(valid, values, values.dtype.type(0))
    return Column(values, valid)


def _validity(array: pa.Array) -> npt.NDArray[np.bool_]:
    bitmap = array.buffers()[0] if len(array) else None
    if bitmap is None:
        return np.ones(len(array), np.bool_)
    bits = np.unpackbits(np.frombuffer(bitmap, np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(np.bool_)


def _type(metric: Metric) -> pa.DataType:
    return _TIME_TYPE if metric.name == "time" else _TYPES[metric.format]


def _facts(metric: Metric) -> dict[str, str]:
    kind = f"{metric.kind} {metric.group} {metric.scope}"
    return {"unit": metric.unit, "kind": kind, "meaning": metric.meaning}


def _metric(field: pa.Field) -> Metric | None:
    """The metric that a stored column is; None for a column that perfkit did not write."""
    formats = {type: format for format, type in _TYPES.items()}
    format = INTEGER if field.type == _TIME_TYPE else formats.get(field.type, "")
    facts = {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for key, value in (field.metadata or {}).items()
    }
    words = facts.pop("kind", "").split(" ")
    return metric_from_facts(
        field.name, {**facts, **dict(zip(("kind", "group", "scope"), words, strict=False))}, format
    )


def _has(schema: pa.Schema, name: str, type: pa.DataType) -> bool:
    index = schema.get_field_index(name)
    return index >= 0 and bool(schema.field(index).type == type)


def _exists(path: Path) -> OutputRefused:
    return OutputRefused(
        f"{printable(str(path))} exists; choose another file with -o or overwrite it with --force"
    )


@contextlib.contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _publish(temporary: Path, path: Path, force: bool) -> None:
    """Give the finished file its name, atomically; without force never over another file."""
    if force:
        temporary.replace(path)
    else:
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise _exists(path) from None
        except OSError:
            # A file system without hard links: a small window is left, better than no file.
            if os.path.lexists(path):
                raise _exists(path) from None
            temporary.rename(path)
        else:
            temporary.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
