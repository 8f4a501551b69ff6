"""`perfkit score-detectors`: how well detectors find what was labelled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perfkit.cli.output import deliver, page_for


def score_detectors(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", readable=False, help="Labelled series: windows.json and CSV files."
        ),
    ],
    detector: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this one; may be given more than once."),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(metavar="X", help="Instead of each detector's own.")
    ] = None,
    fit_threshold: Annotated[
        bool, typer.Option("--fit-threshold", help="The best on these files, which flatters.")
    ] = False,
    scores_out: Annotated[
        Path | None,
        typer.Option(metavar="DIR2", help="Write the score of every row, a file a series."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Score detectors on labelled series, as the Numenta Anomaly Benchmark does.

    One threshold serves all files; 0 is a detector that never speaks, 100 a perfect one.
    """
    from dataclasses import astuple, fields

    from perfkit.errors import UsageError
    from perfkit.model.detector_score import DetectorScore
    from perfkit.report.rows import RowFormat, render
    from perfkit.workflows.detectors import score_detectors as scored

    if threshold is not None and fit_threshold:
        raise UsageError("--threshold and --fit-threshold exclude each other")
    if threshold is not None and not threshold > 0:
        raise UsageError("--threshold takes a number above 0")
    found = scored(folder, detector or (), threshold, fit_threshold, scores_out)
    columns = [field.name for field in fields(DetectorScore)]
    format = RowFormat.JSON if json else RowFormat.TABLE
    rows = [[_shown(value, json) for value in astuple(one)] for one in found]
    deliver(render(columns, rows, format, page_for(None)), None)


def _shown(value: object, exact: bool) -> object:
    """A figure as a person reads it."""
    return round(value, 3 if value < 1 else 1) if isinstance(value, float) and not exact else value
