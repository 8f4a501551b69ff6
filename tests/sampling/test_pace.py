"""The recorder keeps to its budget: groups wait, then the interval grows, then it comes back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.sampling.pace import BURST_NS, CHANGES_KEPT, LONGEST_INTERVAL_NS, Allowance, Pace

MS = 1_000_000
S = 1_000_000_000


def run(pace: Pace, seconds: float, cost_of: Callable[[int], int], start_ns: int = 0) -> int:
    """Let time pass: a tick an interval, each at a cost that may depend on the time."""
    t_ns = start_ns
    while t_ns < start_ns + seconds * S:
        t_ns += pace.interval_ns
        pace.spent(t_ns, cost_of(t_ns), 0)
    return t_ns


def test_a_cheap_recording_keeps_its_interval() -> None:
    """0.3 ms in 100 ms is 0.3 %."""
    pace = Pace(100 * MS, 0.01)
    run(pace, 300, lambda _: 300_000)
    assert pace.interval_ns == 100 * MS
    assert pace.changes == []


def test_a_single_dear_tick_changes_nothing() -> None:
    """A cold cache on a busy machine is no reason to read less often for minutes."""
    pace = Pace(100 * MS, 0.01)
    run(pace, 60, lambda t_ns: 3 * MS if t_ns % S == 0 else 300_000)
    assert pace.changes == []


def test_twice_the_budget_steps_soon_and_tick_by_tick() -> None:
    """10 ms a tick at 100 ms is ten times the budget: a step a tick from the third one on."""
    pace = Pace(100 * MS, 0.01)
    run(pace, 1, lambda _: 10 * MS)
    assert [interval for _, interval in pace.changes[:2]] == [150 * MS, 225 * MS]
    assert 10 * MS / pace.interval_ns < 0.03


@pytest.mark.parametrize("cost_ms", [2, 10, 30])
def test_a_minute_after_the_start_the_cost_is_inside_the_budget(cost_ms: int) -> None:
    """Whatever a tick costs (as far as five seconds can carry it)."""
    pace = Pace(100 * MS, 0.01)
    run(pace, 60, lambda _: cost_ms * MS)
    assert cost_ms * MS / pace.interval_ns <= 0.01


def test_the_interval_never_grows_beyond_five_seconds_nor_below_what_was_asked() -> None:
    """A tick of a second cannot be afforded at all; a long interval stays as it is."""
    pace = Pace(100 * MS, 0.01)
    run(pace, 300, lambda _: S)
    assert pace.interval_ns == LONGEST_INTERVAL_NS
    slow = Pace(60 * S, 0.01)
    run(slow, 3600, lambda _: 30 * S)
    assert slow.interval_ns == 60 * S


def test_it_comes_back_when_the_load_is_over() -> None:
    """A minute below half of the budget is one step back, until the interval is as asked."""
    pace = Pace(100 * MS, 0.01)
    end = run(pace, 60, lambda _: 5 * MS)
    stretched = pace.interval_ns
    assert stretched > 300 * MS
    run(pace, 1200, lambda _: 100_000, start_ns=end)
    assert pace.interval_ns == 100 * MS
    assert pace.changes[-1][1] == 100 * MS


def test_a_load_that_swings_for_ever_is_remembered_by_its_first_and_its_newest_changes() -> None:
    """The list is written anew at each change, so it must not grow without bound."""
    pace = Pace(100 * MS, 0.01)
    run(pace, 200_000, lambda t_ns: 20 * MS if t_ns // (200 * S) % 2 else 100_000)
    assert len(pace.changes) == CHANGES_KEPT
    assert pace.changes[0][1] == 150 * MS
    assert pace.changes[-1][0] > 190_000 * S


def test_without_a_budget_nothing_ever_changes() -> None:
    """--no-adaptive: benchmarks want what they asked for."""
    pace = Pace(MS, None)
    run(pace, 1, lambda _: 10 * MS)
    assert pace.changes == []
    assert pace.slow.has_left(0)


def test_what_the_groups_cost_does_not_move_the_interval_at_once() -> None:
    """A reading of 17 ms every few seconds is their allowance's business."""
    pace = Pace(100 * MS, 0.01)
    assert not pace.spent(100 * MS, 17 * MS, 17 * MS - 300_000)
    assert pace.changes == []


def test_an_allowance_is_spent_earned_back_and_bounded() -> None:
    """A burst at first; then 0.25 % of the time, and never more than a burst saved up."""
    allowance = Allowance(0.0025)
    assert allowance.has_left(0)
    allowance.spend(BURST_NS + 10 * MS)
    assert not allowance.has_left(1 * S)
    assert not allowance.has_left(3 * S)
    assert allowance.has_left(5 * S)
    allowance.has_left(10_000 * S)
    allowance.spend(BURST_NS)
    assert not allowance.has_left(10_000 * S)


@given(st.lists(st.integers(0, 50 * MS), min_size=1, max_size=200))
def test_over_time_a_group_spends_no_more_than_its_share(costs: list[int]) -> None:
    """Burst, share and one reading of debt bound what was spent, whatever the readings cost."""
    allowance = Allowance(0.0025)
    t_ns = spent = 0
    for cost in costs:
        t_ns += S
        if allowance.has_left(t_ns):
            allowance.spend(cost)
            spent += cost
        assert spent <= BURST_NS + 0.0025 * t_ns + 50 * MS
