"""Sessions as `record -- CMD` seals them, with the figures that a test wants them to have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from perfkit.model.block import Block, Column
from perfkit.model.session import Session
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.session.parquet import write_session

HOST = {"cores": 2, "cpu_model": "a model", "kernel": "6.1", "memory_bytes": 8 * 2**30}
STARTED_US = 1_700_000_000_000_000

_COLUMNS = {
    "t_ns", "time", "suspended_ns", "cpu_time_ns", "rss_bytes", "read_call_bytes",
    "minor_faults_count", "major_faults_count", "read_bytes", "write_bytes",
}  # fmt: skip
METRICS = [metric for metric in RAW_METRICS if metric.name in _COLUMNS]

SESSION = Session(
    session_id="",
    perfkit_version="0.1.0",
    schema_version="1.0",
    mode="command",
    sampler="linux",
    target_pid=4242,
    target_name="worker",
    command="worker --jobs 4",
    interval_ns=100_000_000,
    started_at_us=STARTED_US,
    start_boottime_ns=5,
    exit_code=0,
    stop_reason="the target exited",
    host=HOST,
)


def write_run(
    path: Path,
    cpu_s: float = 1.0,
    wall_s: float = 2.0,
    peak_bytes: int | None = 50_000_000,
    *,
    number: int = 0,
    notes: Mapping[str, str] | None = None,
    ticks: int = 21,
    suspended_ns: int = 0,
    read_bytes: int = 1_000_000,
    **facts: object,
) -> Path:
    """One session. number: sets its identity and when it was started. facts: of its Session.

    notes: further ones, or those that a window lacks where it is {"window": ""}.
    """
    exact = {
        "exit_cpu_ns": str(round(cpu_s * 1e9)),
        "exit_minor_faults": "1000",
        **({} if peak_bytes is None else {"exit_peak_rss_bytes": str(peak_bytes)}),
    }
    session = replace(
        SESSION,
        session_id=f"{abs(hash(str(path))) % 10**12:012d}",
        started_at_us=STARTED_US + number * 60_000_000,
        duration_ns=round(wall_s * 1e9),
        notes=exact | dict(notes or {}),
    )
    if notes is not None and "window" in notes:
        session = replace(session, notes={}, mode="pid", exit_code=None)
    path.parent.mkdir(parents=True, exist_ok=True)
    block = _course(ticks, cpu_s, wall_s, suspended_ns, read_bytes)
    write_session(path, [block], METRICS, replace(session, **facts))
    return path


def write_side(
    folder: Path, cpu_s: Sequence[float], wall_s: float = 2.0, **options: object
) -> Path:
    """A folder with a session for each CPU time, recorded one after the other."""
    for number, used in enumerate(cpu_s):
        path = folder / f"{number:02d}.parquet"
        write_run(path, used, wall_s, number=number, **options)  # type: ignore[arg-type]
    return folder


def _course(ticks: int, cpu_s: float, wall_s: float, suspended_ns: int, read_bytes: int) -> Block:
    share = np.linspace(0, 1, ticks)
    everywhere = np.ones(ticks, np.bool_)
    t_ns = (share * wall_s * 1e9).astype(np.int64)
    slept = np.zeros(ticks, np.int64)
    slept[ticks // 2 :][:1] = suspended_ns
    values = {
        "time": STARTED_US + t_ns // 1000,
        "suspended_ns": slept,
        "cpu_time_ns": (share * cpu_s * 1e9).astype(np.int64),
        "rss_bytes": np.full(ticks, 40_000_000),
        "read_call_bytes": (share * read_bytes).astype(np.int64),
        "minor_faults_count": (share * 990).astype(np.int64),
    }
    return Block(t_ns, {name: Column(value, everywhere) for name, value in values.items()})
