"""How much the runs of a command differ from one another when nothing has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PAIRS = (5, 10, 20)
"""Numbers of pairs for which it is told what a gate would find."""


@dataclass(frozen=True)
class MetricNoise:
    """What pairs of runs of the same command show of one metric.

    design: how the pairs were made (model.verdict.DUET or ALTERNATING).
    gating: whether a gate decides by this metric in this design unless told otherwise.
    typical: median over the runs, in the unit.
    noise: spread of one pair's effect (robust standard deviation of the log ratio).
    largest: the largest |log ratio| of a pair.
    detectable: pairs to the effect that a gate of so many pairs finds in 80 of 100 cases, as a
    share; None where it would find none of any size.
    """

    metric: str
    unit: str
    design: str
    gating: bool
    pairs: int
    typical: float | None
    noise: float | None
    largest: float | None
    detectable: Mapping[int, float | None]


@dataclass(frozen=True)
class RunNoise:
    """What runs alone, one after the other, show of one metric.

    noise: spread of a run (robust standard deviation of the logarithm).
    autocorrelation: of the logarithms of neighbouring runs: 0 where they know nothing of one
    another, towards 1 where a slow spell lasts; None where all are equal or too few.
    floors: number of runs to the largest |log ratio| of so many in a row against as many.
    """

    metric: str
    unit: str
    runs: int
    typical: float
    noise: float | None
    autocorrelation: float | None
    floors: Mapping[int, float]


@dataclass(frozen=True)
class Series:
    """Runs alone, one after the other: when they were begun (UTC, ISO 8601), and metric to values.

    A metric that one of the runs does not have is left out.
    """

    measured_at: str
    runs: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Floor:
    """What a host has shown of one command that did not change, in one series or on many days.

    host: the fingerprint. command: as text, untrusted. series: oldest first.
    """

    host: Mapping[str, Any]
    command: str
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Noise:
    """How noisy a machine is for a command.

    core: the one that the duets shared. pinned: whether the runs alone were kept to it too.
    pairs: of each design that were asked for; what there is of them stands with each metric.
    metrics: gating metrics first. runs: of the runs alone. absent: metrics that nothing is
    known of here. failed: why runs do not count.
    others_cores: what everything else on the machine used meanwhile, in cores; stolen_cores: what
    a hypervisor gave to others; None where the kernel does not say.
    advice: what to do about it, most useful first.
    """

    command: str
    core: int
    pinned: bool
    pairs: int
    seed: int
    elapsed_s: float
    host: Mapping[str, Any]
    metrics: tuple[MetricNoise, ...]
    runs: tuple[RunNoise, ...]
    absent: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    others_cores: float | None = None
    stolen_cores: float | None = None
    advice: tuple[str, ...] = ()
