"""`perfkit info`: what a session says of itself."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from perfkit.cli.output import deliver, page_for


class InfoFormat(StrEnum):
    """What the facts are written as; `perfkit.report.information` has a function for each."""

    TABLE = "table"
    JSON = "json"


def info(
    session: Annotated[
        Path, typer.Argument(metavar="SESSION", readable=False, help="A session file or journal.")
    ],
    format: Annotated[
        InfoFormat, typer.Option(help="What the facts are written as.")
    ] = InfoFormat.TABLE,
) -> None:
    """Show a session's metadata, what could not be recorded, and its columns."""
    from perfkit.report import information
    from perfkit.workflows.info import info as read

    facts = read(session)
    if format is InfoFormat.JSON:
        deliver(information.as_json(facts), None)
    else:
        deliver(information.as_table(facts, page_for(None)), None)
