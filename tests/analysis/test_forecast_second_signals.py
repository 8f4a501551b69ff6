"""Second signals: work that explains growth, what drives a capacity, and the whole it is part of."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.analysis.forecast.capacities import FULL, Capacity, capacities
from perfkit.analysis.forecast.driver import MET, driven
from perfkit.analysis.forecast.passage import Passage
from perfkit.analysis.forecast.registry import FORECASTERS
from perfkit.analysis.forecast.stage import ForecastStage
from perfkit.analysis.forecast.work import explained
from perfkit.model.block import Block, Column
from perfkit.model.finding import Finding
from perfkit.model.forecast import BEYOND, CLEAR, CROSSING, NOTICE, Forecast
from perfkit.model.thresholds import Thresholds

SECOND = 1_000_000_000
HORIZON_S = 100
LIMIT = 800.0
T = np.arange(250.0)
CHANCE = np.random.default_rng(3)
RISING = 100 + 2.5 * T + CHANCE.normal(0, 3, len(T))
"""Straight up, at 722 of 800 in the end."""

OWN = Passage(0.3, 0.4, 0.7, 0.5, 1.5)
SURE = Passage(0.8, 0.9, 0.4, 0.3, 0.6)


def of(*metrics: str) -> list[Capacity]:
    """These capacities, as the pipeline has them."""
    return [one for one in capacities(Thresholds()) if one.metric in metrics]


def run(
    known: list[Capacity],
    columns: dict[str, np.ndarray],
    cuts: tuple[int, ...] = (),
    forecaster: str = "default",
) -> tuple[list[Finding], tuple[Forecast, ...]]:
    """A period a second; NaN is null."""
    count = len(next(iter(columns.values())))
    block = Block(
        np.arange(count) * SECOND,
        {
            name: Column(np.where(np.isfinite(one), one, 0.0), np.isfinite(one))
            for name, one in columns.items()
        },
    )
    stage = ForecastStage(known, SECOND, HORIZON_S * SECOND, FORECASTERS[forecaster])
    found: list[Finding] = []
    for start, end in pairwise([0, *cuts, count]):
        found += stage.add(block[start:end], ())
    return found, stage.standing


def descriptors(
    work: np.ndarray | None, cuts: tuple[int, ...] = (), forecaster: str = "default"
) -> tuple[list[Finding], Forecast]:
    """RISING, with so many calls a second."""
    columns = {
        "fds_nearest_count_last": RISING,
        "fds_limit_count_last": np.full(len(RISING), LIMIT),
    }
    if work is not None:
        columns["throughput_per_s"] = work
    found, (forecast,) = run(of("fds_nearest_count"), columns, cuts, forecaster)
    return found, forecast


STEADY = CHANCE.poisson(40, len(T)).astype(np.float64)
GROWING = CHANCE.poisson(0.4 * RISING).astype(np.float64)
"""As many calls as there are descriptors, so to speak."""


def test_growth_with_the_work_is_no_leak() -> None:
    """The same course is one where the work stays what it is, or where nobody tells of any."""
    leak, load, unknown = (descriptors(one)[1] for one in (STEADY, GROWING, None))
    assert leak.state == unknown.state == CROSSING
    assert load.state == CLEAR
    assert load.surge_risk == leak.surge_risk
    assert load.evidence["explained_by_work_ratio"] > 0.6
    assert leak.evidence["explained_by_work_ratio"] < 0.2
    assert "explained_by_work_ratio" not in unknown.evidence


def test_cuts_do_not_matter_to_second_signals() -> None:
    """To the last bit, work with gaps in it included."""
    for work in (GROWING, np.where(T % 7 == 2, np.nan, STEADY / 3)):
        assert repr(descriptors(work)) == repr(descriptors(work, (1, 2, 90, 91, 200)))


def test_forecasters_of_one_signal_do_not_see_the_work() -> None:
    """They are there to be compared with."""
    for name, spec in FORECASTERS.items():
        if not spec.second:
            assert descriptors(GROWING, (), name) == descriptors(None, (), name)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[float], list[float], int]:
    """Values, work of as many blocks, and for how many of them growth has lasted."""
    count = draw(st.integers(1, 40))
    values = draw(st.lists(st.floats(-1, 2), min_size=count, max_size=count))
    work = draw(st.lists(st.floats(0, 50), min_size=count, max_size=count))
    return values, work, draw(st.integers(0, count - 1))


def naive(values: list[float], work: list[float], age: int) -> float:
    """The plain words of `explained`, one window at a time."""
    last = len(values) - 1
    start = last - age
    first = max(start - 7, 0)
    before = work[first : min(max(start, first + 3), last) + 1]
    now = work[max(last - 7, 0) : last + 1]
    steps = [(b - a) ** 2 for a, b in pairwise(work)]
    noise = sum(steps) / max(2 * len(steps), 1)
    mean_before, mean_now = (sum(some) / len(some) for some in (before, now))
    error = math.sqrt(noise * (1 / len(before) + 1 / len(now)))
    if not mean_now - mean_before > 1.645 * error or mean_before <= 0:
        return 0.0
    if not 0 < values[start] < values[last]:
        return 0.0
    grown = max(math.log(values[last]) - math.log(values[start]), 0.05)
    return min(max((math.log(mean_now) - math.log(mean_before)) / grown, 0.0), 1.0)


@given(st.lists(histories(), min_size=1, max_size=4))
def test_what_work_explains_is_what_the_plain_words_say(
    told: list[tuple[list[float], list[float], int]],
) -> None:
    """Of many windows at once as of each alone."""
    steps, count = 40, len(told)
    highs, work = np.zeros((steps, count)), np.zeros((steps, count))
    for place, (values, rates, _) in enumerate(told):
        highs[: len(values), place] = values
        work[: len(rates), place] = rates
    seen = np.array([len(values) for values, _, _ in told])
    with np.errstate(all="raise", under="ignore"):
        found = explained(highs, seen, work, np.array([age for _, _, age in told]))
    assert found == pytest.approx([naive(*one) for one in told], abs=1e-6)


def test_the_surer_of_a_capacity_and_its_driver_counts() -> None:
    """With its times; what is met says nothing of when, but much of whether."""
    assert driven(OWN, SURE, met=False) == replace(SURE, driven=True)
    assert driven(SURE, OWN, met=False) == SURE
    assert driven(OWN, None, met=False) == OWN
    assert driven(OWN, None, met=True) == replace(OWN, probability=MET, surge_risk=MET, driven=True)
    assert driven(replace(SURE, probability=0.95), None, met=True).driven is False


def test_a_queue_is_foreseen_by_its_workers() -> None:
    """It hardly moves until they are all busy; by itself it is calm."""
    queue = 20 + CHANCE.exponential(5, len(T))
    busy = np.minimum(0.2 + 0.0028 * T + CHANCE.normal(0, 0.01, len(T)), 0.94)
    known = of("queue_ms_p95", "worker_utilisation_ratio")
    both = {"queue_ms_p95": queue, "worker_utilisation_ratio": busy}
    found, standing = run(known, both)
    by_metric = {one.metric: one for one in standing}
    alone = run(of("queue_ms_p95"), {"queue_ms_p95": queue})[1][0]
    assert alone.state == CLEAR
    assert by_metric["queue_ms_p95"].state == CROSSING
    assert by_metric["queue_ms_p95"].evidence["driven"] == 1.0
    assert by_metric["queue_ms_p95"].median_s == by_metric["worker_utilisation_ratio"].median_s
    assert repr((found, standing)) == repr(run(known, both, (3, 120, 121)))
    full = {**both, "worker_utilisation_ratio": np.where(T > 240, 1.0, busy)}
    by_metric = {one.metric: one for one in run(known, full)[1]}
    assert by_metric["worker_utilisation_ratio"].state == BEYOND
    assert by_metric["worker_utilisation_ratio"].capacity == FULL
    assert by_metric["queue_ms_p95"].probability == MET
    assert (by_metric["queue_ms_p95"].level, by_metric["queue_ms_p95"].median_s) == (NOTICE, None)


def test_workers_that_are_always_busy_drive_no_queue() -> None:
    """Work is handed to them only when they are free: for a while that looks like too much of it."""
    queue = 20 + CHANCE.exponential(5, len(T))
    known = of("queue_ms_p95", "worker_utilisation_ratio")
    for busy_for, level in ((40, NOTICE), (130, "")):
        busy = np.where(len(T) - T <= busy_for, 0.99 + CHANCE.normal(0, 0.01, len(T)), 0.5)
        columns = {"queue_ms_p95": queue, "worker_utilisation_ratio": busy}
        standing = {one.metric: one for one in run(known, columns)[1]}
        assert standing["worker_utilisation_ratio"].state == BEYOND
        assert standing["queue_ms_p95"].level == level
        assert repr(run(known, columns)) == repr(run(known, columns, (100, 170, 171, 233)))


def test_another_file_system_begins_anew() -> None:
    """A process that opens a file on a smaller one has not filled the larger."""
    later, small = T >= 60, 5e9 - 1.85e7 * T
    room, whole = np.where(later, small, 9e11), np.where(later, 6e9, 2e12)
    known = of("disk_free_bytes")
    (moved,) = run(known, {"disk_free_bytes_last": room, "disk_total_bytes_last": whole})[1]
    alone = {
        "disk_free_bytes_last": np.where(later, small, np.nan),
        "disk_total_bytes_last": np.full(len(T), 6e9),
    }
    (there,) = run(known, alone)[1]
    assert moved == there
    assert moved.state == CROSSING


def test_what_ends_leaves_the_forecast_as_it_stood() -> None:
    """A process that has ended holds nothing, which is no fall."""
    columns = {
        "fds_nearest_count_last": np.append(RISING, [0.0, 0.0]),
        "fds_limit_count_last": np.full(len(RISING) + 2, LIMIT),
    }
    (ended,) = run(of("fds_nearest_count"), columns)[1]
    going_on = descriptors(None)[1]
    assert replace(ended, at_ns=going_on.at_ns) == going_on


def test_evidence_is_the_same_however_periods_are_cut() -> None:
    """It is as of the metric's last value, though other columns went on or came in between."""
    count = len(T)
    columns = {
        "fds_nearest_count_last": np.where(T % 5 == 1, RISING, np.nan),
        "fds_limit_count_last": np.full(count, LIMIT),
        "fds_count_last": np.where(T % 4 == 3, T, np.nan),
    }
    whole = run(of("fds_nearest_count"), columns)
    assert any("fds_count_last" in one.evidence for one in whole[0])
    for cuts in ((50, 100, 150), tuple(range(1, count)), (231, 232, 233, 234, 246, 247, 248, 249)):
        assert repr(run(of("fds_nearest_count"), columns, cuts)) == repr(whole)
    # its last value is of 246 s, the last of the other column before it of 243 s
    assert whole[1][0].evidence["fds_count_last"] == 243
