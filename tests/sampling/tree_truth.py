"""Trees of processes with known truth: how they are driven, and what the kernel says of them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from perfkit.model.metric import NULL_INTEGER
from perfkit.model.tick import PROCESS_FIELDS
from perfkit.sampling.linux import LinuxSampler
from perfkit.sampling.metrics import RAW_METRICS

NAMES = [metric.name for metric in RAW_METRICS]
CGROUPS = Path("/sys/fs/cgroup")
TICK_S = 0.05


def read(sampler: LinuxSampler, *, system: bool = True, slow: bool = True) -> dict[str, Any]:
    """One reading by column; null is None."""
    row: list[int | float] = [
        NULL_INTEGER if metric.format == "q" else float("nan") for metric in RAW_METRICS
    ]
    sampler.read(row, system=system, slow=slow)
    return {
        name: None if value == NULL_INTEGER or value != value else value
        for name, value in zip(NAMES, row, strict=True)
    }


def entries(sampler: LinuxSampler) -> dict[int, Mapping[str, Any]]:
    """The list of processes by pid."""
    names = [name for name, _, _ in PROCESS_FIELDS]
    found = [dict(zip(names, entry, strict=True)) for entry in sampler.processes()]
    return {entry["pid"]: entry for entry in found}


def cpu_clock_ns(pid: int) -> int:
    """CPU time of a living process, children apart."""
    return time.clock_gettime_ns((~pid) << 3 | 2)


def ask(process: subprocess.Popen[str], word: str, sampler: LinuxSampler | None = None) -> str:
    """Say a word to a helper process and wait for its answer; a sampler takes ticks meanwhile."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()
    if sampler is not None:
        while not select.select([process.stdout], (), (), TICK_S)[0]:
            read(sampler, system=False, slow=False)
    return process.stdout.readline().strip()


def finish(process: subprocess.Popen[str], sampler: LinuxSampler) -> tuple[Any, Any]:
    """Let a helper process end by closing its input; returns (last reading, wait4's usage)."""
    assert process.stdin is not None
    process.stdin.close()
    ended = os.pidfd_open(process.pid)
    while not select.select([ended], (), (), TICK_S)[0]:
        read(sampler, system=False, slow=False)
    os.close(ended)
    last = read(sampler)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return last, usage


def cpu_of(usage: Any) -> int:
    """Nanoseconds of CPU in what wait4 returns."""
    return int((usage.ru_utime + usage.ru_stime) * 1e9)


def allowance_ns(truth_ns: float, reapers: int = 1) -> float:
    """How far CPU time may lie from the truth: 3 %, or the kernel's own truncation.

    `stat` cuts user and system time of reaped children to 10 ms each, in every living process
    that reaped some.
    """
    return max(0.03 * truth_ns, 20e6 * reapers, 40e6)


class Group:
    """A control group made for one test: what the kernel books to it is the truth."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self.folders = folders

    def join(self) -> None:
        """Move the calling process in; for preexec_fn."""
        for folder in self.folders.values():
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def cpu_ns(self) -> int:
        """CPU time of all that was ever in it."""
        return int((self.folders["cpuacct"] / "cpuacct.usage").read_text())

    def end(self) -> None:
        """Kill what is still in it and remove it."""
        for folder in self.folders.values():
            while True:
                for pid in (folder / "cgroup.procs").read_text().split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
                try:
                    folder.rmdir()
                except OSError:
                    time.sleep(0.005)  # the killed ones are on their way
                else:
                    break


@contextlib.contextmanager
def made_group(*controllers: str) -> Iterator[Group | str]:
    """A new group below the mounts of version 1, or the reason why none can be made."""
    folders: dict[str, Path] = {}
    try:
        for controller in controllers:
            folder = CGROUPS / controller / f"perfkit-test-{os.getpid()}"
            folder.mkdir()
            folders[controller] = folder
    except OSError as error:
        for folder in folders.values():
            folder.rmdir()
        yield f"no version 1 control group can be made here ({error})"
        return
    group = Group(folders)
    try:
        yield group
    finally:
        group.end()


def storage_is_counted(folder: Path) -> bool:
    """Whether the file system books written pages to the writer; tmpfs does not."""

    def booked() -> int:
        text = Path("/proc/self/io").read_text()
        return int(text.split("\nwrite_bytes:")[1].split()[0])

    before = booked()
    (folder / "probe").write_bytes(b"x" * 4096)
    return booked() > before
