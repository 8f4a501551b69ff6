"""The whole pipeline: ticks in any blocks give the same findings to the last bit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.analysis.pipeline import STAGES, Pipeline, Settings
from perfkit.analysis.rates import DERIVED_METRICS, Rates
from perfkit.analysis.watched import WATCHED
from perfkit.model.block import Block, Column
from perfkit.model.finding import Finding
from perfkit.model.thresholds import Threshold, Thresholds
from perfkit.sampling.metrics import RAW_METRICS

INTERVAL = 200_000_000
METRICS = (*RAW_METRICS, *DERIVED_METRICS)


def ticks(seed: int, count: int) -> Block:
    """A target that works unevenly, leaks, and for a while opens files and burns CPU."""
    rng = np.random.default_rng(seed)
    t_ns = np.arange(count) * INTERVAL + rng.integers(0, 1000, count)
    fault = (np.arange(count) > count * 0.6) & (np.arange(count) < count * 0.8)
    cpu = rng.gamma(2, 5, count) + 60 * fault
    rss = 1e8 + 2e5 * np.arange(count) + rng.normal(0, 1e5, count)
    columns = {
        "cpu_percent": (cpu, rng.random(count) > 0.05),
        "rss_bytes": (rss.astype(np.int64), np.ones(count, np.bool_)),
        "fds_count": (20 + 15 * fault.astype(np.int64), np.ones(count, np.bool_)),
        "memory_pressure_ratio": (rss / 4e8, np.ones(count, np.bool_)),
    }
    return Block(t_ns, {name: Column(*pair) for name, pair in columns.items()})


def run(block: Block, cuts: list[int], chosen: Settings | None = None) -> list[Finding]:
    pipeline = Pipeline(METRICS, INTERVAL, chosen)
    bounds = [0, *sorted(cut for cut in cuts if 0 < cut < len(block)), len(block)]
    found: list[Finding] = []
    for start, stop in pairwise(bounds):
        found += pipeline.add(block[start:stop])
    return found + pipeline.finish()


@settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(1, 1499), max_size=10), seed=st.integers(0, 3))
def test_cuts_change_nothing(cuts: list[int], seed: int) -> None:
    """Random cuts against the whole."""
    block = ticks(seed, 1500)
    assert run(block, cuts) == run(block, [])


def test_tick_by_tick_is_the_same_as_the_whole() -> None:
    """As it is live, and as it is in replay."""
    block = ticks(1, 1500)
    whole = run(block, [])
    assert run(block, list(range(1500))) == whole
    assert {one.stage for one in whole} >= {"trend", "alert"}


def test_findings_come_in_order_and_are_never_from_the_future() -> None:
    """By the time at which they became known; an onset lies before that."""
    found = run(ticks(2, 1500), [])
    assert [one.order for one in found] == sorted(one.order for one in found)
    assert all(one.onset_ns <= one.known_at_ns for one in found)
    assert all(one.known_at_ns <= 300 * 10**9 for one in found)


def test_every_stage_has_a_name_of_its_own_and_reads_known_columns() -> None:
    """The table's name is what findings say."""
    made = [make(WATCHED, 10**9, Settings()) for _, make in STAGES]
    assert [stage.name for stage in made] == [name for name, _ in STAGES]
    assert len({stage.name for stage in made}) == len(made)


def test_stages_after_the_last_one_asked_for_do_not_run() -> None:
    """Nothing is read for them either."""
    only = Pipeline(METRICS, INTERVAL, None, {"trend"})
    assert only.inputs < Pipeline(METRICS, INTERVAL).inputs
    block = ticks(1, 1500)
    assert {one.stage for one in only.add(block) + only.finish()} == {"trend"}


def test_a_session_without_ticks_says_nothing() -> None:
    """Neither does one tick."""
    assert run(ticks(1, 0), []) == []
    assert run(ticks(1, 1), []) == []


def test_thresholds_reach_the_alerts() -> None:
    """Memory beyond a mark that was moved."""
    chosen = Settings(thresholds=Thresholds(memory=Threshold(0.1, 0.2)))
    found = run(ticks(1, 1500), [], chosen)
    assert any(one.stage == "alert" and one.metric == "memory_pressure_ratio" for one in found)


@pytest.mark.parametrize("metric", [one.metric for one in WATCHED])
def test_every_watched_metric_exists(metric: str) -> None:
    """A renamed column would silently not be watched."""
    assert metric in {one.name for one in (*METRICS, *Rates(RAW_METRICS).metrics)}
