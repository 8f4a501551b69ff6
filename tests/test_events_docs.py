"""What docs/events.md tells people to type is typed here: the shell's lines, and Node's program."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from perfkit.session.reader import open_source

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small recorder is for Linux")


def said_under_a_recorder(folder: Path, *command: str) -> list[str]:
    """The types of the events that a recorded command says."""
    session = folder / "s.parquet"
    code = "from perfkit.cli import main; main()"
    record = [sys.executable, "-c", code, "record", "-q", "-o", str(session), "--"]
    subprocess.run([*record, *command], check=True, cwd=folder)
    found: list[str] = []
    for block in open_source(session).blocks(["events"]):
        if (said := block.events) is not None:
            found += [said.types[code] for code in said.codes.tolist()]
    return found


@pytest.mark.parametrize("program", ["nc", "socat"])
def test_the_lines_for_a_shell_say_what_they_show(
    program: str, project_root: Path, tmp_path: Path
) -> None:
    """One line of the page for each of the two programs."""
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} here")
    if program == "nc":
        usage = subprocess.run(["nc", "-h"], capture_output=True, text=True, check=False).stderr
        if "OpenBSD" not in usage:
            pytest.skip("nc is not OpenBSD's here")
    page = (project_root / "docs" / "events.md").read_text("utf-8")
    (line,) = re.findall(rf"^    (echo .*\| {program} .*)$", page, re.MULTILINE)

    assert said_under_a_recorder(tmp_path, "sh", "-c", line) == ["deploy"]


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")
def test_the_program_for_node_says_what_it_shows_and_does_without_a_recorder(
    project_root: Path, tmp_path: Path
) -> None:
    """It also ends well where the variable is not set, or names what is gone."""
    page = (project_root / "docs" / "events.md").read_text("utf-8")
    (program,) = re.findall(r"^```js\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "app.js").write_text(program)

    assert said_under_a_recorder(tmp_path, "node", "app.js") == ["request"]
    for variables in ({}, {"PERFKIT_SOCKET": str(tmp_path / "gone.sock")}):
        node = [str(shutil.which("node")), "app.js"]
        subprocess.run(node, env=variables, cwd=tmp_path, check=True)
