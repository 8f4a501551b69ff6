"""A small batch job to record: it writes a log, has children count its words, and keeps too much.

Half a minute with something of everything: files written and read back, a core kept busy, a pool
of child processes, a short shell command every round, and a cache that nobody ever empties.

    perfkit record -o job.parquet -- python examples/workload.py [SECONDS]
"""

from __future__ import annotations

import collections
import concurrent.futures
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORDS = ("tick", "journal", "session", "period", "insight", "report", "budget", "cadence")
LINES = 60_000
LINES_KEPT = 15_000
PAUSE_S = 0.15


def write_log(path: Path, number: int) -> None:
    """A log of LINES lines, written through to storage so that the disk has something to do."""
    with path.open("w") as log:
        for line in range(LINES):
            log.write(f"{number} {line} {WORDS[(number + line) % len(WORDS)]} {'.' * 40}\n")
        log.flush()
        os.fsync(log.fileno())


def count_words(path: Path) -> collections.Counter[str]:
    """How often each word stands in a log; runs in a child process."""
    counts: collections.Counter[str] = collections.Counter()
    with path.open() as log:
        for line in log:
            counts.update(line.split()[2:3])
    return counts


def checksum(path: Path) -> str:
    """Some plain work for the parent's own core."""
    digest = hashlib.sha256(path.read_bytes())
    for _ in range(60_000):
        digest.update(digest.digest())
    return digest.hexdigest()


def run(seconds: float) -> None:
    """Round after round until the time is over."""
    until = time.monotonic() + seconds
    cache: dict[str, list[str]] = {}
    totals: collections.Counter[str] = collections.Counter()
    rounds = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        concurrent.futures.ProcessPoolExecutor(max_workers=2) as pool,
    ):
        while time.monotonic() < until:
            paths = [Path(folder, f"{rounds}-{part}.log") for part in range(2)]
            for path in paths:
                write_log(path, rounds)
            for counts in pool.map(count_words, paths):
                totals.update(counts)
            key = checksum(paths[0])
            # The leak: every round keeps lines that no one will ask for again.
            cache[key] = paths[0].read_text().splitlines()[:LINES_KEPT]
            subprocess.run(["ls", "-l", folder], stdout=subprocess.DEVNULL, check=True)
            for path in paths:
                path.unlink()
            rounds += 1
            time.sleep(PAUSE_S)
    print(f"{rounds} rounds, {totals.total()} words, {len(cache)} entries in a cache nobody reads")


if __name__ == "__main__":
    run(float(sys.argv[1]) if len(sys.argv) > 1 else 32.0)
