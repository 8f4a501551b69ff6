"""What the gate says of base and head: one verdict a metric, and one of the whole.

An effect is head over base less one: 0.05 is five percent more. For every metric here less is
better. An interval reaches from ci_low to ci_high in the same measure; None is unbounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

REGRESSED = "regressed"
IMPROVED = "improved"
UNCHANGED = "unchanged"
UNDECIDED = "undecided"
PASSED = "passed"

DUET = "duet"
ALTERNATING = "alternating"
PAIRED = "paired"
UNPAIRED = "unpaired"


@dataclass(frozen=True)
class GateMetric:
    """A figure of one run that base and head are compared by; less is better.

    design: DUET where both sides share a core at once, ALTERNATING where that means nothing.
    tolerance, margin: as shares, None where those of the invocation hold.
    gating: whether it decides by default. cause: metrics with the same one move together and are
    told of in one line. quantum: what it is counted in, such as a page: values below count as one
    quantum, so that none against one has a ratio; 0 where it is not counted.
    """

    name: str
    unit: str
    meaning: str
    design: str = DUET
    tolerance: float | None = None
    margin: float | None = None
    gating: bool = False
    cause: str = ""
    quantum: float = 0.0


@dataclass(frozen=True)
class MetricVerdict:
    """What is known of one metric.

    design: how its runs were made (DUET, ALTERNATING, PAIRED elsewhere, UNPAIRED).
    effect: estimate; ci_low, ci_high: interval by the procedure that gave the verdict: REGRESSED
    when ci_low is beyond the tolerance, IMPROVED when ci_high is below its mirror, UNCHANGED when
    ci_high is below the margin, else UNDECIDED.
    pairs: pairs it rests on; unpaired: runs of the smaller side.
    base, head: medians over the runs, in the metric's unit. noise: spread of one pair's effect
    (robust standard deviation of the log ratio). detectable_effect: the true effect that such a
    gate calls REGRESSED in 80 of 100 cases, None where no size of it would be found.
    decided_after: pairs after which the verdict stood. note: a sentence on what limits it, or "".
    """

    metric: str
    unit: str
    design: str
    gating: bool
    verdict: str
    effect: float | None
    ci_low: float | None
    ci_high: float | None
    pairs: int
    tolerance: float
    margin: float
    base: float | None = None
    head: float | None = None
    noise: float | None = None
    detectable_effect: float | None = None
    decided_after: int | None = None
    cause: str = ""
    note: str = ""


@dataclass(frozen=True)
class ComparedSide:
    """Base or head. source: its command line, or the sessions or file its runs came from.

    runs: those that count. failed: why others do not, one sentence each.
    """

    name: str
    source: str
    runs: int
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    """Where a difference lies, as far as the recordings know: a part of the run, a process, events.

    where: "start-up", "steady state", "end", or e.g. "process sqlite3", "events request".
    metric, unit: what differs. base, head: medians over the recordings of a side.
    effect: head over base less one, or None where base is 0.
    """

    kind: str
    where: str
    metric: str
    unit: str
    base: float | None
    head: float | None
    effect: float | None


@dataclass(frozen=True)
class Comparison:
    """Base and head, compared.

    verdict: REGRESSED as soon as one gating metric is, PASSED when all are below their margins,
    else UNDECIDED. metrics: gating ones first, decided ones before the others.
    not_gated: metrics that were not looked at or do not decide. reasons: what the recordings say
    of a regression, most telling first. notes: what limits the whole (hosts that differ, unequal
    workloads, fallback to alternating runs). differences: see Difference.
    """

    verdict: str
    base: ComparedSide
    head: ComparedSide
    metrics: tuple[MetricVerdict, ...]
    fail_level: float
    pass_level: float
    not_gated: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    elapsed_s: float | None = None
    host: str = ""
    seed: int | None = None


@dataclass(frozen=True)
class Observations:
    """The runs of base and head in the order in which they ran: metric name to one value a run.

    A value is None where that run does not have it. pairs: (base index, head index) of the runs
    that belong together, empty where nothing does. source: for notes.
    """

    base: Mapping[str, tuple[float | None, ...]]
    head: Mapping[str, tuple[float | None, ...]]
    pairs: tuple[tuple[int, int], ...] = ()
