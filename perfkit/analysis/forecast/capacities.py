"""What can run out or degrade: for each kind of forecast the series and the capacity that binds.

A kind may have several capacities: memory can meet the limit of a control group, of the address
space, or of the machine. Each is a series of its own, so that none jumps when another comes
nearer; the one that is reached first is what a report speaks of first.

Everything here is elementwise over periods, so it does not matter how they were cut into blocks.
A column of a slower group is absent from most short periods: the capacity stands until the next one
is known, which is for the caller to carry.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perfkit.model.block import Block
from perfkit.model.thresholds import Thresholds

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Read = Callable[[Block], Floats]

FULL = 0.95
"""A share of all cores, or of all workers, that counts as all of them.

A mean over a second jitters below 1 and hardly ever stands on it, while what waits grows as
1 / (1 - share): at .95 twenty times as long as on an idle machine (M/M/1, Kleinrock, *Queueing
Systems* I, 3.2).
"""

THRASHING_PERCENT = 10.0
"""Share of time in which nothing at all went on for want of memory.

`systemd-oomd` kills at 60 % over 30 s by default, Meta's fleet is run at a few percent; a tenth is
where users feel it.
"""


class Series(NamedTuple):
    """Of n periods: values float64[n], valid bool[n]; capacity float64[n], capacity_valid bool[n].

    Where not valid, the number means nothing (it is 0). All valid numbers are finite.
    whole: float64[n], the size of what the metric is part of, NaN where not known. done: float64[n],
    work done by then, never falling. Either is None where there is no such thing.
    """

    values: Floats
    valid: Bools
    capacity: Floats
    capacity_valid: Bools
    whole: Floats | None = None
    done: Floats | None = None


@dataclass(frozen=True)
class Capacity:
    """One metric and what it must not reach.

    kind: of the forecast. metric: the column of ticks that it speaks of, by which findings name it;
    column: the column of periods that `values` are read from first. falling: the metric runs down
    to the capacity. cause: the key on which reports merge. against: the capacity in words.
    inputs: columns of periods that `series` reads. evidence: columns of periods that tell more of
    it where they are recorded, and are never forecast themselves.
    whole: column of periods with the size of what the metric is part of. work: column of periods
    with the rate of what the metric may grow with (`forecast.work`). driver: metric of the capacity
    which, once met, has this one met too (`forecast.driver`). Empty where there is none.
    held: by processes: 0 is what one holds that has ended, and no value. last: the share of the
    capacity that nobody gets, so that it is met without it.
    """

    kind: str
    metric: str
    column: str
    falling: bool
    cause: str
    against: str
    inputs: frozenset[str]
    evidence: tuple[str, ...]
    value_of: Read
    capacity_of: Read
    whole: str = ""
    work: str = ""
    driver: str = ""
    held: bool = False
    last: float = 0.0

    def met(self, values: Floats, capacity: Floats) -> Bools:
        """Where values are at the capacity or beyond it; not where either is NaN."""
        if self.falling:
            return values <= capacity
        return values >= capacity * (1.0 - self.last)

    def series(self, periods: Block) -> Series:
        """The metric and its capacity in these periods.

        A capacity that is not positive is unknown where the metric rises to it: a limit of 0 is how
        some systems write that there is none.
        """
        values, capacity = self.value_of(periods), self.capacity_of(periods)
        valid, known = np.isfinite(values), np.isfinite(capacity)
        if not self.falling:
            known &= capacity > 0
        if self.held:
            valid &= values > 0
        return Series(
            np.where(valid, values, 0.0),
            valid,
            np.where(known, capacity, 0.0),
            known,
            periods.floats(self.whole) if self.whole else None,
        )


def capacities(
    thresholds: Thresholds, metrics: Collection[str] | None = None
) -> tuple[Capacity, ...]:
    """Every capacity, in the order in which reports name them.

    metrics: those of a session, to leave out what it has no metric for; None gives all.
    """
    return tuple(one for one in _all(thresholds) if metrics is None or one.metric in metrics)


_WORK = "throughput_per_s"
"""What is held while a call is answered grows with the calls; what is written to disk stays."""

_LAST = 0.001
"""Of memory: what is asked for is larger than what is left long before nothing is."""

_PRESSURE = ("psi_memory_some_percent_mean", "psi_memory_full_percent_mean")


def _all(thresholds: Thresholds) -> Iterator[Capacity]:
    yield _capacity(
        "memory_exhaustion",
        "cgroup_memory_bytes",
        "memory",
        "the memory limit of its control group",
        _less("cgroup_memory_bytes_last", "cgroup_memory_inactive_file_bytes_last"),
        _column("cgroup_memory_limit_bytes_last"),
        evidence=(*_PRESSURE, "rss_bytes_last"),
        work=_WORK,
        last=_LAST,
    )
    yield _capacity(
        "memory_exhaustion",
        "virtual_nearest_bytes",
        "memory",
        "its limit on address space (RLIMIT_AS)",
        _column("virtual_nearest_bytes_last"),
        _column("virtual_limit_bytes_last"),
        evidence=("rss_bytes_last",),
        work=_WORK,
        held=True,
        last=_LAST,
    )
    yield _capacity(
        "memory_exhaustion",
        "rss_bytes",
        "memory",
        "what it holds and what the machine can still give",
        _column("rss_bytes_max"),
        # what is available counts caches that can be dropped already
        _either(
            _sum("rss_bytes_last", "system_memory_available_bytes_last"),
            _column("memory_capacity_bytes_last"),
        ),
        evidence=_PRESSURE,
        work=_WORK,
        held=True,
        last=_LAST,
    )
    yield _capacity(
        "descriptor_exhaustion",
        "fds_nearest_count",
        "descriptors",
        "the limit on open descriptors (RLIMIT_NOFILE) of the process nearest it",
        _column("fds_nearest_count_last"),
        _column("fds_limit_count_last"),
        evidence=("fds_count_last",),
        work=_WORK,
        held=True,
    )
    yield _capacity(
        "thread_exhaustion",
        "tasks_nearest_count",
        "threads",
        "the limit on threads nearest to being met (pids.max, threads-max or pid_max)",
        _column("tasks_nearest_count_last"),
        _column("tasks_limit_count_last"),
        evidence=("threads_count_last",),
        work=_WORK,
    )
    yield _capacity(
        "disk_exhaustion",
        "disk_free_bytes",
        "disk",
        "the end of the file system it writes to that has least free",
        _column("disk_free_bytes_last"),
        _constant(0.0),
        falling=True,
        evidence=("disk_total_bytes_last", "write_bytes_per_s_mean"),
        whole="disk_total_bytes_last",
    )
    yield _capacity(
        "worker_saturation",
        "worker_utilisation_ratio",
        "queue",
        "all workers busy",
        _column("worker_utilisation_ratio"),
        _constant(FULL),
        evidence=("queue_ms_p95", "operations_in_flight", "throughput_per_s"),
    )
    yield _capacity(
        "worker_saturation",
        "queue_ms_p95",
        "queue",
        "waiting alone as long as an operation may take (latency_ms.critical)",
        _column("queue_ms_p95"),
        _constant(thresholds.latency_ms.critical),
        evidence=("worker_utilisation_ratio", "operations_in_flight", "throughput_per_s"),
        driver="worker_utilisation_ratio",
    )
    yield _capacity(
        "latency_degradation",
        "latency_ms_p95",
        "latency",
        "its critical mark (latency_ms.critical)",
        _column("latency_ms_p95"),
        _constant(thresholds.latency_ms.critical),
        evidence=("latency_ms_mean", "throughput_per_s", "psi_cpu_some_percent_mean"),
    )
    yield _capacity(
        "fps_degradation",
        "fps",
        "frames",
        "its critical mark (fps.critical)",
        _column("fps"),
        _constant(thresholds.fps.critical),
        falling=True,
        evidence=("render_ms_p95", "cpu_percent_mean"),
    )
    yield _capacity(
        "cpu_saturation",
        "cpu_capacity_ratio",
        "cpu",
        "all the CPU it may use: quota, affinity or cores",
        _column("cpu_capacity_ratio_mean"),
        _constant(FULL),
        evidence=("cgroup_throttled_percent_mean", "runqueue_wait_percent_mean"),
    )
    yield _capacity(
        "swap_thrash",
        "system_swap_free_bytes",
        "memory",
        "the end of the machine's swap space",
        _column("system_swap_free_bytes_last"),
        _where_any(_constant(0.0), "system_swap_total_bytes_last"),
        falling=True,
        evidence=("major_faults_per_s_mean", "swap_bytes_last", *_PRESSURE),
    )
    yield _capacity(
        "swap_thrash",
        "psi_memory_full_percent",
        "memory",
        "a tenth of the time spent waiting for memory alone",
        _column("psi_memory_full_percent_mean"),
        _where_any(_constant(THRASHING_PERCENT), "system_swap_total_bytes_last"),
        evidence=("major_faults_per_s_mean", "swap_bytes_last", "system_swap_free_bytes_last"),
    )


# ── how a column is read ──


@dataclass(frozen=True)
class _column:
    """A column of the periods, NaN where it has no value."""

    name: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.name,)

    def __call__(self, periods: Block) -> Floats:
        return periods.floats(self.name)


@dataclass(frozen=True)
class _constant:
    value: float

    @property
    def inputs(self) -> tuple[str, ...]:
        return ()

    def __call__(self, periods: Block) -> Floats:
        return np.full(len(periods), self.value)


@dataclass(frozen=True)
class _sum:
    one: str
    other: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.one, self.other)

    def __call__(self, periods: Block) -> Floats:
        return periods.floats(self.one) + periods.floats(self.other)


@dataclass(frozen=True)
class _less:
    """One less the other, at least 0; all of it where the other is not known."""

    one: str
    other: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.one, self.other)

    def __call__(self, periods: Block) -> Floats:
        taken = np.nan_to_num(periods.floats(self.other), nan=0.0)
        return np.maximum(periods.floats(self.one) - taken, 0.0)


_Reader = _column | _constant | _sum | _less


@dataclass(frozen=True)
class _either:
    """The first where the session has all its columns, else the second: never row by row, since
    two capacities in turns would look like one that jumps."""

    first: _sum
    second: _column

    @property
    def inputs(self) -> tuple[str, ...]:
        return (*self.first.inputs, *self.second.inputs)

    def __call__(self, periods: Block) -> Floats:
        has = all(name in periods.columns for name in self.first.inputs)
        return self.first(periods) if has else self.second(periods)


@dataclass(frozen=True)
class _where_any:
    """The capacity where there is any of something, unknown elsewhere."""

    capacity: _constant
    of: str

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.of,)

    def __call__(self, periods: Block) -> Floats:
        return np.where(periods.floats(self.of) > 0, self.capacity(periods), np.nan)


def _capacity(
    kind: str,
    metric: str,
    cause: str,
    against: str,
    value: _column | _less,
    capacity: _Reader | _either | _where_any,
    *,
    falling: bool = False,
    evidence: tuple[str, ...] = (),
    whole: str = "",
    work: str = "",
    driver: str = "",
    held: bool = False,
    last: float = 0.0,
) -> Capacity:
    return Capacity(
        kind=kind,
        metric=metric,
        column=value.inputs[0],
        falling=falling,
        cause=cause,
        against=against,
        inputs=frozenset(filter(None, (*value.inputs, *capacity.inputs, whole, work))),
        evidence=evidence,
        value_of=value,
        capacity_of=capacity,
        whole=whole,
        work=work,
        driver=driver,
        held=held,
        last=last,
    )
