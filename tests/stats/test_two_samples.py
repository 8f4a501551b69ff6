"""The shift between two samples against its definition, enumerated, and against its promise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.stats.two_samples import outermost_difference, shift_interval

numbers = st.floats(-1e3, 1e3, allow_nan=False).map(lambda number: round(number, 2))


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 3), (4, 4), (5, 2), (3, 6)])
@pytest.mark.parametrize("tail", [0.01, 0.05, 0.1, 0.3])
def test_the_rank_is_that_of_all_orders(first: int, second: int, tail: float) -> None:
    """Against every way to choose which places in the order belong to the second sample."""
    counts = [
        sum(place - index for index, place in enumerate(places))
        for places in itertools.combinations(range(first + second), second)
    ]
    below = 0
    while sum(count < below + 1 for count in counts) / len(counts) <= tail * (1 + 1e-12):
        below += 1

    assert outermost_difference(first, second, tail) == below


def test_large_samples_use_the_normal_distribution() -> None:
    """Where both can be had they nearly agree."""
    exact, normal = outermost_difference(60, 60, 0.05), outermost_difference(60, 61, 0.05)

    assert 0 < normal - exact < 40


@given(st.lists(numbers, min_size=1, max_size=8), st.lists(numbers, min_size=1, max_size=8))
def test_the_estimate_is_the_median_of_all_differences(
    first: list[float], second: list[float]
) -> None:
    """And the samples swapped give its mirror image."""
    found = shift_interval(first, second, 0.05, 0.01)
    mirrored = shift_interval(second, first, 0.01, 0.05)

    assert found.estimate == pytest.approx(np.median(np.subtract.outer(second, first)), abs=1e-9)
    assert (found.low, found.high) == (-mirrored.high, -mirrored.low)


def test_bounds_cover_the_shift_as_often_as_they_say() -> None:
    """2000 pairs of samples of 8 and 12 from a fixed seed: at most 5 % miss on each side."""
    generator = np.random.default_rng(5)
    found = [
        shift_interval(generator.normal(0, 1, 8), generator.normal(2, 1, 12), 0.05, 0.05)
        for _ in range(2000)
    ]

    assert 0.03 <= np.mean([interval.low > 2 for interval in found]) <= 0.062
    assert 0.03 <= np.mean([interval.high < 2 for interval in found]) <= 0.062


def test_many_values_are_thinned_and_few_bound_nothing() -> None:
    """A million rounds need no million million differences."""
    many = np.random.default_rng(6).normal(0, 1, 200_000)

    assert abs(shift_interval(many, many + 1, 0.01, 0.01).estimate - 1) < 0.1
    assert shift_interval([1.0], [2.0], 0.01, 0.01).low == -math.inf


@pytest.mark.parametrize("values", [[], [math.nan], [[1.0]]])
def test_what_is_no_sample_has_no_shift(values: list[float]) -> None:
    """Nothing is silently left out."""
    with pytest.raises(ValueError, match="a sample is"):
        shift_interval(values, [1.0], 0.05, 0.05)


def test_a_chance_lies_between_0_and_1() -> None:
    """Not percent."""
    with pytest.raises(ValueError, match="a chance"):
        shift_interval([1.0], [1.0], 5, 0.05)
