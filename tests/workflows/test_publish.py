"""What the gate decided reaches those who asked, and a broken channel hides nothing."""

from __future__ import annotations

import io
import json
import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from perfkit.errors import OutputRefused, UsageError
from perfkit.model.verdict import DUET, REGRESSED, ComparedSide, Comparison, MetricVerdict
from perfkit.report.comparison_markdown import SUMMARY_BYTES
from perfkit.workflows.publish import SUMMARY_VARIABLE, assert_publishable, publish
from perfkit.workflows.report_file import STANDARD_OUTPUT

SLOWER = MetricVerdict(
    "cpu_s", "s", DUET, True, REGRESSED, 0.05, 0.04, 0.06, 7, 0.01, 0.03, cause="cpu"
)
COMPARISON = Comparison(
    REGRESSED,
    ComparedSide("base", "caf\xe9 {side}", 7),
    ComparedSide("head", "caf\xe9 {side}", 7),
    (SLOWER,),
    0.01,
    0.05,
)


@pytest.fixture
def summary(tmp_path, monkeypatch):
    """The file that a step's summary is collected in."""
    path = tmp_path / "step-summary"
    path.touch()
    monkeypatch.setenv(SUMMARY_VARIABLE, str(path))
    return path


def test_each_file_holds_its_format(tmp_path, capsys):
    """And without --github nothing is printed."""
    xml, md, told = tmp_path / "gate.xml", tmp_path / "gate.md", tmp_path / "gate.json"

    publish(COMPARISON, github=False, junit=xml, markdown=md, json_file=told)

    assert ET.parse(xml).getroot().get("failures") == "1"
    assert md.read_text("utf-8").startswith("## 🔴 perfkit: regressed")
    assert json.loads(told.read_text("ascii"))["verdict"] == REGRESSED
    assert capsys.readouterr() == ("", "")


def test_github_gets_annotations_and_a_summary(summary, capsys):
    """On standard output, where the runner looks for them."""
    publish(COMPARISON, github=True, junit=None, markdown=None, json_file=None)

    out, err = capsys.readouterr()
    assert out.startswith("::error title=perfkit%3A regressed::CPU time +5.0 %25")
    assert err == ""
    assert summary.read_text("utf-8").startswith("## 🔴 perfkit: regressed")


def test_a_report_on_standard_output_is_not_mixed_with_annotations(summary, capsys):
    """`perfkit gate --json - --github | jq` works; the runner reads standard error too."""
    publish(COMPARISON, github=True, junit=None, markdown=None, json_file=STANDARD_OUTPUT)

    out, err = capsys.readouterr()
    assert json.loads(out)["verdict"] == REGRESSED
    assert err.startswith("::error ")


def test_a_summary_is_added_to_what_the_step_has_already(summary):
    """Two gates in one step are two sections, the second at a line of its own."""
    summary.write_text("# earlier, without a newline", "utf-8")

    publish(COMPARISON, github=True, junit=None, markdown=None, json_file=None)

    text = summary.read_text("utf-8")
    assert text.startswith("# earlier, without a newline\n")
    assert "\n\n## 🔴 perfkit" in text


def test_the_summary_of_a_step_never_grows_beyond_githubs_limit(summary, capsys):
    """GitHub refuses the whole summary of a step that is a byte too long."""
    for filled in range(SUMMARY_BYTES - 4000, SUMMARY_BYTES + 10, 333):
        summary.write_bytes(b"x" * filled)
        publish(COMPARISON, github=True, junit=None, markdown=None, json_file=None)
        assert summary.stat().st_size <= max(SUMMARY_BYTES, filled)

    assert "the summary of this step is full" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["", "/nowhere/at/all", "."])
def test_a_summary_that_cannot_be_written_is_said_and_changes_nothing(value, monkeypatch, capsys):
    """The annotations are there, and the exit code stays the verdict's."""
    monkeypatch.setenv(SUMMARY_VARIABLE, value)

    publish(COMPARISON, github=True, junit=None, markdown=None, json_file=None)

    out, err = capsys.readouterr()
    assert out.startswith("::error ")
    assert err.startswith("perfkit: no step summary: ")


def test_annotations_bear_a_screen_without_unicode(summary, monkeypatch):
    """A runner in the C locale gets escapes, not a traceback."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))

    publish(COMPARISON, github=True, junit=None, markdown=None, json_file=None)

    assert b"(+4.0 \\u2026 +6.0 %25)" in raw.getvalue()


def test_one_file_that_cannot_be_written_does_not_keep_the_others(tmp_path, summary, capsys):
    """Everything is told that can be, then the error."""
    told = tmp_path / "gate.json"

    with pytest.raises(OutputRefused, match=r"nowhere.*gate\.xml"):
        publish(
            COMPARISON,
            github=True,
            junit=tmp_path / "nowhere" / "gate.xml",
            markdown=None,
            json_file=told,
        )

    assert json.loads(told.read_text())["verdict"] == REGRESSED
    assert summary.stat().st_size > 0
    assert "::error" in capsys.readouterr().out


def test_a_file_that_cannot_be_written_is_refused_before_any_run(tmp_path):
    """Ten minutes of runs are not thrown away for a missing folder."""
    with pytest.raises(OutputRefused, match="no such folder"):
        assert_publishable(tmp_path / "nowhere" / "gate.xml", None, None)
    with pytest.raises(OutputRefused, match="is a folder"):
        assert_publishable(None, tmp_path, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_nobody_may_write_into_is_refused_too(tmp_path):
    """The permission is looked at, not tried."""
    tmp_path.chmod(0o500)
    with pytest.raises(OutputRefused, match="denied"):
        assert_publishable(None, None, tmp_path / "gate.json")


def test_a_session_is_not_overwritten(tmp_path):
    """By name, and by what the file holds."""
    recording = tmp_path / "recording"
    recording.write_bytes(b"PAR1" + bytes(20))

    for path in (recording, tmp_path / "new.parquet"):
        with pytest.raises(OutputRefused, match="session"):
            assert_publishable(None, None, path)


@pytest.mark.parametrize("other", ["gate.out", "../{name}/gate.out", "link"])
def test_two_reports_in_one_file_are_a_mistake(tmp_path, other):
    """However it is spelled; the second would replace the first."""
    path = tmp_path / "gate.out"
    (tmp_path / "link").symlink_to(path)

    with pytest.raises(UsageError, match="twice"):
        assert_publishable(path, None, tmp_path / other.format(name=tmp_path.name))
    with pytest.raises(UsageError, match="twice"):
        assert_publishable(None, STANDARD_OUTPUT, STANDARD_OUTPUT)


def test_a_file_beside_standard_output_is_fine(tmp_path):
    """Nothing is asked for at all, or each thing once."""
    assert_publishable(None, None, None)
    assert_publishable(tmp_path / "a", Path("-"), tmp_path / "b")
