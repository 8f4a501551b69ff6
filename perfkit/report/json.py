"""The report for programs: versioned JSON, every key always there, null where nothing is known.

The format is documented in docs/json-report.md. Pure ASCII without `<`, `>` and `&`, so it can be
printed, logged and embedded in a page as it is; text from strangers is made printable, so that
`jq -r` shows it harmlessly too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from perfkit.model.insight import Insight
from perfkit.model.report import MetricSummary, Monitoring, Report
from perfkit.model.session import IMPORTED, Session
from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.facts import findings
from perfkit.report.findings import as_dict
from perfkit.report.forecasts import as_dict as plain_forecast
from perfkit.report.forecasts import decision_as_dict as plain_decision
from perfkit.report.forecasts import ordered

SCHEMA_VERSION = "1.5"
# 1.5: analysis.patterns; joint anomalies among analysis.anomalies
# 1.4: the findings of the stage anomaly; analysis.forecasts, optimization.plans
# 1.3: the findings of the stages: baseline, trend, alerts;
#      optimization.ranked
# 1.2: monitoring.ticks_damaged, holes of kind "damaged", session.duration_s where it was cut off
# 1.1: monitoring.ticks_dropped
# 1.0: the first. A key that is added raises the second number, a changed meaning the first.

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_S = 1e9
_NS_PER_MS = 1e6


def render(reports: Sequence[Report], page: Page) -> str:
    """One report as an object, several as an array in the order given; the page is not needed."""
    del page
    objects = [report_object(report) for report in reports]
    return dump(objects[0] if len(objects) == 1 else objects)


def dump(value: object) -> str:
    """JSON that a terminal, a log and an HTML page can all hold; no NaN, no infinity."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=True, allow_nan=False)
    # These characters occur in strings only, where JSON may write them as escapes.
    for character in "<>&\x7f":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text + "\n"


def plain(value: object) -> Any:
    """The value as JSON types: text printable, numbers that are none null, whole ones whole."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, Mapping):
        return {printable(str(key)): plain(member) for key, member in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(member) for member in value]
    return printable(value if isinstance(value, bytes) else str(value))


def report_object(report: Report) -> dict[str, Any]:
    """The report as the object that docs/json-report.md describes."""
    return {
        "schema_version": SCHEMA_VERSION,
        "session": _session(report),
        "monitoring": _monitoring(report.monitoring, report.session),
        "performance": {
            "current": {one.metric.name: _summary(one) for one in report.summaries},
            "baseline": _said(report, "baseline"),
            "trend": _said(report, "trend"),
            "score": report.verdict.score,
            "status": report.verdict.status,
            "reason": report.verdict.reason,
            "parts": dict(report.verdict.parts),
        },
        "analysis": {
            "latest": {
                "rules_not_applicable": [
                    {"rule": one.rule, "title": one.title, "needs": list(one.needs)}
                    for one in report.not_applicable
                ],
                "rules_failed": [
                    {"rule": one.rule, "reason": one.reason} for one in report.failed_rules
                ],
                "cannot_tell": list(report.cannot_tell),
            },
            "insights": [
                _insight(insight)
                for finding in findings(report.insights)
                for insight in (finding.lead, *finding.also)
            ],
            "patterns": None if report.patterns_after_ns else _said(report, "pattern"),
            "anomalies": _said(report, "anomaly", "joint"),
            "forecasts": [plain_forecast(one) for one in ordered(report.forecasts)],
            "alerts": _said(report, "alert"),
        },
        "optimization": {
            "last": None,
            "recommendations": _recommendations(report),
            "ranked": [asdict(one) for one in report.recommendations],
            "plans": [plain_decision(one) for one in report.decisions],
            "predictions": None,
            "history": None,
        },
        "accuracy": None,
    }


def _said(report: Report, *stages: str) -> list[dict[str, Any]]:
    """The findings of these stages, each as it stood last."""
    return [as_dict(one) for one in report.findings if one.stage in stages]


def session_object(session: Session) -> dict[str, Any]:
    """The facts of the session's metadata, times as ISO 8601, lengths of time in seconds."""
    return {
        "session_id": session.session_id,
        "schema_version": session.schema_version,
        "perfkit_version": session.perfkit_version,
        "mode": session.mode,
        "sampler": session.sampler,
        "target": {
            "pid": session.target_pid,
            "name": session.target_name,
            "command": session.command,
            "exit_code": session.exit_code,
            "exit_signal": session.exit_signal,
        },
        "started_at": iso_time(session.started_at_us or None),
        "ended_at": iso_time(session.ended_at_us),
        "duration_s": _scaled(session.duration_ns, _NS_PER_S),
        "stop_reason": session.stop_reason,
        "interval_ms": session.interval_ns / _NS_PER_MS,
        "interval_changes": [
            {"at_s": at_ns / _NS_PER_S, "interval_ms": interval_ns / _NS_PER_MS}
            for at_ns, interval_ns in session.interval_changes
        ],
        "host": dict(session.host),
        "missing": dict(session.missing),
        "notes": dict(session.notes),
    }


def iso_time(microseconds: int | None) -> str | None:
    """ISO 8601 in UTC; None where the time is unknown or beyond the calendar."""
    if microseconds is None:
        return None
    try:
        time = _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _session(report: Report) -> dict[str, Any]:
    return {
        "source": report.source,
        "source_kind": report.source_kind,
        **session_object(report.session),
    }


def _monitoring(monitoring: Monitoring, session: Session) -> dict[str, Any]:
    unknown = session.mode == IMPORTED and monitoring.cost_per_tick_ns is None
    return {
        "active": monitoring.active,
        "duration_s": monitoring.duration_ns / _NS_PER_S,
        "ticks": monitoring.ticks,
        "ticks_dropped": monitoring.ticks_dropped,
        "ticks_damaged": monitoring.ticks_damaged,
        "own_cost": {
            "cpu_s": None if unknown else monitoring.cost_cpu_ns / _NS_PER_S,
            "cpu_percent": monitoring.cost_percent,
            "cpu_us_per_tick": _scaled(monitoring.cost_per_tick_ns, 1e3),
        },
        "late_p99_ms": _scaled(monitoring.late_p99_ns, _NS_PER_MS),
        "late_max_ms": _scaled(monitoring.late_max_ns, _NS_PER_MS),
        "ticks_missed": monitoring.ticks_missed,
        "suspended_s": monitoring.suspended_ns / _NS_PER_S,
        "events_dropped": monitoring.events_dropped,
        "holes": [
            {
                "from_s": hole.from_ns / _NS_PER_S,
                "until_s": hole.until_ns / _NS_PER_S,
                "ticks": hole.ticks,
                "kind": hole.kind,
            }
            for hole in monitoring.holes
        ],
    }


def _summary(summary: MetricSummary) -> dict[str, Any]:
    metric = summary.metric
    return {
        "unit": metric.unit,
        "kind": metric.kind,
        "scope": metric.scope,
        "count": summary.count,
        "first": summary.first,
        "last": summary.last,
        "min": summary.minimum,
        "mean": summary.mean,
        "p95": summary.p95,
        "max": summary.maximum,
        "total": summary.total,
    }


def _insight(insight: Insight) -> dict[str, Any]:
    return {
        "rule": insight.rule,
        "title": insight.title,
        "severity": insight.severity,
        "cause": insight.cause,
        "impact": insight.impact,
        "message": insight.message,
        "evidence": dict(insight.evidence),
        "recommendations": list(insight.recommendations),
    }


def _recommendations(report: Report) -> list[dict[str, Any]]:
    """Each recommendation once, the most pressing first, with what it answers."""
    return [
        {
            "text": text,
            "severity": finding.lead.severity,
            "cause": finding.lead.cause,
            "rules": list(dict.fromkeys(one.rule for one in (finding.lead, *finding.also))),
        }
        for finding in findings(report.insights)
        for text in finding.recommendations
    ]


def _scaled(value: float | int | None, divisor: float) -> float | None:
    return None if value is None else value / divisor
