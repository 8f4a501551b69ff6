"""What the gate decided, for a person at a terminal or in the log of a CI run.

The verdict comes first, then one line a cause, the table, and what limits it all.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from perfkit.model.verdict import (
    IMPROVED,
    PASSED,
    REGRESSED,
    UNCHANGED,
    UNDECIDED,
    Comparison,
)
from perfkit.report import Page
from perfkit.report.comparison import (
    LIST_LIMIT,
    PICTURE_TITLE,
    DifferenceRow,
    Row,
    causes,
    difference_groups,
    failed_sentences,
    headline,
    legend_sentences,
    metric_rows,
    note_sentences,
    open_sentences,
    reason_sentences,
    side_facts,
    terms_sentences,
    title,
)
from perfkit.report.github import disarmed
from perfkit.report.sheet import HEADING, QUIET, Sheet, ink

_STYLES = {
    REGRESSED: "bold red",
    PASSED: "bold green",
    UNDECIDED: "bold yellow",
    IMPROVED: "green",
    UNCHANGED: "",
}
_COLUMNS = (
    # field of a row, title, to the right
    ("name", "metric", False),
    ("verdict", "verdict", False),
    ("effect", "effect", True),
    ("interval", "interval", True),
    ("base", "base", True),
    ("head", "head", True),
    ("runs", "pairs", True),
    ("noise", "noise", True),
    ("detectable", "finds", True),
    ("picture", PICTURE_TITLE, False),
)
_GIVEN_UP = (("picture",), ("base", "head"), ("noise",), ("detectable",), ("runs",))
"""Columns that a narrow page leaves out, one after the other."""


def render(comparison: Comparison, page: Page) -> str:
    """The comparison as text that ends in a newline."""
    sheet = Sheet.of(page)
    word = title(comparison)
    sheet.paragraph(
        headline(comparison),
        HEADING,
        indent=cell_len(word) + 2,
        head=(word, _STYLES.get(comparison.verdict, HEADING)),
    )
    sheet.blank()
    for label, text in side_facts(comparison):
        sheet.paragraph(text, indent=11, head=(f"  {label}", QUIET))
    _write_causes(sheet, comparison)
    _write_rows(sheet, comparison)
    _write_list(sheet, "Why, as the recordings have it", reason_sentences(comparison))
    _write_differences(sheet, comparison)
    _write_list(sheet, "What would decide it", open_sentences(comparison))
    _write_list(sheet, "Runs left out", failed_sentences(comparison))
    _write_list(sheet, "What limits this", note_sentences(comparison))
    for number, sentence in enumerate(terms_sentences(comparison)):
        if not number:
            sheet.blank()
        sheet.paragraph(sentence, QUIET, indent=0)
    return disarmed(ink(sheet.lines, page))


def _write_causes(sheet: Sheet, comparison: Comparison) -> None:
    told = causes(comparison)
    if not told or (len(told) == 1 and str(told[0]) in headline(comparison)):
        return  # the headline has said it
    sheet.heading("What moved, one cause a line")
    for cause in told[:LIST_LIMIT]:
        style = _STYLES.get(cause.verdict, "") if cause.gating else QUIET
        sheet.paragraph(str(cause), indent=4, head=("  ·", style))
    if len(told) > LIST_LIMIT:
        sheet.paragraph(f"and {len(told) - LIST_LIMIT} more, see the table", QUIET, indent=4)


def _write_list(sheet: Sheet, heading: str, sentences: Sequence[str]) -> None:
    if not sentences:
        return
    sheet.heading(heading)
    for sentence in sentences:
        sheet.paragraph(sentence, indent=4, head=("  ·", QUIET))


def _write_rows(sheet: Sheet, comparison: Comparison) -> None:
    rows = metric_rows(comparison)
    gating = [row for row in rows if row.gating]
    beside = [row for row in rows if not row.gating and not row.nothing]
    none = [row.name for row in rows if not row.gating and row.nothing]
    for heading, group in (("Metrics that decide", gating), ("Not gated", beside)):
        if not group:
            continue
        sheet.heading(heading)
        columns = _fitting(group, sheet.width)
        if columns is None:
            for row in group:
                _write_stacked(sheet, row)
        else:
            _write_table(sheet, group, columns)
    if none and not beside:
        sheet.heading("Not gated")
    sheet.flow("none of it", none, 14)
    legend = legend_sentences(comparison)
    if legend:
        sheet.blank()
        sheet.paragraph(" ".join(legend), QUIET, indent=2)


def _fitting(rows: Sequence[Row], width: int) -> dict[str, int] | None:
    """The columns that the width allows, each with its own; None where not even the least do."""
    widths = {
        field: max([cell_len(heading), *(cell_len(getattr(row, field)) for row in rows)])
        for field, heading, _ in _COLUMNS
    }
    for given_up in ((), *_GIVEN_UP):
        for field in given_up:
            del widths[field]
        if sum(widths.values()) + 2 * len(widths) <= width:
            return widths
    return None


def _write_table(sheet: Sheet, rows: Sequence[Row], widths: dict[str, int]) -> None:
    shown = [column for column in _COLUMNS if column[0] in widths]
    sheet.line(
        *((_aligned(heading, widths[field], to_right), QUIET) for field, heading, to_right in shown)
    )
    for row in rows:
        sheet.line(
            *(
                (
                    _aligned(getattr(row, field), widths[field], to_right),
                    _STYLES.get(row.verdict, "") if field == "verdict" else "",
                )
                for field, _, to_right in shown
            )
        )


def _aligned(text: str, width: int, to_right: bool) -> str:
    pad = " " * (width - cell_len(text))
    return f"  {pad}{text}" if to_right else f"  {text}{pad}"


def _write_stacked(sheet: Sheet, row: Row) -> None:
    sheet.paragraph(row.name, indent=2)
    figures = f"{row.verdict} {row.effect} ({row.interval})"
    sheet.paragraph(figures, _STYLES.get(row.verdict, ""), indent=4)
    sheet.paragraph(f"{row.base} → {row.head}, {row.runs}", QUIET, indent=4)


def _write_differences(sheet: Sheet, comparison: Comparison) -> None:
    groups = difference_groups(comparison)
    if not groups:
        return
    sheet.heading("Where the difference lies")
    for kind, rows in groups:
        for row in rows:
            sheet.paragraph(_difference(row), indent=4, head=("  ·", QUIET))
        del kind


def _difference(row: DifferenceRow) -> str:
    return f"{row.where}: {row.metric} {row.base} → {row.head} ({row.effect})"
