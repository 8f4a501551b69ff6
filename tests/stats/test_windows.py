"""Figures of many windows at once, against one window after the other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.stats.windows import WindowQuantiles, window_sums

VALUES = st.lists(st.one_of(st.sampled_from([0.0, 1.0]), st.floats(-1e300, 1e300)), min_size=1)


@given(values=VALUES, percent=st.integers(1, 100), data=st.data())
def test_percentiles_are_those_of_each_sorted_window(
    values: list[float], percent: int, data: st.DataObject
) -> None:
    """By nearest rank, equal values and windows that share theirs included."""
    begins = data.draw(st.lists(st.integers(0, len(values) - 1)))
    ends = [data.draw(st.integers(begin + 1, len(values))) for begin in begins]
    got = WindowQuantiles(np.array(values)).at(
        np.array(begins, np.int64), np.array(ends, np.int64), percent
    )

    naive = []
    for begin, end in zip(begins, ends, strict=True):
        rank = max(1, math.ceil(percent * (end - begin) / 100))
        naive.append(sorted(values[begin:end])[rank - 1])
    assert got.tolist() == naive


@given(groups=st.lists(st.lists(st.floats(0, 1e9), min_size=1), min_size=1), data=st.data())
def test_sums_are_those_of_each_window(groups: list[list[float]], data: st.DataObject) -> None:
    """Of whole groups; an empty window adds up to nothing."""
    edges = np.cumsum([0, *map(len, groups)])
    pairs = data.draw(st.lists(st.tuples(*[st.integers(0, len(groups))] * 2)))
    first = [min(pair) for pair in pairs]
    last = [max(pair) for pair in pairs]
    got = window_sums(
        np.array([value for group in groups for value in group]),
        edges[:-1],
        edges[np.array(first, np.int64)],
        edges[np.array(last, np.int64)],
    )

    naive = [
        math.fsum(value for group in groups[one:other] for value in group)
        for one, other in zip(first, last, strict=True)
    ]
    assert got.tolist() == pytest.approx(naive, rel=1e-12)


def test_a_sum_beyond_a_double_is_infinite() -> None:
    """And says so without a warning; the window beside it is not touched."""
    values = np.array([1e308, 1e308, 2.0])
    got = window_sums(values, np.arange(3), np.array([0, 2]), np.array([2, 3]))

    assert got.tolist() == [math.inf, 2.0]


def test_no_values_have_no_windows() -> None:
    """Nothing asked, nothing found."""
    nothing = np.zeros(0, np.int64)

    assert WindowQuantiles(np.zeros(0)).at(nothing, nothing, 95).tolist() == []
    assert window_sums(np.zeros(0), nothing, nothing, nothing).tolist() == []
