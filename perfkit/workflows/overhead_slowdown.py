"""How much slower a target gets by being recorded: a duet of recorded and unrecorded copies."""

from __future__ import annotations

import contextlib
import math
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from perfkit.model.overhead import BASE_RATE_HZ, Slowdown
from perfkit.model.run import FailedRun, Pair
from perfkit.stats.intervals import signed_rank_interval
from perfkit.workflows.duet import Side, other_core, run_pair
from perfkit.workflows.overhead_processes import NS, cpu_ns
from perfkit.workflows.overhead_targets import recorder_of, workload

CONFIDENCE = 0.95
SIZE = 100
SEED = 20

_RECORDED, _PLAIN = "recorded", "plain"
_TIMEOUT_S = 60.0


class Recording:
    """What goes on beside a pair: the recorder of one side, and what it used meanwhile.

    core: where it is kept. shares: of one core, one a pair.
    """

    def __init__(self, core: int) -> None:
        self.core = core
        self.shares: list[float] = []

    @contextlib.contextmanager
    def __call__(self, pids: Mapping[str, int]) -> Iterator[None]:
        """Attach to the side that is to be recorded; see workflows.duet.Beside."""
        with tempfile.TemporaryDirectory(prefix="perfkit-duet-") as folder:
            session = Path(folder) / "session.parquet"
            with recorder_of(pids[_RECORDED], NS // BASE_RATE_HZ, session, self.core) as recorder:
                began_ns, before_ns = time.monotonic_ns(), cpu_ns(recorder.pid)
                yield
                after_ns = cpu_ns(recorder.pid)
                if before_ns is not None and after_ns is not None:
                    elapsed_ns = time.monotonic_ns() - began_ns
                    self.shares.append((after_ns - before_ns) / elapsed_ns)


def measure_slowdown(
    kind: str, pairs: int, *, size: int = SIZE, say: Callable[[int], None] = lambda _: None
) -> Slowdown:
    """Run so many pairs of a workload. say: is told how many are done."""
    core = max(os.sched_getaffinity(0))
    elsewhere = other_core(core)
    if elsewhere is None:
        return Slowdown(kind, 0, 0, CONFIDENCE, absent="needs two cores, here is one")
    chance = random.Random(f"{SEED} {kind}")
    words = workload(kind, size)
    sides = (Side(_PLAIN, words), Side(_RECORDED, words))
    recording = Recording(elsewhere)
    done: list[Pair] = []
    for number in range(pairs):
        done.append(run_pair(sides, chance, core=core, timeout_s=_TIMEOUT_S, beside=recording))
        say(number + 1)
    return slowdown_of(kind, done, recording.shares)


def slowdown_of(kind: str, pairs: Sequence[Pair], shares: Sequence[float]) -> Slowdown:
    """The figures of pairs of runs, and of the recorder's shares of a core beside them."""
    ratios, plain_s = [], []
    failures = [run for pair in pairs for run in pair.runs.values() if isinstance(run, FailedRun)]
    for pair in pairs:
        runs = pair.measured()
        if runs is not None:
            ratios.append(math.log(runs[_RECORDED].cpu_s / runs[_PLAIN].cpu_s))
            plain_s.append(runs[_PLAIN].cpu_s)
    if not ratios:
        why = str(failures[0]) if failures else "no pair was run"
        return Slowdown(kind, 0, len(failures), CONFIDENCE, absent=f"no pair succeeded: {why}")
    interval = signed_rank_interval(ratios, CONFIDENCE)
    return Slowdown(
        kind,
        len(ratios),
        len(pairs) - len(ratios),
        CONFIDENCE,
        percent=_percent(interval.estimate),
        low_percent=_percent(interval.low),
        high_percent=_percent(interval.high),
        spread_percent=100 * float(np.std(ratios, ddof=1)) if len(ratios) > 1 else None,
        target_cpu_s=float(np.median(plain_s)),
        recorder_percent=100 * float(np.mean(shares)) if shares else None,
    )


def _percent(log_ratio: float) -> float | None:
    return 100 * math.expm1(log_ratio) if math.isfinite(log_ratio) else None
