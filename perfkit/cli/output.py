"""Where a command's text goes, and what can be shown there."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from perfkit.report import Page
from perfkit.workflows.report_file import STANDARD_OUTPUT, assert_writable, write_report

__all__ = ["STANDARD_OUTPUT", "assert_writable", "deliver", "page_for"]

_FALLBACK_SIZE = (80, 24)


def page_for(output: Path | None) -> Page:
    """What the reader's screen can show; a file is a page of plain text.

    Colour only on a terminal that knows it, and not where NO_COLOR is set (https://no-color.org).
    """
    if output not in (None, STANDARD_OUTPUT):
        return Page(width=_FALLBACK_SIZE[0])
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
    colour = (
        sys.stdout.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "") not in ("", "dumb")
    )
    return Page(
        width=shutil.get_terminal_size(_FALLBACK_SIZE).columns,
        colour=colour,
        ascii_only=not encoding.startswith("utf"),
    )


def deliver(text: str, output: Path | None, inputs: Iterable[Path] = ()) -> None:
    """Write text to output, None or `-` being standard output, as `write_report` does."""
    write_report(text, output or STANDARD_OUTPUT, inputs)
