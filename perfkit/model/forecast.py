"""When something will run out or degrade: one value a capacity, and what it rests on.

Part of what the forecast stage, plans and reports share; needs the standard library alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CROSSING = "crossing"
CLEAR = "clear"
TOO_LITTLE = "too_little"
UNKNOWN = "unknown"
BEYOND = "beyond"
"""States: a crossing is likelier than not; none in sight; not enough data yet; it cannot be said,
`reason` tells why (capacity unknown, no values, …); the capacity is reached or passed already."""

WATCH = "watch"
NOTICE = "notice"
"""Levels: likelier than not; so sure and so near that plans go by it."""

HORIZON_NS = 300_000_000_000
"""How far ahead forecasts look unless told otherwise."""

WATCH_FROM = 0.5
NOTICE_FROM = 0.8


@dataclass(frozen=True)
class Forecast:
    """What is foreseen of one metric against one capacity, as it stood at `at_ns`.

    kind, cause, metric, against, falling: as of `analysis.forecast.capacities.Capacity`.
    horizon_s: how far it looks. state: one of CROSSING, CLEAR, TOO_LITTLE, UNKNOWN, BEYOND;
    reason: why it cannot be said, as the end of a sentence, empty where it can.
    level: WATCH, NOTICE or empty. probability: that the capacity is met within the horizon.
    median_s, low_s, high_s: time from at_ns to the crossing, its median and its 80 % interval; None
    where it lies beyond what the forecaster sees. surge_risk: the probability before anything was
    said against a lasting growth: what a burst that goes on would do.
    value, capacity: in the metric's unit, where known. evidence: numbers by name.
    """

    kind: str
    cause: str
    metric: str
    against: str
    falling: bool
    at_ns: int
    horizon_s: float
    state: str
    reason: str = ""
    level: str = ""
    probability: float | None = None
    median_s: float | None = None
    low_s: float | None = None
    high_s: float | None = None
    surge_risk: float | None = None
    value: float | None = None
    capacity: float | None = None
    evidence: Mapping[str, float] = field(default_factory=dict)

    @property
    def margin(self) -> float | None:
        """What is left until the capacity, in the metric's unit; negative beyond it."""
        if self.value is None or self.capacity is None:
            return None
        left = self.capacity - self.value
        return -left if self.falling else left
