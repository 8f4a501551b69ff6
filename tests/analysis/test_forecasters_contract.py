"""What every forecaster of the registry has to bear, through the stage."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from perfkit.analysis.forecast.capacities import capacities
from perfkit.analysis.forecast.registry import FORECASTERS
from perfkit.analysis.forecast.stage import ForecastStage
from perfkit.model.block import Block, Column
from perfkit.model.finding import Finding
from perfkit.model.forecast import BEYOND, Forecast
from perfkit.model.thresholds import Thresholds

SECOND = 1_000_000_000
LIMIT = 800.0
DESCRIPTORS = [one for one in capacities(Thresholds()) if one.metric == "fds_nearest_count"]
T = np.arange(240.0)
NOISE = np.random.default_rng(5).normal(0, 3, len(T))

COURSES = {
    "leak": 100 + 2.5 * T + NOISE,
    "nulls": np.where(T % 3 == 1, np.nan, 100 + 2.5 * T),
    "all null": np.full(len(T), np.nan),
    "gap": np.where((T > 90) & (T < 150), np.nan, 100 + 2.5 * T),
    "constant": np.full(len(T), 300.0),
    "zero": np.zeros(len(T)),
    "one value": np.where(T == 7, 100.0, np.nan),
    "resets": 700 * (T % 60) / 60,
    "extremes": np.resize([1e308, -1e308, 5e-324, 1.0], len(T)),
    "beyond": np.full(len(T), 900.0),
}

each = pytest.mark.parametrize("name", FORECASTERS)
on_each = pytest.mark.parametrize("course", COURSES)


def run(
    name: str, values: np.ndarray, cuts: tuple[int, ...] = (), slower: int = 1, limit: float = LIMIT
) -> tuple[list[Finding], Forecast]:
    """A period a second, or each so many times as long with a horizon as much longer."""
    columns = {
        "fds_nearest_count_last": values,
        "fds_limit_count_last": np.full(len(values), limit),
    }
    block = Block(
        (np.arange(len(values)) * slower * SECOND).astype(np.int64),
        {
            key: Column(np.where(np.isfinite(one), one, 0.0), np.isfinite(one))
            for key, one in columns.items()
        },
    )
    stage = ForecastStage(DESCRIPTORS, slower * SECOND, 100 * slower * SECOND, FORECASTERS[name])
    found: list[Finding] = []
    with np.errstate(all="ignore"):
        for start, end in pairwise([0, *cuts, len(values)]):
            found += stage.add(block[start:end], ())
        return found + stage.finish(()), stage.standing[0]


@each
@on_each
def test_cuts_do_not_matter_and_the_same_is_said_again(name: str, course: str) -> None:
    """To the last bit; a probability is between 0 and 1, times are in their order."""
    values = COURSES[course]
    whole = run(name, values)
    assert repr(whole) == repr(run(name, values))
    assert repr(whole) == repr(run(name, values, (1, 2, 77, 78, 150, 239)))
    forecast = whole[1]
    if forecast.probability is None:
        assert forecast.reason or forecast.state == BEYOND
        return
    assert 0.0 <= forecast.probability <= 1.0
    times = [t for t in (forecast.low_s, forecast.median_s, forecast.high_s) if t is not None]
    assert times == sorted(times)


@each
def test_time_and_horizon_stretch_together(name: str) -> None:
    """Seven times as slow with seven times the horizon is the same probability."""
    for course in ("leak", "constant", "nulls"):
        one = run(name, COURSES[course])[1].probability
        assert run(name, COURSES[course], slower=7)[1].probability == pytest.approx(one, abs=1e-9)


@each
def test_the_unit_does_not_matter(name: str) -> None:
    """Values and capacity in another unit are the same probability."""
    values = COURSES["leak"]
    one = run(name, values)[1].probability
    other = run(name, values * 1024, limit=LIMIT * 1024)[1].probability
    assert other == pytest.approx(one, abs=1e-6)


@each
def test_what_never_moves_is_no_warning(name: str) -> None:
    """And nothing is found."""
    found, forecast = run(name, COURSES["constant"])
    assert not found
    assert forecast.probability is not None
    assert forecast.probability < 0.1
