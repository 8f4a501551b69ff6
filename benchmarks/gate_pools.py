"""Recorded pools of duet pairs: what the gate's calibration draws from, and how they are made.

A pool is one CSV file a workload: one row a pair, both sides running the same program at once on
one core in chance order. Rows are appended, so that a pool can grow over several sittings.
"""

from __future__ import annotations

import csv
import os
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perfkit.workflows.duet import Side, run_pair

FIGURES = ("cpu_s", "wall_s", "peak_rss_bytes", "minor_faults")
COLUMNS = ("first", *(f"{side}_{figure}" for side in ("base", "head") for figure in FIGURES))

# memory that every program touches, so that its peak can be told from the launcher's
_BALLAST = "ballast = b'x' * (8 << 20)\n"

WORKLOADS = {
    "json": """
import json
value = {f"k{i}": [i, str(i), {"a": i * 0.5}] for i in range(200)}
for _ in range(180):
    json.loads(json.dumps(value))
""",
    "sqlite": """
import sqlite3
base = sqlite3.connect(":memory:")
base.execute("create table t(a, b)")
base.executemany("insert into t values(?, ?)", ((i * 7919 % 10007, str(i)) for i in range(32000)))
base.execute("create index x on t(a)")
base.execute("select a, count(*), max(b) from t group by a order by 2 desc").fetchall()
""",
    "gzip": """
import zlib
data = b"".join(b"%d,%d;" % (i, i * i) for i in range(6000))
for _ in range(16):
    zlib.compress(data, 6)
""",
    "memory": """
block = bytearray(24 << 20)
for start in range(80):
    for place in range(start * 64, len(block), 4096):
        block[place] = (block[place] + 1) & 255
""",
    "two threads": """
import threading, zlib
data = b"".join(b"%d,%d;" % (i, i * i) for i in range(6000))
def work():
    for _ in range(8):
        zlib.compress(data, 6)
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
""",
    "half asleep": """
import json, time
value = {f"k{i}": [i, str(i)] for i in range(200)}
for _ in range(70):
    for _ in range(4):
        json.loads(json.dumps(value))
    time.sleep(0.001)
""",
}
"""Programs of 0.05 to 0.2 s of CPU time, alone."""


@dataclass(frozen=True)
class Pool:
    """The pairs of one workload in the order in which they ran: figure to values, shape (pairs,)."""

    workload: str
    base: dict[str, NDArray[np.float64]]
    head: dict[str, NDArray[np.float64]]

    @property
    def pairs(self) -> int:
        """How many there are."""
        return len(self.base["cpu_s"])

    def ratios(self, figure: str) -> NDArray[np.float64]:
        """Log ratios head over base, shape (pairs,)."""
        return np.log(self.head[figure] / self.base[figure])


def make_pools(folder: Path, pairs: int, seconds: float, repeat: int, seed: int) -> None:
    """Append `pairs` rows to the pools, the workloads taking turns; no longer than `seconds`.

    repeat: how often each program is run in one side, one after the other, for longer sides.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    core = max(os.sched_getaffinity(0))
    end = time.monotonic() + seconds
    failed = 0
    for number in range(pairs):
        if time.monotonic() > end:
            break
        workload = list(WORKLOADS)[number % len(WORKLOADS)]
        program = _BALLAST + WORKLOADS[workload] * repeat
        words = (sys.executable, "-I", "-S", "-c", program)
        pair = run_pair((Side("base", words), Side("head", words)), chance, core=core)
        runs = pair.measured()
        if runs is None:
            failed += 1
            continue
        row = [pair.first]
        row += [getattr(runs[side], figure) for side in ("base", "head") for figure in FIGURES]
        path = folder / f"{workload.replace(' ', '-')}.csv"
        fresh = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(COLUMNS)
            writer.writerow(row)
        if number % 500 == 499:
            print(f"{number + 1} pairs, {failed} failed", file=sys.stderr)


def read_pools(folder: Path) -> list[Pool]:
    """The pools of a folder, by name. Raises SystemExit with a sentence where there are none."""
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise SystemExit(f"no pools in {folder}: make them with --make-pool {folder}")
    return [_read_pool(path) for path in paths]


def _read_pool(path: Path) -> Pool:
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if all(row[column] for column in COLUMNS)]
    base, head = (
        {figure: np.array([float(row[f"{side}_{figure}"]) for row in rows]) for figure in FIGURES}
        for side in ("base", "head")
    )
    return Pool(path.stem, base, head)
