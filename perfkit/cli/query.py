"""`perfkit query`: SQL over one session."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from perfkit.cli.output import assert_writable, deliver, page_for
from perfkit.cli.settings_option import HostsOption, SetOption


class QueryFormat(StrEnum):
    """What the rows are written as; `perfkit.report.rows` has a function for each."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def query(
    session: Annotated[
        Path, typer.Argument(metavar="SESSION", readable=False, help="A session file or journal.")
    ],
    sql: Annotated[
        str,
        typer.Argument(
            metavar="SQL",
            help="One SELECT over ticks, periods, processes, session, events, spans, "
            "event_metrics, trends, anomalies, patterns, forecasts, alerts or baseline.",
        ),
    ],
    format: Annotated[
        QueryFormat, typer.Option(help="What the rows are written as.")
    ] = QueryFormat.TABLE,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What is normal, learnt by `perfkit baseline learn`."),
    ] = None,
    allow_different_hosts: HostsOption = False,
    overrides: SetOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to; - is standard output."),
    ] = None,
) -> None:
    """Ask a session in SQL. `perfkit info SESSION` lists its columns."""
    from perfkit.report import rows
    from perfkit.workflows.query import query as ask

    assert_writable(output, [session])
    result = ask(
        session, sql, baseline, overrides or (), allow_different_hosts=allow_different_hosts
    )
    text = rows.render(
        result.columns, result.rows, rows.RowFormat(format.value), page_for(output), result.types
    )
    deliver(text, output, [session])
