"""The report of one session, complete, before any renderer has seen it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from perfkit.model.decision import Decision
from perfkit.model.finding import Finding
from perfkit.model.forecast import Forecast
from perfkit.model.insight import Insight, NotApplicable, RuleFailed
from perfkit.model.metric import Metric
from perfkit.model.recommendation import Recommendation
from perfkit.model.session import Session


@dataclass(frozen=True)
class MetricSummary:
    """One metric over the whole session; figures are None where no value was recorded.

    count: values that are not null. total: last minus first of a counter, sum of a delta.
    sparkline: up to 40 means over equal stretches of time, None where a stretch has no value.
    """

    metric: Metric
    count: int
    first: float | None
    last: float | None
    minimum: float | None
    mean: float | None
    p95: float | None
    maximum: float | None
    total: float | None
    sparkline: tuple[float | None, ...]


@dataclass(frozen=True)
class Hole:
    """A stretch without ticks: from_ns, until_ns on the session's clock, and why.

    kind: `missed` (the recorder came too late), `suspended` (the machine slept), `damaged` (they
    were recorded, and the journal cannot be read there).
    """

    from_ns: int
    until_ns: int
    ticks: int
    kind: str


@dataclass(frozen=True)
class Monitoring:
    """What is known of the recording itself.

    active: whether a recorder is still writing. cost_*: the recorder's own CPU.
    late_p99_ns: lateness of ticks against their deadlines. holes: the longest 20, by time.
    ticks_dropped: older ones that a flight recorder dropped on purpose; ticks, duration_ns and
    everything else speak of what it kept. ticks_damaged: those that were recorded and cannot be
    read any more.
    """

    active: bool
    ticks: int
    duration_ns: int
    cost_cpu_ns: int
    cost_percent: float | None
    cost_per_tick_ns: float | None
    late_p99_ns: float | None
    late_max_ns: int | None
    ticks_missed: int
    suspended_ns: int
    events_dropped: int
    holes: tuple[Hole, ...]
    ticks_dropped: int = 0
    ticks_damaged: int = 0


@dataclass(frozen=True)
class Verdict:
    """Score and status. score is None when less than half of its weight is measurable.

    status: excellent, good, fair, poor, or unknown where nothing or too little was measured.
    reason: a sentence that says where the status comes from.
    parts: score part name to its value 0..100 or None.
    """

    score: float | None
    status: str
    reason: str
    parts: Mapping[str, float | None]


@dataclass(frozen=True)
class Report:
    """Everything the renderers show.

    source: the path it was read from; source_kind: `session`, `live journal` or
    `orphaned journal`. cannot_tell: sentences on what this session is too short or too
    empty to say. findings: what the stages of the analysis said, each as it stood last.
    recommendations: what to do, one a cause, the most pressing first. forecasts: how every one
    stood at the end; decisions: what to consider against them. patterns_after_ns: how long a session
    must be for patterns to be told, None where this one was.
    """

    source: str
    source_kind: str
    session: Session
    monitoring: Monitoring
    summaries: tuple[MetricSummary, ...]
    insights: tuple[Insight, ...]
    not_applicable: tuple[NotApplicable, ...]
    failed_rules: tuple[RuleFailed, ...]
    verdict: Verdict
    cannot_tell: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    decisions: tuple[Decision, ...] = ()
    patterns_after_ns: int | None = None
