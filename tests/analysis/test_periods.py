"""Periods: numbers by hand, a naive twin, and the same bits for every cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from block_examples import CUTS, any_session, block, cut, joined
from hypothesis import given
from hypothesis import strategies as st

from perfkit.analysis.periods import PERIOD_STATISTICS, Periods, period_length_ns
from perfkit.model.block import Block, Column
from perfkit.model.metric import (
    CLOCK,
    COUNTER,
    FAST,
    FLOAT,
    GAUGE,
    INTEGER,
    RATE,
    RECORDER,
    SINGLE,
    TARGET,
    TICK,
    Metric,
)

MS = 1_000_000
S = 1_000_000_000

METRICS = (
    Metric("t_ns", "ns", CLOCK, TICK, RECORDER, "clock"),
    Metric("time", "us", CLOCK, TICK, RECORDER, "wall clock"),
    Metric("reads_count", "count", COUNTER, FAST, TARGET, "reads"),
    Metric("load_ratio", "ratio", GAUGE, FAST, TARGET, "load", FLOAT),
)


def run(blocks: list[Block], interval_ns: int = 100 * MS) -> list[Block]:
    periods = Periods(METRICS, interval_ns)
    return [*map(periods.add, blocks), periods.finish()]


def test_a_period_is_five_intervals_and_at_least_a_second() -> None:
    """Fixed by the interval asked for."""
    assert period_length_ns(100 * MS) == S
    assert period_length_ns(200 * MS) == S
    assert period_length_ns(S) == 5 * S
    assert period_length_ns(1) == S


def test_the_figures_of_a_period() -> None:
    """By hand: two periods with ticks, an empty one between them."""
    ticks = block(
        [0, 400 * MS, 999_999_999, 2 * S, 2 * S + 1],
        reads_count=[1, 5, 6, 9, None],
        load_ratio=[0.5, None, 0.25, None, None],
    )
    periods = Periods(METRICS, 100 * MS)
    closed, rest = periods.add(ticks), periods.finish()

    assert closed.t_ns.tolist() == [0]
    assert rest.t_ns.tolist() == [2 * S]
    got = {name: joined([closed, rest], name) for name in closed.columns}
    assert got == {
        "period": [0, 2],
        "ticks_count": [3, 2],
        "reads_count_mean": [4.0, 9.0],
        "reads_count_min": [1, 9],
        "reads_count_max": [6, 9],
        "reads_count_last": [6, 9],
        "reads_count_count": [3, 1],
        "load_ratio_mean": [0.375, None],
        "load_ratio_min": [0.25, None],
        "load_ratio_max": [0.5, None],
        "load_ratio_last": [0.25, None],
        "load_ratio_count": [2, 0],
    }


def test_a_period_is_closed_by_the_first_tick_beyond_it() -> None:
    """Not by its last tick, and not by the end of a block."""
    periods = Periods(METRICS, 100 * MS)

    assert len(periods.add(block([0, S - 1], reads_count=[1, 2]))) == 0
    assert len(periods.add(block([]))) == 0
    assert periods.add(block([S], reads_count=[3])).t_ns.tolist() == [0]
    assert periods.finish().t_ns.tolist() == [S]
    assert len(periods.finish()) == 0


def test_a_session_without_ticks_has_no_periods() -> None:
    """And still all the columns."""
    periods = Periods(METRICS, 100 * MS)
    nothing = periods.finish()

    assert len(nothing) == 0
    assert ["t_ns", *nothing.columns] == [metric.name for metric in periods.metrics]


def test_the_specs_of_the_columns_that_come_out() -> None:
    """Each with unit and meaning; counts are numbers, means are floats, integers stay integers."""
    periods = Periods(METRICS, 100 * MS)
    specs = {metric.name: metric for metric in periods.metrics}

    assert list(specs) == [
        "t_ns",
        "period",
        "ticks_count",
        *(f"reads_count_{statistic}" for statistic in PERIOD_STATISTICS),
        *(f"load_ratio_{statistic}" for statistic in PERIOD_STATISTICS),
    ]
    assert (specs["reads_count_mean"].unit, specs["reads_count_mean"].format) == ("count", FLOAT)
    assert specs["reads_count_max"].format == INTEGER
    assert specs["load_ratio_max"].format == FLOAT
    assert (specs["load_ratio_count"].unit, specs["load_ratio_count"].format) == ("count", INTEGER)
    assert periods.inputs == {"reads_count", "load_ratio"}


def test_types_are_those_of_the_specs() -> None:
    """A column of integers gives integer extremes even beyond what a float can tell apart."""
    single = Metric("x_percent", "percent", GAUGE, FAST, TARGET, "", SINGLE)
    periods = Periods((*METRICS, single), 100 * MS)
    periods.add(block([0, 1], reads_count=[2**62, 2**62 + 1], x_percent=[0.1, 0.2]))
    got = periods.finish()

    assert joined([got], "reads_count_max") == [2**62 + 1]
    for metric in periods.metrics[1:]:
        expected = np.int64 if metric.format == INTEGER else np.float64
        assert got.columns[metric.name].values.dtype == expected


def test_a_mean_of_equal_values_is_that_value() -> None:
    """Rounding of the sum must not carry it away from them."""
    ticks = block([0, 1, 2], load_ratio=[0.1, 0.1, 0.1])
    (got,) = [one for one in run([ticks]) if len(one)]

    assert joined([got], "load_ratio_mean") == [0.1]


def naive(ticks: Block, length: int) -> list[dict[str, Any]]:
    """The periods, by plain loops."""
    periods: dict[int, dict[str, Any]] = {}
    for row, t_ns in enumerate(ticks.t_ns.tolist()):
        period = periods.setdefault(t_ns // length, {"ticks": 0, "values": {}})
        period["ticks"] += 1
        for name, column in ticks.columns.items():
            if column.valid[row]:
                period["values"].setdefault(name, []).append(column.values[row].item())
    rows = []
    for number, period in periods.items():
        row = {"t_ns": number * length, "period": number, "ticks_count": period["ticks"]}
        for name in ("reads_count", "load_ratio"):
            values = period["values"].get(name, [])
            total = 0.0
            for value in values:
                total += value
            mean = total / len(values) if values else None
            if mean is not None:
                mean = min(max(mean, float(min(values))), float(max(values)))
            row[f"{name}_mean"] = mean
            row[f"{name}_min"] = min(values, default=None)
            row[f"{name}_max"] = max(values, default=None)
            row[f"{name}_last"] = values[-1] if values else None
            row[f"{name}_count"] = len(values)
        rows.append(row)
    return rows


@given(ticks=any_session(METRICS[2:]), cuts=CUTS, interval=st.sampled_from([1, 10**8, 10**9]))
def test_periods_are_those_of_the_naive_twin_for_every_cut(
    ticks: Block, cuts: list[int], interval: int
) -> None:
    """To the last bit, whether a day comes at once or a tick at a time."""
    expected = naive(ticks, period_length_ns(interval))
    for pieces in ([ticks], cut(ticks, cuts), cut(ticks, range(len(ticks)))):
        got = run(pieces, interval)
        for metric in Periods(METRICS, interval).metrics:
            assert joined(got, metric.name) == [row[metric.name] for row in expected]


@given(ticks=any_session(METRICS[2:]), cuts=CUTS)
def test_what_a_block_closes_depends_on_its_ticks_alone(ticks: Block, cuts: list[int]) -> None:
    """A period is known as soon as the first tick beyond it has come, never later."""
    periods = Periods(METRICS, 100 * MS)
    seen: list[int] = []
    for piece in cut(ticks, cuts):
        seen += piece.t_ns.tolist()
        closed = periods.add(piece)
        if len(piece):
            before = sorted({t // S for t in seen})[:-1]
            assert len(closed) == 0 or closed.columns["period"].values[-1] == before[-1]
            assert (closed.t_ns < seen[-1] - seen[-1] % S).all()


@given(st.lists(st.integers(0, 60), max_size=6))
def test_metrics_of_events_that_were_given_are_their_mean(cuts: list[int]) -> None:
    """An imported column of frames a second: one column of its own name, however ticks are cut."""
    rng = np.random.default_rng(1)
    given_fps = Metric("fps", "count/s", RATE, FAST, TARGET, "frames", FLOAT)
    values, valid = rng.normal(60, 5, 60), rng.random(60) < 0.8
    t_ns = np.arange(60, dtype=np.int64) * 300_000_000
    whole = Block(t_ns, {"fps": Column(values, valid)})
    outcomes = []
    for blocks in ([whole], cut(whole, cuts), cut(whole, list(range(60)))):
        periods = Periods([given_fps], 100_000_000)
        closed = [*(periods.add(one) for one in blocks), periods.finish()]
        assert [metric.name for metric in periods.metrics[3:]] == ["fps"]
        outcomes.append(joined(closed, "fps"))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    first = valid[:4]
    assert outcomes[0][0] == pytest.approx(values[:4][first].mean())
