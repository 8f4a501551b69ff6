"""The stage `baseline`: what it calls a change, what it leaves alone, and that cuts change nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.analysis.baseline import (
    KIND,
    TOO_SHORT,
    BaselineStage,
    Learner,
    learn,
    limits,
    tail_probability,
)
from perfkit.analysis.watched import Watched
from perfkit.model.baseline import SHARES, Baseline, MetricBaseline
from perfkit.model.block import Block, Column
from perfkit.model.finding import DOWN, EITHER, UP, Finding, latest

S = 1_000_000_000
MIB = 2.0**20
RSS = Watched("rss_bytes", "rss_bytes_mean", UP, 4 * MIB, 0.05)
CPU = Watched("cpu_percent", "cpu_percent_mean", UP, 5.0, 0.1)
FPS = Watched("fps", "fps", DOWN, 3.0, 0.1)
READ = Watched("read_bytes_per_s", "read_bytes_per_s_mean", EITHER, MIB, 0.2)

Floats = npt.NDArray[np.float64]


def _periods(values: dict[str, Floats], length_ns: int = S) -> Block:
    """Periods without gaps; NaN is null."""
    count = len(next(iter(values.values())))
    columns = {name: Column(column, np.isfinite(column)) for name, column in values.items()}
    return Block(np.arange(count, dtype=np.int64) * length_ns, columns)


def _found(
    values: Floats, watched: Watched = RSS, learned: Baseline | None = None, length_ns: int = S
) -> list[Finding]:
    stage = BaselineStage([watched], length_ns, learned)
    return stage.add(_periods({watched.column: values}, length_ns), [])


def _learned(values: Floats, watched: Watched = RSS) -> Baseline:
    return Baseline(S, learn([[_periods({watched.column: values})]], [watched], S))


def _steady(count: int, level: float = 100 * MIB, noise: float = MIB, seed: int = 0) -> Floats:
    return level + np.random.default_rng(seed).normal(0, noise, count)


def test_a_step_is_told_once_and_again_when_it_is_over() -> None:
    """Memory that rises by half for five minutes gives one finding: opened, then closed."""
    values = _steady(1200)
    values[600:900] += 50 * MIB
    opened, closed = _found(values)
    assert (opened.stage, opened.kind, opened.metric) == ("baseline", KIND, "rss_bytes")
    assert opened.id == closed.id
    assert opened.direction == UP
    assert opened.onset_ns == 600 * S
    assert opened.end_ns is None
    assert 660 * S <= opened.known_at_ns <= 720 * S
    assert closed.end_ns == closed.known_at_ns
    assert 900 * S < closed.known_at_ns <= 990 * S
    assert opened.expected == pytest.approx(100 * MIB, rel=0.01)
    assert opened.value == pytest.approx(150 * MIB, rel=0.01)
    assert opened.probability is not None
    assert 0 < opened.probability < 0.01
    assert "50 % above its baseline" in opened.text


def test_what_lasts_to_the_end_stays_open() -> None:
    """A finding without an end says that it lasts."""
    values = _steady(600)
    values[200:] += 50 * MIB
    stage = BaselineStage([RSS], S)
    found = stage.add(_periods({RSS.column: values}), [])
    assert [one.end_ns for one in latest([*found, *stage.finish([])])] == [None]


def test_steady_noise_says_nothing() -> None:
    """A day of noise around a level, with one baseline for all, gives no finding."""
    assert _found(_steady(86_400, noise=5 * MIB)) == []


def test_a_change_nobody_would_hear_of_says_nothing() -> None:
    """3 % of memory is ordinary life, however quiet the baseline was."""
    values = np.full(900, 100 * MIB)
    values[400:] *= 1.03
    assert _found(values) == []


def test_a_change_within_the_spread_says_nothing() -> None:
    """Where the baseline wanders by a third, a third more is nothing new."""
    rng = np.random.default_rng(3)
    values = rng.uniform(70, 130, 900) * MIB
    values[400:] += 20 * MIB
    assert _found(values) == []


def test_warming_up_is_no_change() -> None:
    """Memory that grows for a minute and then stays gives nothing."""
    seconds = np.arange(1800)
    assert _found(50 * MIB + np.minimum(seconds, 60) * 2.5 * MIB) == []


def test_a_slow_approach_to_a_level_is_no_change() -> None:
    """So does memory that nears its level ever more slowly."""
    seconds = np.arange(1800)
    assert _found(200 * MIB * (1 - 0.8 * np.exp(-seconds / 40.0))) == []


def test_a_load_that_comes_and_goes_is_no_change() -> None:
    """Bursts of five seconds every half minute are within the baseline's range."""
    seconds = np.arange(1800)
    assert _found(np.where(seconds % 30 < 5, 90.0, 10.0), CPU) == []


def test_a_short_burst_is_no_change() -> None:
    """Twenty seconds do not move the median of a minute."""
    values = _steady(900)
    values[400:420] *= 3
    assert _found(values) == []


def test_before_enough_was_seen_nothing_is_judged() -> None:
    """A session of 80 s has no baseline beside its last minute."""
    stage = BaselineStage([RSS], S)
    values = np.where(np.arange(80) < 40, 10 * MIB, 500 * MIB)
    assert stage.add(_periods({RSS.column: values}), []) == []
    assert stage.said == TOO_SHORT
    stage.add(Block(np.arange(80, 200) * S, {}), [])
    assert stage.said == "the session's own first 30 s"


def test_the_own_baseline_grows_to_ten_minutes_and_stays() -> None:
    """Its length is a fifth of what was seen, until that spans ten minutes."""
    said = {}
    for seconds in (300, 1500, 3000, 9000):
        stage = BaselineStage([RSS], S)
        stage.add(_periods({RSS.column: _steady(seconds)}), [])
        said[seconds] = stage.said
    assert said[300].endswith("60 s")
    assert said[1500].endswith("300 s")
    assert said[3000] == said[9000] == "the session's own first 600 s"


def test_a_learned_baseline_judges_from_the_first_window_on() -> None:
    """With an earlier session known, half as much again is told within two minutes."""
    learned = _learned(_steady(600))
    found = _found(_steady(300, level=150 * MIB, seed=5), learned=learned)
    assert [one.metric for one in latest(found)] == ["rss_bytes"]
    assert found[0].known_at_ns <= 120 * S
    assert found[0].onset_ns == 0
    stage = BaselineStage([RSS], S, learned)
    assert stage.said == "a baseline learned from 0 sessions"
    assert stage.known == learned.metrics


def test_an_improvement_is_information() -> None:
    """Less memory than normal is told, but is nothing to worry about."""
    values = _steady(900)
    values[400:] -= 60 * MIB
    assert {one.severity for one in _found(values)} == {"info"}
    assert {one.direction for one in _found(values)} == {DOWN}


def test_a_fall_of_what_should_be_high_is_severe() -> None:
    """Frames per second at a third of the baseline are of medium severity, never high."""
    values = np.full(900, 60.0)
    values[400:] = 20.0
    assert {one.severity for one in _found(values, FPS)} == {"medium"}


def test_where_no_direction_is_worse_a_change_is_low() -> None:
    """Ten times the reads may be good or bad."""
    values = np.full(900, 10 * MIB)
    values[400:] *= 10
    assert {one.severity for one in _found(values, READ)} == {"low"}


def test_a_change_that_gets_far_worse_is_told_again_but_rarely() -> None:
    """Of one long climb only what has doubled is emitted."""
    values = _steady(3000)
    values[400:] += np.arange(2600) * 0.5 * MIB
    found = _found(values)
    assert len(latest(found)) == 1
    assert 3 <= len(found) <= 8
    for before, after in pairwise(found):
        doubled = abs(after.evidence["change"]) >= 2 * abs(before.evidence["change"])
        assert doubled or before.severity != after.severity


def test_metrics_read_rarely_are_judged_too() -> None:
    """A column with a value every five seconds is judged once twelve are in the baseline."""
    values = np.full(1200, np.nan)
    values[::5] = 5.0
    values[600::5] = 80.0
    wait = Watched("runqueue_wait_percent", "runqueue_wait_percent_mean", UP, 5.0, 0.1)
    assert [one.onset_ns for one in latest(_found(values, wait))] == [600 * S]


def test_a_column_without_values_says_nothing() -> None:
    """Neither nulls nor a column that is not there are a change."""
    stage = BaselineStage([RSS, CPU], S)
    periods = _periods({RSS.column: np.full(600, np.nan)})
    assert stage.add(periods, []) == []
    assert dict(stage.known) == {}


def test_a_long_gap_is_no_work_and_no_change() -> None:
    """A hundred years without a period are passed over at once."""
    values = _steady(1200)
    periods = _periods({RSS.column: values})
    t_ns = periods.t_ns.copy()
    t_ns[600:] += 3_000_000_000 * S
    assert BaselineStage([RSS], S).add(Block(t_ns, periods.columns), []) == []


def test_long_periods_are_judged_by_their_number() -> None:
    """Where a period is five minutes long, a level is that of twelve."""
    values = _steady(400)
    values[200:] += 60 * MIB
    (found,) = latest(_found(values, length_ns=300 * S))
    assert found.onset_ns == 200 * 300 * S


WATCHED_HERE = [RSS, CPU, FPS, READ]


@st.composite
def _any_session(draw: st.DrawFn) -> Block:
    """Periods with gaps, nulls, steps, spikes and any scale."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(0, 700))
    length = draw(st.sampled_from([1, 1, 1, 7]))
    steps = np.where(rng.random(count) < 0.01, rng.integers(1, 200, count), 1)
    numbers = np.cumsum(steps) + draw(st.sampled_from([0, 5000]))
    columns = {}
    for one in WATCHED_HERE:
        scale = 10.0 ** draw(st.integers(-3, 12))
        values = np.abs(rng.normal(1, draw(st.sampled_from([0.0, 0.05, 1.0])), count))
        for _ in range(draw(st.integers(0, 3))):
            values[rng.integers(0, max(count, 1)) :] *= rng.choice([0.2, 1.5, 4.0])
        valid = rng.random(count) < draw(st.sampled_from([1.0, 0.9, 0.3]))
        columns[one.column] = Column(values * scale, valid)
    return Block(numbers.astype(np.int64) * length * S, columns)


def _cut(whole: Block, cuts: list[int]) -> list[Block]:
    bounds = [0, *sorted(min(at, len(whole)) for at in cuts), len(whole)]
    return [whole[start:stop] for start, stop in pairwise(bounds)]


@given(_any_session(), st.lists(st.integers(0, 700), max_size=6), st.booleans())
def test_findings_do_not_depend_on_the_cuts(whole: Block, cuts: list[int], known: bool) -> None:
    """Whole, in random pieces or a period at a time: the same findings to the last bit."""
    length_ns = S if len(whole) < 2 else int(np.gcd.reduce(np.diff(whole.t_ns)))
    learned = Baseline(S, learn([[whole[:200]]], WATCHED_HERE, length_ns)) if known else None
    outcomes = []
    for blocks in ([whole], _cut(whole, cuts), _cut(whole, list(range(len(whole))))):
        stage = BaselineStage(WATCHED_HERE, length_ns, learned)
        found = [one for block in blocks for one in stage.add(block, [])]
        outcomes.append((repr([*found, *stage.finish([])]), repr(stage.known), stage.said))
    assert outcomes[0] == outcomes[1] == outcomes[2]


@given(_any_session(), st.lists(st.integers(0, 700), max_size=6))
def test_what_is_learned_does_not_depend_on_the_cuts(whole: Block, cuts: list[int]) -> None:
    """The figures are those of the periods, however they came."""
    assert learn([[whole]], WATCHED_HERE, S) == learn([_cut(whole, cuts)], WATCHED_HERE, S)


@given(_any_session())
def test_findings_open_before_they_close(whole: Block) -> None:
    """Of each id: onset first, fixed; an end at most once and last; time goes on."""
    stage = BaselineStage(WATCHED_HERE, S)
    found = stage.add(whole, [])
    assert [one.known_at_ns for one in found] == sorted(one.known_at_ns for one in found)
    for last in latest(found):
        emissions = [one for one in found if one.id == last.id]
        assert all(one.end_ns is None for one in emissions[:-1])
        assert all(one.onset_ns < one.known_at_ns for one in emissions)
        assert all(one.onset_ns <= one.peak_ns <= one.known_at_ns for one in emissions)
        assert all(0 <= (one.probability or 0) <= 1 for one in emissions)


def test_learned_figures_are_those_of_the_values() -> None:
    """Level, spread, range and counts against numpy's own."""
    values = _steady(4000, noise=3 * MIB)
    counts = np.full(4000, 5)
    periods = _periods({RSS.column: values}).with_columns(
        {"rss_bytes_count": Column(counts, np.ones(4000, np.bool_))}
    )
    known = learn([[periods]], [RSS], S)["rss_bytes"]
    assert known.periods == 4000
    assert known.ticks == 20_000
    assert known.level == pytest.approx(np.median(values), rel=1e-3)
    assert known.spread == pytest.approx(3 * MIB, rel=0.1)
    assert known.drift < 0.2 * MIB
    assert known.least == values.min()
    assert known.greatest == values.max()
    assert known.quantiles == pytest.approx(np.quantile(values, SHARES), rel=2e-3)
    assert known.level_low <= known.level <= known.level_high


def test_sessions_add_up_and_their_difference_is_kept() -> None:
    """Of two sessions with levels apart, both levels are normal."""
    low, high = _steady(300, 100 * MIB), _steady(300, 160 * MIB, seed=1)
    learner = Learner([RSS], S)
    for session in (low, high):
        learner.add(_periods({RSS.column: session}))
        learner.end_session()
    known = learner.learned()["rss_bytes"]
    assert known.periods == 600
    assert known.level_low == pytest.approx(100 * MIB, rel=0.01)
    assert known.level_high == pytest.approx(160 * MIB, rel=0.01)
    assert _found(_steady(300, 130 * MIB), learned=Baseline(S, {"rss_bytes": known})) == []


def test_drift_within_a_session_widens_what_is_allowed() -> None:
    """A baseline whose second half lies elsewhere allows twice that distance."""
    drifting = learn([[_periods({RSS.column: _steady(600) + np.arange(600) * MIB})]], [RSS], S)
    known = drifting["rss_bytes"]
    assert known.drift == pytest.approx(300 * MIB, rel=0.15)
    assert limits(known, RSS).high > known.greatest + 2 * known.drift


def test_too_few_values_are_no_baseline() -> None:
    """A metric with fewer than twelve periods is left out."""
    assert learn([[_periods({RSS.column: _steady(11)})]], [RSS], S) == {}
    assert learn([[]], [RSS], S) == {}


def test_values_beyond_all_reckoning_are_left_out() -> None:
    """Infinities and the largest floats give neither a warning nor a baseline that JSON has not."""
    values = np.array([np.inf, -np.inf, 1e308, -1e308, 1e299, 1.0] * 20)
    periods = Block(np.arange(120) * S, {RSS.column: Column(values, np.ones(120, np.bool_))})
    known = learn([[periods]], [RSS], S)["rss_bytes"]
    assert known.periods == 40
    assert np.isfinite([known.spread, known.drift, limits(known, RSS).high]).all()
    BaselineStage([RSS], S).add(periods, [])


@given(st.lists(st.floats(-1e6, 1e6), min_size=12, max_size=60), st.floats(-1e7, 1e7))
def test_probabilities_are_such_and_fall_outwards(values: list[float], value: float) -> None:
    """Between 0 and 1, and never larger farther out."""
    known = learn([[_periods({RSS.column: np.array(values)})]], [RSS], S)["rss_bytes"]
    here = tail_probability(known, 1.0, value)
    farther = tail_probability(known, 1.0, value + (1e5 if value >= known.level else -1e5))
    assert 0 <= farther <= here <= 1


def test_a_baseline_of_one_value_still_gives_a_probability() -> None:
    """Where nothing ever moved, what would be heard of is the scale."""
    known = MetricBaseline("x", 50, 50, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, (1.0,) * len(SHARES))
    assert tail_probability(known, 0.5, 1.0) == 1.0
    assert 0 < tail_probability(known, 0.5, 2.0) < 0.01
    assert tail_probability(known, 0.0, 2.0) == 0.0
