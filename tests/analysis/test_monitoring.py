"""What recording cost, how late it was and where its holes are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from block_examples import CUTS, any_session, block, cut
from hypothesis import given

from perfkit.analysis.monitoring import HOLES_KEPT, MONITORING_COLUMNS, monitoring
from perfkit.model.block import Block
from perfkit.model.metric import DELTA, RECORDER, TICK, Metric
from perfkit.model.report import Hole
from perfkit.model.session import Session

MS = 1_000_000
METRICS = [Metric(name, "ns", DELTA, TICK, RECORDER, "") for name in MONITORING_COLUMNS]


def session(duration_ns: int | None = None) -> Session:
    return Session(
        session_id="x",
        perfkit_version="0",
        schema_version="1.0",
        mode="pid",
        sampler="linux",
        target_pid=1,
        target_name="x",
        command="x",
        interval_ns=100 * MS,
        started_at_us=0,
        start_boottime_ns=0,
        duration_ns=duration_ns,
    )


def test_cost_lateness_and_holes() -> None:
    """By hand: five ticks, two slots missed, a night slept through."""
    ticks = block(
        [0, 100 * MS, 400 * MS, 500 * MS, 900 * MS],
        sampler_cost_ns=[None, 1 * MS, 2 * MS, 1 * MS, 1 * MS],
        tick_late_ns=[0, 1000, 9000, 2000, 3000],
        ticks_missed=[0, 0, 2, 0, 1],
        suspended_ns=[0, 0, 0, 0, 250 * MS],
        events_dropped=[0, 0, 7, 0, 0],
    )
    got = monitoring([ticks], session(1000 * MS), active=False)

    assert got.ticks == 5
    assert got.duration_ns == 1000 * MS
    assert got.cost_cpu_ns == 5 * MS
    assert got.cost_percent == 0.5
    assert got.cost_per_tick_ns == 1.25 * MS
    assert (got.late_p99_ns, got.late_max_ns) == (pytest.approx(9000, rel=3e-4), 9000)
    assert (got.ticks_missed, got.suspended_ns, got.events_dropped) == (3, 250 * MS, 7)
    assert got.holes == (
        Hole(100 * MS, 400 * MS, 2, "missed"),
        Hole(500 * MS, 900 * MS, 1, "suspended"),
    )
    assert got.active is False


def test_a_session_without_a_tick_has_no_figures() -> None:
    """Unknown is None; what was counted is zero."""
    got = monitoring([], session(), active=True)

    assert got.active is True
    assert (got.ticks, got.duration_ns, got.cost_cpu_ns) == (0, 0, 0)
    assert (got.cost_percent, got.cost_per_tick_ns) == (None, None)
    assert (got.late_p99_ns, got.late_max_ns) == (None, None)
    assert got.holes == ()


def test_a_recording_that_was_cut_off_lasts_until_its_last_tick() -> None:
    """Nobody wrote down its duration."""
    got = monitoring([block([0, 300 * MS], sampler_cost_ns=[0, 3 * MS])], session(), active=False)

    assert got.duration_ns == 300 * MS
    assert got.cost_percent == 1.0


def test_only_the_longest_holes_are_kept_in_the_order_of_time() -> None:
    """Of equally long ones the earliest."""
    t_ns = [0]
    for number in range(50):
        t_ns.append(t_ns[-1] + (300 if number % 5 == 0 else 200) * MS)
    ticks = block(t_ns, ticks_missed=[0, *[1] * 50])
    holes = monitoring([ticks], session(), active=False).holes

    assert len(holes) == HOLES_KEPT
    assert list(holes) == sorted(holes, key=lambda hole: hole.from_ns)
    assert sum(hole.until_ns - hole.from_ns == 300 * MS for hole in holes) == 10
    assert max(hole.from_ns for hole in holes if hole.until_ns - hole.from_ns == 200 * MS) < 3e9


def test_a_hole_before_the_first_tick_begins_with_the_recording() -> None:
    """Time is counted from the start."""
    got = monitoring([block([300 * MS], ticks_missed=[3])], session(), active=False)

    assert got.holes == (Hole(0, 300 * MS, 3, "missed"),)


def test_what_was_not_recorded_is_unknown() -> None:
    """Another sampler may not know its cost or its lateness."""
    got = monitoring([block([0, 1])], session(), active=False)

    assert got.ticks == 2
    assert (got.cost_percent, got.late_max_ns) == (None, None)


def test_what_a_flight_recorder_dropped_is_in_no_figure() -> None:
    """Duration, cost and holes are those of what was kept, from its first tick on."""
    ticks = block(
        [3_000_000 * MS, 3_000_100 * MS, 3_000_200 * MS, 3_000_500 * MS],
        sampler_cost_ns=[50 * MS, 1 * MS, 1 * MS, 1 * MS],
        ticks_missed=[9, 0, 0, 2],
        suspended_ns=[7 * MS, 0, 0, 0],
        tick_late_ns=[1, 2, 3, 4],
    )
    kept = replace(session(3_000_600 * MS), notes={"older_ticks_dropped_count": "29991"})
    got = monitoring([ticks], kept, active=False)

    assert (got.ticks, got.ticks_dropped) == (4, 29991)
    assert got.duration_ns == 600 * MS
    assert (got.cost_cpu_ns, got.cost_percent, got.cost_per_tick_ns) == (3 * MS, 0.5, 1 * MS)
    assert (got.ticks_missed, got.suspended_ns) == (2, 0)
    assert got.holes == (Hole(3_000_200 * MS, 3_000_500 * MS, 2, "missed"),)
    assert ticks.columns["sampler_cost_ns"].valid.all()


@pytest.mark.parametrize("note", ["", "-3", "many", "\u0663", "9" * 5000])
def test_a_note_that_is_no_number_drops_nothing(note: str) -> None:
    """Notes are text from a file."""
    assert replace(session(), notes={"older_ticks_dropped_count": note}).ticks_dropped == 0


@given(ticks=any_session(METRICS), cuts=CUTS)
def test_monitoring_of_what_was_kept_does_not_depend_on_the_cuts(
    ticks: Block, cuts: list[int]
) -> None:
    """Only the very first tick is special, whichever block it is in."""
    kept = replace(session(), notes={"older_ticks_dropped_count": "5"})
    whole = monitoring([ticks], kept, active=False)

    assert monitoring(cut(ticks, cuts), kept, active=False) == whole


@given(ticks=any_session(METRICS), cuts=CUTS)
def test_monitoring_does_not_depend_on_the_cuts(ticks: Block, cuts: list[int]) -> None:
    """The same figures and holes for any blocks."""
    whole = monitoring([ticks], session(), active=False)

    assert monitoring(cut(ticks, cuts), session(), active=False) == whole
