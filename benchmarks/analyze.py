"""What `perfkit analyze` costs beside loading the libraries it stands on. Limit: 2.5 times.

    python benchmarks/analyze.py [SESSION] [--runs N]

Both are whole processes of this interpreter, interleaved in one run, and measured in CPU time of
all their threads, which a busy machine disturbs less than wall time. Without SESSION a recording
of 60 s at 10 Hz is made up: every raw metric, with levels that move and counters that grow.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

LIMIT = 2.5
TICKS = 600

LIBRARIES = "import pyarrow.parquet, duckdb, numpy"
ANALYZE = "from perfkit.cli import main; main()"


def cpu_s(code: str, *arguments: str) -> float:
    """CPU seconds of a fresh interpreter that runs code, children and all threads included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def make_session(path: Path) -> None:
    """A session of TICKS ticks, as a recorder with every group would have written it."""
    import numpy as np

    from perfkit.analysis.rates import Rates
    from perfkit.model.block import Block, Column
    from perfkit.model.metric import COUNTER, INTEGER, SLOW, SYSTEM
    from perfkit.model.session import Session
    from perfkit.sampling.metrics import RAW_METRICS
    from perfkit.session.parquet import write_session

    rng = np.random.default_rng(3)
    t_ns = np.arange(TICKS, dtype=np.int64) * 100_000_000 + rng.integers(0, 200_000, TICKS)
    columns = {}
    for metric in RAW_METRICS:
        if metric.name == "t_ns":
            continue
        steps = rng.integers(0, 10_000_000 if metric.unit == "ns" else 10_000, TICKS)
        levels = np.cumsum(steps) if metric.kind == COUNTER else 1_000_000 + steps
        every = {SYSTEM: 10, SLOW: 50}.get(metric.group, 1)
        valid = np.arange(TICKS) % every == 0
        values = levels.astype(np.int64 if metric.format == INTEGER else np.float64)
        columns[metric.name] = Column(values, valid)
    for name in ("suspended_ns", "ticks_missed", "events_dropped"):
        columns[name] = Column(np.zeros(TICKS, np.int64), np.ones(TICKS, np.bool_))
    columns["time"] = Column(1_772_366_400_000_000 + t_ns // 1000, np.ones(TICKS, np.bool_))
    rates = Rates(RAW_METRICS)
    session = Session(
        session_id="01890a5d-ac96-774b-bcce-b302099a8057",
        perfkit_version="0",
        schema_version="1.0",
        mode="pid",
        sampler="linux",
        target_pid=1,
        target_name="made-up",
        command="made-up",
        interval_ns=100_000_000,
        started_at_us=1_772_366_400_000_000,
        start_boottime_ns=0,
        duration_ns=int(t_ns[-1]),
        stop_reason="made up for a benchmark",
    )
    block = rates.add(Block(t_ns, columns))
    write_session(path, [block], (*RAW_METRICS, *rates.metrics), session)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("session", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.session
        if path is None:
            path = Path(folder) / "session.parquet"
            make_session(path)
        libraries, analyze = [], []
        cpu_s(LIBRARIES), cpu_s(ANALYZE, "analyze", str(path))  # fill the file cache
        for _ in range(options.runs):
            libraries.append(cpu_s(LIBRARIES))
            analyze.append(cpu_s(ANALYZE, "analyze", str(path)))
    ratio = statistics.median(a / b for a, b in zip(analyze, libraries, strict=True))
    print(f"importing pyarrow.parquet, duckdb, numpy   {statistics.median(libraries):.3f} s CPU")
    print(f"perfkit analyze                            {statistics.median(analyze):.3f} s CPU")
    print(f"ratio {ratio:.2f} (limit {LIMIT}; median of {options.runs} pairs)")


if __name__ == "__main__":
    main()
