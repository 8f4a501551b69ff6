"""Deadlines: no drift, lateness told, passed slots counted instead of bunched."""

from hypothesis import given
from hypothesis import strategies as st

from perfkit.sampling.clock import Clock, Deadlines

MS = 1_000_000


def test_a_tick_on_time_is_not_late_and_misses_nothing() -> None:
    """The next deadline is one interval on."""
    deadlines = Deadlines(0, 100 * MS)
    assert deadlines.arrive(0) == (0, 0)
    assert deadlines.next_ns == 100 * MS


def test_a_late_tick_does_not_move_the_slots_behind_it() -> None:
    """30 ms late is 30 ms late; the next slot stays where it was."""
    deadlines = Deadlines(0, 100 * MS)
    assert deadlines.arrive(30 * MS) == (30 * MS, 0)
    assert deadlines.next_ns == 100 * MS


def test_slots_that_have_passed_are_counted_and_skipped() -> None:
    """Two slots (100 and 200 ms) passed while the tick of 0 ms waited until 250 ms."""
    deadlines = Deadlines(0, 100 * MS)
    assert deadlines.arrive(250 * MS) == (250 * MS, 2)
    assert deadlines.next_ns == 300 * MS


def test_an_extra_tick_before_the_deadline_takes_no_slot() -> None:
    """A last tick when the target ends is neither late nor does it miss anything."""
    deadlines = Deadlines(0, 100 * MS)
    deadlines.arrive(0)
    assert deadlines.arrive(40 * MS) == (0, 0)
    assert deadlines.next_ns == 100 * MS


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=50), st.integers(1, 500))
def test_ticks_and_missed_slots_add_up_to_all_slots(delays: list[int], interval: int) -> None:
    """Whatever the delays, every slot is either a tick or missed, and the next one lies ahead."""
    deadlines = Deadlines(0, interval)
    now = ticks = missed = 0
    for delay in delays:
        now = max(now, deadlines.next_ns) + delay
        late, passed = deadlines.arrive(now)
        ticks += 1
        missed += passed
        assert deadlines.next_ns > now
        assert 0 <= late - passed * interval < interval
    assert deadlines.next_ns == (ticks + missed) * interval


def test_the_real_clocks_move_forward() -> None:
    """Two readings in a row never fall."""
    clock = Clock()
    for read in (clock.monotonic_ns, clock.boottime_ns, clock.cpu_ns):
        before = read()
        assert read() >= before
    assert clock.wall_us() > 1_500_000_000_000_000
