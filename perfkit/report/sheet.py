"""Lines of styled text of a fixed width: what the formats for people are written on.

Works from 30 columns on. Without colour it is plain text without trailing spaces, fit for a pipe
or a log. Nothing written on a sheet is ever read as rich markup.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len, chop_cells

from perfkit.report import Page
from perfkit.report.sparkline import BLOCKS
from perfkit.report.units import THIN_SPACE

LEAST_WIDTH = 30
GREATEST_WIDTH = 120  # longer lines are hard to follow with the eye

HEADING = "bold"
QUIET = "dim"

_KEPT = "\0"  # stands for a space that may not end a line; printable text never holds it
_NUMBER_WITH_UNIT = re.compile(
    r"(?<=\d) (?=(?:[KMGTPE]?i?B(?:/\w+)?|[nµm]?s|[mhd](?: \d\d [smh])?|%|/s|cores?)\b)"
    r"|(?<=\d) (?=%)|(?<=\d [mhd]) (?=\d\d [smh]\b)"
)

_ASCII = str.maketrans(
    {
        THIN_SPACE: ",", "–": "-", "·": "|", "→": ">", "…": "...", "µ": "u", "─": "-", "│": "|",
        "┊": ":", "●": "o",
        **dict(zip(BLOCKS, "_.,-~=*#", strict=True)),
    }
)  # fmt: skip


Line = Sequence[tuple[str, str]]
"""Pieces of text, each with a style."""


def ink(lines: Sequence[Line], page: Page) -> str:
    """Lines as text for the page: coloured where it wants colour, ASCII where it needs that."""
    if page.colour:
        text = _coloured(lines)
    else:
        text = "".join("".join(piece for piece, _ in line).rstrip(" ") + "\n" for line in lines)
    if page.ascii_only:
        text = text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
    return text


def _coloured(lines: Sequence[Line]) -> str:
    # Only now: the console is a third of what a plain report takes to load.
    from rich.console import Console
    from rich.text import Text

    console = Console(
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
        _environ={},  # the page says all there is to know; the environment is the caller's
    )
    with console.capture() as captured:
        for line in lines:
            console.print(Text.assemble(*line), no_wrap=True, overflow="ignore", crop=False)
    return captured.get()


class Sheet:
    """Lines of a fixed width. Wraps at plain spaces only, so that `12 345` stays together."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.lines: list[Line] = []

    @classmethod
    def of(cls, page: Page) -> Sheet:
        """A sheet as wide as reads well on the page."""
        return cls(min(max(page.width, LEAST_WIDTH), GREATEST_WIDTH))

    def blank(self) -> None:
        """An empty line, unless there is one already or nothing stands above."""
        if self.lines and self.lines[-1]:
            self.lines.append(())

    def line(self, *pieces: tuple[str, str]) -> None:
        """One line of (text, style) pieces, as wide as it is."""
        self.lines.append(pieces)

    def heading(self, title: str) -> None:
        """A title with room above."""
        self.blank()
        self.paragraph(title, HEADING, indent=0)

    def paragraph(
        self,
        text: str,
        style: str = "",
        indent: int = 2,
        head: tuple[str, str] = ("", ""),
        items: Sequence[str] = (),
    ) -> None:
        """Text with a hanging indent; head stands before the first line, inside the indent."""
        for number, part in enumerate(wrap(text, self.width - indent, items)):
            before = head[0] if number == 0 else ""
            pad = " " * (indent - cell_len(before))
            self.line((before, head[1]), (pad, ""), (part, style))

    def flow(self, label: str, items: Sequence[str], indent: int) -> None:
        """Short items one after the other, as many a line as fit, never broken inside."""
        if items:
            together = [f"{item} ·" for item in items[:-1]] + [items[-1]]
            self.paragraph(" ".join(together), QUIET, indent, (f"  {label}", QUIET), together)


def wrap(text: str, width: int, items: Sequence[str] = ()) -> list[str]:
    """Lines of at most width columns; a word longer than a line is cut. At least one line.

    A number and its unit stay together, and so do the words of each of `items`, which the
    text holds.
    """
    width = max(width, 8)
    lines: list[str] = []
    row = ""
    words = [word.replace(_KEPT, " ") for word in _keep_together(text, width, items).split(" ")]
    for word in words:
        longer = f"{row} {word}" if row else word
        if cell_len(longer) <= width:
            row = longer
            continue
        if row:
            lines.append(row)
        pieces = chop_cells(word, width) if cell_len(word) > width else [word]
        lines.extend(pieces[:-1])
        row = pieces[-1] if pieces else ""
    return [*lines, row]


def _keep_together(text: str, width: int, items: Sequence[str]) -> str:
    for item in items:
        if cell_len(item) <= width:
            text = text.replace(item, item.replace(" ", _KEPT))
    return _NUMBER_WITH_UNIT.sub(_KEPT, text)
