"""Rates and ratios: every derived column, its spec beside its formula.

The rate of a counter is its change between two consecutive valid values over the time between
them, and stands at the later tick. It is null at the first value, where the machine slept in
between, and where the counter fell (which a recorder never writes): never negative, never a guess.

Values are rounded to what is meaningful and then to single precision, which is how a session file
keeps them: deriving from a journal and reading a sealed file give the same bits. Every operation
is elementwise or in the order of the ticks, so the result does not depend on how the ticks were
cut into blocks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from perfkit.analysis.events import EVENTS, TAKEN, TICK_METRICS, TrailingSecond
from perfkit.analysis.rounding import Decimals, Rounding, WithinHalfPercent
from perfkit.analysis.sleep import SLEEP, Sleep
from perfkit.model.block import Block, Column
from perfkit.model.metric import (
    CGROUP,
    FAST,
    GAUGE,
    MACHINE,
    RATE,
    RECORDER,
    SINGLE,
    SLOW,
    SYSTEM,
    TARGET,
    TICK,
    Metric,
)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

Found = tuple[Integers, Floats]
_NOTHING: Found = (np.zeros(0, np.int64), np.zeros(0))


class Stream(Protocol):
    """One formula at work: takes blocks in time order, remembers what the next one needs."""

    def add(self, block: Block, slept: Integers) -> Found:
        """The rows of a block that have a derived value, and the values, not yet rounded.

        slept: int64[n], how many ticks up to and including each one had sleep before them.
        """
        ...


class Formula(Protocol):
    """How a derived column is made of raw ones."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Raw columns without which the result is null throughout."""
        ...

    def start(self) -> Stream:
        """A stream at the beginning of a session."""
        ...


@dataclass(frozen=True)
class PerTime:
    """The change of a counter over the time that passed, times scale; time is in nanoseconds."""

    counter: str
    scale: float

    @property
    def inputs(self) -> tuple[str, ...]:
        """See Formula."""
        return (self.counter,)

    def start(self) -> Stream:
        """See Formula."""
        return _PerTimeStream(self)


@dataclass(frozen=True)
class Share:
    """The change of some counters over the change of others, times scale; null if that is 0."""

    part: tuple[str, ...]
    whole: tuple[str, ...]
    scale: float

    @property
    def inputs(self) -> tuple[str, ...]:
        """See Formula."""
        return tuple(dict.fromkeys((*self.part, *self.whole)))

    def start(self) -> Stream:
        """See Formula."""
        return _ShareStream(self)


@dataclass(frozen=True)
class Split:
    """A part of a counter's rate, by counters that move in coarser steps; see PerTime for the rate.

    The share of the part in part and rest over the last second: their steps of 10 ms would show as
    jumps of a whole core where a tick is as short. Where neither has moved in that second, the last
    share that was known; null before the first one, unless the rate is zero.
    """

    counter: str
    part: str
    rest: str
    scale: float

    @property
    def inputs(self) -> tuple[str, ...]:
        """See Formula."""
        return (self.counter, self.part, self.rest)

    def start(self) -> Stream:
        """See Formula."""
        return _SplitStream(self)


@dataclass(frozen=True)
class OverLastSecond:
    """What was noted at the ticks of the last second (or at the one before) over that time.

    For what a tick itself uses: it is noted when the tick is complete, so most of it was used
    between the tick and the next one; over the time of a single tick of 1 ms, which may have come
    late, it would read as several cores. Null where the machine slept or an amount is unknown.
    """

    amount: str
    scale: float

    @property
    def inputs(self) -> tuple[str, ...]:
        """See Formula."""
        return (self.amount,)

    def start(self) -> Stream:
        """See Formula."""
        return _OverLastSecondStream(self)


@dataclass(frozen=True)
class Ratio:
    """One level over another at the same tick; null where the other is not positive."""

    level: str
    limit: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """See Formula."""
        return (self.level, self.limit)

    def start(self) -> Stream:
        """See Formula."""
        return _RatioStream(self)


@dataclass(frozen=True)
class PerTimeAndLevel:
    """The change of a counter over the time that passed and over a level, times scale.

    Taken from one tick that has the level to the next; null where the level is not positive.
    """

    counter: str
    level: str
    scale: float

    @property
    def inputs(self) -> tuple[str, ...]:
        """See Formula."""
        return (self.counter, self.level)

    def start(self) -> Stream:
        """See Formula."""
        return _PerTimeAndLevelStream(self)


@dataclass(frozen=True)
class Beyond:
    """A level less the change of a counter over the time that passed, times scale; at least 0.

    Taken from one tick that has the level to the next.
    """

    level: str
    counter: str
    scale: float

    @property
    def inputs(self) -> tuple[str, ...]:
        """See Formula."""
        return (self.level, self.counter)

    def start(self) -> Stream:
        """See Formula."""
        return _BeyondStream(self)


@dataclass(frozen=True)
class MemoryPressure:
    """Use of memory over each capacity that applies, the largest of them.

    The cgroup's: usage less what can be dropped first, over its limit. The address space: of the
    process nearest its own limit. The machine: resident memory of the tree over itself plus what
    the machine can still give. A capacity that does not apply is null and left out.
    """

    optional: ClassVar[tuple[str, ...]] = (
        "cgroup_memory_bytes",
        "cgroup_memory_inactive_file_bytes",
        "cgroup_memory_limit_bytes",
        "virtual_nearest_bytes",
        "virtual_limit_bytes",
    )

    @property
    def inputs(self) -> tuple[str, ...]:
        """See Formula."""
        return ("rss_bytes", "system_memory_available_bytes")

    def start(self) -> Stream:
        """See Formula."""
        return _MemoryPressureStream()


_PERCENT_OF_NS = 100.0
_PERCENT_OF_US = 1e5
_PER_S = 1e9

# One decimal of a percent at 10 Hz is 0.1 ms of CPU: finer than anyone acts on, and it halves the
# bytes of two decimals.
_PERCENT = Decimals(1)
_FINE_PERCENT = Decimals(2)
_RATIO = Decimals(4)
_CPU_RATIO = Decimals(3)  # as fine as _PERCENT
_TASKS = Decimals(1)
_RARE = Decimals(6)
_FLOW = WithinHalfPercent()


@dataclass(frozen=True)
class Derived:
    """One derived column; optional: raw columns that it uses where they are recorded."""

    metric: Metric
    formula: Formula
    rounding: Rounding
    optional: tuple[str, ...] = ()


def _rate(
    name: str, unit: str, group: str, scope: str, formula: Formula, rounding: Rounding, meaning: str
) -> Derived:
    return Derived(Metric(name, unit, RATE, group, scope, meaning, SINGLE), formula, rounding)


def _level(
    name: str,
    group: str,
    scope: str,
    formula: Formula,
    rounding: Rounding,
    meaning: str,
    optional: tuple[str, ...] = (),
) -> Derived:
    metric = Metric(name, "ratio", GAUGE, group, scope, meaning, SINGLE)
    return Derived(metric, formula, rounding, optional)


# so many steps of 10 ms that a share has two digits on a busy core
_WINDOW_NS = 1_000_000_000

_BUSY = ("system_cpu_user_ns", "system_cpu_kernel_ns", "system_cpu_steal_ns")
_ALL_CPU = (*_BUSY, "system_cpu_idle_ns", "system_cpu_iowait_ns")

_USER = Split("cpu_time_ns", "cpu_user_ns", "cpu_system_ns", _PERCENT_OF_NS)
_KERNEL = Split("cpu_time_ns", "cpu_system_ns", "cpu_user_ns", _PERCENT_OF_NS)

DERIVED: tuple[Derived, ...] = (
    _rate("recorder_cpu_percent", "percent", TICK, RECORDER, OverLastSecond("sampler_cost_ns", _PERCENT_OF_NS), _FINE_PERCENT, "CPU the recorder used over the last second; 100 is one core"),
    _rate("cpu_percent", "percent", FAST, TARGET, PerTime("cpu_time_ns", _PERCENT_OF_NS), _PERCENT, "CPU the tree used; 100 is one core"),
    _rate("cpu_user_percent", "percent", FAST, TARGET, _USER, _PERCENT, "part of cpu_percent in user mode, by its share over the last second"),
    _rate("cpu_system_percent", "percent", FAST, TARGET, _KERNEL, _PERCENT, "part of cpu_percent in the kernel, by its share over the last second"),
    _rate("read_bytes_per_s", "bytes/s", FAST, TARGET, PerTime("read_bytes", _PER_S), _FLOW, "bytes fetched from storage a second"),
    _rate("write_bytes_per_s", "bytes/s", FAST, TARGET, PerTime("write_bytes", _PER_S), _FLOW, "bytes that writes made dirty for storage a second; see write_bytes"),
    _rate("read_call_bytes_per_s", "bytes/s", FAST, TARGET, PerTime("read_call_bytes", _PER_S), _FLOW, "bytes through read calls a second, cache included"),
    _rate("write_call_bytes_per_s", "bytes/s", FAST, TARGET, PerTime("write_call_bytes", _PER_S), _FLOW, "bytes through write calls a second, cache included"),
    _rate("read_calls_per_s", "count/s", FAST, TARGET, PerTime("read_calls_count", _PER_S), _FLOW, "read calls a second"),
    _rate("write_calls_per_s", "count/s", FAST, TARGET, PerTime("write_calls_count", _PER_S), _FLOW, "write calls a second"),
    _rate("minor_faults_per_s", "count/s", FAST, TARGET, PerTime("minor_faults_count", _PER_S), _FLOW, "page faults a second served without storage"),
    _rate("major_faults_per_s", "count/s", FAST, TARGET, PerTime("major_faults_count", _PER_S), _FLOW, "page faults a second that had to read from storage"),
    _rate("processes_born_per_s", "count/s", FAST, TARGET, PerTime("processes_born_count", _PER_S), _FLOW, "processes that appear a second"),
    _level("cpu_capacity_ratio", SYSTEM, TARGET, PerTimeAndLevel("cpu_time_ns", "cpu_capacity_cores", 1.0), _CPU_RATIO, "CPU used since the last such tick over the cores the target may use"),
    _level("fds_ratio", SYSTEM, TARGET, Ratio("fds_nearest_count", "fds_limit_count"), _RATIO, "open descriptors over their limit, of the process nearest it"),
    _level("memory_pressure_ratio", SYSTEM, TARGET, MemoryPressure(), _RATIO, "memory use over the capacity that binds the target: cgroup limit, RLIMIT_AS or the machine", MemoryPressure.optional),
    _rate("system_cpu_percent", "percent", SYSTEM, MACHINE, Share(_BUSY, _ALL_CPU, 100.0), _PERCENT, "busy share of all cores, 0 to 100"),
    _rate("system_iowait_percent", "percent", SYSTEM, MACHINE, Share(("system_cpu_iowait_ns",), _ALL_CPU, 100.0), _PERCENT, "share of all cores idle while storage was awaited, 0 to 100"),
    _rate("system_steal_percent", "percent", SYSTEM, MACHINE, Share(("system_cpu_steal_ns",), _ALL_CPU, 100.0), _PERCENT, "share of all cores taken by other guests of the host, 0 to 100"),
    _level("system_load_ratio", SYSTEM, MACHINE, Ratio("system_load_1m_count", "system_cores_count"), _CPU_RATIO, "load average over one minute over the cores that are online; above 1 work is waiting"),
    Derived(Metric("background_tasks_count", "count", GAUGE, SYSTEM, MACHINE, "tasks that run or could, beyond what the tree used on average since the last such tick: work of others", SINGLE), Beyond("system_runnable_count", "cpu_time_ns", 1.0), _TASKS),
    _rate("psi_cpu_some_percent", "percent", SYSTEM, MACHINE, PerTime("psi_cpu_some_us", _PERCENT_OF_US), _PERCENT, "share of time in which some task waited for a core"),
    _rate("psi_memory_some_percent", "percent", SYSTEM, MACHINE, PerTime("psi_memory_some_us", _PERCENT_OF_US), _PERCENT, "share of time in which some task waited for memory"),
    _rate("psi_memory_full_percent", "percent", SYSTEM, MACHINE, PerTime("psi_memory_full_us", _PERCENT_OF_US), _PERCENT, "share of time in which every task waited for memory"),
    _rate("psi_io_some_percent", "percent", SYSTEM, MACHINE, PerTime("psi_io_some_us", _PERCENT_OF_US), _PERCENT, "share of time in which some task waited for storage"),
    _rate("psi_io_full_percent", "percent", SYSTEM, MACHINE, PerTime("psi_io_full_us", _PERCENT_OF_US), _PERCENT, "share of time in which every task waited for storage"),
    _rate("net_receive_bytes_per_s", "bytes/s", SYSTEM, MACHINE, PerTime("net_receive_bytes", _PER_S), _FLOW, "bytes received a second in the target's network namespace"),
    _rate("net_transmit_bytes_per_s", "bytes/s", SYSTEM, MACHINE, PerTime("net_transmit_bytes", _PER_S), _FLOW, "bytes sent a second in the target's network namespace"),
    _rate("net_errors_per_s", "count/s", SYSTEM, MACHINE, PerTime("net_errors_count", _PER_S), _FLOW, "network errors and drops a second"),
    _rate("net_errors_ratio", "ratio", SYSTEM, MACHINE, Share(("net_errors_count",), ("net_packets_count", "net_errors_count"), 1.0), _RARE, "network errors and drops over all packets; null if none passed"),
    _rate("cgroup_cpu_percent", "percent", SYSTEM, CGROUP, PerTime("cgroup_cpu_ns", _PERCENT_OF_NS), _PERCENT, "CPU the target's cgroup used; 100 is one core"),
    _rate("cgroup_throttled_percent", "percent", SYSTEM, CGROUP, Share(("cgroup_throttled_count",), ("cgroup_periods_count",), 100.0), _PERCENT, "share of quota periods in which the cgroup was throttled; null if none passed"),
    _rate("ctx_switches_voluntary_per_s", "count/s", SLOW, TARGET, PerTime("ctx_switches_voluntary_count", _PER_S), _FLOW, "context switches by waiting a second"),
    _rate("ctx_switches_involuntary_per_s", "count/s", SLOW, TARGET, PerTime("ctx_switches_involuntary_count", _PER_S), _FLOW, "context switches by preemption a second"),
    _rate("runqueue_wait_percent", "percent", SLOW, TARGET, PerTime("runqueue_wait_ns", _PERCENT_OF_NS), _PERCENT, "time threads were ready but waited for a core; 100 is one thread waiting all the time"),
    _rate("busiest_thread_percent", "percent", SLOW, TARGET, PerTime("busiest_thread_cpu_ns", _PERCENT_OF_NS), _PERCENT, "CPU the busiest thread used; 100 is one core, which is all that a thread can have"),
)  # fmt: skip

DERIVED_METRICS: tuple[Metric, ...] = (*(derived.metric for derived in DERIVED), *TICK_METRICS)


class Rates:
    """Adds derived columns to the raw ones of a session, block by block in time order.

    metrics: the derived columns it gives: those whose inputs are all among the raw metrics, and
    where events are taken those made of them, which are null as long as there is none.
    inputs: what a block must carry for them: raw columns, and `events`.
    """

    def __init__(self, metrics: Sequence[Metric], wanted: Collection[str] | None = None) -> None:
        """metrics: what the source has. wanted: names to derive, all that can be by default."""
        names = {metric.name for metric in metrics}
        chosen = [
            derived
            for derived in DERIVED
            if derived.metric.name not in names
            and names.issuperset(derived.formula.inputs)
            and (wanted is None or derived.metric.name in wanted)
        ]
        said = [
            metric
            for metric in TICK_METRICS
            if TAKEN in names
            and metric.name not in names
            and (wanted is None or metric.name in wanted)
        ]
        self.metrics: tuple[Metric, ...] = (*(derived.metric for derived in chosen), *said)
        inputs = {
            name
            for derived in chosen
            for name in (*derived.formula.inputs, *derived.optional)
            if name in names
        }
        if self.metrics and SLEEP in names:
            inputs.add(SLEEP)
        self.inputs: frozenset[str] = frozenset({*inputs, EVENTS} if said else inputs)
        self._streams = [
            (derived.metric.name, derived.rounding, derived.formula.start()) for derived in chosen
        ]
        self._said = [metric.name for metric in said]
        self._second = TrailingSecond(self._said) if said else None
        self._sleep = Sleep()

    def add(self, block: Block) -> Block:
        """The block with its derived columns; blocks must come in time order, none left out."""
        slept = self._sleep.add(block)
        columns = {
            name: _column(block, stream.add(block, slept), rounding)
            for name, rounding, stream in self._streams
        }
        if self._second is not None:
            columns |= dict.fromkeys(self._said, _column(block, _NOTHING, _RATIO))
            for name, (found, rounding) in self._second.add(block, slept).items():
                columns[name] = _column(block, found, rounding)
        return block.with_columns(columns)


def _column(block: Block, found: Found, rounding: Rounding) -> Column:
    """What was found, in its place, rounded as a session file keeps it; zero where null."""
    rows, values = found
    if values.any():
        values = rounding(values).astype(np.float32).astype(np.float64)
    if len(rows) == len(block):
        return Column(values, np.ones(len(block), np.bool_))
    column = Column(np.zeros(len(block)), np.zeros(len(block), np.bool_))
    column.values[rows] = values
    column.valid[rows] = True
    return column


class _Changes:
    """The change of counters from one row to the next where they and column `where` are valid."""

    def __init__(self, names: Sequence[str], where: str | None = None) -> None:
        self._names = names
        self._where = where
        self._before: list[np.int64] | None = None

    def add(
        self, block: Block, slept: Integers
    ) -> tuple[Integers, Integers, list[Integers]] | None:
        """Rows that have a change, the time it took in ns, and the changes; None without any.

        Rows whose change is negative, or that sleep separates from the one before, are left out.
        """
        columns = [block.columns.get(name) for name in self._names]
        if any(column is None for column in columns):
            return None
        present = [column for column in columns if column is not None]
        valid = present[0].valid
        for column in present[1:]:
            valid = valid & column.valid
        if self._where is not None:
            where = block.columns.get(self._where)
            if where is None:
                return None
            valid = valid & where.valid
        rows = np.flatnonzero(valid)
        if not len(rows):
            return None
        now: list[npt.NDArray[Any]] = [block.t_ns[rows], slept[rows]]
        now += [column.values[rows] for column in present]
        if self._before is None:
            rows = rows[1:]
        else:
            now = [
                np.concatenate(([first], series))
                for first, series in zip(self._before, now, strict=True)
            ]
        self._before = [series[-1] for series in now]
        passed, slept_between, *counts = (_change(series) for series in now)
        usable = (slept_between == 0) & (passed > 0)
        for series, count in zip(now[2:], counts, strict=True):
            # Both: a change beyond the range of an int64 would wrap around.
            usable &= (series[1:] >= series[:-1]) & (count >= 0)
        if usable.all():
            return rows, passed, counts
        return rows[usable], passed[usable], [count[usable] for count in counts]


def _change(series: npt.NDArray[Any]) -> Integers:
    change: Integers = (series[1:] - series[:-1]).astype(np.int64, copy=False)
    return change


class _PerTimeStream:
    def __init__(self, formula: PerTime) -> None:
        self._scale = formula.scale
        self._changes = _Changes([formula.counter])

    def add(self, block: Block, slept: Integers) -> Found:
        changes = self._changes.add(block, slept)
        if changes is None:
            return _NOTHING
        rows, passed, (count,) = changes
        return rows, count / passed * self._scale


class _ShareStream:
    def __init__(self, formula: Share) -> None:
        self._formula = formula
        self._names = list(formula.inputs)
        self._changes = _Changes(self._names)

    def add(self, block: Block, slept: Integers) -> Found:
        changes = self._changes.add(block, slept)
        if changes is None:
            return _NOTHING
        rows, _, counts = changes
        by_name = dict(zip(self._names, counts, strict=True))
        part = sum((by_name[name] for name in self._formula.part), np.zeros(len(rows), np.int64))
        whole = sum((by_name[name] for name in self._formula.whole), np.zeros(len(rows), np.int64))
        some = whole > 0
        return rows[some], part[some] / whole[some] * self._formula.scale


class _SplitStream:
    def __init__(self, formula: Split) -> None:
        self._formula = formula
        self._changes = _Changes([formula.counter])
        # the last second of part and rest, and one row before it
        self._history = np.zeros((3, 0), np.int64)
        self._share = np.nan

    def add(self, block: Block, slept: Integers) -> Found:
        shares = self._shares(block)
        changes = self._changes.add(block, slept)
        if changes is None or shares is None:
            return _NOTHING
        rows, passed, (count,) = changes
        split, share = shares[0][rows], shares[1][rows]
        usable = split & ((count == 0) | ~np.isnan(share))
        # nothing is nothing, however it is split
        share = np.where(count == 0, 0.0, share)[usable]
        return rows[usable], count[usable] / passed[usable] * self._formula.scale * share

    def _shares(self, block: Block) -> tuple[Bools, Floats] | None:
        """Where both counters are valid, and the part's share there; NaN where it is unknown."""
        part, rest = (block.columns.get(name) for name in (self._formula.part, self._formula.rest))
        if part is None or rest is None:
            return None
        valid = part.valid & rest.valid
        rows = np.flatnonzero(valid)
        shares = np.full(len(block), np.nan)
        if not len(rows):
            return valid, shares
        new = np.array([block.t_ns[rows], part.values[rows], rest.values[rows]], np.int64)
        known = np.concatenate((self._history, new), axis=1)
        begins = np.searchsorted(known[0], new[0] - _WINDOW_NS, side="right") - 1
        begins = np.maximum(begins, 0)
        grown = new[1:] - known[1:, begins]
        whole = grown[0] + grown[1]
        some = (grown >= 0).all(axis=0) & (whole > 0)
        # each row's share, or that of the last row before it which has one
        last = np.maximum.accumulate(np.where(some, np.arange(len(rows)), -1))
        found = np.divide(grown[0], whole, out=np.zeros(len(rows)), where=some)
        shares[rows] = np.where(last >= 0, found[last], self._share)
        self._share = shares[rows[-1]]
        self._history = known[:, begins[-1] :]
        return valid, shares


class _OverLastSecondStream:
    def __init__(self, formula: OverLastSecond) -> None:
        self._formula = formula
        # of the last second and one row before it: time, sum of the amounts before that row, how
        # many of them are unknown, sleeps
        self._history = np.zeros((4, 0), np.int64)
        self._sums = np.zeros(2, np.int64)

    def add(self, block: Block, slept: Integers) -> Found:
        column = block.columns.get(self._formula.amount)
        if column is None or not len(block):
            return _NOTHING
        valid = column.valid & (column.values >= 0)
        amounts = np.array([np.where(valid, column.values, 0), ~valid], np.int64)
        until = self._sums[:, np.newaxis] + np.cumsum(amounts, axis=1)
        new = np.array([block.t_ns, *(until - amounts), slept], np.int64)
        self._sums = until[:, -1]
        known = np.concatenate((self._history, new), axis=1)
        begins = np.searchsorted(known[0], new[0] - _WINDOW_NS, side="right") - 1
        begins = np.maximum(begins, 0)
        self._history = known[:, begins[-1] :]
        passed, used, unknown, sleeps = new - known[:, begins]
        rows = np.flatnonzero((passed > 0) & (used >= 0) & (unknown == 0) & (sleeps == 0))
        return rows, used[rows] / passed[rows] * self._formula.scale


class _RatioStream:
    def __init__(self, formula: Ratio) -> None:
        self._formula = formula

    def add(self, block: Block, slept: Integers) -> Found:
        del slept
        columns = block.columns
        return _ratio(columns.get(self._formula.level), columns.get(self._formula.limit))


class _PerTimeAndLevelStream:
    def __init__(self, formula: PerTimeAndLevel) -> None:
        self._formula = formula
        self._changes = _Changes([formula.counter], where=formula.level)

    def add(self, block: Block, slept: Integers) -> Found:
        changes = self._changes.add(block, slept)
        if changes is None:
            return _NOTHING
        rows, passed, (count,) = changes
        level = block.columns[self._formula.level].values[rows]
        some = level > 0
        used = count[some] / passed[some] * self._formula.scale
        return rows[some], used / level[some]


class _BeyondStream:
    def __init__(self, formula: Beyond) -> None:
        self._formula = formula
        self._changes = _Changes([formula.counter], where=formula.level)

    def add(self, block: Block, slept: Integers) -> Found:
        changes = self._changes.add(block, slept)
        if changes is None:
            return _NOTHING
        rows, passed, (count,) = changes
        level = block.columns[self._formula.level].values[rows]
        return rows, np.maximum(level - count / passed * self._formula.scale, 0.0)


class _MemoryPressureStream:
    def add(self, block: Block, slept: Integers) -> Found:
        del slept
        columns = block.columns
        cgroup = _combined(
            columns.get("cgroup_memory_bytes"),
            columns.get("cgroup_memory_inactive_file_bytes"),
            -1,
        )
        rss = columns.get("rss_bytes")
        machine = _combined(rss, columns.get("system_memory_available_bytes"), 1)
        largest = np.full(len(block), -1.0)
        for level, limit in (
            (cgroup, columns.get("cgroup_memory_limit_bytes")),
            (columns.get("virtual_nearest_bytes"), columns.get("virtual_limit_bytes")),
            (rss, machine),
        ):
            rows, ratios = _ratio(level, limit)
            largest[rows] = np.maximum(largest[rows], ratios)
        rows = np.flatnonzero(largest >= 0)
        return rows, largest[rows]


def _ratio(level: Column | None, limit: Column | None) -> Found:
    if level is None or limit is None:
        return _NOTHING
    rows = np.flatnonzero(level.valid & limit.valid & (limit.values > 0) & (level.values >= 0))
    return rows, level.values[rows] / limit.values[rows]


def _combined(one: Column | None, other: Column | None, sign: int) -> Column | None:
    """One plus or minus the other, not below zero, where both are valid."""
    if one is None or other is None:
        return None
    valid = one.valid & other.valid
    values = np.zeros(len(valid), one.values.dtype)
    values[valid] = one.values[valid] + sign * other.values[valid]
    return Column(np.maximum(values, 0), valid)
