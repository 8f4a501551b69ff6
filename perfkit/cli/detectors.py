"""`perfkit detectors`: what looks for the unusual in one metric, and what each is good for."""

from __future__ import annotations

from typing import Annotated

import typer

from perfkit.cli.output import deliver, page_for


def detectors(
    json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Show every detector of unusual values: what it is good for, and where it comes from.

    `joint` is none of one metric: it runs where a learned baseline is given.
    """
    from perfkit.report.rows import RowFormat, render
    from perfkit.workflows.detectors import listing

    columns, rows = listing()
    format = RowFormat.JSON if json else RowFormat.TABLE
    deliver(render(columns, rows, format, page_for(None)), None)
