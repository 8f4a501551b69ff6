"""The forecast stage: what it foresees, what it does not, and that cuts do not matter."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.analysis.forecast.capacities import capacities
from perfkit.analysis.forecast.stage import ForecastStage
from perfkit.model.block import Block, Column
from perfkit.model.finding import Finding, latest
from perfkit.model.forecast import BEYOND, CLEAR, CROSSING, NOTICE, TOO_LITTLE, UNKNOWN, Forecast
from perfkit.model.thresholds import Thresholds

SECOND = 1_000_000_000
HORIZON = 100 * SECOND
Floats = np.ndarray
DESCRIPTORS = [one for one in capacities(Thresholds()) if one.metric == "fds_nearest_count"]


def periods(values: Floats, limit: Floats | float, t_s: Floats | None = None) -> Block:
    """A period a second; NaN is null."""
    t_s = np.arange(len(values)) if t_s is None else t_s
    limits = np.broadcast_to(np.asarray(limit, np.float64), len(values))
    columns = {"fds_nearest_count_last": values, "fds_limit_count_last": limits}
    return Block(
        t_s.astype(np.int64) * SECOND,
        {
            name: Column(np.where(np.isfinite(one), one, 0.0), np.isfinite(one))
            for name, one in columns.items()
        },
    )


def run(block: Block, cuts: tuple[int, ...] = ()) -> tuple[list[Finding], Forecast]:
    """All that is said of a session, and how the forecast stands at its end."""
    stage = ForecastStage(DESCRIPTORS, SECOND, HORIZON)
    found: list[Finding] = []
    edges = [0, *sorted(cuts), len(block)]
    for start, end in pairwise(edges):
        found += stage.add(block[start:end], ())
    found += stage.finish(())
    return found, stage.standing[0]


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_a_steady_leak_opens_and_its_time_is_right() -> None:
    """At 265 s it stands at 762 of 800 and grows by 2.5 a second: 15 s are left."""
    values = 100 + 2.5 * np.arange(265.0) + rng().normal(0, 3, 265)
    found, forecast = run(periods(values, 800.0))
    assert forecast.state == CROSSING
    assert forecast.level == NOTICE
    assert forecast.median_s is not None
    assert 10.0 < forecast.median_s < 20.0
    assert forecast.low_s is not None
    assert forecast.low_s < forecast.median_s
    (last,) = latest(found)
    assert last.kind == "descriptor_exhaustion"
    assert last.end_ns is None
    assert last.severity in ("medium", "high")


@pytest.mark.parametrize(
    "course",
    [
        pytest.param(lambda t: 100 + 0 * t, id="flat"),
        pytest.param(lambda t: 100 + 400 * (1 - np.exp(-t / 30)), id="plateau"),
        pytest.param(lambda t: 100 + 8 * (t % 50), id="sawtooth"),
        pytest.param(lambda t: 400 - t, id="going down"),
    ],
)
def test_what_only_looks_like_growth_is_no_warning(course: object) -> None:
    """At the end of two horizons, with a capacity near enough to tempt."""
    values = course(np.arange(200.0)) + rng().normal(0, 3, 200)  # type: ignore[operator]
    found, forecast = run(periods(values, 800.0))
    assert forecast.state == CLEAR
    assert forecast.margin is not None
    assert all(one.end_ns is not None for one in latest(found))


def test_a_leak_that_is_mended_closes() -> None:
    """Its finding ends, with the reason."""
    t = np.arange(400.0)
    values = np.where(t < 250, 100 + 2.5 * t, 150.0)
    found, forecast = run(periods(values, 800.0))
    assert forecast.state == CLEAR
    assert latest(found)
    assert all(one.end_ns is not None for one in latest(found))
    assert "over:" in latest(found)[-1].text


def test_before_enough_was_seen_it_says_so() -> None:
    """With how much there was."""
    _, forecast = run(periods(np.arange(30.0), 800.0))
    assert forecast.state == TOO_LITTLE
    assert "needed" in forecast.reason


@pytest.mark.parametrize(
    ("values", "limit", "state", "reason"),
    [
        (np.full(200, np.nan), 800.0, UNKNOWN, "no values"),
        (np.arange(200.0), np.nan, UNKNOWN, "capacity unknown"),
        (np.arange(200.0), 0.0, UNKNOWN, "capacity unknown"),
        (np.full(200, 900.0), 800.0, BEYOND, ""),
    ],
)
def test_what_cannot_be_said_has_its_reason(
    values: Floats, limit: float, state: str, reason: str
) -> None:
    """Capacity unknown, zero, below the present value; no values."""
    _, forecast = run(periods(values, limit))
    assert (forecast.state, forecast.reason) == (state, reason)


def test_a_capacity_stands_until_the_next_is_known() -> None:
    """Slow columns have a value now and then."""
    values = 100 + 2.5 * np.arange(200.0)
    sparse = np.where(np.arange(200) % 7 == 0, 800.0, np.nan)
    assert run(periods(values, sparse)) == run(periods(values, 800.0))


def test_a_capacity_that_changes_is_the_one_forecast_against() -> None:
    """Raised in time, the crossing is gone and its finding closes; below the value, it is beyond."""
    values = 100 + 2.5 * np.arange(260.0)
    raised = np.where(np.arange(260) < 250, 800.0, 8000.0)
    found, forecast = run(periods(values, raised))
    assert forecast.state == CLEAR
    assert all(one.end_ns is not None for one in latest(found))
    lowered = np.where(np.arange(260) < 250, 8000.0, 600.0)
    assert run(periods(values, lowered))[1].state == BEYOND


def test_hours_asleep_are_no_growth_and_no_calm() -> None:
    """The leak goes on after the sleep as if there had been none."""
    values = 100 + 2.5 * np.arange(230.0)
    t_s = np.arange(230) + np.where(np.arange(230) >= 100, 20_000, 0)
    _, slept = run(periods(values, 800.0, t_s))
    _, awake = run(periods(values, 800.0))
    assert slept.median_s == pytest.approx(awake.median_s, rel=0.1)


def test_a_longer_horizon_is_no_less_sure() -> None:
    """What is met within 30 s is met within 4 minutes: 230 s of a leak, 18 s are left."""
    block = periods(100 + 2.82 * np.arange(230.0) + rng().normal(0, 1, 230), 800.0)
    chances = []
    for horizon in (30, 60, 120, 240):
        stage = ForecastStage(DESCRIPTORS, SECOND, horizon * SECOND)
        stage.add(block, ())
        chances.append(stage.standing[0].probability or 0.0)
    assert min(chances) > 0.7
    assert max(chances) - min(chances) < 0.15


def test_time_may_be_compressed() -> None:
    """The same course ten times as slow with ten times the horizon gives times ten times as long."""
    values = 100 + 2.5 * np.arange(230.0)
    slow = ForecastStage(DESCRIPTORS, 10 * SECOND, 10 * HORIZON)
    slow.add(periods(values, 800.0, np.arange(230) * 10), ())
    fast = run(periods(values, 800.0))[1]
    assert fast.median_s is not None
    assert slow.standing[0].median_s == pytest.approx(10 * fast.median_s)


numbers = st.one_of(
    st.just(float("nan")),
    st.floats(-1e3, 1e3),
    st.sampled_from([0.0, 1e308, -1e308, 9.2e18, 5e-324, 1.0]),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(numbers, min_size=1, max_size=40),
    st.lists(numbers, min_size=1, max_size=5),
    st.integers(1, 6),
    st.lists(st.integers(0, 200), max_size=5),
    st.booleans(),
)
def test_cuts_do_not_matter_to_the_last_bit(
    values: list[float], limits: list[float], stretch: int, cuts: list[int], leaks: bool
) -> None:
    """Whatever the numbers: nothing raises, and the findings are the same."""
    size = len(values) * stretch
    course = np.repeat(np.array(values), stretch)
    if leaks:
        course = np.where(np.abs(course) < 2e3, course / 100 + 5.0 * np.arange(size), course)
    limit = np.resize(np.array(limits), size)
    block = periods(course, limit)
    with np.errstate(all="ignore"):
        whole = run(block)
        parts = run(block, tuple(min(cut, size) for cut in cuts))
        single = run(block, tuple(range(size)))
    assert repr(whole) == repr(parts) == repr(single)
    probability = whole[1].probability
    assert probability is None or 0.0 <= probability <= 1.0


def test_a_short_horizon_is_looked_at_as_often_as_there_are_periods() -> None:
    """Periods of a second and a horizon of eight: the leak is found while it can still matter."""
    stage = ForecastStage(DESCRIPTORS, SECOND, 8 * SECOND)
    found = stage.add(periods(100 + 15.0 * np.arange(45.0), 800.0), ())
    (last,) = latest(found)
    assert 36 <= last.onset_ns / SECOND <= 45
