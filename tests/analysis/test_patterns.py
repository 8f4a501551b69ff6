"""The pattern stage: what is told of sessions whose truth is known, and of those with nothing in them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from period_examples import SECOND, periods, run

from perfkit.analysis.patterns import Patterns
from perfkit.analysis.patterns.history import BIN, LONG_POINTS, RECENT_POINTS, History
from perfkit.analysis.patterns.registry import PATTERNS
from perfkit.analysis.watched import Watched
from perfkit.model.block import Block
from perfkit.model.finding import DOWN, UP, Finding, latest

Floats = npt.NDArray[np.float64]

CPU = Watched("cpu_percent", "cpu_percent_mean", UP, 1.0, 0.05, "cpu")
RSS = Watched("rss_bytes", "rss_bytes_mean", UP, 1.0, 0.02, "memory")
HITS = Watched("cache_hit_ratio", "cache_hit_ratio", DOWN, 0.03, 0.0, "cache")


def rng(seed: int = 1) -> np.random.Generator:
    """Chance that is the same every time."""
    return np.random.default_rng(seed)


def session(
    values: Floats, metric: Watched = CPU, numbers: list[int] | None = None
) -> tuple[Patterns, Block]:
    """A stage and the periods of one metric; NaN is a period without a value."""
    column = [None if math.isnan(value) else value for value in values.tolist()]
    return Patterns((metric,), SECOND), periods({metric.column: column}, numbers)


def told(values: Floats, metric: Watched = CPU, numbers: list[int] | None = None) -> list[Finding]:
    """Everything that is said of a session."""
    return run(*session(values, metric, numbers))


def kinds(values: Floats, metric: Watched = CPU) -> list[str]:
    """The kinds that stand at the end, or happened."""
    return sorted(one.kind for one in latest(told(values, metric)))


def noise(count: int, seed: int = 1) -> Floats:
    """White, of deviation 1, around 100."""
    return 100 + rng(seed).normal(size=count)


def red(count: int, phi: float, seed: int = 1) -> Floats:
    """Autocorrelated around 100; a random walk for 1."""
    values = rng(seed).normal(size=count)
    for at in range(1, count):
        values[at] += phi * values[at - 1]
    return 100 + values


def test_a_cycle_has_its_period_its_interval_its_strength_and_its_phase() -> None:
    """A sine of 20 s in little noise; its tops are where the evidence says."""
    time_s = np.arange(400) + 0.5
    values = noise(400) + 10 * np.cos(2 * np.pi * (time_s - 7) / 20)
    (cycle,) = [one for one in latest(told(values)) if one.kind == "cycle"]
    figures = cycle.evidence
    assert figures["period_s"] == pytest.approx(20, rel=0.01)
    assert figures["period_low_s"] <= 20 <= figures["period_high_s"]
    assert figures["strength_ratio"] > 0.9
    assert figures["swing"] == pytest.approx(20, rel=0.1)
    assert abs((figures["phase_s"] - 7 + 10) % 20 - 10) < 1.5
    assert cycle.probability is not None and cycle.probability < 1e-6
    assert "every 20 s" in cycle.text


def test_a_cycle_of_minutes_is_found_in_a_session_of_hours() -> None:
    """Longer than the newest periods that are kept: 400 s, over 4 hours."""
    time_s = np.arange(14_400)
    values = noise(len(time_s)) + 10 * np.sin(2 * np.pi * time_s / 400)
    (cycle,) = [one for one in latest(told(values)) if one.kind == "cycle"]
    assert cycle.evidence["period_s"] == pytest.approx(400, rel=0.05)


def test_a_metric_that_is_read_every_five_seconds_has_its_cycle_too() -> None:
    """Four of five periods without a value."""
    values = noise(500) + 10 * np.sin(2 * np.pi * np.arange(500) / 60)
    values[np.arange(500) % 5 > 0] = math.nan
    (cycle,) = [one for one in latest(told(values, RSS)) if one.kind == "cycle"]
    assert cycle.evidence["period_s"] == pytest.approx(60, rel=0.05)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, 0.99, 1.0])
def test_noise_has_no_period(phi: float) -> None:
    """Of any colour: not one of thirty sessions of 700 s, at any look."""
    found = [one for seed in range(30) for one in told(red(700, phi, seed))]
    assert not [one for one in found if one.kind == "cycle"]


def test_a_cycle_that_stops_is_over_and_keeps_its_id() -> None:
    """Told once while it lasts, and ended by a later finding of the same id."""
    values = noise(1500)
    values[:500] += 10 * np.sin(2 * np.pi * np.arange(500) / 12)
    found = [one for one in told(values) if one.kind == "cycle"]
    assert len({one.id for one in found}) == 1
    assert found[0].end_ns is None
    end_ns = found[-1].end_ns
    assert end_ns is not None and 450 * SECOND < end_ns < 1500 * SECOND


def test_a_level_shift_says_when_and_how_much() -> None:
    """From 100 to 130 at 150 s."""
    values = noise(300)
    values[150:] += 30
    (shift,) = latest(told(values))
    assert shift.kind == "level_shift" and shift.direction == UP
    assert shift.onset_ns == 150 * SECOND
    assert shift.evidence["change"] == pytest.approx(30, abs=1)
    assert (shift.value, shift.expected) == pytest.approx((130, 100), abs=1)


def test_a_second_shift_ends_the_first() -> None:
    """The level between them lasted from one to the other."""
    values = noise(500)
    values[150:] += 30
    values[320:] += 40
    first, second = latest(told(values))
    assert (first.onset_ns, first.end_ns) == (150 * SECOND, 320 * SECOND)
    assert (second.onset_ns, second.end_ns) == (320 * SECOND, None)


def test_bursts_are_counted_and_measured() -> None:
    """Nine of three periods, at no regular time."""
    values = noise(480)
    for start in (31, 60, 130, 149, 222, 280, 301, 390, 420):
        values[start : start + 3] += 40
    (burst,) = latest(told(values))
    assert burst.kind == "burst"
    assert burst.evidence["bursts_count"] == 9
    assert burst.evidence["burst_s"] == 3
    assert burst.evidence["height"] == pytest.approx(40, abs=3)


def test_a_sawtooth_comes_back_to_its_floor_and_is_no_leak() -> None:
    """Garbage collected at uneven times."""
    values = noise(600)
    at = 0
    for length in rng(3).integers(20, 45, 30).tolist():
        part = values[at : at + length]
        part += 60 * np.arange(len(part)) / length
        at += length
    found = {one.kind: one for one in latest(told(values, RSS))}
    assert "leak" not in found
    saw = found["sawtooth"]
    assert 20 <= saw.evidence["period_s"] <= 45
    assert abs(saw.evidence["floor_rise"]) < 10
    assert "same floor" in saw.text


def test_a_floor_that_rises_under_a_sawtooth_is_a_leak() -> None:
    """What the collector leaves over grows."""
    time_s = np.arange(600)
    values = noise(600) + 60 * (time_s % 30) / 30 + 0.4 * time_s
    found = {one.kind: one for one in latest(told(values, RSS))}
    assert found["leak"].evidence["rate_per_s"] == pytest.approx(0.4, rel=0.15)
    assert found["leak"].severity == "low"


def test_what_is_not_held_does_not_leak() -> None:
    """CPU that rises is a trend."""
    assert "leak" not in kinds(noise(400) + np.arange(400.0))


def test_a_random_walk_does_not_leak() -> None:
    """It rises for a while, by chance; in at most one of forty sessions that looks like drift."""
    leaks = sum("leak" in kinds(100 + 30 * red(600, 1.0, seed), RSS) for seed in range(40))
    assert leaks <= 1


def test_a_warm_up_ends_when_the_metric_has_settled() -> None:
    """An exponential approach of 15 s: a few times that."""
    values = noise(400) - 60 * np.exp(-np.arange(400) / 15)
    (warm,) = latest(told(values))
    assert warm.kind == "warm_up" and warm.direction == UP
    assert 20 <= warm.evidence["warm_up_s"] <= 70
    assert warm.end_ns == round(warm.evidence["warm_up_s"]) * SECOND


def test_a_start_of_two_points_is_no_warm_up() -> None:
    """Too short for the running median to see it: how a redis began that was then filled."""
    values = noise(400)
    values[1:3] = 40.0
    assert "warm_up" not in kinds(values)


def test_a_ceiling_is_a_plateau() -> None:
    """Load that would go on where the quota ends."""
    values = np.minimum(100 + 4 * (red(480, 0.95, seed=5) - 100), 104)
    (plateau,) = [one for one in latest(told(values)) if one.kind == "plateau"]
    assert plateau.value == 104
    assert plateau.evidence["share_ratio"] == pytest.approx(float(np.mean(values > 103)), abs=0.05)


def test_regimes_have_their_levels_and_their_shares() -> None:
    """Two levels in turns of uneven length."""
    high = np.repeat(np.arange(12) % 2, [30, 55, 22, 61, 40, 25, 70, 33, 28, 52, 36, 28])
    values = noise(480) + 50 * high
    (regime,) = [one for one in latest(told(values)) if one.kind == "regime"]
    assert regime.evidence["levels_count"] == 2
    assert regime.evidence["level_2"] - regime.evidence["level_1"] == pytest.approx(50, abs=1)
    assert regime.evidence["share_2_ratio"] == pytest.approx(float(high.mean()), abs=0.05)


def test_what_gets_worse_downwards_bursts_downwards() -> None:
    """A hit ratio that falls now and then."""
    values = 0.9 + 0.002 * rng().normal(size=300)
    for start in (40, 95, 120, 200, 260):
        values[start : start + 2] = 0.3
    (burst,) = latest(told(values, HITS))
    assert (burst.kind, burst.direction) == ("burst", DOWN)


NOTHING: dict[str, Callable[[], Floats]] = {
    "constant": lambda: np.full(600, 42.0),
    "zero": lambda: np.zeros(600),
    "null": lambda: np.full(600, math.nan),
    "one value": lambda: np.where(np.arange(600) == 300, 5.0, math.nan),
    "two steps of a quantum": lambda: 50 + np.round(rng().normal(0, 0.3, 600)),
    "a counter": lambda: np.cumsum(rng().poisson(50, 600)).astype(np.float64),
    "a counter that is reset": lambda: np.cumsum(rng().poisson(50, 600)) % 11_003 * np.ones(600),
    "huge": lambda: 1e300 * (1 + 0.5 * rng().normal(size=600)),
    "tiny": lambda: 1e-300 * rng().normal(size=600),
    "now and then a value": lambda: np.where(rng().random(600) < 0.02, noise(600), math.nan),
    "one spike": lambda: np.where(np.arange(600) == 200, 1e6, noise(600)),
    "a straight line": lambda: np.arange(600.0),
    "white": lambda: noise(600),
}


@pytest.mark.parametrize("name", NOTHING)
def test_series_without_a_pattern_say_nothing(name: str) -> None:
    """Whatever they are like; but a sum that is reset is a sawtooth."""
    found = kinds(NOTHING[name]())
    assert set(found) <= ({"sawtooth", "cycle"} if "reset" in name else set())


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-300, 1e-9, 1.0, 1e9, 1e300]))
@settings(deadline=None, max_examples=40)
def test_no_series_raises(seed: int, scale: float) -> None:
    """Of any length and scale, with nulls, gaps, infinities and ties."""
    chance = rng(seed)
    count = int(chance.integers(1, 700))
    values = scale * np.round(red(count, chance.choice([0.0, 0.9, 1.0]), seed), 1)
    values[chance.random(count) < chance.choice([0.0, 0.3, 0.95])] = math.nan
    values[chance.random(count) < 0.01] = math.inf
    column = [None if math.isnan(value) else value for value in values.tolist()]
    numbers = np.cumsum(chance.choice([1, 1, 1, 30, 5000], count)).tolist()
    metrics = (CPU, RSS, HITS)
    found = run(Patterns(metrics, SECOND), periods({m.column: column for m in metrics}, numbers))
    assert all(0 <= one.onset_ns <= one.known_at_ns for one in found)
    assert all(one.onset_ns <= one.peak_ns <= one.known_at_ns for one in found)
    assert all(math.isfinite(value) for one in found for value in one.evidence.values())


MIXED = {
    CPU.column: (noise(1600) + 10 * np.sin(2 * np.pi * np.arange(1600) / 25)).tolist(),
    RSS.column: (noise(1600) + np.arange(1600) / 10 + 20 * (np.arange(1600) % 40) / 40).tolist(),
    HITS.column: [
        None if at % 7 == 3 else 0.9 - 0.4 * (500 < at < 900) - 0.5 * (at % 97 < 2)
        for at in range(1600)
    ],
}


@given(st.lists(st.integers(0, 1600), max_size=12), st.integers(0, 3))
@settings(deadline=None, max_examples=25)
def test_cuts_change_nothing(cuts: list[int], gap: int) -> None:
    """Anywhere, with and without a gap in the session: the same findings to the last bit."""
    numbers = [at + (10 ** (gap + 1) if gap and at > 800 else 0) for at in range(1600)]
    block = periods(MIXED, numbers)
    whole = run(Patterns((CPU, RSS, HITS), SECOND), block)
    assert run(Patterns((CPU, RSS, HITS), SECOND), block, cuts) == whole
    assert whole


def test_periods_one_at_a_time_give_the_same_findings() -> None:
    """Live and in replay alike."""
    block = periods(MIXED)
    whole = run(Patterns((CPU, RSS, HITS), SECOND), block)
    assert run(Patterns((CPU, RSS, HITS), SECOND), block, list(range(1600))) == whole
    assert {one.kind for one in whole} >= {"cycle", "leak"}


def test_findings_come_in_order_and_are_told_again_only_when_something_has_changed() -> None:
    """A steady cycle over 1600 s is told a few times, not at each of thirty looks."""
    found = run(Patterns((CPU, RSS, HITS), SECOND), periods(MIXED))
    assert [one.order for one in found] == sorted(one.order for one in found)
    assert 1 <= sum(one.kind == "cycle" and one.metric == CPU.metric for one in found) <= 3


def test_a_short_session_is_too_short_to_judge() -> None:
    """Below a minute nothing is told, and the stage says so; once."""
    stage, block = session(noise(59) + 10 * (np.arange(59) % 5))
    assert run(stage, block) == []
    assert stage.enough_ns == 60 * SECOND
    stage, block = session(noise(60))
    run(stage, block)
    assert stage.enough_ns is None


@pytest.mark.parametrize("begins", [0, 1_000_003])
def test_the_views_are_means_of_whole_bins(begins: int) -> None:
    """Against the plainest way to make them: of every session length that matters, with gaps."""
    for count in (70, 900, 4100, 9000):
        numbers = begins + np.flatnonzero(rng(count).random(count) < 0.9)
        values = rng(count).normal(size=(1, len(numbers)))
        history = History(1, SECOND)
        for start in range(0, len(numbers), 200):
            part = slice(start, start + 200)
            history.add(numbers[part], values[:, part])
            views = history.look(int(numbers[part][-1]) + 1)
        known = dict(zip(numbers.tolist(), values[0].tolist(), strict=True))
        last = int(numbers[-1])
        assert views.recent.first == max(int(numbers[0]), last + 1 - RECENT_POINTS)
        assert max(len(views.middle), len(views.whole)) <= LONG_POINTS
        for view in (views.recent, views.middle, views.whole):
            assert view.t_ns(len(view)) <= (last + 1) * SECOND
            for place, value in enumerate(view.values[0].tolist()):
                first = view.first + place * view.step
                inside = [known[n] for n in range(first, first + view.step) if n in known]
                if inside:
                    assert value == pytest.approx(sum(inside) / len(inside))
                else:
                    assert math.isnan(value)
        assert views.whole.first == int(numbers[0]) // BIN * BIN


def test_memory_does_not_grow_with_the_session() -> None:
    """After a month as after a day: at most a thousand points a metric."""
    history = History(2, SECOND)
    for start in range(0, 2_000_000, 50_000):
        numbers = np.arange(start, start + 50_000)
        history.add(numbers, np.ones((2, 50_000)))
        views = history.look(start + 50_000)
    assert len(views.recent) + len(views.middle) + len(views.whole) <= 1000


def test_every_pattern_has_a_kind_of_its_own() -> None:
    """The registry's rows are told apart by it."""
    assert len({one.kind for one in PATTERNS}) == len(PATTERNS)
