"""Rules on sessions that must trigger them and on sessions that only look as if.

test_rules_more.py has the others, and holds that no rule is without.

All sessions are a quiet process (`made_recordings.QUIET`) with a few columns of their own.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from made_recordings import GIB, METRICS, MIB, QUIET, make_recording, process

from perfkit.model.insight import Insight, RuleFailed
from perfkit.report.units import format_by_name
from perfkit.sql.front_matter import Rule
from perfkit.sql.rulebook import load_rules, run_rules
from perfkit.workflows.insights import database

COMMAND = re.compile("`(perfkit [^`]+)`")
RULES = [rule for rule in load_rules() if isinstance(rule, Rule)]
RNG = np.random.default_rng(3)
NOISE = RNG.normal(size=20_000)


@dataclass(frozen=True)
class Case:
    """columns: what differs from a quiet process. severity: of the insight; None: none at all."""

    rule: str
    story: str
    severity: str | None
    columns: Mapping[str, Any]
    evidence: Mapping[str, float] = field(default_factory=dict)


def fires(
    rule: str,
    story: str,
    severity: str,
    evidence: Mapping[str, float] | None = None,
    **columns: Any,
) -> Case:
    return Case(rule, story, severity, columns, evidence or {})


def spares(rule: str, story: str, **columns: Any) -> Case:
    return Case(rule, story, None, columns)


def noisy(level: float, sigma: float) -> Any:
    """A level with noise, the same on every run."""
    return lambda second: max(0.0, level + sigma * float(NOISE[round(second * 10) % len(NOISE)]))


def during(start: float, end: float, value: float, otherwise: float = 0) -> Any:
    """One value for a while, another before and after."""
    return lambda second: value if start <= second < end else otherwise


def leak(bytes_per_s: float, base: float = 100 * MIB, jitter: float = 0) -> Any:
    return lambda s: round(
        base + bytes_per_s * s + jitter * float(NOISE[round(s * 10) % len(NOISE)])
    )


def start_up(until_s: float, level: float = 400 * MIB) -> Any:
    """Grows steadily until then, and never again."""
    return lambda second: round(50 * MIB + level * min(1, second / until_s))


def sawtooth(period_s: float, height: float = 200 * MIB, leaked: float = 0) -> Any:
    return lambda s: round(100 * MIB + height * (s % period_s) / period_s + leaked * s)


def cumulated(per_s: float, start_s: float = 0) -> Any:
    return lambda second: round(max(0, second - start_s) * per_s)


def busy_processes(*shares: float) -> dict[float, Any]:
    """Lists of processes every 5 s; each uses so many cores."""
    return {
        float(second): [
            process(100 + k, cpu_time_ns=round(share * second * 1e9))
            for k, share in enumerate(shares)
        ]
        for second in range(0, 60, 5)
    }


CASES = [
    # ── memory ──
    fires(
        "memory-growth", "a steady leak", "medium",
        {"slope_bytes_per_s": MIB, "rising_count": 7, "pid": 4711, "first_bytes": 100 * MIB},
        rss_bytes=leak(MIB), pss_bytes=leak(MIB),
    ),
    fires("memory-growth", "a leak under noise", "medium", rss_bytes=leak(MIB, jitter=2 * MIB), pss_bytes=leak(MIB)),
    fires(
        "memory-growth", "a leak under a garbage collector", "medium",
        rss_bytes=sawtooth(3, leaked=MIB), pss_bytes=leak(MIB),
    ),
    fires(
        "memory-growth", "a leak that fills the memory within the hour", "high",
        rss_bytes=leak(10 * MIB), pss_bytes=leak(10 * MIB), system_memory_available_bytes=2 * GIB,
    ),
    fires(
        "memory-growth", "a leak that will take weeks", "low",
        rss_bytes=leak(100 * 1024, base=40 * MIB), pss_bytes=leak(100 * 1024),
        system_memory_available_bytes=200 * GIB, memory_capacity_bytes=200 * GIB,
    ),
    fires(
        "memory-growth", "a leak in a session of hours at long intervals", "medium",
        seconds=7200, interval_ms=5000, rss_bytes=leak(20 * 1024), pss_bytes=leak(20 * 1024),
    ),
    fires("memory-growth", "a leak where nothing is known of PSS", "medium", rss_bytes=leak(MIB), pss_bytes=[None] * 600),
    spares("memory-growth", "a garbage collector", rss_bytes=sawtooth(3)),
    spares("memory-growth", "a slow garbage collector", rss_bytes=sawtooth(25)),
    spares("memory-growth", "a garbage collector that runs once, late", rss_bytes=sawtooth(55)),
    spares("memory-growth", "start-up in the first quarter", rss_bytes=start_up(15), pss_bytes=start_up(15)),
    spares("memory-growth", "start-up in the first half", rss_bytes=start_up(30), pss_bytes=start_up(30)),
    spares("memory-growth", "growth that ended a while ago", rss_bytes=start_up(50), pss_bytes=start_up(50)),
    spares(
        "memory-growth", "a cache that is nearly full",
        rss_bytes=lambda s: round(MIB * (50 + 400 * (1 - math.exp(-s / 8)))),
    ),
    spares("memory-growth", "one step up", rss_bytes=during(20, 60, 500 * MIB, 100 * MIB)),
    spares("memory-growth", "a few steps up", rss_bytes=lambda s: round(100 * MIB * (1 + s // 20))),
    spares("memory-growth", "memory that is given back", rss_bytes=lambda s: round(600 * MIB - 5 * MIB * s)),
    spares("memory-growth", "growth too small to matter", rss_bytes=leak(40 * 1024)),
    spares("memory-growth", "growth of a few percent of much", rss_bytes=leak(MIB, base=4 * GIB)),
    spares("memory-growth", "noise alone", rss_bytes=lambda s: round(noisy(100, 20)(s) * MIB)),
    spares("memory-growth", "workers that touch shared memory", rss_bytes=leak(10 * MIB), pss_bytes=80 * MIB),
    spares("memory-growth", "too short a session to tell", seconds=20, rss_bytes=leak(10 * MIB), pss_bytes=leak(10 * MIB)),
    fires(
        "memory-capacity", "four fifths in use throughout", "medium",
        {"peak_ratio": 0.85, "share_ratio": 1.0}, memory_pressure_ratio=0.85,
    ),
    fires(
        "memory-capacity", "address space next to its limit", "high", {"peak_ratio": 0.96, "capacity_bytes": 1000},
        memory_pressure_ratio=0.96, memory_capacity_bytes=GIB, virtual_nearest_bytes=960, virtual_limit_bytes=1000,
    ),
    fires("memory-capacity", "nine tenths for a third of the time", "high", memory_pressure_ratio=during(0, 20, 0.92, 0.3)),
    fires("memory-capacity", "a peak next to the limit", "high", memory_pressure_ratio=during(30, 31, 0.97, 0.3)),
    spares("memory-capacity", "a short peak below the limit", memory_pressure_ratio=during(30, 34, 0.9, 0.3)),
    spares("memory-capacity", "three quarters throughout", memory_pressure_ratio=0.75),
    spares("memory-capacity", "two readings only", seconds=2, memory_pressure_ratio=0.85),
    fires("memory-limit-reached", "the limit was hit", "medium", {"hits_count": 59}, cgroup_memory_limit_hits_count=cumulated(1)),
    fires("memory-limit-reached", "a process was killed", "high", {"kills_count": 1}, cgroup_oom_kills_count=during(40, 60, 1)),
    spares("memory-limit-reached", "hits from before the session", cgroup_memory_limit_hits_count=17, cgroup_oom_kills_count=2),
    fires("major-faults", "reading back all the time", "medium", {"mean_per_s": 100.0}, major_faults_per_s=100.0),
    fires("major-faults", "thrashing", "high", major_faults_per_s=2000.0, swap_bytes=GIB),
    spares("major-faults", "start-up", major_faults_per_s=during(0, 5, 5000.0)),
    spares("major-faults", "one burst", major_faults_per_s=during(30, 35, 5000.0)),
    spares("major-faults", "a few now and then", major_faults_per_s=noisy(5, 3)),
    # ── cpu ──
    fires(
        "cpu-core-pinned", "one busy process", "medium", {"pid": 101, "share_ratio": 1.0},
        cpu_percent=noisy(99, 1), processes=busy_processes(0.01, 0.98),
    ),
    fires("cpu-core-pinned", "one core's worth, no list of processes", "medium", {"pid": 4711}, cpu_percent=100.0),
    fires("cpu-core-pinned", "pinned for three quarters", "medium", cpu_percent=during(0, 45, 100.0)),
    spares("cpu-core-pinned", "a short spike", cpu_percent=during(20, 30, 100.0)),
    spares("cpu-core-pinned", "spread over four processes", cpu_percent=100.0, processes=busy_processes(*[0.25] * 4)),
    spares("cpu-core-pinned", "there is only one core", cpu_percent=100.0, cpu_capacity_cores=1.0),
    spares("cpu-core-pinned", "two cores busy", cpu_percent=198.0),
    spares("cpu-core-pinned", "half a core", cpu_percent=noisy(50, 10)),
    spares("cpu-core-pinned", "between idle and two cores", cpu_percent=lambda s: 200.0 * (round(s * 10) % 2)),
    fires("cpu-all-cores", "all cores busy", "medium", {"capacity_cores": 4.0}, cpu_capacity_ratio=0.98),
    fires("cpu-all-cores", "all cores busy and a queue", "high", cpu_capacity_ratio=0.99, runqueue_wait_percent=900.0),
    fires("cpu-all-cores", "its only core", "medium", cpu_capacity_cores=1.0, cpu_capacity_ratio=1.0, cpu_percent=100.0),
    spares("cpu-all-cores", "a short spike", cpu_capacity_ratio=during(10, 25, 1.0, 0.1)),
    spares("cpu-all-cores", "half of them", cpu_capacity_ratio=0.5),
    spares("cpu-all-cores", "too short to tell", seconds=3, cpu_capacity_ratio=1.0),
    fires(
        "cpu-throttled", "every tenth period", "medium", {"throttled_percent": 10.0, "throttled_s": 2.95},
        cgroup_throttled_percent=10.0, cgroup_throttled_ns=cumulated(5e7),
    ),
    fires("cpu-throttled", "half of the periods", "high", cgroup_throttled_percent=50.0),
    spares("cpu-throttled", "only while starting", cgroup_throttled_percent=during(0, 2, 100.0)),
    spares("cpu-throttled", "now and then", cgroup_throttled_percent=2.0),
    spares("cpu-throttled", "no quota period passed", cgroup_throttled_percent=[None] * 600),
    fires("pressure-cpu", "waiting is normal", "medium", {"mean_percent": 60.0}, psi_cpu_some_percent=60.0),
    fires("pressure-cpu", "waiting all the time", "high", psi_cpu_some_percent=95.0),
    spares("pressure-cpu", "a busy machine", psi_cpu_some_percent=25.0),
    spares("pressure-cpu", "a burst", psi_cpu_some_percent=during(10, 30, 99.0)),
    fires(
        "context-switch-storm", "lock step", "medium", {"switches_per_s": 30_000.0},
        cpu_percent=100.0, ctx_switches_voluntary_per_s=29_000.0, ctx_switches_involuntary_per_s=1_000.0,
    ),
    fires("context-switch-storm", "a storm", "high", cpu_percent=90.0, ctx_switches_voluntary_per_s=120_000.0),
    spares("context-switch-storm", "many cores, few switches each", cpu_percent=400.0, ctx_switches_voluntary_per_s=50_000.0),
    spares("context-switch-storm", "a burst", cpu_percent=100.0, ctx_switches_voluntary_per_s=during(0, 10, 200_000.0, 100.0)),
    spares("context-switch-storm", "a process that mostly waits", cpu_percent=10.0, ctx_switches_voluntary_per_s=25_000.0),
    spares("context-switch-storm", "two readings only", seconds=8, cpu_percent=100.0, ctx_switches_voluntary_per_s=90_000.0),
    # ── storage ──
    fires("pressure-memory", "some wait for memory", "medium", {"some_percent": 15.0}, psi_memory_some_percent=15.0),
    fires("pressure-memory", "all wait for memory", "high", psi_memory_some_percent=20.0, psi_memory_full_percent=8.0),
    spares("pressure-memory", "a moment of reclaim", psi_memory_some_percent=during(30, 33, 80.0)),
    spares("pressure-memory", "a trace", psi_memory_some_percent=2.0),
    fires("pressure-io", "storage bounds the work", "medium", {"some_percent": 45.0}, psi_io_some_percent=45.0, psi_io_full_percent=10.0),
    fires("pressure-io", "all stand still", "high", psi_io_some_percent=90.0, psi_io_full_percent=80.0),
    spares("pressure-io", "what storage is like", psi_io_some_percent=15.0, psi_io_full_percent=12.0),
    spares("pressure-io", "one flush", psi_io_some_percent=during(20, 30, 100.0), psi_io_full_percent=during(20, 30, 90.0)),
    fires(
        "io-wait", "cores wait for storage", "medium", {"mean_percent": 35.0, "write_bytes_per_s": 5e7},
        system_iowait_percent=35.0, write_bytes_per_s=5e7,
    ),
    fires("io-wait", "nearly all wait", "high", system_iowait_percent=noisy(70, 5)),
    spares("io-wait", "one long burst", system_iowait_percent=during(10, 28, 90.0)),
    spares("io-wait", "a little", system_iowait_percent=noisy(8, 3)),
    # ── descriptors and threads ──
    fires(
        "descriptor-limit", "nine tenths", "medium", {"peak_count": 920, "limit_count": 1024, "pid": 8},
        fds_nearest_count=920, fds_ratio=0.9, processes={0: [process(7, fds_count=3), process(8, fds_count=920)]},
    ),
    fires("descriptor-limit", "next to the limit for a moment", "high", fds_ratio=during(30, 31, 0.99, 0.1)),
    spares("descriptor-limit", "half", fds_ratio=0.5),
    fires(
        "descriptor-growth", "a leak", "high", {"limit_count": 1024, "first_count": 40},
        fds_nearest_count=lambda s: round(40 + 2 * s),
    ),
    fires("descriptor-growth", "a slow leak", "medium", fds_nearest_count=lambda s: round(40 + s / 2), fds_limit_count=65_536),
    fires("descriptor-growth", "a leak beside connections", "high", fds_nearest_count=lambda s: round(40 + 2 * s + 5 * math.sin(s))),
    spares("descriptor-growth", "connections that come and go", fds_nearest_count=lambda s: round(100 + 60 * math.sin(s / 3))),
    spares("descriptor-growth", "a pool that fills up", fds_nearest_count=lambda s: round(min(200, 40 + 8 * s))),
    spares("descriptor-growth", "a handful more", fds_nearest_count=lambda s: round(40 + s / 6)),
    fires("thread-growth", "a thread a second", "high", {"first_count": 8}, threads_count=lambda s: round(8 + s)),
    fires("thread-growth", "slowly", "medium", threads_count=lambda s: round(20 + s / 2)),
    spares("thread-growth", "a pool that fills up", threads_count=lambda s: min(64, round(8 + 2 * s))),
    spares("thread-growth", "workers that come and go", threads_count=lambda s: round(40 + 30 * math.sin(s / 4))),
    spares("thread-growth", "a few more of many", threads_count=lambda s: round(200 + s / 2)),
    # ── the recording itself ──
    fires("recording-gaps", "a slot in fifty", "low", {"missed_count": 12}, ticks_missed=lambda s: round(s * 10) % 50 == 49),
    fires("recording-gaps", "one long hole", "medium", {"worst_at_s": 29.9}, gaps=[(30, 40)], ticks_missed=lambda s: 100 * (s == 40)),
    fires("recording-gaps", "a sleep", "info", {"suspended_s": 3600.0}, suspended_ns=lambda s: round(3600e9) * (s == 30)),
    spares("recording-gaps", "a guest that was paused for a moment", suspended_ns=lambda s: 3_000_000 * (s == 30)),
    spares("recording-gaps", "two late ticks", ticks_missed=lambda s: int(s in (10, 20))),
    spares("recording-gaps", "one slot in a thousand", seconds=600, ticks_missed=lambda s: int(s in (10, 20, 30, 40))),
    fires("recording-damaged", "one tick", "info", {"damaged_count": 1, "ticks_count": 601}, session={"notes": {"journal_damaged_ticks": "1"}}),
    fires("recording-damaged", "a block of the disk", "low", {"damaged_count": 24}, session={"notes": {"journal_damaged_ticks": "24"}}),
    fires("recording-damaged", "half of it", "medium", {"damaged_ratio": 0.5}, session={"notes": {"journal_damaged_ticks": "600"}}),
    spares("recording-damaged", "an intact journal with late ticks", ticks_missed=2),
    fires(
        "children-unaccounted", "a parent that ignores its children", "info", {"parents_count": 1, "pid": 9},
        sigchld_ignored_count=1, processes={0: [process(8, ignores_sigchld=0), process(9, ignores_sigchld=1)]},
    ),
    spares("children-unaccounted", "a parent that reaps", sigchld_ignored_count=0),
]  # fmt: skip


def outcome(case: Case) -> Insight | None:
    """The insight of the case's rule, if there is one; the rule may not fail."""
    recording = make_recording(**{**QUIET, **case.columns})
    rules = [rule for rule in RULES if rule.id == case.rule]
    given = {"session": shlex.quote(str(recording.path))}
    views = database(recording)  # type: ignore[arg-type]
    try:
        found = run_rules(views, rules, set(METRICS), format_by_name, given)
    finally:
        views.close()
    assert not [one for one in found if isinstance(one, RuleFailed)]
    insights = [one for one in found if isinstance(one, Insight)]
    assert len(insights) <= 1
    return insights[0] if insights else None


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.severity],
    ids=lambda case: f"{case.rule}: {case.story}",
)
def test_the_rule_speaks_of(case: Case) -> None:
    """With the severity that the evidence deserves, and with texts that are complete."""
    found = outcome(case)

    assert found is not None
    assert found.severity == case.severity
    assert {name: found.evidence[name] for name in case.evidence} == pytest.approx(
        dict(case.evidence), rel=0.02
    )
    for text in (found.message, found.impact, *found.recommendations):
        assert text.isprintable() or "\u202f" in text
        assert "{" not in text.replace("{print $NF}", "").replace("{print $1}", "")
        assert "unknown" not in text
    for text in found.recommendations:
        for command in COMMAND.findall(text):
            words = shlex.split(command)
            if words[1] in ("record", "events"):
                continue
            assert words[:3] == ["perfkit", "query", "made up/session.parquet"]
            views = database(make_recording(**{**QUIET, **case.columns}))  # type: ignore[arg-type]
            assert views.query(words[3]).columns


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if not case.severity],
    ids=lambda case: f"{case.rule}: {case.story}",
)
def test_the_rule_is_not_taken_in_by(case: Case) -> None:
    """What only looks as if."""
    assert outcome(case) is None
