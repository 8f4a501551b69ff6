"""`perfkit gate`: did it get slower? Runs base and head in pairs, or compares their sessions."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from perfkit.errors import PerfkitError, UnusableInput, UsageError
from perfkit.gate.decision import Terms
from perfkit.gate.metrics import GATE_METRICS
from perfkit.gate.reasons import reasons, work_notes
from perfkit.model.text import printable
from perfkit.model.verdict import (
    ALTERNATING,
    DUET,
    REGRESSED,
    ComparedSide,
    Comparison,
    GateMetric,
)
from perfkit.report.units import format_value
from perfkit.sampling.host import fingerprint
from perfkit.workflows import orphans
from perfkit.workflows.duet import Side, other_core
from perfkit.workflows.gate_pairs import Pairs, Plan, left_behind
from perfkit.workflows.gate_reasons import facts_of
from perfkit.workflows.gate_recording import Recordings

BASE, HEAD = "base", "head"
ALL = "all"

_SIDE = "{side}"
_SEED_BITS = 32


@dataclass(frozen=True)
class Request:
    """What `perfkit gate` was asked for, where base and head are commands."""

    base: str
    head: str
    metrics: tuple[GateMetric, ...]
    terms: Terms
    max_time_s: float
    timeout_s: float
    setup: str | None = None
    warmup: int = 1
    cpu: int | None = None
    cwd_base: Path | None = None
    cwd_head: Path | None = None
    seed: int | None = None
    sessions: Path | None = None
    record: bool = True


def choose_metrics(names: str | None) -> tuple[GateMetric, ...]:
    """All metrics, gating where `--metric` says so: names with commas, `all`, None as they are.

    Raises UsageError for a name that is none.
    """
    if names is None:
        return GATE_METRICS
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    known = {one.name for one in GATE_METRICS}
    unknown = [name for name in chosen if name not in known and name != ALL]
    if unknown or not chosen:
        what = f"{printable(unknown[0])!r} is no metric" if unknown else "--metric names none"
        raise UsageError(f"{what}; choose from {', '.join(sorted(known))}, or all")
    return tuple(replace(one, gating=ALL in chosen or one.name in chosen) for one in GATE_METRICS)


def gate(request: Request, say: Callable[[str], None] = lambda _: None) -> Comparison:
    """Run both commands in pairs until it is clear.

    say: is told what is going on. Raises UsageError for words that do not fit, UnusableInput where
    a command keeps failing or nothing was measured, OutputRefused where sessions cannot be kept.
    """
    began_ns = time.monotonic_ns()
    sides = (
        _side(BASE, request.base, request.cwd_base),
        _side(HEAD, request.head, request.cwd_head),
    )
    core = _core(request.cpu)
    seed = secrets.randbits(_SEED_BITS) if request.seed is None else request.seed
    plan = Plan(
        sides=sides,
        metrics=request.metrics,
        terms=request.terms,
        core=core,
        core_alone=request.cpu,
        timeout_s=request.timeout_s,
        max_time_s=request.max_time_s,
        warmup=request.warmup,
        seed=seed,
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ended_by_signals())
        known = orphans.children()
        stack.callback(orphans.end, known)  # what the setup has left running
        stack.enter_context(orphans.adopting())
        recordings = None
        if request.record:
            folder = request.sessions or Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="perfkit-gate-", ignore_cleanup_errors=True)
                )
            )
            recordings = Recordings(folder, sides, other_core(core), request.sessions is not None)
        for side in sides if request.setup else ():
            say(f"setting up {side.name}")
            _set_up(request.setup or "", side, request.max_time_s)
        pairs = Pairs(plan, recordings, say)
        decision = pairs.run()
        say("summing up")
        metrics = pairs.verdicts()
        verdict = decision.verdict(final=True)
        together = facts_of([pair for pair in pairs.pairs if pair.design == DUET])
        apart = facts_of([pair for pair in pairs.pairs if pair.design == ALTERNATING])
    why: tuple[str, ...] = ()
    if verdict == REGRESSED:
        regressed = [one.metric for one in metrics if one.gating and one.verdict == REGRESSED]
        why = reasons(together, apart, regressed, format_value)
    notes = [*pairs.notes, *work_notes([*together, *apart], format_value)]
    for side in sides:
        names = left_behind(pairs.pairs, side.name)
        if names:
            notes.append(
                f"{side.name} leaves processes behind ({', '.join(names[:3])}): they were ended "
                "after each run, and what they did is in no figure"
            )
    if recordings is not None and recordings.trouble:
        notes.append(f"not every run was recorded: {recordings.trouble}")
    return Comparison(
        verdict=verdict,
        base=_compared(sides[0], request.base, pairs),
        head=_compared(sides[1], request.head, pairs),
        metrics=metrics,
        fail_level=request.terms.fail_level,
        pass_level=request.terms.pass_level,
        not_gated=_not_gated(pairs),
        reasons=why,
        notes=tuple(notes),
        elapsed_s=(time.monotonic_ns() - began_ns) / 1e9,
        host=_host(),
        seed=seed,
    )


def _side(name: str, command: str, cwd: Path | None) -> Side:
    try:
        words = shlex.split(command.replace(_SIDE, name))
    except ValueError as error:
        raise UsageError(
            f"--{name} {printable(command)!r} cannot be split into words ({error}); "
            "it is read as a shell would, but no shell runs it"
        ) from None
    if not words:
        raise UsageError(f"--{name} is empty; name a command or sessions")
    if any("\0" in word for word in words):
        raise UsageError(f"--{name} holds a zero byte, which no command can")
    folder = Path(str(cwd).replace(_SIDE, name)) if cwd is not None else None
    if folder is not None and not folder.is_dir():
        raise UnusableInput(
            f"--cwd-{name} {printable(str(folder))} is no folder; make it or choose another"
        )
    return Side(name, tuple(words), folder)


def _core(wanted: int | None) -> int:
    allowed = os.sched_getaffinity(0)
    if wanted is None:
        return max(allowed)
    if wanted not in allowed:
        cores = ", ".join(map(str, sorted(allowed)))
        raise UsageError(f"--cpu {wanted} is no core that may be used here; choose from {cores}")
    return wanted


def _set_up(command: str, side: Side, timeout_s: float) -> None:
    """Run the setup command for a side, in its folder. Raises UnusableInput if it fails."""
    try:
        words = shlex.split(command.replace(_SIDE, side.name))
    except ValueError as error:
        raise UsageError(f"--setup cannot be split into words ({error})") from None
    if not words:
        raise UsageError("--setup is empty; name a command")
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                words,
                cwd=side.cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        except OSError as error:
            raise UnusableInput(
                f"--setup {printable(words[0])} cannot be started ({error.strerror})"
            ) from None
        try:
            code = process.wait(timeout_s)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise UnusableInput(
                    f"--setup took longer than {timeout_s:g} s for {side.name}; raise --max-time"
                ) from None
            raise
        if code:
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - 4096))
            lines = errors.read().decode("utf-8", "replace").strip().splitlines()
            last = f": {printable(lines[-1].strip())}" if lines else ""
            how = f"was ended by signal {-code}" if code < 0 else f"exited with {code}"
            raise UnusableInput(f"--setup {how} for {side.name}{last}")


def _compared(side: Side, source: str, pairs: Pairs) -> ComparedSide:
    return ComparedSide(
        side.name,
        printable(source.replace(_SIDE, side.name)),
        len(pairs.pairs),
        tuple(printable(reason) for reason in pairs.failed[side.name]),
    )


def _not_gated(pairs: Pairs) -> tuple[str, ...]:
    """What did not decide, by name, and why where that is not the invocation's choice."""
    told = [
        f"{one.name} ({pairs.absent[one.name]})" if one.name in pairs.absent else one.name
        for one in pairs.plan.metrics
        if not one.gating or one.name in pairs.absent
    ]
    return tuple(told)


def _host() -> str:
    facts = fingerprint()
    cores = facts.get("cores")
    parts = [str(facts.get("cpu_model", "")), f"{cores} cores" if cores else ""]
    parts += [f"{facts.get('system', '')} {facts.get('kernel', '')}".strip()]
    return ", ".join(part for part in parts if part)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end it as Ctrl-C does: with what it started, and its folders."""

    def end(number: int, _frame: object) -> None:
        raise Ended(number)

    numbers: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGHUP)
    before = {}
    with contextlib.suppress(ValueError):  # not in the main thread: somebody else's business
        before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Ended(PerfkitError):
    """Somebody asked for an end; the exit code is that of a shell."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}; nothing was decided")
        self.exit_code = 128 + number
