"""How a session did, in one word: a score from its measurable parts, a status from score or insights.

The score weighs frames, memory, latency and cache; what the session does not have is left out and
the rest renormalised. Below half of the weight there is no score: a number made of little would
look as sure as one made of all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from perfkit.model.insight import SEVERITIES, Insight
from perfkit.model.report import MetricSummary, Verdict

WEIGHTS: Mapping[str, float] = {"fps": 0.3, "memory": 0.25, "latency": 0.25, "cache": 0.2}
LEAST_WEIGHT = 0.5
"""A score needs at least this share of the weights."""

LEAST_TICKS = 10
LEAST_NS = 3_000_000_000
"""Below either, that no rule found anything says nothing of the target."""

# Up to half of what binds the target is room enough; at all of it nothing is left.
COMFORTABLE_MEMORY_RATIO = 0.5


def verdict(summaries: Iterable[MetricSummary], insights: Sequence[Insight]) -> Verdict:
    """Score, status and where the status comes from.

    summaries: of the whole session; those that no part of the score uses are passed over.
    insights: what the rules found. One whose severity is `info` is a remark: it asks for nothing
    and does not count as a recommendation.
    """
    parts = score_parts(summaries)
    score = weighted_score(parts)
    if score is None:
        status, reason = _status_from_insights(insights)
        return Verdict(None, status, f"{reason} (no score: {_too_little(parts)})", parts)
    status, reason = _status_from_score(score, insights)
    return Verdict(score, status, reason, parts)


def unless_too_short(found: Verdict, ticks: int, duration_ns: int) -> Verdict:
    """The verdict, or an unknown one where it is a good one that rests on next to nothing."""
    enough = ticks >= LEAST_TICKS and duration_ns >= LEAST_NS
    if enough or found.status not in ("excellent", "good"):
        return found
    seen = f"{ticks} tick{'' if ticks == 1 else 's'} in {duration_ns / 1e9:.1f} s"
    return replace(found, status="unknown", reason=f"too short to judge: {seen}; {found.reason}")


def score_parts(summaries: Iterable[MetricSummary]) -> dict[str, float | None]:
    """Every part of WEIGHTS to its value, 0 (worst) to 100, or None where it was not recorded."""
    mean = {summary.metric.name: summary.mean for summary in summaries}
    parts: dict[str, float | None] = dict.fromkeys(WEIGHTS)
    parts["memory"] = memory_part(mean.get("memory_pressure_ratio"))
    return parts


def memory_part(pressure_ratio: float | None) -> float | None:
    """100 up to COMFORTABLE_MEMORY_RATIO of the capacity that binds, falling to 0 at all of it."""
    if pressure_ratio is None or not math.isfinite(pressure_ratio):
        return None
    room = (1.0 - pressure_ratio) / (1.0 - COMFORTABLE_MEMORY_RATIO)
    return 100.0 * min(1.0, max(0.0, room))


def weighted_score(parts: Mapping[str, float | None]) -> float | None:
    """The mean of the known parts by WEIGHTS, 0 to 100; None below LEAST_WEIGHT."""
    known = {name: value for name, value in parts.items() if value is not None}
    weight = sum(WEIGHTS[name] for name in known)
    # The weights are decimal fractions: .25 + .25 must count as half.
    if weight < LEAST_WEIGHT - 1e-9:
        return None
    return sum(WEIGHTS[name] * value for name, value in known.items()) / weight


def _status_from_score(score: float, insights: Sequence[Insight]) -> tuple[str, str]:
    asked = [insight for insight in insights if insight.severity != "info"]
    count = len(asked)
    found = f"{count} insight{'' if count == 1 else 's'} with a recommendation"
    if score >= 90 and not asked:
        status = "excellent"
    elif score >= 80 and count <= 2:
        status = "good"
    elif score >= 60:
        status = "fair"
    else:
        status = "poor"
    worst = _worst(insights)
    if worst == "high" and status in ("excellent", "good"):
        return "fair", f"a score of {score:.0f}, held down by an insight of high severity"
    return status, f"a score of {score:.0f} and {found}"


def _status_from_insights(insights: Sequence[Insight]) -> tuple[str, str]:
    worst = _worst(insights)
    if worst == "high":
        return "poor", "comes from the insights, the most severe of which is high"
    if worst == "medium":
        return "fair", "comes from the insights, the most severe of which is medium"
    if worst is None:
        return "good", "comes from the insights: no rule found anything"
    return "good", f"comes from the insights, the most severe of which is {worst}"


def _worst(insights: Sequence[Insight]) -> str | None:
    return max((insight.severity for insight in insights), key=SEVERITIES.index, default=None)


def _too_little(parts: Mapping[str, float | None]) -> str:
    known = [name for name in WEIGHTS if parts.get(name) is not None]
    absent = ", ".join(name for name in WEIGHTS if parts.get(name) is None)
    if not known:
        return f"{absent} were not recorded"
    weight = round(100 * sum(WEIGHTS[name] for name in known))
    return f"{', '.join(known)} is {weight} % of it; {absent} were not recorded"
