"""The README's examples are run, in the order in which they stand there, and do what it shows.

A `console` block holds commands behind `$ ` and, below each, what it prints. They run in one
temporary folder beside a copy of sample_data/. Of the output, letters and signs are compared and
numbers are not where the recording is a new one; where a sample session is read, every
character counts. A line `…` stands for any number of lines.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ELLIPSIS = "…"


@dataclass(frozen=True)
class Example:
    """One command of the README with the output it shows."""

    line: int
    command: str
    expected: str


def examples(markdown: str) -> list[Example]:
    """Every command in the console blocks, with its line number and the text below it."""
    found = []
    for block in _BLOCK.finditer(markdown):
        first_line = markdown.count("\n", 0, block.start()) + 2
        lines = block.group(1).splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            body = "\n".join(lines[start + 1 : end])
            found.append(Example(first_line + start, lines[start][2:], body.strip("\n")))
    return found


def matches(expected: str, actual: str) -> bool:
    """Whether the output is the one shown, `…` standing for anything and blanks at ends ignored."""
    pieces = [_tidy(piece) for piece in re.split(rf"^{ELLIPSIS}$", expected, flags=re.MULTILINE)]
    pattern = ".*".join(re.escape(piece) for piece in pieces)
    return re.fullmatch(pattern, _tidy(actual), re.DOTALL) is not None


def without_numbers(text: str) -> str:
    """The text with each figure replaced by one sign: what two recordings have in common."""
    text = re.sub(r"[▁▂▃▄▅▆▇█·]+", "▁", text)
    text = re.sub(r"\d+(?:[.,:]\d+)*", "0", text)
    return re.sub(r"[ ─]{2,}", " ", text)


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def test_the_first_two_commands_are_the_two_that_set_everything_up(project_root: Path) -> None:
    """`make demo` and `make test` come first, and the Makefile has them."""
    readme = (project_root / "README.md").read_text("utf-8")
    indented = re.findall(r"^    (make \w+)", readme, re.MULTILINE)

    assert indented[:2] == ["make demo", "make test"]
    makefile = (project_root / "Makefile").read_text("utf-8")
    assert {"demo", "test"} <= set(re.findall(r"^(\w+):", makefile, re.MULTILINE))


def test_every_example_does_what_the_readme_shows(project_root: Path, tmp_path: Path) -> None:
    """Copied from the README and run, each command prints what stands below it."""
    found = examples((project_root / "README.md").read_text("utf-8"))
    assert found, "README.md has no console block"
    shutil.copytree(project_root / "sample_data", tmp_path / "sample_data")
    (tmp_path / "examples").symlink_to(project_root / "examples")
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for name, words in {
        "perfkit": "-c 'from perfkit.cli import main; main()'",
        "python": "",
    }.items():
        script = binaries / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        script.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "PYTHONPATH": str(project_root),
    }

    for example in found:
        result = subprocess.run(
            ["bash", "-c", example.command],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        shown, printed = example.expected, result.stdout
        if "sample_data/" not in example.command:
            shown, printed = without_numbers(shown), without_numbers(printed)
        if not matches(shown, printed):
            pytest.fail(
                f"README.md:{example.line}: $ {example.command}\n"
                f"── shown\n{example.expected}\n── printed\n{result.stdout}",
                pytrace=False,
            )


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("a\nb", "a  \nb\n", True),
        ("a\n…\nd", "a\nb\nc\nd", True),
        ("…\nd", "a\nd", True),
        ("a\n…", "a\nb", True),
        ("a", "a\nb", False),
        ("a\n…\nd", "a\nb", False),
    ],
)
def test_output_is_compared_line_by_line(expected: str, actual: str, same: bool) -> None:
    """The comparison that the README test relies on tells same from different."""
    assert matches(expected, actual) is same
