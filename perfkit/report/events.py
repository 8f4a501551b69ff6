"""What an application said over a session, as text for a person or JSON for a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich.cells import cell_len, set_cell_size

from perfkit.model.event_summary import EventSummary, EventType, Operation
from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.json import dump
from perfkit.report.sheet import HEADING, QUIET, Sheet, ink
from perfkit.report.units import UNKNOWN, format_value

SCHEMA_VERSION = "1.0"
# 1.0: the first. A key that is added raises the second number, a changed meaning the first.

_NAME_WIDTH = 40
_LEAST_NAME_WIDTH = 12

_PROBLEMS = {
    "events_unreadable": "Lines that were no JSON object with a type, and were left out",
    "events_other_types": "Events of type perfkit.other, their own being beyond the first 1000",
    "events_fields_left_out": "Fields left out: too many names, or too many in one event",
    "events_texts_cut": "Texts cut to 1000 characters",
    "events_damaged": "Lines lost in damaged parts of the journal, about",
    "events_times_replaced": "Times of their own that could not be; the arrival stands for them",
}


def as_json(summary: EventSummary) -> str:
    """Everything as one JSON object; null where nothing is known. Times as their keys say."""
    return dump({"schema_version": SCHEMA_VERSION, **asdict(summary)})


def as_table(summary: EventSummary, page: Page) -> str:
    """Types with rates and durations, values, errors, the slowest, what is open, what was lost."""
    sheet = Sheet.of(page)
    sheet.paragraph(printable(summary.source), HEADING, indent=0)
    over = "" if summary.duration_s is None else f" in {format_value(summary.duration_s, 's')}"
    sheet.paragraph(f"{summary.source_kind}, {_counted(summary.count, 'event')}{over}", indent=0)
    _write_types(sheet, summary)
    _write_values(sheet, summary)
    _write_errors(sheet, summary)
    _write_slowest(sheet, summary)
    _write_open(sheet, summary)
    _write_losses(sheet, summary)
    return ink(sheet.lines, page)


def _write_types(sheet: Sheet, summary: EventSummary) -> None:
    if not summary.types:
        return
    rows = [
        (
            _named(one.type, one.name),
            format_value(one.count, "count"),
            format_value(one.per_s, "count/s"),
            _share(one),
            format_value(one.duration_p50_ms, "ms"),
            format_value(one.duration_p95_ms, "ms"),
            format_value(one.duration_p99_ms, "ms"),
            format_value(one.duration_max_ms, "ms"),
        )
        for one in summary.types
    ]
    titles = ("type", "events", "rate", "errors", "p50", "p95", "p99", "max")
    _write_rows(sheet, "Events", titles, rows, summary.types_count)


def _write_values(sheet: Sheet, summary: EventSummary) -> None:
    rows = [
        (
            _named(one.type, one.name),
            *(
                format_value(value, "number")
                for value in (one.last, one.mean, one.least, one.greatest)
            ),
        )
        for one in summary.values
    ]
    titles = ("value", "last", "mean", "least", "greatest")
    _write_rows(sheet, "Values", titles, rows, summary.values_count)


def _write_errors(sheet: Sheet, summary: EventSummary) -> None:
    rows = [
        (printable(one.type), format_value(one.count, "count"), _or_unknown(one.error))
        for one in summary.errors
    ]
    _write_rows(sheet, "Errors", ("type", "events", "error"), rows, summary.errors_count)


def _write_slowest(sheet: Sheet, summary: EventSummary) -> None:
    rows = [
        (
            printable(one.type),
            format_value(one.duration_ms, "ms"),
            _moment(one.start_ns),
            _outcome(one),
            _or_unknown(one.operation_id),
        )
        for one in summary.slowest
    ]
    titles = ("type", "took", "began at", "outcome", "operation")
    _write_rows(sheet, "Slowest", titles, rows, summary.operations_count)


def _write_open(sheet: Sheet, summary: EventSummary) -> None:
    rows = [
        (
            printable(one.type),
            format_value(one.open_ms, "ms"),
            _moment(one.start_ns),
            printable(one.operation_id),
        )
        for one in summary.open
    ]
    titles = ("type", "open for", "began at", "operation")
    _write_rows(sheet, "Began and never ended", titles, rows, summary.open_count)


def _write_losses(sheet: Sheet, summary: EventSummary) -> None:
    sheet.heading("Lost")
    if summary.missing is not None:
        sheet.paragraph(f"No events were taken in: {printable(summary.missing)}.")
    elif summary.dropped is None:
        sheet.paragraph("Unknown: the recording does not say how many were dropped.")
    elif summary.dropped:
        sheet.paragraph(f"{_counted(summary.dropped, 'event')} sent and dropped.")
    else:
        sheet.paragraph("Nothing: no event was dropped.")
    for key, count in summary.problems.items():
        if key in _PROBLEMS:
            sheet.paragraph(f"{_PROBLEMS[key]}: {format_value(count, 'count')}.")


def _write_rows(
    sheet: Sheet, title: str, titles: Sequence[str], rows: Sequence[Sequence[str]], count: int
) -> None:
    """A table of a name and figures; the name gives way where the page is narrow."""
    if not rows:
        return
    sheet.heading(title if count <= len(rows) else f"{title} ({len(rows)} of {count})")
    widths = [max(map(cell_len, column)) for column in zip(titles, *rows, strict=True)]
    rest = sum(widths[1:]) + 2 * len(widths)
    widths[0] = min(widths[0], _NAME_WIDTH, max(sheet.width - rest, _LEAST_NAME_WIDTH))
    wide = widths[0] + rest <= sheet.width
    if not wide:
        for row in rows:
            said = zip(titles[1:], row[1:], strict=True)
            sheet.paragraph(row[0])
            items = [f"{name} {text}" for name, text in said if text != UNKNOWN]
            sheet.paragraph(", ".join(items), QUIET, indent=6, items=items)
        return
    sheet.line((_aligned(titles, widths), QUIET))
    for row in rows:
        sheet.line((_aligned(row, widths), ""))


def _aligned(texts: Sequence[str], widths: Sequence[int]) -> str:
    name = _shortened(texts[0], widths[0])
    cells = [name + " " * (widths[0] - cell_len(name))]
    cells += [
        " " * (width - cell_len(text)) + text
        for text, width in zip(texts[1:], widths[1:], strict=True)
    ]
    return "  " + "  ".join(cells)


def _shortened(name: str, width: int) -> str:
    """The name with its middle left out: beginnings and endings tell names apart."""
    if cell_len(name) <= width:
        return name
    end = ""
    for character in reversed(name):
        if cell_len(character + end) > (width - 1) // 2:
            break
        end = character + end
    return set_cell_size(name, width - 1 - cell_len(end)) + "…" + end


def _named(type: str, name: str | None) -> str:
    return printable(type if name is None else f"{type} {name}")


def _share(one: EventType) -> str:
    if not one.outcomes:
        return UNKNOWN
    return format_value(one.errors / one.outcomes, "ratio")


def _outcome(one: Operation) -> str:
    if one.error is not None:
        return printable(one.error, 30)
    return {True: "ok", False: "failed", None: UNKNOWN}[one.ok]


def _moment(t_ns: int | None) -> str:
    return format_value(t_ns, "ns")


def _or_unknown(text: str | None) -> str:
    return UNKNOWN if text is None else printable(text, 40)


def _counted(count: int, noun: str) -> str:
    return f"{format_value(count, 'count')} {noun}{'' if count == 1 else 's'}"
