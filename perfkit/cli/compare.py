"""`perfkit compare`: how two sets of runs differ, for people."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from perfkit.cli.output import STANDARD_OUTPUT, assert_writable, deliver, page_for
from perfkit.errors import UsageError
from perfkit.model.verdict import Comparison


class CompareFormat(StrEnum):
    """What a comparison is written as."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    JSON = "json"


class Tool(StrEnum):
    """Whose results can be read beside sessions; a test holds this to `perfkit.foreign.formats`."""

    HYPERFINE = "hyperfine"
    PYTEST_BENCHMARK = "pytest-benchmark"
    PYPERF = "pyperf"
    CSV = "csv"


def compare(
    base: Annotated[
        str,
        typer.Argument(metavar="BASE", help="Sessions: a file, a folder or a quoted pattern."),
    ],
    head: Annotated[str, typer.Argument(metavar="HEAD", help="What is compared with it.")],
    tool: Annotated[
        Tool | None,
        typer.Option("--from", help="Read results of this tool instead of sessions."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", metavar="NAME,…", help="Judge by these metrics, or by `all`."),
    ] = None,
    tolerance: Annotated[
        str, typer.Option("--tolerance", metavar="SHARE", help="A smaller difference is none.")
    ] = "1%",
    margin: Annotated[
        str,
        typer.Option("--margin", metavar="SHARE", help="Unchanged means less than this for sure."),
    ] = "3%",
    floor: Annotated[
        Path | None,
        typer.Option("--floor", metavar="FILE", help="This host's noise, from `bench-noise -o`."),
    ] = None,
    allow_different_hosts: Annotated[
        bool, typer.Option("--allow-different-hosts", help="Compare sessions of unlike machines.")
    ] = False,
    format: Annotated[
        CompareFormat, typer.Option(help="What the comparison is written as.")
    ] = CompareFormat.TERMINAL,
    json: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="[FILE]", help="Write JSON to FILE, or alone to standard output."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to; - is standard output."),
    ] = None,
) -> None:
    """Compare recorded runs, or what another tool measured: effects, how sure, where they lie.

    perfkit compare 'base/*.parquet' 'head/*.parquet'

    perfkit compare --from hyperfine base.json head.json

    The exit code is 0 whatever the verdict; `perfkit gate` is what fails a build.
    """
    from perfkit.workflows.compare import (
        chosen_metrics,
        compare_foreign,
        compare_sessions,
    )
    from perfkit.workflows.publish import assert_publishable, publish
    from perfkit.workflows.terms import parse_terms

    if json == STANDARD_OUTPUT and (output is not None or format is not CompareFormat.TERMINAL):
        raise UsageError("--json alone takes standard output; give it a FILE beside --format or -o")
    inputs = [Path(base), Path(head)]
    assert_writable(output, inputs)
    assert_writable(json, inputs)
    assert_publishable(None, None, json)
    terms = parse_terms(tolerance, margin)
    if tool is not None:
        if allow_different_hosts and floor is None:
            raise UsageError(f"--allow-different-hosts is for sessions: {tool} names no host")
        names = () if metric in (None, "all") else tuple(filter(None, str(metric).split(",")))
        comparison = compare_foreign(
            tool,
            base,
            head,
            names=names,
            terms=terms,
            floor=floor,
            allow_different_hosts=allow_different_hosts,
        )
    else:
        comparison = compare_sessions(
            base,
            head,
            metrics=chosen_metrics(metric),
            terms=terms,
            floor=floor,
            allow_different_hosts=allow_different_hosts,
        )
    if json != STANDARD_OUTPUT:
        deliver(_rendered(comparison, format, output), output, inputs)
    publish(comparison, github=False, junit=None, markdown=None, json_file=json)


def _rendered(comparison: Comparison, format: CompareFormat, output: Path | None) -> str:
    from perfkit.report import comparison_json, comparison_markdown, comparison_terminal

    if format is CompareFormat.JSON:
        return comparison_json.render(comparison)
    if format is CompareFormat.MARKDOWN:
        return comparison_markdown.render(comparison)
    return comparison_terminal.render(comparison, page_for(output))
