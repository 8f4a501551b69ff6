"""Small sessions that the tests of this folder write and read: metrics, facts, blocks, journals."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from perfkit.model.block import Block, Column
from perfkit.model.metric import (
    CLOCK,
    COUNTER,
    DELTA,
    FAST,
    FLOAT,
    GAUGE,
    MACHINE,
    NULL_INTEGER,
    RATE,
    RECORDER,
    SINGLE,
    SYSTEM,
    TARGET,
    TICK,
    Metric,
)
from perfkit.model.session import Session
from perfkit.model.tick import BYTES, PROCESS_FIELDS
from perfkit.session.journal import JournalWriter, create_journal, processes_frame

RAW = (
    Metric("t_ns", "ns", CLOCK, TICK, RECORDER, "time since the start"),
    Metric("time", "us", CLOCK, TICK, RECORDER, "wall clock"),
    Metric("suspended_ns", "ns", DELTA, TICK, RECORDER, "sleep since the tick before"),
    Metric("cpu_time_ns", "ns", COUNTER, FAST, TARGET, "CPU time"),
    Metric("rss_bytes", "bytes", GAUGE, FAST, TARGET, "resident memory"),
    Metric("system_load_1m_count", "count", GAUGE, SYSTEM, MACHINE, "load", FLOAT),
)
DERIVED = (Metric("cpu_percent", "percent", RATE, FAST, TARGET, "CPU used", SINGLE),)
METRICS = (*RAW, *DERIVED)

SESSION = Session(
    session_id="0190a0b0-0000-7000-8000-000000000001",
    perfkit_version="0.1.0",
    schema_version="1.0",
    mode="command",
    sampler="linux",
    target_pid=4242,
    target_name="worker",
    command="worker --jobs 4",
    interval_ns=100_000_000,
    started_at_us=1_700_000_000_000_000,
    start_boottime_ns=123_456_789,
    ended_at_us=1_700_000_001_000_000,
    duration_ns=1_000_000_000,
    exit_code=3,
    stop_reason="the target exited",
    interval_changes=((500_000_000, 200_000_000),),
    host={"cores": 2, "cpu_model": "a model", "container": None},
    missing={"psi_io_full_us": "the kernel has no pressure stall information"},
    notes={"exit_cpu_ns": "17"},
)


def ticks(count: int, start: int = 0) -> Block:
    """Consecutive ticks, 100 ms apart, with nulls: load every fifth tick, no first CPU rate."""
    row = np.arange(start, start + count)
    everywhere = np.ones(count, np.bool_)
    columns = {
        "time": Column(1_700_000_000_000_000 + row * 100_000, everywhere),
        "suspended_ns": Column(np.zeros(count, np.int64), everywhere),
        "cpu_time_ns": Column(row * 50_000_000, everywhere),
        "rss_bytes": Column(4096 * (1000 + row % 7), row % 3 != 1),
        "system_load_1m_count": Column(row / 4, row % 5 == 0),
        "cpu_percent": Column(np.where(row > 0, 50.0, 0.0), row > 0),
    }
    listed = [(int(at - start), processes_at(int(at))) for at in row if at % 4 == 2]
    return Block(row * 100_000_000, columns, listed)


def processes_at(tick: int) -> list[dict[str, Any]]:
    """As many processes as the tick's number modulo three."""
    entries = []
    for number in range(tick % 3):
        entry: dict[str, Any] = {name: tick + number for name, _, _ in PROCESS_FIELDS}
        entries.append({**entry, "pss_bytes": None, "state": "R", "name": "né", "command": "a b"})
    return entries


def raw_only(block: Block) -> Block:
    """The block without its derived columns, as a journal has it."""
    raw = {metric.name for metric in RAW}
    columns = {name: column for name, column in block.columns.items() if name in raw}
    return Block(block.t_ns, columns, block.processes)


def content(blocks: Sequence[Block]) -> dict[str, Any]:
    """What blocks say, however they are cut: lists by column with None for null, and processes."""
    said: dict[str, Any] = {"t_ns": [], "processes": []}
    for block in blocks:
        start = len(said["t_ns"])
        said["t_ns"] += block.t_ns.tolist()
        for name, column in block.columns.items():
            assert column.values.dtype in (np.int64, np.float64)
            assert column.valid.dtype == np.bool_
            values = zip(column.values.tolist(), column.valid.tolist(), strict=True)
            said.setdefault(name, []).extend(value if valid else None for value, valid in values)
        said["processes"] += [(start + row, list(map(dict, e))) for row, e in block.processes]
    return said


def write_journal(
    directory: Path,
    blocks: Sequence[Block],
    *,
    notes: Mapping[str, str] | None = None,
    metrics: Sequence[Metric] = RAW,
    segment_ticks: int = 1000,
) -> Path:
    """The journal that a recorder would leave, its lock let go."""
    facts = {name: value for name, value in asdict(SESSION).items() if name not in LATE_FACTS}
    lock = create_journal(str(directory), metrics, facts)
    header = (directory / "000000.ticks").stat().st_size
    record = 16 + 8 * len(metrics) + 8
    writer = JournalWriter(str(directory), metrics, header + segment_ticks * record)
    for block in blocks:
        listed = dict(block.processes)
        for row in range(len(block)):
            values: list[int | float] = []
            for metric in metrics:
                column = block.columns.get(metric.name)
                null = NULL_INTEGER if metric.format != FLOAT else float("nan")
                if metric.name == "t_ns":
                    values.append(int(block.t_ns[row]))
                elif column is None or not column.valid[row]:
                    values.append(null)
                else:
                    values.append(column.values[row].item())
            frames = [processes_frame(list(map(_entry, listed[row])))] if row in listed else []
            writer.append(values, frames)
    for key, value in (notes or {}).items():
        writer.note(key, value)
    writer.close()
    os.close(lock)
    return directory


LATE_FACTS = ("ended_at_us", "duration_ns", "exit_code", "stop_reason", "interval_changes")
LATE_NOTES = {
    "ended_at_us": "1700000001000000",
    "duration_ns": "1000000000",
    "exit_code": "3",
    "stop": "the target exited",
    "interval_changes": "[[500000000, 200000000]]",
}


def _entry(process: Mapping[str, Any]) -> list[Any]:
    return [
        (process[name] or "").encode()
        if kind == BYTES
        else NULL_INTEGER
        if process[name] is None
        else process[name]
        for name, kind, _ in PROCESS_FIELDS
    ]
