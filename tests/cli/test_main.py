"""The door itself: help, usage errors, and what stands in the way of the output."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., list[str]]


def run(words: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    """The finished process, with what it said on stderr."""
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.run(words, **given)  # type: ignore[call-overload,no-any-return]


def test_perfkit_alone_shows_its_help(perfkit_command: Command) -> None:
    """As text on stdout, not as a message."""
    done = run(perfkit_command())
    assert done.stdout.startswith("Usage: perfkit")
    assert "\n  record " in done.stdout
    assert (done.stderr, done.returncode) == ("", 2)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["recrod"], "perfkit --help"),
        (["analyze", "--bogus"], "perfkit analyze --help"),
        (["analyze", ""], "variable of the shell"),
    ],
)
def test_words_that_do_not_fit_get_one_sentence(
    perfkit_command: Command, words: list[str], says: str
) -> None:
    """And the help to look at."""
    done = run(perfkit_command(*words))
    assert done.returncode == 2
    assert done.stderr.startswith("perfkit: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the machine has no /dev/full")
@pytest.mark.parametrize("words", [["info"], ["analyze"], ["query"]])
def test_a_full_disk_behind_the_output_is_one_sentence(
    perfkit_command: Command, project_root: Path, words: list[str]
) -> None:
    """No traceback, and the code for an output that cannot be written."""
    session = project_root / "tests/data/session-1.0.parquet"
    more = ["SELECT 1"] if words == ["query"] else []
    with Path("/dev/full").open("w") as full:
        done = run(perfkit_command(*words, session, *more), stdout=full)
    assert done.returncode == 5
    assert done.stderr.startswith("perfkit: the output cannot be written (No space left on device)")
    assert "Traceback" not in done.stderr
