"""`perfkit baseline`: what is normal, kept in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perfkit.cli.output import deliver, page_for

_Hosts = Annotated[
    bool,
    typer.Option("--allow-different-hosts", help="Take sessions of unlike machines together."),
]
_Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


def learn(
    sessions: Annotated[
        list[Path],
        typer.Argument(
            metavar="SESSION...",
            readable=False,
            help="Session files, journals, or folders of them.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="Where to; - is standard output."),
    ],
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Leave out what lies before, such as 30s."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Leave out what lies after.")
    ] = None,
    allow_different_hosts: _Hosts = False,
) -> None:
    """Learn what is normal from sessions in which all was well."""
    from perfkit.cli.output import STANDARD_OUTPUT
    from perfkit.model.text import printable
    from perfkit.workflows import baseline

    baseline.assert_baseline_writable(output, sessions)
    learned = baseline.learn(sessions, from_, to, allow_different_hosts=allow_different_hosts)
    baseline.write_baseline(output, learned, sessions)
    if output != STANDARD_OUTPUT:
        count, shown = len(learned.sessions), printable(str(output))
        print(
            f"learned {len(learned.metrics)} metrics from {count} session"
            f"{'' if count == 1 else 's'} into {shown}; next: perfkit baseline show {shown}"
        )


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", readable=False, help="A baseline.")],
    json: _Json = False,
) -> None:
    """Show level, spread and range of every metric in a baseline."""
    from perfkit.model.baseline import baseline_to_json
    from perfkit.report.baseline import as_table
    from perfkit.workflows.baseline import load_baseline

    known = load_baseline(file)
    deliver(baseline_to_json(known) if json else as_table(known, str(file), page_for(None)), None)


def diff(
    base: Annotated[
        Path, typer.Argument(metavar="BASELINE", readable=False, help="What is normal.")
    ],
    head: Annotated[
        Path,
        typer.Argument(
            metavar="OTHER", readable=False, help="A baseline, a session or a folder of sessions."
        ),
    ],
    allow_different_hosts: _Hosts = False,
    json: _Json = False,
) -> None:
    """Show which metrics left the range of a baseline: another baseline's, or a session's."""
    from perfkit.report.baseline import difference_json, difference_table
    from perfkit.workflows.baseline import compare

    found = compare(base, head, allow_different_hosts=allow_different_hosts)
    if json:
        deliver(difference_json(found.base, found.head, found.changes), None)
    else:
        text = difference_table(found.base, found.head, found.changes, page_for(None))
        deliver(text, None)
