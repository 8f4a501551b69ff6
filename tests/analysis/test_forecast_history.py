"""The past of a capacity against the plain loop over rows that it stands for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.analysis.forecast.capacities import Series
from perfkit.analysis.forecast.history import History

KEPT, LONG = 12, 4


class Naive:
    """A row at a time, in lists."""

    def __init__(self) -> None:
        """Nothing seen."""
        self.highs: list[float] = []
        self.lows: list[float] = []
        self.number = 0
        self.value = self.limit = float("nan")
        self.seen_ns = 0

    def row(self, number: int, end_ns: int, value: float | None, limit: float | None) -> None:
        """One period."""
        self.limit = self.limit if limit is None else limit
        if value is None:
            return
        self.value, self.seen_ns = value, end_ns
        passed = number - self.number if self.highs else 1
        self.number = number
        if self.highs and 0 <= value < 0.1 * self.lows[-1]:
            self.highs, self.lows, passed = [], [], 1
        high, low = (self.highs[-1], self.lows[-1]) if self.highs else (value, value)
        for step in range(1, 1 if passed > LONG else passed):
            self.highs.append(high * (1.0 - step / passed) + value * (step / passed))
            self.lows.append(low * (1.0 - step / passed) + value * (step / passed))
        if passed:
            self.highs.append(value)
            self.lows.append(value)
        else:
            self.highs[-1] = max(self.highs[-1], value)
            self.lows[-1] = min(self.lows[-1], value)

    def moment(self) -> tuple[object, ...]:
        """As History tells it."""
        empty = [float("nan")] * KEPT
        return (
            self.value,
            self.limit,
            self.seen_ns,
            (empty + self.highs)[-KEPT:],
            (empty + self.lows)[-KEPT:],
            min(len(self.highs), KEPT),
        )


rows = st.lists(
    st.tuples(
        st.integers(0, 3) | st.integers(0, 12),
        st.none() | st.sampled_from([0.0, 0.4, 1.0, 5.0, 50.0, 60.0, 700.0, -3.0, 1e308, -1e308]),
        st.none() | st.sampled_from([100.0, 200.0]),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=400, deadline=None)
@given(rows, st.lists(st.integers(0, 60), max_size=6))
def test_all_moments_at_once_are_those_of_the_loop(
    told: list[tuple[int, float | None, float | None]], cuts: list[int]
) -> None:
    """Gaps, nulls, restarts, extremes and any cuts: to the last bit."""
    numbers = np.cumsum([step for step, _, _ in told])
    ends_ns = numbers * 10 + np.arange(len(told)) + 1
    moments = np.flatnonzero(np.diff(numbers // 3, prepend=0) > 0)
    naive, expected = Naive(), []
    for row, (_, value, limit) in enumerate(told):
        naive.row(int(numbers[row]), int(ends_ns[row]), value, limit)
        if row in moments:
            expected.append(naive.moment())
    series = Series(
        np.array([value or 0.0 for _, value, _ in told]),
        np.array([value is not None for _, value, _ in told]),
        np.array([limit or 0.0 for _, _, limit in told]),
        np.array([limit is not None for _, _, limit in told]),
    )
    history = History(KEPT, LONG, restarts=True)
    found: list[tuple[object, ...]] = []
    edges = [0, *sorted(min(cut, len(told)) for cut in cuts), len(told)]
    for start, end in pairwise(edges):
        if start == end:
            continue
        here = moments[(moments >= start) & (moments < end)] - start
        its = history.take(
            Series(
                series.values[start:end],
                series.valid[start:end],
                series.capacity[start:end],
                series.capacity_valid[start:end],
            ),
            numbers[start:end],
            ends_ns[start:end],
            here,
        )
        found += [tuple(part[place].tolist() for part in its) for place in range(len(here))]
    assert repr(found) == repr(expected)
    now = tuple(part[0].tolist() for part in history.now())
    assert repr(now) == repr(naive.moment())
