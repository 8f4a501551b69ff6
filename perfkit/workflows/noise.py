"""`perfkit bench-noise`: how noisy this machine is for a command, measured as the gate measures."""

from __future__ import annotations

import datetime
import os
import random
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from perfkit.errors import UnusableInput, UsageError
from perfkit.gate.decision import Terms
from perfkit.gate.metrics import GATE_METRICS
from perfkit.gate.noise import FLOOR_RUNS, advice, floors_of, pair_noise, run_noise
from perfkit.model.noise import Floor, MetricNoise, Noise, RunNoise, Series
from perfkit.model.run import FailedRun, Run
from perfkit.model.text import printable
from perfkit.model.verdict import ALTERNATING, DUET, GateMetric
from perfkit.sampling.host import fingerprint
from perfkit.workflows import instructions, orphans
from perfkit.workflows.duet import Side, run_pair, run_sides
from perfkit.workflows.floor import assert_extendable, extended, write_floor
from perfkit.workflows.overhead_targets import workload

DEFAULT_SIZE = 100  # of the workload that is taken without CMD: a fifth of a second

_SIDES = ("base", "head")
_MOST_FAILURES = 3  # of a kind, before it is given up


@dataclass
class _Collected:
    """What has been run so far: pairs by side, in order, and why runs do not count."""

    duets: list[dict[str, Run]] = field(default_factory=list)
    alternating: list[dict[str, Run]] = field(default_factory=list)
    alone: list[Run] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def measure(
    command: Sequence[str],
    *,
    pairs: int,
    core: int | None = None,
    seed: int = 0,
    timeout_s: float = 60.0,
    floor: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Noise:
    """Run pairs of the command against itself: a duet and two runs alone, in turn.

    command: its words; one word alone is split as a shell would, without running one; none: a
    small workload of perfkit's own. {side} in a word becomes base or head. core: see parse_core;
    None is one of perfkit's choice for the duets and any for the runs alone.
    floor: a file for the runs alone, extended where it is there. say: is told what is done now.
    Raises UsageError, OutputRefused before anything is run, and UnusableInput where the command
    does not work.
    """
    words = parse_command(command)
    text = shlex.join(words) if words else "perfkit's own workload"
    host = fingerprint()
    if floor is not None:
        assert_extendable(floor, host, text)
    sides = _sides(words or workload("cpu", DEFAULT_SIZE))
    duet_core = max(os.sched_getaffinity(0)) if core is None else core
    began = time.monotonic()
    measured_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with orphans.adopting():
        say("a run to warm up")
        _warm_up(sides[0], core, timeout_s)
        meter = _Meter()
        collected = _collect(sides, pairs, duet_core, core, seed, timeout_s, say)
        others_cores, stolen_cores = meter.read()
    say("what a gate would find")
    series = Series(measured_at, _figures_of(collected.alone))
    known = Floor(host, text, (series,))
    if floor is not None:
        known = extended(floor, known)
        write_floor(floor, known)
    metrics = _metrics(collected)
    noise = Noise(
        command=text,
        core=duet_core,
        pinned=core is not None,
        pairs=pairs,
        seed=seed,
        elapsed_s=time.monotonic() - began,
        host=host,
        metrics=metrics,
        runs=_runs(series, known),
        absent=_absent(metrics),
        failed=tuple(collected.failed),
        others_cores=others_cores,
        stolen_cores=stolen_cores,
    )
    return replace(noise, advice=advice(noise, Terms().margin))


def parse_command(command: Sequence[str]) -> tuple[str, ...]:
    """The words of a command; a single one is split as `shlex` does. Raises UsageError."""
    if len(command) != 1:
        return tuple(command)
    try:
        words = tuple(shlex.split(command[0]))
    except ValueError as error:
        raise UsageError(f"{printable(command[0], 60)} is no command ({error})") from None
    if not words:
        raise UsageError("CMD is empty; name a command, or leave it out for perfkit's own workload")
    return words


def parse_core(core: int | None) -> int | None:
    """`--cpu`, if this process may run there. Raises UsageError."""
    allowed = sorted(os.sched_getaffinity(0))
    if core is not None and core not in allowed:
        there = ", ".join(map(str, allowed))
        raise UsageError(f"--cpu {core} is no core that may be used here; choose from {there}")
    return core


def _sides(words: Sequence[str]) -> tuple[Side, Side]:
    base, head = (
        Side(name, tuple(word.replace("{side}", name) for word in words)) for name in _SIDES
    )
    return base, head


def _warm_up(side: Side, core: int | None, timeout_s: float) -> None:
    run = run_sides([side], core=core, timeout_s=timeout_s)[side.name]
    if isinstance(run, FailedRun):
        raise UnusableInput(f"CMD does not work: {run}")


def _collect(
    sides: tuple[Side, Side],
    pairs: int,
    duet_core: int,
    core: int | None,
    seed: int,
    timeout_s: float,
    say: Callable[[str], None],
) -> _Collected:
    chance = random.Random(seed)
    counted = not instructions.why_not()
    collected = _Collected()
    failures = {True: 0, False: 0}
    while len(collected.alternating) < pairs or (
        len(collected.duets) < pairs and failures[True] < _MOST_FAILURES
    ):
        for together, kept in ((True, collected.duets), (False, collected.alternating)):
            if len(kept) >= pairs or (together and failures[True] >= _MOST_FAILURES):
                continue
            say(f"pair {len(kept) + 1} of {pairs}, {'a duet' if together else 'runs alone'}")
            pair = run_pair(
                sides,
                chance,
                core=duet_core if together else core,
                together=together,
                timeout_s=timeout_s,
                instructions=counted,
            )
            runs = pair.measured()
            if runs is not None:
                kept.append(runs)
                if not together:
                    collected.alone += sorted(runs.values(), key=lambda run: run.started_ns)
                continue
            failures[together] += 1
            where = "in company" if together else "alone"
            whys = {str(run) for run in pair.runs.values() if isinstance(run, FailedRun)}
            collected.failed += [f"{where}: {why}" for why in sorted(whys)]
            if not together and failures[together] >= _MOST_FAILURES:
                raise UnusableInput(f"CMD failed {_MOST_FAILURES} times: {min(whys)}")
    return collected


def _metrics(collected: _Collected) -> tuple[MetricNoise, ...]:
    terms = Terms()
    family = sum(metric.gating for metric in GATE_METRICS)
    told = []
    for metric in GATE_METRICS:
        designs = [(metric.design, True)]
        if metric.design == DUET and (metric.name == "cpu_s" or not collected.duets):
            designs.append((ALTERNATING, not collected.duets))
        for design, natural in designs:
            runs = collected.duets if design == DUET else collected.alternating
            pairs = _pairs(metric.name, runs)
            if pairs:
                gating = metric.gating and natural
                told.append(
                    pair_noise(
                        metric, pairs, design=design, gating=gating, terms=terms, family=family
                    )
                )
    return tuple(sorted(told, key=lambda one: not one.gating))


def _absent(metrics: Sequence[MetricNoise]) -> tuple[str, ...]:
    there = {one.metric for one in metrics}
    return tuple(metric.name for metric in GATE_METRICS if metric.name not in there)


def _pairs(name: str, runs: Sequence[Mapping[str, Run]]) -> list[tuple[float, float]]:
    found = []
    for pair in runs:
        base, head = (getattr(pair[side], name) for side in _SIDES)
        if base is not None and head is not None:
            found.append((float(base), float(head)))
    return found


def _figures_of(runs: Sequence[Run]) -> dict[str, tuple[float, ...]]:
    figures = {}
    for metric in GATE_METRICS:
        values = [getattr(run, metric.name) for run in runs]
        if None not in values:
            figures[metric.name] = tuple(map(float, values))
    return figures


def _runs(series: Series, floor: Floor) -> tuple[RunNoise, ...]:
    by_name: dict[str, GateMetric] = {metric.name: metric for metric in GATE_METRICS}
    return tuple(
        run_noise(by_name[name], values, floors_of(floor, by_name[name], FLOOR_RUNS))
        for name, values in series.runs.items()
    )


class _Meter:
    """What the rest of the machine uses from now on, as /proc/stat has it."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._own_s = _own_cpu_s()
        self._machine = _machine_cpu_s()

    def read(self) -> tuple[float | None, float | None]:
        """Cores that others used, and that the hypervisor gave to others."""
        elapsed_s = time.monotonic() - self._began
        now = _machine_cpu_s()
        if self._machine is None or now is None or elapsed_s <= 0:
            return None, None
        busy_s, stolen_s = (
            after - before for before, after in zip(self._machine, now, strict=True)
        )
        others_s = max(0.0, busy_s - (_own_cpu_s() - self._own_s))
        return others_s / elapsed_s, max(0.0, stolen_s) / elapsed_s


def _own_cpu_s() -> float:
    """CPU time of this process and of every run that it reaped."""
    return sum(os.times()[:4])


def _machine_cpu_s() -> tuple[float, float] | None:
    try:
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(word) for word in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return None
    if len(fields) < 8:
        return None
    user, nice, system, _, _, irq, softirq, steal = fields
    ticks = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + softirq) / ticks, steal / ticks
