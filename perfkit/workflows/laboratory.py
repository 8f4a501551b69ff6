"""Record the programs of the laboratory, and write what is true of each recording beside it.

Those recorded side by side are started together and end at one moment, so that no session holds
the sealing of another. A program that disturbs the whole machine is recorded alone.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perfkit.errors import OutputRefused, UnusableInput, UsageError
from perfkit.lab import registry, rig, truth
from perfkit.lab.registry import FAULT, PROGRAMS, Program
from perfkit.model.text import printable
from perfkit.session.reader import open_source
from perfkit.workflows.cpu_group import CpuGroup, make_group
from perfkit.workflows.overhead_processes import root
from perfkit.workflows.report_file import write_report

VIEWS_FILE = "views.csv"
VIEW_COLUMNS = (
    "view", "file", "metric", "capacity", "crosses", "t_cross_s", "end_s",
    "falling", "limit", "program", "family", "shape", "kind", "seed", "leaks", "looks",
)  # fmt: skip

# A perfkit and a program have come up after so long each, with two of them at a time.
_START_S = 0.6
_SEALING_S = 120.0
_NOT_BEGUN_S = 60.0
_NEIGHBOUR_S = 2.0


@dataclass(frozen=True)
class Job:
    """One recording to be made. strength counts for faults alone."""

    program: Program
    seed: int
    strength: float
    seconds: float
    output: Path

    @property
    def truth(self) -> Path:
        """The file beside it."""
        return self.output.with_name(self.output.name + truth.SUFFIX)

    @property
    def named(self) -> str:
        """What it is, in a few words."""
        times = f", {self.strength:g} times" if self.program.purpose == FAULT else ""
        return f"{self.program.name} (seed {self.seed}{times})"


def listing() -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Every program: the names of the columns, and a row each."""
    rows: list[tuple[object, ...]] = [
        (one.name, one.purpose, one.kind, ", ".join(one.metrics), one.summary) for one in PROGRAMS
    ]
    return ("name", "purpose", "kind", "shows in", "what happens"), rows


def run(name: str, output: Path, *, seed: int, strength: float, seconds: float | None) -> Path:
    """Record one program; returns the file that holds the truth.

    Raises UsageError for a name that no program has or an impossible number, OutputRefused,
    UnusableInput if the recording fails.
    """
    found = [one for one in PROGRAMS if one.name == name]
    if not found:
        raise UsageError(
            f"the laboratory has no program {printable(name)!r}; `perfkit lab list` shows them all"
        )
    job = Job(found[0], seed, strength, _length(found[0], seed, seconds), output)
    _check(strength, job.seconds)
    for path in (job.output, job.truth):
        if os.path.lexists(path):
            raise OutputRefused(f"{printable(str(path))} exists; choose another file with -o")
    if not output.parent.is_dir():
        raise OutputRefused(
            f"there is no folder {printable(str(output.parent))}; make it or choose another"
        )
    _record([job])
    return job.truth


def plan(
    folder: Path,
    *,
    only: str | None,
    seeds: Sequence[int],
    strengths: Sequence[float],
    seconds: float | None,
) -> list[Job]:
    """The recordings that a folder is to hold: every program asked for, by seed and strength.

    Raises UsageError if nothing is called `only`, or for an impossible number.
    """
    programs = PROGRAMS if only is None else registry.chosen(only)
    if not programs:
        words = ", ".join(registry.PURPOSES)
        raise UsageError(
            f"the laboratory knows no {printable(str(only))!r}; --only takes {words}, "
            "or a kind or name that `perfkit lab list` shows"
        )
    jobs = []
    for purpose in registry.PURPOSES:
        for seed in seeds:
            for program in programs:
                if program.purpose != purpose:
                    continue
                length = _length(program, seed, seconds)
                for strength in strengths if purpose == FAULT else (1.0,):
                    _check(strength, length)
                    mark = f"-x{strength:g}" if purpose == FAULT else ""
                    file = folder / f"{program.name}-s{seed}{mark}.parquet"
                    jobs.append(Job(program, seed, strength, length, file))
    return jobs


def run_all(
    folder: Path, jobs: Iterable[Job], *, side_by_side: int, tell: Callable[[str], None]
) -> int:
    """Make the recordings that the folder does not hold yet; returns how many were made.

    A recording that fails is told, and the others go on. Views of forecasts are gathered in
    views.csv. Raises OutputRefused, and UnusableInput at the end if any has failed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputRefused(
            f"{printable(str(folder))} cannot be a folder ({error.strerror}); choose another"
        ) from None
    missing = [job for job in jobs if not job.truth.exists()]
    made, failed = 0, []
    for batch in batches(missing, side_by_side):
        more = f" and {len(batch) - 1} more" if len(batch) > 1 else ""
        tell(f"{made} of {len(missing)} made, now {batch[0].named}{more}")
        for job in batch:
            _forget(job)
        outcomes = _record(batch, raises=False)
        failed += [problem for problem in outcomes if problem]
        made += sum(not problem for problem in outcomes)
        for problem in outcomes:
            if problem:
                tell(problem)
    write_views(folder)
    if failed:
        raise UnusableInput(
            f"{len(failed)} of {len(missing)} recordings failed, the first: {failed[0]}; "
            "the same command makes those that are missing"
        )
    return made


def batches(jobs: Sequence[Job], side_by_side: int) -> Iterator[list[Job]]:
    """Those that may be recorded at once: equally long, and loud ones alone."""
    batch: list[Job] = []
    for job in [
        *(job for job in jobs if not job.program.loud),
        *(j for j in jobs if j.program.loud),
    ]:
        fits = batch and job.seconds == batch[0].seconds and len(batch) < side_by_side
        if batch and (not fits or job.program.loud):
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch


def write_views(folder: Path) -> None:
    """Gather the views of all truths in a folder into its views.csv, if there are any."""
    programs = {one.name: one for one in PROGRAMS}
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.glob(f"*{truth.SUFFIX}")):
        known = json.loads(path.read_text("utf-8"))
        file = path.name.removesuffix(truth.SUFFIX)
        program = programs.get(known["program"])
        for number, view in enumerate(known["views"], 1):
            crossed = view["t_cross_s"]
            rows.append(
                {
                    **{name: known.get(name) for name in VIEW_COLUMNS},
                    **{name: view.get(name) for name in ("metric", "capacity", "limit", "end_s")},
                    "view": f"{file.removesuffix('.parquet')}/{number}",
                    "file": file,
                    "family": (program.module or program.name) if program else "",
                    "shape": program.shape if program else "",
                    "crosses": int(view["crosses"]),
                    "falling": int(view["falling"]),
                    "leaks": int(known["leaks"]),
                    "looks": int(known["looks"]),
                    "t_cross_s": "" if crossed is None else crossed,
                }
            )
    if rows:
        text = io.StringIO()
        writer = csv.DictWriter(text, VIEW_COLUMNS, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        write_report(text.getvalue(), folder / VIEWS_FILE)


def _length(program: Program, seed: int, seconds: float | None) -> float:
    return program.seconds(seed) if seconds is None else seconds


def _check(strength: float, seconds: float) -> None:
    if not (math.isfinite(strength) and 1 <= strength <= 100):
        raise UsageError(
            f"a strength of {strength:g} is none: a fault is 1 to 100 times its clean level"
        )
    if not 1 <= seconds <= 86_400:
        raise UsageError(f"{seconds:g} s is no length of a run; choose one from 1 s to a day")


def _forget(job: Job) -> None:
    """What an earlier attempt has left, which no truth stands beside."""
    with contextlib.suppress(FileNotFoundError):
        job.output.unlink()


def _record(jobs: Sequence[Job], *, raises: bool = True) -> list[str]:
    """Record these at once; returns what went wrong with each, empty where nothing did."""
    ends_ns = None
    if len(jobs) > 1:
        length_s = jobs[0].seconds + 1.0 + _START_S * len(jobs)
        ends_ns = rig.now_ns() + round(length_s * 1e9)
    load_before, busy_before, own_before_s = _load(), _busy(), _own_cpu_s()
    with tempfile.TemporaryDirectory(prefix="perfkit-lab-") as folder:
        running: list[_Running] = []
        try:
            for number, job in enumerate(jobs):
                running.append(_Running(job, Path(folder) / str(number), ends_ns))
            for one in running:
                one.wait()
            machine = {
                "side_by_side": len(jobs),
                "load_1m_before": load_before,
                "load_1m_after": _load(),
                **_busy_ratios(busy_before, _busy(), _own_cpu_s() - own_before_s),
            }
            problems = []
            for one in running:
                problem = one.write_truth(machine)
                if problem and raises:
                    raise UnusableInput(problem)
                problems.append(problem)
            return problems
        finally:
            for one in running:
                one.end()


class _Running:
    """One recording that is being made."""

    def __init__(self, job: Job, scratch: Path, ends_ns: int | None) -> None:
        self._job = job
        self._notes = scratch.with_suffix(".notes")
        self._said = scratch.with_suffix(".said")
        self._group: CpuGroup | None = make_group() if job.program.quota else None
        self._neighbour: subprocess.Popen[bytes] | None = None
        path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), root())))
        environment = {
            **os.environ,
            "PYTHONPATH": path,
            "TMPDIR": str(scratch.parent),
            rig.NOTES_VARIABLE: str(self._notes),
        }
        if ends_ns is not None:
            environment[rig.END_VARIABLE] = str(ends_ns)
        if self._group is not None:
            environment[rig.CGROUP_VARIABLE] = str(self._group.folder)
        if job.program.neighbour:
            environment[rig.NEIGHBOUR_VARIABLE] = "outside"
            words = [sys.executable, "-m", job.program.runs, "--neighbour"]
            self._neighbour = subprocess.Popen(words, env=environment, start_new_session=True)
        code = f"import sys; sys.path.append({root()!r}); from perfkit.cli import main; main()"
        words = [
            *(sys.executable, "-c", code, "record", "--no-adaptive", "--quiet"),
            *("-o", str(job.output), "--", sys.executable, "-m", job.program.runs),
            *("--seed", str(job.seed), "--seconds", f"{job.seconds:g}"),
        ]
        if job.program.purpose == FAULT:
            words += ["--strength", f"{job.strength:g}"]
        if job.program.shape:
            words += ["--shape", job.program.shape]
        if self._group is not None:
            words = self._group.words(words)
        with open(self._said, "wb") as said:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=environment,
                start_new_session=True,
            )
        if self._group is not None:
            self._free_the_recorder(self._group)

    def _free_the_recorder(self, group: CpuGroup) -> None:
        """Take perfkit out of the program's control group, once it has started the program."""
        until = time.monotonic() + _NOT_BEGUN_S
        while not self._notes.exists() and self._process.poll() is None:
            if time.monotonic() > until:
                return
            time.sleep(0.02)
        group.let_go(self._process.pid)

    def wait(self) -> None:
        """Wait until the session is sealed, or for a time after which it never will be."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=self._job.seconds + _SEALING_S)
            if self._neighbour is not None:
                # ends with the run that it was beside, within a moment
                self._neighbour.wait(timeout=_NEIGHBOUR_S)

    def write_truth(self, machine: dict[str, Any]) -> str:
        """Write the truth beside the recording; returns what is wrong with it, or nothing."""
        job = self._job
        if self._process.poll() is None or not job.output.exists():
            lines = self._said.read_text("utf-8", "replace").split("\n")
            said = next((line for line in reversed(lines) if line.strip()), "it said nothing")
            return f"{job.named} was not recorded: {printable(said.strip())}"
        notes = self._notes.read_text("utf-8") if self._notes.exists() else ""
        try:
            known = truth.assemble(
                job.program,
                truth.read_notes(notes),
                start_boottime_ns=open_source(job.output).session.start_boottime_ns,
                seed=job.seed,
                strength=job.strength,
                machine=machine,
            )
        except ValueError as error:
            return f"{job.named} was recorded in part: {error}"
        write_report(json.dumps(known, indent=2) + "\n", job.truth)
        return ""

    def end(self) -> None:
        """Leave nothing running."""
        for process in (self._process, self._neighbour):
            # one that has been waited for may have left its number to somebody else
            if process is None or process.poll() is not None:
                continue
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self._group is not None:
            self._group.remove()


def _load() -> float:
    return round(os.getloadavg()[0], 2)


def _busy() -> tuple[int, int]:
    try:
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
    except OSError:
        return 0, 0
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def _own_cpu_s() -> float:
    """CPU time of everything that was recorded, and of the recorders, so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _busy_ratios(
    before: tuple[int, int], after: tuple[int, int], own_s: float
) -> dict[str, float | None]:
    """How much of all cores was busy, and how much of them with what is none of ours."""
    passed = after[1] - before[1]
    if passed <= 0:
        return {"cpu_busy_ratio": None, "cpu_others_ratio": None}
    own = own_s * os.sysconf("SC_CLK_TCK") / passed
    busy = (after[0] - before[0]) / passed
    return {"cpu_busy_ratio": round(busy, 3), "cpu_others_ratio": round(max(0.0, busy - own), 3)}
