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

    def __init__(self, restarts: bool) -> None:
        """Nothing seen."""
        self.restarts = restarts
        self.highs: list[float] = []
        self.lows: list[float] = []
        self.done: list[float] = []
        self.whole = float("nan")
        self.number = 0
        self.value = self.limit = float("nan")
        self.seen_ns = 0

    def row(
        self,
        number: int,
        end_ns: int,
        value: float | None,
        limit: float | None,
        whole: float | None,
        done: float,
    ) -> None:
        """One period."""
        self.limit = self.limit if limit is None else limit
        if value is None:
            return
        self.value, self.seen_ns = value, end_ns
        passed = number - self.number if self.highs else 1
        self.number = number
        other = whole is not None and abs(whole - self.whole) > 0.05 * max(whole, self.whole)
        self.whole = self.whole if whole is None else whole
        falls = self.restarts and bool(self.highs) and 0 <= value < 0.1 * self.lows[-1]
        if self.highs and (falls or other):
            self.highs, self.lows, self.done, passed = [], [], [], 1
        high, low = (self.highs[-1], self.lows[-1]) if self.highs else (value, value)
        before = self.done[-1] if self.done else done
        for step in range(1, 1 if passed > LONG else passed):
            self.highs.append(high * (1.0 - step / passed) + value * (step / passed))
            self.lows.append(low * (1.0 - step / passed) + value * (step / passed))
            self.done.append(before * (1.0 - step / passed) + done * (step / passed))
        if passed:
            self.highs.append(value)
            self.lows.append(value)
            self.done.append(done)
        else:
            self.highs[-1] = max(self.highs[-1], value)
            self.lows[-1] = min(self.lows[-1], value)
            self.done[-1] = done

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
            (empty + self.done)[-KEPT:],
        )


rows = st.lists(
    st.tuples(
        st.integers(0, 3) | st.integers(0, 12),
        st.none() | st.sampled_from([0.0, 0.4, 1.0, 5.0, 50.0, 60.0, 700.0, -3.0, 1e308, -1e308]),
        st.none() | st.sampled_from([100.0, 200.0]),
        st.none() | st.sampled_from([1000.0, 1001.0, 5000.0]),
        st.sampled_from([0.0, 0.1, 7.0]),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=400, deadline=None)
@given(rows, st.lists(st.integers(0, 60), max_size=6), st.booleans())
def test_all_moments_at_once_are_those_of_the_loop(
    told: list[tuple[int, float | None, float | None, float | None, float]],
    cuts: list[int],
    restarts: bool,
) -> None:
    """Gaps, nulls, restarts, another whole, extremes and any cuts: to the last bit."""
    numbers = np.cumsum([one[0] for one in told])
    ends_ns = numbers * 10 + np.arange(len(told)) + 1
    moments = np.flatnonzero(np.diff(numbers // 3, prepend=0) > 0)
    done = np.cumsum([one[4] for one in told])
    wholes = [None if restarts else one[3] for one in told]
    naive, expected = Naive(restarts), []
    for row, (_, value, limit, _, _) in enumerate(told):
        naive.row(int(numbers[row]), int(ends_ns[row]), value, limit, wholes[row], float(done[row]))
        if row in moments:
            expected.append(naive.moment())
    series = Series(
        np.array([one[1] or 0.0 for one in told]),
        np.array([one[1] is not None for one in told]),
        np.array([one[2] or 0.0 for one in told]),
        np.array([one[2] is not None for one in told]),
        np.array([np.nan if one is None else one for one in wholes]),
        done,
    )
    history = History(KEPT, LONG, restarts=restarts, works=True)
    found: list[tuple[object, ...]] = []
    edges = [0, *sorted(min(cut, len(told)) for cut in cuts), len(told)]
    for start, end in pairwise(edges):
        if start == end:
            continue
        here = moments[(moments >= start) & (moments < end)] - start
        its = history.take(
            Series(*(part[start:end] for part in series)),
            numbers[start:end],
            ends_ns[start:end],
            here,
        )
        found += [tuple(part[place].tolist() for part in its) for place in range(len(here))]
    assert repr(found) == repr(expected)
    now = tuple(part[0].tolist() for part in history.now())
    assert repr(now) == repr(naive.moment())
