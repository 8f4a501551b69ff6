"""Events by themselves, one a row, as queries see them: taken out of the lists of their ticks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import numpy as np
import pyarrow as pa

from perfkit.model.block import Block
from perfkit.model.events import Integers
from perfkit.session.journal_reader import JournalSource
from perfkit.session.parquet import EVENT_TYPE, EVENTS, SessionFile, event_structs

_TICK_COLUMNS = {"tick_t_ns": pa.int64(), "time": pa.timestamp("us", tz="UTC")}
_TYPES = {field.name: field.type for field in EVENT_TYPE} | _TICK_COLUMNS
EVENT_COLUMNS = tuple(_TYPES)
_UNKNOWN = -(2**63)
_ROWS_AT_ONCE = 50_000


def event_table(
    source: SessionFile | JournalSource, columns: Collection[str]
) -> pa.RecordBatchReader:
    """The columns asked for of all events, in the order in which they arrived.

    tick_t_ns: t_ns of the tick during which an event arrived. time: the wall clock at t_ns, as
    the tick's own wall clock has it; null where the tick has none.
    The events are read when the reader is, some ten thousand at a time; it raises UnusableInput
    where the source turns out to be damaged.
    """
    if isinstance(source, JournalSource):
        return events_of(source.blocks(("time", EVENTS)), columns)
    schema = _schema(columns)
    return pa.RecordBatchReader.from_batches(schema, _of_file(source, schema))


def events_of(blocks: Iterable[Block], columns: Collection[str]) -> pa.RecordBatchReader:
    """The same from blocks that have their events, and `time` if they have it."""
    schema = _schema(columns)
    return pa.RecordBatchReader.from_batches(schema, _of_blocks(blocks, schema))


def _schema(columns: Collection[str]) -> pa.Schema:
    return pa.schema([(name, type) for name, type in _TYPES.items() if name in columns])


def _of_blocks(blocks: Iterable[Block], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for block in blocks:
        if block.events is not None:
            time = block.columns.get("time")
            clock = None if time is None else np.where(time.valid, time.values, _UNKNOWN)
            arrays = event_structs(block.events).flatten()
            columns = dict(zip(EVENT_TYPE.names, arrays, strict=True))
            yield _batch(columns, block.events.rows, block.t_ns, clock, schema)


def _of_file(source: SessionFile, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    wanted = [*schema.names, *(("t_ns",) if "time" in schema.names else ())]
    fields = [field.name for field in EVENT_TYPE if field.name in wanted] or ["t_ns"]
    for table in source.event_lists(fields):
        lists = table.column(EVENTS).combine_chunks()
        if lists.null_count == len(lists):
            continue  # no events: to flatten loads the compute kernels, which takes 50 ms
        structs = lists.flatten()
        if not len(structs):
            continue
        lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        rows = np.repeat(np.arange(len(lists)), lengths)
        clock = None
        if "time" in table.column_names:
            times = table.column("time").combine_chunks().view(pa.int64())
            clock = times.fill_null(_UNKNOWN).to_numpy(zero_copy_only=False)
        columns = dict(zip(fields, structs.flatten(), strict=True))
        ticks = table.column("t_ns").to_numpy()
        yield from _sliced(_batch(columns, rows, ticks, clock, schema))


def _batch(
    columns: dict[str, pa.Array],
    rows: Integers,
    tick_t_ns: Integers,
    clock: Integers | None,
    schema: pa.Schema,
) -> pa.RecordBatch:
    if "tick_t_ns" in schema.names:
        columns["tick_t_ns"] = pa.array(tick_t_ns[rows])
    if "time" in schema.names:
        if clock is None:
            columns["time"] = pa.nulls(len(rows), _TYPES["time"])
        else:
            before_us = (tick_t_ns[rows] - columns["t_ns"].to_numpy()) // 1000
            micros = clock[rows] - before_us
            columns["time"] = pa.array(micros, mask=clock[rows] == _UNKNOWN).view(_TYPES["time"])
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def _sliced(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
        yield batch.slice(start, _ROWS_AT_ONCE)
