"""`perfkit bench-overhead`: what recording costs on this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from perfkit.errors import EXIT_REGRESSED, EXIT_UNDECIDED


def bench_overhead(
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            metavar="FIGURE<=N",
            help="Exit 3 when the figure is over N; may be given more than once.",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1.0, help="How long each rate is measured.")
    ] = 10.0,
    rates: Annotated[
        str, typer.Option("--rates", metavar="HZ,…", help="Ticks a second, each from 1 to 1000.")
    ] = "1,10,100,1000",
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object instead of tables.")
    ] = False,
) -> None:
    """Measure what recording costs here: CPU, wall time and memory per tick, beside other tools.

    perfkit bench-overhead --budget 'cpu_us_per_tick<=400' --budget 'missed_percent<1'

    The recorder is paced as it is at work: a loop that never sleeps would flatter it. A figure's
    name means 10 Hz; add _at_100hz for another rate. --json shows all names.
    """
    from perfkit.cli.output import deliver
    from perfkit.report import overhead as report
    from perfkit.workflows import overhead as workflow

    rates_hz = workflow.parse_rates(rates)
    budgets = workflow.parse_budgets(budget or (), rates_hz)
    measured = workflow.measure(seconds, rates_hz, say=_say)
    outcomes = measured.judge(budgets)
    render = report.as_json if json else report.as_text
    deliver(render(measured, outcomes), None)
    if any(outcome.kept is False for outcome in outcomes):
        raise typer.Exit(EXIT_REGRESSED)
    if any(outcome.kept is None for outcome in outcomes):
        raise typer.Exit(EXIT_UNDECIDED)


def _say(what: str) -> None:
    if sys.stderr.isatty():
        print(f"perfkit: {what}", file=sys.stderr)
