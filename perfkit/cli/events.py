"""`perfkit events`: what the application said."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from perfkit.cli.output import deliver, page_for


class EventsFormat(StrEnum):
    """What the summary is written as; `perfkit.report.events` has a function for each."""

    TABLE = "table"
    JSON = "json"


def events(
    session: Annotated[
        Path, typer.Argument(metavar="SESSION", readable=False, help="A session file or journal.")
    ],
    format: Annotated[
        EventsFormat, typer.Option(help="What the summary is written as.")
    ] = EventsFormat.TABLE,
    top: Annotated[
        int, typer.Option(metavar="N", min=1, max=10_000, help="Rows of each list.")
    ] = 10,
) -> None:
    """Show what the application said: events by type, durations, errors, what is still open."""
    from perfkit.report import events as shown
    from perfkit.workflows.events import events as read

    summary = read(session, top)
    if format is EventsFormat.JSON:
        deliver(shown.as_json(summary), None)
    else:
        deliver(shown.as_table(summary, page_for(None)), None)
