"""`perfkit analyze` as a user runs it: formats, exit codes, several sessions, where it writes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from perfkit.cli import run
from perfkit.errors import EXIT_OK, EXIT_REGRESSED, EXIT_UNUSABLE, EXIT_USAGE
from perfkit.report.json import SCHEMA_VERSION

QUIET, LOUD = "quiet.parquet", "descriptors.parquet"

RULE = """\
-- id: always
-- title: Always there
-- severity: {severity}
-- cause: always
-- impact: None.
-- message: Seen {{ticks_count}} ticks.
-- recommendation: Ignore this.
SELECT count(*) AS ticks_count FROM ticks
"""


@pytest.fixture(scope="module")
def samples(project_root):
    return project_root / "sample_data"


@pytest.fixture
def session(samples, tmp_path):
    return shutil.copy(samples / QUIET, tmp_path / "session.parquet")


@pytest.fixture
def rules(tmp_path):
    """A function that makes a folder with one rule that always speaks."""

    def make(severity):
        folder = tmp_path / f"rules-{severity}"
        folder.mkdir()
        (folder / "always.sql").write_text(RULE.format(severity=severity))
        return folder

    return make


def analyze(*words):
    return run(["analyze", *map(str, words)])


def test_it_reports_what_a_session_shows(session, capfd):
    """By default for a person, without colour as this is no terminal."""
    assert analyze(session) == EXIT_OK

    out, err = capfd.readouterr()
    for words in ("Insights", "cpu_percent", "What the recording cost", "Holes"):
        assert words in out
    assert "\x1b" not in out
    assert err == ""


@pytest.mark.parametrize("columns", [40, 80, 140])
def test_it_fits_the_width_it_is_given(session, capfd, monkeypatch, columns):
    """A real report, not only the made-up ones."""
    monkeypatch.setenv("COLUMNS", str(columns))

    analyze(session)

    assert max(map(len, capfd.readouterr().out.splitlines())) <= columns


def test_one_session_is_an_object_and_several_are_an_array_in_order(samples, capfd):
    """As given, not sorted."""
    analyze(samples / QUIET, "--format", "json")
    one = json.loads(capfd.readouterr().out)
    analyze(samples / QUIET, samples / LOUD, "--format", "json")
    several = json.loads(capfd.readouterr().out)

    assert one["schema_version"] == SCHEMA_VERSION
    assert [report["session"]["source"] for report in several] == [
        str(samples / QUIET),
        str(samples / LOUD),
    ]
    assert several[0] == one


def test_a_folder_means_its_sessions(samples, tmp_path, capfd):
    """Sorted by name; other files in it are passed over."""
    for name in ("b.parquet", "a.parquet"):
        shutil.copy(samples / QUIET, tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a session")

    analyze(tmp_path, "--format", "json")

    found = [report["session"]["source"] for report in json.loads(capfd.readouterr().out)]
    assert found == [str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")]


@pytest.mark.parametrize(
    ("severity", "fail_on", "code"),
    [
        ("high", "high", EXIT_REGRESSED),
        ("high", "medium", EXIT_REGRESSED),
        ("medium", "medium", EXIT_REGRESSED),
        ("medium", "high", EXIT_OK),
        ("low", "medium", EXIT_OK),
        ("info", "medium", EXIT_OK),
    ],
)
def test_fail_on_ends_in_three_after_the_report(session, rules, capfd, severity, fail_on, code):
    """An insight at least as severe fails the command, and the report is printed all the same."""
    assert analyze(session, "--rules", rules(severity), "--fail-on", fail_on) == code

    assert "Always there" in capfd.readouterr().out


def test_a_rule_of_ones_own_speaks_beside_the_others(session, rules, capfd):
    """Its message is filled with its evidence."""
    analyze(session, "--rules", rules("low"), "--format", "json")

    found = json.loads(capfd.readouterr().out)
    (insight,) = [one for one in found["analysis"]["insights"] if one["rule"] == "always"]
    ticks = found["monitoring"]["ticks"]
    assert insight["evidence"] == {"ticks_count": ticks}
    assert insight["message"] == f"Seen {ticks} ticks."


def test_a_report_can_be_written_to_a_file(session, tmp_path, capfd):
    """Markdown into a file; nothing on standard output."""
    output = tmp_path / "report.md"

    assert analyze(session, "--format", "markdown", "-o", output) == EXIT_OK

    assert output.read_text().startswith("## perfkit: ")
    assert capfd.readouterr().out == ""


def test_a_dash_is_standard_output(session, capfd):
    """As everywhere."""
    assert analyze(session, "-o", "-") == EXIT_OK

    assert "Insights" in capfd.readouterr().out


def test_a_report_never_goes_over_a_session(session, capfd):
    """Not over its own input either; the file is as it was."""
    before = session.read_bytes()

    assert analyze(session, "-o", session) == EXIT_UNUSABLE

    assert session.read_bytes() == before
    assert capfd.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["--format", "html"], ["--fail-on", "low"], ["--bogus"]])
def test_words_that_do_not_fit_are_usage_errors(session, capfd, words):
    """Exit code 2 and one sentence; no session, no such format, no such severity or option."""
    assert analyze(*([session, *words] if words else [])) == EXIT_USAGE

    assert capfd.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "truncated", "folder"])
def test_unusable_input_is_one_sentence(session, tmp_path, capfd, kind):
    """Exit code 5, no traceback, nothing on standard output."""
    path = tmp_path / "inputs" / "bad.parquet"
    path.parent.mkdir()
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("not parquet\n" * 10)
    elif kind == "truncated":
        path.write_bytes(session.read_bytes()[:-100])
    elif kind == "folder":
        path = path.parent

    assert analyze(path) == EXIT_UNUSABLE

    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_a_closed_pipe_is_quiet(session):
    """`perfkit analyze … | head -1` says nothing on stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-c", "from perfkit.cli import main; main()", "analyze", session],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)

    assert done.stderr == b""
    assert done.returncode == EXIT_OK
