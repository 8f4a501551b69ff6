"""The joint stage: what it finds, what it lets pass, and that cuts change nothing."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joint_examples import NAMES, SECOND, baseline, block, load, model, said

from perfkit.analysis.joint.stage import DOES_NOT_FIT, TRIAL, JointStage
from perfkit.analysis.pipeline import STAGES, Pipeline, Settings
from perfkit.analysis.rates import DERIVED_METRICS
from perfkit.model.baseline import Baseline
from perfkit.model.block import Block, Column
from perfkit.model.finding import DOWN, UP, Finding, latest
from perfkit.sampling.metrics import RAW_METRICS


def odd(seed: int, count: int = 600) -> Block:
    """Requests fall to the low end of their range while CPU stays at the high end of its; later a
    leak; a gap, and nulls."""
    values = load(seed, count)
    values["throughput_per_s"][200:230] = 120.0
    values["cpu_percent"][200:230] = 58.0
    values["latency_ms_mean"][200:230] = 14.0
    values["rss_bytes"][450:] += 2e6 * np.arange(count - 450)
    rng = np.random.default_rng(seed + 1)
    for column in values.values():
        column[rng.random(count) < 0.03] = np.nan
    numbers = np.arange(count) + 40 * (np.arange(count) > 350)
    return block(values, numbers)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 599), max_size=12), seed=st.integers(0, 3))
def test_cuts_change_no_joint_anomaly(cuts: list[int], seed: int) -> None:
    """Random cuts against the whole, bit for bit."""
    periods = odd(seed)
    assert said(periods, cuts) == said(periods)


def test_a_period_at_a_time_is_the_same_as_all_at_once() -> None:
    """As it is live, and as it is in replay; and the same every time."""
    periods = odd(1)
    whole = said(periods)
    assert said(periods, range(600)) == whole == said(periods)
    assert len(latest(whole)) >= 2


def test_a_combination_that_never_was_is_found_though_each_metric_is_ordinary() -> None:
    """Few requests and much CPU: both are there every minute, never at once."""
    values = load(1)
    values["throughput_per_s"][200:230] = 120.0
    values["cpu_percent"][200:230] = 58.0
    values["latency_ms_mean"][200:230] = 14.0
    for name in ("throughput_per_s", "cpu_percent"):
        ordinary = load(2)[name]
        assert np.quantile(ordinary, 0.02) < values[name][200] < np.quantile(ordinary, 0.98)
    first, *_, last = told = said(block(values))
    assert len(latest(told)) == 1
    assert (first.stage, first.kind) == ("joint", "joint_anomaly")
    assert 197 * SECOND <= first.onset_ns <= 201 * SECOND
    assert first.known_at_ns <= 206 * SECOND
    assert first.end_ns is None
    assert last.end_ns is not None and 228 * SECOND <= last.end_ns <= 234 * SECOND
    assert last.onset_ns <= last.peak_ns < last.end_ns
    assert last.probability is not None and 0 <= last.probability < 0.5
    assert last.metric in ("cpu_percent", "throughput_per_s")
    assert last.text.endswith("as the baseline never had them together")
    assert "cpu_percent high" in last.text and "throughput_per_s low" in last.text


def test_shares_add_up_and_the_metric_that_moved_most_leads() -> None:
    """Threads that never varied are eight more."""
    values = load(2)
    values["threads_count"][300:330] += 8
    (one,) = latest(said(block(values)))
    shares = {
        name.removesuffix("_contribution_ratio"): share
        for name, share in one.evidence.items()
        if name.endswith("_contribution_ratio")
    }
    assert (one.metric, one.cause, one.direction) == ("threads_count", "threads", UP)
    assert (one.value, one.expected) == (16.0, pytest.approx(8.0))
    assert max(shares, key=lambda name: shares[name]) == "threads_count"
    assert sum(shares.values()) == pytest.approx(1, abs=0.005)
    assert one.evidence["was_threads_count"] == 16.0
    assert one.severity in ("medium", "high")


@pytest.mark.parametrize("seed", range(8))
def test_calm_life_raises_nothing(seed: int) -> None:
    """Other sessions of the same program, half an hour each."""
    assert said(block(load(seed, 1800))) == []


def test_what_gets_better_is_low_at_most() -> None:
    """Latency a third of what goes with the load."""
    values = load(3)
    values["latency_ms_mean"][300:330] /= 3
    (one,) = latest(said(block(values)))
    assert (one.metric, one.direction, one.severity) == ("latency_ms_mean", DOWN, "low")


def test_a_single_wild_period_raises_nothing() -> None:
    """A median of four passes over one."""
    values = load(1)
    values["cpu_percent"][150] = 1e300
    values["latency_ms_mean"][250] = -1e300
    assert said(block(values)) == []


def test_start_and_end_of_the_target_raise_nothing() -> None:
    """It starts up busy, and has gone when its processes are none."""
    values = load(1)
    values["cpu_percent"][:3] = 400.0
    alive = np.ones(600)
    alive[500:] = 0
    values["cpu_percent"][499] = 0.0
    for name in NAMES:
        values[name][500:] = 0.0
    assert said(block(values, alive=alive)) == []


def test_gaps_nulls_and_missing_metrics_raise_nothing() -> None:
    """What is missing is left out; a row with too little says nothing."""
    values = load(1)
    values["latency_ms_mean"][100:300] = np.nan
    values["cpu_percent"][200:] = np.nan
    numbers = np.arange(600) + 100 * (np.arange(600) > 350)
    assert said(block(values, numbers)) == []
    del values["latency_ms_mean"]
    assert said(block(values, numbers)) == []


def test_a_fault_in_the_metrics_that_are_there_is_found_without_the_others() -> None:
    """The marginal covariance of those present."""
    values = load(1)
    del values["latency_ms_mean"]
    values["threads_count"][300:330] += 8
    assert [one.metric for one in latest(said(block(values)))] == ["threads_count"]


def test_constants_raise_nothing() -> None:
    """A session in which nothing moves, in the middle of what was learned."""
    calm = {name: np.full(600, np.median(column)) for name, column in load(100, 1200).items()}
    assert said(block(calm)) == []


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(1, 1499), max_size=8))
def test_cuts_of_ticks_change_nothing_in_the_whole_pipeline(cuts: list[int]) -> None:
    """With a learned baseline, five ticks a period."""
    values = load(1, 300)
    values["threads_count"][200:230] += 8
    ticks = {name: np.repeat(column, 5) for name, column in values.items()}
    metrics = [one for one in (*RAW_METRICS, *DERIVED_METRICS) if one.name in ticks]
    columns = {name: Column(column, np.ones(1500, np.bool_)) for name, column in ticks.items()}
    whole = Block(np.arange(1500) * (SECOND // 5), columns)

    def told(bounds: list[int]) -> list[Finding]:
        pipeline = Pipeline(metrics, SECOND // 5, Settings(baseline=baseline()))
        found = [pipeline.add(whole[start:stop]) for start, stop in pairwise(bounds)]
        return [one for part in [*found, pipeline.finish()] for one in part]

    found = told([0, 1500])
    assert "joint_anomaly" in {one.kind for one in found}
    assert told([0, *sorted(cuts), 1500]) == found


def test_extreme_values_are_far_out_and_break_nothing() -> None:
    """1e300 for half a minute; infinities and more are no values."""
    values = load(1)
    values["cpu_percent"][200:230] = 1e300
    values["rss_bytes"][200:230] = -1e300
    values["latency_ms_mean"][200:230] = 1.7e308
    (one,) = latest(said(block(values)))
    assert one.value is not None and np.isfinite(one.value)
    assert all(np.isfinite(number) for number in one.evidence.values())


@pytest.mark.parametrize("count", [0, 1, 2, 4, TRIAL - 1])
def test_too_short_a_session_says_nothing(count: int) -> None:
    """Even where it is nothing like the baseline."""
    values = {name: column * 9 for name, column in load(1, 600).items()}
    assert said(block(values)[:count]) == []


def test_another_program_is_told_once_to_be_none_of_the_baseline() -> None:
    """Not a flood; and what it does later is not judged."""
    values = {name: column * 9 for name, column in load(1).items()}
    values["threads_count"][300:] += 80
    (one,) = said(block(values))
    assert (one.kind, one.metric, one.severity) == (DOES_NOT_FIT, None, "low")
    assert one.known_at_ns == TRIAL * SECOND
    assert "nothing like what was learned" in one.text


def test_a_session_without_the_metrics_is_told_so() -> None:
    """None of them, or too few of them."""
    none = {"fps": np.full(100, 60.0)}
    (one,) = said(block(none))
    assert "nothing in common" in one.text
    few = {name: column for name, column in load(1).items() if name in NAMES[:2]}
    (one,) = said(block(few))
    assert "it has 2 of the 5 metrics" in one.text


def test_other_periods_are_told_not_to_fit() -> None:
    """Medians of four seconds are not those of four minutes."""
    stage = JointStage(SECOND, replace(baseline(), length_ns=60 * SECOND))
    (one,) = stage.add(block(load(1)), [])
    assert "its periods are of 1 s, those of the baseline of 60 s" in one.text


def test_what_swings_out_again_and_again_is_no_flood() -> None:
    """Each alarm beyond the budget makes the next one harder."""
    values = load(1, 6000)
    values["threads_count"][100:] += 4 * (np.arange(5900) % 60 < 10)
    assert len(latest(said(block(values)))) < 20


def test_what_lasts_to_the_end_ends_with_it() -> None:
    """finish() closes what is open."""
    values = load(1)
    values["threads_count"][580:] += 8
    (one,) = latest(said(block(values)))
    assert one.end_ns == 600 * SECOND


def test_memory_does_not_grow_with_time() -> None:
    """What is kept after two hours is no more than after a quarter."""
    sizes = []
    for count in (900, 7200):
        stage = JointStage(SECOND, baseline())
        stage.add(block(load(1, count)), [])
        sizes.append(len(pickle.dumps(stage)))
    assert sizes[1] <= 1.05 * sizes[0]


def test_without_a_joint_model_nothing_is_read_and_nothing_said() -> None:
    """No baseline, or one of an earlier version."""
    for learned in (None, Baseline(SECOND, {})):
        stage = JointStage(SECOND, learned)
        assert stage.inputs == frozenset()
        assert stage.add(odd(1), []) == stage.finish([]) == []


def test_judging_does_not_load_scikit_learn() -> None:
    """Nor does anything that the pipeline stands on."""
    code = (
        "import sys, perfkit.analysis.pipeline, perfkit.workflows.baseline;"
        "sys.exit(any(name.partition('.')[0] == 'sklearn' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_stage_runs_between_baseline_and_anomaly() -> None:
    """With the baseline and the budget of the settings."""
    names = [name for name, _ in STAGES]
    assert names[names.index("baseline") + 1 :][:2] == ["joint", "anomaly"]
    make = dict(STAGES)["joint"]
    assert "cpu_percent_mean" in make((), SECOND, Settings(baseline=baseline())).inputs
    tight = JointStage(SECOND, baseline(), budget_per_day=0.001)
    values = load(1)
    values["threads_count"][300:330] += 8
    assert tight.add(block(values), []) != []
    assert model().threshold > 0
