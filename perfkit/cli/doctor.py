"""`perfkit doctor`: what can be recorded here, what is missing, and what mends it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from perfkit.cli.output import deliver, page_for


class DoctorFormat(StrEnum):
    """What the findings are written as; `perfkit.report.examination` has a function for each."""

    TERMINAL = "terminal"
    JSON = "json"


def doctor(
    pid: Annotated[
        int | None,
        typer.Option("--pid", "-p", metavar="N", help="The process to be recorded."),
    ] = None,
    folder: Annotated[
        Path, typer.Option("--folder", metavar="DIR", help="Where sessions are to go.")
    ] = Path(),
    format: Annotated[
        DoctorFormat, typer.Option(help="What the findings are written as.")
    ] = DoctorFormat.TERMINAL,
) -> None:
    """Show what this machine and this user can record, what is missing, and what mends it.

    The exit code is 0 also where something is missing, and 5 if nothing can be recorded at all.
    """
    from perfkit.report import examination as report
    from perfkit.workflows import doctor as workflow

    found = workflow.examine(pid, folder)
    if format is DoctorFormat.JSON:
        deliver(report.as_json(found), None)
    else:
        deliver(report.as_text(found, page_for(None)), None)
    workflow.assert_can_record(found)
