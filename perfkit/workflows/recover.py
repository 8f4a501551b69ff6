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
        kind = "is a file" if journal.exists() else "does not exist"
        raise UnusableInput(f"{shown} {kind}; name the folder NAME.parquet{SUFFIX} to recover")
    if output is None:
        name = journal.name
        if not name.endswith(SUFFIX):
            raise UnusableInput(f"{shown} does not end in {SUFFIX}; name the output with -o FILE")
        output = journal.with_name(name.removesuffix(SUFFIX))
    return seal(journal, output, force=force)
