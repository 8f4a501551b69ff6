"""Metrics made of what the application says: every such column, its spec beside its formula.

A figure is that of a window of time: of the ticks' trailing second, see `TrailingSecond`, or of a
period, see `perfkit.analysis.periods`; both ask the same formulas. An event belongs to the tick in
which it arrived, and a window holds the events of whole ticks. Rates are null before the first
event of their type, from 5 s after the last one on, and where the machine slept; ratios and
percentiles are null over a window without events.

Figures are exact and functions of the window's own events: they do not depend on how the ticks were
cut into blocks. What is remembered is the events of the window that is open, and for levels a
bounded number of names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from perfkit.analysis.event_series import NO_EVENTS, PICKERS, Picker, Series
from perfkit.analysis.rounding import Decimals, Rounding
from perfkit.analysis.sketch import RunningMedian
from perfkit.model.block import Block
from perfkit.model.metric import DELTA, FAST, GAUGE, RATE, SINGLE, TARGET, Metric
from perfkit.stats.windows import WindowQuantiles, window_sums

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

Found = tuple[Integers, Floats]
"""Which windows have a value, increasing, and the values, not yet rounded."""

_NOTHING: Found = (np.zeros(0, np.int64), np.zeros(0))

EVENTS = "events"
"""What a block must carry, as `blocks` of a source calls it."""

TAKEN = "events_dropped"
"""The raw column that says of a source that it takes events at all."""

SECOND_NS = 1_000_000_000
SILENCE_NS = 5 * SECOND_NS
"""A rate is known until so long after the tick of the last event of its type."""


@dataclass(frozen=True)
class _Filled:
    """The windows that hold an event of a series; those that follow each other and hold the same
    are one.

    windows: int64[m], which they are. place: int64[m] into begins and ends, positions of events.
    """

    windows: Integers
    place: Integers
    begins: Integers
    ends: Integers


@dataclass
class Windows:
    """q windows over one session, in order, and the events from before the first of them on.

    until_ns: int64[q], the last tick of each. from_ns: the tick before each one's first, for the
    very first ticks of a session the first of all: what arrived in it came in an unknown time.
    after_ns: the same, but before the session's first tick. timed: whether rates can be told.
    """

    after_ns: Integers
    from_ns: Integers
    until_ns: Integers
    timed: Bools
    series: Mapping[str, Series]
    _filled: dict[str, _Filled] = field(default_factory=dict)
    _quantiles: dict[str, WindowQuantiles] = field(default_factory=dict)

    def ends(self, name: str) -> Integers:
        """int64[q]: how many of the events in a series came up to each window's end."""
        ends: Integers = np.searchsorted(self.series[name].t_ns, self.until_ns, "right")
        return ends

    def filled(self, name: str) -> _Filled:
        """Where events of a series are."""
        if name not in self._filled:
            begins = np.searchsorted(self.series[name].t_ns, self.after_ns, "right")
            ends = self.ends(name)
            windows = np.flatnonzero(begins < ends)
            begins, ends = begins[windows], ends[windows]
            is_new = np.ones(len(windows), np.bool_)
            is_new[1:] = (np.diff(begins) != 0) | (np.diff(ends) != 0)
            place = np.cumsum(is_new) - 1
            self._filled[name] = _Filled(windows, place, begins[is_new], ends[is_new])
        return self._filled[name]

    def sums(self, name: str) -> Floats:
        """float64 of the filled windows' distinct ones: the sum of their values."""
        series, filled = self.series[name], self.filled(name)
        starts = np.flatnonzero(np.diff(series.t_ns, prepend=series.t_ns[:1] - 1))
        return window_sums(series.values, starts, filled.begins, filled.ends)

    def percentiles(self, name: str, percent: int) -> Floats:
        """float64 of the filled windows' distinct ones: a percentile, by nearest rank."""
        if name not in self._quantiles:
            self._quantiles[name] = WindowQuantiles(self.series[name].values)
        filled = self.filled(name)
        return self._quantiles[name].at(filled.begins, filled.ends, percent)


class Formula(Protocol):
    """How a figure of a window is made of events."""

    @property
    def series(self) -> tuple[str, ...]:
        """Names in PICKERS; the first one's events are those without which there is no value."""
        ...

    def over(self, windows: Windows) -> Found:
        """Which windows have a value, and the values."""
        ...


@dataclass(frozen=True)
class PerSecond:
    """How many events of a series, over the time that passed."""

    of: str

    @property
    def series(self) -> tuple[str, ...]:
        """See Formula."""
        return (self.of,)

    def over(self, windows: Windows) -> Found:
        """See Formula."""
        t_ns = windows.series[self.of].t_ns
        ends = windows.ends(self.of)
        begins = np.searchsorted(t_ns, windows.from_ns, "right")
        lasts = t_ns[np.maximum(ends - 1, 0)]
        known = windows.timed & (ends > 0) & (windows.until_ns - lasts < SILENCE_NS)
        rows = np.flatnonzero(known)
        passed = (windows.until_ns - windows.from_ns)[rows]
        return rows, (ends - begins)[rows] / passed * SECOND_NS


@dataclass(frozen=True)
class Mean:
    """The mean of a series; the share of events where its values are 1 and 0."""

    of: str

    @property
    def series(self) -> tuple[str, ...]:
        """See Formula."""
        return (self.of,)

    def over(self, windows: Windows) -> Found:
        """See Formula."""
        filled = windows.filled(self.of)
        means = windows.sums(self.of) / (filled.ends - filled.begins)
        return filled.windows, means[filled.place]


@dataclass(frozen=True)
class Percentile:
    """A percentile of a series: a value that occurred, at the nearest rank."""

    of: str
    percent: int

    @property
    def series(self) -> tuple[str, ...]:
        """See Formula."""
        return (self.of,)

    def over(self, windows: Windows) -> Found:
        """See Formula."""
        filled = windows.filled(self.of)
        return filled.windows, windows.percentiles(self.of, self.percent)[filled.place]


@dataclass(frozen=True)
class Utilisation:
    """What a series adds up to, in milliseconds, over the time of as many as there are so far."""

    busy: str
    so_far: str

    @property
    def series(self) -> tuple[str, ...]:
        """See Formula."""
        return (self.busy, self.so_far)

    def over(self, windows: Windows) -> Found:
        """See Formula."""
        filled = windows.filled(self.busy)
        rows = filled.windows
        busy_ns = windows.sums(self.busy)[filled.place] * 1e6
        workers = windows.series[self.so_far].values[windows.ends(self.so_far)[rows] - 1]
        passed = (windows.until_ns - windows.from_ns)[rows]
        timed = windows.timed[rows]
        return rows[timed], busy_ns[timed] / (workers[timed] * passed[timed])


@dataclass(frozen=True)
class Level:
    """What a series said last; it stays so until it says something else."""

    of: str

    @property
    def series(self) -> tuple[str, ...]:
        """See Formula."""
        return (self.of,)

    def over(self, windows: Windows) -> Found:
        """See Formula."""
        ends = windows.ends(self.of)
        rows = np.flatnonzero(ends > 0)
        return rows, windows.series[self.of].values[ends[rows] - 1]


@dataclass(frozen=True)
class EventMetric:
    """One metric made of events; the rounding is that of the ticks."""

    metric: Metric
    formula: Formula
    rounding: Rounding


def _made(
    name: str, unit: str, formula: Formula, rounding: Rounding, meaning: str, kind: str = GAUGE
) -> EventMetric:
    return EventMetric(Metric(name, unit, kind, FAST, TARGET, meaning, SINGLE), formula, rounding)


_MOST = float(np.finfo(np.float32).max)
"""What a column of ticks can hold."""

_MS = Decimals(3)
_RATIO = Decimals(4)
_RATE = Decimals(1)
_LEVEL = Decimals(2)

_LATENCY = "durations of `request` and `ml_processing` that ended in the last second"

EVENT_DERIVED: tuple[EventMetric, ...] = (
    _made("fps", "count/s", PerSecond("frames"), _RATE, "frames a second over the last second: events `virtual_scroll_render` and `frame`; null from 5 s after the last one on", RATE),
    _made("render_ms_p95", "ms", Percentile("renders", 95), _MS, "95 % of the last second's frames took at most this long to render: their render_ms, else duration_ms"),
    _made("latency_ms_mean", "ms", Mean("latencies"), _MS, f"mean of the {_LATENCY}"),
    _made("latency_ms_p50", "ms", Percentile("latencies", 50), _MS, f"median of the {_LATENCY}"),
    _made("latency_ms_p95", "ms", Percentile("latencies", 95), _MS, f"95th percentile of the {_LATENCY}"),
    _made("latency_ms_p99", "ms", Percentile("latencies", 99), _MS, f"99th percentile of the {_LATENCY}"),
    _made("throughput_per_s", "count/s", PerSecond("operations"), _RATE, "operations that ended, a second, over the last second: `request` and `ml_processing`; null from 5 s after the last one on", RATE),
    _made("error_ratio", "ratio", Mean("failures"), _RATIO, "share that failed of the last second's operations (`request` and `ml_processing`) that say how they went"),
    _made("cache_hit_ratio", "ratio", Mean("hits"), _RATIO, "share of hits among the last second's look-ups: events `cache_operation` of operation get, or none, with `hit`"),
    _made("worker_utilisation_ratio", "ratio", Utilisation("busy", "workers"), _RATIO, "durations of the tasks (`worker_task_completed`) that ended in the last second, over that time of all workers seen so far; above 1 where tasks end that took longer"),
    _made("queue_ms_p95", "ms", Percentile("queues", 95), _MS, "95 % of the last second's tasks (`worker_task_completed`) had waited at most this long: their queue_ms"),
    _made("operations_in_flight", "count", Level("open"), Decimals(0), "operations that have begun and not ended: X_start without X_end of the same operation_id, of the last 10000"),
)  # fmt: skip

_ACTIVITY = EventMetric(
    Metric(
        "activity_level_ratio",
        "ratio",
        GAUGE,
        FAST,
        TARGET,
        "events in the last second over what is usual: the median so far of the seconds that had any",
        SINGLE,
    ),
    PerSecond("everything"),
    _LEVEL,
)
"""A figure of ticks alone; periods summarise it like any column of the ticks."""

EVENTS_COUNT = Metric(
    "events_count", "count", DELTA, FAST, TARGET, "events that arrived in the period"
)
"""A figure of periods alone."""

EVENT_METRICS: tuple[Metric, ...] = tuple(one.metric for one in EVENT_DERIVED)
"""Metrics of which a window of any length has a figure of its own."""

TICK_METRICS: tuple[Metric, ...] = (*EVENT_METRICS, _ACTIVITY.metric)
"""The columns of ticks that are made of events."""

_BY_NAME = {one.metric.name: one for one in (*EVENT_DERIVED, _ACTIVITY)}
_COUNTED = "everything"


class EventHistory:
    """The events of a session as the series that some metrics need, of the latest windows.

    Ticks are added block by block in time order; windows are asked for in order, and what lies
    before all that are still to be asked for can be forgotten.
    """

    def __init__(self, names: Collection[str]) -> None:
        """names: metrics of TICK_METRICS, or EVENTS_COUNT's."""
        self._formulas = {
            name: one.formula
            for name, one in _BY_NAME.items()
            if name in names and one != _ACTIVITY
        }
        needed = {name for formula in self._formulas.values() for name in formula.series}
        if _ACTIVITY.metric.name in names or EVENTS_COUNT.name in names:
            needed.add(_COUNTED)
        self._pickers: dict[str, Picker] = {name: PICKERS[name]() for name in sorted(needed)}
        self._series: dict[str, Series] = dict.fromkeys(self._pickers, NO_EVENTS)
        self._ticks = np.zeros((2, 0), np.int64)  # time, and how many of them had sleep before them
        self._first_ns: int | None = None

    @property
    def ticks_ns(self) -> Integers:
        """The ticks that are still known."""
        ticks: Integers = self._ticks[0]
        return ticks

    @property
    def before_ns(self) -> int:
        """A time before the first tick of all, and after nothing."""
        return 0 if self._first_ns is None else self._first_ns - 1

    def add(self, block: Block, slept: Integers) -> None:
        """Take the next ticks. slept: int64[n], how many so far had sleep before them."""
        if not len(block):
            return
        if self._first_ns is None:
            self._first_ns = int(block.t_ns[0])
        self._ticks = np.concatenate((self._ticks, [block.t_ns, slept]), axis=1)
        events = block.events
        if events is None or not len(events):
            return
        for name, pick in self._pickers.items():
            chosen, values = pick(events)
            said = Series(block.t_ns[events.rows[chosen]], values)
            self._series[name] = self._series[name].followed_by(said)

    def windows(self, after_ns: Integers, until_ns: Integers) -> Windows:
        """Windows of what came after the one and not after the other; both are ticks.

        after_ns may be `before_ns`. Neither ever falls, or lies before what was forgotten.
        """
        first_ns = self.before_ns + 1
        from_ns = np.maximum(after_ns, first_ns)
        times, sleeps = self._ticks
        slept = sleeps[np.searchsorted(times, until_ns)] - sleeps[np.searchsorted(times, from_ns)]
        return Windows(
            after_ns, from_ns, until_ns, (slept == 0) & (until_ns > from_ns), self._series
        )

    def found(self, windows: Windows) -> dict[str, Found]:
        """The figures of the windows by metric, not rounded, finite; without activity and counts."""
        return {name: self._found(formula, windows) for name, formula in self._formulas.items()}

    def counts(self, windows: Windows) -> Integers:
        """int64[q]: events in each window."""
        begins = np.searchsorted(self._series[_COUNTED].t_ns, windows.after_ns, "right")
        counts: Integers = windows.ends(_COUNTED) - begins
        return counts

    def rates(self, windows: Windows) -> Found:
        """Events a second, 0 however long it has been silent."""
        t_ns = self._series[_COUNTED].t_ns
        if not len(t_ns):
            return _NOTHING
        begins = np.searchsorted(t_ns, windows.from_ns, "right")
        ends = windows.ends(_COUNTED)
        rows = np.flatnonzero(windows.timed & (ends > 0))
        passed = (windows.until_ns - windows.from_ns)[rows]
        return rows, (ends - begins)[rows] / passed * SECOND_NS

    def forget(self, until_ns: int) -> None:
        """Drop what no window after until_ns, a tick, needs."""
        first = max(int(np.searchsorted(self._ticks[0], until_ns, "right")) - 1, 0)
        self._ticks = self._ticks[:, first:].copy()
        self._series = {name: series.after(until_ns) for name, series in self._series.items()}

    def _found(self, formula: Formula, windows: Windows) -> Found:
        if not len(self._series[formula.series[0]].t_ns):
            return _NOTHING
        rows, values = formula.over(windows)
        kept = np.isfinite(values)
        return (rows, values) if kept.all() else (rows[kept], values[kept])


class TrailingSecond:
    """The figures of ticks: of the ticks of the last second, or the one before if it is longer ago.

    Takes blocks in time order.
    """

    def __init__(self, names: Collection[str]) -> None:
        """names: those wanted of TICK_METRICS."""
        self._names = [name for name in _BY_NAME if name in names]
        self._history = EventHistory(self._names)
        self._activity = _Activity() if _ACTIVITY.metric.name in names else None
        self._spoken = False

    def add(self, block: Block, slept: Integers) -> dict[str, tuple[Found, Rounding]]:
        """Rows and values of every metric and how they are rounded; only of those with a value."""
        history = self._history
        history.add(block, slept)
        if not len(block):
            return {}
        ticks = history.ticks_ns
        if not self._spoken and not block.events:
            begin = int(np.searchsorted(ticks, block.t_ns[-1] - SECOND_NS, "right")) - 1
            if self._activity is not None:
                self._activity.pass_by(int(block.t_ns[-1]))
            if begin > 0:
                history.forget(int(ticks[begin]))
            return {}
        self._spoken = True
        begins = np.searchsorted(ticks, block.t_ns - SECOND_NS, "right") - 1
        after_ns = np.where(begins >= 0, ticks[np.maximum(begins, 0)], history.before_ns)
        windows = history.windows(after_ns, block.t_ns)
        found = history.found(windows)
        if self._activity is not None:
            rates = history.rates(windows)
            found[_ACTIVITY.metric.name] = self._activity.levels(block.t_ns, rates)
        history.forget(int(after_ns[-1]))
        return {
            name: ((rows[kept], values[kept]), _BY_NAME[name].rounding)
            for name, (rows, values) in found.items()
            if (kept := values <= _MOST).any()
        }


class _Activity:
    """Rates over the median of those so far that were not zero, taken at each second's first tick."""

    def __init__(self) -> None:
        self._median = RunningMedian()
        self._latest = np.nan
        self._second: int | None = None

    def pass_by(self, t_ns: int) -> None:
        """Ticks up to this time passed without a word."""
        self._second = t_ns // SECOND_NS

    def levels(self, t_ns: Integers, rates: Found) -> Found:
        rows, values = rates
        seconds = t_ns // SECOND_NS
        before = np.concatenate(([seconds[0] if self._second is None else self._second], seconds))
        self._second = int(seconds[-1])
        begins_second = before[1:] != before[:-1]
        sampled = np.flatnonzero(begins_second[rows] & (values > 0))
        medians = np.concatenate(([self._latest], self._median.add(values[sampled])))
        self._latest = float(medians[-1])
        usual = medians[np.searchsorted(sampled, np.arange(len(rows)), "right")]
        known = ~np.isnan(usual)
        return rows[known], values[known] / usual[known]
