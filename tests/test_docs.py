"""What the documents list is what there is: commands, options, columns, exit codes."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import typer.main

from perfkit import errors
from perfkit.cli import application
from perfkit.cli.commands import COMMANDS


@pytest.fixture(scope="module")
def readme(project_root: Path) -> str:
    return (project_root / "README.md").read_text("utf-8")


def test_the_page_of_columns_is_that_of_the_tables(project_root: Path) -> None:
    """Written by docs/columns.py; run it again after a change of the metrics."""
    page = runpy.run_path(str(project_root / "docs" / "columns.py"))["page"]()

    assert (project_root / "docs" / "columns.md").read_text("utf-8") == page, (
        "docs/columns.md is out of date: run `python docs/columns.py`"
    )


@pytest.mark.parametrize("command", [name for name, _ in COMMANDS])
def test_the_readme_names_every_command_and_every_option(readme: str, command: str) -> None:
    """In the row of the command's table, or in those of its forms."""
    rows = "\n".join(
        line for line in readme.splitlines() if line.startswith(f"| `perfkit {command}")
    )
    assert rows, f"README.md has no row for `perfkit {command}`"
    click_command: Any = typer.main.get_command(application())
    for word in command.split():
        click_command = click_command.commands[word]
    options = [
        _long_forms(parameter)
        for parameter in click_command.params
        if parameter.param_type_name == "option" and "--help" not in parameter.opts
    ]

    assert [forms for forms in options if not any(form in rows for form in forms)] == []


def _long_forms(parameter: Any) -> list[str]:
    """An option's spelled-out names, `--no-x` included; an on/off pair is named by either."""
    forms = [*parameter.opts, *parameter.secondary_opts]
    return [form for form in forms if form.startswith("--")]


def test_the_readme_explains_every_exit_code(readme: str) -> None:
    """Each constant of perfkit.errors is in the table."""
    table = readme.split("| exit code | meaning |")[1].split("\n\n")[0]
    listed = {int(code) for row in table.splitlines() for code in re.findall(r"\d+", row[:20])}

    assert listed == {value for name, value in vars(errors).items() if name.startswith("EXIT_")}


def test_every_link_of_the_documents_leads_somewhere(project_root: Path) -> None:
    """Links to files of the project exist."""
    documents = [*project_root.glob("*.md"), *(project_root / "docs").glob("*.md")]
    documents.append(project_root / "sample_data" / "README.md")
    broken = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8"))
        if not (document.parent / target).exists()
    ]

    assert broken == []
