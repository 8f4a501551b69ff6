"""Asking one session in SQL, over the same views as the rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perfkit.workflows.insights import database
from perfkit.workflows.pipeline_settings import pipeline_settings
from perfkit.workflows.source import open_recording

if TYPE_CHECKING:
    from perfkit.sql.engine import QueryResult


def query(
    path: Path,
    sql: str,
    baseline: Path | None = None,
    overrides: Sequence[str] = (),
    *,
    allow_different_hosts: bool = False,
) -> QueryResult:
    """The rows that sql selects from the session or journal at path.

    baseline: file of a learned one, None for the session's own calm start; it may be of another
    class of host if that is allowed. overrides: of settings, `KEY=VALUE`.
    Raises UnusableInput if path, the baseline or the project's settings cannot be read, or if sql is wrong, runs
    too long or tries anything but to select.
    """
    recording = open_recording(path)
    settings = pipeline_settings(
        overrides, baseline, recording.session.host, allow_different_hosts=allow_different_hosts
    )
    return database(recording, settings).query(sql)
