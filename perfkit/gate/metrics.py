"""The figures of a run that base and head are compared by: one row each, and their log ratios.

A figure is an attribute of `perfkit.model.run.Run` by the same name.
"""

from __future__ import annotations

import math

from perfkit.model.verdict import ALTERNATING, GateMetric

_PAGE = 4096.0
_MICROSECOND = 1e-6

GATE_METRICS: tuple[GateMetric, ...] = (
    GateMetric(
        "peak_rss_bytes",
        "bytes",
        "largest resident set of any one process of the run",
        gating=True,
        cause="memory",
        quantum=_PAGE,
    ),
    GateMetric(
        "cpu_s",
        "s",
        "CPU time, user and system, children included",
        gating=True,
        cause="cpu",
        quantum=_MICROSECOND,
    ),
    GateMetric(
        "wall_s",
        "s",
        "time from start to end: also sleeps, waits and lost parallelism",
        design=ALTERNATING,
        margin=0.25,
        gating=True,
        cause="cpu",
        quantum=_MICROSECOND,
    ),
    GateMetric(
        "instructions", "count", "instructions that the hardware counted", cause="cpu", quantum=1
    ),
    GateMetric(
        "cpu_user_s", "s", "CPU time in programs and libraries", cause="cpu", quantum=_MICROSECOND
    ),
    GateMetric("cpu_system_s", "s", "CPU time in the kernel", cause="cpu", quantum=_MICROSECOND),
    GateMetric("minor_faults", "count", "pages given without reading", cause="memory", quantum=1),
    GateMetric("major_faults", "count", "pages read from storage", cause="io", quantum=1),
    GateMetric("read_bytes", "bytes", "read from storage", cause="io", quantum=_PAGE),
    GateMetric("written_bytes", "bytes", "written towards storage", cause="io", quantum=_PAGE),
    GateMetric("read_calls", "count", "read calls", cause="io", quantum=1),
    GateMetric("write_calls", "count", "write calls", cause="io", quantum=1),
    GateMetric(
        "voluntary_switches", "count", "times it waited for something", cause="waiting", quantum=1
    ),
    GateMetric(
        "involuntary_switches", "count", "times the core was taken from it", cause="cpu", quantum=1
    ),
)
"""Every metric that perfkit can gate on; nearly noiseless ones first, since they are told first."""


def log_ratio(base: float, head: float, quantum: float = 0.0) -> float:
    """The natural logarithm of head over base, the effect of one pair.

    Values below one quantum are taken as one, so that none against none is no difference and none
    against some is a finite one.
    Raises ValueError for values that are negative or not finite, and for a ratio to or of zero.
    """
    for value in (base, head):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"a figure is a finite number, zero or more, and {value} is not")
    base, head = max(base, quantum), max(head, quantum)
    if base == head:
        return 0.0
    if not (base and head):
        raise ValueError(f"there is no ratio of {head} to {base}")
    return math.log(head) - math.log(base)
