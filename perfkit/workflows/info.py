"""What a session says of itself: its metadata and its columns."""

from __future__ import annotations

from pathlib import Path

from perfkit.errors import UnusableInput
from perfkit.model.information import Information
from perfkit.model.text import printable
from perfkit.workflows.source import open_recording


def info(path: Path) -> Information:
    """The facts of the session or journal at path.

    Raises UnusableInput if it cannot be read.
    """
    recording = open_recording(path)
    ticks = sum(len(block) for block in recording.blocks(("t_ns",)))
    return Information(
        source=str(path),
        source_kind=recording.kind,
        session=recording.told(),
        metrics=recording.metrics,
        ticks=ticks,
        size_bytes=_size_bytes(path),
    )


def _size_bytes(path: Path) -> int:
    """Of a file, or of all files in a journal's folder."""
    try:
        if path.is_dir():
            return sum(entry.stat().st_size for entry in path.iterdir() if entry.is_file())
        return path.stat().st_size
    except OSError as error:
        raise UnusableInput(
            f"cannot read {printable(str(path))} ({error.strerror}); it was there a moment ago"
        ) from None
