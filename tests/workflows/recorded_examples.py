"""Journals as a recorder leaves them, with all raw columns, for the workflows that read them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from perfkit.model.metric import COUNTER, INTEGER, NULL_INTEGER, SLOW, SYSTEM, TICK
from perfkit.model.tick import BYTES, PROCESS_FIELDS
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.session.journal import JournalWriter, create_journal, processes_frame

INTERVAL_NS = 100_000_000

FACTS = {
    "session_id": "0190a0b0-0000-7000-8000-000000000002",
    "perfkit_version": "0.1.0",
    "mode": "pid",
    "sampler": "linux",
    "target_pid": 4242,
    "target_name": "worker",
    "command": "worker",
    "interval_ns": INTERVAL_NS,
    "started_at_us": 1_700_000_000_000_000,
    "start_boottime_ns": 5,
}


def record(
    directory: Path, ticks: int, *, segment_ticks: int = 10_000, seed: int = 1, hold: bool = False
) -> int:
    """Write a journal of random ticks; hold: keep the recorder's lock, whose descriptor is returned."""
    rng = np.random.default_rng(seed)
    lock = create_journal(str(directory), RAW_METRICS, FACTS)
    header = (directory / "000000.ticks").stat().st_size
    record_bytes = 24 + 8 * len(RAW_METRICS)
    writer = JournalWriter(str(directory), RAW_METRICS, header + segment_ticks * record_bytes)
    levels = dict.fromkeys((metric.name for metric in RAW_METRICS), 10**6)
    for tick in range(ticks):
        row: list[int | float] = []
        for metric in RAW_METRICS:
            skipped = (metric.group == SYSTEM and tick % 10) or (metric.group == SLOW and tick % 50)
            if metric.name == "t_ns":
                row.append(tick * INTERVAL_NS + int(rng.integers(0, 10**5)))
            elif metric.name == "time":
                row.append(1_700_000_000_000_000 + tick * INTERVAL_NS // 1000)
            elif skipped or rng.random() < 0.02:
                row.append(NULL_INTEGER if metric.format == INTEGER else float("nan"))
            elif metric.format != INTEGER:
                row.append(float(rng.integers(1, 8)) / 2)
            elif metric.group == TICK:
                row.append(int(rng.integers(0, 3)) * (tick % 97 == 0))
            elif metric.kind == COUNTER:
                levels[metric.name] += int(rng.integers(0, 10**7))
                row.append(levels[metric.name])
            else:
                row.append(int(rng.integers(1, 10**9)))
        entry = [
            tick + number for number, (_, kind, _) in enumerate(PROCESS_FIELDS) if kind != BYTES
        ]
        frames = [processes_frame([[*entry, b"S", b"worker", b"worker"]])] if tick % 50 == 0 else []
        writer.append(row, frames)
    writer.note("stop", "the target exited")
    writer.close()
    if not hold:
        os.close(lock)
    return lock


def flip(path: Path, at: int) -> None:
    """Damage one byte of a file; negative counts from its end."""
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)
