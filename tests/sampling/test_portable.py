"""The psutil sampler gives the Linux sampler's columns, and the same figures where it has them."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from perfkit.errors import TargetGone
from perfkit.model.metric import FLOAT, NULL_INTEGER, SLOW, SYSTEM, TICK
from perfkit.model.tick import BYTES, PROCESS_FIELDS
from perfkit.sampling.linux import LinuxSampler
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.sampling.portable import PortableSampler

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="compares with the Linux sampler")

# Told to "go", it does some of everything, says so, and then holds still so that two samplers that
# read it one after the other must see the same.
WORK = """
import os, subprocess, sys, threading, time

def burn(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass

folder = sys.argv[1]
idle = threading.Event()
print("ready", flush=True)
sys.stdin.readline()
burn(0.2)
kept = b"x" * 30_000_000
with open(os.path.join(folder, "data"), "wb") as file:
    file.write(kept[:5_000_000])
    file.flush()
    os.fsync(file.fileno())
with open(os.path.join(folder, "data"), "rb") as file:
    file.read()
files = [open(os.devnull) for _ in range(20)]
for _ in range(5):
    threading.Thread(target=idle.wait, daemon=True).start()
for _ in range(3):
    subprocess.run([sys.executable, "-S", "-E", "-c", "sum(range(2_000_000))"], check=True)
living = subprocess.Popen(
    [sys.executable, "-S", "-E", "-c", "kept = b'y' * 9_000_000; print('done', flush=True); input()"],
    stdin=subprocess.PIPE,
)
sys.stdin.readline()
"""

# psutil reads CPU time in steps of 10 ms: own and reaped children, user and system, two processes;
# the Linux sampler reads the CPU clock.
CPU_TOLERANCE_NS = 80_000_000

# How far apart the two may lie, as (share, amount). Columns that are not named must be equal.
TOLERANCES: dict[str, tuple[float, int]] = {
    "cpu_time_ns": (0.0, CPU_TOLERANCE_NS),
    # the machine goes on between the two readings
    "system_cpu_user_ns": (0.01, 200_000_000),
    "system_cpu_kernel_ns": (0.01, 200_000_000),
    "system_cpu_idle_ns": (0.01, 500_000_000),
    "system_cpu_iowait_ns": (0.01, 200_000_000),
    "system_cpu_steal_ns": (0.01, 200_000_000),
    "system_load_1m_count": (0.5, 1),
    "system_memory_available_bytes": (0.1, 300_000_000),
    "system_swap_free_bytes": (0.01, 10_000_000),
    "net_receive_bytes": (0.01, 1_000_000),
    "net_transmit_bytes": (0.01, 1_000_000),
    "net_packets_count": (0.01, 10_000),
    "net_errors_count": (0.01, 10),
    # smaps_rollup is the same file, but shared pages may come and go with other processes
    "pss_bytes": (0.05, 1_000_000),
    "rss_bytes": (0.01, 200_000),
}

NULL_IN_PSUTIL = {
    "disk_free_bytes",
    "disk_total_bytes",
    "tasks_nearest_count",
    "tasks_limit_count",
    "minor_faults_count", "major_faults_count", "memory_capacity_bytes", "cpu_capacity_cores",
    "ctx_switches_voluntary_count", "ctx_switches_involuntary_count", "runqueue_wait_ns",
    "system_runnable_count", "busiest_thread_cpu_ns", "sigchld_ignored_count", "psi_cpu_some_us", "psi_memory_some_us", "psi_memory_full_us",
    "psi_io_some_us", "psi_io_full_us",
    *(metric.name for metric in RAW_METRICS if metric.name.startswith("cgroup_")),
}  # fmt: skip

Sampler = LinuxSampler | PortableSampler


def _read(sampler: Sampler, *, system: bool = True, slow: bool = True) -> dict[str, Any]:
    """One reading as column name to value, None where it is null; the tick's own columns left out."""
    row: list[int | float] = [
        math.nan if metric.format == FLOAT else NULL_INTEGER for metric in RAW_METRICS
    ]
    sampler.read(row, system=system, slow=slow)
    return {
        metric.name: None if value == NULL_INTEGER or value != value else value
        for metric, value in zip(RAW_METRICS, row, strict=True)
        if metric.group != TICK
    }


@pytest.fixture
def both(processes: Any, tmp_path: Path) -> Any:
    """The two samplers, attached to one process before it worked; it has worked since."""
    process = processes.python(WORK, str(tmp_path))
    linux, portable = LinuxSampler(process.pid), PortableSampler(process.pid)
    _read(linux)
    _read(portable)
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"
    yield linux, portable
    linux.close()
    portable.close()


def test_both_samplers_agree_on_one_living_process(both: Any) -> None:
    """Every column that psutil has holds the Linux sampler's figure, within what is stated."""
    linux, portable = (_read(sampler) for sampler in both)

    assert linux["cpu_time_ns"] > 200_000_000
    assert linux["write_call_bytes"] > 5_000_000
    assert linux["processes_count"] == 2
    assert {name for name, value in portable.items() if value is None} - {
        name for name, value in linux.items() if value is None
    } <= NULL_IN_PSUTIL
    for name, value in portable.items():
        if value is not None:
            share, amount = TOLERANCES.get(name, (0.0, 0))
            assert linux[name] is not None, f"{name} is {value} by psutil and null by Linux"
            assert abs(value - linux[name]) <= max(share * abs(linux[name]), amount), (
                f"{name} is {value} by psutil, {linux[name]} by Linux"
            )


def test_both_samplers_list_the_same_processes(both: Any) -> None:
    """The lists have the fields of PROCESS_FIELDS and the same figures."""
    for sampler in both:
        _read(sampler)
    linux, portable = (
        {
            entry[0]: dict(zip((f[0] for f in PROCESS_FIELDS), entry, strict=True))
            for entry in listed
        }
        for listed in (sampler.processes() for sampler in both)
    )

    assert linux.keys() == portable.keys()
    for pid, entry in portable.items():
        for name, storage, _ in PROCESS_FIELDS:
            assert isinstance(entry[name], bytes if storage == BYTES else int)
        for name in ("ppid", "threads_count", "fds_count", "write_bytes", "name", "command"):
            assert entry[name] == linux[pid][name], name
        assert abs(entry["started_ns"] - linux[pid]["started_ns"]) < 1_500_000_000
        assert abs(entry["cpu_time_ns"] - linux[pid]["cpu_time_ns"]) <= CPU_TOLERANCE_NS


@pytest.mark.parametrize("kind", [LinuxSampler, PortableSampler])
def test_groups_that_are_not_due_stay_null(kind: type[Sampler]) -> None:
    """Between its ticks a column of the system or the slow group is null."""
    sampler = kind(os.getpid())
    try:
        reading = _read(sampler, system=False, slow=False)
    finally:
        sampler.close()

    given = {metric.group for metric in RAW_METRICS if reading.get(metric.name) is not None}
    assert given & {SYSTEM, SLOW} == set()


def test_what_psutil_does_not_give_is_said_once_with_the_reason() -> None:
    """A null column is explained in the session's metadata, one line each, not at every tick."""
    sampler = PortableSampler(os.getpid())
    _read(sampler)
    notes = sampler.take_notes()

    assert dict(notes)["runqueue_wait_ns"] == "psutil does not give the wait for a core"
    assert len(dict(notes)) == len(notes)
    assert sampler.take_notes() == []


def test_counters_do_not_fall_when_a_child_ends(both: Any, processes: Any) -> None:
    """The living child is killed; what it used stays in the tree's account, in both samplers."""
    before = [_read(sampler) for sampler in both]
    (child,) = psutil.Process(both[0].pid).children()
    child.kill()
    # its parent does not wait for it: it stays a zombie, then the parent goes and takes it along
    for sampler, earlier in zip(both, before, strict=True):
        reading = _read(sampler)
        assert reading["processes_count"] in (1, 2)
        for name in ("cpu_time_ns", "write_call_bytes", "read_calls_count"):
            assert reading[name] >= earlier[name]


def test_a_target_that_does_not_exist_is_refused_in_one_sentence(processes: Any) -> None:
    """A pid that was given back names no process."""
    process = processes.start(["true"])
    process.wait()

    with pytest.raises(TargetGone, match=f"process {process.pid} cannot be recorded"):
        PortableSampler(process.pid)


def test_a_target_that_ends_is_noticed(processes: Any) -> None:
    """A zombie counts as ended, and so does a process that nobody knows any more."""
    process = processes.python("print('ready', flush=True); input()")
    sampler = PortableSampler(process.pid)
    assert not sampler.target_gone()

    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    _read(sampler)
    assert sampler.target_gone()

    process.wait()
    reading = _read(sampler)
    assert sampler.target_gone()
    assert reading["processes_gone_count"] == 1
    assert reading["processes_count"] == 0
    assert reading["rss_bytes"] is None


def test_a_figure_that_may_not_be_read_is_null_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another user's process denies its I/O: those columns are null, the others are not."""

    def denied(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "io_counters", denied)
    sampler = PortableSampler(os.getpid())
    reading = _read(sampler)

    assert reading["read_bytes"] is None
    assert reading["cpu_time_ns"] is not None
    assert any("read_bytes" in name and "denies" in why for name, why in sampler.take_notes())
