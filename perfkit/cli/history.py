"""`perfkit history`: results per commit, the changes among them, and a gate on new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perfkit.cli.output import deliver, page_for
from perfkit.errors import EXIT_REGRESSED, EXIT_UNDECIDED
from perfkit.model.verdict import REGRESSED, UNDECIDED

_File = Annotated[
    Path, typer.Argument(metavar="FILE", readable=False, help="The history, a Parquet file.")
]
_Metric = Annotated[
    list[str] | None,
    typer.Option("--metric", metavar="NAME,…", help="Only these; may be given more than once."),
]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")]


def add(
    file: _File,
    commit: Annotated[str, typer.Option(metavar="ID", help="What was measured.")],
    head: Annotated[
        str,
        typer.Option(
            metavar="RESULT",
            help="What `perfkit gate --json` wrote, the anchor build being its base; or sessions.",
        ),
    ],
    anchor: Annotated[
        str | None,
        typer.Option(
            metavar="SESSIONS",
            help="Sessions of the anchor build run beside, where --head is sessions too.",
        ),
    ] = None,
    anchor_name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of the anchor build; else that of the newest result."),
    ] = None,
) -> None:
    """Add a commit's result, as ratios to an anchor build that was run beside it.

    Keep the anchor: a commit is compared with others through it. For a new one, measure a commit or
    more with both, and give each its --anchor-name.
    """
    from perfkit.report.history import added_text
    from perfkit.workflows import history

    done = history.add(file, commit=commit, head=head, anchor=anchor, anchor_name=anchor_name)
    deliver(added_text(done, page_for(None)), None)


def show(file: _File, metric: _Metric = None, json: _Json = False) -> None:
    """Show every metric over the commits: which changed it, how sure that is, and by how much."""
    from perfkit.report.history import as_json, as_text
    from perfkit.workflows import history

    shown = history.show(file, _names(metric))
    deliver(as_json(shown) if json else as_text(shown, page_for(None)), None)


def check(
    file: _File,
    metric: _Metric = None,
    last: Annotated[int, typer.Option(metavar="N", help="How many commits count as new.")] = 10,
    tolerance: Annotated[
        str, typer.Option(metavar="SHARE", help="A rise that may be as small as this is none.")
    ] = "1%",
    json: _Json = False,
) -> None:
    """Exit with 3 if a metric rose within the newest commits, 4 if there are too few to tell.

    A rise is known after three commits: before that it could be a stray.
    """
    from perfkit.report.history import check_json, check_text
    from perfkit.workflows import history
    from perfkit.workflows.terms import parse_share

    done = history.check(
        file,
        metrics=_names(metric),
        newest=last,
        tolerance=parse_share(tolerance, "--tolerance"),
    )
    deliver(check_json(done) if json else check_text(done, page_for(None)), None)
    if done.verdict == REGRESSED:
        raise typer.Exit(EXIT_REGRESSED)
    if done.verdict == UNDECIDED:
        raise typer.Exit(EXIT_UNDECIDED)


def _names(metric: list[str] | None) -> list[str]:
    return [name for one in metric or () for name in one.split(",") if name]
