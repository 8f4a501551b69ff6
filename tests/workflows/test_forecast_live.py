"""Forecasts of a real leak: while it is recorded, afterwards, in the view and in the report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from perfkit.cli import run
from perfkit.errors import EXIT_OK

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs descriptors of /proc")

PERFKIT = [sys.executable, "-c", "from perfkit.cli import main; main()"]

LEAK = """
import os, resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))
kept = []
begin = time.monotonic()
while len(kept) < 375:  # fifteen a second, however busy the machine is
    while len(kept) < 15 * (time.monotonic() - begin):
        kept.append(os.open("/dev/null", os.O_RDONLY))
    time.sleep(0.02)
"""


@pytest.fixture(scope="module")
def leaked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A descriptor leak under a limit, and what `forecast --follow` printed of it meanwhile."""
    folder = tmp_path_factory.mktemp("leaked")
    session = folder / "s.parquet"
    words = ["record", "-q", "-i", "100ms", "-o", str(session), "--", sys.executable, "-c", LEAK]
    with subprocess.Popen([*PERFKIT, *words], cwd=folder) as recorder:
        journal = folder / "s.parquet.partial"
        while not any(journal.glob("*.ticks")) and recorder.poll() is None:
            pass
        followed = subprocess.run(
            [*PERFKIT, "forecast", str(session), "--follow", "--horizon", "8s"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert recorder.wait(60) == 0
    assert followed.returncode == 0
    # progress goes where it is in nobody's way
    assert [line.split(";")[0] for line in followed.stderr.splitlines()] == [
        "perfkit: following",
        "perfkit: the recording is over",
    ]
    return session, followed.stdout


def test_a_leak_is_foreseen_while_it_is_recorded(leaked: tuple[Path, str]) -> None:
    """A line when the forecast opens."""
    lines = [line for line in leaked[1].splitlines() if "descriptor exhaustion" in line]
    assert lines
    assert "opens" in lines[0]


def test_it_is_foreseen_afterwards_at_the_same_place(
    leaked: tuple[Path, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """As it stood two seconds before it ended, some three before the limit."""
    words = ["forecast", str(leaked[0]), "--at", "23s", "--horizon", "8s", "--json"]
    assert run(words) == EXIT_OK
    said = json.loads(capfd.readouterr().out)
    one = next(one for one in said["forecasts"] if one["metric"] == "fds_nearest_count")
    assert one["state"] == "crossing"
    assert one["capacity"] == 400
    assert one["median_s"] is not None


def test_the_view_and_the_report_have_forecasts(
    leaked: tuple[Path, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Columns of findings in the view; the sections in the report."""
    query = "SELECT count(*) AS found FROM forecasts"
    assert run(["query", str(leaked[0]), query, "--format", "json"]) == EXIT_OK
    assert "found" in capfd.readouterr().out
    assert run(["analyze", str(leaked[0])]) == EXIT_OK
    assert "Forecasts" in capfd.readouterr().out
