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
    "read_calls": "read calls",
    "write_calls": "write calls",
    "written_bytes": "bytes written to storage",
    "voluntary_switches": "voluntary context switches",
    "involuntary_switches": "involuntary context switches",
    "instructions": "instructions",
}
_DESIGNS = {
    DUET: "pairs ran at once on one core",
    ALTERNATING: "pairs ran one after the other, in random order",
    PAIRED: "pairs as they came",
    UNPAIRED: "runs that were not made in pairs, so a machine that changed is part of the difference",
}
_MOST_PAIRS = 1000
"""Where more would be needed, pairs are no advice."""

_LARGE = 9.0
"""From here on an effect is told as a multiple: eleven times as much, not +1000 %."""

_REACH = 2.0
"""How far a picture reaches to either side, in margins."""


@dataclass(frozen=True)
class Row:
    """One metric in a table, every figure formatted; verdict is as `perfkit.model.verdict` has it.

    picture: the interval on a line of PICTURE_WIDTH characters, no difference in its middle.
    nothing: whether there was none of it on either side.
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
    picture: str
    nothing: bool


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


def effect_words(effect: float | None, digits: int | None = None) -> str:
    """An effect with its sign: `+5.2 %`, `-0.13 %`, `11 times`; digits behind the point if given."""
    if not _known(effect):
        return UNKNOWN
    if effect >= _LARGE:
        return f"{_multiple(1 + effect)} times"
    shown = f"{abs(effect) * 100:.{_digits(effect) if digits is None else digits}f}"
    if not shown.strip("0."):
        return "0 %"
    return f"{'-' if effect < 0 else '+'}{shown} %"


def interval_words(low: float | None, high: float | None) -> str:
    """An interval as `+4.1 … +6.4 %`, a bound that is not known as a dash."""
    if not _known(low) and not _known(high):
        return UNKNOWN
    digits = _interval_digits(low, high)
    first, last = effect_words(low, digits), effect_words(high, digits)
    if first.endswith(" %") and last.endswith(" %"):
        first = first.removesuffix(" %")
    return f"{first} … {last}"


def _digits(*shares: float | None) -> int:
    """Digits behind the point of a percentage, so that the largest has about two that matter."""
    size = max((abs(share) * 100 for share in shares if _known(share)), default=0.0)
    return 2 if size < 0.995 else 1 if size < 19.95 else 0


def _interval_digits(low: float | None, high: float | None) -> int:
    """Digits that an interval's width is worth; a bound near a tolerance keeps the one behind it."""
    if not _known(low) or not _known(high):
        return _digits(low, high)
    width, nearest = abs(high - low) * 100, min(abs(low), abs(high)) * 100
    return 2 if width < 0.995 else 1 if width < 19.95 or nearest < 9.95 else 0


def _effect_of(one: MetricVerdict) -> str:
    """A metric's effect with the digits of its interval."""
    if not _known(one.ci_low) and not _known(one.ci_high):
        return effect_words(one.effect)
    return effect_words(one.effect, _interval_digits(one.ci_low, one.ci_high))


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _spread(noise: float | None) -> str:
    """The noise of a pair, a standard deviation of log ratios, as a share: `1.1 %`."""
    if not _known(noise) or not 0 <= noise < math.log1p(_LARGE):
        return UNKNOWN
    return effect_words(math.expm1(noise)).lstrip("+")


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
        return "no metric that decides was measured, so nothing can be said"
    told = [one for one in causes(comparison) if one.gating]
    if comparison.verdict == REGRESSED:
        worse = [one for one in told if one.verdict == REGRESSED]
        if not worse:
            return "head is worse than base"
        more = len(worse) - 1
        others = f"; {more} more below" if more else ""
        return f"{worse[0]}{others}"
    if comparison.verdict == PASSED:
        better = [str(one) for one in told if one.verdict == IMPROVED]
        gain = f"; {better[0]}" if better else ""
        return f"{_ruled_out(gating)}{gain}"
    return f"it cannot be told at this noise: {_listed(_undecided(comparison), 'and')}"


def _undecided(comparison: Comparison) -> list[str]:
    return [
        metric_words(one.metric)
        for one in comparison.metrics
        if one.gating and one.verdict == UNDECIDED
    ]


def _ruled_out(gating: Sequence[MetricVerdict]) -> str:
    by_margin: dict[float, list[str]] = {}
    for one in gating:
        by_margin.setdefault(one.margin, []).append(metric_words(one.metric))
    parts = [f"{_limit(margin)} in {_listed(names, 'or')}" for margin, names in by_margin.items()]
    return f"ruled out is a rise of {_listed(parts, 'or of', 6)}"


def _listed(names: Sequence[str], word: str, most: int = 4) -> str:
    """Names as in a sentence: `a, b or c`; of many, the first few and how many more."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return f" {word} ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def causes(comparison: Comparison) -> list[Cause]:
    """What clearly moved, a cause a line: what decides before what does not, the worst first."""
    groups: dict[tuple[str, str], list[MetricVerdict]] = {}
    for one in comparison.metrics:
        if one.verdict in (REGRESSED, IMPROVED):
            groups.setdefault((one.verdict, one.cause or f"\0{one.metric}"), []).append(one)
    return sorted((_cause(together) for together in groups.values()), key=_telling_order)


def _telling_order(cause: Cause) -> tuple[bool, bool, float]:
    effect = cause.lead.effect
    size = abs(math.log1p(effect)) if _known(effect) and effect > -1 else 0.0
    return not cause.gating, cause.verdict != REGRESSED, -size


def _cause(together: Sequence[MetricVerdict]) -> Cause:
    lead, *others = sorted(together, key=lambda one: not one.gating)
    also = [f"{metric_words(one.metric)} {_effect_of(one)}" for one in others]
    return Cause(lead.verdict, lead.gating, lead, sentence(lead), tuple(cut(also, 6)))


def sentence(one: MetricVerdict) -> str:
    """What is known of one metric."""
    name, effect = metric_words(one.metric), _effect_of(one)
    if not one.pairs:
        return f"{name}: nothing was measured"
    said = f"{name} {effect} ({interval_words(one.ci_low, one.ci_high)})"
    beside = "" if one.gating else ", which does not decide"
    if one.verdict == REGRESSED:
        return f"{said}{beside or f', more than the {_limit(one.tolerance)} tolerated'}"
    if one.verdict == IMPROVED:
        return f"{said}, better than base{beside}"
    if one.verdict == UNCHANGED:
        return f"{said}, a rise of {_limit(one.margin)} is ruled out{beside}"
    return f"{said}, undecided after {runs_words(one)}{beside}"


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
            effect=_effect_of(one),
            interval=interval_words(one.ci_low, one.ci_high),
            base=format_value(one.base, one.unit),
            head=format_value(one.head, one.unit),
            runs=_runs_cell(one),
            noise=_spread(one.noise),
            detectable=effect_words(one.detectable_effect),
            picture=_picture(one),
            nothing=one.base == one.head == 0,
        )
        for one in comparison.metrics
    ]


def _runs_cell(one: MetricVerdict) -> str:
    if not one.pairs:
        return UNKNOWN
    return f"{one.pairs} runs" if one.design == UNPAIRED else f"{one.pairs}"


PICTURE_WIDTH = 21
PICTURE_TITLE = "0    margin".rjust(PICTURE_WIDTH)
"""Stands above pictures: where there is no difference, and where the margin is."""


def _picture(one: MetricVerdict) -> str:
    """The interval in units of its margin: `│` no difference, `┊` the margin, `●` the effect."""
    if not _known(one.effect) or not one.margin > 0:
        return ""
    middle = PICTURE_WIDTH // 2

    def place(share: float | None, otherwise: int) -> int:
        if not _known(share):
            return otherwise
        at = round(middle + share / one.margin / _REACH * middle)
        return min(max(at, 0), PICTURE_WIDTH - 1)

    low, high = place(one.ci_low, 0), place(one.ci_high, PICTURE_WIDTH - 1)
    line = [" "] * PICTURE_WIDTH
    line[middle] = "│"
    line[round(middle + middle / _REACH)] = "┊"
    line[low : high + 1] = "─" * (high + 1 - low)
    line[place(one.effect, middle)] = "●"
    return "".join(line)


def open_sentences(comparison: Comparison) -> list[str]:
    """What would decide a gate that is undecided, one sentence a metric."""
    if comparison.verdict != UNDECIDED:
        return []
    return [_advice(one) for one in comparison.metrics if one.gating and one.verdict == UNDECIDED]


def _advice(one: MetricVerdict) -> str:
    name = metric_words(one.metric)
    if not one.pairs:
        return f"{name}: nothing was measured, so nothing can be said"
    noise = _spread(one.noise)
    spread = f" that spread by {noise} each" if noise != UNKNOWN else ""
    rested = f"{name}: {runs_words(one)}{spread}"
    power = (
        f"find a true {effect_words(one.detectable_effect)} in 80 of 100 cases"
        if _known(one.detectable_effect)
        else "can find no regression, however large"
    )
    return f"{rested} {power}; {_remedy(one)}"


def _remedy(one: MetricVerdict) -> str:
    needed = pairs_to_decide(one)
    if one.design == UNPAIRED:
        more = f"about {needed} runs a side" if needed else "more runs a side"
        return (
            f"{more} may decide it, but pairs made on one machine need far fewer "
            "(perfkit gate --base CMD --head CMD)"
        )
    quieter = "quieter runs: longer ones, or an idle machine (perfkit bench-noise tells)"
    if not needed and one.detectable_effect is None and one.ci_low is None:
        return "so few pairs cannot call anything a regression: raise --max-pairs or --max-time"
    if not needed:
        return f"rather than more pairs it needs {quieter}"
    pairs = f"about {needed} pairs would decide it (--max-pairs, --max-time)"
    return pairs if needed <= 2 * one.pairs else f"{pairs}, and so would {quieter}"


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
    if one.ci_high is not None and -1 < one.ci_high < math.inf and to_pass > 0:
        needed.append(((math.log1p(one.ci_high) - effect) / to_pass) ** 2)
    if not needed:
        return None
    pairs = max(one.pairs * min(needed), one.pairs + 1.0)
    if not pairs <= _MOST_PAIRS:
        return None
    step = 1 if pairs < 10 else 5 if pairs < 50 else 10 if pairs < 200 else 50
    return math.ceil(pairs / step - 1e-9) * step


def side_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """Label and text of what was compared, in reading order; base and head come first."""
    sides = (comparison.base, comparison.head)
    facts = [
        (_side_name(side), printable(side.source, SOURCE_LIMIT) or "unknown") for side in sides
    ]
    made = [" and ".join(_runs_of(side) for side in sides)]
    if _known(comparison.elapsed_s):
        made.append(f"in {format_value(comparison.elapsed_s, 's')}")
    if comparison.seed is not None:
        made.append(f"order by seed {comparison.seed}")
    facts.append(("runs", ", ".join(made)))
    if comparison.host:
        facts.append(("host", printable(comparison.host, SOURCE_LIMIT)))
    return facts


def _runs_of(side: ComparedSide) -> str:
    left_out = f" ({len(side.failed)} left out)" if side.failed else ""
    return f"{side.runs} of {_side_name(side)}{left_out}"


def _side_name(side: ComparedSide) -> str:
    return printable(side.name, 8)


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
    """What limits the whole, and what limits single metrics that decide."""
    notes = [printable(note, SENTENCE_LIMIT) for note in comparison.notes]
    notes += [
        f"{metric_words(one.metric)}: {printable(one.note, SENTENCE_LIMIT)}"
        for one in comparison.metrics
        if one.note and one.gating
    ]
    return cut(list(dict.fromkeys(notes)))


def cut(sentences: Sequence[str], limit: int = LIST_LIMIT) -> list[str]:
    """The sentences, or the first of them and how many more there are."""
    if len(sentences) <= limit:
        return list(sentences)
    return [*sentences[: limit - 1], f"and {len(sentences) - limit + 1} more"]


def legend_sentences(comparison: Comparison) -> list[str]:
    """How the table is to be read: where its pairs come from, what noise and finds are."""
    made: dict[str, list[str]] = {}
    for one in comparison.metrics:
        if one.pairs and one.design in _DESIGNS:
            made.setdefault(one.design, []).append(printable(one.metric, NAME_LIMIT))
    sentences = [f"{_listed(names, 'and')}: {_DESIGNS[design]}." for design, names in made.items()]
    if len(made) == 1:
        sentences = [f"{_DESIGNS[design].capitalize()}." for design in made]
    if made:
        sentences.append(
            "Noise is how far one pair spreads, finds the true rise that 80 of 100 such gates find."
        )
    return sentences


def terms_sentences(comparison: Comparison) -> list[str]:
    """What the verdict promises, and what it leaves out."""
    sentences = []
    gating = [one for one in comparison.metrics if one.gating]
    waiting = _undecided(comparison)
    if comparison.verdict == REGRESSED and waiting:
        sentences.append(f"A regression ends a gate; open by then: {_listed(waiting, 'and')}.")
    if gating:
        sentences.append(
            "How sure: where no metric truly rose beyond its tolerance, at most "
            f"{_limit(comparison.fail_level)} of gates fail; a true rise by the margin passes in "
            f"at most {_limit(comparison.pass_level)}, metric by metric. In between, a gate may "
            "end either way."
        )
    compared = {one.metric for one in comparison.metrics}
    absent = dict.fromkeys(name for name in comparison.not_gated if name not in compared)
    if absent:
        names = cut([printable(name, SENTENCE_LIMIT) for name in absent])
        sentences.append(f"Not gated and not compared: {', '.join(names)}.")
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
