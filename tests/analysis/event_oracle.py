"""The slow, obvious twin of the metrics made of events: one window after the other, event by event."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from perfkit.model.block import Block, Column
from perfkit.session.events import EventParser

S = 1_000_000_000
SILENCE = 5 * S

Line = Mapping[str, Any]
"""What an application says."""


@dataclass(frozen=True)
class Said:
    """A session: its ticks, those that had sleep before them, and what was said in each row."""

    t_ns: list[int]
    lines: dict[int, list[Line]]
    slept: set[int] = field(default_factory=set)

    def block(self) -> Block:
        """The same as the analysis takes it."""
        frames = [
            (row, (0).to_bytes(8, "little") + b"".join(_wire(line) for line in lines))
            for row, lines in sorted(self.lines.items())
        ]
        sleep = [int(row in self.slept) for row in range(len(self.t_ns))]
        return Block(
            np.array(self.t_ns, np.int64),
            {"suspended_ns": Column(np.array(sleep, np.int64), np.ones(len(sleep), np.bool_))},
            events=EventParser(0).parse(frames),
        )


def _wire(line: Line) -> bytes:
    return json.dumps(line).encode() + b"\n"


def _is(line: Line, *names: str) -> bool:
    return bool(line["type"] in (*names, *(f"{name}_end" for name in names)))


def _operation(line: Line) -> bool:
    return _is(line, "request", "ml_processing")


def _frame(line: Line) -> bool:
    return _is(line, "virtual_scroll_render", "frame")


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _percentile(values: Sequence[float], percent: int) -> float | None:
    if not values:
        return None
    return sorted(values)[max(1, math.ceil(percent * len(values) / 100)) - 1]


def figures(said: Said, first: int, last: int) -> dict[str, float | None]:
    """Of the window of rows first to last, both included, in the session so far."""
    t_ns = said.t_ns
    window = [line for row in range(first, last + 1) for line in said.lines.get(row, ())]
    start = max(first - 1, 0)
    passed = t_ns[last] - t_ns[start]
    timed = passed > 0 and not any(row in said.slept for row in range(start + 1, last + 1))

    def rate(wanted: Any) -> float | None:
        rows = [row for row in range(last + 1) if any(map(wanted, said.lines.get(row, ())))]
        if not rows or not timed or t_ns[last] - t_ns[rows[-1]] >= SILENCE:
            return None
        counted = [line for row in range(start + 1, last + 1) for line in said.lines.get(row, ())]
        return sum(map(wanted, counted)) / passed * S

    latencies = [
        line["duration_ms"] for line in window if _operation(line) and "duration_ms" in line
    ]
    renders = [
        ms
        for line in window
        if _frame(line) and (ms := line.get("render_ms", line.get("duration_ms"))) is not None
    ]
    tasks = [line for line in window if line["type"] == "worker_task_completed"]
    busy = [line["duration_ms"] for line in tasks if "duration_ms" in line]
    so_far = [line for row in range(last + 1) for line in said.lines.get(row, ())]
    workers = {line.get("worker_id") for line in so_far if line["type"] == "worker_task_completed"}
    utilisation = math.fsum(busy) * 1e6 / (len(workers) * passed) if busy and timed else None
    return {
        "fps": rate(_frame),
        "render_ms_p95": _percentile(renders, 95),
        "latency_ms_mean": _mean(latencies),
        "latency_ms_p50": _percentile(latencies, 50),
        "latency_ms_p95": _percentile(latencies, 95),
        "latency_ms_p99": _percentile(latencies, 99),
        "throughput_per_s": rate(_operation),
        "error_ratio": _mean(
            [not line["success"] for line in window if _operation(line) and "success" in line]
        ),
        "cache_hit_ratio": _mean(
            [
                line["hit"]
                for line in window
                if line["type"] == "cache_operation"
                and line.get("operation", "get") == "get"
                and "hit" in line
            ]
        ),
        "worker_utilisation_ratio": utilisation,
        "queue_ms_p95": _percentile([line["queue_ms"] for line in tasks if "queue_ms" in line], 95),
        "operations_in_flight": _in_flight(so_far),
    }


def _in_flight(so_far: Sequence[Line]) -> float | None:
    spoken = False
    known: set[tuple[str, str]] = set()
    for line in so_far:
        if line["type"].startswith("perfkit."):
            continue
        for ending, act in (("_start", known.add), ("_end", known.discard)):
            if line["type"].endswith(ending) and "operation_id" in line:
                spoken = True
                act((line["type"].removesuffix(ending), line["operation_id"]))
    return float(len(known)) if spoken else None


def trailing(said: Said) -> list[dict[str, float | None]]:
    """The figures of every tick: of the ticks that are less than a second back."""
    found = []
    for row, t in enumerate(said.t_ns):
        first = next(other for other in range(row + 1) if said.t_ns[other] > t - S)
        found.append(figures(said, first, row))
    return found


def of_periods(said: Said, length_ns: int) -> list[dict[str, float | None]]:
    """The figures of every period that has a tick."""
    numbers = [t // length_ns for t in said.t_ns]
    found = []
    for number in sorted(set(numbers)):
        first = numbers.index(number)
        last = len(numbers) - 1 - numbers[::-1].index(number)
        count = sum(
            not line["type"].startswith("perfkit.")
            for row in range(first, last + 1)
            for line in said.lines.get(row, ())
        )
        found.append({"events_count": count, **figures(said, first, last)})
    return found


def activity(said: Said) -> list[float | None]:
    """Events a second over the lower median of the rates that stood at each second's first tick."""
    found: list[float | None] = []
    rates: list[float] = []
    counts = [
        sum(not line["type"].startswith("perfkit.") for line in said.lines.get(row, ()))
        for row in range(len(said.t_ns))
    ]
    for row, t in enumerate(said.t_ns):
        first = next(other for other in range(row + 1) if said.t_ns[other] > t - S)
        start = max(first - 1, 0)
        passed = t - said.t_ns[start]
        if not sum(counts[: row + 1]) or not passed or said.slept & {*range(start + 1, row + 1)}:
            found.append(None)
            continue
        rate = sum(counts[start + 1 : row + 1]) / passed * S
        if rate and row and t // S != said.t_ns[row - 1] // S:
            rates.append(rate)
        found.append(rate / sorted(rates)[(len(rates) - 1) // 2] if rates else None)
    return found


_MS = st.one_of(st.sampled_from([0.0, 1.5, 20.0]), st.floats(0, 1e6))
_MAYBE = {
    "duration_ms": _MS,
    "success": st.booleans(),
    "hit": st.booleans(),
    "operation": st.sampled_from(["get", "set", "evict"]),
    "render_ms": _MS,
    "queue_ms": _MS,
    "worker_id": st.integers(1, 4),
    "operation_id": st.sampled_from(["1-1", "1-2", "1-3"]),
    "level": st.sampled_from(["L1", "L2"]),
}
_TYPES = st.sampled_from(
    [
        *("request", "request_start", "request_end", "ml_processing_start", "ml_processing_end"),
        *("cache_operation", "virtual_scroll_render", "frame", "worker_task_completed"),
        *("worker_task_completed", "cache_operation", "log", "perfkit.act", "perfkit.act_start"),
    ]
)
LINES = st.builds(
    lambda type, fields: {"type": type, **fields},
    _TYPES,
    st.fixed_dictionaries({}, optional=_MAYBE),
)


@st.composite
def any_talk(draw: st.DrawFn, most: int = 40) -> Said:
    """Ticks from every millisecond to every few seconds, gaps, sleep, and anything said at them."""
    steps = st.sampled_from([1, 10**6, 10**8, 10**8 + 51_000, 5 * 10**8, S, 2 * S, SILENCE])
    t_ns = np.cumsum(draw(st.lists(steps, min_size=1, max_size=most))).tolist()
    rows = st.integers(0, len(t_ns) - 1)
    lines: dict[int, list[Line]] = draw(
        st.dictionaries(rows, st.lists(LINES, min_size=1, max_size=6), max_size=most)
    )
    slept = draw(st.sets(rows, max_size=2))
    offset = draw(st.sampled_from([0, -t_ns[0], 3600 * S]))
    return Said([t + offset for t in t_ns], lines, slept)
