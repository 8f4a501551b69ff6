"""How a session did, in one word: a score from its measurable parts, a status from score or insights.

The score weighs frames, memory, latency and cache, each over the whole session; what the session
does not have is left out and the rest renormalised. Below half of the weight there is no score: a
number made of little would look as sure as one made of all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from perfkit.model.insight import SEVERITIES, Insight
from perfkit.model.report import Verdict

WEIGHTS: Mapping[str, float] = {"fps": 0.3, "memory": 0.25, "latency": 0.25, "cache": 0.2}
LEAST_WEIGHT = 0.5
"""A score needs at least this share of the weights."""

LEAST_TICKS = 10
LEAST_NS = 3_000_000_000
"""Below either, that no rule found anything says nothing of the target."""

SMOOTH_FPS = 60.0
SLOWEST_MS = 3000.0
"""Frames a second that are worth all of their part; latency that is worth nothing of it."""


def verdict(
    figures: Mapping[str, float | None], insights: Sequence[Insight], recommendations: int
) -> Verdict:
    """Score, status and where the status comes from.

    figures: see `score_parts`. insights: what the rules found. recommendations: how many there are.
    """
    parts = score_parts(figures)
    score = weighted_score(parts)
    if score is None:
        status, reason = _status_from_insights(insights)
        return Verdict(None, status, f"{reason} (no score: {_too_little(parts)})", parts)
    status, reason = _status_from_score(score, insights, recommendations)
    return Verdict(score, status, reason, parts)


def unless_too_short(found: Verdict, ticks: int, duration_ns: int) -> Verdict:
    """The verdict, or an unknown one where it is a good one that rests on next to nothing."""
    enough = ticks >= LEAST_TICKS and duration_ns >= LEAST_NS
    if enough or found.status not in ("excellent", "good"):
        return found
    seen = f"{ticks} tick{'' if ticks == 1 else 's'} in {duration_ns / 1e9:.1f} s"
    return replace(found, status="unknown", reason=f"too short to judge: {seen}; {found.reason}")


def score_parts(figures: Mapping[str, float | None]) -> dict[str, float | None]:
    """Every part of WEIGHTS to its value, 0 (worst) to 100, or None where it was not measured.

    figures: of the whole session: `fps` frames a second, `memory` use over what binds, `latency`
    mean in milliseconds, `cache` share of hits.
    """
    known = {name: value for name, value in figures.items() if value is not None}
    parts: dict[str, float | None] = dict.fromkeys(WEIGHTS)
    for name, value in known.items():
        if math.isfinite(value):
            parts[name] = 100.0 * min(1.0, max(0.0, _part(name, value)))
    return parts


def _part(name: str, value: float) -> float:
    """The part as the design has it, 1 being the best."""
    if name == "fps":
        return value / SMOOTH_FPS
    if name == "memory":
        return 1.0 - value
    return 1.0 - value / SLOWEST_MS if name == "latency" else value


def weighted_score(parts: Mapping[str, float | None]) -> float | None:
    """The mean of the known parts by WEIGHTS, 0 to 100; None below LEAST_WEIGHT."""
    known = {name: value for name, value in parts.items() if value is not None}
    weight = sum(WEIGHTS[name] for name in known)
    # The weights are decimal fractions: .25 + .25 must count as half.
    if weight < LEAST_WEIGHT - 1e-9:
        return None
    return sum(WEIGHTS[name] * value for name, value in known.items()) / weight


def _status_from_score(score: float, insights: Sequence[Insight], count: int) -> tuple[str, str]:
    found = f"{count} recommendation{'' if count == 1 else 's'}"
    if score >= 90 and not count:
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
