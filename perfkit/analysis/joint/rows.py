"""What is judged together: of every metric the median of its last few periods, a row a period.

A median over a fixed number of periods passes over what lasts for one of them, such as the last
gasp of a target, and is the same to the last bit however the stream was cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from perfkit.analysis.rates import DERIVED_METRICS
from perfkit.analysis.watched import WATCHED, Watched
from perfkit.model.block import Block
from perfkit.model.metric import MACHINE

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

WINDOW = 4
"""Periods that a row is the median of."""

STARTING = 3
"""Periods of starting up that are passed over."""

GAP = 10
"""Periods that may be missing before what comes next no longer follows on what was before."""

_ALIVE = "processes_count_last"
_BATCH = 8192
_MOST = 1e300  # beyond it differences would be no numbers

_OF_MACHINE = {metric.name for metric in DERIVED_METRICS if metric.scope == MACHINE}

JOINT_WATCHED: tuple[Watched, ...] = tuple(one for one in WATCHED if one.metric not in _OF_MACHINE)
"""What may be judged together: the target's own; what neighbours do is no trait of it."""


class Rows:
    """Turns periods into rows, in any blocks; carries the last periods."""

    def __init__(self, watched: Sequence[Watched], length_ns: int) -> None:
        """watched: p metrics. length_ns: of a period."""
        self.inputs: frozenset[str] = frozenset({one.column for one in watched} | {_ALIVE})
        self._watched = tuple(watched)
        self._length_ns = length_ns
        self._first: int | None = None
        self._last = 0
        self._carry = np.zeros((0, len(self._watched)))

    def add(self, periods: Block) -> Iterator[tuple[Integers, Array]]:
        """Numbers of the next periods with a living target, and their rows, shape (n, p).

        A row is NaN where the metric has no value in its window, and throughout where its window
        would reach before the target had started up, or across a gap.
        """
        living = periods.floats(_ALIVE) != 0  # no number counts as alive
        numbers = (periods.t_ns // self._length_ns)[living]
        if not len(numbers):
            return
        values = np.empty((len(numbers), len(self._watched)))
        for at, one in enumerate(self._watched):
            values[:, at] = periods.floats(one.column)[living]
        values[~(np.abs(values) <= _MOST)] = np.nan
        if self._first is None:
            self._first = int(numbers[0])
            self._last = self._first - 1
        started = int(np.searchsorted(numbers, self._first + STARTING))
        gaps = np.flatnonzero(np.diff(numbers, prepend=self._last) > GAP + 1)
        cuts = sorted({0, *gaps.tolist(), *range(0, len(numbers), _BATCH), len(numbers)})
        restarts = set(gaps.tolist())
        self._last = int(numbers[-1])
        for start, stop in itertools.pairwise(cuts):
            if start in restarts:
                self._carry = self._carry[:0]
            medians = np.full((stop - start, len(self._watched)), np.nan)
            begin = min(max(start, started), stop)
            if begin < stop:
                self._fill(medians[begin - start :], values[begin:stop])
            yield numbers[start:stop], medians

    def _fill(self, medians: Array, new: Array) -> None:
        values = np.concatenate((self._carry, new))
        self._carry = values[-(WINDOW - 1) :].copy()
        if len(values) < WINDOW:
            return
        windows = np.lib.stride_tricks.sliding_window_view(values, WINDOW, axis=0)
        ordered = np.sort(windows, axis=2)  # those that are none come last
        counts = np.isfinite(ordered).sum(axis=2, keepdims=True)
        low = np.take_along_axis(ordered, np.maximum(counts - 1, 0) // 2, axis=2)[:, :, 0]
        high = np.take_along_axis(ordered, np.minimum(counts // 2, WINDOW - 1), axis=2)[:, :, 0]
        medians[-len(windows) :] = np.where(counts[:, :, 0] > 0, low / 2 + high / 2, np.nan)
