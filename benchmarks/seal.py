"""What sealing costs and what a session weighs, with the limits beside the figures.

    python benchmarks/seal.py               a synthetic day at 10 Hz: 864,000 ticks
    python benchmarks/seal.py --ticks N     another length
    python benchmarks/seal.py FILE …        the weight of recorded sessions instead

The synthetic target is busy: counters grow by a random walk, system columns come every second,
slow ones and the list of processes every five; the seed is fixed. Every column is noise, which
packs worse than any real target, so the limit on weight is for recorded sessions. Their weight is
told apart into what they cost before their second tick and what each further tick adds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from perfkit.model.metric import COUNTER, DELTA, FAST, NULL_INTEGER, SLOW, SYSTEM, TICK, Metric
from perfkit.model.session import Session
from perfkit.model.tick import BYTES, PROCESS_FIELDS
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.session.journal import JournalWriter, create_journal, processes_frame
from perfkit.session.parquet import SessionFile, write_session

INTERVAL_NS = 100_000_000
SYSTEM_EVERY = 10
SLOW_EVERY = 50
PROCESSES = 6
CHUNK = 10_000

SECONDS_LIMIT = 4.0
PEAK_MIB_LIMIT = 400
MARGINAL_LIMIT = 40
FIXED_KB_LIMIT = 60

SEAL = """
import resource, sys, time
from pathlib import Path
started = time.perf_counter()
from perfkit.workflows.seal import seal
imported = time.perf_counter()
seal(Path(sys.argv[1]), Path(sys.argv[2]))
wall = time.perf_counter() - imported
usage = resource.getrusage(resource.RUSAGE_SELF)
peak = next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]
print(imported - started, wall, usage.ru_utime + usage.ru_stime, peak)
"""

# Figures of a busy program: what a fast counter adds in a tick, and around what a gauge moves.
STEPS = {
    "cpu_time_ns": 60_000_000,
    "cpu_user_ns": 50_000_000,
    "cpu_system_ns": 10_000_000,
    "minor_faults_count": 40,
    "read_call_bytes": 200_000,
    "write_call_bytes": 300_000,
    "read_calls_count": 30,
    "write_calls_count": 40,
    "write_bytes": 250_000,
}
COARSE = {"cpu_user_ns": 10_000_000, "cpu_system_ns": 10_000_000, "write_bytes": 4096}
GAUGES = {"rss_bytes": 4e8, "pss_bytes": 3.5e8, "threads_count": 12, "fds_count": 60}
STILL = ("capacity", "limit", "total", "cores", "sigchld", "swap", "major", "oom", "read_bytes")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--ticks", type=int, default=864_000)
    words.add_argument("files", nargs="*", type=Path)
    options = words.parse_args()
    if options.files:
        for path in options.files:
            print(path)
            show_weight(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "day.parquet"
        journal = Path(folder) / "day.parquet.partial"
        write_journal(journal, options.ticks)
        raw = sum(path.stat().st_size for path in journal.iterdir())
        print(
            f"journal           {options.ticks:,} ticks x {len(RAW_METRICS)} columns, {raw / 1e6:.0f} MB"
        )
        command = [sys.executable, "-c", SEAL, str(journal), str(output)]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
        imports, wall, cpu, peak = map(float, told.stdout.split())
        print(f"sealing           {wall:.2f} s wall    limit {SECONDS_LIMIT} s for 864,000 ticks")
        print(f"  with imports    {wall + imports:.2f} s wall, {cpu:.2f} s CPU")
        print(f"peak memory       {peak / 1024:.0f} MiB    limit {PEAK_MIB_LIMIT} MiB")
        show_weight(output, "(synthetic)")


def show_weight(path: Path, limit: str = f"limit {MARGINAL_LIMIT} bytes") -> None:
    """Print what a session file costs before its second tick, and for each further one."""
    source = SessionFile(path)
    whole = path.stat().st_size
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "first.parquet"
        ticks = next((block[:1] for block in source.blocks()), None)
        write_session(first, [] if ticks is None else [ticks], source.metrics, source.session)
        fixed = first.stat().st_size
    marginal = (whole - fixed) / max(1, source.ticks - 1)
    print(
        f"file              {whole / 1e3:.0f} kB, {source.ticks:,} ticks x {len(source.metrics)} columns"
    )
    print(f"  fixed           {fixed / 1e3:.1f} kB    limit {FIXED_KB_LIMIT} kB")
    print(f"  each tick       {marginal:.1f} bytes    {limit}")


def write_journal(directory: Path, ticks: int) -> None:
    """A journal such as the recorder leaves, of a busy synthetic program."""
    rng = np.random.default_rng(20_260)
    session = Session(
        session_id="00000000-0000-7000-8000-000000000000",
        perfkit_version="0",
        schema_version="1.0",
        mode="pid",
        sampler="linux",
        target_pid=1234,
        target_name="busy",
        command="busy --synthetic",
        interval_ns=INTERVAL_NS,
        started_at_us=1_700_000_000_000_000,
        start_boottime_ns=10**12,
    )
    lock = create_journal(str(directory), RAW_METRICS, asdict(session))
    writer = JournalWriter(str(directory), RAW_METRICS)
    levels = {metric.name: 0 for metric in RAW_METRICS}
    for start in range(0, ticks, CHUNK):
        size = min(CHUNK, ticks - start)
        columns = [_values(metric, rng, start, size, levels) for metric in RAW_METRICS]
        for offset, row in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            tick = start + offset
            frames = [_processes(rng, tick)] if tick % SLOW_EVERY == 0 else []
            writer.append(row, frames)
    writer.close()
    os.close(lock)


def _values(
    metric: Metric, rng: np.random.Generator, start: int, size: int, levels: dict[str, int]
) -> np.ndarray:
    ticks = np.arange(start, start + size)
    name = metric.name
    late = rng.exponential(60_000, size).astype(np.int64) // 1000 * 1000
    if name == "t_ns":
        return ticks * INTERVAL_NS + late + rng.integers(0, 1000, size)
    if name == "time":
        return 1_700_000_000_000_000 + (ticks * INTERVAL_NS + late) // 1000
    if name == "tick_late_ns":
        return late
    if name == "sampler_cost_ns":
        return rng.gamma(20, 15_000, size).astype(np.int64) // 1000 * 1000
    if metric.group == TICK:
        return np.zeros(size, np.int64)
    if any(word in name for word in STILL):
        values = np.full(size, 0 if metric.kind == COUNTER else 8)
    elif metric.kind in (COUNTER, DELTA):
        mean = STEPS.get(name, 50_000_000 if name.endswith("_ns") else 500)
        quiet = metric.group == FAST and name not in STEPS
        grain = COARSE.get(name, 1)
        steps = rng.gamma(2, mean / 2, size) * (not quiet)
        values = levels[name] + np.cumsum(steps).astype(np.int64)
        levels[name] = int(values[-1])
        values = values // grain * grain
    else:
        level = GAUGES.get(name, 4e9)
        walk = np.cumsum(rng.normal(0, level / 2000, size) * (rng.random(size) < 0.2))
        values = (level + walk).astype(np.int64)
        values = values // 4096 * 4096 if name.endswith("bytes") else values
    cadence = {SYSTEM: SYSTEM_EVERY, SLOW: SLOW_EVERY}.get(metric.group, 1)
    if metric.format == "d":
        return np.where(ticks % cadence == 0, np.round(values % 16 + 0.25, 2), np.nan)
    return np.where(ticks % cadence == 0, values, NULL_INTEGER)


def _processes(rng: np.random.Generator, tick: int) -> bytes:
    texts = sum(kind == BYTES for _, kind, _ in PROCESS_FIELDS)
    integers = len(PROCESS_FIELDS) - texts
    entries = []
    for number in range(PROCESSES):
        values = (rng.integers(0, 10**6, integers) + tick * 10**6).tolist()
        entries.append(
            [1234 + number, 1234, 10**9, *values[3:], b"S", b"busy", b"busy --worker %d" % number]
        )
    return processes_frame(entries)


if __name__ == "__main__":
    main()
