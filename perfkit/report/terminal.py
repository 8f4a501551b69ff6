"""The report for a person at a terminal: calm, dense, and the verdict first.

Text from strangers is made printable, and a sheet never reads it as markup.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from perfkit.model.report import Report
from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.facts import (
    Finding,
    MetricGroup,
    MetricRow,
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
from perfkit.report.findings import write as write_finding
from perfkit.report.forecasts import write as write_forecasts
from perfkit.report.patterns import lines as pattern_lines
from perfkit.report.sheet import HEADING, QUIET, Sheet, ink
from perfkit.report.sparkline import sparkline

NAME_LIMIT = 36  # characters; in a row, a longer name is cut
LEAST_SPARK = 9  # columns, as many as its title takes
STACKED_BELOW = 64  # columns; a metric then takes two lines instead of a row

# The sixteen colours of the terminal's own theme, so that light and dark backgrounds both work.
_STATUS_STYLES = {
    "EXCELLENT": "bold green",
    "GOOD": "bold green",
    "FAIR": "bold yellow",
    "POOR": "bold red",
}
_SEVERITY_STYLES = {"high": "bold red", "medium": "bold yellow", "low": "cyan", "info": "dim"}
_SPARK = "cyan"


def render(reports: Sequence[Report], page: Page) -> str:
    """The reports one below the other, a rule between them; ends in a newline."""
    sheet = Sheet.of(page)
    for number, report in enumerate(reports):
        if number:
            sheet.blank()
            sheet.line(("─" * sheet.width, QUIET))
            sheet.blank()
        _write_report(sheet, report)
    return ink(sheet.lines, page)


def _write_report(sheet: Sheet, report: Report) -> None:
    status, reason = verdict_words(report)
    sheet.paragraph(target_title(report), HEADING, indent=0)
    sheet.paragraph(
        reason,
        indent=cell_len(status) + 2,
        head=(status, _STATUS_STYLES.get(status, HEADING)),
    )
    sheet.blank()
    for label, text in session_facts(report):
        sheet.paragraph(text, indent=11, head=(f"  {label}", QUIET))
    _write_findings(sheet, findings(report.insights))
    for title, said in findings_by_stage(report):
        sheet.heading(title)
        for one in said:
            write_finding(sheet, one)
    patterns = pattern_lines(report)
    if patterns:
        sheet.heading("Patterns")
    for label, text in patterns:
        sheet.paragraph(text, indent=15, head=(f"  {label}", QUIET))
    if report.forecasts:
        sheet.heading("Forecasts")
        write_forecasts(sheet, report.forecasts, report.decisions)
    _write_recommended(sheet, report)
    for group in metric_groups(report):
        _write_group(sheet, group)
    sheet.heading("What the recording cost")
    sheet.paragraph(cost_sentence(report))
    _write_list(sheet, "Holes in the recording", hole_sentences(report))
    _write_list(sheet, "What cannot be told", unknown_sentences(report))
    _write_list(sheet, "Rules that could not speak", rule_sentences(report), QUIET)


def _write_findings(sheet: Sheet, found: Sequence[Finding]) -> None:
    sheet.heading("Insights")
    if not found:
        sheet.paragraph("No rule found anything to say.")
    for number, finding in enumerate(found):
        if number:
            sheet.blank()
        _write_finding(sheet, finding)


def _write_finding(sheet: Sheet, finding: Finding) -> None:
    lead = finding.lead
    severity = printable(lead.severity, 10)
    indent = 10 if sheet.width >= STACKED_BELOW else 4
    style = _SEVERITY_STYLES.get(severity, "")
    if indent > cell_len(severity) + 2:
        sheet.paragraph(printable(lead.title), HEADING, indent, (f"  {severity}", style))
    else:
        sheet.line(("  ", ""), (severity, style))
        sheet.paragraph(printable(lead.title), HEADING, indent)
    sheet.paragraph(printable(lead.message), indent=indent)
    if lead.impact:
        sheet.paragraph(f"impact: {printable(lead.impact)}", indent=indent)
    shown = [f"{name} {value}" for name, value in evidence(lead)]
    if shown:
        sheet.paragraph("evidence: " + " · ".join(shown), QUIET, indent, items=shown)
    for other in finding.also:
        sheet.paragraph(
            f"also ({printable(other.severity, 10)}): {printable(other.message)}", indent=indent
        )
    for text in finding.recommendations:
        sheet.paragraph(printable(text), indent=indent + 2, head=(" " * indent + "→", _SPARK))


def _write_recommended(sheet: Sheet, report: Report) -> None:
    """What to do where no insight says it already, and how to see whether it helped."""
    told = {insight.cause for insight in report.insights}
    fresh = [one for one in report.recommendations if one.cause not in told]
    if fresh:
        sheet.heading("What to do")
    for one in fresh:
        head = (f"  {one.severity:<6}", _SEVERITY_STYLES.get(one.severity, ""))
        sheet.paragraph(f"{one.cause}: {' '.join(map(printable, one.what))}", "", 10, head)
        sheet.paragraph(f"check: {one.check}", QUIET, indent=10)
        if one.conflicts:
            sheet.paragraph(f"may worsen: {', '.join(one.conflicts)}", QUIET, indent=10)


def _write_list(sheet: Sheet, title: str, sentences: Sequence[str], style: str = "") -> None:
    if not sentences:
        return
    sheet.heading(title)
    for sentence in sentences:
        sheet.paragraph(sentence, style, indent=4, head=("  ·", QUIET))


def _write_group(sheet: Sheet, group: MetricGroup) -> None:
    sheet.heading(group.title)
    if group.moving:
        _write_rows(sheet, group.moving)
    sheet.flow("totals", [f"{name} {amount}" for name, amount in group.totals], 11)
    sheet.flow("steady", [f"{name} {value}" for name, value in group.steady], 11)
    sheet.flow("zero", group.zero, 11)
    sheet.flow("no value", group.silent, 11)


def _write_rows(sheet: Sheet, rows: Sequence[MetricRow]) -> None:
    """A table as far as the width allows: first the 95th percentile goes, then the rows fold."""
    name_width = max(cell_len(_name(row)) for row in rows)
    figure_width = max(cell_len(text) for row in rows for text in (row.mean, row.p95, row.maximum))
    for titles in (("mean", "p95", "max"), ("mean", "max")):
        spark_width = sheet.width - 4 - name_width - len(titles) * (figure_width + 2)
        if sheet.width >= STACKED_BELOW and spark_width >= LEAST_SPARK:
            break
    else:
        for row in rows:
            _write_stacked(sheet, row)
        return
    sheet.line(
        (" " * (2 + name_width), ""),
        *((f"  {title:>{figure_width}}", QUIET) for title in titles),
        ("  over time", QUIET),
    )
    for row in rows:
        name = _name(row)
        shown = {"mean": row.mean, "p95": row.p95, "max": row.maximum}
        sheet.line(
            (f"  {name}{' ' * (name_width - cell_len(name))}", ""),
            *((_to_the_right(shown[title], figure_width + 2), "") for title in titles),
            (f"  {sparkline(row.course, spark_width)}", _SPARK),
        )


def _write_stacked(sheet: Sheet, row: MetricRow) -> None:
    sheet.paragraph(row.name, indent=2)
    figures = f"mean {row.mean} · max {row.maximum}"
    spark = sheet.width - 6 - cell_len(figures)
    if spark >= 6:
        sheet.line((f"    {figures}", QUIET), (f"  {sparkline(row.course, spark)}", _SPARK))
    else:
        sheet.paragraph(figures, QUIET, indent=4)


def _to_the_right(text: str, width: int) -> str:
    return " " * (width - cell_len(text)) + text


def _name(row: MetricRow) -> str:
    return printable(row.name, NAME_LIMIT)
