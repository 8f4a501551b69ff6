"""Summaries: numbers by hand, any length of session, the same for every cut."""

from __future__ import annotations

import numpy as np
import pytest
from block_examples import CUTS, any_session, block, cut, listed
from hypothesis import given

from perfkit.analysis.summary import SPARKLINE_POINTS, Summaries
from perfkit.model.block import Block, Column
from perfkit.model.metric import (
    CLOCK,
    COUNTER,
    DELTA,
    FAST,
    FLOAT,
    GAUGE,
    RECORDER,
    TARGET,
    TICK,
    Metric,
)
from perfkit.model.report import MetricSummary

S = 1_000_000_000
COUNTED = Metric("reads_count", "count", COUNTER, FAST, TARGET, "reads")
MISSED = Metric("ticks_missed", "count", DELTA, TICK, RECORDER, "missed")
LOAD = Metric("load_ratio", "ratio", GAUGE, FAST, TARGET, "load", FLOAT)
METRICS = (Metric("t_ns", "ns", CLOCK, TICK, RECORDER, "clock"), COUNTED, MISSED, LOAD)


def summaries(*blocks: Block) -> dict[str, MetricSummary]:
    got = Summaries(METRICS)
    for one in blocks:
        got.add(one)
    return {summary.metric.name: summary for summary in got.finish()}


def test_the_figures_of_each_kind() -> None:
    """Total: the change of a counter, the sum of amounts, nothing for a level."""
    got = summaries(
        block(
            [0, S, 2 * S, 3 * S],
            reads_count=[10, 30, None, 60],
            ticks_missed=[0, 2, 0, 1],
            load_ratio=[None, 0.5, 0.25, None],
        )
    )

    reads, missed, load = got["reads_count"], got["ticks_missed"], got["load_ratio"]
    assert list(got) == ["reads_count", "ticks_missed", "load_ratio"]
    assert (reads.count, reads.first, reads.last, reads.total) == (3, 10, 60, 50)
    assert (reads.minimum, reads.maximum, reads.p95) == (10, 60, 60)
    assert reads.mean == pytest.approx(100 / 3)
    assert (missed.total, missed.mean) == (3, 0.75)
    assert (load.count, load.total, load.mean, load.first, load.last) == (2, None, 0.375, 0.5, 0.25)


def test_a_metric_without_a_value_has_no_figures() -> None:
    """None, never zero; so for a session without a tick."""
    for got in (summaries(), summaries(block([0, S], reads_count=[None, None]))):
        reads = got["reads_count"]
        assert reads.count == 0
        assert {reads.first, reads.last, reads.minimum, reads.mean, reads.p95} == {None}
        assert {reads.maximum, reads.total} == {None}
        assert reads.sparkline == ()


def test_one_tick_is_one_point() -> None:
    """A session too short to have a shape still has its value."""
    assert summaries(block([7], load_ratio=[0.5]))["load_ratio"].sparkline == (0.5,)


@pytest.mark.parametrize("length_ns", [4_000, 4 * 10**8, 60 * S, 3600 * S, 40 * 86400 * S])
def test_a_sparkline_is_forty_equal_stretches_of_any_session(length_ns: int) -> None:
    """From microseconds to weeks: a straight line stays one, to within its fine stretches."""
    t_ns = np.linspace(0, length_ns, 4001).astype(np.int64) + 12345
    rising = Column(np.linspace(0, 1, 4001), np.ones(4001, np.bool_))
    line = summaries(Block(t_ns, {"load_ratio": rising}))["load_ratio"].sparkline
    if length_ns < 10**6:
        assert len(line) == 1
        return

    assert len(line) == SPARKLINE_POINTS
    assert line == pytest.approx([(point + 0.5) / 40 for point in range(40)], abs=1 / 40 / 16)


def test_a_stretch_without_a_value_is_a_gap_in_the_sparkline() -> None:
    """As many points as there are stretches, None where nothing was recorded."""
    t_ns = list(range(0, 40 * S, S))
    values = [None if 10 <= second < 20 else 1.0 for second in range(40)]
    line = summaries(block(t_ns, load_ratio=values))["load_ratio"].sparkline

    assert len(line) == SPARKLINE_POINTS
    assert line[0] == line[-1] == 1.0
    assert line.count(None) in (9, 10, 11)
    assert line[15] is None


@given(ticks=any_session(METRICS[1:]), cuts=CUTS)
def test_summaries_do_not_depend_on_the_cuts(ticks: Block, cuts: list[int]) -> None:
    """To the last bit, sparkline included."""
    assert summaries(*cut(ticks, cuts)) == summaries(ticks)


@given(ticks=any_session(METRICS[1:]))
def test_summaries_are_those_of_the_naive_twin(ticks: Block) -> None:
    """Plain Python over lists."""
    for name, got in summaries(ticks).items():
        column = ticks.columns.get(name)
        values = [v for v in listed(column) if v is not None] if column else []
        assert got.count == len(values)
        if not values:
            continue
        assert (got.minimum, got.maximum) == (min(values), max(values))
        assert (got.first, got.last) == (values[0], values[-1])
        assert got.mean == pytest.approx(sum(values) / len(values), rel=1e-9, abs=1e-9)
        if name == "reads_count":
            assert got.total == values[-1] - values[0]
        if name == "ticks_missed":
            assert got.total == sum(values)
        seen = [point for point in got.sparkline if point is not None]
        assert 1 <= len(seen) <= SPARKLINE_POINTS
        assert min(values) <= min(seen) * (1 + 1e-9) + 1e-9
        assert max(seen) <= max(values) * (1 + 1e-9) + 1e-9
