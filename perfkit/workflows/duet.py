"""Runs commands in pairs: both at once on one core, or one after the other.

Two copies of a program that share a core share its noise as well: another guest of the host, a
clock that slows down, a cache that somebody empties. In the ratio of their CPU times it cancels,
where the ratio of two runs in a row keeps most of it (Bulej et al., Duet Benchmarking: Improving
Measurement Accuracy in the Cloud, ICPE 2020). Wall time means nothing in a duet.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import perfkit
from perfkit.errors import PerfkitError
from perfkit.model.run import FailedRun, Pair, Run
from perfkit.model.text import printable
from perfkit.workflows import orphans
from perfkit.workflows.duet_launcher import FIGURES
from perfkit.workflows.instructions import Instructions

DEFAULT_TIMEOUT_S = 600.0

# what the launcher needs beyond the command's own time: starting, ending, a busy machine
_GRACE_S = 60.0
_BLOCK_BYTES = 512  # getrusage(2): blocks of 512 bytes, whatever the file system's are
_LAST_WORDS_BYTES = 4096

Beside = Callable[[Mapping[str, int]], AbstractContextManager[object]]
"""Given the sides' process ids; entered while they wait to be let go, left when all have ended."""


@dataclass(frozen=True)
class Side:
    """One of the commands: its name in the results, its words, and the folder it works in."""

    name: str
    words: tuple[str, ...]
    cwd: Path | None = None


def run_pair(
    sides: tuple[Side, Side],
    chance: random.Random,
    *,
    core: int | None,
    together: bool = True,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    beside: Beside | None = None,
    instructions: bool = False,
) -> Pair:
    """Run both sides once, in an order left to chance.

    core: the one that they share, or None to leave that to the kernel. together: False runs one
    after the other. beside: see run_sides; with together=False it is entered for each side alone.
    timeout_s: of each side; in a duet that of both is twice as long, for they share the core.
    instructions: see run_sides.
    """
    order = list(sides)
    if chance.random() < 0.5:
        order.reverse()
    runs: dict[str, Run | FailedRun] = {}
    for group in [order] if together else [[side] for side in order]:
        allowed_s = timeout_s * len(group)
        runs |= run_sides(
            group, core=core, timeout_s=allowed_s, beside=beside, instructions=instructions
        )
    return Pair(order[0].name, {side.name: runs[side.name] for side in sides})


def run_sides(
    sides: Sequence[Side],
    *,
    core: int | None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    beside: Beside | None = None,
    instructions: bool = False,
) -> dict[str, Run | FailedRun]:
    """Run the sides at once, each with a TMPDIR of its own; they are let go in the given order.

    beside: what goes on meanwhile, such as a recorder. The process ids are the commands' own: each
    waits, already on its core, to become its command.
    instructions: whether to have the hardware count them, where it does.
    Standard output is discarded. A side that outlasts the time is killed, and so is whatever a
    side leaves behind in its process group; inside `orphans.adopting()` also what has left the
    group. Raises PerfkitError where no process can be started.
    """
    known = orphans.children()
    with tempfile.TemporaryDirectory(prefix="perfkit-run-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        errors = [folder / f"{number}.stderr" for number, _ in enumerate(sides)]
        words = [str(-1 if core is None else core), str(timeout_s)]
        for number, side in enumerate(sides):
            temporary = folder / f"{number}.tmp"
            temporary.mkdir()
            words += [str(side.cwd or Path.cwd()), str(temporary), str(errors[number])]
            words += [str(len(side.words)), *side.words]
        with _launcher(words, folder) as launcher:
            pids, floor = _pids_and_floor(launcher, len(sides))
            by_name = {side.name: pid for side, pid in zip(sides, pids, strict=True)}
            with Instructions(pids if instructions else ()) as counters:
                with beside(by_name) if beside else contextlib.nullcontext():
                    lines = _let_go(launcher)
                counts = counters.read()
        left = orphans.end(known, pids, [str(folder / f"{n}.tmp") for n in range(len(sides))])
        if len(lines) != len(sides):
            raise PerfkitError("the process that starts the runs was ended by someone else")
        outcomes = {}
        for number, side in enumerate(sides):
            run = _outcome(lines[number], side, timeout_s, floor, errors[number])
            if isinstance(run, Run):
                run = replace(run, left_behind=left[number], instructions=counts.get(pids[number]))
            outcomes[side.name] = run
        return outcomes


def other_core(core: int) -> int | None:
    """A core for whatever observes a duet on `core`, or None where there is no other."""
    others = sorted(os.sched_getaffinity(0) - {core})
    return others[0] if others else None


@contextlib.contextmanager
def _launcher(words: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    root = str(Path(perfkit.__file__).parent.parent)
    code = (
        f"import sys; sys.path.append({root!r}); "
        "from perfkit.workflows.duet_launcher import main; main()"
    )
    with (folder / "launcher.stderr").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-P", "-c", code, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    try:
        yield process
    finally:
        # the end of its input is its sign to kill the sides and to go
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _pids_and_floor(launcher: subprocess.Popen[bytes], count: int) -> tuple[list[int], int]:
    line = launcher.stdout.readline() if launcher.stdout else b""
    numbers = [int(word) for word in line.split()]
    if len(numbers) != count + 1:
        raise PerfkitError(
            "no process can be started here (see `ulimit -u` and `ulimit -n`); nothing was run"
        )
    return numbers[:-1], numbers[-1]


def _let_go(launcher: subprocess.Popen[bytes]) -> list[dict[str, int]]:
    stdin, stdout = launcher.stdin, launcher.stdout
    if stdin is None or stdout is None:
        return []
    stdin.write(b"go\n")
    stdin.flush()
    return [dict(zip(FIGURES, map(int, line.split()), strict=True)) for line in stdout.readlines()]


def _outcome(
    line: Mapping[str, int], side: Side, timeout_s: float, floor: int, errors: Path
) -> Run | FailedRun:
    reason = _failure(line, side, timeout_s)
    if reason:
        started, timed_out = not line["exec_errno"], bool(line["timed_out"])
        return FailedRun(reason, _last_words(errors), started, timed_out)
    peak = line["peak_rss_bytes"]
    return Run(
        started_ns=line["started_ns"],
        ended_ns=line["ended_ns"],
        cpu_user_s=line["user_us"] / 1e6,
        cpu_system_s=line["system_us"] / 1e6,
        peak_rss_bytes=peak if peak > floor else None,
        minor_faults=line["minor_faults"],
        major_faults=line["major_faults"],
        read_bytes=line["read_blocks"] * _BLOCK_BYTES,
        written_bytes=line["written_blocks"] * _BLOCK_BYTES,
        voluntary_switches=line["voluntary_switches"],
        involuntary_switches=line["involuntary_switches"],
        read_call_bytes=_known(line["read_call_bytes"]),
        written_call_bytes=_known(line["written_call_bytes"]),
        read_calls=_known(line["read_calls"]),
        write_calls=_known(line["write_calls"]),
        peak_floor_bytes=floor,
    )


def _known(number: int) -> int | None:
    return number if number >= 0 else None


def _failure(line: Mapping[str, int], side: Side, timeout_s: float) -> str:
    if line["exec_errno"]:
        where = printable(side.words[0])
        return f"{where} cannot be started ({os.strerror(line['exec_errno'])})"
    if line["timed_out"]:
        return f"it was killed after {timeout_s:g} s"
    code = os.waitstatus_to_exitcode(line["status"])
    if code < 0:
        return f"it was ended by signal {-code} ({signal.strsignal(-code)})"
    return f"it exited with {code}" if code else ""


def _last_words(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _LAST_WORDS_BYTES))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return printable(lines[-1].strip()) if lines else ""
