"""Where one metric is heading, judged over one window."""

from __future__ import annotations

from dataclasses import dataclass

IMPROVING = "improving"
STABLE = "stable"
DEGRADING = "degrading"
RISING = "rising"
FALLING = "falling"
"""Verdicts; the last two of metrics in which neither direction is worse."""


@dataclass(frozen=True)
class Trend:
    """One judgement: the window from_ns to until_ns on the session's clock.

    level: the median, in the metric's unit. slope_*: change per second with its interval.
    """

    metric: str
    from_ns: int
    until_ns: int
    level: float
    slope_per_s: float
    slope_low_per_s: float
    slope_high_per_s: float
    verdict: str
