"""What a session says of itself, as text for a person or JSON for a program."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.cells import cell_len

from perfkit.model.information import Information
from perfkit.model.metric import Metric
from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.facts import moment, stop_sentence
from perfkit.report.json import dump, session_object
from perfkit.report.sheet import HEADING, QUIET, Sheet, ink
from perfkit.report.units import UNKNOWN, format_by_name, format_value

NARROW_BELOW = 90  # columns; the meaning of a column then stands beneath it


def as_json(information: Information) -> str:
    """Facts and columns as JSON; documented in docs/json-report.md."""
    return dump(
        {
            "source": information.source,
            "source_kind": information.source_kind,
            "ticks": information.ticks,
            "size_bytes": information.size_bytes,
            "session": session_object(information.session),
            "columns": [
                {
                    "name": metric.name,
                    "unit": metric.unit,
                    "kind": metric.kind,
                    "group": metric.group,
                    "scope": metric.scope,
                    "meaning": metric.meaning,
                }
                for metric in information.metrics
            ],
        }
    )


def as_table(information: Information, page: Page) -> str:
    """Facts, host, what is missing and why, and every column with its meaning."""
    session = information.session
    sheet = Sheet.of(page)
    sheet.paragraph(printable(information.source), HEADING, indent=0)
    sheet.paragraph(
        f"{information.source_kind}, {format_value(information.ticks, 'count')} tick{'' if information.ticks == 1 else 's'} in "
        f"{len(information.metrics)} columns, {format_value(information.size_bytes, 'bytes')}",
        indent=0,
    )
    _write_pairs(
        sheet,
        "Session",
        [
            ("session_id", printable(session.session_id)),
            ("schema_version", printable(session.schema_version)),
            ("perfkit_version", printable(session.perfkit_version)),
            ("sampler", printable(session.sampler)),
            ("mode", printable(session.mode)),
            ("target_name", printable(session.target_name)),
            ("target_pid", str(session.target_pid)),
            ("command", printable(session.command)),
            ("interval", format_value(session.interval_ns, "ns")),
            *(
                ("interval changed", f"to {format_value(to_ns, 'ns')} at {format_value(at_ns, 'ns')}")
                for at_ns, to_ns in session.interval_changes
            ),
            ("started", moment(session.started_at_us or None)),
            ("ended", moment(session.ended_at_us)),
            ("duration", format_value(session.duration_ns, "ns")),
            *(
                [("kept", f"the newest ticks; {format_value(session.ticks_dropped, 'count')} older "
                  "ones were dropped on purpose (--keep)")]
                if session.ticks_dropped else []
            ),
            ("exit_code", _or_unknown(session.exit_code)),
            ("exit_signal", _or_unknown(session.exit_signal)),
            ("stop_reason", _stop(information)),
        ],
    )  # fmt: skip
    _write_pairs(sheet, "Host", _pairs(session.host.items()))
    _write_pairs(sheet, "Missing, and why", _pairs(session.missing.items()))
    _write_pairs(sheet, "Notes", _pairs(session.notes.items()))
    _write_columns(sheet, information.metrics)
    return ink(sheet.lines, page)


def _stop(information: Information) -> str:
    if information.source_kind == "live journal" and information.session.stop_reason is None:
        return "none yet: a recorder is still writing"
    return stop_sentence(information.session)


def _or_unknown(value: object) -> str:
    return UNKNOWN if value is None else printable(str(value))


def _pairs(items: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(printable(str(name), 60), _fact(str(name), value)) for name, value in items]


def _fact(name: str, value: Any) -> str:
    # Notes are text, also where they note a number.
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return format_by_name(name, int(value))
    return format_by_name(name, value)


def _write_pairs(sheet: Sheet, title: str, pairs: list[tuple[str, str]]) -> None:
    if not pairs:
        return
    sheet.heading(title)
    indent = min(max(cell_len(name) for name, _ in pairs) + 4, sheet.width // 2)
    for name, text in pairs:
        if cell_len(name) + 3 > indent:
            sheet.paragraph(name, QUIET)
            sheet.paragraph(text, indent=indent)
        else:
            sheet.paragraph(text, indent=indent, head=(f"  {name}", QUIET))


def _write_columns(sheet: Sheet, metrics: tuple[Metric, ...]) -> None:
    rows = [
        tuple(printable(text, 60) for text in (one.name, one.unit, one.kind, one.group))
        for one in metrics
    ]
    titles = ("column", "unit", "kind", "group")
    widths = [
        max([cell_len(title), *(cell_len(row[at]) for row in rows)])
        for at, title in enumerate(titles)
    ]
    indent = 2 + sum(widths) + 2 * len(widths)
    narrow = sheet.width < NARROW_BELOW or indent > sheet.width - 24
    sheet.heading("Columns")
    if not narrow:
        sheet.line((f"  {_padded(titles, widths)}  meaning", QUIET))
    for metric, row in zip(metrics, rows, strict=True):
        meaning = printable(metric.meaning)
        if narrow:
            sheet.paragraph(f"{row[0]}  ({', '.join(row[1:])})")
            sheet.paragraph(meaning, QUIET, indent=6)
        else:
            sheet.paragraph(meaning, "", indent, (f"  {_padded(row, widths)}", ""))


def _padded(texts: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(
        text + " " * (width - cell_len(text)) for text, width in zip(texts, widths, strict=True)
    )
