"""The checks that read the source without running it, so that `make test` is the one command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def _run(root: Path, *words: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *words], cwd=root, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        pytest.fail(f"{' '.join(words)}\n{result.stdout}{result.stderr}", pytrace=False)


def test_ruff_finds_nothing_to_say(project_root: Path) -> None:
    """Every file keeps the rules of pyproject.toml."""
    _run(project_root, "ruff", "check", "--no-cache", ".")


def test_ruff_would_format_every_file_as_it_is(project_root: Path) -> None:
    """Every file is formatted."""
    _run(project_root, "ruff", "format", "--no-cache", "--check", ".")


def test_the_package_type_checks_strictly(project_root: Path) -> None:
    """`mypy --strict` accepts the whole package."""
    _run(project_root, "mypy")
