"""`--json` with a file behind it or without one: alone it means standard output.

`--json base.json head.json` is read as standing alone too, since otherwise a word were missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand

OPTION = "--json"
STANDARD_OUTPUT = "-"

# typer does not export it under a name
_ClickException: type[Exception] = next(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException"
)


class JsonCommand(TyperCommand):
    """A command whose `--json` may stand alone."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words as they are parsed, `-` put behind every `--json` that stands alone."""
        words = completed(args)
        try:
            return super().parse_args(ctx, list(words))
        except _ClickException as error:
            alone = completed(args, always=True)
            if type(error).__name__ != "MissingParameter" or alone == words:
                raise
        return super().parse_args(ctx, alone)


def completed(words: Sequence[str], *, always: bool = False) -> list[str]:
    """Words with `-` behind each `--json` that ends them or precedes an option; always: each."""
    found: list[str] = []
    for place, word in enumerate(words):
        found.append(word)
        if word == "--":
            return [*found, *words[place + 1 :]]
        behind = words[place + 1] if place + 1 < len(words) else "--"
        if word == OPTION and behind != STANDARD_OUTPUT and (always or behind.startswith("-")):
            found.append(STANDARD_OUTPUT)
    return found
