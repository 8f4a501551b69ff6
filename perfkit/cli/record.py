"""`perfkit record`: one process, or one command, into one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perfkit.cli.settings_option import DetectorOption
from perfkit.errors import UsageError


def record(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- CMD ARGS…]", help="Start this command and record it."),
    ] = None,
    pid: Annotated[
        int | None,
        typer.Option(
            "--pid", "-p", metavar="N", help="Record this running process and its children."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Default: perfkit-NAME-TIME.parquet here."
        ),
    ] = None,
    interval: Annotated[
        str,
        typer.Option(
            "--interval", "-i", help="Time between ticks, from 1ms to 1h; a bare number is seconds."
        ),
    ] = "100ms",
    duration: Annotated[
        str | None,
        typer.Option("--duration", "-d", help="Stop recording after this time, such as 30s or 5m."),
    ] = None,
    budget: Annotated[
        str,
        typer.Option("--budget", help="What recording may cost: a share of one core."),
    ] = "1%",
    adaptive: Annotated[
        bool,
        typer.Option(
            "--adaptive/--no-adaptive", help="Read less often when the budget is exceeded."
        ),
    ] = True,
    keep: Annotated[
        str | None,
        typer.Option("--keep", help="Flight recorder: keep only the newest part, such as 10m."),
    ] = None,
    follow_daemons: Annotated[
        bool,
        typer.Option("--follow-daemons", help="Go on until all that CMD has started has ended."),
    ] = False,
    statsd: Annotated[
        str | None,
        typer.Option(
            "--statsd",
            metavar="PORT",
            help="Take StatsD at this UDP port of the loopback, or at HOST:PORT.",
        ),
    ] = None,
    analyze: Annotated[
        bool,
        typer.Option(
            "--analyze",
            help="Analyse meanwhile: findings go to NAME.findings.jsonl, a report to NAME.report.md.",
        ),
    ] = False,
    detector: DetectorOption = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE if it exists.")] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="No line at the start, none meanwhile, none at the end."
        ),
    ] = False,
) -> None:
    """Record a process, its children and its machine into one Parquet file.

    perfkit record --pid 1234 --duration 30s

    perfkit record -- python job.py

    Ctrl-C ends a recording by --pid and seals the file; SIGUSR1 seals a copy and goes on. With a command, the command's own exit
    code is returned, its streams are untouched and signals reach it.

    Lengths of time are numbers with a unit: ns, us, ms, s, m, h, d; without one they are seconds.
    """
    from perfkit.workflows import record as workflow
    from perfkit.workflows.durations import parse_duration

    if bool(command) == (pid is not None):
        raise UsageError(
            "name either a running process (perfkit record --pid N) "
            "or a command (perfkit record -- CMD ARGS)"
        )
    interval_ns = workflow.parse_interval(interval)
    duration_ns = None if duration is None else parse_duration(duration, "--duration")
    if duration_ns is not None and duration_ns < interval_ns:
        raise UsageError(
            "--duration is shorter than --interval: choose a longer duration or a shorter interval"
        )
    share = workflow.parse_budget(budget) if adaptive else None
    keep_ns = None if keep is None else parse_duration(keep, "--keep")
    if keep_ns is not None and keep_ns < interval_ns:
        raise UsageError(
            "--keep is shorter than --interval: choose a longer time to keep or a shorter interval"
        )
    if follow_daemons and not command:
        raise UsageError("--follow-daemons goes with a command: perfkit record -- CMD ARGS")
    if detector is not None:
        if not analyze:
            raise UsageError("--detector goes with --analyze: add it, or leave the detector out")
        from perfkit.workflows.pipeline_settings import known_detector

        known_detector(detector)
    if command:
        workflow.record_command(
            command,
            output=output,
            interval_ns=interval_ns,
            duration_ns=duration_ns,
            budget=share,
            keep_ns=keep_ns,
            statsd=statsd,
            analyze=analyze,
            detector=detector,
            follow_daemons=follow_daemons,
            force=force,
            quiet=quiet,
        )
    elif pid is not None:
        workflow.record_pid(
            pid,
            output=output,
            interval_ns=interval_ns,
            duration_ns=duration_ns,
            budget=share,
            keep_ns=keep_ns,
            statsd=statsd,
            analyze=analyze,
            detector=detector,
            force=force,
            quiet=quiet,
        )
