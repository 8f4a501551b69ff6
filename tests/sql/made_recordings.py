"""Sessions made by hand for queries and rules: columns as lists or functions of the second.

They become real session values, through the same code as a journal's: rates are derived from raw
counters, periods from ticks. Only derived columns that a test gives are taken as given.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from perfkit.analysis.rates import DERIVED_METRICS
from perfkit.model.block import Block, Column, ProcessEntry
from perfkit.model.events import Events
from perfkit.model.metric import INTEGER, SLOW, SYSTEM, Metric
from perfkit.model.session import Session
from perfkit.model.tick import PROCESS_FIELDS
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.session.event_table import events_of
from perfkit.session.events import ARRIVAL_BYTES, EventParser
from perfkit.session.parquet import arrow_table

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in (*RAW_METRICS, *DERIVED_METRICS)}

Given = Callable[[float], float | int | None] | Sequence[float | int | None] | float | int
"""A column: of the second since the start, tick by tick, or one value for all."""


@dataclass
class MadeRecording:
    """What the workflows ask of a recording, over one block in memory."""

    block: Block
    metrics: tuple[Metric, ...]
    session: Session
    path: Path = Path("made up/session.parquet")
    kind: str = "session"
    asked: list[frozenset[str]] = field(default_factory=list)

    def blocks(self, columns: Any = None) -> Iterator[Block]:
        """The one block, if it holds a tick."""
        if len(self.block):
            yield self.block

    def told(self) -> Session:
        """The facts, as `Recording.told` has them."""
        return self.session

    def events(self, columns: Any) -> Any:
        """Those of the block."""
        return events_of(self.blocks(), columns)

    def table(self, columns: Any = None) -> Any:
        """The columns asked for; what was asked is remembered."""
        self.asked.append(frozenset(columns))
        known = [metric for metric in self.metrics if metric.name in columns]
        table = arrow_table(self.blocks(), known)
        return table.select([name for name in table.column_names if name in columns])


def make_recording(
    seconds: float = 60,
    interval_ms: int = 100,
    processes: Mapping[float, Sequence[ProcessEntry]] | None = None,
    gaps: Sequence[tuple[float, float]] = (),
    session: Mapping[str, Any] | None = None,
    events: Iterable[Mapping[str, Any]] = (),
    **columns: Given,
) -> MadeRecording:
    """A recording of so many seconds; a column appears at its group's cadence (0.1, 1 or 5 s).

    processes: second to list. gaps: (from, until) seconds without ticks.
    events: as they are sent, with the second `at_s` in place of `t_ns`.
    """
    interval_ns = interval_ms * 1_000_000
    t_ns = np.arange(0, round(seconds * 1e9), interval_ns, dtype=np.int64)
    for start, end in gaps:
        t_ns = t_ns[(t_ns < start * 1e9) | (t_ns >= end * 1e9)]
    metrics = [METRICS["t_ns"], METRICS["time"]]
    made = {"time": Column(1_700_000_000_000_000 + t_ns // 1000, np.ones(len(t_ns), np.bool_))}
    for name, given in columns.items():
        metrics.append(METRICS[name])
        made[name] = _column(METRICS[name], given, t_ns)
    rows = [
        (int(np.searchsorted(t_ns, round(second * 1e9))), entries)
        for second, entries in sorted((processes or {}).items())
    ]
    facts: dict[str, Any] = {
        "session_id": "018f0000-0000-7000-8000-000000000000",
        "perfkit_version": "0",
        "schema_version": "1.0",
        "mode": "pid",
        "sampler": "linux",
        "target_pid": 4711,
        "target_name": "worker",
        "command": "worker --fast",
        "interval_ns": interval_ns,
        "started_at_us": 1_700_000_000_000_000,
        "start_boottime_ns": 0,
        **(session or {}),
    }
    block = Block(t_ns, made, rows, _events(events, t_ns))
    return MadeRecording(block, tuple(metrics), Session(**facts))


def _events(events: Iterable[Mapping[str, Any]], t_ns: Any) -> Events | None:
    """The events with the ticks in which they arrive, the next ones after they were sent."""
    lots: dict[int, list[bytes]] = {}
    for event in sorted(events, key=lambda one: one["at_s"]):
        at_ns = round(event["at_s"] * 1e9)
        sent = {name: value for name, value in event.items() if name != "at_s"}
        row = min(int(np.searchsorted(t_ns, at_ns)), len(t_ns) - 1)
        lots.setdefault(row, []).append(json.dumps({**sent, "t_ns": at_ns}).encode())
    parser = EventParser(0)
    return parser.parse(
        (row, int(t_ns[row] + 1).to_bytes(ARRIVAL_BYTES, "little") + b"\n".join(lines) + b"\n")
        for row, lines in lots.items()
    )


def _column(metric: Metric, given: Given, t_ns: Any) -> Column:
    cadence_ns = {SYSTEM: 1_000_000_000, SLOW: 5_000_000_000}.get(metric.group, 0)
    values: list[float | int | None] = []
    due_ns = -1
    for row, at_ns in enumerate(t_ns.tolist()):
        if at_ns < due_ns:
            values.append(None)
            continue
        due_ns = (at_ns // cadence_ns + 1) * cadence_ns if cadence_ns else 0
        if callable(given):
            values.append(given(at_ns / 1e9))
        else:
            values.append(given if isinstance(given, int | float) else given[row])
    valid = np.array([value is not None for value in values], np.bool_)
    kind: Any = np.int64 if metric.format == INTEGER else np.float64
    return Column(np.array([0 if value is None else value for value in values], kind), valid)


def process(pid: int, **figures: Any) -> ProcessEntry:
    """An entry of the list of processes; what is not given is unknown."""
    unknown = dict.fromkeys(name for name, _, _ in PROCESS_FIELDS)
    return {**unknown, "name": f"process-{pid}", "pid": pid, "started_ns": 1, **figures}


GIB = 1 << 30
MIB = 1 << 20

QUIET: Mapping[str, Given] = {
    **{
        name: 0
        for name, metric in METRICS.items()
        if name not in ("t_ns", "time") and metric.kind != "clock"
    },
    "rss_bytes": 100 * MIB,
    "pss_bytes": 80 * MIB,
    "threads_count": 8,
    "fds_count": 40,
    "fds_nearest_count": 40,
    "fds_limit_count": 1024,
    "fds_ratio": 40 / 1024,
    "processes_count": 1,
    "cpu_percent": 5.0,
    "cpu_capacity_cores": 4.0,
    "cpu_capacity_ratio": 0.0125,
    "memory_capacity_bytes": 8 * GIB,
    "memory_pressure_ratio": 0.05,
    "system_cores_count": 4,
    "system_memory_total_bytes": 8 * GIB,
    "system_memory_available_bytes": 6 * GIB,
    "cgroup_cpu_limit_cores": 4.0,
    "cgroup_memory_limit_bytes": 8 * GIB,
}
"""Every metric there is, at rest: a process that does next to nothing."""
