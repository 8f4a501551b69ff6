"""`perfkit bench-noise`: how noisy this machine is for a command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perfkit.errors import UsageError


def bench_noise(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CMD ARGS…]", help="Default: a small workload of perfkit's own."),
    ] = None,
    pairs: Annotated[
        int,
        typer.Option("--pairs", min=5, max=1000, help="Duets, and pairs of runs alone as well."),
    ] = 20,
    cpu: Annotated[
        int | None,
        typer.Option("--cpu", metavar="N", help="Keep the runs alone to this core as well."),
    ] = None,
    timeout: Annotated[
        str, typer.Option("--timeout", help="A run that takes longer is ended and does not count.")
    ] = "60s",
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of the order of the runs, left to chance.")
    ] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The floor for --floor; extended if it exists."
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object instead of tables.")
    ] = False,
) -> None:
    """Measure how much runs of one command differ here, and what a gate would find of it.

    perfkit bench-noise -o floor.json python job.py

    Runs CMD against itself, as duets and one after the other, in turn; without --pairs 80 times.
    Tells the spread of both, what 5, 10 and 20 pairs find, and what to do about it. FILE keeps the
    runs for --floor of gate and compare, where sessions recorded at different times are compared:
    measure on several days into the same file, so that it knows the bad ones.
    """
    from perfkit.cli.output import STANDARD_OUTPUT, deliver, page_for
    from perfkit.cli.progress import Progress
    from perfkit.report import noise as report
    from perfkit.workflows import noise as workflow
    from perfkit.workflows.durations import parse_duration

    if output == STANDARD_OUTPUT:
        raise UsageError("-o names a file for the floor; --json writes to standard output")
    core = workflow.parse_core(cpu)
    timeout_s = parse_duration(timeout, "--timeout") / 1e9
    progress = Progress(every_s=10)
    try:
        noise = workflow.measure(
            command or (),
            pairs=pairs,
            core=core,
            seed=seed,
            timeout_s=timeout_s,
            floor=output,
            say=progress.show,
        )
    finally:
        progress.clear()
    deliver(report.as_json(noise) if json else report.as_text(noise, page_for(None)), None)
