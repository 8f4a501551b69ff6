"""`perfkit analyze`: what a recording shows."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from perfkit.cli.output import assert_writable, deliver, page_for
from perfkit.cli.settings_option import DetectorOption, HostsOption, SetOption
from perfkit.errors import EXIT_REGRESSED, UnusableInput
from perfkit.report import Format, renderer


class FailOn(StrEnum):
    """How severe an insight must be to end in exit code 3."""

    MEDIUM = "medium"
    HIGH = "high"


def analyze(
    sessions: Annotated[
        list[Path],
        typer.Argument(
            metavar="SESSION...",
            readable=False,
            help="Session files, journals, or folders of them.",
        ),
    ],
    format: Annotated[
        Format, typer.Option(help="What the report is written as.")
    ] = Format.TERMINAL,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to; - is standard output."),
    ] = None,
    fail_on: Annotated[
        FailOn | None,
        typer.Option(help="Exit with 3 if there is an insight at least this severe."),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A folder of further rules, one SQL file each."),
    ] = None,
    overrides: SetOption = None,
    detector: DetectorOption = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What is normal, learnt by `perfkit baseline learn`."),
    ] = None,
    allow_different_hosts: HostsOption = False,
) -> None:
    """Report what sessions show: facts, insights, metrics, and what recording them cost."""
    from perfkit.workflows.analyze import analyze_all, is_as_severe

    assert_writable(output, sessions)
    reports, refused = analyze_all(
        sessions,
        rules,
        overrides or (),
        baseline,
        detector,
        allow_different_hosts=allow_different_hosts,
    )
    if reports:
        deliver(renderer(format)(reports, page_for(output)), output, sessions)
    if refused:
        raise UnusableInput("\nperfkit: ".join(str(error) for error in refused))
    broken = {one for report in reports for one in report.failed_rules} if rules else set()
    if broken:
        said = "; ".join(sorted(f"{one.rule}: {one.reason}" for one in broken))
        raise UnusableInput(f"a rule could not be run ({said}); mend it, or leave out --rules")
    if fail_on is not None and any(is_as_severe(report, fail_on.value) for report in reports):
        raise typer.Exit(EXIT_REGRESSED)
