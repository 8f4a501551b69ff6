"""`SESSION.findings.jsonl`: what was found while a session was recorded, a line a finding."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from perfkit.errors import OutputRefused
from perfkit.model.finding import Finding
from perfkit.model.text import printable
from perfkit.report.findings import as_line


def findings_path(session: Path) -> Path:
    """Where the findings of a session lie: `NAME.findings.jsonl` beside `NAME.parquet`."""
    return session.with_name(session.name.removesuffix(".parquet") + ".findings.jsonl")


def written(findings: Iterable[Finding], path: Path) -> Iterator[Finding]:
    """The findings as they are, each written to the file as a whole line before it goes on.

    Overwrites. Raises OutputRefused if the file cannot be made or written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        raise _refused(path, error) from None
    with contextlib.closing(os.fdopen(descriptor, "wb", buffering=0)) as file:
        for one in findings:
            try:
                file.write(as_line(one).encode("ascii") + b"\n")
            except OSError as error:
                raise _refused(path, error) from None
            yield one


def _refused(path: Path, error: OSError) -> OutputRefused:
    return OutputRefused(
        f"cannot write {printable(str(path))} ({error.strerror}); "
        "choose a folder that can be written to"
    )
