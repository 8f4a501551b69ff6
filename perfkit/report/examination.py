"""What can be recorded here, as text for a person or JSON for a program."""

from __future__ import annotations

from perfkit.model.capability import AVAILABLE, LIMITED, MISSING, NOTE, Capability, Examination
from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.json import dump
from perfkit.report.sheet import HEADING, QUIET, Sheet, ink

SCHEMA_VERSION = "1.0"
# 1.0: the first. A key that is added raises the second number, a changed meaning the first.

_TITLES = (
    (MISSING, "Missing"),
    (LIMITED, "Limited"),
    (NOTE, "Worth knowing"),
    (AVAILABLE, "Available"),
)


def as_json(examination: Examination) -> str:
    """Everything that was looked at as one JSON object; `remedy` is empty where none is needed."""
    return dump(
        {
            "schema_version": SCHEMA_VERSION,
            "subject": examination.subject,
            "pid": examination.pid,
            "user_id": examination.user_id,
            "system": examination.system,
            "can_record": examination.can_record,
            "capabilities": [
                {
                    "key": one.key,
                    "title": one.title,
                    "state": one.state,
                    "finding": one.finding,
                    "loses": one.loses,
                    "remedy": one.remedy,
                }
                for one in examination.capabilities
            ],
        }
    )


def as_text(examination: Examination, page: Page) -> str:
    """What is missing first, with what it costs a session and what mends it; then the rest."""
    sheet = Sheet.of(page)
    sheet.paragraph(f"What can be recorded of {printable(examination.subject)}", HEADING, indent=0)
    user = "root" if examination.user_id == 0 else f"user {examination.user_id}"
    sheet.paragraph(f"on {printable(examination.system)}, as {user}: {_summary(examination)}")
    for state, title in _TITLES:
        members = [one for one in examination.capabilities if one.state == state]
        if members:
            sheet.heading(title)
        for one in members:
            _write(sheet, one)
    return ink(sheet.lines, page)


def _summary(examination: Examination) -> str:
    if not examination.can_record:
        return "nothing can be recorded."
    missing, limited = (
        sum(one.state == state for one in examination.capabilities) for state in (MISSING, LIMITED)
    )
    if not missing and not limited:
        return "everything that perfkit knows of."
    return f"recording works; {missing} missing, {limited} limited, see below."


def _write(sheet: Sheet, one: Capability) -> None:
    if one.state == AVAILABLE:
        sheet.paragraph(f"{printable(one.title)}: {printable(one.finding)}")
        return
    sheet.paragraph(printable(one.title), HEADING)
    sheet.paragraph(f"{printable(one.finding)}.", indent=4)
    if one.loses:
        sheet.paragraph(printable(one.loses), indent=13, head=("    without", QUIET))
    if one.remedy:
        sheet.paragraph(printable(one.remedy), indent=13, head=("    mend it", QUIET))
