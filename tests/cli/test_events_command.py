"""`perfkit events`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perfkit.cli import run
from perfkit.errors import EXIT_OK, EXIT_UNUSABLE


def test_a_session_without_events_has_none(
    project_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One of the first version of the format, when there were none yet."""
    path = str(project_root / "tests" / "data" / "session-1.0.parquet")
    assert run(["events", path]) == EXIT_OK
    assert ", 0 events in " in capfd.readouterr().out
    assert run(["events", path, "--format", "json"]) == EXIT_OK
    assert json.loads(capfd.readouterr().out)["count"] == 0


def test_what_is_no_session_is_unusable(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Told in one sentence."""
    assert run(["events", str(tmp_path / "nothing.parquet")]) == EXIT_UNUSABLE
    assert "nothing.parquet" in capfd.readouterr().err
