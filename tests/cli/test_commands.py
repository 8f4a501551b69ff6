"""The catalogue of commands: what a command line is given of it."""

import pytest
import typer

from perfkit.cli import application
from perfkit.cli.commands import COMMANDS, command_of


def names(words: list[str]) -> list[str]:
    """The commands and groups that the application for a command line has."""
    command = typer.main.get_command(application(words))
    return sorted(getattr(command, "commands", {}))


@pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
def test_a_command_line_is_given_its_own_command(name: str) -> None:
    """And that command is the one that the whole application has under this name."""
    words = name.split()
    own = typer.main.get_command(application([*words, "--help"]))
    whole = typer.main.get_command(application())
    for word in words:
        own, whole = own.commands[word], whole.commands[word]  # type: ignore[attr-defined]

    assert names(words) == [words[0]]
    assert own.help == whole.help
    assert [one.name for one in own.params] == [one.name for one in whole.params]


@pytest.mark.parametrize("words", [[], ["--help"], ["nonsense"], ["lab"], ["lab", "nonsense"]])
def test_a_command_line_without_a_command_is_given_all(words: list[str]) -> None:
    """So that help lists them, and a wrong word is told as such."""
    assert names(words) == sorted({name.split()[0] for name, _ in COMMANDS})


def test_what_stands_behind_the_command_is_not_taken_for_one() -> None:
    """The words of `record -- CMD` are CMD's own."""
    assert command_of(["record", "--", "perfkit", "lab", "list"]) == "record"
    assert names(["record", "lab"]) == ["record"]
