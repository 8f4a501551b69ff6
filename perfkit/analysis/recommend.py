"""Recommendations: everything that was found, by cause, ranked by what acting on it would bring.

The rank is severity × confidence × gain. Severity counts 1, 3 and 9 from low to high. Confidence is
that of an independent second witness: one insight or finding counts .7, each further one halves the
doubt that is left. The gain of a cause is a judgement, written in ADVICE: how much of what users
feel it usually stands for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from perfkit.model.finding import Finding
from perfkit.model.insight import SEVERITIES, Insight
from perfkit.model.recommendation import Recommendation

_WEIGHT = {"low": 1.0, "medium": 3.0, "high": 9.0}
_FIRST_DOUBT = 0.3


@dataclass(frozen=True)
class Advice:
    """What helps against a cause where no insight says more.

    gain: 0..1. what: things to do. metric: the column of periods whose fall or rise shows success.
    conflicts: causes that it may worsen.
    """

    gain: float
    what: tuple[str, ...]
    metric: str
    conflicts: tuple[str, ...] = ()


ADVICE: dict[str, Advice] = {
    "memory": Advice(
        0.9,
        ("Find what grows: compare heap snapshots before and after, or attach a memory profiler.",),
        "rss_bytes",
        ("cache",),
    ),
    "latency": Advice(
        1.0,
        ("Look at the slowest operations and at what the machine did meanwhile.",),
        "latency_ms_p95",
    ),
    "errors": Advice(
        1.0, ("Read the errors that began then, and what was deployed or failed before.",),
        "error_ratio",
    ),
    "frames": Advice(
        0.8, ("Render less at once, or at a lower quality, until frames are on time.",), "fps"
    ),
    "cache": Advice(
        0.6,
        ("See which keys miss, and whether the cache is too small or is emptied.",),
        "cache_hit_ratio",
        ("memory",),
    ),
    "queue": Advice(
        0.8,
        ("Add workers while cores are free, or take in less work.",),
        "queue_ms_p95",
        ("cpu", "memory"),
    ),
    "throughput": Advice(
        0.7, ("See what the work waits for: cores, storage, locks, or callers.",),
        "throughput_per_s",
    ),
    "cpu": Advice(
        0.7,
        ("Profile the busiest process (`py-spy top`, `perf top`) while it lasts.",),
        "cpu_percent",
        ("latency",),
    ),
    "scheduling": Advice(
        0.4, ("Run fewer threads than there are cores.",), "ctx_switches_involuntary_per_s"
    ),
    "io": Advice(
        0.6, ("Batch writes and sync less often, or move the files to faster storage.",),
        "write_bytes_per_s",
    ),
    "descriptors": Advice(
        0.8, ("Close what is opened; see which with `ls -l /proc/PID/fd`.",), "fds_count"
    ),
    "threads": Advice(0.6, ("Use a pool of bounded size.",), "threads_count", ("queue",)),
    "processes": Advice(
        0.5, ("Keep helpers running instead of starting them anew.",), "processes_born_per_s",
        ("memory",),
    ),
    "neighbour": Advice(
        0.5,
        ("Move the neighbour or the target, or give the target cores of its own (cpuset).",),
        "system_cpu_percent",
    ),
    "network": Advice(0.4, ("See which peers talk: `ss -tip`.",), "net_receive_bytes_per_s"),
}  # fmt: skip
"""By cause; of others only the insights say what to do."""


def recommendations(
    insights: Iterable[Insight], findings: Iterable[Finding], session: str = "SESSION"
) -> list[Recommendation]:
    """One recommendation a cause, the most pressing first.

    insights, findings: remarks (severity `info`) ask for nothing and are passed over; so are
    findings of causes of which nothing is known to help. session: how commands name the session.
    """
    said: dict[str, list[Insight | Finding]] = {}
    witnesses: list[Insight | Finding] = [*insights, *findings]
    for one in witnesses:
        if one.severity in _WEIGHT:
            said.setdefault(one.cause, []).append(one)
    made = [
        _recommendation(cause, together, session)
        for cause, together in said.items()
        if cause in ADVICE or any(isinstance(one, Insight) for one in together)
    ]
    return sorted(made, key=lambda one: (-one.weight, one.cause))


def _recommendation(cause: str, witnesses: list[Insight | Finding], session: str) -> Recommendation:
    advice = ADVICE.get(cause)
    severity = max((one.severity for one in witnesses), key=SEVERITIES.index)
    # an alert repeats the finding that raised it: stages are witnesses, not findings
    sources = {one.rule if isinstance(one, Insight) else one.stage for one in witnesses}
    sources -= {"alert"} if len(sources) > 1 else set()
    confidence = 1 - _FIRST_DOUBT * 0.5 ** (len(sources) - 1)
    why = [one.message if isinstance(one, Insight) else one.text for one in witnesses]
    told = [text for one in witnesses if isinstance(one, Insight) for text in one.recommendations]
    metric = advice.metric if advice is not None else None
    check = f"perfkit compare {session} AFTER.parquet"
    if metric is not None:
        check = f'perfkit query AFTER.parquet "SELECT avg({metric}), max({metric}) FROM ticks"'
    return Recommendation(
        cause,
        severity,
        _WEIGHT[severity] * confidence * (advice.gain if advice is not None else 0.5),
        tuple(dict.fromkeys(why)),
        tuple(dict.fromkeys(told)) or (advice.what if advice is not None else ()),
        check,
        advice.conflicts if advice is not None else (),
    )
