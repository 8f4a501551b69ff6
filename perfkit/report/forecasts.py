"""Forecasts for a person and for programs: what runs out, when, how surely, or why that is unknown."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from perfkit.model.decision import Decision
from perfkit.model.finding import Finding
from perfkit.model.forecast import BEYOND, CLEAR, CROSSING, TOO_LITTLE, WATCH_FROM, Forecast
from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.sheet import HEADING, QUIET, Sheet, ink
from perfkit.report.units import clock, format_by_name, format_value

SCHEMA = "1.0"
"""Of the JSON; fields are only ever added."""

_STYLES = {"notice": "bold red", "watch": "bold yellow", "beyond": "bold red", "open": ""}
_OPEN_FROM = 0.2
"""A probability from which on nobody should read that all is clear."""

_INDENT = 11
_ROUND_HORIZONS = {"10s": 10, "20s": 20, "30s": 30, "1m": 60, "2m": 120, "3m": 180, "4m": 240}
_SAID = frozenset({BEYOND, CROSSING, CLEAR})


def as_text(
    source: str,
    at_ns: int,
    horizon_s: float,
    forecasts: Sequence[Forecast],
    decisions: Sequence[Decision],
    page: Page,
) -> str:
    """Every forecast in words, the most pressing first, then what to consider."""
    sheet = Sheet.of(page)
    horizon = format_value(horizon_s * 1e9, "ns")
    sheet.paragraph(f"{printable(source)} at {clock(at_ns)}, looking {horizon} ahead", HEADING)
    if not forecasts:
        sheet.line(("nothing is recorded that could run out or degrade", ""))
    write(sheet, forecasts, decisions)
    return ink(sheet.lines, page)


def as_lines(forecasts: Sequence[Forecast], decisions: Sequence[Decision], page: Page) -> str:
    """The same without a heading, below something else."""
    sheet = Sheet.of(page)
    write(sheet, forecasts, decisions)
    return ink(sheet.lines, page)


def write(sheet: Sheet, forecasts: Sequence[Forecast], decisions: Sequence[Decision]) -> None:
    """Add every forecast to a sheet, then what to consider."""
    for mark, text in lines(forecasts):
        style = _STYLES.get(mark, QUIET)
        sheet.paragraph(
            text, "" if mark in _STYLES else QUIET, indent=_INDENT, head=(f"  {mark}", style)
        )
    if decisions:
        sheet.line(("", ""))
        sheet.line(("To consider (nothing is done):", HEADING))
    for decision in decisions:
        head = (f"  {decision.priority}", "")
        sheet.paragraph(decision_sentence(decision), indent=_INDENT, head=head)


def lines(forecasts: Sequence[Forecast]) -> list[tuple[str, str]]:
    """(label, words) of every forecast, the most pressing first, then of what cannot be said."""
    said = [one for one in ordered(forecasts) if one.state in _SAID]
    found = [(label(one), f"{one.kind.replace('_', ' ')}: {sentence(one)}") for one in said]
    unsaid = _unsaid(forecasts, {one.kind for one in said})
    if unsaid:
        found.append(("unknown", unsaid))
    return found


def _unsaid(forecasts: Sequence[Forecast], said: Collection[str]) -> str:
    """Of what nothing can be said and why, each kind once; `said`: the kinds it was said of."""
    reasons: dict[str, str] = {}
    for one in ordered(forecasts):
        if one.state not in _SAID and one.kind not in said:
            words = printable(one.reason) or "cannot be said"
            little = f"not enough data ({words}{_shorter(one)})"
            reasons.setdefault(one.kind, little if one.state == TOO_LITTLE else words)
    kinds: dict[str, list[str]] = {}
    for kind, reason in reasons.items():
        short = reason.startswith("not enough data")
        # how much was seen differs by column; the first tells enough
        same = next((known for known in kinds if short and known.startswith("not enough")), reason)
        kinds.setdefault(same, []).append(kind.replace("_", " "))
    return "; ".join(f"{', '.join(some)}: {reason}" for reason, some in kinds.items())


def _shorter(forecast: Forecast) -> str:
    """The longest round horizon for which enough was seen, as the end of a sentence."""
    enough_s = min(forecast.evidence.get("longest_horizon_s", 0.0), forecast.horizon_s)
    fit = [words for words, seconds in _ROUND_HORIZONS.items() if seconds <= enough_s]
    return f"; enough for --set horizon={fit[-1]}" if fit else ""


def ordered(forecasts: Sequence[Forecast]) -> list[Forecast]:
    """The most pressing first; those of which nothing can be said last."""
    order = [BEYOND, CROSSING, CLEAR, TOO_LITTLE]

    def key(one: Forecast) -> tuple[int, float]:
        place = order.index(one.state) if one.state in order else len(order)
        return place, -(one.probability or 0.0)

    return sorted(forecasts, key=key)


def label(forecast: Forecast) -> str:
    """One word: the level, or the state where there is none."""
    if forecast.state == BEYOND:
        return "beyond"
    if forecast.level:
        return forecast.level
    if forecast.state in (CLEAR, CROSSING):
        return "clear" if (forecast.probability or 0.0) < _OPEN_FROM else "open"
    return "unknown"


def sentence(forecast: Forecast) -> str:
    """What is foreseen, with its figures in their units, or why nothing can be said."""
    metric = forecast.metric
    if forecast.state == TOO_LITTLE:
        return f"{metric}: not enough data{_because(forecast)}"
    if forecast.state not in (BEYOND, CROSSING, CLEAR):
        return f"{metric}: {printable(forecast.reason) or 'cannot be said'}"
    level = metric
    if forecast.value is not None:
        level += f" {format_by_name(metric, forecast.value)}"
    if forecast.capacity is not None:
        level += f", {'down to' if forecast.falling else 'of'} "
        level += f"{format_by_name(metric, forecast.capacity)}"
    level += f" ({printable(forecast.against)})"
    if forecast.state == BEYOND:
        return f"{level}: reached or passed already"
    sure = "" if forecast.probability is None else f", {_percent(forecast.probability)} sure"
    if forecast.state == CLEAR:
        margin = forecast.margin
        left = "" if margin is None else f", {format_by_name(metric, margin)} left"
        risk = ""
        if forecast.probability is not None:
            risk = f" (probability {_percent(forecast.probability)}{_surge(forecast)})"
        clear = label(forecast) == "clear"
        sight = "no crossing in sight" if clear else "a crossing is less likely than not"
        return f"{level}: {sight}{left}{risk}"
    return f"{level}: {_when(forecast)}{sure}{_evidence(forecast)}"


def _surge(forecast: Forecast) -> str:
    """What it would be if what goes on now went on, where that is another story."""
    risk = forecast.surge_risk
    if risk is None or risk < WATCH_FROM:
        return ""
    work = forecast.evidence.get("explained_by_work_ratio", 0.0)
    why = "; it grows with the work" if work >= WATCH_FROM else ""
    return f", {_percent(risk)} if it just went on{why}"


def _evidence(forecast: Forecast) -> str:
    """What it rests on, from `; ` on; empty where nothing is known."""
    known = dict(forecast.evidence)
    growing_s, lasting, work, driven = (
        known.pop(name, None)
        for name in ("growing_s", "lasting", "explained_by_work_ratio", "driven")
    )
    said = []
    if driven:
        said.append("foreseen by what drives it")
    elif growing_s:
        manner = "steadily" if lasting else "unsteadily"
        said.append(f"growing for {_time(growing_s)}, {manner}")
        if work is not None:
            said.append(f"{_percent(work)} of that goes with the work")
    said += [
        f"{name.removesuffix('_last').removesuffix('_mean')} {format_by_name(name, number)}"
        for name, number in known.items()
    ]
    return f"; {', '.join(said)}" if said else ""


def _percent(probability: float) -> str:
    """Never 0 and never 100: nobody knows that."""
    if probability < 0.01:
        return "<1 %"
    return ">99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def _because(forecast: Forecast) -> str:
    return f" ({printable(forecast.reason)})" if forecast.reason else ""


def _when(forecast: Forecast) -> str:
    if forecast.median_s is None:
        return "at an unknown time"
    words = f"in about {_time(forecast.median_s)}"
    if forecast.low_s is not None and forecast.high_s is not None:
        words += f" (80 %: {_time(forecast.low_s)} to {_time(forecast.high_s)})"
    elif forecast.low_s is not None:
        words += f" (80 %: {_time(forecast.low_s)} or later)"
    return words


def _time(seconds: float) -> str:
    return format_value(seconds * 1e9, "ns") if math.isfinite(seconds) else "never"


def decision_sentence(decision: Decision) -> str:
    """The act with its parameters, and why, or why not."""
    parameters = ", ".join(f"{name} {value}" for name, value in decision.parameters.items())
    words = decision.action + (f" ({parameters})" if parameters else "")
    words = f"{words}: {printable(decision.reason)}"
    return f"{words}; withheld: {printable(decision.withheld)}" if decision.withheld else words


def finding_as_text(finding: Finding, known: bool, page: Page) -> str:
    """A line, ended, on a forecast that opens, changes or closes.

    known: whether it was told before.
    """
    sheet = Sheet.of(page)
    state = "changes" if known else "opens"
    if finding.end_ns is not None:
        state = "closes"
    figures = finding.evidence
    when = ""
    if finding.end_ns is None and finding.probability is not None:
        when = f" ({_percent(finding.probability)} sure"
        if "median_s" in figures:
            when += f", in about {_time(figures['median_s'])}"
        when += ")"
    sheet.line(
        (f"{clock(finding.known_at_ns):>9}  ", QUIET),
        (f"{state:<9}", ""),
        (f"{finding.kind.replace('_', ' ')}: {printable(finding.text)}{when}", ""),
    )
    return ink(sheet.lines, page)


def as_dict(forecast: Forecast) -> dict[str, Any]:
    """What JSON carries of a forecast; numbers that JSON does not know are null."""
    facts = {**asdict(forecast), "margin": forecast.margin, "text": sentence(forecast)}
    facts["at_s"] = facts.pop("at_ns") / 1e9
    return {name: _plain(value) for name, value in facts.items()}


def decision_as_dict(decision: Decision) -> dict[str, Any]:
    """What JSON carries of a decision."""
    facts = asdict(decision)
    facts["at_s"] = facts.pop("at_ns") / 1e9
    return facts


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_json(
    source: str,
    at_ns: int,
    horizon_s: float,
    forecasts: Sequence[Forecast],
    decisions: Sequence[Decision],
) -> str:
    """The same as JSON, the most pressing first."""
    said = {
        "schema": SCHEMA,
        "source": source,
        "at_s": at_ns / 1e9,
        "horizon_s": horizon_s,
        "forecasts": [as_dict(one) for one in ordered(forecasts)],
        "decisions": [decision_as_dict(one) for one in decisions],
    }
    return json.dumps(said, ensure_ascii=True, indent=1) + "\n"
