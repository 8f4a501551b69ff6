"""`perfkit import`: a session from what other tools have recorded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perfkit.workflows.import_data import Imported

_MOST_NAMES = 20


def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            readable=False,
            help="CSV or Parquet with a column of time (t_s or time), or a log of psrecord.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="SESSION", help="The session to write.")
    ],
    map: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=METRIC",
            help="What a column is; METRIC*FACTOR or METRIC/DIVISOR converts its unit; may be "
            "given more than once.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite SESSION if it exists.")] = False,
) -> None:
    """Make a session of a table over time, so that every other command reads it.

    Columns with perfkit's own names are taken as they are (perfkit info lists them); the others
    need --map, for instance --map mem_mb=rss_bytes*1048576.
    """
    from perfkit.model.text import printable
    from perfkit.workflows.import_data import import_data

    done = import_data(file, output, map or (), force=force)
    shown = printable(str(done.path))
    print(f"imported {_what(done)} into {shown}; next: perfkit analyze {shown}")
    for sentence in _remarks(done):
        print(f"perfkit: {sentence}", file=sys.stderr)


def _what(done: Imported) -> str:
    from perfkit.report.units import format_value

    ticks = f"{format_value(done.ticks, 'count')} tick{'' if done.ticks == 1 else 's'}"
    every = f"one every {format_value(done.interval_ns, 'ns')}" if done.ticks > 1 else "alone"
    return f"{ticks} ({every}, {format_value(done.duration_ns, 'ns')}) of {_named(done.metrics)}"


def _remarks(done: Imported) -> list[str]:
    from perfkit.model.text import printable
    from perfkit.report.units import format_value

    remarks = []
    if done.left_out:
        remarks.append(f"left out, since nothing says what they are: {_named(done.left_out)}")
    if done.own:
        remarks.append(f"kept under names that perfkit does not know: {_named(done.own)}")
    if done.replaced:
        count = format_value(done.replaced, "count")
        remarks.append(f"{count} row(s) gave way to a later one of the same time")
    if done.longest_gap_ns >= 5 * done.interval_ns:
        remarks.append(f"the longest gap is {format_value(done.longest_gap_ns, 'ns')}")
    return remarks + [printable(note) for note in done.notes]


def _named(names: Sequence[str]) -> str:
    from perfkit.model.text import printable

    shown = ", ".join(printable(name, 60) or "(no name)" for name in names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return shown + (f" and {more} more" if more > 0 else "")
