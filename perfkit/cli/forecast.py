"""`perfkit forecast`: what will run out or degrade, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perfkit.cli.output import deliver, page_for
from perfkit.cli.settings_option import SetOption
from perfkit.errors import UsageError


def forecast(
    session: Annotated[
        Path, typer.Argument(metavar="SESSION", readable=False, help="A session file or journal.")
    ],
    horizon: Annotated[
        str | None, typer.Option(metavar="TIME", help="How far to look ahead, 5m by default.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="As it stood at this time of the session, such as 2m."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Follow a recording in progress until it ends.")
    ] = False,
    overrides: SetOption = None,
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Say what will run out or degrade, when (median and 80 % interval), and how sure that is.

    perfkit forecast session.parquet

    perfkit forecast session.parquet --at 2m --horizon 10m

    Where nothing is in sight it says so with the margin that is left, and where nothing can be
    said, why. --follow prints a line when a forecast opens, changes or closes.
    """
    from perfkit.report import forecasts as shown
    from perfkit.workflows.forecast import follow as followed
    from perfkit.workflows.forecast import outlook

    chosen = tuple(overrides or ())
    page = page_for(None)
    if follow:
        if at or json:
            raise UsageError("--follow goes without --at and --json: it prints as it foresees")
        found = followed(session, chosen, horizon)
        typer.echo("perfkit: following; a line where a forecast opens, changes or closes", err=True)
        for one, known in found:
            typer.echo(shown.finding_as_text(one, known, page), nl=False)
        typer.echo("perfkit: the recording is over", err=True)
        return
    view = outlook(session, chosen, horizon, at)
    said = (view.source, view.at_ns, view.horizon_s, view.forecasts, view.decisions)
    deliver(shown.as_json(*said) if json else shown.as_text(*said, page), None)
