"""The pairs of a gate: as many as its decision needs, duets and alternating ones.

What means something in a duet comes from duets, the rest from runs one after the other, and only
as long as some gating metric wants more of that kind. A run that failed is no data point: it is
tried again, a few times. A side that fails in company only is measured alone from then on.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from perfkit.errors import UnusableInput
from perfkit.gate.decision import Gate, Terms
from perfkit.model.run import FailedRun, Pair, Run
from perfkit.model.verdict import ALTERNATING, DUET, GateMetric, MetricVerdict
from perfkit.workflows.duet import Side, run_pair
from perfkit.workflows.gate_recording import Recordings
from perfkit.workflows.instructions import why_not

PEAK = "peak_rss_bytes"

# Failed tries in a row and in all after which a side is given up. One that was killed because its
# time was over counts twice: it may take an hour to find out the same again.
MOST_IN_A_ROW = 3
MOST_IN_ALL = 6
_TIMEOUT_WEIGHT = 2
_COMPANY_TRIES = 2
_IN_COMPANY = " in company"


@dataclass(frozen=True)
class Plan:
    """What to run and how to decide.

    sides: base, head. metrics: gating as this invocation wants them.
    core: the one a duet shares. core_alone: that of alternating runs, None for any.
    warmup: pairs that do not count. seed: of the order of each pair.
    """

    sides: tuple[Side, Side]
    metrics: tuple[GateMetric, ...]
    terms: Terms
    core: int | None
    core_alone: int | None
    timeout_s: float
    max_time_s: float
    warmup: int
    seed: int


@dataclass(frozen=True)
class MeasuredPair:
    """Two runs that count, and the recordings of them that there are, by side."""

    design: str
    base: Run
    head: Run
    recordings: Mapping[str, Path] = field(default_factory=dict)


Say = Callable[[str], None]


class Pairs:
    """Runs pairs until the gate is decided, the pairs or the time are spent.

    pairs: those that count. failed: by side why others do not. notes: what limits the whole.
    metrics: those of the gate. absent: metric to why this invocation cannot have it.
    alone: whether no more duets are made, since a side failed only there.
    """

    def __init__(self, plan: Plan, recordings: Recordings | None, say: Say) -> None:
        self.plan = plan
        self.pairs: list[MeasuredPair] = []
        self.failed: dict[str, list[str]] = {side.name: [] for side in plan.sides}
        self.notes: list[str] = []
        self.absent: dict[str, str] = {}
        self.alone = False
        self._kept = recordings
        self._recordings: Recordings | None = None  # not of warm-up runs
        self._say = say
        self._chance = random.Random(plan.seed)
        self._gate: Gate | None = None
        self._until_ns = time.monotonic_ns() + round(plan.max_time_s * 1e9)
        self._longest_ns = {DUET: 0, ALTERNATING: 0}
        self._tries = 0
        self._in_a_row = 0
        self._in_all = 0
        self._company_failures = 0
        self._time_is_up = False

    @property
    def metrics(self) -> tuple[GateMetric, ...]:
        """The metrics that can be had here."""
        return tuple(one for one in self.plan.metrics if one.name not in self.absent)

    def run(self) -> Gate:
        """Run them. Raises UnusableInput where a side keeps failing or nothing was measured."""
        for _ in range(self.plan.warmup):
            for design in self._designs({one.name for one in self.plan.metrics if one.gating}):
                if self._left_s() > 0:
                    self._say("warming up")
                    self._measure(design)
        self._recordings = self._kept
        while not self._time_is_up:
            wanted = self._wanted()
            if not wanted:
                break
            for design in self._designs(wanted):
                if not self._has_time_for(design):
                    self._time_is_up = True
                    break
                if self._gate is not None and self._gate.decided:
                    break
                self._say(self._progress(wanted))
                before = self.alone
                pair = self._measure(design)
                if pair is not None:
                    self._take(pair)
                if self.alone != before:
                    break  # what is to come next is another question now
        if self._gate is None or not self.pairs:
            raise UnusableInput(self._why_nothing())
        if self._time_is_up and not self._gate.decided:
            self.notes.append(
                f"the time of {self.plan.max_time_s:g} s was over before every metric was decided "
                "(see --max-time)"
            )
        return self._gate

    def verdicts(self) -> tuple[MetricVerdict, ...]:
        """What the gate says now that no more will come, and by which runs it knows."""
        if self._gate is None:
            return ()
        told = self._gate.verdicts(final=True)
        return tuple(replace(one, design=ALTERNATING) for one in told) if self.alone else told

    # ── which pairs ──

    def _wanted(self) -> set[str]:
        if self._gate is None:
            return {one.name for one in self.metrics if one.gating}
        return set() if self._gate.decided else self._gate.wanting

    def _designs(self, wanted: set[str]) -> list[str]:
        if self.alone:
            return [ALTERNATING] if wanted else []
        designs = {one.design for one in self.metrics if one.name in wanted}
        return [design for design in (DUET, ALTERNATING) if design in designs]

    def _left_s(self) -> float:
        return (self._until_ns - time.monotonic_ns()) / 1e9

    def _has_time_for(self, design: str) -> bool:
        return self._left_s() > self._longest_ns[design] / 1e9

    def _progress(self, wanted: set[str]) -> str:
        return f"pair {len(self.pairs) + 1}, undecided: {', '.join(sorted(wanted))}"

    # ── one pair ──

    def _measure(self, design: str) -> MeasuredPair | None:
        """One pair of this design, or None where one of its runs failed."""
        timeout_s = self.plan.timeout_s
        together = design == DUET
        available_s = self._left_s() / (len(self.plan.sides) if together else 1)
        cut_short = available_s < timeout_s
        self._tries += 1
        if self._recordings is not None:
            self._recordings.begin(f"{self._tries:04d}-{design}")
        began_ns = time.monotonic_ns()
        pair = run_pair(
            self.plan.sides,
            self._chance,
            core=self.plan.core if together else self.plan.core_alone,
            together=together,
            timeout_s=max(0.001, min(timeout_s, available_s)),
            beside=self._recordings,
            instructions=True,
        )
        recordings = {} if self._recordings is None else self._recordings.finish(pair.runs, design)
        took_ns = time.monotonic_ns() - began_ns
        runs = pair.measured()
        if runs is None:
            if cut_short and any(_timed_out(run) for run in pair.runs.values()):
                self._time_is_up = True  # the time of the whole was over, not that of the run
                return None
            return self._take_failure(pair, design)
        self._longest_ns[design] = max(self._longest_ns[design], took_ns)
        self._in_a_row = 0
        base, head = (runs[side.name] for side in self.plan.sides)
        if design == ALTERNATING and self._company_failures >= _COMPANY_TRIES:
            if not self.alone:
                self._fall_back()
        elif design == DUET:
            self._company_failures = 0
        return MeasuredPair(design, base, head, recordings)

    def _take(self, pair: MeasuredPair) -> None:
        if self._gate is None:
            self._note_absent(pair)
            if not any(one.gating for one in self.metrics):
                why = "; ".join(f"{name}: {reason}" for name, reason in self.absent.items())
                raise UnusableInput(
                    f"there is nothing to decide by ({why}); choose other metrics with --metric"
                )
            self._gate = Gate(self.metrics, self.plan.terms)
        self.pairs.append(pair)
        self._gate.add(self._values(pair))

    def _values(self, pair: MeasuredPair) -> dict[str, tuple[float, float]]:
        values = {}
        for one in self.metrics:
            if one.design != pair.design and not (one.design == DUET and self.alone):
                continue
            base, head = figure(pair.base, one.name), figure(pair.head, one.name)
            if base is not None and head is not None:
                values[one.name] = (base, head)
        return values

    def _note_absent(self, pair: MeasuredPair) -> None:
        """Leave out, before the gate is made, what this machine or these commands do not show."""
        for one in self.plan.metrics:
            if getattr(pair.base, one.name) is not None or getattr(pair.head, one.name) is not None:
                continue
            why = "unknown here"
            if one.name == PEAK:
                floor = max(pair.base.peak_floor_bytes, pair.head.peak_floor_bytes)
                why = f"of both below {floor / 2**20:.0f} MiB, which cannot be told apart"
            elif one.name == "instructions":
                why = why_not() or why
            self.absent[one.name] = why

    # ── failures ──

    def _take_failure(self, pair: Pair, design: str) -> MeasuredPair | None:
        """Count it, and find out whether it fails alone as well: then that pair is returned.

        Raises UnusableInput where another try would be of no use.
        """
        weight = 1
        for side in self.plan.sides:
            run = pair.runs[side.name]
            if isinstance(run, FailedRun):
                how = _IN_COMPANY if design == DUET else ""
                self.failed[side.name].append(f"{run.reason}{how}" + _words(run))
                if not run.started:
                    raise UnusableInput(f"{side.name}: {run}; check the command and its folder")
                if run.timed_out:
                    weight = _TIMEOUT_WEIGHT
        self._in_a_row += weight
        self._in_all += weight
        if design == DUET:
            self._company_failures += weight
        if design == DUET and self._company_failures >= _COMPANY_TRIES:
            # does it fail only in company?
            self._in_a_row = min(self._in_a_row, MOST_IN_A_ROW - 1)
            self._say("trying one after the other")
            return self._measure(ALTERNATING)
        if self._in_a_row >= MOST_IN_A_ROW or self._in_all >= MOST_IN_ALL:
            raise UnusableInput(self._why_given_up(pair))
        return None

    def _fall_back(self) -> None:
        self.alone = True
        self._in_all = 0
        said = {name: reasons[-1] for name, reasons in self.failed.items() if reasons}
        for name, reason in said.items():
            self.notes.append(
                f"{name} fails only in company ({reason.replace(_IN_COMPANY, '')}), so runs were "
                "made one after the other, which takes more of them; {side} in a command gives "
                "each side its own port or file"
            )
        self._forget_company()

    def _forget_company(self) -> None:
        """Begin anew with the alternating pairs there are: who knows what company did to the others."""
        alone = [pair for pair in self.pairs if pair.design == ALTERNATING]
        if len(alone) < len(self.pairs):
            count = len(self.pairs) - len(alone)
            self.notes.append(
                f"{count} pair{'s' if count > 1 else ''} that ran in company before that "
                f"do{'es' if count == 1 else ''} not count"
            )
        self.pairs, self._gate = [], None
        for pair in alone:
            self._take(pair)

    def _why_given_up(self, pair: Pair) -> str:
        ends = []
        for side in self.plan.sides:
            run = pair.runs[side.name]
            how = str(run) if isinstance(run, FailedRun) else "it ended with 0"
            ends.append(f"{side.name}: {how}")
        hint = "mend the command"
        if any(_timed_out(run) for run in pair.runs.values()):
            hint = "raise --timeout if it needs longer"
        return f"runs keep failing ({'; '.join(ends)}); {hint}"

    def _why_nothing(self) -> str:
        return (
            f"nothing was measured within {self.plan.max_time_s:g} s; "
            "raise --max-time, or choose a shorter command"
        )


def figure(run: Run, name: str) -> float | None:
    """A metric's value of a run; a peak that is too small to be told is what it is at most."""
    value: float | None = getattr(run, name)
    return run.peak_floor_bytes if value is None and name == PEAK else value


def left_behind(pairs: Sequence[MeasuredPair], side: str) -> tuple[str, ...]:
    """The names of what a side left running after its runs, each once."""
    runs = (pair.base if side == "base" else pair.head for pair in pairs)
    return tuple(sorted({name for run in runs for name in run.left_behind}))


def _timed_out(run: Run | FailedRun) -> bool:
    return isinstance(run, FailedRun) and run.timed_out


def _words(run: FailedRun) -> str:
    return f": {run.last_words}" if run.last_words else ""
