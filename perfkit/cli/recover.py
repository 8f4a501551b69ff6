"""`perfkit recover`: seal what a killed recorder left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def recover(
    journal: Annotated[Path, typer.Argument(metavar="PATH.partial", help="The journal's folder.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Default: the name without .partial."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE if it exists.")] = False,
) -> None:
    """Seal the journal of a recorder that was killed, into the Parquet file it was to become."""
    from perfkit.model.text import printable
    from perfkit.workflows.recover import recover as workflow
    from perfkit.workflows.source import open_recording

    path = workflow(journal, output, force=force)
    recovered = open_recording(path)
    ticks = sum(len(block) for block in recovered.blocks(["t_ns"]))
    shown = printable(str(path))
    damaged = recovered.damaged
    left_out = f" ({_counted(damaged, 'damaged tick')} left out)" if damaged else ""
    print(
        f"recovered {_counted(ticks, 'tick')} into {shown}{left_out}; next: perfkit analyze {shown}"
    )
    for problem in recovered.problems:
        print(f"  {printable(problem)}")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
