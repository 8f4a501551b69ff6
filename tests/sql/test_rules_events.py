"""The rules on what an application says, alone and beside what the recorder saw; see test_rules.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
import test_rules
from made_recordings import QUIET, make_recording
from test_rules import NOISE, Case, cumulated, fires, spares

from perfkit.analysis import event_series
from perfkit.analysis.pipeline import Settings
from perfkit.model.insight import Insight, NotApplicable
from perfkit.model.thresholds import Threshold, Thresholds
from perfkit.workflows.insights import insights

Said = list[dict[str, Any]]
Windows = Sequence[tuple[float, float]]


def said(type: str, times: Iterable[float], **fields: Any) -> Said:
    """An event at each of these seconds; a field is a value, or a function of number and second."""
    return [
        {
            "type": type,
            "at_s": at_s,
            **{
                name: value(number, at_s) if callable(value) else value
                for name, value in fields.items()
            },
        }
        for number, at_s in enumerate(times)
    ]


def every(step_s: float, until_s: float = 60, from_s: float = 0) -> list[float]:
    return [from_s + step_s * k for k in range(1, int((until_s - from_s) / step_s))]


def lookups(level: str, share: float, took_ms: float, count: int = 1000, **fields: Any) -> Said:
    """Lookups over a minute of which this share finds something."""
    return said(
        "cache_operation", every(60 / count), operation="get", level=level, response_ms=took_ms,
        hit=lambda k, _: int((k + 1) * share) > int(k * share), **fields,
    )  # fmt: skip


def tasks(worker: str, per_s: float, took_ms: float, from_s: float = 0, **fields: Any) -> Said:
    """What one worker completes, evenly spread, until the minute is over."""
    step = 1 / per_s
    return said(
        "worker_task_completed", every(step, from_s=from_s + step), worker_id=worker,
        duration_ms=took_ms, success=True, **fields,
    )  # fmt: skip


def gauge(name: str, level: Callable[[float], float], step_s: float = 0.5) -> Said:
    return said("gauge", every(step_s), name=name, value=lambda _, at_s: level(at_s))


INCIDENTS: Windows = ((12, 14), (21, 23), (33, 35), (41, 43), (52, 54))
ELSEWHERE: Windows = ((9, 11), (17, 19), (28, 30), (46, 48), (56, 58))
LONG: Windows = ((10, 13), (20, 23), (33, 36), (42, 45), (53, 56))


def within(windows: Windows, at_s: float) -> bool:
    return any(start <= at_s < end for start, end in windows)


def requests(windows: Windows, slow_ms: float = 300, normal_ms: float = 20) -> Said:
    """Twenty requests a second, slow in some windows; none of them begins before its window."""
    return said(
        "request", every(0.05), success=True,
        duration_ms=lambda k, at_s: (slow_ms if within(windows, at_s - slow_ms / 1e3) else normal_ms)
        * (1 + abs(float(NOISE[k])) / 20),
    )  # fmt: skip


def adding(windows: Windows, per_s: float, otherwise_per_s: float = 0) -> Callable[[float], int]:
    """A counter that grows so fast in some windows."""
    return lambda at_s: round(
        otherwise_per_s * at_s
        + (per_s - otherwise_per_s)
        * sum(max(0.0, min(at_s, end) - start) for start, end in windows)
    )


CASES = [
    # ── frames ──
    fires(
        "frame-rate-low", "forty a second", "medium",
        {"frames_per_s": 40, "slow_ratio": 1, "render_ms": 24, "mark_per_s": 50},
        events=said("virtual_scroll_render", every(1 / 40), render_ms=24),
    ),
    fires("frame-rate-low", "ten a second, nothing known of drawing", "high", {"frames_per_s": 10}, events=said("frame", every(0.1))),
    fires(
        "frame-rate-low", "two frames of three on time, the third late by far", "high",
        events=said("frame", [t + d for t in every(0.12, 30) for d in (0, 1 / 60, 2 / 60)], duration_ms=lambda k, _: 15 if k % 3 else 70),
    ),
    fires("frame-rate-low", "fast for some seconds only", "high", events=said("frame", [*every(1 / 60, 5), *every(0.05, from_s=10)])),
    spares("frame-rate-low", "sixty a second", events=said("frame", every(1 / 60, 20), duration_ms=5)),
    spares("frame-rate-low", "bursts with long pauses", events=said("frame", [t + d for t in (1, 20, 40) for d in every(1 / 60, 3)])),
    spares(
        "frame-rate-low", "drawn on demand: rarely, and at once",
        events=said("virtual_scroll_render", [t + d for t in every(2) for d in every(1 / 60, 0.4)], render_ms=3),
    ),
    spares("frame-rate-low", "a handful of frames", events=said("frame", every(0.2, 3))),
    # ── latency ──
    fires(
        "latency-high", "three seconds each", "high", {"mean_ms": 3000, "over_ratio": 1, "mark_ms": 2000},
        events=said("request", every(0.5), duration_ms=3000),
    ),
    fires(
        "latency-high", "one in ten takes five seconds", "medium", {"operations_count": 101},
        events=said("ml_processing_end", every(0.5, 51), operation_id=lambda k, _: f"o{k}", duration_ms=lambda k, _: 5000 if k % 10 == 0 else 100),
    ),
    fires("latency-high", "batches are slow beside fast requests", "high", events=said("request", every(0.05), duration_ms=5) + said("ml_processing", every(2), duration_ms=2500)),
    spares("latency-high", "one outlier", events=said("request", every(0.5), duration_ms=lambda k, _: 50_000 if k == 60 else 100)),
    spares("latency-high", "too few to judge", events=said("request", every(5), duration_ms=4000)),
    spares("latency-high", "a span that nobody waits for", events=said("nightly_end", every(0.5), duration_ms=5000)),
    # ── cache ──
    fires(
        "cache-hit-low", "seven of ten", "medium", {"hit_percent": 70, "mark_percent": 80, "worst_misses_count": 300},
        events=lookups("L1", 0.7, 0.1),
    ),
    fires(
        "cache-hit-low", "a third, without levels", "high", {"evictions_count": 59},
        events=said("cache_operation", every(0.1), hit=lambda k, _: k % 3 == 0) + said("cache_operation", every(1), operation="evict"),
    ),
    spares("cache-hit-low", "nine of ten", events=lookups("L1", 0.9, 0.1)),
    spares("cache-hit-low", "a cache that had to be filled first", events=said("cache_operation", every(0.1), operation="get", hit=lambda k, _: k > 200)),
    spares("cache-hit-low", "only what is put in", events=said("cache_operation", every(0.1), operation="set", hit=False)),
    spares("cache-hit-low", "too few lookups", events=said("cache_operation", every(4), hit=False)),
    fires(
        "cache-level-unpaying", "a level that has next to nothing", "medium", {"hit_percent": 4.86, "lookups_count": 350},
        events=lookups("L1", 0.3, 0.01) + lookups("L2", 0.05, 2.0, 700) + lookups("L3", 0.9, 4.0, 665),
    ),
    fires(
        "cache-level-unpaying", "what is put into it takes the time", "medium",
        events=lookups("L1", 0.02, 0.001) + said("cache_operation", every(0.06), operation="set", level="L1", response_ms=1) + lookups("L2", 0.9, 0.5, 980),
    ),
    spares("cache-level-unpaying", "seldom a hit, but worth a lot", events=lookups("L1", 0.1, 0.1) + lookups("L2", 0.9, 50.0, 900)),
    spares("cache-level-unpaying", "the last level", events=lookups("L1", 0.9, 0.01) + lookups("L2", 0.01, 5.0, 100)),
    spares("cache-level-unpaying", "a level that answers most", events=lookups("L1", 0.8, 5.0) + lookups("L2", 0.9, 0.1, 200)),
    spares("cache-level-unpaying", "cold at first", events=[
        *said("cache_operation", every(0.05), operation="get", level="L1", response_ms=1, hit=lambda _, at_s: at_s > 30),
        *said("cache_operation", every(0.05), operation="get", level="L2", response_ms=2, hit=True),
    ]),
    # ── errors ──
    fires(
        "errors-frequent", "one in ten", "high", {"failed_count": 60, "outcomes_count": 599, "failed_percent": 10},
        events=said("request", every(0.1), success=lambda k, _: k % 10 != 0, error="TimeoutError"),
    ),
    fires("errors-frequent", "three in a hundred", "medium", events=said("request", every(0.02), success=lambda k, _: k % 33 != 0)),
    fires(
        "errors-frequent", "one type of several", "high", {"outcomes_count": 29},
        events=said("request", every(0.02), success=True) + said("payment_end", every(2), success=lambda k, _: k % 2 == 0),
    ),
    fires(
        "errors-frequent", "many types, each of them rare", "high", {"outcomes_count": 90},
        events=[event for kind in range(10) for event in said(f"kind{kind}", every(6), success=lambda k, _: k % 3 != 0)],
    ),
    spares("errors-frequent", "one of twenty", events=said("request", every(2.8), success=lambda k, _: k != 7)),
    spares("errors-frequent", "one in a hundred", events=said("request", every(0.05), success=lambda k, _: k % 100 != 0)),
    spares("errors-frequent", "misses of a cache", events=lookups("L1", 0.5, 1.0)),
    spares("errors-frequent", "perfkit's own words", events=said("request", every(1)) + said("perfkit.decision", every(0.1), success=False)),
    # ── workers and queues ──
    fires(
        "worker-saturation", "two workers, always busy", "medium", {"workers_count": 2, "busy_percent": 95, "wait_ms": 150, "task_ms": 95},
        events=tasks("a", 10, 95, queue_ms=150) + tasks("b", 10, 95, queue_ms=150),
    ),
    fires("worker-saturation", "tasks wait ten times as long as they take", "high", events=tasks("a", 10, 95, queue_ms=950)),
    spares("worker-saturation", "busy, but nothing waits", events=tasks("a", 10, 95, queue_ms=2)),
    spares("worker-saturation", "tasks wait for something else", events=tasks("a", 2, 95, queue_ms=950)),
    spares("worker-saturation", "workers that do several tasks at once", events=tasks("a", 10, 300, queue_ms=900)),
    spares("worker-saturation", "nobody says who worked", events=said("worker_task_completed", every(0.1), duration_ms=95, queue_ms=950)),
    spares("worker-saturation", "a new worker for each task", events=said("worker_task_completed", every(0.1), worker_id=lambda k, _: f"w{k}", duration_ms=95, queue_ms=950)),
    fires(
        "worker-imbalance", "one has the large tasks", "medium", {"busy_percent": 90, "others_percent": 20, "others_count": 3, "task_ms": 90},
        events=[event for name in "bcd" for event in tasks(name, 10, 20)] + tasks("a", 10, 90),
    ),
    fires("worker-imbalance", "one has most of the tasks", "low", {"tasks_count": 1171}, events=tasks("a", 20, 30) + tasks("b", 2, 30)),
    spares("worker-imbalance", "all alike", events=tasks("a", 10, 60) + tasks("b", 11, 60)),
    spares("worker-imbalance", "one came late", events=tasks("a", 10, 80) + tasks("b", 10, 80, from_s=45)),
    spares("worker-imbalance", "nobody has much to do", events=tasks("a", 10, 20) + tasks("b", 2, 20)),
    spares(
        "worker-imbalance", "one odd task",
        events=tasks("a", 1, 100) + tasks("b", 1, 100)
        + [{"type": "worker_task_completed", "at_s": 55.5, "worker_id": "a", "duration_ms": 40_000}],
    ),
    spares("worker-imbalance", "one worker", events=tasks("a", 10, 90)),
    fires(
        "queue-growth", "what comes in is too much", "high", {"rising_count": 7, "first_count": 80, "last_count": 1065},
        events=gauge("job_queue_depth", lambda s: round(20 * s)),
    ),
    fires("queue-growth", "a backlog that grows under noise", "medium", events=gauge("backlog", lambda s: 20 + s + abs(float(NOISE[round(s * 10)])))),
    fires(
        "queue-growth", "tasks wait longer and longer", "high", {"last_ms": 5340, "first_ms": 370},
        events=tasks("a", 10, 50, queue_ms=lambda _, at_s: 100 * at_s),
    ),
    spares("queue-growth", "comes and goes", events=gauge("queue", lambda s: 50 + 50 * (round(s) % 10))),
    spares("queue-growth", "fills up and stays", events=gauge("queue", lambda s: min(100, 8 * s))),
    spares("queue-growth", "steady", events=gauge("queue", lambda s: 100 + abs(float(NOISE[round(s * 10)])))),
    spares("queue-growth", "a gauge of something else", events=gauge("users", lambda s: 20 * s)),
    spares("queue-growth", "told a few times only", events=gauge("queue", lambda s: 20 * s, 5)),
    spares("queue-growth", "two rounds, each from nothing", events=gauge("queue", lambda s: 20 * (s % 30))),
    # ── slow operations, and what went on ──
    fires(
        "slow-major-faults", "memory comes back from storage now and then", "medium",
        {"operations_count": 1080, "slow_count": 200, "slow_per_s": 470}, events=requests(INCIDENTS), major_faults_count=adding(INCIDENTS, 500),
    ),
    fires("slow-major-faults", "beside faults all the time", "medium", events=requests(INCIDENTS), major_faults_count=adding(INCIDENTS, 500, 30)),
    spares("slow-major-faults", "faults at other moments", events=requests(INCIDENTS), major_faults_count=adding(ELSEWHERE, 500)),
    spares("slow-major-faults", "faults all the time", events=requests(INCIDENTS), major_faults_count=cumulated(300)),
    spares("slow-major-faults", "one incident, once", events=requests(((30, 32),)), major_faults_count=adding(((30, 32),), 500)),
    spares("slow-major-faults", "start-up", events=requests(((0, 5),)), major_faults_count=adding(((0, 5),), 5000)),
    spares("slow-major-faults", "faults, and nothing is slow", events=requests(()), major_faults_count=adding(INCIDENTS, 500)),
    fires(
        "slow-throttled", "the quota is used up at times", "medium",
        events=requests(INCIDENTS), cgroup_throttled_ns=adding(INCIDENTS, 6e8),
    ),
    fires("slow-throttled", "seconds are lost", "high", events=said("request", every(0.05), duration_ms=lambda _, at_s: 2500 if within(LONG, at_s - 1) else 100), cgroup_throttled_ns=adding(LONG, 6e8)),
    spares("slow-throttled", "throttled all the time", events=requests(INCIDENTS), cgroup_throttled_ns=cumulated(3e8)),
    spares("slow-throttled", "throttled at other moments", events=requests(INCIDENTS), cgroup_throttled_ns=adding(ELSEWHERE, 6e8)),
    fires(
        "slow-pressure", "storage is busy at times", "medium", {"slow_percent": 75},
        events=requests(INCIDENTS), psi_io_some_us=adding(INCIDENTS, 8e5, 0.5e5), psi_cpu_some_us=cumulated(1e5),
    ),
    fires("slow-pressure", "cores are short at times", "medium", events=requests(INCIDENTS), psi_cpu_some_us=adding(INCIDENTS, 9e5, 1e5)),
    spares("slow-pressure", "pressure all the time", events=requests(INCIDENTS), psi_cpu_some_us=cumulated(6e5)),
    spares("slow-pressure", "pressure at other moments", events=requests(INCIDENTS), psi_memory_some_us=adding(ELSEWHERE, 9e5)),
    spares("slow-pressure", "a little more at these moments", events=requests(INCIDENTS), psi_cpu_some_us=adding(INCIDENTS, 1.5e5, 0.5e5)),
    fires(
        "slow-neighbour", "others come and go", "medium",
        events=requests(INCIDENTS), cpu_time_ns=cumulated(1e8), system_cpu_user_ns=adding(INCIDENTS, 3.8e9, 2e8), system_cpu_kernel_ns=cumulated(1e8),
    ),
    fires("slow-neighbour", "another guest of the host", "medium", events=requests(INCIDENTS), system_cpu_steal_ns=adding(INCIDENTS, 1e9)),
    spares(
        "slow-neighbour", "the target itself is busy then",
        events=requests(INCIDENTS), cpu_time_ns=adding(INCIDENTS, 3.8e9, 1e8), system_cpu_user_ns=adding(INCIDENTS, 3.8e9, 1e8),
    ),
    spares("slow-neighbour", "others at other moments", events=requests(INCIDENTS), system_cpu_user_ns=adding(ELSEWHERE, 3.8e9)),
    spares("slow-neighbour", "one core of four is taken", events=requests(INCIDENTS), system_cpu_user_ns=adding(INCIDENTS, 1e9)),
]  # fmt: skip

AT_REST = (
    said("frame", every(1 / 60, 30), duration_ms=4)
    + requests(())
    + lookups("L1", 0.95, 0.05)
    + lookups("L2", 0.9, 1.0, 50)
    + tasks("a", 5, 60, queue_ms=1)
    + tasks("b", 5, 60, queue_ms=1)
    + gauge("queue_depth", lambda s: 3 + round(s) % 3)
)
"""An application that does all it can say, and none of it badly."""


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.severity],
    ids=lambda case: f"{case.rule}: {case.story}",
)
def test_the_rule_speaks_of(case: Case) -> None:
    """With the severity that the evidence deserves, and with texts that are complete."""
    test_rules.test_the_rule_speaks_of(case)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if not case.severity],
    ids=lambda case: f"{case.rule}: {case.story}",
)
def test_the_rule_is_not_taken_in_by(case: Case) -> None:
    """What only looks as if."""
    test_rules.test_the_rule_is_not_taken_in_by(case)


def test_an_application_without_trouble_is_left_in_peace() -> None:
    """Asked all at once, every rule applies, none fails and none speaks."""
    assert insights(make_recording(**QUIET, events=AT_REST)) == []  # type: ignore[arg-type]


def test_a_rule_on_a_type_nobody_sent_is_not_applicable() -> None:
    """And says which type it would have needed."""
    words = said("request", every(1), duration_ms=1)
    only_requests: Any = make_recording(**QUIET, events=words)  # type: ignore[arg-type]

    silent = {
        one.rule: one.needs for one in insights(only_requests) if isinstance(one, NotApplicable)
    }

    assert silent["cache-hit-low"] == ("events:cache_operation",)
    assert "latency-high" not in silent
    assert "errors-frequent" not in silent


def test_the_marks_are_those_that_are_set() -> None:
    """Forty frames a second are enough where the mark is thirty."""
    frames: Any = make_recording(**QUIET, events=said("frame", every(1 / 40)))  # type: ignore[arg-type]

    def found(thresholds: Thresholds) -> list[str]:
        outcomes = insights(frames, settings=Settings(thresholds=thresholds))
        return [one.severity for one in outcomes if isinstance(one, Insight)]

    assert found(Thresholds()) == ["medium"]
    assert found(Thresholds(fps=Threshold(30, 20))) == []
    assert found(Thresholds(fps=Threshold(60, 45))) == ["high"]


def test_rules_and_columns_mean_the_same_events() -> None:
    """SQL cannot import what the columns are made of, so it is held here."""
    texts = {rule.id: rule.sql for rule in test_rules.RULES}

    for rule, types in (
        ("frame-rate-low", event_series.FRAMES),
        ("latency-high", event_series.OPERATIONS),
    ):
        assert "(" + ", ".join(f"'{type}'" for type in sorted(types)) + ")" in texts[rule]
