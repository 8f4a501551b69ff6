"""`perfkit bench-overhead`: what recording costs on this machine."""

from __future__ import annotations

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
    parts: Annotated[
        str,
        typer.Option(
            "--parts",
            metavar="PART,…",
            help="ticks, trees, duet (the target's slow-down), fidelity, peers (other tools).",
        ),
    ] = "ticks,trees,duet,fidelity,peers",
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=1.0, help="How long each rate, tree and tool is measured."),
    ] = 5.0,
    rates: Annotated[
        str, typer.Option("--rates", metavar="HZ,…", help="Ticks a second, each from 1 to 1000.")
    ] = "10",
    trees: Annotated[
        str, typer.Option("--trees", metavar="N,…", help="Processes of each idle tree.")
    ] = "1,10,100",
    pairs: Annotated[
        int, typer.Option("--pairs", help="Pairs of each duet; more make its interval narrower.")
    ] = 30,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object instead of tables.")
    ] = False,
) -> None:
    """Measure what recording costs here, in about two and a half minutes, beside other tools.

    perfkit bench-overhead --budget 'cpu_us_per_tick<=400' --budget 'slowdown_high_percent_cpu<=0.5'

    perfkit bench-overhead --parts ticks,fidelity --rates 1,10,100,1000 --seconds 20

    The recorder is paced as it is at work: a loop that never sleeps would flatter it. A figure's
    name means 10 Hz; add _at_100hz for another rate. --json shows all names, docs/overhead.md
    tells how each is measured.
    """
    from perfkit.cli.output import deliver
    from perfkit.cli.progress import Progress
    from perfkit.report import overhead as report
    from perfkit.workflows import overhead as workflow

    chosen = workflow.parse_parts(parts)
    rates_hz = workflow.parse_rates(rates)
    sizes = workflow.parse_trees(trees)
    budgets = workflow.parse_budgets(budget or (), rates_hz, sizes, chosen)
    progress = Progress()
    measured = workflow.measure(
        seconds, rates_hz, parts=chosen, trees=sizes, pairs=pairs, say=progress.show
    )
    progress.clear()
    outcomes = measured.judge(budgets)
    render = report.as_json if json else report.as_text
    deliver(render(measured, outcomes), None)
    if any(outcome.kept is False for outcome in outcomes):
        raise typer.Exit(EXIT_REGRESSED)
    if any(outcome.kept is None for outcome in outcomes):
        raise typer.Exit(EXIT_UNDECIDED)
