"""The report as GitHub flavoured Markdown, fit for a comment on a pull request.

Text from strangers can neither open a tag, a link or a table cell, nor mention anybody.
Source: GitHub Flavored Markdown Spec 0.29; the references GitHub adds to it afterwards
(@name, #1, GH-1) are looked for in the text as shown, so escapes do not stop them, but a zero
width space does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from perfkit.model.finding import Finding as StageFinding
from perfkit.model.recommendation import Recommendation
from perfkit.model.report import Report
from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.facts import (
    Finding,
    MetricGroup,
    cost_sentence,
    evidence,
    findings,
    findings_by_stage,
    hole_sentences,
    metric_groups,
    rule_sentences,
    session_facts,
    target_title,
    unknown_sentences,
    verdict_words,
)
from perfkit.report.findings import sentence
from perfkit.report.forecasts import decision_sentence, lines
from perfkit.report.patterns import lines as pattern_lines
from perfkit.report.sparkline import sparkline
from perfkit.report.units import UNKNOWN, clock

_ACTIVE = re.compile(r"[\\`*_\[\]<>|~&$#]")
_REFERENCE = re.compile(r"@(?=\w)|\\#(?=\d)|\bGH-(?=\d)|:(?=//)|\b[wW]{3}(?=\.)")
_BREAK = "&#8203;"

_SEVERITY_MARKS = {"high": "🔴", "medium": "🟡", "low": "🔵", "info": "⚪"}


def render(reports: Sequence[Report], page: Page) -> str:
    """The reports one below the other; ends in a newline. The page is not needed."""
    del page
    return "\n\n---\n\n".join("\n\n".join(_sections(report)) for report in reports) + "\n"


def prose(text: str) -> str:
    """Text from anywhere as Markdown that shows just this text, links nothing, mentions nobody."""
    escaped = _ACTIVE.sub(r"\\\g<0>", printable(text))
    return _REFERENCE.sub(rf"\g<0>{_BREAK}", escaped)


def code(text: str) -> str:
    """Text from anywhere as a code span, also within a table cell.

    No way of writing a pipe in a cell holds after a backslash, so a pipe becomes a broken bar.
    """
    text = printable(text).replace("|", "¦")
    if not text.strip(" "):
        return UNKNOWN
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _sections(report: Report) -> list[str]:
    status, reason = verdict_words(report)
    sections = [
        f"## perfkit: {prose(target_title(report))}",
        f"**{prose(status)}** · {prose(reason)}",
        _bullets(f"**{label}**: {_fact(label, text)}" for label, text in session_facts(report)),
        "### Insights",
    ]
    found = findings(report.insights)
    sections += [_finding(finding) for finding in found] or ["No rule found anything to say."]
    for title, said in findings_by_stage(report):
        sections += [f"### {title}", _bullets(_stage_finding(one) for one in said)]
    patterns = pattern_lines(report)
    if patterns:
        sections += ["### Patterns", _bullets(_labelled(*one) for one in patterns)]
    if report.forecasts:
        sections += ["### Forecasts", _bullets(_labelled(*one) for one in lines(report.forecasts))]
    if report.decisions:
        considered = (
            f"**{prose(one.priority)}** {prose(decision_sentence(one))}" for one in report.decisions
        )
        sections += ["### To consider (nothing is done)", _bullets(considered)]
    told = {insight.cause for insight in report.insights}
    fresh = [one for one in report.recommendations if one.cause not in told]
    if fresh:
        sections += ["### What to do", _bullets(_recommended(one) for one in fresh)]
    metrics = [text for group in metric_groups(report) for text in _metrics(group)]
    if metrics:
        sections += ["<details>\n<summary>Metrics</summary>", *metrics, "</details>"]
    sections += ["### What the recording cost", prose(cost_sentence(report))]
    for title, sentences in (
        ("Holes in the recording", hole_sentences(report)),
        ("What cannot be told", unknown_sentences(report)),
        ("Rules that could not speak", rule_sentences(report)),
    ):
        if sentences:
            sections += [f"### {title}", _bullets(prose(sentence) for sentence in sentences)]
    return sections


def _fact(label: str, text: str) -> str:
    return code(text) if label == "command" else prose(text)


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _finding(finding: Finding) -> str:
    lead = finding.lead
    mark = _SEVERITY_MARKS.get(lead.severity, "⚪")
    lines = [
        f"- {mark} **{prose(lead.severity)}: {prose(lead.title)}**<br>{prose(lead.message)}",
    ]
    if lead.impact:
        lines.append(f"  - impact: {prose(lead.impact)}")
    shown = [f"{code(name)} {prose(value)}" for name, value in evidence(lead)]
    if shown:
        lines.append(f"  - evidence: {' · '.join(shown)}")
    lines += [f"  - also ({prose(one.severity)}): {prose(one.message)}" for one in finding.also]
    lines += [f"  - **→** {prose(text)}" for text in finding.recommendations]
    return "\n".join(lines)


def _stage_finding(finding: StageFinding) -> str:
    mark = _SEVERITY_MARKS.get(finding.severity, "⚪")
    ended = "" if finding.end_ns is None else f", ended {clock(finding.end_ns)}"
    told = f"{mark} **{prose(finding.severity)}** {clock(finding.known_at_ns)}{ended}: "
    return told + prose(f"{finding.kind.replace('_', ' ')}: {sentence(finding)}")


def _labelled(label: str, text: str) -> str:
    return f"**{prose(label)}** {prose(text)}"


def _recommended(one: Recommendation) -> str:
    mark = _SEVERITY_MARKS.get(one.severity, "⚪")
    worse = f"; may worsen {', '.join(one.conflicts)}" if one.conflicts else ""
    what = prose(" ".join(one.what))
    return f"{mark} **{prose(one.cause)}**: {what} Check: {code(one.check)}{worse}"


def _metrics(group: MetricGroup) -> list[str]:
    texts = [f"#### {prose(group.title)}"]
    if group.moving:
        rows = ["| metric | mean | p95 | max | over time |", "|:--|--:|--:|--:|:--|"]
        for row in group.moving:
            shown = " | ".join(prose(text) for text in (row.mean, row.p95, row.maximum))
            # A code span keeps the blocks on one baseline and the gaps as wide as they are.
            rows.append(f"| {code(row.name)} | {shown} | {code(sparkline(row.course, 20))} |")
        texts.append("\n".join(rows))
    lines = []
    for label, items in (("totals", group.totals), ("steady", group.steady)):
        if items:
            lines.append(
                f"{label}: " + ", ".join(f"{code(name)} {prose(text)}" for name, text in items)
            )
    if group.zero:
        lines.append("always zero: " + ", ".join(code(name) for name in group.zero))
    if group.silent:
        lines.append("no value: " + ", ".join(code(name) for name in group.silent))
    if lines:
        texts.append(_bullets(lines))
    return texts
