"""Periods of single series: spectra that hint, and the test that proves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.stats.periodicity import Cycle, find
from perfkit.stats.spectra import hints

Floats = npt.NDArray[np.float64]


def cycle(values: Floats, level: float = 2e-4) -> Cycle | None:
    """What is found at whatever the spectra hint at."""
    bounds = {"shortest": 2.5, "longest": len(values) / 4, "level": level, "least": 0.15}
    return find(values, hints(values[None, :])[0], **bounds)


def wave(period: float, count: int, seed: int, noise: float = 0.3) -> Floats:
    """A sawtooth in noise."""
    rng = np.random.default_rng(seed)
    phase = (np.arange(count) + rng.uniform(0, period)) / period % 1
    return 3 * phase + noise * rng.normal(size=count)


def test_the_interval_holds_the_period_as_often_as_it_says() -> None:
    """Nineteen times in twenty, of 200 series; the estimate itself is always within 3 %."""
    inside = 0
    for seed in range(200):
        period = np.random.default_rng([3, seed]).uniform(5, 60)
        found = cycle(wave(period, 400, seed))
        assert found is not None
        assert found.period == pytest.approx(period, rel=0.03)
        inside += found.low <= period <= found.high
    assert 0.9 * 200 <= inside <= 0.99 * 200


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_level_and_unit_do_not_matter(level: float, unit: float, seed: int) -> None:
    """The period is that of the series in any unit, up to rounding."""
    plain = wave(17, 300, seed)
    one, other = cycle(plain), cycle((plain + level / 1e6) * unit)
    assert one is not None and other is not None
    assert other.period == pytest.approx(one.period, rel=1e-6)


def test_a_multiple_is_not_taken_for_the_cycle() -> None:
    """Twenty periods of uneven length: the shortest that explains all."""
    for period in np.geomspace(6, 60, 20).tolist():
        time = np.arange(400)
        square = np.where(time / period % 1 < 0.5, 1.0, 0.0)
        found = cycle(square + 0.1 * np.random.default_rng(1).normal(size=400))
        assert found is not None and found.period == pytest.approx(period, rel=0.05)


def test_the_chance_holds_for_white_noise() -> None:
    """At a level of one in ten, at most so many of 300 series; frequencies tried are paid for."""
    rng = np.random.default_rng(1)
    false = sum(cycle(rng.normal(size=300), 0.1) is not None for _ in range(300))
    assert false <= 30


def test_a_constant_and_a_short_series_have_no_cycle() -> None:
    """Nothing to divide by, nothing to compare."""
    assert cycle(np.full(200, 3.0)) is None
    assert cycle(np.arange(200.0)) is None
    assert cycle(np.array([1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0] * 3)) is None
