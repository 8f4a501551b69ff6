"""Room on disk in a whole recording: the columns, or why there are none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perfkit.workflows.source import open_recording

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PERFKIT = [sys.executable, "-c", "from perfkit.cli import main; main()"]


def recorded(folder: Path, code: str) -> Path:
    """A session of a Python program whose standard streams are pipes."""
    session = folder / "s.parquet"
    words = ["record", "-q", "-i", "50ms", "-o", str(session), "--", sys.executable, "-c", code]
    done = subprocess.run(
        [*PERFKIT, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return session


def values(session: Path, name: str) -> list[float]:
    """All there are of a column."""
    found: list[float] = []
    for block in open_recording(session).blocks([name]):
        column = block.columns[name]
        found += column.values[column.valid].tolist()
    return found


def test_a_program_that_writes_a_file_shows_its_room(tmp_path: Path) -> None:
    """No more free than there is in all, and nothing is missing."""
    session = recorded(tmp_path, "import time; f = open('data', 'w'); time.sleep(1.5)")
    free, total = values(session, "disk_free_bytes"), values(session, "disk_total_bytes")
    assert free
    assert all(0 <= one <= most for one, most in zip(free, total, strict=True))
    assert not any("disk" in name for name in open_recording(session).session.missing)


def test_a_program_that_writes_none_says_why_there_is_no_figure(tmp_path: Path) -> None:
    """Null, with the reason in the session."""
    session = recorded(tmp_path, "import time; time.sleep(1.2)")
    assert values(session, "disk_free_bytes") == []
    reason = open_recording(session).session.missing["disk_free_bytes, disk_total_bytes"]
    assert reason == "no file was seen open for writing"
