"""`--set KEY=VALUE` and `--detector NAME`, for every command that analyses."""

from __future__ import annotations

from typing import Annotated

import typer

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting for this run, such as fps.warning=45; may be given again.",
    ),
]

DetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector", metavar="NAME", help="What judges single values, see `perfkit detectors`."
    ),
]
