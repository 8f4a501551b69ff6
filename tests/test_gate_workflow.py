"""The ready workflow in docs/: its shell steps do what its comments promise."""

from __future__ import annotations

import re
import subprocess
import textwrap
from pathlib import Path

import pytest
import typer.main

from perfkit.cli import application

_STEP = re.compile(r"^( +)- name: (.+)\n(?:(?!\1- ).*\n)*?\1  run: \|\n((?:\1    .*\n|\n)+)", re.M)
BENCHMARK = ".venv/bin/python run.py"


@pytest.fixture(scope="module")
def workflow(project_root: Path) -> str:
    return (project_root / "docs" / "workflows" / "perfkit-gate.yml").read_text("utf-8")


@pytest.fixture(scope="module")
def steps(workflow: str) -> dict[str, str]:
    """Name to script of each step that runs one."""
    return {found[2]: textwrap.dedent(found[3]) for found in _STEP.finditer(workflow)}


def run(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A step as GitHub runs it where it says `shell: bash`."""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": f"{folder / 'bin'}:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def stand_in(path: Path, script: str) -> None:
    """A program that notes its arguments, a line each, and does what the script says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> arguments\n{script}\n')
    path.chmod(0o755)


def test_every_shell_step_is_found(steps: dict[str, str]) -> None:
    """So that none goes untested."""
    assert list(steps) == [
        "Check out base",
        "Install perfkit",
        "Build both sides",
        "Gate",
        "Comment",
    ]


def test_base_is_what_the_pull_request_was_merged_into(
    steps: dict[str, str], tmp_path: Path
) -> None:
    """Not where the branch began: what others did since is on both sides."""
    git = "git -C head -c user.name=n -c user.email=e -c commit.gpgsign=false"
    subprocess.run(
        [
            "bash",
            "-ec",
            f"git init -q -b main head; {git} commit -q --allow-empty -m first\n"
            f"{git} checkout -q -b topic; {git} commit -q --allow-empty -m topic\n"
            f"{git} checkout -q main; {git} commit -q --allow-empty -m others\n"
            f"{git} merge -q --no-ff -m merged topic; {git} checkout -q --detach",
        ],
        cwd=tmp_path,
        check=True,
    )

    result = run(steps["Check out base"], tmp_path)

    assert result.returncode == 0, result.stderr
    told = subprocess.run(
        ["git", "log", "-1", "--format=%s"], cwd=tmp_path / "base", capture_output=True, text=True
    )
    assert told.stdout == "others\n"


@pytest.mark.parametrize(("code", "ends_in"), [(0, 0), (3, 3), (4, 0), (5, 5), (1, 1), (2, 2)])
def test_only_undecided_is_let_through(
    steps: dict[str, str], tmp_path: Path, code: int, ends_in: int
) -> None:
    """A regression fails, and so does a gate that measured nothing; undecided is a warning."""
    stand_in(tmp_path / "perfkit-venv" / "bin" / "perfkit", f"exit {code}")

    assert run(steps["Gate"], tmp_path, BENCHMARK=BENCHMARK).returncode == ends_in


def test_the_gate_is_asked_with_options_that_it_has(
    steps: dict[str, str], workflow: str, tmp_path: Path
) -> None:
    """The benchmark stays one argument, and every option is one of `perfkit gate`."""
    stand_in(tmp_path / "perfkit-venv" / "bin" / "perfkit", "exit 0")

    run(steps["Gate"], tmp_path, BENCHMARK=BENCHMARK)

    words = (tmp_path / "arguments").read_text().splitlines()
    assert words[0] == "gate"
    assert words[words.index("--base") + 1] == words[words.index("--head") + 1] == BENCHMARK
    commands = typer.main.get_command(application()).commands  # type: ignore[attr-defined]
    if "gate" in commands:
        known = {form for parameter in commands["gate"].params for form in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_both_sides_are_built_alike(steps: dict[str, str], tmp_path: Path) -> None:
    """Each in its own folder; a side that does not build ends the step."""
    for side in ("base", "head"):
        (tmp_path / side).mkdir()
    stand_in(
        tmp_path / "bin" / "python",
        'mkdir -p .venv/bin && cp "$0" .venv/bin/python; [ ! -e broken ]',
    )

    assert run(steps["Build both sides"], tmp_path).returncode == 0
    built = [(tmp_path / side / "arguments").read_text() for side in ("base", "head")]
    assert built[0] == built[1] != ""

    (tmp_path / "base" / "broken").touch()
    assert run(steps["Build both sides"], tmp_path).returncode != 0


def test_perfkit_is_installed_from_where_the_workflow_says(
    steps: dict[str, str], tmp_path: Path
) -> None:
    """Whatever stands there is one argument."""
    stand_in(tmp_path / "bin" / "python", 'mkdir -p "$3/bin"; cp "$0" "$3/bin/python"')

    assert run(steps["Install perfkit"], tmp_path, PERFKIT="a wheel").returncode == 0
    assert (tmp_path / "arguments").read_text().splitlines()[-1] == "a wheel"


@pytest.mark.parametrize("has_commented_before", [True, False])
def test_the_comment_replaces_the_one_before(
    steps: dict[str, str], tmp_path: Path, has_commented_before: bool
) -> None:
    """One comment a pull request, however often it is pushed to."""
    (tmp_path / "perfkit-gate.md").write_text("verdict")
    stand_in(
        tmp_path / "bin" / "gh",
        "" if has_commented_before else 'case "$*" in *--edit-last*) exit 1;; esac',
    )

    assert run(steps["Comment"], tmp_path, NUMBER="7").returncode == 0
    calls = (tmp_path / "arguments").read_text().count("comment\n")
    assert calls == (1 if has_commented_before else 2)


def test_without_a_verdict_there_is_no_comment(steps: dict[str, str], tmp_path: Path) -> None:
    """An artifact that never came is no failure of its own."""
    stand_in(tmp_path / "bin" / "gh", "exit 1")

    result = run(steps["Comment"], tmp_path, NUMBER="7")

    assert (result.returncode, (tmp_path / "arguments").exists()) == (0, False)


def test_scripts_hold_no_expressions(steps: dict[str, str]) -> None:
    """`${{ … }}` in a script is text pasted into a shell: a branch's name could be a command."""
    assert [name for name, script in steps.items() if "${{" in script] == []


def test_only_the_job_that_runs_nothing_foreign_may_write(workflow: str) -> None:
    """Code of the pull request never meets a token that can write."""
    gate, comment = workflow.split("\n  comment:\n")

    assert "write" not in gate.split("jobs:")[0] + gate.split("jobs:")[1].split("steps:")[0]
    assert "checkout" not in comment
    assert gate.count("persist-credentials: false") == gate.count("actions/checkout")
