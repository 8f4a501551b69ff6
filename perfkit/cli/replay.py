"""`perfkit replay`: a session through the analysis again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perfkit.cli.output import deliver, page_for
from perfkit.cli.settings_option import DetectorOption, HostsOption, SetOption
from perfkit.errors import UsageError


def replay(
    session: Annotated[
        Path, typer.Argument(metavar="SESSION", readable=False, help="A session file or journal.")
    ],
    overrides: SetOption = None,
    detector: DetectorOption = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What is normal, learnt by `perfkit baseline learn`."),
    ] = None,
    allow_different_hosts: HostsOption = False,
    rules: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A folder of further rules, one SQL file each."),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Leave out what lies before, such as 30s."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Leave out what lies after.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Follow a recording in progress until it ends.")
    ] = False,
    all_: Annotated[
        bool, typer.Option("--all", help="Remarks too, and alerts that were held back.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Write JSON, at the end.")] = False,
) -> None:
    """Let a session flow through the analysis again; findings are printed as they appear.

    perfkit replay session.parquet

    perfkit replay session.parquet --set latency_ms.warning=200

    With other settings, detector, baseline or rules it ends with what they change: what is raised, missed,
    found earlier or later than with the usual ones. --follow does the same on a recording in
    progress, and asks the rules every 30 s over the last 60 s.
    """
    from perfkit.model.finding import Finding
    from perfkit.report import findings as shown
    from perfkit.report.forecasts import as_lines
    from perfkit.workflows.follow import follow as followed
    from perfkit.workflows.replay import Changes, Replay

    changes = Changes(tuple(overrides or ()), baseline, rules, detector, allow_different_hosts)
    page = page_for(None)
    if follow:
        if from_ or to or json:
            raise UsageError("--follow goes without --from, --to and --json: it prints as it finds")
        for one in followed(session, changes.settings(), rules):
            if isinstance(one, Finding) and (all_ or one.severity != "info"):
                typer.echo(shown.as_text(one, page), nl=False)
            elif not isinstance(one, Finding):
                typer.echo(shown.insight_as_text(one, page), nl=False)
        return
    run = Replay(session, changes, from_, to)
    found = []
    for finding in run.findings():
        found.append(finding)
        if not json and (all_ or finding.severity != "info"):
            typer.echo(shown.as_text(finding, page), nl=False)
    differences = run.differences() if run.changed else None
    raised, missed = run.insights() if run.changed else ([], [])
    if json:
        said = (found, differences, raised, missed, run.forecasts, run.decisions)
        deliver(shown.as_json(str(session), *said), None)
        return
    remarks = sum(one.severity == "info" for one in found)
    if remarks == len(found) and not all_:
        typer.echo(f"Nothing was found{f' but {remarks} remarks (--all)' if remarks else ''}.")
    typer.echo("\nForecasts, as they stood at the end:")
    typer.echo(as_lines(run.forecasts, run.decisions, page), nl=False)
    if differences is not None:
        typer.echo("\nAgainst the usual settings:")
        typer.echo(shown.differences_as_text(differences, raised, missed, page), nl=False)
