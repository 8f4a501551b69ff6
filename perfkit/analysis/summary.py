"""What each metric did over a whole session: figures and a sparkline, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from perfkit.analysis.sketch import Quantiles
from perfkit.model.block import Block, Column
from perfkit.model.metric import CLOCK, COUNTER, DELTA, Metric
from perfkit.model.report import MetricSummary

SPARKLINE_POINTS = 40

# Means are first kept over fine stretches whose length doubles whenever the session outgrows them,
# so that at the end each of the 40 points is made of 16 to 32 of them (its ends are off by a
# thirtieth at most), however long the session is.
_FINE = 32 * SPARKLINE_POINTS
_FIRST_LENGTH_NS = 1_000_000

_Number = TypeVar("_Number", np.float64, np.int64)


class Summaries:
    """Summarises metrics block by block in time order; clocks are left out.

    The result does not depend on how the ticks were cut into blocks.
    """

    def __init__(self, metrics: Sequence[Metric]) -> None:
        """metrics: those to summarise; blocks without one of them count as null there."""
        self._summaries = [_Summary(metric) for metric in metrics if metric.kind != CLOCK]
        self._length_ns = _FIRST_LENGTH_NS
        self._first_ns: int | None = None
        self._last_ns = 0

    def add(self, block: Block) -> None:
        """Take the next ticks."""
        if not len(block):
            return
        if self._first_ns is None:
            self._first_ns = int(block.t_ns[0])
        self._last_ns = int(block.t_ns[-1])
        since = block.t_ns - self._first_ns
        start = 0
        while start < len(block):
            # Doubling at the tick that needs it, not at the block that has it: the order of
            # additions must not depend on the cuts.
            stop = int(np.searchsorted(since, self._length_ns * _FINE))
            if stop <= start:
                self._length_ns *= 2
                for summary in self._summaries:
                    summary.halve()
                continue
            rows = slice(start, stop)
            stretches = since[rows] // self._length_ns
            for summary in self._summaries:
                column = block.columns.get(summary.metric.name)
                if column is not None:
                    summary.add(column[rows], stretches)
            start = stop

    def finish(self) -> tuple[MetricSummary, ...]:
        """The summaries, in the order of the metrics."""
        span_ns = self._last_ns - (self._first_ns or 0)
        fine = np.arange(_FINE) * self._length_ns + self._length_ns // 2
        if span_ns < self._length_ns:
            points = np.zeros(_FINE, np.int64)
        else:
            # Floating point: 40 times a session of years in nanoseconds overflows an int64.
            points = (fine / (span_ns + 1) * SPARKLINE_POINTS).astype(np.int64)
        return tuple(
            summary.finish(np.minimum(points, SPARKLINE_POINTS - 1)) for summary in self._summaries
        )


class _Summary:
    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._quantiles = Quantiles()
        self._sum = 0.0
        self._integer_sum = 0
        self._first: float | None = None
        self._last: float | None = None
        self._low: float | None = None
        self._high: float | None = None
        self._sums = np.zeros(_FINE)
        self._counts = np.zeros(_FINE, np.int64)

    def add(self, column: Column, stretches: npt.NDArray[np.int64]) -> None:
        rows = np.flatnonzero(column.valid)
        if not len(rows):
            return
        values, stretches = column.values[rows], stretches[rows]
        low, high = values.min().item(), values.max().item()
        self._low = low if self._low is None else min(self._low, low)
        self._high = high if self._high is None else max(self._high, high)
        if self._first is None:
            self._first = values[0].item()
        self._last = values[-1].item()
        if self.metric.kind == DELTA and values.dtype == np.int64:
            self._integer_sum += sum(values.tolist())
        floats = values.astype(np.float64)
        # Running sums add one after the other; np.sum would add pairwise, differently for each cut.
        self._sum = float(np.cumsum(np.concatenate(([self._sum], floats)))[-1])
        self._quantiles.add(floats)
        np.add.at(self._sums, stretches, floats)
        np.add.at(self._counts, stretches, 1)

    def halve(self) -> None:
        self._sums = _joined(self._sums)
        self._counts = _joined(self._counts)

    def finish(self, points: npt.NDArray[np.int64]) -> MetricSummary:
        count = self._quantiles.count
        if self._low is None or self._high is None:
            return MetricSummary(self.metric, 0, None, None, None, None, None, None, None, ())
        return MetricSummary(
            self.metric,
            count,
            self._first,
            self._last,
            self._low,
            min(max(self._sum / count, self._low), self._high),
            self._quantiles.at(0.95),
            self._high,
            self._total(),
            self._sparkline(points),
        )

    def _total(self) -> float | None:
        if self.metric.kind == COUNTER and self._first is not None and self._last is not None:
            return self._last - self._first
        if self.metric.kind == DELTA:
            return self._integer_sum or self._sum
        return None

    def _sparkline(self, points: npt.NDArray[np.int64]) -> tuple[float | None, ...]:
        size = int(points[-1]) + 1
        sums = np.bincount(points, self._sums, size)
        counts = np.bincount(points, self._counts, size)
        return tuple(
            None if not number else float(total / number)
            for total, number in zip(sums, counts, strict=True)
        )


def _joined(fine: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    joined = np.zeros_like(fine)
    joined[: len(fine) // 2] = fine[0::2] + fine[1::2]
    return joined
