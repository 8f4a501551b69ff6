"""Every program runs, ends by itself, and tells the truth that its row promises."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from perfkit.lab.registry import CLEAN, FAULT, FORECAST, PROGRAMS

SECONDS = "1.5"


@pytest.fixture(scope="module")
def runs(project_root: Path) -> dict[str, tuple[int, str, str]]:
    """What every program said in a run of a second or so; all at once, since they mostly wait."""
    started = {
        one.name: subprocess.Popen(
            [
                *(sys.executable, "-m", one.runs, "--seed", "5", "--strength", "4"),
                *("--seconds", SECONDS, *(("--shape", one.shape) if one.shape else ())),
            ],
            cwd=project_root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for one in PROGRAMS
    }
    said = {}
    for name, process in started.items():
        output, errors = process.communicate(timeout=120)
        said[name] = (process.returncode, output, errors)
    return said


def test_every_program_ends_well_and_notes_what_is_true_of_it(
    runs: dict[str, tuple[int, str, str]],
) -> None:
    """Nothing on standard error; a fault for faults, a capacity for forecasts, nothing if clean."""
    assert {name: said for name, (code, _, said) in runs.items() if code or said} == {}
    for program in PROGRAMS:
        notes = [json.loads(line) for line in runs[program.name][1].splitlines()]
        kinds = [note["note"] for note in notes]
        assert (kinds[0], kinds[-1]) == ("begin", "end"), program.name
        if program.purpose == FAULT:
            (fault,) = [note for note in notes if note["note"] == "fault"]
            assert fault["kind"] == program.kind
            assert fault["metric"] in program.metrics
            assert notes[0]["t_ns"] <= fault["from_ns"] < fault["until_ns"] <= notes[-1]["t_ns"]
        if program.purpose == CLEAN:
            assert not {"fault", "view", "cross"} & {*kinds}, program.name
        # a disk of its own takes rights that not everybody has
        if program.purpose == FORECAST and program.module != "disk":
            seen = {note["metric"] for note in notes if note["note"] == "view"}
            assert seen == {*program.metrics}, program.name


def test_programs_need_the_standard_library_and_the_sdk_alone(project_root: Path) -> None:
    """Anybody can run one, and a recording holds no library's own habits."""
    foreign = {
        f"{path.name}: {module}"
        for path in (project_root / "perfkit" / "lab").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for module in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
        if module.split(".")[0] not in sys.stdlib_module_names
        and module != "perfkit"
        and not module.startswith("perfkit.lab")
    }

    assert foreign == set()


def test_words_that_no_program_knows_are_refused(project_root: Path) -> None:
    """By the program itself, which may be run alone."""
    for words in (["--seconds", "-1"], ["--strength", "x"], ["--shape", "steady"]):
        result = subprocess.run(
            [sys.executable, "-m", "perfkit.lab.programs.memory_leak", *words],
            cwd=project_root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 2
        assert "error:" in result.stderr
