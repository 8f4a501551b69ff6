"""What the recordings of a gate's runs say: read once the decision is made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from perfkit.errors import PerfkitError
from perfkit.gate.reasons import FactPair, RunFacts
from perfkit.model.block import Block
from perfkit.model.run import Run
from perfkit.model.verdict import DUET
from perfkit.workflows.gate_pairs import MeasuredPair
from perfkit.workflows.source import open_recording

_BUSY = ("system_cpu_user_ns", "system_cpu_kernel_ns")
_COLUMNS = (*_BUSY, "system_cpu_steal_ns", "cgroup_throttled_ns", "cpu_time_ns", "processes")

_LAUNCHER = "perfkit.workflows.duet_launcher"

# of the most pairs: enough for a median, and reading a long recording takes a while
_MOST_PAIRS = 30


def facts_of(pairs: Sequence[MeasuredPair]) -> list[FactPair]:
    """What is known of each pair; a recording that is missing or unreadable tells nothing."""
    facts = []
    for pair in pairs[-_MOST_PAIRS:]:
        together = pair.base.cpu_s + pair.head.cpu_s if pair.design == DUET else None
        base, head = (
            _facts(run, pair.recordings.get(side), run.cpu_s if together is None else together)
            for side, run in (("base", pair.base), ("head", pair.head))
        )
        facts.append((base, head))
    return facts


def _facts(run: Run, recording: Path | None, own_cpu_s: float) -> RunFacts:
    if recording is None:
        return RunFacts(run)
    try:
        blocks = list(open_recording(recording).blocks(_COLUMNS))
    except PerfkitError:
        return RunFacts(run)
    if not blocks:
        return RunFacts(run)
    throttled = _grown(blocks, ("cgroup_throttled_ns",))
    elapsed_s = (int(blocks[-1].t_ns[-1]) - int(blocks[0].t_ns[0])) / 1e9
    busy_s, stolen_s = _grown(blocks, _BUSY), _grown(blocks, ("system_cpu_steal_ns",))
    # the kernel counts the machine's time in steps of 10 ms: a short run would show only those
    long_enough = elapsed_s >= 0.2
    return RunFacts(
        run,
        _cpu_by_process(blocks),
        throttled,
        max(0.0, busy_s - own_cpu_s) / elapsed_s if long_enough and busy_s is not None else None,
        stolen_s / elapsed_s if long_enough and stolen_s is not None else None,
    )


def _grown(blocks: Sequence[Block], names: Collection[str]) -> float | None:
    """How many seconds counters of nanoseconds grew by, added up, or None."""
    total = 0.0
    for name in names:
        values = [
            column.values[column.valid]
            for column in (block.columns.get(name) for block in blocks)
            if column is not None
        ]
        known = np.concatenate(values) if values else np.empty(0)
        if known.size < 2:
            return None
        total += float(known[-1] - known[0]) / 1e9
    return total


def _cpu_by_process(blocks: Sequence[Block]) -> dict[str, float]:
    """CPU seconds by name, as of the last list that has the process.

    What a parent took over from children that it reaped is theirs.
    """
    last: dict[tuple[int, int], tuple[int, str, int, int]] = {}
    lists = chain.from_iterable((entries for _, entries in block.processes) for block in blocks)
    for number, entries in enumerate(lists):
        for entry in entries:
            cpu_ns = entry["cpu_time_ns"]
            waits = _LAUNCHER in str(entry["command"])  # to become the command
            if cpu_ns is not None and not waits:
                key = (entry["pid"], entry["started_ns"] or 0)
                last[key] = (number, str(entry["name"]), cpu_ns, entry["ppid"] or 0)
    seconds: dict[str, float] = {}
    for (pid, _), (number, name, cpu_ns, _) in last.items():
        reaped = [cpu for n, _, cpu, parent in last.values() if parent == pid and n < number]
        seconds[name] = seconds.get(name, 0.0) + max(0, cpu_ns - sum(reaped)) / 1e9
    return seconds
