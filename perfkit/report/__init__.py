"""Reports: one renderer a file, each of them pure: reports in, text out.

To add a format, add its file with a `render` of the shape below and its line in `Format`; the
command line's choices and the contract tests of the renderers follow from it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from perfkit.model.report import Report


class Format(StrEnum):
    """The catalogue of report formats: each is a module of this package."""

    TERMINAL = "terminal"
    JSON = "json"
    MARKDOWN = "markdown"


@dataclass(frozen=True)
class Page:
    """What the reader's screen can show.

    width: columns. colour: whether colours and bold are wanted. ascii_only: whether it can
    show nothing but ASCII. Formats that no screen shows ignore all of it.
    """

    width: int = 80
    colour: bool = False
    ascii_only: bool = False


Render = Callable[["Sequence[Report]", Page], str]
"""One or several reports, in the order given, as text that ends in a newline."""


def renderer(format: Format) -> Render:
    """The renderer of a format; its libraries are loaded only now."""
    return cast(Render, importlib.import_module(f"perfkit.report.{format.value}").render)
