"""Forecasts in, decisions with reasons out, by a fixed table; pure.

A plan is made for what is foreseen surely and soon (level `notice`), and is something to consider:
nobody acts on it here. Decisions that would bring another forecast nearer are withheld, and say so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from perfkit.model.decision import PRIORITIES, Decision
from perfkit.model.forecast import NOTICE, Forecast


@dataclass(frozen=True)
class Remedy:
    """One act that helps against a kind of forecast.

    worsens: kinds of forecast that it brings nearer.
    """

    action: str
    priority: str
    parameters: dict[str, float | str] = field(default_factory=dict)
    worsens: frozenset[str] = frozenset()


_NON_CRITICAL: dict[str, float | str] = {"which": "non_critical"}
_MORE_WORKERS = Remedy(
    "scale_workers",
    "high",
    {"factor": 1.5},
    frozenset({"cpu_saturation", "memory_exhaustion", "thread_exhaustion", "swap_thrash"}),
)
_CLEAR_CACHE = Remedy("clear_cache", "high", {"level": "aggressive"})
_HALF_A_BATCH = Remedy("reduce_batch_size", "medium", {"factor": 0.5})
_DEFER = Remedy("defer_operations", "low", _NON_CRITICAL)

REMEDIES: dict[str, tuple[Remedy, ...]] = {
    "memory_exhaustion": (_CLEAR_CACHE, _HALF_A_BATCH),
    "swap_thrash": (_CLEAR_CACHE, _HALF_A_BATCH),
    "fps_degradation": (Remedy("adjust_quality", "medium", {"step": -1.0}), _DEFER),
    "worker_saturation": (_MORE_WORKERS,),
    # a collection closes what nothing refers to any more
    "descriptor_exhaustion": (Remedy("force_gc", "medium"), _DEFER),
    "thread_exhaustion": (Remedy("scale_workers", "medium", {"factor": 0.5}), _DEFER),
    "disk_exhaustion": (
        Remedy("clear_cache", "high", {"level": "aggressive", "where": "disk"}),
        Remedy("defer_operations", "medium", _NON_CRITICAL),
    ),
    "cpu_saturation": (Remedy("defer_operations", "medium", _NON_CRITICAL), _HALF_A_BATCH),
    "latency_degradation": (
        replace(_MORE_WORKERS, priority="medium"),
        Remedy("defer_operations", "low", _NON_CRITICAL),
    ),
}
"""By kind of forecast, what helps, the strongest first."""


def decide(forecasts: Iterable[Forecast]) -> tuple[Decision, ...]:
    """What to consider, the most pressing first; the same act is asked for once.

    forecasts: as they stand; only those of level `notice` ask for anything.
    """
    sure = sorted(
        (one for one in forecasts if one.level == NOTICE),
        key=lambda one: (_soon(one), one.kind, one.metric),
    )
    coming = {one.kind for one in sure}
    made: dict[tuple[str, str], Decision] = {}
    for one in sure:
        for remedy in REMEDIES.get(one.kind, ()):
            decision = _decision(one, remedy, sorted(coming & remedy.worsens))
            key = (decision.action, repr(sorted(decision.parameters.items())))
            known = made.get(key)
            if known is None:
                made[key] = decision
                continue
            kept = min(known, decision, key=_rank)
            if known.kind == decision.kind and known.metric == decision.metric:
                made[key] = kept
            else:
                made[key] = replace(kept, reason=f"{known.reason}; {decision.reason}")
    return tuple(sorted(made.values(), key=lambda one: (bool(one.withheld), _rank(one))))


def _decision(forecast: Forecast, remedy: Remedy, against: list[str]) -> Decision:
    withheld = ""
    if against:
        withheld = f"it would bring {' and '.join(against)} nearer, foreseen as well"
    return Decision(
        action=remedy.action,
        priority=remedy.priority,
        at_ns=forecast.at_ns,
        kind=forecast.kind,
        cause=forecast.cause,
        metric=forecast.metric,
        reason=_reason(forecast),
        parameters=dict(remedy.parameters),
        withheld=withheld,
    )


def _reason(forecast: Forecast) -> str:
    """Why: what is foreseen, when, how surely."""
    words = f"{forecast.kind} ({forecast.metric})"
    if forecast.median_s is not None:
        words += f" in about {forecast.median_s:.3g} s"
        if forecast.low_s is not None and forecast.high_s is not None:
            words += f" (80 %: {forecast.low_s:.3g} to {forecast.high_s:.3g} s)"
        elif forecast.low_s is not None:
            words += f" (not before {forecast.low_s:.3g} s, at 90 %)"
    if forecast.probability is not None:
        words += f", probability {forecast.probability:.2f}"
    return words


def _soon(forecast: Forecast) -> float:
    return forecast.horizon_s if forecast.median_s is None else forecast.median_s


def _rank(decision: Decision) -> int:
    return PRIORITIES.index(decision.priority)
