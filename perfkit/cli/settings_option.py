"""`--set KEY=VALUE`, `--detector NAME` and `--allow-different-hosts`, for every command that analyses."""

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

HostsOption = Annotated[
    bool,
    typer.Option(
        "--allow-different-hosts", help="Take a baseline of another class of host all the same."
    ),
]

DetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector", metavar="NAME", help="What judges single values, see `perfkit detectors`."
    ),
]
