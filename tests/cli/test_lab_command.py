"""`perfkit lab` as a user runs it: the list, and mistakes in one sentence."""

from __future__ import annotations

import pytest

from perfkit.cli import run
from perfkit.errors import EXIT_OK, EXIT_UNUSABLE, EXIT_USAGE
from perfkit.lab.registry import PROGRAMS


def test_the_list_names_every_program(capsys: pytest.CaptureFixture[str]) -> None:
    """With what it is for and what it does."""
    assert run(["lab", "list"]) == EXIT_OK

    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown[2:]] == [one.name for one in PROGRAMS]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["run", "nothing", "-o", "x.parquet"], EXIT_USAGE, "no program 'nothing'"),
        (["run", "plateau", "-o", "none/x.parquet"], EXIT_UNUSABLE, "no folder"),
        (["run", "plateau", "-o", "x.parquet", "--seconds", "long"], EXIT_USAGE, "--seconds"),
        (["run-all", "-o", "x", "--only", "nothing"], EXIT_USAGE, "knows no 'nothing'"),
        (["run-all", "-o", "x", "--strengths", "2,much"], EXIT_USAGE, "--strengths"),
        (["run-all", "-o", "x", "--strengths", "0.1"], EXIT_USAGE, "1 to 100 times"),
    ],
)
def test_a_mistake_is_one_sentence(
    words, code, sentence, tmp_path, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong and how to mend it, and nothing is made."""
    monkeypatch.chdir(tmp_path)

    assert run(["lab", *words]) == code
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1
    assert [*tmp_path.iterdir()] == []
