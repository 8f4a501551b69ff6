"""What the gate decided for programs: versioned JSON, every key always there, null where unknown.

The format is documented in docs/gate-json.md. Pure ASCII as in `perfkit.report.json`.
"""

from __future__ import annotations

from typing import Any

from perfkit.model.text import printable
from perfkit.model.verdict import ComparedSide, Comparison, Difference, MetricVerdict
from perfkit.report.json import dump
from perfkit.version import __version__

SCHEMA_VERSION = "1.0"
# 1.0: the first. A key that is added raises the second number, a changed meaning the first.


def render(comparison: Comparison) -> str:
    """The comparison as one JSON object; ends in a newline."""
    # `##[` occurs in text only; on standard output a GitHub runner would take it for a command.
    return dump(comparison_object(comparison)).replace("##[", "#\\u0023[")


def comparison_object(comparison: Comparison) -> dict[str, Any]:
    """The comparison as the object that docs/gate-json.md describes."""
    return {
        "schema_version": SCHEMA_VERSION,
        "perfkit_version": __version__,
        "verdict": comparison.verdict,
        "metrics": _metrics(comparison),
        "not_gated": list(comparison.not_gated),
        "reasons": list(comparison.reasons),
        "notes": list(comparison.notes),
        "differences": [_difference(one) for one in comparison.differences],
        "base": _side(comparison.base),
        "head": _side(comparison.head),
        "fail_level": comparison.fail_level,
        "pass_level": comparison.pass_level,
        "elapsed_s": comparison.elapsed_s,
        "host": comparison.host or None,
        "seed": comparison.seed,
    }


def _metrics(comparison: Comparison) -> dict[str, Any]:
    """Metrics by name; two names that only unprintable characters tell apart are both kept."""
    metrics: dict[str, Any] = {}
    for one in comparison.metrics:
        name = key = printable(one.metric)
        number = 1
        while key in metrics:
            number += 1
            key = f"{name} ({number})"
        metrics[key] = _metric(one)
    return metrics


def _metric(one: MetricVerdict) -> dict[str, Any]:
    return {
        "verdict": one.verdict,
        "effect": one.effect,
        "ci_low": one.ci_low,
        "ci_high": one.ci_high,
        "pairs": one.pairs,
        "detectable_effect": one.detectable_effect,
        "unit": one.unit,
        "base": one.base,
        "head": one.head,
        "design": one.design,
        "gating": one.gating,
        "tolerance": one.tolerance,
        "margin": one.margin,
        "noise": one.noise,
        "decided_after": one.decided_after,
        "cause": one.cause or None,
        "note": one.note or None,
    }


def _side(side: ComparedSide) -> dict[str, Any]:
    return {
        "name": side.name,
        "source": side.source,
        "runs": side.runs,
        "failed": list(side.failed),
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "where": one.where,
        "metric": one.metric,
        "unit": one.unit,
        "base": one.base,
        "head": one.head,
        "effect": one.effect,
    }
