"""From where on a figure deserves a word: two marks a metric, which users may move."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Threshold:
    """A mark from which on a figure is worth a warning, and one from which on it is critical.

    Where the lower figure is the worse one, `critical` lies below `warning`.
    """

    warning: float
    critical: float


@dataclass(frozen=True)
class Thresholds:
    """The marks of all metrics that have some.

    fps: frames a second. memory: use over the capacity that binds the target, as
    `memory_pressure_ratio`. latency_ms: how long an operation takes. cache_hit: share of lookups
    that a cache answered. errors: share of operations that failed.
    """

    fps: Threshold = Threshold(50.0, 30.0)
    memory: Threshold = Threshold(0.7, 0.9)
    latency_ms: Threshold = Threshold(1000.0, 2000.0)
    cache_hit: Threshold = Threshold(0.8, 0.6)
    errors: Threshold = Threshold(0.02, 0.05)


LOWER_IS_WORSE = frozenset({"fps", "cache_hit"})
RATIOS = frozenset({"memory", "cache_hit", "errors"})
"""Of these, no mark lies beyond 1."""

NAMES = tuple(field.name for field in fields(Thresholds))


def fault_of_mark(name: str, value: float) -> str | None:
    """Why the value cannot be a mark of this metric, as the end of a sentence; None if it can."""
    if not math.isfinite(value):
        return "has to be a finite number"
    if value < 0:
        return "cannot be below 0"
    if name in RATIOS and value > 1:
        return "is a share, so it cannot be above 1"
    return None


def fault_of_order(name: str, threshold: Threshold) -> str | None:
    """Why the two marks do not fit together, as the end of a sentence; None if they do."""
    warning, critical = threshold.warning, threshold.critical
    if name in LOWER_IS_WORSE and warning < critical:
        return f"warns at {warning:g}, below its critical mark {critical:g}; lower is worse here"
    if name not in LOWER_IS_WORSE and warning > critical:
        return f"warns at {warning:g}, above its critical mark {critical:g}"
    return None
