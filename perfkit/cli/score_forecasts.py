"""`perfkit score-forecasts`: how good forecasts are, on runs whose end is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perfkit.cli.output import deliver, page_for


def score_forecasts(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", readable=False, help="Holds views.csv and its files."),
    ],
    horizon: Annotated[str, typer.Option(metavar="TIME", help="How far to look ahead.")] = "10s",
    from_: Annotated[
        str, typer.Option("--from", metavar="TIME", help="The first forecast.")
    ] = "10s",
    every: Annotated[str, typer.Option(metavar="TIME", help="Time between forecasts.")] = "1s",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every single forecast, as CSV.")
    ] = None,
    forecaster: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="This one alone, beside predict_linear."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Score every forecaster on labelled runs: yours, or those of `perfkit lab run-all`.

    perfkit score-forecasts DIR --horizon 10s --out forecasts.csv --json

    DIR/views.csv has a row a view: view, file (a session, or what `perfkit import` reads), metric,
    capacity, crosses (1 or 0), t_cross_s (empty where it does not), end_s. Forecasters see the
    past and the capacity alone.
    """
    from perfkit.report.rows import RowFormat, as_json, render
    from perfkit.workflows.labelled_views import VIEWS_FILE
    from perfkit.workflows.score_forecasts import OUT_COLUMNS, out_rows
    from perfkit.workflows.score_forecasts import score_forecasts as scored

    scores = scored(folder, horizon, from_, every, forecaster)
    if out is not None:
        text = render(OUT_COLUMNS, out_rows(scores), RowFormat.CSV, page_for(out))
        deliver(text, out, [folder / VIEWS_FILE])
    figures = list(next(iter(scores.figures.values())))
    rows = [
        (
            name,
            *(None if its[figure] is None else round(its[figure] or 0.0, 4) for figure in figures),
        )
        for name, its in scores.figures.items()
    ]
    columns = ("forecaster", *figures)
    if json:
        deliver(as_json(columns, rows), None)
        return
    typer.echo(
        f"{scores.views} view{'' if scores.views == 1 else 's'}, {scores.positives} of which "
        f"cross; horizon {scores.horizon_s:g} s"
    )
    deliver(render(columns, rows, RowFormat.TABLE, page_for(None)), None)
