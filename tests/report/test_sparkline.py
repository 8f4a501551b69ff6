"""A row of numbers as a row of blocks."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from perfkit.report.sparkline import BLOCKS, sparkline

VALUES = st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=60)


def test_the_lowest_is_a_low_block_and_the_highest_a_full_one():
    """Eight evenly spaced levels use the eight blocks in order."""
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == BLOCKS


def test_a_missing_value_is_a_gap():
    """What was not recorded is not drawn as zero."""
    assert sparkline([0, None, 10, math.nan]) == "▁ █ "


def test_a_level_that_does_not_move_is_a_flat_line():
    """Noise below a hundredth of the level is no movement."""
    assert sparkline([1000, 1005, 998]) == "▁▁▁"
    assert sparkline([0, 0]) == "▁▁"


def test_nothing_gives_nothing():
    """No values, no blocks; only gaps, only spaces."""
    assert sparkline([]) == ""
    assert sparkline([None, None]) == "  "


def test_narrowing_takes_the_mean_of_neighbours():
    """Four values in two columns: 1 and 9 by hand."""
    assert sparkline([0, 2, 8, 10], width=2) == sparkline([1, 9])
    assert sparkline([None, None, 8, 10, 0, None], width=3) == sparkline([None, 9, 0])


def test_values_at_the_ends_of_floating_point_do_not_overflow():
    """A span that is itself infinite is drawn flat, not raised."""
    assert len(sparkline([-1.7e308, 1.7e308, 0.0])) == 3


@given(VALUES, st.integers(0, 70))
def test_it_is_as_long_as_asked_and_of_blocks_and_gaps_only(values, width):
    """One character a value, fewer where it is narrower."""
    line = sparkline(values, width)

    assert len(line) == (min(len(values), width) if width else len(values))
    assert set(line) <= {*BLOCKS, " "}


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.floats(1, 1e3))
def test_the_scale_does_not_matter(values, factor):
    """The shape is that of the values: twice the size looks the same, but for rounding."""
    one, other = sparkline(values), sparkline([value * factor for value in values])

    assert all(abs(ord(a) - ord(b)) <= 1 for a, b in zip(one, other, strict=True))
