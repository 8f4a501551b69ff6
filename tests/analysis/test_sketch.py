"""Quantiles in bounded memory: near the exact rank, whatever the values and the order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.analysis import sketch
from perfkit.analysis.sketch import Quantiles, RunningMedian

VALUES = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60)


def quantiles(*parts: list[float]) -> Quantiles:
    got = Quantiles()
    for part in parts:
        got.add(np.array(part, np.float64))
    return got


def test_small_whole_numbers_are_exact() -> None:
    """Of 1 to 100, 95 are at most 95."""
    got = quantiles([float(number) for number in range(100, 0, -1)])

    assert [got.at(share) for share in (0.0, 0.5, 0.95, 0.99, 1.0)] == [1, 50, 95, 99, 100]


def test_nothing_has_no_quantile() -> None:
    """None, not zero."""
    assert quantiles([]).at(0.5) is None


def test_equal_values_are_their_own_quantile() -> None:
    """A constant is never rounded away from itself."""
    assert quantiles([123456789.123] * 7).at(0.95) == 123456789.123


@given(values=VALUES, share=st.floats(0, 1))
def test_a_quantile_is_near_the_exact_one(values: list[float], share: float) -> None:
    """Within 0.025 % of the value at the nearest rank."""
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    got = quantiles(values).at(share)

    assert got == pytest.approx(exact, rel=2.5e-4, abs=1e-300)


@given(values=VALUES, at=st.integers(0, 60), share=st.floats(0, 1))
def test_a_quantile_does_not_depend_on_order_or_cuts(
    values: list[float], at: int, share: float
) -> None:
    """Also where the values waiting are counted in between."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sketch, "_WAITING_LIMIT", 5)
        cut = quantiles(values[at:], values[:at])
        got = cut.at(share)

    assert got == quantiles(sorted(values)).at(share)
    assert cut.count == len(values)


def test_memory_grows_with_magnitudes_and_not_with_values() -> None:
    """A million values of one magnitude take a few thousand counts."""
    rng = np.random.default_rng(1)
    got = Quantiles()
    for _ in range(10):
        got.add(rng.uniform(1e6, 2e6, 100_000))
    got.at(0.5)

    assert got.count == 1_000_000
    assert len(got._bins) <= 4096 + 1


@given(st.lists(st.floats(0, 1e12)), st.integers(0, 50))
def test_a_running_median_is_that_of_all_values_so_far(values: list[float], at: int) -> None:
    """The lower one, known to 0.02 %, in one piece or in two."""
    median, in_two = RunningMedian(), RunningMedian()
    got = median.add(np.array(values)).tolist()

    assert [*in_two.add(np.array(values[:at])), *in_two.add(np.array(values[at:]))] == got
    for count, found in enumerate(got, 1):
        naive = sorted(values[:count])[(count - 1) // 2]
        assert naive * (1 - 2**-12) - 1e-307 <= found <= naive
