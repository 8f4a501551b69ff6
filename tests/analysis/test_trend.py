"""Trends: what rises is told once, what only wanders is not, and cuts change nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from period_examples import SECOND, periods, run

from perfkit.analysis.trend import TrendStage
from perfkit.analysis.watched import WATCHED
from perfkit.model.finding import DOWN, UP
from perfkit.stats.slopes import slopes

RSS = tuple(one for one in WATCHED if one.metric in ("rss_bytes", "fps"))
MIB = 2.0**20


def stage() -> TrendStage:
    return TrendStage(RSS, SECOND)


def noisy(count: int, per_s: float, level: float, noise: float, seed: int = 1) -> list[float]:
    values = np.random.default_rng(seed).normal(level, noise, count) + per_s * np.arange(count)
    return [float(value) for value in values]


def test_memory_that_rises_is_a_degradation_told_once() -> None:
    """Two judgements in a row open it; while it goes on nothing more is said."""
    block = periods({"rss_bytes_mean": noisy(240, MIB, 500 * MIB, MIB)})
    (found,) = run(stage(), block)
    assert (found.kind, found.metric, found.direction) == ("degradation", "rss_bytes", UP)
    assert found.known_at_ns == 60 * SECOND
    assert found.evidence["slope_low_per_s"] <= MIB <= found.evidence["slope_high_per_s"]


def test_a_trend_that_ends_is_closed() -> None:
    """The same id, with the end of the window that no longer shows it."""
    values = noisy(120, MIB, 500 * MIB, MIB) + noisy(180, 0, 620 * MIB, MIB)
    opened, closed = run(stage(), periods({"rss_bytes_mean": values}))
    assert closed.id == opened.id
    assert opened.end_ns is None
    assert closed.end_ns == closed.known_at_ns


def test_frames_that_fall_degrade_and_frames_that_rise_improve() -> None:
    """What is worse belongs to the metric."""
    (worse,) = run(stage(), periods({"fps": noisy(100, -0.3, 60, 0.5)}))
    (better,) = run(stage(), periods({"fps": noisy(100, 0.3, 30, 0.5)}))
    assert (worse.kind, worse.direction) == ("degradation", DOWN)
    assert (better.kind, better.severity) == ("improvement", "info")


def test_what_nobody_would_want_to_hear_of_is_no_trend() -> None:
    """A sure slope of a kilobyte a second stays below what is worth a word."""
    assert run(stage(), periods({"rss_bytes_mean": noisy(300, 1000, 500 * MIB, 10)})) == []


def test_constants_nulls_and_few_values_say_nothing() -> None:
    """There is no line through any of them."""
    for values in ([5.0] * 200, [None] * 200, [1.0, None, None, None] * 50, [7.0]):
        assert run(stage(), periods({"rss_bytes_mean": values})) == []


def test_wandering_noise_rarely_has_a_trend() -> None:
    """Neighbours that resemble each other widen the interval: at most 5 % of windows at .8."""
    rng = np.random.default_rng(3)
    series = np.zeros((2000, 110))
    for at in range(1, 110):
        series[:, at] = 0.8 * series[:, at - 1] + rng.normal(size=2000)
    lines = slopes(np.arange(60.0), series[:, 50:], 0.99)
    assert np.mean((lines.low > 0) | (lines.high < 0)) < 0.05


def test_the_slope_is_the_median_of_all_pairs() -> None:
    """Against the definition, pair by pair."""
    rng = np.random.default_rng(4)
    x, values = np.sort(rng.random(9)), rng.normal(size=(5, 9))
    lines = slopes(x, values, 0.95)
    for row, slope in zip(values, lines.slope, strict=True):
        pairs = [(row[j] - row[i]) / (x[j] - x[i]) for i in range(9) for j in range(i + 1, 9)]
        assert np.isclose(slope, np.median(pairs))


@given(
    cuts=st.lists(st.integers(1, 279), max_size=12),
    seed=st.integers(0, 5),
    gap=st.integers(0, 200),
)
def test_cuts_change_nothing(cuts: list[int], seed: int, gap: int) -> None:
    """Any blocks, and blocks of one period, give the same findings to the last bit."""
    rising: list[float | None] = [*noisy(150, MIB, 500 * MIB, MIB, seed)]
    rising += noisy(130, 0, 650 * MIB, MIB, seed)
    rising[40:45] = [None] * 5
    numbers = [number + (gap if number > 100 else 0) for number in range(280)]
    block = periods({"rss_bytes_mean": rising, "fps": noisy(280, -0.1, 60, 1, seed)}, numbers)
    whole = run(stage(), block)
    assert run(stage(), block, cuts) == whole
    assert run(stage(), block, range(280)) == whole
