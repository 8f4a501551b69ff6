"""Figures per thread, added up over passes: by hand, and one real busy thread."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from typing import Any

import pytest

from perfkit.model.metric import FLOAT, NULL_INTEGER
from perfkit.sampling.linux import LinuxSampler
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.sampling.threads import ThreadSums
from perfkit.sampling.tree import INDEX

MS = 1_000_000


class ToldMember:
    """What ThreadSums asks of a member; cpu_ms: thread to the time it has had a core."""

    started_ticks = 1

    def __init__(self, pid: int, **cpu_ms: int) -> None:
        self.pid = pid
        self.denied: dict[str, str] = {}
        self.cpu_ms = cpu_ms

    def threads(self) -> list[str]:
        return [name.removeprefix("t") for name in self.cpu_ms]

    def read_file(self, name: str) -> bytes | None:
        _, thread, file = name.split("/")
        if file == "schedstat":
            return f"{self.cpu_ms['t' + thread] * MS} 0 1\n".encode()
        return b"\nvoluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n"

    def parse_signals(self, status: bytes | None) -> None:
        pass


def busiest(sums: ThreadSums, *members: ToldMember) -> int | None:
    """Milliseconds of the busiest threads after one more pass."""
    sums.begin()
    for member in members:
        sums.add(member)  # type: ignore[arg-type]
    figures = sums.finish()
    return None if figures is None else figures[3] // MS


def test_the_busiest_thread_of_each_pass_is_added_up() -> None:
    """Whichever it is, in whichever process: 50, then 70 of another, then 10 of a new one."""
    sums = ThreadSums(from_zero=False)
    one, other = ToldMember(1, t1=1000, t2=500), ToldMember(9, t9=300)

    assert busiest(sums, one, other) == 0
    one.cpu_ms = {"t1": 1020, "t2": 550}
    assert busiest(sums, one, other) == 50
    other.cpu_ms = {"t9": 370}
    assert busiest(sums, one, other) == 120
    one.cpu_ms = {"t1": 1020, "t3": 10}
    assert busiest(sums, one, other) == 130
    assert busiest(sums, one) == 130


def test_a_command_that_perfkit_started_is_counted_from_its_start() -> None:
    """The first pass has what was used before it."""
    assert busiest(ThreadSums(from_zero=True), ToldMember(1, t1=30, t2=80)) == 80


def test_a_thread_that_may_not_be_read_leaves_no_figure() -> None:
    """It might have been the busiest."""
    sums = ThreadSums(from_zero=False)
    hidden = ToldMember(1, t1=1)
    hidden.denied["task/1/schedstat"] = "Permission denied"
    hidden.read_file = lambda _: None  # type: ignore[method-assign]

    assert busiest(sums, ToldMember(2, t2=5), hidden) is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_one_busy_thread_among_idle_ones_is_found() -> None:
    """Its own CPU clock is the truth; the scheduler's account lags by a few milliseconds."""
    sampler = LinuxSampler(os.getpid())
    idle = [threading.Event() for _ in range(3)]
    for event in idle:
        threading.Thread(target=event.wait, daemon=True).start()
    used: list[Any] = []

    def burn() -> None:
        started = time.thread_time_ns()
        while time.thread_time_ns() - started < 200 * MS:
            pass
        used.append(time.thread_time_ns() - started)
        idle[0].wait()

    thread = threading.Thread(target=burn, daemon=True)
    rows = []
    for step in range(2):
        row: list[int | float] = [
            math.nan if metric.format == FLOAT else NULL_INTEGER for metric in RAW_METRICS
        ]
        sampler.read(row, system=True, slow=True)
        rows.append(row[INDEX["busiest_thread_cpu_ns"]])
        if step == 0:
            thread.start()
            while not used:
                time.sleep(0.01)
    for event in idle:
        event.set()
    thread.join()
    sampler.close()

    assert rows[0] == 0
    assert rows[1] == pytest.approx(used[0], abs=30 * MS)
