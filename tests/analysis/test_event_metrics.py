"""Metrics made of events: by hand, against a naive twin, and the same bits for every cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from block_examples import CUTS, cut, joined, listed
from event_oracle import LINES, S, Said, activity, any_talk, of_periods, trailing
from hypothesis import given
from hypothesis import strategies as st

from perfkit.analysis.event_series import MOST_OPEN, MOST_WORKERS
from perfkit.analysis.events import (
    EVENT_DERIVED,
    EVENT_METRICS,
    EVENTS_COUNT,
    TAKEN,
    TICK_METRICS,
)
from perfkit.analysis.periods import Periods
from perfkit.analysis.rates import Rates
from perfkit.model.block import Block
from perfkit.model.metric import DELTA, RECORDER, TICK, Metric

MS = 1_000_000
RAW = [Metric(name, "count", DELTA, TICK, RECORDER, "") for name in ("suspended_ns", TAKEN)]
NAMES = [metric.name for metric in TICK_METRICS]


def ticks_of(said: Said, *names: str) -> list[list[float | None]]:
    """The columns of the ticks."""
    derived = Rates(RAW, names).add(said.block())
    return [listed(derived.columns[name]) for name in names]


def every_tenth(lines: Mapping[float, Sequence[Any]], seconds: float) -> Said:
    """Ten ticks a second; lines by the second at whose tick they arrive."""
    t_ns = [round(k * 100 * MS) for k in range(round(seconds * 10) + 1)]
    return Said(t_ns, {round(at * 10): list(said) for at, said in lines.items()})


FRAME = {"type": "frame", "render_ms": 4.0}


def test_frames_are_counted_over_the_trailing_second() -> None:
    """60 a second, six a tick."""
    said = every_tenth({k / 10: [FRAME] * 6 for k in range(1, 31)}, 3)
    (fps,) = ticks_of(said, "fps")

    assert fps == [None] + [60.0] * 30


def test_a_rate_is_null_before_the_first_event_and_after_five_seconds_of_silence() -> None:
    """An idle application has no 0 fps; 0 stands only within 5 s of the last frame."""
    said = every_tenth({2: [FRAME], 2.1: [FRAME]}, 9)
    (fps,) = ticks_of(said, "fps")

    assert fps[:20] == [None] * 20
    assert fps[20:32] == [1.0] + [2.0] * 9 + [1.0] + [0.0]
    assert fps[31:71] == [0.0] * 40
    assert fps[71:] == [None] * 20


def test_ratios_and_percentiles_are_null_over_a_second_without_events() -> None:
    """What nothing is known of is not zero."""
    request = {"type": "request", "duration_ms": 12.5, "success": False}
    said = every_tenth({1: [request]}, 3)
    columns = ticks_of(said, "latency_ms_p95", "latency_ms_mean", "error_ratio", "cache_hit_ratio")

    for column, value in zip(columns, (12.5, 12.5, 1.0, None), strict=True):
        assert column == [None] * 10 + [value] * 10 + [None] * 11


def test_percentiles_are_values_that_occurred() -> None:
    """By nearest rank: of 1 to 100 ms, the 50th, the 95th and the 99th."""
    requests = [{"type": "request", "duration_ms": k} for k in range(100, 0, -1)]
    said = every_tenth({1: requests[:60], 1.5: requests[60:]}, 2)
    columns = ticks_of(said, "latency_ms_p50", "latency_ms_p95", "latency_ms_p99")

    assert [column[15] for column in columns] == [50, 95, 99]
    assert [column[20] for column in columns] == [20, 38, 40]


def test_an_operation_may_be_a_span() -> None:
    """Its end counts, with its duration; the start does not."""
    lines = [
        {"type": "ml_processing_start", "operation_id": "1-1"},
        {"type": "ml_processing_end", "operation_id": "1-1", "duration_ms": 80, "success": True},
        {"type": "request_start", "operation_id": "1-2"},
    ]
    said = every_tenth({0.5: lines}, 1)
    latency, rate, errors, open = ticks_of(
        said, "latency_ms_mean", "throughput_per_s", "error_ratio", "operations_in_flight"
    )

    assert (latency[-1], rate[-1], errors[-1], open[-1]) == (80.0, 1.0, 0.0, 1.0)


def test_operations_in_flight_is_a_level() -> None:
    """Null before the first operation, then what has begun and not ended, however long it lasts."""
    start = {"type": "job_start", "operation_id": 7}
    end = {"type": "job_end", "operation_id": 7, "duration_ms": 1}
    other = {"type": "query_start", "operation_id": 7}
    said = every_tenth({0.2: [start, other, start], 9: [end, end]}, 10)
    (open,) = ticks_of(said, "operations_in_flight")

    assert open == [None, None] + [2.0] * 88 + [1.0] * 11


def test_workers_are_busy_for_their_share_of_the_time_of_all_seen_so_far() -> None:
    """One worker at half its time; with a second one that came, at a quarter."""
    one = {"type": "worker_task_completed", "worker_id": 1, "duration_ms": 50, "queue_ms": 3}
    two = {"type": "worker_task_completed", "worker_id": "b"}
    said = every_tenth({**{k / 10: [one] for k in range(1, 31)}, 2.05: [one, two]}, 3)
    busy, queued = ticks_of(said, "worker_utilisation_ratio", "queue_ms_p95")

    assert busy[10:20] == [0.5] * 10
    assert busy[20:] == [0.25] * 11
    assert queued[1:] == [3.0] * 30


def test_cache_hits_are_those_of_look_ups() -> None:
    """Of operation get, or of none where `hit` says what it was."""
    lines = [
        {"type": "cache_operation", "operation": "get", "hit": True},
        {"type": "cache_operation", "operation": "get", "hit": False},
        {"type": "cache_operation", "hit": True},
        {"type": "cache_operation", "operation": "set", "hit": True},
        {"type": "cache_operation", "operation": "get"},
    ]
    (hits,) = ticks_of(every_tenth({0.5: lines}, 0.5), "cache_hit_ratio")

    assert hits[-1] == pytest.approx(2 / 3, abs=1e-4)


def test_what_perfkit_says_itself_counts_for_nothing() -> None:
    """Acts and the recorder's own events."""
    lines = [
        {"type": "perfkit.act_start", "operation_id": "1"},
        {"type": "perfkit.act", "duration_ms": 5},
    ]
    said = every_tenth({k / 10: lines for k in range(30)}, 3)

    assert all(column == [None] * 31 for column in ticks_of(said, *NAMES))
    periods = Periods((EVENTS_COUNT,), 100 * MS)
    assert joined([periods.add(said.block()), periods.finish()], "events_count") == [0] * 4


def test_activity_is_the_rate_over_what_is_usual() -> None:
    """Twenty a second, then forty; in silence 0, since what is usual is still known."""
    log = {"type": "log"}
    said = every_tenth(
        {k / 10: [log] * (2 if k <= 100 else 4) for k in range(1, 121)},
        20,
    )
    (level,) = ticks_of(said, "activity_level_ratio")

    assert level[:10] == [None] * 10
    assert level[10:101] == [1.0] * 91
    assert level[110:121] == [2.0] * 11
    assert level[130:] == [0.0] * 71


def test_a_rate_over_sleep_is_null_and_a_percentile_is_not() -> None:
    """The time of a rate is not known to be the application's."""
    request = {"type": "request", "duration_ms": 2}
    said = every_tenth({k / 10: [request] for k in range(1, 31)}, 3)
    slept = Said(said.t_ns, said.lines, {15})
    rate, level, median = ticks_of(
        slept, "throughput_per_s", "activity_level_ratio", "latency_ms_p50"
    )

    assert rate == [None] + [10.0] * 14 + [None] * 10 + [10.0] * 6
    assert level[15:25] == [None] * 10
    assert median == [None] + [2.0] * 30


def test_what_no_column_can_hold_is_null_and_forgotten_with_its_second() -> None:
    """A sender may say 1e308 ms, and its sum is beyond a double."""
    huge = {"type": "request", "duration_ms": 1e308}
    sane = {"type": "request", "duration_ms": 3}
    said = every_tenth({0.5: [huge] * 3, 1: [sane], 3: [sane]}, 3)
    mean, most = ticks_of(said, "latency_ms_mean", "latency_ms_p99")

    assert mean[5:15] == most[5:15] == [None] * 10
    assert mean[15:20] == [3.0] * 5
    assert (mean[-1], most[-1]) == (3.0, 3.0)


def test_bad_numbers_are_no_measurements() -> None:
    """Negative times, and times that are words."""
    lines = [
        {"type": "frame", "render_ms": -1},
        {"type": "frame", "render_ms": "fast", "duration_ms": 7},
        {"type": "worker_task_completed", "worker_id": None, "queue_ms": -4, "duration_ms": -1},
        {"type": "cache_operation", "hit": "yes"},
        {"type": "request", "duration_ms": float("nan"), "success": "yes"},
    ]
    said = every_tenth({0.5: lines}, 0.5)
    got = dict(zip(NAMES, (column[-1] for column in ticks_of(said, *NAMES)), strict=True))

    assert {name: value for name, value in got.items() if value is not None} == {
        "fps": 4.0,
        "render_ms_p95": 7.0,
        "throughput_per_s": 2.0,
    }


def test_names_without_end_are_forgotten() -> None:
    """A million ids or workers fill no memory: the oldest operations go, new workers are not told."""
    count = max(MOST_OPEN, MOST_WORKERS) + 10
    starts = [{"type": "job_start", "operation_id": k} for k in range(count)]
    tasks = [
        {"type": "worker_task_completed", "worker_id": k, "duration_ms": 1} for k in range(count)
    ]
    said = every_tenth({0.1: starts, 0.2: tasks, 0.3: [{"type": "job_end", "operation_id": 3}]}, 1)
    open, busy = ticks_of(said, "operations_in_flight", "worker_utilisation_ratio")

    assert open[1:] == [float(MOST_OPEN)] * 10
    assert busy[10] == pytest.approx(count / (MOST_WORKERS * 1000), abs=1e-4)


def test_a_session_in_which_nothing_is_said_has_the_columns_without_a_value() -> None:
    """And a source that takes no events has none of them."""
    said = every_tenth({}, 3)

    assert all(column == [None] * 31 for column in ticks_of(said, *NAMES))
    assert Rates(RAW[:1]).metrics == ()


def test_the_inputs_name_the_events_only_where_they_are_needed() -> None:
    """So that nobody parses them for nothing."""
    assert Rates(RAW, ["fps"]).inputs == {"events", "suspended_ns"}
    assert Rates(RAW, ["cpu_percent"]).inputs == set()
    assert Periods(EVENT_METRICS[:1], 100 * MS).inputs == {"events", "suspended_ns"}
    assert Periods(RAW, 100 * MS).inputs == {"suspended_ns", TAKEN}


@given(said=any_talk())
def test_ticks_are_what_the_naive_twin_says(said: Said) -> None:
    """Every metric at every tick, within its rounding."""
    got = ticks_of(said, *NAMES)
    naive = trailing(said)
    for one, column in zip(EVENT_DERIVED, got, strict=False):
        for value, row in zip(column, naive, strict=True):
            expected = row[one.metric.name]
            assert (value is None) == (expected is None)
            if value is not None and expected is not None:
                rounded = float(one.rounding(np.array([expected]))[0])
                step = 10.0 ** -getattr(one.rounding, "digits", 0)
                assert value == pytest.approx(rounded, rel=1e-6, abs=step * 1.01)
    for value, expected in zip(got[-1], activity(said), strict=True):
        assert (value is None) == (expected is None)
        if value is not None and expected is not None:
            assert value == pytest.approx(expected, rel=1e-3, abs=0.006)


@given(said=any_talk(), interval_ns=st.sampled_from([100 * MS, S]))
def test_periods_are_what_the_naive_twin_says(said: Said, interval_ns: int) -> None:
    """Of the period's own events, not rounded; an exact percentile, never a mean of ticks."""
    periods = Periods(EVENT_METRICS, interval_ns)
    blocks = [periods.add(said.block()), periods.finish()]
    naive = of_periods(said, periods.length_ns)

    assert {metric.name for metric in periods.metrics} == {"t_ns", *blocks[0].columns}
    for name in ("events_count", *(metric.name for metric in EVENT_METRICS)):
        got = joined(blocks, name)
        assert [value is None for value in got] == [row[name] is None for row in naive]
        for value, row in zip(got, naive, strict=True):
            if value is not None:
                assert value == pytest.approx(row[name], rel=1e-12)


def bits(blocks: Sequence[Block], name: str) -> list[tuple[int, bool]]:
    """A column as the bits of its values."""
    values = np.concatenate([block.columns[name].values for block in blocks])
    valid = np.concatenate([block.columns[name].valid for block in blocks])
    words = np.where(valid, values, 0).view(np.int64).tolist()
    return list(zip(words, valid.tolist(), strict=True))


@given(said=any_talk(), cuts=CUTS, each=st.booleans())
def test_nothing_depends_on_the_cuts(said: Said, cuts: list[int], each: bool) -> None:
    """Ticks and periods, to the last bit: cut anywhere, tick by tick, or whole."""
    whole = said.block()
    pieces = cut(whole, range(len(whole)) if each else cuts)
    rates, at_once = Rates(RAW), Rates(RAW).add(whole)
    derived = [rates.add(piece) for piece in pieces]
    for name in NAMES:
        assert bits(derived, name) == bits([at_once], name)

    wanted = (*RAW, *EVENT_METRICS)
    one, other = Periods(wanted, 100 * MS), Periods(wanted, 100 * MS)
    cut_up = [*map(one.add, pieces), one.finish()]
    in_whole = [other.add(whole), other.finish()]
    for metric in one.metrics[1:]:
        assert bits(cut_up, metric.name) == bits(in_whole, metric.name)


@given(said=any_talk(), names=st.sets(st.sampled_from(NAMES)))
def test_a_column_is_the_same_whatever_else_is_asked_for(said: Said, names: set[str]) -> None:
    """And so it is derived alone when it is wanted alone."""
    every, some = Rates(RAW).add(said.block()), Rates(RAW, names).add(said.block())
    for name in names:
        assert bits([some], name) == bits([every], name)


@given(said=any_talk(), seed=st.integers(0, 2**32 - 1), lines=st.lists(LINES, min_size=1))
def test_the_memory_of_the_past_is_its_open_window(said: Said, seed: int, lines: list[Any]) -> None:
    """What was said long ago changes no figure of a window, only levels and what is usual."""
    long_ago = Said([0, *(t + 10**13 for t in said.t_ns)], {0: lines})
    for row, more in said.lines.items():
        long_ago.lines[row + 1] = more
    alone = Said([0, *(t + 10**13 for t in said.t_ns)], dict(long_ago.lines))
    del alone.lines[0]
    for name in ("latency_ms_p95", "latency_ms_mean", "error_ratio", "cache_hit_ratio"):
        (one,), (other,) = ticks_of(long_ago, name), ticks_of(alone, name)
        assert one[1:] == other[1:]


def test_a_stream_that_was_finished_starts_afresh() -> None:
    """As Periods promises for all its columns."""
    said = every_tenth({0.5: [FRAME, {"type": "job_start", "operation_id": 1}]}, 1)
    periods = Periods(EVENT_METRICS, 100 * MS)
    first = [periods.add(said.block()), periods.finish()]
    second = [periods.add(said.block()), periods.finish()]

    for metric in periods.metrics[1:]:
        assert bits(first, metric.name) == bits(second, metric.name)
