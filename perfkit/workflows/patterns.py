"""File patterns that the shell has left to perfkit, since they were quoted."""

from __future__ import annotations

import glob
from pathlib import Path


def matching(pattern: str) -> list[Path]:
    """The paths that a pattern matches, sorted; `**` is any number of folders, hidden ones left out.

    A pattern that cannot be a path matches nothing.
    """
    try:
        # Path.glob takes no absolute pattern
        names = glob.glob(pattern, recursive=True)  # noqa: PTH207
    except (OSError, ValueError):
        return []
    return sorted(map(Path, names))


def is_pattern(text: str) -> bool:
    """Whether a text holds `*`, `?` or `[`."""
    return any(character in text for character in "*?[")
