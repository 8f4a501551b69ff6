"""The figures of a run that base and head are compared by: one row each, and their log ratios.

A figure is an attribute of `perfkit.model.run.Run` by the same name.
"""

from __future__ import annotations

import math

from perfkit.model.verdict import ALTERNATING, GateMetric

GATE_METRICS: tuple[GateMetric, ...] = (
    GateMetric(
        "peak_rss_bytes",
        "bytes",
        "largest resident set of any one process of the run",
        gating=True,
        cause="memory",
    ),
    GateMetric(
        "cpu_s", "s", "CPU time, user and system, children included", gating=True, cause="cpu"
    ),
    GateMetric(
        "wall_s",
        "s",
        "time from start to end: also sleeps, waits and lost parallelism",
        design=ALTERNATING,
        margin=0.25,
        gating=True,
        cause="cpu",
    ),
    GateMetric("instructions", "count", "instructions that the hardware counted", cause="cpu"),
    GateMetric("cpu_user_s", "s", "CPU time in the program and its libraries", cause="cpu"),
    GateMetric("cpu_system_s", "s", "CPU time in the kernel", cause="cpu"),
    GateMetric("minor_faults", "count", "pages that were given without reading", cause="memory"),
    GateMetric("major_faults", "count", "pages that were read from storage", cause="io"),
    GateMetric("read_bytes", "bytes", "read from storage", cause="io"),
    GateMetric("written_bytes", "bytes", "written towards storage", cause="io"),
    GateMetric("voluntary_switches", "count", "times it waited for something", cause="waiting"),
    GateMetric("involuntary_switches", "count", "times the core was taken from it", cause="cpu"),
)
"""Every metric that perfkit can gate on; nearly noiseless ones first, since they are told first."""

_QUANTA = {"s": 1e-6, "bytes": 4096.0, "count": 1.0}
"""What a unit is counted in: less than that cannot be told from none at all."""

_SMALLEST_QUANTUM = 1e-9


def log_ratio(base: float, head: float, unit: str) -> float:
    """The natural logarithm of head over base, the effect of one pair.

    Values below one quantum of their unit (a page, one count, a microsecond) are taken as one, so
    that none against none is no difference and none against some is a finite one.
    Raises ValueError for values that are negative or not finite.
    """
    for value in (base, head):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"a figure is a finite number, zero or more, and {value} is not")
    quantum = _QUANTA.get(unit, _SMALLEST_QUANTUM)
    return math.log(max(head, quantum)) - math.log(max(base, quantum))
