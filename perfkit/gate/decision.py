"""The sequential decision over pairs of runs: regressed, improved, unchanged or undecided.

Every metric has a confidence sequence of the log ratio head over base (perfkit.stats.betting): its
lower end at the fail level divided by the number of gating metrics, so that the whole invocation
fails without cause with at most the fail level; its upper end at the pass level. Both may be
looked at after every pair. The verdict is what the interval says, nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from perfkit.gate.metrics import log_ratio
from perfkit.model.verdict import (
    IMPROVED,
    PASSED,
    REGRESSED,
    UNCHANGED,
    UNDECIDED,
    GateMetric,
    MetricVerdict,
)
from perfkit.stats.betting import lower_bound, upper_bound
from perfkit.stats.intervals import signed_rank_interval


@dataclass(frozen=True)
class Terms:
    """What an invocation decides by.

    tolerance: a smaller difference never fails. margin: a pass rules out anything this large.
    fail_level: chance of a fail without cause, whole invocation. pass_level: chance that a pass is
    wrong, a metric. max_pairs: where undecided metrics are given up.
    Raises ValueError where they contradict each other.
    """

    tolerance: float = 0.01
    margin: float = 0.03
    fail_level: float = 0.01
    pass_level: float = 0.05
    max_pairs: int = 30

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < math.inf:
            raise ValueError(f"a tolerance is zero or more, and {self.tolerance} is not")
        if not self.tolerance <= self.margin < math.inf or self.margin == 0:
            raise ValueError(
                f"a margin is above zero and no smaller than the tolerance of {self.tolerance}, "
                f"and {self.margin} is not"
            )
        for level in (self.fail_level, self.pass_level):
            if not 0 < level < 0.5:
                raise ValueError(f"a level lies between 0 and 0.5, and {level} does not")
        if self.max_pairs < 1:
            raise ValueError(f"the pairs are one or more, and {self.max_pairs} are not")


class Gate:
    """Takes pairs one by one and knows when enough have been seen."""

    def __init__(self, metrics: Sequence[GateMetric], terms: Terms) -> None:
        """metrics: gating as this invocation wants them. Raises ValueError for a name given twice."""
        if len({metric.name for metric in metrics}) != len(metrics):
            raise ValueError("a metric is given twice")
        self.terms = terms
        gating = sum(metric.gating for metric in metrics)
        self._tracks = {metric.name: _Track(metric, terms, max(1, gating)) for metric in metrics}

    def add(self, values: Mapping[str, tuple[float, float]]) -> None:
        """Take in one pair: metric to (base, head); metrics it does not have are left out.

        Raises ValueError for a metric that the gate does not have and for values that are negative
        or not finite; then nothing of the pair is taken in.
        """
        for name in values:
            if name not in self._tracks:
                raise ValueError(f"this gate has no metric {name}")
        ratios = {
            name: log_ratio(base, head, self._tracks[name].metric.quantum)
            for name, (base, head) in values.items()
        }
        for name, ratio in ratios.items():
            self._tracks[name].add(*values[name], ratio)

    @property
    def decided(self) -> bool:
        """Whether a gating metric has regressed or every gating metric is decided."""
        gating = [track for track in self._tracks.values() if track.metric.gating]
        return any(track.verdict == REGRESSED for track in gating) or all(
            track.settled for track in gating
        )

    @property
    def wanting(self) -> set[str]:
        """The gating metrics that further pairs could decide."""
        return {
            name
            for name, track in self._tracks.items()
            if track.metric.gating
            and not track.settled
            and len(track.ratios) < self.terms.max_pairs
        }

    def verdicts(self, final: bool) -> tuple[MetricVerdict, ...]:
        """Every metric's verdict, gating ones first and decided ones before the others.

        final: nothing more will come, so also say what such a gate can find, which takes a
        simulation of some tenths of a second a metric.
        """
        verdicts = [track.tell() for track in self._tracks.values()]
        return tuple(
            sorted(verdicts, key=lambda told: (not told.gating, told.verdict == UNDECIDED))
        )

    def verdict(self, final: bool) -> str:
        """REGRESSED as soon as one gating metric is, PASSED below all margins, else UNDECIDED.

        While not final, PASSED waits for metrics that may still turn out improved.
        """
        gating = [track for track in self._tracks.values() if track.metric.gating]
        if any(track.verdict == REGRESSED for track in gating):
            return REGRESSED
        if not gating or any(track.verdict == UNDECIDED for track in gating):
            return UNDECIDED
        return PASSED if final or self.decided else UNDECIDED


class _Track:
    """One metric's pairs so far."""

    def __init__(self, metric: GateMetric, terms: Terms, family: int) -> None:
        self.metric = metric
        self.terms = terms
        self.fail_level = terms.fail_level / family
        self.tolerance = terms.tolerance if metric.tolerance is None else metric.tolerance
        self.margin = terms.margin if metric.margin is None else metric.margin
        self.margin = max(self.margin, self.tolerance)
        self.base: list[float] = []
        self.head: list[float] = []
        self.ratios: list[float] = []
        self.low = self.below = -math.inf
        self.high = math.inf
        self.verdict = UNDECIDED
        self.decided_after: int | None = None

    def add(self, base: float, head: float, ratio: float) -> None:
        self.base.append(base)
        self.head.append(head)
        self.ratios.append(ratio)
        sample = np.array(self.ratios)
        self.low = lower_bound(sample, self.fail_level)
        surely_below = upper_bound(sample, self.fail_level)
        self.high = upper_bound(sample, self.terms.pass_level)
        if self.low > math.log1p(self.tolerance):
            verdict = REGRESSED
        elif surely_below < -math.log1p(self.tolerance):
            verdict = IMPROVED
            self.high = surely_below
        elif self.high < math.log1p(self.margin):
            verdict = UNCHANGED
        else:
            verdict = UNDECIDED
        if verdict != self.verdict:
            self.verdict, self.decided_after = verdict, len(self.ratios)

    @property
    def settled(self) -> bool:
        """Decided, and no improvement in sight that more pairs would make certain."""
        if self.verdict == UNCHANGED and len(self.ratios) < self.terms.max_pairs:
            halfway = (math.log1p(self.tolerance) + math.log1p(self.margin)) / 2
            return float(np.median(self.ratios)) > -halfway
        return self.verdict != UNDECIDED

    def tell(self) -> MetricVerdict:
        count = len(self.ratios)
        effect = noise = None
        if count:
            sample = np.array(self.ratios)
            effect = math.expm1(signed_rank_interval(sample, 0.5).estimate)
            if count > 1:
                noise = 1.4826 * float(np.median(np.abs(sample - np.median(sample))))
        return MetricVerdict(
            metric=self.metric.name,
            unit=self.metric.unit,
            design=self.metric.design,
            gating=self.metric.gating,
            verdict=self.verdict,
            effect=effect,
            ci_low=math.expm1(self.low) if math.isfinite(self.low) else None,
            ci_high=math.expm1(self.high) if math.isfinite(self.high) else None,
            pairs=count,
            tolerance=self.tolerance,
            margin=self.margin,
            base=float(np.median(self.base)) if count else None,
            head=float(np.median(self.head)) if count else None,
            noise=noise,
            decided_after=self.decided_after,
            cause=self.metric.cause,
        )
