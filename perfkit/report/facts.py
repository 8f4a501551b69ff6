"""What a report says, before any format decides how it looks.

Everything here is printable text or a number; escaping for a syntax is the renderer's part.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from perfkit.model.insight import SEVERITIES, Insight
from perfkit.model.metric import CGROUP, CLOCK, COUNTER, DELTA, MACHINE, RECORDER, TARGET
from perfkit.model.report import Hole, MetricSummary, Monitoring, Report
from perfkit.model.text import printable
from perfkit.report.units import UNKNOWN, format_by_name, format_value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SCOPE_TITLES = {
    TARGET: "Target",
    MACHINE: "Machine",
    CGROUP: "Cgroup",
    RECORDER: "Recorder",
}
"""The order of the metrics, from what the reader asked about to what asked."""

COMMAND_LIMIT = 300
EVIDENCE_LIMIT = 160
"""Longer text from strangers is cut: a report is for reading, `perfkit query` has the whole."""


@dataclass(frozen=True)
class Finding:
    """Insights of one cause: the most severe leads, the others stand beneath it."""

    lead: Insight
    also: tuple[Insight, ...]
    recommendations: tuple[str, ...]


@dataclass(frozen=True)
class MetricGroup:
    """The metrics of one scope, by what there is to say of them.

    moving: they deserve a row. totals: counters with their amount over the session.
    steady: they never changed. silent: names of those without any value.
    """

    title: str
    moving: tuple[MetricSummary, ...]
    totals: tuple[tuple[str, str], ...]
    steady: tuple[tuple[str, str], ...]
    silent: tuple[str, ...]


def target_title(report: Report) -> str:
    """Whom the session is about, in a few words."""
    session = report.session
    name = printable(session.target_name, 60) or "unnamed process"
    return f"{name} (pid {session.target_pid})"


def session_facts(report: Report) -> list[tuple[str, str]]:
    """Label and text of what is known of the session, in reading order."""
    session, monitoring = report.session, report.monitoring
    facts = []
    if session.command:
        facts.append(("command", printable(session.command, COMMAND_LIMIT)))
    facts.append(("recorded", _recorded(report)))
    facts.append(("ticks", _ticks(report)))
    if monitoring.active:
        facts.append(("ended", "not yet: a recorder is still writing"))
    elif session.stop_reason or session.exit_code is not None or session.exit_signal is not None:
        facts.append(("ended", _ended(report)))
    host = host_sentence(session.host)
    if host:
        facts.append(("host", host))
    kind = "" if report.source_kind == "session" else f" ({report.source_kind})"
    facts.append(("file", printable(report.source, COMMAND_LIMIT) + kind))
    version = printable(session.perfkit_version, 40)
    facts.append(("recorder", f"perfkit {version}, {printable(session.sampler, 20)} sampler"))
    return facts


def moment(microseconds: int | None) -> str:
    """A wall clock time as `2026-03-01 12:00:00 UTC`; what no calendar holds stays a number."""
    if microseconds is None:
        return UNKNOWN
    try:
        time = _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return f"{microseconds} µs after 1970"
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")


def _recorded(report: Report) -> str:
    session = report.session
    duration = format_value(report.monitoring.duration_ns, "ns")
    how = "started by perfkit" if session.mode == "command" else "attached to"
    return f"{moment(session.started_at_us)}, for {duration}, {how}"


def _ticks(report: Report) -> str:
    session, monitoring = report.session, report.monitoring
    sentence = (
        f"{format_value(monitoring.ticks, 'count')}, one every "
        f"{format_value(session.interval_ns, 'ns')}"
    )
    changes = session.interval_changes
    if changes:
        last = format_value(changes[-1][1], "ns")
        times = "once" if len(changes) == 1 else f"{len(changes)} times"
        sentence += f"; the interval was changed {times}, at the end it was {last}"
    return sentence


def _ended(report: Report) -> str:
    session = report.session
    parts = [printable(session.stop_reason, EVIDENCE_LIMIT)] if session.stop_reason else []
    if session.exit_signal is not None:
        parts.append(f"killed by signal {session.exit_signal}")
    elif session.exit_code is not None:
        parts.append(f"exit code {session.exit_code}")
    return ", ".join(parts)


def host_sentence(host: Mapping[str, Any]) -> str:
    """The machine in one line: what of the fingerprint a reader compares first."""
    parts = []
    for key in (
        "cpu_model",
        "cores",
        "memory_bytes",
        "kernel",
        "governor",
        "virtualisation",
        "container",
    ):
        value = host.get(key)
        if value in (None, "", False):
            continue
        if key == "cores" and isinstance(value, int | float):
            parts.append(format_value(value, "cores"))
        elif key == "memory_bytes" and isinstance(value, int | float):
            parts.append(format_value(value, "bytes"))
        elif key in ("governor", "container") and isinstance(value, str):
            parts.append(f"{key} {printable(value, 60)}")
        elif value is True:
            parts.append(key)
        else:
            parts.append(printable(str(value), 80))
    return ", ".join(parts)


def verdict_words(report: Report) -> tuple[str, str, str]:
    """Status in capitals, score in words, and the reason."""
    verdict = report.verdict
    score = "no score"
    if verdict.score is not None and math.isfinite(verdict.score):
        score = f"score {verdict.score:.0f} of 100"
    return printable(verdict.status, 20).upper(), score, printable(verdict.reason)


def findings(insights: Iterable[Insight]) -> list[Finding]:
    """The insights, most severe first, those of one cause together."""
    by_cause: dict[str, list[Insight]] = {}
    for insight in sorted(insights, key=_severity_rank, reverse=True):
        by_cause.setdefault(insight.cause or insight.rule, []).append(insight)
    found = []
    for together in by_cause.values():
        recommendations = dict.fromkeys(text for one in together for text in one.recommendations)
        found.append(Finding(together[0], tuple(together[1:]), tuple(recommendations)))
    return found


def _severity_rank(insight: Insight) -> int:
    return SEVERITIES.index(insight.severity) if insight.severity in SEVERITIES else 0


def evidence(insight: Insight) -> list[tuple[str, str]]:
    """Name and formatted value of what the rule returned, without what only serves the rule."""
    return [
        (printable(name, 60), _cut(format_by_name(name, value)))
        for name, value in insight.evidence.items()
        if name != "severity"
    ]


def _cut(text: str) -> str:
    return printable(text, EVIDENCE_LIMIT)


def metric_groups(summaries: Sequence[MetricSummary]) -> list[MetricGroup]:
    """The metrics by scope, each told once and as briefly as it allows."""
    scopes = dict.fromkeys((*SCOPE_TITLES, *(one.metric.scope for one in summaries)))
    groups = []
    for scope in scopes:
        members = [
            one for one in summaries if one.metric.scope == scope and one.metric.kind != CLOCK
        ]
        if members:
            title = SCOPE_TITLES.get(scope) or printable(scope, 40).capitalize()
            groups.append(_group(title, members))
    return groups


def _group(title: str, members: Sequence[MetricSummary]) -> MetricGroup:
    moving, totals, steady, silent = [], [], [], []
    for one in members:
        name = printable(one.metric.name, 80)
        if one.count == 0:
            silent.append(name)
        elif one.metric.kind == COUNTER:
            # A counter's mean says nothing; its rate, where there is one, has its own row.
            if one.total:
                totals.append((name, format_value(one.total, one.metric.unit)))
            elif one.total is None:
                steady.append((name, format_value(one.last, one.metric.unit)))
            else:
                steady.append((name, "+0"))
        elif one.minimum == one.maximum:
            steady.append((name, format_value(one.last, one.metric.unit)))
        else:
            moving.append(one)
    return MetricGroup(title, tuple(moving), tuple(totals), tuple(steady), tuple(silent))


def figures(summary: MetricSummary) -> tuple[str, str, str, str]:
    """Mean, 95th percentile, maximum and, for amounts, the sum; all formatted."""
    unit = summary.metric.unit
    total = format_value(summary.total, unit) if summary.metric.kind == DELTA else UNKNOWN
    return (
        format_value(summary.mean, unit),
        format_value(summary.p95, unit),
        format_value(summary.maximum, unit),
        total,
    )


def cost_sentence(monitoring: Monitoring) -> str:
    """What the recording cost, in words."""
    if monitoring.ticks == 0:
        return "Nothing is known of the recorder's cost: there is no tick."
    share = (
        f"{format_value(monitoring.cost_percent, 'percent')} of one core: "
        if monitoring.cost_percent is not None and math.isfinite(monitoring.cost_percent)
        else ""
    )
    sentence = f"{share}{format_value(monitoring.cost_cpu_ns, 'ns')} of CPU"
    if monitoring.cost_per_tick_ns is not None:
        sentence += f", {format_value(monitoring.cost_per_tick_ns, 'ns')} a tick"
    if monitoring.late_p99_ns is not None and monitoring.late_max_ns is not None:
        sentence += (
            f"; ticks were late by {format_value(monitoring.late_p99_ns, 'ns')} (p99), "
            f"by {format_value(monitoring.late_max_ns, 'ns')} at most"
        )
    return sentence + "."


def hole_sentences(monitoring: Monitoring) -> list[str]:
    """The holes of the recording, the sums first; one sentence says that there are none."""
    if not (
        monitoring.ticks_missed
        or monitoring.suspended_ns
        or monitoring.events_dropped
        or monitoring.holes
    ):
        return ["None: no tick was missed and the machine never slept."] if monitoring.ticks else []
    sums = []
    if monitoring.ticks_missed:
        sums.append(f"{format_value(monitoring.ticks_missed, 'count')} ticks missed")
    if monitoring.suspended_ns:
        sums.append(f"the machine slept for {format_value(monitoring.suspended_ns, 'ns')}")
    if monitoring.events_dropped:
        sums.append(f"{format_value(monitoring.events_dropped, 'count')} events lost")
    sentences = []
    if sums:
        sentence = "; ".join(sums) + "."
        sentences.append(sentence[0].upper() + sentence[1:])
    return sentences + [hole_sentence(hole) for hole in monitoring.holes]


def hole_sentence(hole: Hole) -> str:
    """One hole: where, how long, why."""
    length = format_value(hole.until_ns - hole.from_ns, "ns")
    reason = {"missed": "the recorder came too late", "suspended": "the machine slept"}
    ticks = f", {format_value(hole.ticks, 'count')} ticks" if hole.ticks else ""
    why = reason.get(hole.kind) or printable(hole.kind, 60)
    return f"at {format_value(hole.from_ns, 'ns')} for {length}{ticks}: {why}"


def unknown_sentences(report: Report) -> list[str]:
    """What cannot be told: too little data, what the recorder could not read, failed rules."""
    sentences = [printable(sentence) for sentence in report.cannot_tell]
    sentences += [
        f"{printable(name, 80)} was not recorded: {printable(str(reason), EVIDENCE_LIMIT)}"
        for name, reason in report.session.missing.items()
    ]
    return sentences


def rule_sentences(report: Report) -> list[str]:
    """Which rules could not speak, and why."""
    sentences = [
        f"{printable(one.rule, 60)}: not applicable, needs "
        + ", ".join(printable(need, 80) for need in one.needs)
        for one in report.not_applicable
    ]
    sentences += [
        f"{printable(one.rule, 60)}: failed, {printable(one.reason, 300)}"
        for one in report.failed_rules
    ]
    return sentences
