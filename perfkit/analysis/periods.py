"""Periods: the equal stretches of time that all further analysis sees instead of ticks.

Period k holds the ticks from k to k + 1 lengths on the session's clock; it is closed by the first
tick beyond it, and there is none without a tick. Sums are carried in the order of the ticks, so
a period's figures are the same to the last bit however the ticks were cut into blocks.

What is made of events is made of the period's own, those that arrived in its ticks, and never of
the figures of ticks: a mean of percentiles is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perfkit.analysis.events import EVENT_METRICS, EVENTS, EVENTS_COUNT, EventHistory, Found
from perfkit.analysis.sleep import SLEEP, Sleep
from perfkit.model.block import Block, Column, Values
from perfkit.model.metric import CLOCK, DELTA, FLOAT, GAUGE, INTEGER, RECORDER, TICK, Metric

PERIOD_STATISTICS = ("mean", "min", "max", "last", "count")

_MEANINGS = {
    "mean": "mean over the period",
    "min": "least value of the period",
    "max": "largest value of the period",
    "last": "last value of the period",
    "count": "values in the period",
}
_OF_EVENTS = {metric.name for metric in (*EVENT_METRICS, EVENTS_COUNT)}
_SHORTEST_NS = 1_000_000_000
_DAY_NS = 86_400_000_000_000
_INTERVALS = 5


def period_length_ns(interval_ns: int) -> int:
    """The length of a session's periods: five intervals, at least a second."""
    return max(_INTERVALS * interval_ns, _SHORTEST_NS)


def periods_per_day(length_ns: int) -> float:
    """How many periods of this length a day has."""
    return _DAY_NS / length_ns


class Periods:
    """Turns ticks into periods, block by block in time order.

    Blocks in: ticks. Blocks out: one row a period, `t_ns` its start, with the columns `period`
    (k), `ticks_count`, and for each metric `NAME_mean` (float64), `NAME_min`, `NAME_max`,
    `NAME_last` (as the metric: int64 or float64) and `NAME_count`. Metrics that are clocks give
    none. Metrics made of events (EVENT_METRICS) have one column of their own name, and with them
    comes `events_count`; where ticks have them as given, not made (an imported column: a float of 64
    bits), it is the mean over the period. metrics: the specs of all columns that come out, in order, `t_ns` first.
    inputs: what blocks should carry, `events` among it where that is needed; a block without one
    counts as null there.
    """

    def __init__(self, metrics: Sequence[Metric], interval_ns: int) -> None:
        """metrics: those to summarise, EVENTS_COUNT for the number of events alone.
        interval_ns: the interval asked for."""
        self.length_ns = period_length_ns(interval_ns)
        summarised = [metric for metric in metrics if metric.kind != CLOCK]
        given = [one for one in summarised if one.name in _OF_EVENTS and one.format == FLOAT]
        chosen = [metric for metric in summarised if metric.name not in _OF_EVENTS]
        said = [one for one in summarised if one.name in _OF_EVENTS and one not in given]
        self._given = frozenset(metric.name for metric in given)
        self._events = _PeriodEvents([metric.name for metric in said]) if said else None
        inputs = {metric.name for metric in (*chosen, *given)}
        self.inputs: frozenset[str] = frozenset({*inputs, EVENTS, SLEEP} if said else inputs)
        self.metrics: tuple[Metric, ...] = (
            *_OWN_METRICS,
            *(
                _statistic(metric, statistic)
                for metric in chosen
                for statistic in PERIOD_STATISTICS
            ),
            *map(_of_period, given),
            *(() if self._events is None else self._events.metrics),
        )
        self._names = [metric.name for metric in (*chosen, *given)]
        self._open = {metric.name: _nothing(metric) for metric in (*chosen, *given)}
        self._nothing = dict(self._open)
        self._period: int | None = None
        self._ticks = 0
        self._last_ns = 0

    def add(self, block: Block) -> Block:
        """The periods that this block closes."""
        if not len(block):
            return self._no_periods()
        numbers = block.t_ns // self.length_ns
        starts = np.concatenate(([0], np.flatnonzero(np.diff(numbers)) + 1))
        periods = numbers[starts]
        ticks = np.diff(starts, append=len(block))
        lasts_ns = block.t_ns[np.append(starts[1:], len(block)) - 1]
        # Bin 0 continues the open period if the block does, else it is closed as it stands.
        if self._period is None or self._period == periods[0]:
            ticks[0] += self._ticks
        else:
            periods = np.concatenate(([self._period], periods))
            ticks = np.concatenate(([self._ticks], ticks))
            lasts_ns = np.concatenate(([self._last_ns], lasts_ns))
        bins = np.searchsorted(periods, numbers)
        columns: dict[str, Column] = {}
        for name in self._names:
            figures = _figures(block.columns.get(name), bins, len(periods), self._open[name])
            columns |= self._told(name, figures, slice(0, -1))
            self._open[name] = figures.last_bin()
        if self._events is not None:
            self._events.add(block)
            columns |= self._events.closed(lasts_ns[:-1])
        self._last_ns = int(lasts_ns[-1])
        self._period = int(periods[-1])
        self._ticks = int(ticks[-1])
        return self._closed(periods[:-1], ticks[:-1], columns)

    def finish(self) -> Block:
        """The period that is still open, if there is one; the stream starts afresh."""
        if self._period is None:
            return self._no_periods()
        columns: dict[str, Column] = {}
        for name in self._names:
            columns |= self._told(name, self._open[name], slice(None))
        if self._events is not None:
            columns |= self._events.closed(np.array([self._last_ns]))
            self._events = self._events.afresh()
        block = self._closed(np.array([self._period]), np.array([self._ticks]), columns)
        self._open = dict(self._nothing)
        self._period, self._ticks = None, 0
        return block

    def _no_periods(self) -> Block:
        columns: dict[str, Column] = {}
        for name in self._names:
            columns |= self._told(name, self._nothing[name], slice(0, 0))
        nothing = np.zeros(0, np.int64)
        if self._events is not None:
            columns |= self._events.closed(nothing)
        return self._closed(nothing, nothing, columns)

    def _told(self, name: str, figures: _Figures, rows: slice) -> dict[str, Column]:
        columns = _columns(name, figures, rows)
        return {name: columns[f"{name}_mean"]} if name in self._given else columns

    def _closed(
        self,
        periods: npt.NDArray[np.int64],
        ticks: npt.NDArray[np.int64],
        columns: dict[str, Column],
    ) -> Block:
        own = {"period": _all_valid(periods), "ticks_count": _all_valid(ticks)}
        return Block(periods * self.length_ns, {**own, **columns})


_OWN_METRICS = (
    Metric("t_ns", "ns", CLOCK, TICK, RECORDER, "start of the period on the session's clock"),
    Metric("period", "count", GAUGE, TICK, RECORDER, "number of the period since the start"),
    Metric("ticks_count", "count", DELTA, TICK, RECORDER, "ticks in the period"),
)


class _PeriodEvents:
    """What is made of events: metrics by name, and EVENTS_COUNT in any case."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = [metric.name for metric in EVENT_METRICS if metric.name in names]
        self.metrics = (
            EVENTS_COUNT,
            *(_of_period(metric) for metric in EVENT_METRICS if metric.name in names),
        )
        self._history = EventHistory([*self._names, EVENTS_COUNT.name])
        self._sleep = Sleep()
        self._after_ns: int | None = None  # the last tick before the open period

    def afresh(self) -> _PeriodEvents:
        return _PeriodEvents(self._names)

    def add(self, block: Block) -> None:
        self._history.add(block, self._sleep.add(block))

    def closed(self, lasts_ns: npt.NDArray[np.int64]) -> dict[str, Column]:
        """The figures of the next periods; lasts_ns: the last tick of each."""
        after_ns = self._history.before_ns if self._after_ns is None else self._after_ns
        bounds_ns = np.concatenate(([after_ns], lasts_ns))
        windows = self._history.windows(bounds_ns[:-1], bounds_ns[1:])
        columns = {EVENTS_COUNT.name: _all_valid(self._history.counts(windows))}
        for name, found in self._history.found(windows).items():
            columns[name] = _placed(found, len(lasts_ns))
        if len(lasts_ns):
            self._after_ns = int(lasts_ns[-1])
            self._history.forget(self._after_ns)
        return columns


def _of_period(metric: Metric) -> Metric:
    meaning = metric.meaning.replace("the last second", "the period")
    return Metric(metric.name, metric.unit, GAUGE, metric.group, metric.scope, meaning, FLOAT)


def _placed(found: Found, size: int) -> Column:
    rows, values = found
    column = Column(np.zeros(size), np.zeros(size, np.bool_))
    column.values[rows] = values
    column.valid[rows] = True
    return column


def _statistic(metric: Metric, statistic: str) -> Metric:
    meaning = f"{_MEANINGS[statistic]}: {metric.meaning}"
    unit, kind, format = metric.unit, GAUGE, metric.format
    if statistic == "count":
        unit, kind, format = "count", DELTA, INTEGER
    elif statistic == "mean" or format != INTEGER:
        format = FLOAT
    name = f"{metric.name}_{statistic}"
    return Metric(name, unit, kind, metric.group, metric.scope, meaning, format)


@dataclass(frozen=True)
class _Figures:
    """Figures of n periods, one of them open: arrays of length n."""

    count: npt.NDArray[np.int64]
    sum: npt.NDArray[np.float64]
    min: Values
    max: Values
    last: Values

    def last_bin(self) -> _Figures:
        return _Figures(
            self.count[-1:], self.sum[-1:], self.min[-1:], self.max[-1:], self.last[-1:]
        )


def _nothing(metric: Metric) -> _Figures:
    none = np.zeros(1, np.int64)
    value: Values = none if metric.format == INTEGER else np.zeros(1)
    return _Figures(none, np.zeros(1), value, value, value)


def _figures(
    column: Column | None, bins: npt.NDArray[np.int64], size: int, open_period: _Figures
) -> _Figures:
    """Figures of `size` periods: those of the open one (bin 0) and what the column adds."""
    count = np.zeros(size, np.int64)
    total = np.zeros(size)
    low: Values = np.zeros(size, open_period.min.dtype)  # type: ignore[assignment]
    high, last = low.copy(), low.copy()
    count[0], total[0] = open_period.count[0], open_period.sum[0]
    low[0], high[0], last[0] = open_period.min[0], open_period.max[0], open_period.last[0]
    if column is None:
        return _Figures(count, total, low, high, last)
    if column.valid.all():
        values = column.values
    else:
        rows = np.flatnonzero(column.valid)
        if not len(rows):
            return _Figures(count, total, low, high, last)
        values, bins = column.values[rows], bins[rows]
    # One after the other into each bin, never pairwise: cuts must not change the last bit.
    np.add.at(total, bins, values.astype(np.float64, copy=False))
    firsts = np.concatenate(([0], np.flatnonzero(np.diff(bins)) + 1))
    touched = bins[firsts]
    lows = np.minimum.reduceat(values, firsts)
    highs = np.maximum.reduceat(values, firsts)
    if touched[0] == 0 and count[0]:
        lows[0] = min(lows[0], low[0])
        highs[0] = max(highs[0], high[0])
    low[touched], high[touched] = lows, highs
    last[touched] = values[np.append(firsts[1:], len(values)) - 1]
    count[touched] += np.diff(firsts, append=len(values))
    return _Figures(count, total, low, high, last)


def _columns(name: str, figures: _Figures, rows: slice) -> dict[str, Column]:
    count = figures.count[rows]
    valid = count > 0
    mean = np.zeros(len(count))
    np.divide(figures.sum[rows], count, out=mean, where=valid)
    # Rounding of the sum may carry the mean of equal values past them by a last bit.
    low, high = figures.min[rows], figures.max[rows]
    mean = np.clip(mean, low.astype(np.float64), high.astype(np.float64))
    return {
        f"{name}_mean": Column(mean, valid),
        f"{name}_min": Column(low, valid),
        f"{name}_max": Column(high, valid),
        f"{name}_last": Column(figures.last[rows], valid),
        f"{name}_count": _all_valid(count),
    }


def _all_valid(values: npt.NDArray[np.int64]) -> Column:
    return Column(values, np.ones(len(values), np.bool_))
