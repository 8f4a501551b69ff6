"""The rules on scheduling, neighbours, capacity and the recording itself; see test_rules.py."""

from __future__ import annotations

from typing import Any

import pytest
import test_rules
import test_rules_events
from made_recordings import GIB, MIB, QUIET, make_recording, process
from test_rules import Case, cumulated, during, fires, noisy, spares

from perfkit.model.insight import NotApplicable
from perfkit.sql.front_matter import Rule
from perfkit.sql.rulebook import load_rules
from perfkit.workflows.insights import insights

CASES = [
    # ── memory ──
    fires("swap-use", "cold pages that went out and stay there", "low", {"last_swap_bytes": 200 * MIB, "grown_bytes": 0}, swap_bytes=200 * MIB),
    fires("swap-use", "a small process, half of it swapped out", "low", pss_bytes=30 * MIB, swap_bytes=30 * MIB),
    fires("swap-use", "more and more of it goes out", "medium", {"grown_bytes": 275 * MIB}, swap_bytes=lambda s: round(100 * MIB + 5 * MIB * s)),
    fires("swap-use", "pages are read back all the time", "medium", swap_bytes=200 * MIB, major_faults_per_s=20.0),
    fires("swap-use", "thrashing", "high", swap_bytes=GIB, major_faults_per_s=500.0),
    spares("swap-use", "a few pages of a large process", swap_bytes=8 * MIB, pss_bytes=GIB),
    spares("swap-use", "what was swapped out comes back at the start", swap_bytes=during(0, 15, 200 * MIB)),
    spares("swap-use", "one reading only", seconds=4, swap_bytes=200 * MIB),
    spares("swap-use", "nothing known of swap", swap_bytes=[None] * 600),
    fires(
        "memory-shared", "forked workers on one heap", "info",
        {"shared_bytes": 720 * MIB, "processes_count": 8}, rss_bytes=800 * MIB, pss_bytes=80 * MIB, processes_count=8,
    ),
    fires("memory-shared", "one process on shared buffers of others", "info", rss_bytes=800 * MIB, pss_bytes=300 * MIB),
    spares("memory-shared", "libraries alone", rss_bytes=100 * MIB, pss_bytes=30 * MIB),
    spares("memory-shared", "a large process with some shared pages", rss_bytes=GIB, pss_bytes=800 * MIB),
    spares("memory-shared", "only while workers start", rss_bytes=during(0, 15, 800 * MIB, 100 * MIB)),
    # ── scheduling ──
    fires(
        "runqueue-wait", "a core shared by two", "medium", {"wait_ratio": 0.5, "waiting_percent": 50.0},
        cpu_percent=50.0, runqueue_wait_percent=50.0,
    ),
    fires("runqueue-wait", "ten threads on one core", "high", cpu_percent=100.0, runqueue_wait_percent=900.0),
    spares("runqueue-wait", "a little waiting", cpu_percent=100.0, runqueue_wait_percent=25.0),
    spares("runqueue-wait", "a process that does next to nothing", cpu_percent=0.5, runqueue_wait_percent=2.0),
    spares("runqueue-wait", "one burst of others", cpu_percent=50.0, runqueue_wait_percent=during(10, 20, 500.0)),
    spares("runqueue-wait", "two readings only", seconds=8, cpu_percent=50.0, runqueue_wait_percent=200.0),
    fires(
        "fork-storm", "a shell loop", "medium", {"born_per_s": 50.0, "born_count": 2995},
        processes_born_per_s=50.0, processes_born_count=cumulated(50),
    ),
    fires("fork-storm", "hundreds a second", "high", processes_born_per_s=noisy(300, 30)),
    spares("fork-storm", "a pool that is filled", processes_born_per_s=during(0, 5, 400.0)),
    spares("fork-storm", "a burst in the middle", processes_born_per_s=during(20, 35, 400.0)),
    spares("fork-storm", "a worker a second", processes_born_per_s=noisy(1, 0.5)),
    spares("fork-storm", "too short to tell", seconds=3, processes_born_per_s=400.0),
    fires(
        "thread-bottleneck", "an event loop at its end", "medium",
        {"thread_percent": 99.0, "share_ratio": 1.0, "capacity_cores": 4.0},
        busiest_thread_percent=99.0, cpu_percent=140.0, threads_count=9,
    ),
    fires("thread-bottleneck", "with readings that vary", "medium", busiest_thread_percent=noisy(93, 3), cpu_percent=100.0),
    spares("thread-bottleneck", "all cores at work", busiest_thread_percent=99.0, cpu_percent=390.0),
    spares("thread-bottleneck", "one core's worth handed round", busiest_thread_percent=30.0, cpu_percent=100.0),
    spares("thread-bottleneck", "a program with one thread", busiest_thread_percent=99.0, cpu_percent=100.0, threads_count=1),
    spares("thread-bottleneck", "there is only one core", busiest_thread_percent=99.0, cpu_percent=100.0, cpu_capacity_cores=1.0),
    spares("thread-bottleneck", "a burst", busiest_thread_percent=during(10, 25, 100.0), cpu_percent=50.0),
    # ── others ──
    fires(
        "noisy-neighbour", "others fill the cores", "medium", {"pressure_percent": 60.0, "target_ratio": 0.05},
        psi_cpu_some_percent=60.0, system_cpu_percent=100.0, cpu_percent=20.0,
    ),
    fires("noisy-neighbour", "others fill the cores and more", "high", psi_cpu_some_percent=90.0, system_cpu_percent=100.0),
    fires("noisy-neighbour", "others keep the storage busy", "medium", {"pressure_percent": 50.0}, psi_io_some_percent=50.0),
    fires("noisy-neighbour", "others fill the memory", "medium", {"target_ratio": 80 / 8192}, psi_memory_some_percent=20.0),
    fires("noisy-neighbour", "other guests take the cores", "medium", system_steal_percent=15.0),
    spares("noisy-neighbour", "the target fills the cores itself", psi_cpu_some_percent=60.0, system_cpu_percent=100.0, cpu_percent=380.0),
    spares("noisy-neighbour", "the target keeps the storage busy itself", psi_io_some_percent=90.0, write_bytes_per_s=2e8),
    spares("noisy-neighbour", "the target fills the memory itself", psi_memory_some_percent=20.0, pss_bytes=6 * GIB, rss_bytes=6 * GIB),
    spares("noisy-neighbour", "a busy machine without a queue", psi_cpu_some_percent=15.0, system_cpu_percent=70.0),
    spares("noisy-neighbour", "a burst of others", psi_cpu_some_percent=during(10, 20, 99.0), system_cpu_percent=during(10, 20, 100.0)),
    # ── capacity ──
    fires(
        "capacity-changed", "the quota was halved", "medium", {"first_cores": 4, "last_cores": 2, "changed_at_s": 30},
        cpu_capacity_cores=during(30, 60, 2.0, 4.0),
    ),
    fires("capacity-changed", "the quota was raised", "info", cpu_capacity_cores=during(30, 60, 4.0, 2.0)),
    fires(
        "capacity-changed", "less memory", "medium", {"first_bytes": 8 * GIB, "last_bytes": 2 * GIB},
        memory_capacity_bytes=during(40, 60, 2 * GIB, 8 * GIB),
    ),
    fires("capacity-changed", "more of both", "info", memory_capacity_bytes=during(20, 60, 8 * GIB, GIB), cpu_capacity_cores=during(20, 60, 8.0, 2.0)),
    fires("capacity-changed", "there and back", "info", {"changed_at_s": 20}, cpu_capacity_cores=during(20, 40, 2.0, 4.0)),
    spares("capacity-changed", "always the same"),
    spares("capacity-changed", "a page more or less", memory_capacity_bytes=during(30, 60, 8 * GIB - MIB, 8 * GIB)),
    # ── the recording itself ──
    fires(
        "recorder-backed-off", "the interval grew for most of the time", "low",
        {"interval_ms": 100, "longest_interval_ms": 300, "share_ratio": 1.0},
        interval_ms=300, session={"interval_ns": 100_000_000, "interval_changes": ((0, 300_000_000),)},
    ),
    fires("recorder-backed-off", "it grew for a moment", "info", session={"interval_changes": ((1, 150_000_000), (2, 100_000_000))}),
    fires(
        "recorder-backed-off", "PSS every twenty seconds", "info", {"slow_every_s": 20.0},
        pss_bytes=lambda s: None if round(s) % 20 else 80 * MIB, processes_count=1000,
    ),
    spares("recorder-backed-off", "nothing changed"),
    spares("recorder-backed-off", "a long interval, as asked", seconds=1200, interval_ms=20_000),
    spares("recorder-backed-off", "late ticks are gaps, not a longer interval", gaps=[(30, 31)], ticks_missed=lambda s: 10 * (s == 31)),
    spares("recorder-backed-off", "PSS may not be read", pss_bytes=[None] * 600),
]  # fmt: skip


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


@pytest.mark.parametrize(
    ("columns", "resource"),
    [
        ({"psi_cpu_some_percent": 60.0, "system_cpu_percent": 100.0, "psi_io_some_percent": 45.0}, "a core"),
        ({"psi_cpu_some_percent": 35.0, "system_cpu_percent": 100.0, "psi_io_some_percent": 90.0}, "storage"),
    ],
)  # fmt: skip
def test_of_several_noisy_neighbours_the_worst_is_told(
    columns: dict[str, Any], resource: str
) -> None:
    """One insight, of the resource that is awaited most for its kind."""
    found = test_rules.outcome(fires("noisy-neighbour", "", "medium", **columns))

    assert found is not None
    assert found.evidence["resource"] == resource
    assert f"waited for {resource}" in found.message


def test_swap_is_put_down_to_whoever_has_it() -> None:
    """The command in the recommendation names the processes."""
    found = test_rules.outcome(
        fires(
            "swap-use", "", "low", swap_bytes=200 * MIB, processes={0: [process(7, swap_bytes=1)]}
        )
    )

    assert found is not None
    assert "SELECT pid, name, max(swap_bytes)" in found.recommendations[0]


def test_a_quiet_process_is_left_in_peace() -> None:
    """Asked all at once, no rule fails and none speaks; those on events have none to speak of."""
    outcomes = insights(make_recording(**QUIET))  # type: ignore[arg-type]

    assert {one.needs for one in outcomes if isinstance(one, NotApplicable)} == {("events",)}
    assert [one for one in outcomes if not isinstance(one, NotApplicable)] == []


ALL_CASES = [*test_rules.CASES, *CASES, *test_rules_events.CASES]


@pytest.mark.parametrize("rule", [rule.id for rule in load_rules() if isinstance(rule, Rule)])
def test_every_rule_has_a_session_that_triggers_it_and_one_that_must_not(rule: str) -> None:
    """A rule without both is not finished."""
    severities = {case.severity for case in ALL_CASES if case.rule == rule}

    assert None in severities
    assert severities - {None}


def test_every_case_is_of_a_rule_that_exists() -> None:
    """A rule that was renamed takes its cases along."""
    assert {case.rule for case in ALL_CASES} == {
        rule.id for rule in load_rules() if isinstance(rule, Rule)
    }
