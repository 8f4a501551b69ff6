"""Where in a run the difference lies: courses made by hand, with the answer known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from perfkit.gate.differences import (
    END,
    START_UP,
    STEADY,
    Profile,
    differences,
    profile,
    unequal_workloads,
)
from perfkit.model.block import Block, Column
from perfkit.model.events import Events, Fields

TICK_NS = 100_000_000


def block(**columns: Sequence[float | None]) -> Block:
    """Ticks 100 ms apart; None is null."""
    count = len(next(iter(columns.values())))
    return Block(
        np.arange(count) * TICK_NS,
        {
            name: Column(
                np.array([0 if value is None else value for value in values], np.int64),
                np.array([value is not None for value in values], np.bool_),
            )
            for name, values in columns.items()
        },
    )


def run(start_up: int, steady: int, end: int, cpu_ms: Sequence[int] = (100, 100, 100)) -> Block:
    """Memory rises for so many ticks, stays, and falls; CPU a tick for each of the three."""
    rss = [20 + 80 * tick // start_up for tick in range(start_up)] + [100] * (steady + 1)
    rss += [40] * end
    used = np.repeat(cpu_ms, (start_up, steady, end))
    cpu = np.concatenate([[0], np.cumsum(used)]) * 1_000_000
    return block(rss_bytes=[one * 2**20 for one in rss], cpu_time_ns=cpu.tolist())


def listed(*lists: Mapping[int, tuple[int, str, int]]) -> Block:
    """A tick a list: pid to (parent, name, CPU in ms)."""
    entries: list[tuple[int, list[dict[str, Any]]]] = [
        (
            row,
            [
                {
                    "pid": pid,
                    "ppid": parent,
                    "started_ns": 1,
                    "name": name,
                    "cpu_time_ns": ms * 10**6,
                }
                for pid, (parent, name, ms) in one.items()
            ],
        )
        for row, one in enumerate(lists)
    ]
    return Block(np.arange(len(lists)) * TICK_NS, {}, entries)


def test_a_run_is_cut_where_its_memory_rises_and_falls():
    """Start-up of two seconds, steady state of ten, an end of three."""
    found = profile([run(20, 100, 30)], "worker")

    walls = {phase: part["wall_s"] for phase, part in found.phases.items()}
    assert walls == {START_UP: pytest.approx(2, abs=0.3), STEADY: pytest.approx(10, abs=0.3),
                     END: pytest.approx(3, abs=0.3)}  # fmt: skip
    assert sum(walls.values()) == pytest.approx(found.totals["wall_s"])
    assert sum(p["cpu_s"] for p in found.phases.values()) == pytest.approx(15)


def test_however_it_is_cut_into_blocks_the_course_is_the_same():
    """Blocks are how ticks travel, nothing more."""
    whole = run(20, 100, 30)

    assert profile([whole[:7], whole[7:90], whole[90:]], "w") == profile([whole], "w")


def test_memory_that_only_grows_is_no_start_up_of_the_whole_run():
    """At most three tenths of it."""
    grows = block(rss_bytes=list(range(0, 1_000_000, 10_000)), cpu_time_ns=list(range(100)))

    assert profile([grows], "w").phases[START_UP]["wall_s"] <= 0.3 * 9.9


def test_the_last_tick_without_a_process_is_no_end():
    """When the target has gone there is no memory, which is not a fall."""
    flat = block(rss_bytes=[100] * 49 + [None], cpu_time_ns=list(range(50)))

    assert profile([flat], "w").phases[END]["wall_s"] == 0


@pytest.mark.parametrize(
    "blocks", [[], [block(rss_bytes=[1, 1])], [block(rss_bytes=[None] * 50)], [block(x=[1] * 50)]]
)
def test_a_recording_that_shows_no_course_has_no_phases(blocks):
    """Too short, or memory that could not be read."""
    assert profile(blocks, "w").phases == {}


@pytest.mark.parametrize(
    ("changed", "where"),
    [((60, 100, 30), START_UP), ((20, 150, 30), STEADY), ((20, 100, 60), END)],
)
def test_what_lasts_longer_is_found_where_it_is(changed, where):
    """The part that grew leads, in wall and CPU time, with one run a side."""
    base, head = profile([run(20, 100, 30)], "w"), profile([run(*changed)], "w")

    found = differences([base], [head])

    assert {one.where for one in found} == {where}
    assert {one.metric for one in found} >= {"wall_s", "cpu_s"}
    assert all(one.effect is not None and one.effect > 0 for one in found)


def test_more_cpu_in_the_steady_state_alone_is_found_there():
    """The same length, half as much CPU again."""
    base = profile([run(20, 100, 30, (50, 50, 50))], "w")
    head = profile([run(20, 100, 30, (50, 75, 50))], "w")

    (found,) = differences([base], [head])

    assert (found.where, found.metric, found.unit) == (STEADY, "cpu_s", "s")
    assert found.effect == pytest.approx(0.5, abs=0.02)


def test_equal_runs_differ_nowhere():
    """Nothing to say is said by nothing."""
    one = profile([run(20, 100, 30)], "w")

    assert differences([one] * 3, [one] * 3) == ()


def test_a_difference_within_the_runs_own_spread_is_none():
    """Base's own runs differ as much as head does."""
    spread = [profile([run(20, steady, 30)], "w") for steady in (80, 100, 120)]

    assert differences(spread, spread[1:]) == ()


def test_the_process_that_uses_more_is_named():
    """sort used a second more, the shell that reaped it is not blamed."""
    calm = listed({1: (0, "sh", 10), 2: (1, "sort", 500)}, {1: (0, "sh", 520)})
    busy = listed({1: (0, "sh", 10), 2: (1, "sort", 1500)}, {1: (0, "sh", 1520)})
    base, head = (profile([one], "sh") for one in (calm, busy))

    assert base.processes == pytest.approx({"sh": 0.02, "sort": 0.5})
    (found,) = differences([base], [head])
    assert (found.kind, found.where, found.effect) == ("process", "process sort", 2.0)


def test_a_process_that_only_one_side_has_has_no_ratio():
    """Nothing is not a base for percents."""
    base = profile([listed({1: (0, "sh", 10)})], "sh")
    head = profile([listed({1: (0, "sh", 10), 2: (1, "gzip", 300)})], "sh")

    (found,) = differences([base], [head])

    assert (found.where, found.base, found.effect) == ("process gzip", 0.0, None)


def workload(read: float, *, program: str = "w", processes: float = 1) -> Profile:
    return Profile(program, {"read_call_bytes": read, "processes": processes})


def test_unequal_bytes_are_said():
    """Head reads twice as much: then the ratio means little."""
    (said,) = unequal_workloads([workload(1e6)] * 3, [workload(2e6)] * 3)

    assert "read 1 MB" in said
    assert "2 MB" in said


def test_unequal_programs_and_processes_are_said():
    """Another executable, and more of them."""
    said = unequal_workloads([workload(1e6)], [workload(1e6, program="x", processes=40)])

    assert "'w'" in said[0]
    assert "started 1 process and head 40 processes" in said[1]


@pytest.mark.parametrize(
    ("base", "head"),
    [([1e6], [1.05e6]), ([100.0], [9_000.0]), ([1e6, 3e6], [2e6, 2.5e6]), ([], [1e6])],
)
def test_small_and_overlapping_differences_of_work_are_none(base, head):
    """A tenth, a page or two, or what base's own runs do."""
    assert unequal_workloads([workload(one) for one in base], [workload(one) for one in head]) == ()


def said(*events: tuple[str, float, bool]) -> Block:
    """Ten ticks, in the last of which all this was said: type, duration in ms, whether it went well."""
    types = tuple(dict.fromkeys(name for name, _, _ in events))
    none = np.zeros(len(events) + 1, np.int64)
    fields = Fields(none, np.zeros(0, np.int32), (), np.zeros(0))
    labels = Fields(none, np.zeros(0, np.int32), (), np.zeros(0, np.int32))
    return Block(
        np.arange(10) * TICK_NS,
        {},
        events=Events(
            np.full(len(events), 9),
            np.full(len(events), 9 * TICK_NS),
            np.array([types.index(name) for name, _, _ in events], np.int32),
            types,
            np.array([duration for _, duration, _ in events]),
            np.array([ok for _, _, ok in events], np.int8),
            fields,
            labels,
        ),
    )


def test_events_that_took_longer_or_failed_are_named() -> None:
    """Of each type how many, how many failed, and how long they took; perfkit's own left out."""
    quick = [("request", 1.0, True)] * 99 + [("request", 2.0, True)]
    slow = [("request", 1.5, True)] * 90 + [("request", 9.0, False)] * 10
    noise = [("perfkit.act", 1.0, True)] * 50
    base = profile([said(*quick), said(*quick, *noise)], "p")
    head = profile([said(*slow), said(*slow)], "p")

    assert base.events == {
        "request": {
            "count": 200.0,
            "failed_count": 0.0,
            "duration_p50_ms": 1.0,
            "duration_p95_ms": 1.0,
        }
    }
    found = {one.metric: (one.base, one.head) for one in differences([base], [head])}
    assert found == {
        "failed_count": (0.0, 20.0),
        "duration_p50_ms": (1.0, 1.5),
        "duration_p95_ms": (1.0, 9.0),
    }


def test_unequal_numbers_of_events_are_unequal_workloads() -> None:
    """Said of both sides' events only: a side that recorded none says nothing about its work."""
    few = profile([said(*[("job", 1.0, True)] * 100)], "p")
    many = profile([said(*[("job", 1.0, True)] * 200)], "p")

    (note,) = unequal_workloads([few, few], [many, many])
    assert note.startswith("Base told of 100 events 'job' and head of 200")
    assert not unequal_workloads([few], [few])
    assert not unequal_workloads([Profile("p")], [many])
    assert not differences([Profile("p")], [many])
