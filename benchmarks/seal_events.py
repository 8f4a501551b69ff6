"""What it costs to seal and to query a session full of events, with the limits beside the figures.

    python benchmarks/seal_events.py               1,000,000 events, 20,000 a second at 10 Hz
    python benchmarks/seal_events.py --events N    another number

Half of the events are cache operations with full doubles, the rest spans, requests, frames and
tasks; the seed is fixed. Bytes an event are what the file grows by, of cache operations alone. The
percentiles go through the view `events` of the locked engine, loading included. Garbage: the same
events with every tenth line broken, so that each lot must be read line by line.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from perfkit.model.metric import FLOAT, NULL_INTEGER
from perfkit.model.session import Session
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.session.journal import JournalWriter, create_journal, event_frame

BOOT_NS = 10**12
TICK_NS = 100_000_000
A_TICK = 2000
A_FRAME = 100

SECONDS_LIMIT = 6.0
PEAK_MIB_LIMIT = 500
BYTES_LIMIT = 16
QUERY_SECONDS_LIMIT = 1.0

_MEASURED = """
import resource, sys, time
from pathlib import Path
{imports}
began = time.perf_counter(); cpu = time.process_time()
{act}
wall = time.perf_counter() - began; cpu = time.process_time() - cpu
peak = next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]
print(wall, cpu, peak)
"""
SEAL = _MEASURED.format(
    imports="from perfkit.workflows.seal import seal\nfrom perfkit.session.parquet import *",
    act="seal(Path(sys.argv[1]), Path(sys.argv[2]), keep=True)",
)
QUERY = _MEASURED.format(
    imports="""
from perfkit.workflows.insights import database
from perfkit.workflows.source import open_recording
import perfkit.sql.engine, perfkit.session.event_table
""",
    act="""
views = database(open_recording(Path(sys.argv[1])))
assert views.query(sys.argv[2]).rows
""",
)
QUERIES = {
    "durations by type": "SELECT type, quantile_cont(duration_ms, [0.5, 0.95, 0.99]) FROM events"
    " GROUP BY type",
    "response_ms by level": "SELECT labels['level'], quantile_cont(numbers['response_ms'],"
    " [0.5, 0.95, 0.99]) FROM events WHERE type = 'cache_operation' GROUP BY ALL",
    "spans": "SELECT type, count(*), max(duration_ms) FROM spans GROUP BY type",
    "event_metrics": "SELECT * FROM event_metrics",
}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--events", type=int, default=1_000_000)
    count = words.parse_args().events
    with tempfile.TemporaryDirectory() as folder:
        mixed = sealed(Path(folder) / "mixed", count, of_many_kinds)
        show_sealing("sealing", *mixed[1:])
        garbage = sealed(Path(folder) / "garbage", count, broken)
        show_sealing("with garbage", *garbage[1:])
        weights = [
            sealed(Path(folder) / f"cache{events}", events, cache_operation)[0].stat().st_size
            for events in (A_TICK, count)
        ]
        each = (weights[1] - weights[0]) / (count - A_TICK)
        print(f"cache operation   {each:.1f} bytes    limit {BYTES_LIMIT}")
        each = mixed[0].stat().st_size / count
        print(f"mixed             {each:.1f} bytes an event")
        for name, sql in QUERIES.items():
            wall, cpu, peak = measured(QUERY, mixed[0], sql)
            limit = f"    limit {QUERY_SECONDS_LIMIT} s" if name == "durations by type" else ""
            print(f"{name:<22}{wall:.2f} s wall, {cpu:.2f} s CPU, {peak / 1024:.0f} MiB{limit}")


def show_sealing(name: str, wall: float, cpu: float, peak: float) -> None:
    """Print what it took, with the limits."""
    print(f"{name:<18}{wall:.2f} s wall, {cpu:.2f} s CPU    limit {SECONDS_LIMIT} s for 1,000,000")
    print(f"  peak memory     {peak / 1024:.0f} MiB    limit {PEAK_MIB_LIMIT} MiB")


def sealed(
    path: Path, count: int, line_of: Callable[[random.Random, int, int], str]
) -> tuple[Path, float, float, float]:
    """A session of so many events, and the seconds, CPU seconds and KiB that sealing it took."""
    journal, output = path.with_suffix(".partial"), path.with_suffix(".parquet")
    write_journal(journal, count, line_of)
    return output, *measured(SEAL, journal, output)


def measured(code: str, *arguments: object) -> tuple[float, float, float]:
    """Wall and CPU seconds and peak KiB of a process of its own."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    wall, cpu, peak = map(float, told.stdout.split())
    return wall, cpu, peak


def write_journal(
    directory: Path, count: int, line_of: Callable[[random.Random, int, int], str]
) -> None:
    """A journal such as the recorder leaves of an application that says 20,000 things a second."""
    rng = random.Random(20_260)
    session = Session(
        session_id="00000000-0000-7000-8000-000000000000",
        perfkit_version="0",
        schema_version="1.0",
        mode="pid",
        sampler="linux",
        target_pid=1234,
        target_name="busy",
        command="busy --synthetic",
        interval_ns=TICK_NS,
        started_at_us=1_700_000_000_000_000,
        start_boottime_ns=BOOT_NS,
    )
    lock = create_journal(str(directory), RAW_METRICS, asdict(session))
    writer = JournalWriter(str(directory), RAW_METRICS)
    blank = [float("nan") if metric.format == FLOAT else NULL_INTEGER for metric in RAW_METRICS]
    names = [metric.name for metric in RAW_METRICS]
    step_ns = TICK_NS // A_TICK
    for tick, first in enumerate(range(0, count, A_TICK)):
        began_ns = BOOT_NS + tick * TICK_NS
        frames = []
        for start in range(first, min(first + A_TICK, count), A_FRAME):
            stop = min(start + A_FRAME, first + A_TICK, count)
            arrival_ns = began_ns + (stop - first) * step_ns
            lines = "".join(
                line_of(rng, at, began_ns + (at - first) * step_ns + rng.randrange(step_ns))
                for at in range(start, stop)
            )
            frames.append(event_frame(arrival_ns.to_bytes(8, "little") + lines.encode()))
        row = dict(zip(names, blank, strict=True))
        row |= {"t_ns": (tick + 1) * TICK_NS, "time": session.started_at_us + tick * 100_000}
        writer.append(list(row.values()), frames)
    writer.close()
    os.close(lock)


def cache_operation(rng: random.Random, _: int, t_ns: int) -> str:
    """A cache's event, its times with all their digits."""
    return _line(
        type="cache_operation",
        t_ns=t_ns,
        operation=rng.choice(("get", "get", "get", "set", "evict")),
        level=rng.choice(("L1", "L2", "L3")),
        hit=rng.random() < 0.8,
        response_ms=rng.gammavariate(2, 0.2),
        size_bytes=rng.randrange(64, 4096),
    )


def of_many_kinds(rng: random.Random, at: int, t_ns: int) -> str:
    """Half cache operations, half what other applications say."""
    kind = at % 10
    if kind < 5:
        return cache_operation(rng, at, t_ns)
    if kind < 7:
        batch = {"batch_size": 64, "complexity": "high", "worker_count": 4}
        if kind == 5:
            return _line(type="ml_processing_start", t_ns=t_ns, operation_id=f"4242-{at}", **batch)
        outcome = {"duration_ms": rng.gammavariate(2, 20), "success": rng.random() < 0.99}
        return _line(
            type="ml_processing_end", t_ns=t_ns, operation_id=f"4242-{at - 1}", **outcome, **batch
        )
    if kind == 7:
        took = rng.gammavariate(2, 5)
        path = f"/api/{at % 50}"
        return _line(type="request", t_ns=t_ns, duration_ms=took, success=True, path=path)
    if kind == 8:
        return _line(
            type="virtual_scroll_render",
            t_ns=t_ns,
            items_rendered=40,
            total_items=10_000,
            render_ms=rng.gammavariate(2, 4),
            quality_level="high",
        )
    return _line(
        type="worker_task_completed",
        t_ns=t_ns,
        worker_id=at % 8,
        duration_ms=rng.gammavariate(2, 9),
        queue_ms=rng.expovariate(0.5),
        success=True,
        complexity="low",
    )


def broken(rng: random.Random, at: int, t_ns: int) -> str:
    """The same, every tenth line cut off."""
    line = of_many_kinds(rng, at, t_ns)
    return line if at % 10 != 7 else line[: len(line) // 2] + "\n"


def _line(**fields: object) -> str:
    return json.dumps(fields) + "\n"


if __name__ == "__main__":
    main()
