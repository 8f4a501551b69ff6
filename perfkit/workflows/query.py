"""Asking one session in SQL, over the same views as the rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from perfkit.workflows.insights import database
from perfkit.workflows.settings import load_settings
from perfkit.workflows.source import open_recording

if TYPE_CHECKING:
    from perfkit.sql.engine import QueryResult


def query(path: Path, sql: str) -> QueryResult:
    """The rows that sql selects from the session or journal at path.

    Raises UnusableInput if path or the project's settings cannot be read, or if sql is wrong, runs
    too long or tries anything but to select.
    """
    return database(open_recording(path), load_settings().thresholds).query(sql)
