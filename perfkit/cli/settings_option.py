"""`--set KEY=VALUE`, for every command that heeds settings."""

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
