"""What recording costs: the figures of one measurement, and the limits set on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

BASE_RATE_HZ = 10
"""The default rate of a recording; a figure's name without a rate means the rate nearest to it."""


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


FIGURES = tuple(field.name for field in fields(RateCost) if field.name not in ("rate_hz", "ticks"))


@dataclass(frozen=True)
class PeerCost:
    """Another tool on the same target in the same run, or why there is no figure of it.

    ticks: how many readings its interval gives in the time measured, none left out.
    """

    name: str
    command: str
    interval_s: float
    cpu_us_per_tick: float | None = None
    cpu_percent: float | None = None
    rss_mib: float | None = None
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
    """One measurement of what recording costs on this machine."""

    seconds: float
    warm_up_s: float
    rates: tuple[RateCost, ...]
    peers: tuple[PeerCost, ...]

    def figures(self) -> dict[str, float | None]:
        """Every figure by the names that budgets use."""
        base = base_rate(rate.rate_hz for rate in self.rates)
        plain: dict[str, float | None] = {}
        at_rates: dict[str, float | None] = {}
        for rate in self.rates:
            for name in FIGURES:
                value = getattr(rate, name)
                if rate.rate_hz == base:
                    plain[name] = value
                at_rates[f"{name}_at_{rate.rate_hz}hz"] = value
        return plain | at_rates

    def judge(self, budgets: Iterable[Budget]) -> tuple[BudgetOutcome, ...]:
        """Each budget against its figure; the names must be those of `figure_names`."""
        figures = self.figures()
        outcomes = []
        for budget in budgets:
            value = figures[budget.figure]
            kept = None if value is None else budget.allows(value)
            outcomes.append(BudgetOutcome(budget, value, kept))
        return tuple(outcomes)


def base_rate(rates_hz: Iterable[int]) -> int:
    """The rate that a figure's plain name means: the default one, or the nearest there is."""
    return min(rates_hz, key=lambda rate: (abs(rate - BASE_RATE_HZ), rate))


def figure_names(rates_hz: Iterable[int]) -> tuple[str, ...]:
    """The names that a budget may use when these rates are measured."""
    return (*FIGURES, *(f"{name}_at_{rate}hz" for rate in rates_hz for name in FIGURES))
