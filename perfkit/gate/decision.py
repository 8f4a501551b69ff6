"""The sequential decision over pairs of runs: regressed, improved, unchanged or undecided.

Every metric has a confidence sequence of the log ratio head over base (perfkit.stats.betting): its
lower end at the fail level divided by the number of gating metrics, so that the whole invocation
fails without cause with at most the fail level; its upper end at the pass level. Both may be
looked at after every pair. The verdict is what the interval says, nothing else.

A metric that does not gate is judged at the level of those that do, but it is told of only: where
many are looked at, one of them may well differ by chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from perfkit.gate.detectable import detectable_effect
from perfkit.gate.metrics import log_ratio
from perfkit.gate.unpaired import LEAST_RUNS, Shift, unpaired_shift
from perfkit.model.verdict import (
    IMPROVED,
    PAIRED,
    PASSED,
    REGRESSED,
    UNCHANGED,
    UNDECIDED,
    UNPAIRED,
    GateMetric,
    MetricVerdict,
    Observations,
)
from perfkit.stats.betting import lower_bound, scales, upper_bound, wealth
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
        simulation of a tenth or two of a second a metric.
        """
        return _in_order(track.tell(final) for track in self._tracks.values())

    def verdict(self, final: bool) -> str:
        """REGRESSED as soon as one gating metric is, PASSED below all margins, else UNDECIDED.

        While not final, PASSED waits for metrics that may still turn out improved.
        """
        verdict = _of_the_whole(
            track.verdict for track in self._tracks.values() if track.metric.gating
        )
        return UNDECIDED if verdict == PASSED and not (final or self.decided) else verdict


class _Track:
    """One metric's pairs so far."""

    def __init__(self, metric: GateMetric, terms: Terms, family: int) -> None:
        self.metric = metric
        self.terms = terms
        self.fail_level = terms.fail_level / family
        self.tolerance, self.margin = _sizes(metric, terms)
        self.base: list[float] = []
        self.head: list[float] = []
        self.ratios: list[float] = []
        self._said: _Said | None = None

    def add(self, base: float, head: float, ratio: float) -> None:
        self.base.append(base)
        self.head.append(head)
        self.ratios.append(ratio)
        self._said = None

    @property
    def said(self) -> _Said:
        """The verdict on the pairs so far."""
        if self._said is None:
            # bounds over all looks so far: no need to have asked at each of them
            sample = np.array(self.ratios)
            self._said = _say(
                lower_bound(sample, self.fail_level),
                upper_bound(sample, self.fail_level),
                upper_bound(sample, self.terms.pass_level),
                self.tolerance,
                self.margin,
            )
        return self._said

    @property
    def verdict(self) -> str:
        return self.said.verdict

    @property
    def settled(self) -> bool:
        """Decided, and no improvement in sight that more pairs would make certain."""
        if self.verdict == UNCHANGED and len(self.ratios) < self.terms.max_pairs:
            halfway = (math.log1p(self.tolerance) + math.log1p(self.margin)) / 2
            return float(np.median(self.ratios)) > -halfway
        return self.verdict != UNDECIDED

    def tell(self, final: bool) -> MetricVerdict:
        count = len(self.ratios)
        sample = np.array(self.ratios)
        middle = signed_rank_interval(sample, 0.5).estimate if count else None
        detectable = None
        if final:
            detectable = detectable_effect(
                sample,
                tolerance=self.tolerance,
                margin=self.margin,
                fail_level=self.fail_level,
                pass_level=self.terms.pass_level,
                # where time was over before the pairs were, no more than these can be counted on
                max_pairs=count if self.verdict == UNDECIDED else self.terms.max_pairs,
            )
        return _told(
            self.metric,
            self.said,
            middle,
            (self.tolerance, self.margin),
            design=self.metric.design,
            pairs=count,
            base=self.base,
            head=self.head,
            noise=_spread(sample) if count > 1 else None,
            detectable=detectable,
            decided_after=self._decided_after(),
            note=self._note(middle),
        )

    def _decided_after(self) -> int | None:
        level, mark, sign = {
            REGRESSED: (self.fail_level, math.log1p(self.tolerance), 1.0),
            IMPROVED: (self.fail_level, math.log1p(self.tolerance), -1.0),
            UNCHANGED: (self.terms.pass_level, -math.log1p(self.margin), -1.0),
        }.get(self.verdict, (1.0, 0.0, 0.0))
        if not sign:
            return None
        sample = np.array(self.ratios)
        reached = wealth(sign * sample, mark, scales(sample)) >= 1 / level
        return int(reached.argmax()) + 1 if reached.any() else len(sample)

    def _note(self, middle: float | None) -> str:
        if middle is None:
            return "no pair of runs has it on both sides"
        needed = math.ceil(math.log2(1 / self.fail_level))
        if self.verdict == UNDECIDED and len(self.ratios) < needed:
            return f"to call it regressed takes {needed} pairs or more, and there are {len(self.ratios)}"
        if self.verdict in (REGRESSED, UNCHANGED) and (
            self.tolerance < math.expm1(middle) < self.margin
        ):
            return "an effect between the tolerance and the margin may end either way"
        return ""


def judge(
    observations: Observations,
    metrics: Sequence[GateMetric],
    terms: Terms,
    *,
    floor: Mapping[str, float] | None = None,
) -> tuple[str, tuple[MetricVerdict, ...]]:
    """The verdict on runs that were made elsewhere: of the whole, and one a metric.

    metrics: gating as this invocation wants them; those that neither side has are left out, those
    that only one has are undecided, and so are those whose values have no ratios. terms: max_pairs
    is not used, every run counts. floor: metric to the largest |log ratio| that this host showed
    between equal builds, for runs that are no pairs; None to take it from base's own runs.
    """
    present = [
        metric
        for metric in metrics
        if _known(observations.base, metric) or _known(observations.head, metric)
    ]
    family = max(1, sum(metric.gating for metric in present))
    verdicts = []
    for metric in present:
        if not (_known(observations.base, metric) and _known(observations.head, metric)):
            side = "base" if _known(observations.base, metric) else "head"
            verdicts.append(_unsaid(observations, metric, terms, f"only {side} has it"))
            continue
        judge_one = _judge_pairs if observations.pairs else _judge_unpaired
        try:
            verdicts.append(judge_one(observations, metric, terms, family, floor or {}))
        except ValueError as error:
            verdicts.append(_unsaid(observations, metric, terms, str(error)))
    return _of_the_whole(told.verdict for told in verdicts if told.gating), _in_order(verdicts)


def _judge_pairs(
    observations: Observations,
    metric: GateMetric,
    terms: Terms,
    family: int,
    _floor: Mapping[str, float],
) -> MetricVerdict:
    base, head = observations.base[metric.name], observations.head[metric.name]
    track = _Track(
        replace(metric, design=PAIRED), replace(terms, max_pairs=len(observations.pairs)), family
    )
    for one, other in observations.pairs:
        before, after = base[one], head[other]
        if before is not None and after is not None:
            track.add(before, after, log_ratio(before, after, metric.quantum))
    return track.tell(final=True)


def _judge_unpaired(
    observations: Observations,
    metric: GateMetric,
    terms: Terms,
    family: int,
    floor: Mapping[str, float],
) -> MetricVerdict:
    base, head = _known(observations.base, metric), _known(observations.head, metric)
    tolerance, margin = _sizes(metric, terms)
    fail_level = terms.fail_level / family
    logarithms = [
        [log_ratio(1.0, value, metric.quantum) for value in side] for side in (base, head)
    ]
    shift = unpaired_shift(
        *logarithms,
        floor=floor.get(metric.name),
        tolerance=tolerance,
        fail_level=fail_level,
        pass_level=terms.pass_level,
    )
    spreads = [_spread(np.array(side)) for side in logarithms if len(side) > 1]
    return _told(
        metric,
        _say(shift.low, shift.surely_below, shift.high, tolerance, margin),
        shift.estimate,
        (tolerance, margin),
        design=UNPAIRED,
        pairs=min(len(base), len(head)),
        base=base,
        head=head,
        # of the difference of two runs, as for pairs
        noise=math.sqrt(2) * max(spreads) if spreads else None,
        detectable=None if shift.detectable is None else math.expm1(shift.detectable),
        decided_after=None,
        note=_unpaired_note(shift, recorded=metric.name in floor),
    )


def _unpaired_note(shift: Shift, *, recorded: bool) -> str:
    if shift.floor is None:
        return (
            "runs that are no pairs are not judged without a noise floor of their host: "
            f"it takes {LEAST_RUNS} or more runs of base, or a floor file"
        )
    percent = f"{100 * math.expm1(shift.floor):.2g} %"
    if recorded:
        return f"no pairs: runs of one build differed by up to {percent} on this host"
    return (
        f"no pairs and no recorded floor: base's own runs differ by up to {percent}, "
        "and a host may change by more between two recordings"
    )


@dataclass(frozen=True)
class _Said:
    """A verdict and the bounds that it rests on, as logarithms."""

    verdict: str
    low: float
    high: float


def _say(low: float, surely_below: float, high: float, tolerance: float, margin: float) -> _Said:
    """low, surely_below: bounds at the fail level; high: upper bound at the pass level."""
    if low > math.log1p(tolerance):
        # where a spread without any noise leaves the bounds in one place, they keep their order
        return _Said(REGRESSED, low, max(high, low))
    if surely_below < -math.log1p(tolerance):
        return _Said(IMPROVED, low, surely_below)
    return _Said(UNCHANGED if high < math.log1p(margin) else UNDECIDED, low, high)


def _sizes(metric: GateMetric, terms: Terms) -> tuple[float, float]:
    """The metric's own tolerance and margin where it has them."""
    tolerance = terms.tolerance if metric.tolerance is None else metric.tolerance
    margin = terms.margin if metric.margin is None else metric.margin
    return tolerance, max(margin, tolerance)


def _told(
    metric: GateMetric,
    said: _Said,
    middle: float | None,
    sizes: tuple[float, float],
    *,
    design: str,
    pairs: int,
    base: Sequence[float],
    head: Sequence[float],
    noise: float | None,
    detectable: float | None,
    decided_after: int | None,
    note: str,
) -> MetricVerdict:
    return MetricVerdict(
        metric=metric.name,
        unit=metric.unit,
        design=design,
        gating=metric.gating,
        verdict=said.verdict,
        effect=_as_share(middle),
        ci_low=_as_share(said.low),
        ci_high=_as_share(said.high),
        pairs=pairs,
        tolerance=sizes[0],
        margin=sizes[1],
        base=float(np.median(base)) if len(base) else None,
        head=float(np.median(head)) if len(head) else None,
        noise=noise,
        detectable_effect=detectable,
        decided_after=decided_after,
        cause=metric.cause,
        note=note,
    )


def _unsaid(
    observations: Observations, metric: GateMetric, terms: Terms, note: str
) -> MetricVerdict:
    return _told(
        metric,
        _Said(UNDECIDED, -math.inf, math.inf),
        None,
        _sizes(metric, terms),
        design=PAIRED if observations.pairs else UNPAIRED,
        pairs=0,
        base=[],
        head=[],
        noise=None,
        detectable=None,
        decided_after=None,
        note=note,
    )


def _known(side: Mapping[str, tuple[float | None, ...]], metric: GateMetric) -> list[float]:
    return [value for value in side.get(metric.name, ()) if value is not None]


def _as_share(log: float | None) -> float | None:
    if log is None or not math.isfinite(log):
        return None
    try:
        return math.expm1(log)
    except OverflowError:
        return None


def _spread(sample: NDArray[np.float64]) -> float:
    """Robust standard deviation: 1.4826 times the median absolute deviation."""
    return 1.4826 * float(np.median(np.abs(sample - np.median(sample))))


def _of_the_whole(verdicts: Iterable[str]) -> str:
    gating = list(verdicts)
    if REGRESSED in gating:
        return REGRESSED
    return UNDECIDED if not gating or UNDECIDED in gating else PASSED


def _in_order(verdicts: Iterable[MetricVerdict]) -> tuple[MetricVerdict, ...]:
    """Gating ones first, decided ones before the others, otherwise as given."""
    return tuple(sorted(verdicts, key=lambda told: (not told.gating, told.verdict == UNDECIDED)))
