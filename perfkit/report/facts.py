"""What a report says, before any format decides how it looks.

Everything here is printable text or a number; escaping for a syntax is the renderer's part.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from perfkit.model.finding import Finding as StageFinding
from perfkit.model.insight import SEVERITIES, Insight
from perfkit.model.metric import CGROUP, CLOCK, COUNTER, MACHINE, RECORDER, SLOW, SYSTEM, TARGET
from perfkit.model.report import Hole, MetricSummary, Report
from perfkit.model.session import IMPORTED, Session
from perfkit.model.text import printable
from perfkit.report.units import UNKNOWN, format_by_name, format_value

_UNIT_ORDER = {
    unit: place
    for place, unit in enumerate(("percent", "bytes", "ratio", "bytes/s", "count/s", "count"))
}
"""Rows of one unit stand together; what is asked first comes first: CPU, then memory."""

_READ_EVERY_NS = {SYSTEM: 1_000_000_000, SLOW: 5_000_000_000}
"""How far apart readings of a group are, see `perfkit.model.metric`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SCOPE_TITLES = {
    TARGET: "Target",
    MACHINE: "Machine",
    CGROUP: "Cgroup",
    RECORDER: "Recorder",
}
"""The order of the metrics, from what the reader asked about to what asked."""

CUT_OFF = "the recorder was cut off (killed)"
TARGET_EXITED = "the target exited"

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
class MetricRow:
    """A metric that moved: formatted figures, and its course as `sparkline` takes it."""

    name: str
    mean: str
    p95: str
    maximum: str
    course: tuple[float | None, ...]


@dataclass(frozen=True)
class MetricGroup:
    """The metrics of one scope, by what there is to say of them.

    moving: they deserve a row. totals: counters with their amount over the session, formatted.
    steady: name and value of those that never changed. zero: those that were always zero.
    silent: those without any value.
    """

    title: str
    moving: tuple[MetricRow, ...]
    totals: tuple[tuple[str, str], ...]
    steady: tuple[tuple[str, str], ...]
    zero: tuple[str, ...]
    silent: tuple[str, ...]


def target_title(report: Report) -> str:
    """Whom the session is about, in a few words."""
    session = report.session
    name = printable(session.target_name, 60) or "unnamed process"
    return (
        f"{name} (imported)" if session.mode == IMPORTED else f"{name} (pid {session.target_pid})"
    )


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
    elif monitoring.ticks:
        facts.append(
            ("ended", f"{CUT_OFF}, so how the target ended is unknown; this is what it had written")
        )
    host = host_sentence(session.host)
    if host:
        facts.append(("host", host))
    kind = "" if report.source_kind == "session" else f" ({report.source_kind})"
    facts.append(("file", printable(report.source, COMMAND_LIMIT) + kind))
    version, sampler = printable(session.perfkit_version, 40), printable(session.sampler, 20)
    if session.mode == IMPORTED:
        facts.append(("imported", f"by perfkit {version} from a file in the format {sampler}"))
    else:
        facts.append(("recorder", f"perfkit {version}, {sampler} sampler"))
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
    if session.mode == IMPORTED:
        return f"{moment(session.started_at_us or None)}, for {duration}"
    how = "started by perfkit" if session.mode == "command" else "attached to"
    if report.monitoring.ticks_dropped:
        count = report.monitoring.ticks_dropped
        return (
            f"from {moment(session.started_at_us)} on, {how}; kept is the newest {duration}, "
            f"{format_value(count, 'count')} older tick{' was' if count == 1 else 's were'} "
            "dropped on purpose (--keep)"
        )
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
    parts = [stop_sentence(session)] if session.stop_reason else []
    if session.exit_signal is not None:
        parts.append(f"killed by signal {session.exit_signal}")
    elif session.exit_code is not None:
        parts.append(f"exit code {session.exit_code}")
    return ", ".join(parts)


def stop_sentence(session: Session) -> str:
    """Why the recording stopped."""
    if session.stop_reason is None:
        return CUT_OFF
    text = printable(session.stop_reason, EVIDENCE_LIMIT)
    if text == TARGET_EXITED and session.exit_code is None and session.exit_signal is None:
        # not its child, perfkit cannot ask: a kill looks like an exit from here
        return "the target ended; how is known to its parent alone"
    return text


def host_sentence(host: Mapping[str, Any]) -> str:
    """The machine in one line: what of the fingerprint a reader compares first."""
    shown = {
        "cpu_model": _host_text(host.get("cpu_model")),
        "cores": _host_figure(host.get("cores"), "cores"),
        "memory_bytes": _host_figure(host.get("memory_bytes"), "bytes"),
        "kernel": f"{_host_text(host.get('system'))} {_host_text(host.get('kernel'))}".strip(),
        "governor": _host_text(host.get("governor"), "governor "),
        "virtualisation": _host_text(host.get("virtualisation"), "on "),
        "container": _host_text(host.get("container"), "in "),
    }
    return ", ".join(text for text in shown.values() if text)


def _host_text(value: object, before: str = "") -> str:
    return before + printable(value, 80) if isinstance(value, str) and value else ""


def _host_figure(value: object, unit: str) -> str:
    return format_value(value, unit) if isinstance(value, int | float) else ""


def verdict_words(report: Report) -> tuple[str, str]:
    """Status in capitals, and the score with the reason in a sentence."""
    verdict = report.verdict
    status, reason = printable(verdict.status, 20).upper(), printable(verdict.reason)
    if verdict.score is not None and math.isfinite(verdict.score):
        known = [(name, part) for name, part in verdict.parts.items() if part is not None]
        parts = ", ".join(f"{printable(name)} {part:.0f}" for name, part in known)
        reason = f"score {verdict.score:.0f} of 100 ({parts}); {reason}"
    elif "no score" not in reason:
        reason = f"no score; {reason}"
    return status, reason.removesuffix("; ")


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


def metric_groups(report: Report) -> list[MetricGroup]:
    """The metrics by scope, each told once and as briefly as it allows."""
    shown = [one for one in report.summaries if one.metric.kind != CLOCK]
    scopes = dict.fromkeys((*SCOPE_TITLES, *(one.metric.scope for one in shown)))
    return [
        _group(SCOPE_TITLES.get(scope) or printable(scope, 40).capitalize(), members, report)
        for scope in scopes
        if (members := [one for one in shown if one.metric.scope == scope])
    ]


def _group(title: str, members: Sequence[MetricSummary], report: Report) -> MetricGroup:
    moving, totals, steady, zero, silent = [], [], [], [], []
    for one in members:
        name, unit = printable(one.metric.name, 80), one.metric.unit
        counter = one.metric.kind == COUNTER
        if one.count == 0:
            silent.append(name)
        elif one.total == 0 if counter else one.minimum == one.maximum == 0:
            zero.append(name)
        elif counter:
            # A counter's mean says nothing; its rate, where there is one, has its own row.
            totals.append((name, format_value(one.total, unit)))
        elif one.minimum == one.maximum:
            steady.append((name, format_value(one.last, unit)))
        else:
            mean, p95, maximum = (
                format_value(value, unit) for value in (one.mean, one.p95, one.maximum)
            )
            moving.append((unit, MetricRow(name, mean, p95, maximum, _course(one, report))))
    moving.sort(key=lambda row: _UNIT_ORDER.get(row[0], len(_UNIT_ORDER)))
    return MetricGroup(
        title,
        tuple(row for _, row in moving),
        tuple(totals),
        tuple(steady),
        tuple(zero),
        tuple(silent),
    )


def _course(summary: MetricSummary, report: Report) -> tuple[float | None, ...]:
    """The sparkline's values, each held until the next reading was due.

    A column that is read every five seconds has no value in most stretches of a short session;
    those are no gaps, a reading that failed to come is.
    """
    values = summary.sparkline
    intervals = [report.session.interval_ns, *(ns for _, ns in report.session.interval_changes)]
    due_ns = max(_READ_EVERY_NS.get(summary.metric.group, 0), *intervals)
    due = due_ns * len(values) / max(report.monitoring.duration_ns, 1)
    # A reading a second in stretches of a second: some fall just behind the end of theirs.
    due += 1 if due > 0.5 else 0
    course: list[float | None] = []
    held, age = None, 0
    for value in values:
        if value is not None:
            held, age = value, 0
        course.append(held if age <= due else None)
        age += 1
    return tuple(course)


def cost_sentence(report: Report) -> str:
    """What the recording cost, in words."""
    monitoring = report.monitoring
    if report.session.mode == IMPORTED and monitoring.cost_per_tick_ns is None:
        return "Imported: the recorder's cost is unknown."
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


def hole_sentences(report: Report) -> list[str]:
    """The holes of the recording, the sums first; one sentence says that there are none."""
    monitoring = report.monitoring
    if not (
        monitoring.ticks_missed
        or monitoring.suspended_ns
        or monitoring.events_dropped
        or monitoring.ticks_damaged
        or monitoring.holes
    ):
        if report.session.mode == IMPORTED:
            return ["Imported: what is missing between its rows is unknown."]
        return ["None: no tick was missed and the machine never slept."] if monitoring.ticks else []
    sums = []
    if monitoring.ticks_missed:
        sums.append(f"{_ticks_counted(monitoring.ticks_missed)} missed")
    if monitoring.ticks_damaged:
        sums.append(f"{_ticks_counted(monitoring.ticks_damaged)} damaged in the journal")
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
    reason = {
        "missed": "the recorder came too late",
        "suspended": "the machine slept",
        "damaged": "recorded, but damaged in the journal",
    }
    length = hole.until_ns - hole.from_ns
    lasting = f" for {format_value(length, 'ns')}" if length else ""
    ticks = f", {_ticks_counted(hole.ticks)}" if hole.ticks else ""
    why = reason.get(hole.kind) or printable(hole.kind, 60)
    return f"at {format_value(hole.from_ns, 'ns')}{lasting}{ticks}: {why}"


def _ticks_counted(count: int) -> str:
    return f"{format_value(count, 'count')} tick{'' if count == 1 else 's'}"


def unknown_sentences(report: Report) -> list[str]:
    """What cannot be told: too little data, what the recorder could not read, failed rules."""
    sentences = [printable(sentence) for sentence in report.cannot_tell]
    sentences += [
        f"{printable(name, 80)} was not recorded: {printable(str(reason), EVIDENCE_LIMIT)}"
        for name, reason in report.session.missing.items()
    ]
    return sentences


def _need(need: str) -> str:
    """What a rule would have needed: a column, or events of some types."""
    kind, colon, types = need.partition(":")
    if kind != "events":
        return printable(need, 80)
    if not colon:
        return "events of the application"
    return f"events of type {printable(types.replace('|', ' or '), 200)}"


def rule_sentences(report: Report) -> list[str]:
    """Which rules could not speak, and why."""
    by_needs: dict[tuple[str, ...], list[str]] = {}
    for one in report.not_applicable:
        by_needs.setdefault(one.needs, []).append(printable(one.rule, 60))
    sentences = [
        f"{', '.join(rules)}: not applicable, need{'s' if len(rules) == 1 else ''} "
        + ", ".join(_need(need) for need in needs)
        for needs, rules in by_needs.items()
    ]
    sentences += [
        f"{printable(one.rule, 60)}: failed, {printable(one.reason, 300)}"
        for one in report.failed_rules
    ]
    return sentences


STAGE_TITLES = {
    "alert": "Alerts",
    "forecast": "Forecasts on the way",
    "joint": "Metrics that do not go together",
    "anomaly": "Anomalies",
    "trend": "Trends",
    "baseline": "Against the baseline",
}
"""Stages whose findings a report shows, in its order."""


def findings_by_stage(report: Report) -> list[tuple[str, list[StageFinding]]]:
    """(title, findings) of every stage that said something worth showing.

    Remarks are left to JSON and `perfkit replay --all`.
    """
    found = []
    for stage, title in STAGE_TITLES.items():
        said = [one for one in report.findings if one.stage == stage and one.severity != "info"]
        if said:
            found.append((title, said))
    return found
