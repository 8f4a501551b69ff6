"""What a stage found of known faults, for a person and for a program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from perfkit.model.detection import AlarmRate, DetectionScore, Recall
from perfkit.model.finding import Finding
from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.rows import as_table
from perfkit.report.units import clock

_RECALL = (
    "faults", "found", "recall", "median delay s", "90 % delay s",
    "named", "median s", "90 % s",
)  # fmt: skip


def as_text(scores: Sequence[DetectionScore], page: Page) -> str:
    """A section a stage: recall, false alarms an hour, every miss and every false alarm."""
    return "\n".join(_section(one, page) for one in scores)


def as_json(scores: Iterable[DetectionScore]) -> str:
    """The same for a program, an object a stage."""
    return json.dumps([_stage_facts(one) for one in scores], indent=1, allow_nan=False) + "\n"


def _section(one: DetectionScore, page: Page) -> str:
    parts = [f"Stage {one.stage}, {one.recordings} recordings\n"]
    if one.seen:
        strengths = [
            [_times(row.strength), *_recall_cells(row)] for row in (*one.by_strength, one.total)
        ]
        strengths[-1][0] = "all"
        kinds = [[row.kind, _times(row.strength), *_recall_cells(row)] for row in one.by_kind]
        parts += [
            as_table(("strength", *_RECALL), strengths, page),
            as_table(("kind", "strength", *_RECALL), kinds, page),
        ]
    parts.append(f"{_rate(one.rate, 'where nothing was wrong')}\n")
    if one.clean_rate.hours and one.clean_rate != one.rate:
        parts[-1] += f"{_rate(one.clean_rate, 'of clean recordings alone')}\n"
    if one.misses:
        rows = [
            [m.file, m.fault.kind, _times(m.strength), m.fault.metric, m.fault.from_s]
            for m in one.misses
        ]
        parts.append(
            f"Missed: {len(rows)}\n"
            + as_table(("file", "kind", "strength", "metric", "from s"), rows, page)
        )
    if one.false_alarms:
        alarms = [
            [a.file, a.finding.metric, clock(a.finding.known_at_ns), a.finding.text]
            for a in one.false_alarms
        ]
        parts.append(
            f"False alarms: {len(alarms)}\n"
            + as_table(("file", "metric", "known at", "what was said"), alarms, page)
        )
    return "\n".join(parts)


def _recall_cells(one: Recall) -> list[object]:
    return [
        one.faults,
        one.found,
        "" if one.share is None else f"{one.share * 100:.1f} %",
        _rounded(one.median_delay_s),
        _rounded(one.late_delay_s),
        one.named,
        _rounded(one.named_median_delay_s),
        _rounded(one.named_late_delay_s),
    ]


def _times(strength: float | None) -> str:
    return "" if strength is None else f"{strength:g} times"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _rate(one: AlarmRate, where: str) -> str:
    if one.per_hour is None or one.most_per_hour is None:
        return f"no hour {where} was looked at"
    return (
        f"{one.alarms} false alarm{'' if one.alarms == 1 else 's'} in {one.hours:.2f} hours {where}: "
        f"{one.per_hour:.3g} an hour, at most {one.most_per_hour:.3g} (95 %)"
    )


def _stage_facts(one: DetectionScore) -> dict[str, Any]:
    return {
        "stage": one.stage,
        "recordings": one.recordings,
        "total": _recall_facts(one.total),
        "by_strength": [_recall_facts(row) for row in one.by_strength],
        "by_kind": [_recall_facts(row) for row in one.by_kind],
        "false_alarms": _rate_facts(one.rate),
        "false_alarms_in_clean_recordings": _rate_facts(one.clean_rate),
        "misses": [
            {
                "file": m.file,
                "kind": m.fault.kind,
                "strength": m.strength,
                "metric": m.fault.metric,
                "from_s": m.fault.from_s,
                "until_s": m.fault.until_s,
            }
            for m in one.misses
        ],
        "found": [
            {
                "file": seen.file,
                "kind": seen.fault.kind,
                "strength": seen.strength,
                "delay_s": seen.delay_s,
                "named": seen.named,
                "named_delay_s": seen.named_delay_s,
                **_finding_facts(seen.found),
            }
            for seen in one.seen
            if seen.found is not None
        ],
        "alarms": [
            {"file": a.file, "clean": a.clean, **_finding_facts(a.finding)}
            for a in one.false_alarms
        ],
    }


def _finding_facts(one: Finding) -> dict[str, Any]:
    return {
        "finding_metric": one.metric,
        "finding_cause": one.cause,
        "severity": one.severity,
        "known_at_s": one.known_at_ns / 1e9,
        "onset_s": one.onset_ns / 1e9,
        "text": printable(one.text),
    }


def _recall_facts(one: Recall) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "strength": one.strength,
        "faults": one.faults,
        "found": one.found,
        "recall": one.share,
        "named": one.named,
        "median_delay_s": one.median_delay_s,
        "delay_90_percent_s": one.late_delay_s,
        "named_median_delay_s": one.named_median_delay_s,
        "named_delay_90_percent_s": one.named_late_delay_s,
    }


def _rate_facts(one: AlarmRate) -> dict[str, Any]:
    return {
        "count": one.alarms,
        "hours": one.hours,
        "per_hour": one.per_hour,
        "per_hour_upper_95": one.most_per_hour,
    }
