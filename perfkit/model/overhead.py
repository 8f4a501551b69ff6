"""What recording costs: the figures of one measurement, and the limits set on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

BASE_RATE_HZ = 10
"""The default rate of a recording; a figure's name without a rate means the rate nearest to it."""

LATE_SHARE = 0.1
"""A tick is called late when it comes later than this share of the interval."""

PARTS = ("ticks", "trees", "duet", "fidelity", "peers")
"""What can be measured, in the order in which it is shown."""

WORKLOADS = ("cpu", "io", "forks")
"""What the targets of the duet and of the sums do: compute, read and write files, fork."""

PEER_KEYS = ("psrecord", "psrecord_tree", "procpath", "top", "pidstat")
"""The other tools, as their figures are called."""


@dataclass(frozen=True)
class Lateness:
    """How far behind their deadlines ticks came: median, 99th percentile, standard deviation.

    late_percent: share of ticks later than LATE_SHARE of the interval.
    """

    late_us: float | None = None
    late_p99_us: float | None = None
    jitter_us: float | None = None
    late_percent: float | None = None


@dataclass(frozen=True)
class RateCost:
    """One rate. Times are of the CPU unless said otherwise; None is what this rate cannot tell.

    cpu_us_per_tick: everything the recorder used, wake-up and write included.
    cpu_percent: the same as a share of one core.
    wall_us_per_tick: from waking up to having written.
    fast_us, system_us, slow_us: reading that group once. write_us: appending one tick.
    clock_us_per_tick: a loop that only wakes up. bare_us_per_tick: one that also calls `pread`
    on the same files, and neither parses nor writes. ratio_to_bare: cpu_us_per_tick to that.
    rss_mib: the recorder's resident set while it records.
    missed_percent: slots without a tick. missed_beyond_clock_percent: less those that the clock
    loop missed in the same run, never below 0.
    late_us … late_percent: see Lateness; clock_… the same of the clock loop in the same run.
    """

    rate_hz: int
    ticks: int
    cpu_us_per_tick: float | None
    cpu_percent: float | None
    wall_us_per_tick: float | None
    fast_us: float | None
    system_us: float | None
    slow_us: float | None
    write_us: float | None
    clock_us_per_tick: float | None
    bare_us_per_tick: float | None
    ratio_to_bare: float | None
    rss_mib: float | None
    missed_percent: float | None
    missed_beyond_clock_percent: float | None
    late_us: float | None = None
    late_p99_us: float | None = None
    jitter_us: float | None = None
    late_percent: float | None = None
    clock_late_us: float | None = None
    clock_late_p99_us: float | None = None
    clock_jitter_us: float | None = None
    clock_late_percent: float | None = None


FIGURES = tuple(field.name for field in fields(RateCost) if field.name not in ("rate_hz", "ticks"))


@dataclass(frozen=True)
class PeerCost:
    """Another tool on a target of the same kind in the same run, or why there is no figure of it.

    key: one of PEER_KEYS. processes: the size of the tree it looked at; 0 is the busy process.
    ratio: perfkit's CPU per reading of the same target at the same interval over this one's; None
    where the machine was much busier under one of the two, so that they cannot be compared.
    clock_us_per_tick: a loop that only wakes up, in the same seconds: it tells how busy.
    """

    key: str
    name: str
    command: str
    interval_s: float
    processes: int = 0
    cpu_us_per_tick: float | None = None
    cpu_percent: float | None = None
    rss_mib: float | None = None
    ratio: float | None = None
    clock_us_per_tick: float | None = None
    absent: str = ""

    @property
    def figure(self) -> str:
        """The name of its ratio."""
        return _peer_figure(self.key, self.processes)


@dataclass(frozen=True)
class TreeCost:
    """A tree whose members are idle, at the base rate. CPU times; None where there were no ticks.

    cpu_us_per_tick: everything; fast_us, system_us, slow_us: reading that group once.
    """

    processes: int
    ticks: int
    cpu_us_per_tick: float | None
    fast_us: float | None
    system_us: float | None
    slow_us: float | None


TREE_FIGURES = ("cpu_us_per_tick", "fast_us", "system_us", "slow_us")


@dataclass(frozen=True)
class Slowdown:
    """How much more CPU time a workload takes while it is recorded, or why that is unknown.

    percent: the centre of all pairs; low_percent, high_percent: the interval of that confidence.
    spread_percent: standard deviation of the pairs' log ratios, as percent.
    target_cpu_s: median CPU time of the copies that were not recorded.
    recorder_percent: the recorder's own CPU as a share of one core, mean over the pairs.
    """

    workload: str
    pairs: int
    failed_pairs: int
    confidence: float
    percent: float | None = None
    low_percent: float | None = None
    high_percent: float | None = None
    spread_percent: float | None = None
    target_cpu_s: float | None = None
    recorder_percent: float | None = None
    absent: str = ""


@dataclass(frozen=True)
class SumCheck:
    """What a recording says that a workload used, against what wait4 says; or why it is unknown.

    cpu_off_percent, written_off_percent: the recording over the truth, less 1; None where the
    truth is too little to be compared.
    """

    workload: str
    cpu_s: float | None = None
    cpu_off_percent: float | None = None
    written_bytes: int | None = None
    written_off_percent: float | None = None
    absent: str = ""


@dataclass(frozen=True)
class Budget:
    """A limit on one figure: `cpu_us_per_tick<=400`."""

    figure: str
    limit: float
    strict: bool = False

    def __str__(self) -> str:
        return f"{self.figure}{'<' if self.strict else '<='}{self.limit:g}"

    def allows(self, value: float) -> bool:
        """Whether the value keeps within the limit."""
        return value < self.limit if self.strict else value <= self.limit


@dataclass(frozen=True)
class BudgetOutcome:
    """kept: whether the limit was kept; None where the figure could not be measured."""

    budget: Budget
    value: float | None
    kept: bool | None


@dataclass(frozen=True)
class Overhead:
    """One measurement of what recording costs on this machine; parts not asked for are empty."""

    seconds: float
    warm_up_s: float
    rates: tuple[RateCost, ...] = ()
    peers: tuple[PeerCost, ...] = ()
    trees: tuple[TreeCost, ...] = ()
    slowdowns: tuple[Slowdown, ...] = ()
    sums: tuple[SumCheck, ...] = ()

    def figures(self) -> dict[str, float | None]:
        """Every figure by the names that budgets use."""
        named: dict[str, float | None] = {}
        base = base_rate(rate.rate_hz for rate in self.rates) if self.rates else None
        for rate in sorted(self.rates, key=lambda rate: rate.rate_hz != base):
            for name in FIGURES:
                value = getattr(rate, name)
                if rate.rate_hz == base:
                    named[name] = value
                named[f"{name}_at_{rate.rate_hz}hz"] = value
        for tree in self.trees:
            for name in TREE_FIGURES:
                named[f"{name}_of_tree_{tree.processes}"] = getattr(tree, name)
        if self.trees:
            named["us_per_further_process"] = self.us_per_further_process
        for slowdown in self.slowdowns:
            named[f"slowdown_percent_{slowdown.workload}"] = slowdown.percent
            named[f"slowdown_high_percent_{slowdown.workload}"] = slowdown.high_percent
            named[f"recorder_percent_{slowdown.workload}"] = slowdown.recorder_percent
        for check in self.sums:
            named[f"cpu_off_percent_{check.workload}"] = _size(check.cpu_off_percent)
            named[f"written_off_percent_{check.workload}"] = _size(check.written_off_percent)
        for peer in self.peers:
            named[peer.figure] = peer.ratio
        return named

    @property
    def us_per_further_process(self) -> float | None:
        """What one more idle member adds to a tick: between the smallest and the largest tree."""
        known = [tree for tree in self.trees if tree.cpu_us_per_tick is not None]
        if len(known) < 2:
            return None
        least, most = known[0], known[-1]
        added_us = (most.cpu_us_per_tick or 0.0) - (least.cpu_us_per_tick or 0.0)
        return added_us / (most.processes - least.processes)

    def judge(self, budgets: Iterable[Budget]) -> tuple[BudgetOutcome, ...]:
        """Each budget against its figure; the names must be those of `figure_names`."""
        figures = self.figures()
        outcomes = []
        for budget in budgets:
            value = figures.get(budget.figure)
            kept = None if value is None else budget.allows(value)
            outcomes.append(BudgetOutcome(budget, value, kept))
        return tuple(outcomes)


def base_rate(rates_hz: Iterable[int]) -> int:
    """The rate that a figure's plain name means: the default one, or the nearest there is."""
    return min(rates_hz, key=lambda rate: (abs(rate - BASE_RATE_HZ), rate))


def figure_names(
    rates_hz: Sequence[int], trees: Sequence[int] = (), parts: Sequence[str] = ("ticks",)
) -> tuple[str, ...]:
    """The names that a budget may use when these parts are measured."""
    names: list[str] = []
    if measures_rates(parts):
        names += FIGURES
        names += [f"{name}_at_{rate}hz" for rate in rates_hz for name in FIGURES]
    if "trees" in parts and trees:
        names += [f"{name}_of_tree_{size}" for size in trees for name in TREE_FIGURES]
        names.append("us_per_further_process")
    if "duet" in parts:
        for workload in WORKLOADS:
            names += [f"slowdown_percent_{workload}", f"slowdown_high_percent_{workload}"]
            names.append(f"recorder_percent_{workload}")
    if "fidelity" in parts:
        for workload in WORKLOADS:
            names += [f"cpu_off_percent_{workload}", f"written_off_percent_{workload}"]
    if "peers" in parts:
        names += [_peer_figure(key, 0) for key in PEER_KEYS]
    return tuple(names)


def measures_rates(parts: Sequence[str]) -> bool:
    """Whether these parts need the rates: for what a tick costs, or for how late it is."""
    return "ticks" in parts or "fidelity" in parts


def _peer_figure(key: str, processes: int) -> str:
    return f"ratio_to_{key}" + (f"_of_tree_{processes}" if processes else "")


def _size(value: float | None) -> float | None:
    # a limit is on how far off, whichever way
    return None if value is None else abs(value)
