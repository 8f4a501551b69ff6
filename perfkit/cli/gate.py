"""`perfkit gate`: fail when it got slower, and only then."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perfkit.errors import (
    EXIT_OK,
    EXIT_REGRESSED,
    EXIT_UNDECIDED,
    OutputRefused,
    UsageError,
)
from perfkit.model.verdict import PASSED, REGRESSED

if TYPE_CHECKING:
    from perfkit.model.verdict import Comparison

_EVERY_S = 30.0
"""How often the log of a CI run is told that the gate is still at work."""


class OnUndecided(StrEnum):
    """What an undecided gate ends in."""

    FAIL = "fail"
    PASS = "pass"


def gate(
    base: Annotated[
        str,
        typer.Option(
            metavar="CMD|SESSIONS", help="The command to compare with, or its recorded sessions."
        ),
    ],
    head: Annotated[
        str, typer.Option(metavar="CMD|SESSIONS", help="The command, or sessions, to judge.")
    ],
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…|all",
            help="What decides. Default: cpu_s, peak_rss_bytes and wall_s.",
        ),
    ] = None,
    tolerance: Annotated[
        str, typer.Option(metavar="SHARE", help="A smaller difference never fails.")
    ] = "1%",
    margin: Annotated[
        str, typer.Option(metavar="SHARE", help="A pass rules out anything this large.")
    ] = "3%",
    max_pairs: Annotated[
        int, typer.Option(metavar="N", min=1, help="Give up on a metric after so many pairs.")
    ] = 30,
    max_time: Annotated[
        str, typer.Option(metavar="TIME", help="Give up after this time, setup included.")
    ] = "10m",
    timeout: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="Kill a run that takes longer; twice this where two share a core."
        ),
    ] = "60s",
    setup: Annotated[
        str | None,
        typer.Option(metavar="CMD", help="Run this once for each side, in its folder, before."),
    ] = None,
    warmup: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Pairs to run before that do not count. Default: 1."),
    ] = None,
    cpu: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Pin every run to this core.")
    ] = None,
    cwd_base: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder base works in.")
    ] = None,
    cwd_head: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder head works in.")
    ] = None,
    on_undecided: Annotated[
        OnUndecided, typer.Option(help="What an undecided gate ends in: exit 4, or 0.")
    ] = OnUndecided.FAIL,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Of the order of the pairs. Default: by chance.")
    ] = None,
    sessions: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep the recordings of all runs as sessions there."),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record/--no-record", help="Record each run, for the why.")
    ] = True,
    floor: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="For sessions: what this host shows without a difference."
        ),
    ] = None,
    allow_different_hosts: Annotated[
        bool,
        typer.Option(
            "--allow-different-hosts",
            help="For sessions: compare those of unlike hosts all the same.",
        ),
    ] = False,
    github: Annotated[
        bool, typer.Option("--github", help="Write annotations and the step summary.")
    ] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write JUnit XML; - is standard output.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write Markdown for a comment.")
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write JSON; docs/gate-json.md tells its schema."),
    ] = None,
) -> None:
    """Run base and head in pairs until it is clear whether head got slower, and say so.

    perfkit gate --base 'python old.py' --head 'python new.py'

    perfkit gate --base 'base/*.parquet' --head 'head/*.parquet'

    Words are split as a shell does, but no shell runs them. {side} in a command, a folder or the setup becomes base or head.
    Exit code: 0 no slower, 3 slower, 4 undecided, 5 nothing to compare.
    """
    from perfkit.cli.output import STANDARD_OUTPUT, deliver, page_for
    from perfkit.cli.progress import Progress
    from perfkit.report.comparison_terminal import render
    from perfkit.workflows.publish import assert_publishable, publish
    from perfkit.workflows.recorded_runs import session_paths
    from perfkit.workflows.terms import parse_terms

    terms = parse_terms(tolerance, margin, max_pairs=max_pairs)
    assert_publishable(junit, markdown, json)
    from perfkit.workflows import gate as workflow

    metrics = workflow.choose_metrics(metric)
    recorded = {name: bool(session_paths(text)) for name, text in (("base", base), ("head", head))}
    if all(recorded.values()):
        from perfkit.workflows.compare import compare_sessions

        _refuse_where_nothing_runs(
            {
                "--setup": setup,
                "--warmup": warmup,
                "--cpu": cpu,
                "--cwd-base": cwd_base,
                "--cwd-head": cwd_head,
                "--seed": seed,
                "--sessions": sessions,
            }
        )
        comparison = compare_sessions(
            base,
            head,
            metrics=metrics,
            terms=terms,
            floor=floor,
            allow_different_hosts=allow_different_hosts,
        )
    elif any(recorded.values()):
        sides = {True: "sessions", False: "a command"}
        raise UsageError(
            f"--base is {sides[recorded['base']]} and --head is {sides[recorded['head']]}; "
            "give two of a kind"
        )
    else:
        from perfkit.workflows.durations import parse_duration

        if floor is not None:
            raise UsageError("--floor is for sessions; base and head are commands")
        if allow_different_hosts:
            raise UsageError(
                "--allow-different-hosts is for sessions; commands run on one host anyway"
            )
        if sessions is not None and not record:
            raise UsageError("--sessions keeps recordings, and --no-record makes none")
        progress = Progress(every_s=_EVERY_S)
        try:
            comparison = workflow.gate(
                workflow.Request(
                    base=base,
                    head=head,
                    metrics=metrics,
                    terms=terms,
                    max_time_s=parse_duration(max_time, "--max-time") / 1e9,
                    timeout_s=parse_duration(timeout, "--timeout") / 1e9,
                    setup=setup,
                    warmup=1 if warmup is None else warmup,
                    cpu=cpu,
                    cwd_base=cwd_base,
                    cwd_head=cwd_head,
                    seed=seed,
                    sessions=sessions,
                    record=record,
                ),
                progress.show,
            )
        finally:
            progress.clear()
    if STANDARD_OUTPUT not in (junit, markdown, json):
        deliver(render(comparison, page_for(None)), None)
    code = _exit_code(comparison, on_undecided)
    try:
        publish(comparison, github=github, junit=junit, markdown=markdown, json_file=json)
    except OutputRefused as error:
        if code != EXIT_REGRESSED:
            raise
        print(f"perfkit: {error}", file=sys.stderr)
    raise typer.Exit(code)


def _refuse_where_nothing_runs(given: Mapping[str, object]) -> None:
    named = [option for option, value in given.items() if value is not None]
    if named:
        raise UsageError(f"{named[0]} is for commands; base and head are sessions")


def _exit_code(comparison: Comparison, on_undecided: OnUndecided) -> int:
    if comparison.verdict == REGRESSED:
        return EXIT_REGRESSED
    if comparison.verdict == PASSED or on_undecided is OnUndecided.PASS:
        return EXIT_OK
    return EXIT_UNDECIDED
