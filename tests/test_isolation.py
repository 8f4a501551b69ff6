"""What gets loaded when: the recorder is small, `--help` is quick, importing perfkit costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"numpy", "pyarrow", "duckdb", "pandas", "scipy", "sklearn", "psutil"}

# What the interpreter itself loads, with -S -E, before it runs a line of ours differs from version
# to version; what counts is the difference.
STANDARD_LIBRARY_OF_THE_RECORDER = {
    "__future__", "_collections_abc", "_signal", "_socket", "_stat", "_struct", "abc", "binascii",
    "_operator", "codecs", "collections", "errno", "fcntl", "genericpath", "gc", "io", "marshal", "math", "operator", "os",
    "os.path", "posix", "posixpath", "resource", "select", "stat", "struct", "time", "zlib",
}  # fmt: skip
PERFKIT_OF_THE_RECORDER = (
    "perfkit.errors",
    "perfkit.version",
    "perfkit.model.metric",
    "perfkit.model.text",
    "perfkit.model.tick",
    "perfkit.model.wire",
    "perfkit.sampling.",
    "perfkit.session.journal",
    "perfkit.workflows.live_line",
    "perfkit.workflows.recorder",
    "perfkit.workflows.ticker",
)
PACKAGES = {"perfkit", "perfkit.model", "perfkit.sampling", "perfkit.session", "perfkit.workflows"}
NOT_ON_LINUX = {"perfkit.sampling.portable"}


def _loaded_by(statement: str, root: Path, *options: str) -> set[str]:
    """The modules that a statement loads in an interpreter that has loaded nothing else."""
    code = (
        f"import sys; sys.path.insert(0, {str(root)!r}); before = set(sys.modules)\n"
        f"{statement}\n"
        "print('\\n'.join(sorted(set(sys.modules) - before)))"
    )
    result = subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


@pytest.fixture(scope="module")
def recorder_modules(project_root: Path) -> set[str]:
    """What the recorder loads where there is no site-packages folder and no environment."""
    return _loaded_by("import perfkit.workflows.recorder", project_root, "-S", "-E")


def test_the_recorder_loads_little_of_the_standard_library(recorder_modules: set[str]) -> None:
    """No subprocess, dataclasses, typing, enum, json, re or logging: each costs memory for hours."""
    foreign = {name for name in recorder_modules if name.split(".")[0] != "perfkit"}

    assert foreign - STANDARD_LIBRARY_OF_THE_RECORDER == set()


def test_the_recorder_loads_only_the_rooms_it_needs(recorder_modules: set[str]) -> None:
    """Sampling, the journal, errors and the plain half of the model; never the psutil sampler."""
    ours = {name for name in recorder_modules if name.split(".")[0] == "perfkit"} - PACKAGES

    assert {name for name in ours if not name.startswith(PERFKIT_OF_THE_RECORDER)} == set()
    assert ours & NOT_ON_LINUX == set()


def test_importing_perfkit_loads_perfkit_alone(project_root: Path) -> None:
    """An application that imports the package pays for nothing it does not use."""
    assert _loaded_by("import perfkit", project_root) - {"__future__"} == {
        "perfkit",
        "perfkit.version",
    }


@pytest.mark.parametrize(
    "command", ["", "record", "analyze", "query", "info", "recover", "bench-overhead"]
)
def test_help_loads_no_heavy_library(project_root: Path, command: str) -> None:
    """`perfkit --help` and every `perfkit COMMAND --help` come quickly."""
    words = [*command.split(), "--help"]
    modules = _loaded_by(
        f"""
import contextlib, io
from perfkit.cli import main
sys.argv = {["perfkit", *words]!r}
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
""",
        project_root,
    )

    assert {name.split(".")[0] for name in modules} & HEAVY == set()
