"""What the stages of the analysis said, as the rows of views: one row a finding, as it stood last."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict

from perfkit.model.finding import Finding, latest
from perfkit.model.trend import Trend
from perfkit.sql.views import Rows

FINDING_TYPES: Mapping[str, str] = {
    "id": "VARCHAR",
    "kind": "VARCHAR",
    "cause": "VARCHAR",
    "metric": "VARCHAR",
    "known_at_ns": "BIGINT",
    "onset_ns": "BIGINT",
    "peak_ns": "BIGINT",
    "end_ns": "BIGINT",
    "severity": "VARCHAR",
    "direction": "VARCHAR",
    "value": "DOUBLE",
    "expected": "DOUBLE",
    "probability": "DOUBLE",
    "evidence": "MAP(VARCHAR, DOUBLE)",
    "text": "VARCHAR",
}
"""The columns of every view of findings."""

TREND_TYPES: Mapping[str, str] = {
    "metric": "VARCHAR",
    "from_ns": "BIGINT",
    "until_ns": "BIGINT",
    "level": "DOUBLE",
    "slope_per_s": "DOUBLE",
    "slope_low_per_s": "DOUBLE",
    "slope_high_per_s": "DOUBLE",
    "verdict": "VARCHAR",
}
"""The columns of the view `trends`: one row a metric and judgement."""

STAGES_OF_VIEW: Mapping[str, tuple[str, ...]] = {
    "alerts": ("alert",),
    "anomalies": ("anomaly", "joint"),
    "baseline": ("baseline",),
    "forecasts": ("forecast",),
    "patterns": ("pattern",),
}
"""Every view of findings to the stages whose findings it shows."""


EVIDENCE_OF_VIEW: Mapping[str, tuple[str, ...]] = {
    "patterns": (
        "period_s",
        "period_low_s",
        "period_high_s",
        "strength_ratio",
        "phase_s",
        "before",
        "after",
    ),
}
"""Numbers of the evidence that are columns of their own, null where a finding has no such."""


def finding_types(view: str) -> dict[str, str]:
    """The columns of a view of findings."""
    return {**FINDING_TYPES, **dict.fromkeys(EVIDENCE_OF_VIEW.get(view, ()), "DOUBLE")}


def finding_rows(view: str, findings: Iterable[Finding], columns: Collection[str]) -> Rows:
    """The columns asked for of all findings, each as it was last emitted."""
    types = {name: type for name, type in finding_types(view).items() if name in columns}
    rows = []
    for one in latest(findings):
        facts = {**one.evidence, **asdict(one), "id": one.id}
        rows.append(tuple(facts.get(name) for name in types))
    return Rows(types, rows)


def trend_rows(trends: Iterable[Trend], columns: Collection[str]) -> Rows:
    """The columns asked for of all judgements."""
    types = {name: type for name, type in TREND_TYPES.items() if name in columns}
    return Rows(types, [tuple(getattr(one, name) for name in types) for one in trends])
