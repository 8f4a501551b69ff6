"""`perfkit info` as a user runs it."""

from __future__ import annotations

import json

import pytest

from perfkit.cli import run
from perfkit.errors import EXIT_OK, EXIT_UNUSABLE


@pytest.fixture(scope="module")
def session(project_root):
    return project_root / "sample_data" / "quiet.parquet"


def test_it_shows_facts_host_and_columns(session, capfd):
    """What a query is written from."""
    assert run(["info", str(session)]) == EXIT_OK

    out = capfd.readouterr().out
    for words in ("session_id", "Host", "Columns", "rss_bytes", "cpu_percent"):
        assert words in out


def test_the_json_has_the_same_and_the_size(session, capfd):
    """Every column of the file is there, with the size of the file."""
    assert run(["info", str(session), "--format", "json"]) == EXIT_OK

    found = json.loads(capfd.readouterr().out)
    assert found["size_bytes"] == session.stat().st_size
    assert found["ticks"] > 0
    assert {"t_ns", "time", "cpu_time_ns", "cpu_percent"} <= {
        column["name"] for column in found["columns"]
    }


def test_a_file_that_is_no_session_is_one_sentence(project_root, capfd):
    """Exit code 5, no traceback."""
    assert run(["info", str(project_root / "pyproject.toml")]) == EXIT_UNUSABLE

    assert capfd.readouterr().err.count("\n") == 1
