"""`perfkit bench-noise` as a user runs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from perfkit.cli import run
from perfkit.errors import EXIT_OK, EXIT_UNUSABLE, EXIT_USAGE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the runner is Linux's")

COMMAND = (sys.executable, "-S", "-E", "-c", "sum(range(200000))")


def test_it_tells_the_noise_and_writes_the_floor(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What stands behind CMD's first word is CMD's own; a second run extends the file."""
    path = tmp_path / "floor.json"
    assert run(["bench-noise", "--pairs", "5", "-o", str(path), *COMMAND]) == EXIT_OK
    shown = capfd.readouterr()
    assert shown.out.startswith("How noisy this machine is for ")
    assert "CPU time, duet" in shown.out
    assert "What to do" in shown.out
    assert "a run to warm up" in shown.err

    words = ["bench-noise", "--pairs", "5", "--json", "-o", str(path), "--", *COMMAND]
    assert run(words) == EXIT_OK
    found = json.loads(capfd.readouterr().out)
    assert found["pairs"] == 5
    assert found["command"].endswith("'sum(range(200000))'")
    assert len(json.loads(path.read_text())["series"]) == 2


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--pairs", "4"], EXIT_USAGE, "--pairs"),
        (["--timeout", "soon"], EXIT_USAGE, "--timeout"),
        (["--cpu", "4095"], EXIT_USAGE, "no core that may be used"),
        (["-o", "-"], EXIT_USAGE, "--json writes to standard output"),
        (["  "], EXIT_USAGE, "CMD is empty"),
        (["-o", "/no/such/folder/floor.json"], EXIT_UNUSABLE, "cannot write"),
        (["/no/such/program"], EXIT_UNUSABLE, "cannot be started"),
        (["false"], EXIT_UNUSABLE, "it exited with 1"),
    ],
)
def test_what_does_not_work_is_one_sentence(
    words: list[str], code: int, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 for the words, 5 for what cannot be used; nothing on standard output."""
    assert run(["bench-noise", *words]) == code
    shown = capfd.readouterr()
    assert shown.out == ""
    assert says in shown.err
    assert "Traceback" not in shown.err
