"""Sealing what a killed recorder left behind."""

from __future__ import annotations

from pathlib import Path

from perfkit.errors import UnusableInput
from perfkit.model.text import printable
from perfkit.session.journal import SUFFIX
from perfkit.workflows.seal import seal


def recover(journal: Path, output: Path | None = None, *, force: bool = False) -> Path:
    """Seal an orphaned journal and remove it.

    output: default is the journal's name without `.partial`.
    Returns the path of the session file. Raises UnusableInput if this is no journal or its
    recorder is alive, OutputRefused if the output exists (without force) or cannot be written.
    """
    shown = printable(str(journal))
    if not journal.is_dir():
        if not journal.exists() and output is None and _sealed(journal).exists():
            raise UnusableInput(
                f"{shown} is gone, and {printable(str(_sealed(journal)))} is there: it was sealed "
                "already"
            )
        kind = "is a file" if journal.exists() else "does not exist"
        raise UnusableInput(f"{shown} {kind}; name the folder NAME.parquet{SUFFIX} to recover")
    if not any(path.suffix == ".ticks" for path in journal.iterdir()):
        raise UnusableInput(
            f"{shown} holds no segment of a journal (NNNNNN.ticks): there is nothing to recover"
        )
    if output is None:
        if not journal.name.endswith(SUFFIX):
            raise UnusableInput(f"{shown} does not end in {SUFFIX}; name the output with -o FILE")
        output = _sealed(journal)
    return seal(journal, output, force=force)


def _sealed(journal: Path) -> Path:
    """The file that a journal was to become."""
    return journal.with_name(journal.name.removesuffix(SUFFIX))
