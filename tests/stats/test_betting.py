"""Bets against a centre: their level, by flipping signs; their bounds, against plain loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.stats.betting import lower_bound, scales, upper_bound, wealth

numbers = st.floats(-10, 10, allow_nan=False).map(lambda number: round(number, 4))
samples = st.lists(numbers, min_size=1, max_size=12)


@given(st.lists(numbers.map(abs), min_size=1, max_size=8))
def test_wealth_has_a_mean_of_one_where_signs_are_fair(magnitudes: list[float]) -> None:
    """Over every way to give the magnitudes signs, enumerated: no advantage from bets on chance."""
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(magnitudes))))
    flipped = signs * np.array(magnitudes)

    assert wealth(flipped, 0.0, scales(flipped)).mean(axis=0) == pytest.approx(1.0)


@pytest.mark.parametrize("level", [0.01, 0.05])
@pytest.mark.parametrize(
    "kind", ["normal", "heavy tails", "two speeds", "growing", "with outliers"]
)
def test_the_centre_is_rejected_at_any_look_no_oftener_than_the_level(
    kind: str, level: float
) -> None:
    """4000 samples of 30, looked at after every value; fixed seed, three standard errors."""
    generator = np.random.default_rng(3)
    shape = (4000, 30)
    values = {
        "normal": generator.normal(0, 0.01, shape),
        "heavy tails": 0.01 * generator.standard_t(1.5, shape),
        "two speeds": generator.choice([-0.3, 0.3], shape) + generator.normal(0, 0.02, shape),
        "growing": generator.normal(0, 1, shape) * np.geomspace(0.001, 1, 30),
        "with outliers": generator.normal(0, 0.01, shape)
        + generator.choice([-5.0, 0.0, 0.0, 0.0, 5.0], shape),
    }[kind]
    ever = (wealth(values, 0.0, scales(values)) >= 1 / level).any(axis=1)

    assert ever.mean() <= level + 3 * math.sqrt(level / 4000)


@given(samples, numbers)
def test_wealth_falls_as_the_centre_rises(values: list[float], centre: float) -> None:
    """So the centres that are not rejected are a half line."""
    sample = np.array(values)
    known = scales(sample)

    assert (
        wealth(sample, centre + 0.5, known) <= wealth(sample, centre, known) * (1 + 1e-12)
    ).all()


@given(st.lists(numbers, min_size=7, max_size=12), st.sampled_from([0.01, 0.05, 0.2]))
def test_the_bound_is_where_the_wealth_reaches_the_level(values: list[float], level: float) -> None:
    """A hair below the bound is rejected at some look, a hair above at none."""
    sample = np.array(values)
    bound = lower_bound(sample, level)
    known = scales(sample)

    assert wealth(sample, bound - 1e-9, known).max() >= 1 / level
    assert wealth(sample, bound + 1e-9, known).max() < 1 / level


@given(samples, numbers, st.sampled_from([0.05, 0.2]))
def test_bounds_never_widen_and_are_mirrored(
    values: list[float], further: float, level: float
) -> None:
    """What was rejected once stays so."""
    assert lower_bound([*values, further], level) >= lower_bound(values, level) - 1e-9
    assert upper_bound(values, level) == -lower_bound([-value for value in values], level)


@given(st.lists(numbers, min_size=7, max_size=12), numbers)
def test_a_shift_of_all_values_shifts_the_bound(values: list[float], shift: float) -> None:
    """Bets do not depend on where zero is."""
    moved = lower_bound([value + shift for value in values], 0.05)

    assert moved == pytest.approx(lower_bound(values, 0.05) + shift, abs=1e-7)


@given(st.lists(numbers, min_size=3, max_size=12))
def test_a_scale_is_known_before_its_value(values: list[float]) -> None:
    """Another last value leaves every scale as it is."""
    changed = np.array([*values[:-1], values[-1] + 3.0])

    assert (scales(np.array(values)) == scales(changed)).all()


def test_too_few_values_bound_nothing() -> None:
    """Seven of one sign are 1 in 128, six are 1 in 64."""
    assert lower_bound([1.0] * 6, 0.01) == -math.inf
    assert 0.9 < lower_bound([1.0] * 7, 0.01) < 1.0
    assert lower_bound([], 0.05) == -math.inf


def test_one_wild_value_of_twenty_moves_little() -> None:
    """A pair that something else disturbed does not decide."""
    values = np.random.default_rng(7).normal(0.05, 0.01, 20)
    values[12] = -3.0

    assert lower_bound(values, 0.01) > 0.02


@pytest.mark.parametrize("values", [[math.nan], [1.0, math.inf], [[1.0, 2.0]]])
def test_what_is_no_sample_has_no_bound(values: list[float]) -> None:
    """Nothing is silently left out."""
    with pytest.raises(ValueError, match="a sample is"):
        lower_bound(values, 0.05)


@pytest.mark.parametrize("level", [0.0, 1.0, math.nan])
def test_a_level_lies_between_0_and_1(level: float) -> None:
    """Not percent."""
    with pytest.raises(ValueError, match="a level"):
        lower_bound([1.0], level)
