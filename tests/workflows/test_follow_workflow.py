"""A recording that is analysed while it is made: the same findings as afterwards, to the last bit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from perfkit.report.findings import as_dict
from perfkit.workflows.findings import findings
from perfkit.workflows.findings_file import findings_path
from perfkit.workflows.follow import report_path
from perfkit.workflows.source import open_recording

PERFKIT = [sys.executable, "-c", "from perfkit.cli import main; main()"]

WORK = """
import os, time
kept, files = [], []
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    kept.append(b"x" * 400_000)
    files.append(os.open("/dev/null", os.O_RDONLY))
    time.sleep(0.02)
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A leak, recorded with --analyze at 20 ms, with marks so low that an alert is raised."""
    folder = tmp_path_factory.mktemp("followed")
    (folder / "perfkit.toml").write_text(
        "[thresholds]\nmemory = {warning = 1e-6, critical = 2e-6}\n"
    )
    words = ["record", "-q", "--analyze", "-i", "20ms", "-o", "s.parquet", "--"]
    done = subprocess.run(
        [*PERFKIT, *words, sys.executable, "-c", WORK.format(seconds=14)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder / "s.parquet"


def test_findings_made_live_are_those_of_a_replay(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every emission, every digit."""
    from perfkit.workflows.pipeline_settings import pipeline_settings

    monkeypatch.chdir(recorded.parent)
    lines = findings_path(recorded).read_text("ascii").splitlines()
    live = [json.loads(line) for line in lines]
    replayed = [as_dict(one) for one in findings(open_recording(recorded), pipeline_settings())]
    assert live == json.loads(json.dumps(replayed))
    assert any(one["stage"] == "alert" and one["cause"] == "memory" for one in live)


def test_the_report_lies_beside_the_session_when_the_recording_ends(recorded: Path) -> None:
    """The recorder waits for it."""
    assert "python" in report_path(recorded).read_text("utf-8")


def test_replay_prints_findings_and_what_settings_change(recorded: Path) -> None:
    """With marks out of reach the alert is missed."""
    run = subprocess.run(
        [
            *PERFKIT, "replay", recorded.name,
            "--set", "memory.warning=0.98", "--set", "memory.critical=0.99",
        ],
        cwd=recorded.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    before, _, after = run.stdout.partition("Against the usual settings:")
    assert "memory_pressure_ratio is beyond" not in before
    assert "missed" in after
    assert "memory_pressure_ratio is beyond" in after


def test_following_what_is_not_recorded_is_refused_in_one_sentence(recorded: Path) -> None:
    """It was sealed already."""
    run = subprocess.run(
        [*PERFKIT, "replay", "--follow", recorded.name],
        cwd=recorded.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 5
    assert run.stderr.count("\n") == 1
    assert "Traceback" not in run.stderr
