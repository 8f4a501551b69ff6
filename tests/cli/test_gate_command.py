"""`perfkit gate` as a user types it: exit codes, files, what is refused before anything runs."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from perfkit.cli.gate import OnUndecided, _exit_code
from perfkit.model.verdict import PASSED, REGRESSED, UNDECIDED, ComparedSide, Comparison

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the runner is Linux's")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path, perfkit_command: Callable[..., list[str]]) -> Run:
    """Runs `perfkit gate` in an empty folder, without recordings and with little patience."""
    return lambda *words: subprocess.run(
        perfkit_command("gate", "--no-record", "--warmup", "0", *words),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )


def python(code: str) -> str:
    return shlex.join([sys.executable, "-S", "-E", "-c", code])


def comparison(verdict: str) -> Comparison:
    side = ComparedSide("base", "true", 1)
    return Comparison(verdict, side, side, (), 0.01, 0.05)


def test_a_regression_is_exit_3_and_the_files_are_written(run: Run, tmp_path: Path) -> None:
    """Standard output has the report, each file its own format."""
    files = ("--json", "r.json", "--junit", "r.xml", "--markdown", "r.md")
    burn = "import time\nwhile time.process_time() < {}: pass"
    result = run(
        "--base",
        python(burn.format(0.04)),
        "--head",
        python(burn.format(0.12)),
        "--metric",
        "cpu_s",
        *files,
    )
    told = json.loads((tmp_path / "r.json").read_text())

    assert result.returncode == 3, result.stderr
    assert "REGRESSED" in result.stdout
    assert told["verdict"] == told["metrics"]["cpu_s"]["verdict"] == "regressed"
    assert told["metrics"]["cpu_s"]["ci_low"] > 0.01
    assert "<testsuite" in (tmp_path / "r.xml").read_text()
    assert (tmp_path / "r.md").read_text()


def test_undecided_is_exit_4_unless_that_may_pass(run: Run) -> None:
    """Two pairs decide nothing."""
    words = ("--base", "true", "--head", "true", "--max-pairs", "2")

    assert run(*words).returncode == 4
    assert run(*words, "--on-undecided", "pass").returncode == 0


@pytest.mark.parametrize(
    ("verdict", "code"), [(PASSED, 0), (REGRESSED, 3), (UNDECIDED, 4), ("other", 4)]
)
def test_every_verdict_has_its_exit_code(verdict: str, code: int) -> None:
    """Whatever is not known to be a pass is none."""
    assert _exit_code(comparison(verdict), OnUndecided.FAIL) == code


def test_what_may_pass_undecided_still_fails_regressed() -> None:
    """The option is about the undecided."""
    assert _exit_code(comparison(REGRESSED), OnUndecided.PASS) == 3


def test_json_on_standard_output_is_alone_there(run: Run) -> None:
    """So that it can be piped on."""
    result = run("--base", "true", "--head", "true", "--max-pairs", "1", "--json", "-")

    assert json.loads(result.stdout)["verdict"] == "undecided"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--base", "true"), 2, "--head"),
        (("--base", "true", "--head", "true", "--metric", "speed"), 2, "is no metric"),
        (("--base", "true", "--head", "true", "--margin", "0.5%"), 2, "margin"),
        (("--base", "true", "--head", "true", "--timeout", "soon"), 2, "--timeout"),
        (("--base", "true", "--head", "true", "--floor", "f.json"), 2, "--floor is for sessions"),
        (("--base", "true", "--head", "true", "--sessions", "d"), 2, "--no-record makes none"),
        (("--base", "true", "--head", "true", "--allow-different-hosts"), 2, "for sessions"),
        (("--base", "true", "--head", "true", "--json", "x.parquet"), 5, "session"),
        (("--base", "true", "--head", "true", "--cwd-head", "nowhere"), 5, "no folder"),
        (("--base", "base/*.parquet", "--head", "true"), 5, "matches no session"),
        (("--base", "true", "--head", "no-such-program"), 5, "no-such-program cannot be started"),
        (("--base", "true", "--head", "false"), 5, "it exited with 1"),
    ],
)
def test_what_cannot_be_ends_in_one_sentence(
    run: Run, words: tuple[str, ...], code: int, said: str
) -> None:
    """And the exit code of its kind; nothing is never a pass."""
    result = run(*words)

    assert result.returncode == code
    assert said in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_sessions_and_a_command_are_not_compared(run: Run, project_root: Path) -> None:
    """A recording of a run says nothing of a run beside it."""
    session = project_root / "sample_data" / "quiet.parquet"
    result = run("--base", str(session), "--head", "true")

    assert result.returncode == 2
    assert "two of a kind" in result.stderr


@pytest.mark.parametrize("option", ["--setup=true", "--cpu=0", "--warmup=3", "--cwd-base=."])
def test_options_of_runs_are_refused_with_sessions(
    perfkit_command: Callable[..., list[str]], project_root: Path, option: str
) -> None:
    """They would silently do nothing."""
    session = str(project_root / "sample_data" / "quiet.parquet")
    result = subprocess.run(
        perfkit_command("gate", "--base", session, "--head", session, option),
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 2
    assert f"{option.split('=')[0]} is for commands" in result.stderr
