"""Findings as lines: for a person as they appear, and as JSON for files and other programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from perfkit.model.decision import Decision
from perfkit.model.difference import Difference
from perfkit.model.finding import DOWN, UP, Finding
from perfkit.model.forecast import Forecast
from perfkit.model.insight import Insight
from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.forecasts import as_dict as forecast_as_dict
from perfkit.report.forecasts import decision_as_dict, ordered
from perfkit.report.sheet import QUIET, Sheet, ink
from perfkit.report.units import clock, format_by_name

SCHEMA = "1.0"
"""Of the JSON; fields are only ever added."""

_ARROWS = {UP: "↑", DOWN: "↓"}
_STYLES = {"high": "bold red", "medium": "bold yellow", "low": "cyan", "info": "dim"}
_CLOCK_WIDTH = 9


def as_line(finding: Finding) -> str:
    """One line of JSON without its end."""
    return json.dumps(as_dict(finding), ensure_ascii=True, separators=(",", ":"))


def as_dict(finding: Finding) -> dict[str, Any]:
    """What JSON carries of a finding; numbers that JSON does not know are null."""
    return {"id": finding.id, **_finite(asdict(finding))}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def as_text(finding: Finding, page: Page) -> str:
    """A line for a person, ended; the time is the session's when it became known."""
    sheet = Sheet.of(page)
    write(sheet, finding)
    return ink(sheet.lines, page)


def write(sheet: Sheet, finding: Finding) -> None:
    """Add a finding's line to a sheet."""
    state = "" if finding.end_ns is None else f"  (ended {clock(finding.end_ns)})"
    sheet.line(
        (f"{clock(finding.known_at_ns):>{_CLOCK_WIDTH}}  ", QUIET),
        (f"{finding.severity:<6}  ", _STYLES.get(finding.severity, "")),
        (f"{finding.kind.replace('_', ' ')}: ", ""),
        (sentence(finding), ""),
        (state, QUIET),
    )


def sentence(finding: Finding) -> str:
    """What it says, with its figures in their units."""
    name = finding.metric or ""
    parts = []
    if finding.value is not None:
        shown = format_by_name(name, finding.value)
        if finding.expected is not None:
            between = "against" if finding.stage == "forecast" else "instead of"
            shown += f" {between} {format_by_name(name, finding.expected)}"
        parts.append(f"{shown}{_ARROWS.get(finding.direction, '')}")
    if finding.end_ns is None and finding.onset_ns < finding.known_at_ns:
        parts.append(f"since {clock(finding.onset_ns)}")
    if finding.stage == "forecast" and finding.end_ns is None and "median_s" in finding.evidence:
        parts.append(f"in about {format_by_name('_s', finding.evidence['median_s'])}")
    if finding.probability is not None:
        parts.append(f"p {finding.probability:.2g}")
    return printable(finding.text) + (f" ({', '.join(parts)})" if parts else "")


def insight_as_text(insight: Insight, page: Page) -> str:
    """A line for a person, ended, on an insight of the last minute."""
    sheet = Sheet.of(page)
    _write_insight(sheet, "insight", insight)
    return ink(sheet.lines, page)


def _write_insight(sheet: Sheet, what: str, insight: Insight) -> None:
    sheet.line(
        (f"{what:>{_CLOCK_WIDTH}}  ", QUIET),
        (f"{insight.severity:<6}  ", _STYLES.get(insight.severity, "")),
        (f"{printable(insight.title)}: {printable(insight.message)}", ""),
    )


def differences_as_text(
    differences: Sequence[Difference],
    raised: Sequence[Insight],
    missed: Sequence[Insight],
    page: Page,
) -> str:
    """What other settings changed, a line each; a sentence if nothing.

    raised, missed: insights that are there with them only, or without them only.
    """
    sheet = Sheet.of(page)
    if not (differences or raised or missed):
        sheet.line(("the same findings at the same times, and the same insights", ""))
    for one in differences:
        finding = one.after or one.before
        if finding is None:
            continue
        shift = ""
        if one.before is not None and one.after is not None:
            seconds = abs(one.after.known_at_ns - one.before.known_at_ns) / 1e9
            shift = f" by {seconds:.1f} s"
        sheet.line(
            (f"{one.kind + shift:<18}  ", "bold"),
            (f"{clock(finding.known_at_ns):>{_CLOCK_WIDTH}}  ", QUIET),
            (f"{finding.severity:<6}  ", _STYLES.get(finding.severity, "")),
            (f"{finding.kind.replace('_', ' ')}: {sentence(finding)}", ""),
        )
    for what, insights in (("raised", raised), ("missed", missed)):
        for insight in insights:
            _write_insight(sheet, what, insight)
    return ink(sheet.lines, page)


def as_json(
    source: str,
    findings: Iterable[Finding],
    differences: Sequence[Difference] | None,
    raised: Sequence[Insight] = (),
    missed: Sequence[Insight] = (),
    forecasts: Sequence[Forecast] = (),
    decisions: Sequence[Decision] = (),
) -> str:
    """Everything of one replay as JSON; differences are null where nothing was changed."""
    said: dict[str, Any] = {
        "schema": SCHEMA,
        "source": source,
        "findings": [as_dict(one) for one in findings],
        "forecasts": [forecast_as_dict(one) for one in ordered(forecasts)],
        "decisions": [decision_as_dict(one) for one in decisions],
        "differences": None,
    }
    if differences is not None:
        said["differences"] = [
            {
                "kind": one.kind,
                "before": None if one.before is None else as_dict(one.before),
                "after": None if one.after is None else as_dict(one.after),
            }
            for one in differences
        ]
        said["insights_raised"] = [_finite(asdict(one)) for one in raised]
        said["insights_missed"] = [_finite(asdict(one)) for one in missed]
    return json.dumps(said, ensure_ascii=True, indent=1) + "\n"
