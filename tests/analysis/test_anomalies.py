"""The anomaly stage: what it finds, what it lets pass, and that cuts change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.analysis.anomaly import Anomalies
from perfkit.analysis.detectors.registry import DETECTORS
from perfkit.analysis.watched import WATCHED
from perfkit.model.block import Block, Column
from perfkit.model.finding import DOWN, UP, Finding, latest

SECOND = 1_000_000_000
Array = npt.NDArray[np.float64]
Changes = Mapping[str, Array]


def load(seed: int, count: int = 300) -> dict[str, Array]:
    """A calm application: five metrics with noise of their own."""
    rng = np.random.default_rng(seed)
    return {
        "cpu_percent": 40 * np.exp(0.08 * rng.normal(size=count)),
        "rss_bytes": 2e8 * np.exp(0.005 * rng.normal(size=count)),
        "latency_ms_mean": 12 * np.exp(0.05 * rng.normal(size=count)),
        "throughput_per_s": rng.poisson(200, count).astype(np.float64),
        "threads_count": 8.0 + rng.integers(0, 2, count),
    }


def block(
    values: Changes, numbers: npt.NDArray[np.int64] | None = None, alive: Array | None = None
) -> Block:
    """Periods of a second; NaN is no value."""
    names = {one.metric: one.column for one in WATCHED}
    count = len(next(iter(values.values())))
    columns = {names[name]: Column(one, np.isfinite(one)) for name, one in values.items()}
    if alive is not None:
        columns["processes_count_last"] = Column(alive, np.ones(count, np.bool_))
    t_ns = (np.arange(count) if numbers is None else numbers) * SECOND
    return Block(t_ns, columns)


def said(periods: Block, cuts: list[int] | None = None, detector: str = "default") -> list[Finding]:
    """All emissions over these periods, cut where asked."""
    stage = Anomalies(WATCHED, SECOND, detector)
    bounds = [0, *sorted(cut for cut in cuts or [] if 0 < cut < len(periods)), len(periods)]
    found: list[Finding] = []
    for start, stop in pairwise(bounds):
        found += stage.add(periods[start:stop], [])
    return found + stage.finish([])


def faulty(seed: int) -> Block:
    """Latency doubles and CPU rises for half a minute; memory leaks later; a gap, and nulls."""
    values = load(seed, 700)
    values["latency_ms_mean"][120:150] *= 2
    values["cpu_percent"][121:150] *= 3
    values["rss_bytes"][300:340] += 3e6 * np.arange(40)
    rng = np.random.default_rng(seed + 1)
    for column in values.values():
        column[rng.random(700) < 0.03] = np.nan
    numbers = np.arange(700) + 40 * (np.arange(700) > 500)
    return block(values, numbers)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(1, 699), max_size=12), seed=st.integers(0, 3))
def test_cuts_change_no_anomaly(cuts: list[int], seed: int) -> None:
    """Random cuts against the whole, bit for bit."""
    periods = faulty(seed)
    assert said(periods, cuts) == said(periods)


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_period_at_a_time_is_the_same_as_all_at_once(detector: str) -> None:
    """As it is live, and as it is in replay, whatever the detector."""
    periods = faulty(1)
    whole = said(periods, None, detector)
    assert said(periods, list(range(700)), detector) == whole
    assert len(latest(whole)) >= 2


def test_a_level_shift_is_found_with_its_onset_peak_and_end() -> None:
    """Latency doubles for twenty seconds: known two periods later, and over when it is over."""
    values = load(1)
    values["latency_ms_mean"][120:140] *= 2
    values["latency_ms_mean"][130] = 40.0
    (first, *_, last) = told = said(block(values))
    assert len(latest(told)) == 1
    assert (first.metric, first.cause, first.direction) == ("latency_ms_mean", "latency", UP)
    assert first.onset_ns == 120 * SECOND
    assert first.known_at_ns == 122 * SECOND
    assert first.end_ns is None
    assert (last.peak_ns, last.value, last.end_ns) == (130 * SECOND, 40.0, 140 * SECOND)
    assert last.expected == pytest.approx(12, rel=0.05)
    assert last.severity in ("medium", "high")
    assert last.probability is not None and 0 <= last.probability < 0.5


def test_metrics_that_move_together_are_one_anomaly_with_their_shares() -> None:
    """CPU a second after latency; the contributions add up to one."""
    values = load(2)
    values["latency_ms_mean"][120:150] *= 3
    values["cpu_percent"][121:150] *= 3
    (one,) = latest(said(block(values)))
    shares = {
        name.removesuffix("_contribution_ratio"): share
        for name, share in one.evidence.items()
        if name.endswith("_contribution_ratio")
    }
    assert set(shares) == {"latency_ms_mean", "cpu_percent"}
    assert sum(shares.values()) == pytest.approx(1)
    assert one.evidence["was_cpu_percent"] > 2 * one.evidence["usual_cpu_percent"]


def test_a_slow_ramp_does_not_become_usual_while_it_climbs() -> None:
    """One per cent a second."""
    values = load(3)
    values["rss_bytes"][150:200] += 2e6 * np.arange(50)
    (one,) = latest(said(block(values)))
    assert one.metric == "rss_bytes"
    assert 145 * SECOND <= one.onset_ns <= 165 * SECOND
    assert one.peak_ns >= 195 * SECOND


def test_a_fall_of_what_should_be_high_is_found() -> None:
    """Throughput halves."""
    values = load(4)
    values["throughput_per_s"][150:180] *= 0.5
    (one,) = latest(said(block(values)))
    assert (one.metric, one.direction, one.onset_ns) == ("throughput_per_s", DOWN, 150 * SECOND)


@pytest.mark.parametrize("seed", range(6))
def test_calm_life_raises_nothing(seed: int) -> None:
    """Noise and whole numbers for half an hour."""
    assert said(block(load(seed, 1800))) == []


def test_flat_metrics_raise_nothing_and_tiny_changes_neither() -> None:
    """What never moved may move by what nobody would want to hear of."""
    flat = {name: np.full(600, column[0]) for name, column in load(1, 600).items()}
    assert said(block(flat)) == []
    flat["threads_count"][300:] += 1
    flat["rss_bytes"][400:] += 2**20
    assert said(block(flat)) == []


def test_what_gets_better_raises_nothing() -> None:
    """Latency halves, throughput doubles."""
    values = load(1)
    values["latency_ms_mean"][150:] /= 2
    values["throughput_per_s"][150:] *= 2
    assert said(block(values)) == []


def test_a_single_high_period_raises_nothing() -> None:
    """What is wrong lasts."""
    values = load(1)
    values["latency_ms_mean"][150] *= 10
    assert said(block(values)) == []


def test_start_and_end_of_the_target_raise_nothing() -> None:
    """It starts up busy, and has gone when its processes are none."""
    values = load(1, 400)
    values["cpu_percent"][:5] = 400.0
    alive = np.ones(400)
    alive[350:] = 0
    values["cpu_percent"][349] = 0.0
    for name in ("rss_bytes", "threads_count", "throughput_per_s"):
        values[name][350:] = 0.0
    assert said(block(values, alive=alive)) == []


def test_a_counter_that_reset_leaves_a_null_and_raises_nothing() -> None:
    """Rates are null where a counter fell."""
    values = load(1)
    values["cpu_percent"][150:153] = np.nan
    assert said(block(values)) == []


def test_work_that_explains_a_rise_is_taken_into_account() -> None:
    """Four times the events, four times the CPU."""
    values = load(1)
    values["cpu_percent"][150:200] *= 4
    assert said(block(values))
    periods = block(values)
    events = np.full(300, 100.0)
    events[150:200] *= 4
    column = Column(events, np.ones(300, np.bool_))
    assert said(periods.with_columns({"events_count": column})) == []


def test_what_lasts_for_long_becomes_usual() -> None:
    """The anomaly ends, says so, and is not raised again."""
    values = load(1, 4000)
    values["latency_ms_mean"][150:] *= 3
    (one,) = latest(said(block(values)))
    assert one.end_ns is not None and one.end_ns < 1500 * SECOND
    assert "usual from now on" in one.text


def test_what_lasts_to_the_end_ends_with_it() -> None:
    """finish() closes what is open."""
    values = load(1)
    values["latency_ms_mean"][280:] *= 3
    (one,) = latest(said(block(values)))
    assert one.end_ns == 300 * SECOND


def test_memory_does_not_grow_with_time() -> None:
    """What is kept after an hour is no more than after a quarter."""
    import pickle

    sizes = []
    for count in (900, 3600):
        stage = Anomalies(WATCHED, SECOND)
        stage.add(block(load(1, count)), [])
        state = {name: value for name, value in vars(stage).items() if name != "_detectors"}
        sizes.append(len(pickle.dumps(state)))
    assert sizes[1] <= 1.05 * sizes[0]


def test_too_short_a_session_says_nothing() -> None:
    """Forty values are asked for before anything is judged."""
    values = load(1, 40)
    values["latency_ms_mean"][30:] *= 10
    assert said(block(values)) == []
    assert said(block(load(1, 1))) == []
    assert Anomalies((), SECOND).add(block(load(1)), []) == []


@pytest.mark.parametrize("seed", range(4))
def test_twice_as_many_failures_are_found_within_the_means_of_sixteen_periods(seed: int) -> None:
    """What is counted is normal in its means: 8 % of 80 calls that become 16 % need no minutes."""
    rng = np.random.default_rng(seed)
    share = np.where(np.arange(130) < 90, 0.08, 0.16)
    values = load(seed, 130) | {"error_ratio": rng.binomial(80, share) / 80}
    found = said(block(values))
    first = min(one.known_at_ns for one in found if one.metric == "error_ratio")
    assert 90 * SECOND < first <= (90 + 18) * SECOND


def test_after_an_alarm_the_next_has_to_be_rarer() -> None:
    """The same rise again, by as little as was just enough before it, is let pass."""
    quiet = load(3, 700)
    rise = min(
        (by for by in np.arange(1.1, 3.0, 0.02) if _alarms(quiet, [(300, by)])), default=None
    )
    assert rise is not None
    assert len(_alarms(quiet, [(300, rise), (500, rise)])) == 1


def _alarms(values: Changes, rises: list[tuple[int, float]]) -> list[Finding]:
    latency = values["latency_ms_mean"].copy()
    for at, by in rises:
        latency[at : at + 8] *= by
    return latest(said(block({**values, "latency_ms_mean": latency})))
