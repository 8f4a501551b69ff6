"""Processes that `perfkit bench-overhead` starts and judges by their own CPU clocks."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import perfkit
from perfkit.errors import PerfkitError
from perfkit.model.text import printable
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.session.journal import create_journal

NS = 1_000_000_000

# A recording reads the slow group more often in its first seconds; what it costs for hours is
# what it costs afterwards.
WARM_UP_S = 5.0


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Whatever happens, the process does not outlive this."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@contextlib.contextmanager
def target(code: str, *words: str) -> Iterator[int]:
    """A process to be looked at, which has said that it is ready; yields its pid.

    code: Python for an interpreter with little loaded. Its standard input ends with this.
    """
    command = [sys.executable, "-S", "-E", "-c", code, *words]
    with ended(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)) as process:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise PerfkitError("the process to be measured did not start; try again")
        yield process.pid


def record(pid: int, interval_ns: int, seconds: float, session: Path) -> subprocess.Popen[bytes]:
    """The real recorder, attached to a process."""
    code = f"import sys; sys.path.append({root()!r}); from perfkit.cli import main; main()"
    words = [sys.executable, "-P", "-c", code, "record", "--quiet", "--pid", str(pid)]
    # pinned: a recorder that reads less often to keep its budget would measure something else
    words += ["--no-adaptive", "--interval", f"{interval_ns}ns", "--duration", f"{seconds}s"]
    words += ["-o", str(session)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@contextlib.contextmanager
def loop(
    kind: str,
    interval_ns: int,
    seconds: float,
    pid: int,
    *,
    warm_up_s: float = WARM_UP_S,
    journal: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A loop of workflows.overhead_probe, started as the recorder is: no `site`, little loaded.

    journal: where the kind `parts` writes; it must not exist yet.
    """
    if journal is not None:
        os.close(create_journal(str(journal), RAW_METRICS, {}))
    code = (
        f"import sys; sys.path.append({root()!r}); "
        "from perfkit.workflows.overhead_probe import main; main()"
    )
    numbers = (interval_ns, int(warm_up_s * NS), int(seconds * NS), pid)
    words = [sys.executable, "-S", "-E", "-P", "-c", code, kind, *map(str, numbers)]
    words += [] if journal is None else [str(journal)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with ended(process):
        yield process


def finish(process: subprocess.Popen[bytes], what: str) -> bytes:
    """Wait for its end and return what it printed. Raises PerfkitError if it failed."""
    out, error = process.communicate()
    if process.returncode != 0:
        last = printable(error.strip().splitlines()[-1]) if error.strip() else "no reason given"
        raise PerfkitError(f"{what} ended with {process.returncode} ({last}); nothing was measured")
    return out


@dataclass(frozen=True)
class LoopFigures:
    """What a measured loop printed: figures by name, and how late each tick was, in ns."""

    named: dict[str, float]
    late_ns: tuple[int, ...]


def figures_of(process: subprocess.Popen[bytes]) -> LoopFigures:
    """Wait for the end of a measured loop and take its figures."""
    named, late = finish(process, "a measured loop").decode().splitlines()
    pairs = (word.split("=") for word in named.split())
    return LoopFigures({name: float(value) for name, value in pairs}, tuple(map(int, late.split())))


def us_per_tick(figures: dict[str, float]) -> float | None:
    """CPU of a loop per tick, in microseconds; None if it had none."""
    return figures["cpu_ns"] / figures["ticks"] / 1000 if figures["ticks"] else None


def cpu_ns(pid: int) -> int | None:
    """A process's CPU clock, own threads alone; None once the process is gone."""
    try:
        # the kernel's number of a process CPU clock: include/linux/posix-timers.h
        return time.clock_gettime_ns(~pid << 3 | 2)
    except OSError:
        return None


def rss_mib(pid: int) -> float | None:
    """A process's resident set; None once it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20 or None


def root() -> str:
    """The folder that holds the package."""
    return str(Path(perfkit.__file__).parent.parent)


def microseconds(ns: float | None) -> float | None:
    """Nanoseconds as microseconds, if there are any."""
    return None if ns is None else ns / 1000
