"""`perfkit lab`: small programs whose faults are known, recorded with the truth beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perfkit.cli.output import deliver, page_for
from perfkit.cli.settings_option import DetectorOption, SetOption
from perfkit.errors import UsageError

_Seconds = Annotated[
    str | None,
    typer.Option("--seconds", metavar="T", help="How long a run is; else as its purpose has it."),
]


def list_() -> None:
    """Show every program: what it is for, what it does, which columns show it."""
    from perfkit.report.rows import RowFormat, render
    from perfkit.workflows import laboratory

    columns, rows = laboratory.listing()
    deliver(render(columns, rows, RowFormat.TABLE, page_for(None)), None)


def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A program, see `perfkit lab list`.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="The session; the truth is beside it."),
    ],
    seed: Annotated[int, typer.Option(metavar="N", help="What chance does in it.")] = 1,
    strength: Annotated[
        float, typer.Option(metavar="S", help="How many times its clean level a fault reaches.")
    ] = 2.0,
    seconds: _Seconds = None,
) -> None:
    """Record one program into FILE, and write FILE.truth.json: what went wrong, and when."""
    from perfkit.workflows import laboratory

    truth = laboratory.run(name, output, seed=seed, strength=strength, seconds=_length(seconds))
    print(f"perfkit: {output}, and the truth in {truth}")


def run_all(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="What it holds already is not made again."
        ),
    ],
    only: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="fault, clean, forecast, or one kind or program."),
    ] = None,
    side_by_side: Annotated[
        int, typer.Option(metavar="N", min=1, max=64, help="How many to record at once.")
    ] = 1,
    seed: Annotated[int, typer.Option(metavar="N", help="The first seed.")] = 1,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, max=10_000, help="How many runs of each, by seed.")
    ] = 1,
    strengths: Annotated[
        str, typer.Option(metavar="S,…", help="Every fault is recorded at each of these.")
    ] = "1.25,1.5,2,4",
    seconds: _Seconds = None,
) -> None:
    """Record every program, each with its truth; forecasts also give DIR/views.csv.

    All of it takes hours: --only, --side-by-side. Interrupted, the same command goes on.
    """
    from perfkit.cli.progress import Progress
    from perfkit.workflows import laboratory

    jobs = laboratory.plan(
        output,
        only=only,
        seeds=range(seed, seed + seeds),
        strengths=_strengths(strengths),
        seconds=_length(seconds),
    )
    progress = Progress()
    made = laboratory.run_all(output, jobs, side_by_side=side_by_side, tell=progress.show)
    progress.clear()
    print(f"perfkit: {made} recordings made, {len(jobs)} in {output}")


def score(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", readable=False, help="Folders that `run-all` made."),
    ],
    stages: Annotated[
        list[str] | None,
        typer.Option(
            "--stage", metavar="NAME", help="Whose findings count: anomaly, alert, baseline, …"
        ),
    ] = None,
    detector: DetectorOption = None,
    overrides: SetOption = None,
    side_by_side: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=64, help="Processes; else one a core.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Write JSON, at the end.")] = False,
) -> None:
    """Replay every recording that has its truth beside it: faults found, and false alarms an hour.

    Without --stage it tells of anomalies and of alerts; --stage may be given again.
    """
    import os

    from perfkit.cli.progress import Progress
    from perfkit.report import detection_scores
    from perfkit.workflows.laboratory_score import USUAL_STAGES, score_laboratory
    from perfkit.workflows.replay import Changes

    progress = Progress()
    try:
        scores = score_laboratory(
            folders,
            Changes(tuple(overrides or ()), detector=detector),
            list(dict.fromkeys(stages or USUAL_STAGES)),
            side_by_side=side_by_side or len(os.sched_getaffinity(0)),
            tell=progress.show,
        )
    finally:
        progress.clear()
    page = page_for(None)
    shown = detection_scores.as_json(scores) if json else detection_scores.as_text(scores, page)
    deliver(shown, None)


def _length(text: str | None) -> float | None:
    from perfkit.workflows.durations import parse_duration

    return None if text is None else parse_duration(text, "--seconds") / 1e9


def _strengths(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise UsageError(
            f"--strengths takes numbers with commas between them, not {text!r}"
        ) from None
