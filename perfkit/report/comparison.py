"""What a comparison of base and head says, before any format decides how it looks.

Everything here is printable text or a number; escaping for a syntax is the renderer's part.
Metrics of one cause that go the same way are told in one line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from perfkit.model.text import printable
from perfkit.model.verdict import (
    ALTERNATING,
    DUET,
    IMPROVED,
    PAIRED,
    PASSED,
    REGRESSED,
    UNCHANGED,
    UNDECIDED,
    UNPAIRED,
    ComparedSide,
    Comparison,
    Difference,
    MetricVerdict,
)
from perfkit.report.units import THIN_SPACE, UNKNOWN, format_value

SOURCE_LIMIT = 300
SENTENCE_LIMIT = 300
NAME_LIMIT = 80
LIST_LIMIT = 20
"""Longer text and longer lists are cut: the JSON has the whole."""

_METRIC_WORDS = {
    "cpu_s": "CPU time",
    "cpu_user_s": "CPU time in user mode",
    "cpu_system_s": "CPU time in the kernel",
    "wall_s": "wall time",
    "peak_rss_bytes": "peak memory",
    "minor_faults": "minor page faults",
    "major_faults": "major page faults",
    "read_bytes": "bytes read from storage",
    "written_bytes": "bytes written to storage",
    "voluntary_switches": "voluntary context switches",
    "involuntary_switches": "involuntary context switches",
    "instructions": "instructions",
}
_DESIGN_WORDS = {
    DUET: "duet",
    ALTERNATING: "alternating",
    PAIRED: "paired",
    UNPAIRED: "unpaired",
}
_MOST_PAIRS = 1000
"""Where more would be needed, pairs are no advice."""

_LARGE = 9.0
"""From here on an effect is told as a multiple: eleven times as much, not +1000 %."""


@dataclass(frozen=True)
class Row:
    """One metric in a table, every figure formatted.

    verdict: one of the words of `perfkit.model.verdict`. low, high: bounds as shares for a picture,
    None where unbounded.
    """

    name: str
    gating: bool
    verdict: str
    effect: str
    interval: str
    base: str
    head: str
    runs: str
    noise: str
    detectable: str


@dataclass(frozen=True)
class Cause:
    """Metrics that went the same way for one cause: the first speaks, the others are named.

    sentence: what happened to the first. also: the others with their effects.
    """

    verdict: str
    gating: bool
    lead: MetricVerdict
    sentence: str
    also: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.sentence}; with it {', '.join(self.also)}" if self.also else self.sentence


@dataclass(frozen=True)
class DifferenceRow:
    """A line of where the difference lies, formatted."""

    where: str
    metric: str
    base: str
    head: str
    effect: str


def metric_words(name: str) -> str:
    """What a metric is called in a sentence; other tools' metrics keep their names."""
    return _METRIC_WORDS.get(name) or printable(name, NAME_LIMIT)


def effect_words(effect: float | None) -> str:
    """An effect with its sign: `+5.2 %`, `-0.13 %`, `11 times`."""
    if not _known(effect):
        return UNKNOWN
    if effect >= _LARGE:
        return f"{_multiple(1 + effect)} times"
    shown = _percent(abs(effect))
    if shown == "0 %":
        return shown
    return f"{'-' if effect < 0 else '+'}{shown}"


def interval_words(low: float | None, high: float | None) -> str:
    """An interval as `+4.1 … +6.4 %`, a bound that is not known as a dash."""
    if not _known(low) and not _known(high):
        return UNKNOWN
    first, last = effect_words(low), effect_words(high)
    if first.endswith(" %") and last.endswith(" %"):
        first = first.removesuffix(" %")
    return f"{first} … {last}"


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _percent(share: float) -> str:
    """A share >= 0 in percent, to the digit that matters."""
    percent = share * 100
    if percent >= 99.95:
        return f"{percent:.0f} %"
    if percent >= 0.995:
        return f"{percent:.1f} %"
    digits = f"{percent:.2f}"
    return "0 %" if digits == "0.00" else f"{digits} %"


def _limit(share: float) -> str:
    """A tolerance or margin as it was asked for: `1 %`, `2.5 %`."""
    return f"{share * 100:.4g} %"


def _multiple(times: float) -> str:
    return f"{times:,.0f}".replace(",", THIN_SPACE) if times < 1e9 else f"{times:.1e}"


def title(comparison: Comparison) -> str:
    """One word for the whole: REGRESSED, PASSED, UNDECIDED."""
    return printable(comparison.verdict, 20).upper()


def headline(comparison: Comparison) -> str:
    """The verdict in a sentence."""
    gating = [one for one in comparison.metrics if one.gating]
    if not gating:
        return "no gating metric could be measured, so there is nothing to say"
    told = [one for one in causes(comparison) if one.gating and one.verdict == comparison.verdict]
    if comparison.verdict == REGRESSED and told:
        more = f", and {_others(len(told) - 1)}" if len(told) > 1 else ""
        return f"{told[0].sentence}{more}"
    if comparison.verdict == PASSED:
        better = [metric_words(one.metric) for one in gating if one.verdict == IMPROVED]
        gain = f"; better: {', '.join(better)}" if better else ""
        return f"{_ruled_out(gating)}{gain}"
    open_ones = [metric_words(one.metric) for one in gating if one.verdict == UNDECIDED]
    return f"it cannot be told at this noise: {', '.join(open_ones) or 'no metric is decided'}"


def _others(count: int) -> str:
    return "one more thing" if count == 1 else f"{count} more things"


def _ruled_out(gating: Sequence[MetricVerdict]) -> str:
    by_margin: dict[float, list[str]] = {}
    for one in gating:
        by_margin.setdefault(one.margin, []).append(metric_words(one.metric))
    if len(by_margin) == 1:
        return f"nothing that decides got worse by {_limit(gating[0].margin)} or more"
    parts = [f"{', '.join(names)} by {_limit(margin)}" for margin, names in by_margin.items()]
    return f"nothing that decides got worse by its margin: {'; '.join(parts)}"


def causes(comparison: Comparison) -> list[Cause]:
    """What there is to tell, a cause a line: regressions, what is open, gains, what stands beside.

    What does not decide the verdict is told only where it clearly moved.
    """
    groups: dict[tuple[str, str], list[MetricVerdict]] = {}
    for one in comparison.metrics:
        if one.verdict in (REGRESSED, IMPROVED) or (one.verdict == UNDECIDED and one.gating):
            groups.setdefault((one.verdict, one.cause or f"\0{one.metric}"), []).append(one)
    told = [_cause(together) for together in groups.values()]
    return sorted(told, key=_telling_order)


def _telling_order(cause: Cause) -> tuple[int, float]:
    order = {REGRESSED: 0, UNDECIDED: 1, IMPROVED: 2}
    beside = 0 if cause.gating else 10
    effect = cause.lead.effect
    return beside + order.get(cause.verdict, 3), -abs(effect) if _known(effect) else 0.0


def _cause(together: Sequence[MetricVerdict]) -> Cause:
    lead, *others = sorted(together, key=lambda one: not one.gating)
    also = [f"{metric_words(one.metric)} {effect_words(one.effect)}" for one in others]
    return Cause(lead.verdict, lead.gating, lead, sentence(lead), tuple(also[:LIST_LIMIT]))


def sentence(one: MetricVerdict) -> str:
    """What is known of one metric."""
    name, effect = metric_words(one.metric), effect_words(one.effect)
    reach = interval_words(one.ci_low, one.ci_high)
    if one.verdict == REGRESSED:
        if one.gating:
            return f"{name} {effect} ({reach}), more than the {_limit(one.tolerance)} tolerated"
        return f"{name} {effect} ({reach}), which does not decide"
    if one.verdict == IMPROVED:
        return f"{name} {effect} ({reach}), better" + ("" if one.gating else ", not decisive")
    if not one.pairs:
        return f"{name}: nothing was measured"
    if one.verdict == UNCHANGED:
        return f"{name} {effect} ({reach}), unchanged: below {_limit(one.margin)}"
    return f"{name} {effect} ({reach}) is undecided after {runs_words(one)}"


def runs_words(one: MetricVerdict) -> str:
    """How much a verdict rests on: `8 pairs`, `12 runs a side`."""
    if one.design == UNPAIRED:
        return f"{one.pairs} {'run' if one.pairs == 1 else 'runs'} a side"
    return f"{one.pairs} {'pair' if one.pairs == 1 else 'pairs'}"


def metric_rows(comparison: Comparison) -> list[Row]:
    """Every metric as a row, in the order of the comparison."""
    return [
        Row(
            name=printable(one.metric, NAME_LIMIT),
            gating=one.gating,
            verdict=printable(one.verdict, 20),
            effect=effect_words(one.effect),
            interval=interval_words(one.ci_low, one.ci_high),
            base=format_value(one.base, one.unit),
            head=format_value(one.head, one.unit),
            runs=_runs_cell(one),
            noise=_percent(math.expm1(one.noise)) if _small(one.noise) else UNKNOWN,
            detectable=effect_words(one.detectable_effect),
        )
        for one in comparison.metrics
    ]


def _runs_cell(one: MetricVerdict) -> str:
    design = _DESIGN_WORDS.get(one.design) or printable(one.design, 20)
    return f"{one.pairs} {design}" if one.pairs else UNKNOWN


def _small(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value) and 0 <= value < 100


def open_sentences(comparison: Comparison) -> list[str]:
    """What each undecided gating metric would need, one sentence a metric."""
    return [_advice(one) for one in comparison.metrics if one.gating and one.verdict == UNDECIDED]


def _advice(one: MetricVerdict) -> str:
    name = metric_words(one.metric)
    if not one.pairs:
        return f"{name}: nothing was measured, so nothing can be said"
    parts = [f"{name}: {_power(one)}"]
    needed = pairs_to_decide(one)
    if one.design == UNPAIRED:
        more = f"about {needed} runs a side" if needed else "many more runs"
        parts.append(
            f"{more} might decide it, pairs made on one machine (perfkit gate --base CMD --head "
            "CMD) would need far fewer"
        )
    elif needed:
        parts.append(
            f"about {needed} pairs would decide it at this noise (--max-pairs, --max-time)"
        )
    else:
        parts.append(
            "more pairs alone will hardly decide it: pin it to a core (--cpu), make the run "
            "longer, or use a quieter machine (perfkit bench-noise tells which helps)"
        )
    return "; ".join(parts)


def _power(one: MetricVerdict) -> str:
    spread = f", where one pair spreads by {_percent(one.noise)}" if _small(one.noise) else ""
    after = f"after {runs_words(one)}{spread}"
    if _known(one.detectable_effect):
        return f"{after}, a true {effect_words(one.detectable_effect)} is found in 80 of 100 cases"
    return f"{after}, no regression of whatever size would have been found"


def pairs_to_decide(one: MetricVerdict) -> int | None:
    """Roughly how many pairs (unpaired: runs a side) would decide a metric, None where unknown.

    The half of the interval that has to clear the tolerance or the margin shrinks with the root of
    the pairs; whichever is reached first counts.
    """
    if not _known(one.effect) or one.pairs < 1 or one.effect is None or one.effect <= -1:
        return None
    effect = math.log1p(one.effect)
    needed = []
    to_fail = effect - math.log1p(one.tolerance)
    if one.ci_low is not None and one.ci_low > -1 and to_fail > 0:
        needed.append(((effect - math.log1p(one.ci_low)) / to_fail) ** 2)
    to_pass = math.log1p(one.margin) - effect
    if one.ci_high is not None and math.isfinite(one.ci_high) and to_pass > 0:
        needed.append(((math.log1p(one.ci_high) - effect) / to_pass) ** 2)
    if not needed:
        return None
    pairs = max(one.pairs * min(needed), one.pairs + 1.0)
    if not pairs <= _MOST_PAIRS:
        return None
    step = 1 if pairs < 10 else 5 if pairs < 100 else 50
    return math.ceil(pairs / step) * step


def side_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """Label and text of what was compared, in reading order."""
    facts = [(_side_name(side), _side(side)) for side in (comparison.base, comparison.head)]
    if comparison.host:
        facts.append(("host", printable(comparison.host, SOURCE_LIMIT)))
    made = []
    if _known(comparison.elapsed_s):
        made.append(f"took {format_value(comparison.elapsed_s, 's')}")
    if comparison.seed is not None:
        made.append(f"seed {comparison.seed}")
    if made:
        facts.append(("made", ", ".join(made)))
    return facts


def _side_name(side: ComparedSide) -> str:
    return printable(side.name, 8)


def _side(side: ComparedSide) -> str:
    runs = f"{side.runs} {'run' if side.runs == 1 else 'runs'}"
    left_out = f", {len(side.failed)} left out" if side.failed else ""
    return f"{printable(side.source, SOURCE_LIMIT) or 'unknown'} ({runs}{left_out})"


def failed_sentences(comparison: Comparison) -> list[str]:
    """Runs that are no measurement, and why; equal reasons are told once."""
    sentences = []
    for side in (comparison.base, comparison.head):
        reasons: dict[str, int] = {}
        for reason in side.failed:
            reasons[reason] = reasons.get(reason, 0) + 1
        for reason, count in reasons.items():
            times = f"{count} times: " if count > 1 else ""
            sentences.append(f"{_side_name(side)}: {times}{printable(reason, SENTENCE_LIMIT)}")
    return cut(sentences)


def reason_sentences(comparison: Comparison) -> list[str]:
    """What the recordings say of a regression."""
    return cut([printable(reason, SENTENCE_LIMIT) for reason in comparison.reasons])


def note_sentences(comparison: Comparison) -> list[str]:
    """What limits the whole, and what limits single metrics."""
    notes = [printable(note, SENTENCE_LIMIT) for note in comparison.notes]
    notes += [
        f"{metric_words(one.metric)}: {printable(one.note, SENTENCE_LIMIT)}"
        for one in comparison.metrics
        if one.note
    ]
    return cut(list(dict.fromkeys(notes)))


def cut(sentences: Sequence[str], limit: int = LIST_LIMIT) -> list[str]:
    """The sentences, or the first of them and how many more there are."""
    if len(sentences) <= limit:
        return list(sentences)
    return [*sentences[: limit - 1], f"and {len(sentences) - limit + 1} more"]


def terms_sentences(comparison: Comparison) -> list[str]:
    """What the verdict promises, and what it leaves out."""
    sentences = []
    gating = [one for one in comparison.metrics if one.gating]
    if gating:
        sentences.append(
            f"Fails without a true difference beyond the tolerance in at most "
            f"{_limit(comparison.fail_level)} of all gates; a pass overlooks a difference of the "
            f"margin in at most {_limit(comparison.pass_level)} a metric. What truly lies between "
            "the two may end either way."
        )
    beside = [one.metric for one in comparison.metrics if not one.gating]
    left_out = list(dict.fromkeys([*comparison.not_gated, *beside]))
    if left_out:
        names = cut([printable(name, NAME_LIMIT) for name in left_out])
        sentences.append(f"Not gated: {', '.join(names)}.")
    return sentences


def difference_groups(comparison: Comparison) -> list[tuple[str, list[DifferenceRow]]]:
    """Where the difference lies, by kind, in the order given."""
    groups: dict[str, list[DifferenceRow]] = {}
    for one in comparison.differences:
        rows = groups.setdefault(printable(one.kind, NAME_LIMIT), [])
        if len(rows) < LIST_LIMIT:
            rows.append(_difference(one))
    return list(groups.items())


def _difference(one: Difference) -> DifferenceRow:
    return DifferenceRow(
        printable(one.where, NAME_LIMIT),
        printable(one.metric, NAME_LIMIT),
        format_value(one.base, one.unit),
        format_value(one.head, one.unit),
        effect_words(one.effect),
    )
