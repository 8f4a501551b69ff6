"""Who may import what, read from the source: the shape of the house, held by a test.

    cli → workflows → the sisters → stats, model (neither knows the other) → errors, version

A rank may be skipped downward, never climbed. Sisters never import one another; they meet through
model values. One door a library. The pure rooms know no clock, file, socket, process, global
setting or unseeded randomness.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

RANKS = {
    "cli": 4,
    "workflows": 3,
    "sampling": 2,
    "session": 2,
    "analysis": 2,
    "sql": 2,
    "gate": 2,
    "actions": 2,
    "foreign": 2,
    "lab": 2,
    "report": 2,
    "stats": 1,
    "model": 1,
    "errors": 0,
    "version": 0,
}
"""Room to rank; a room imports itself and rooms of lower rank, nothing else."""

DOORS = {
    "typer": {"cli"},
    "click": {"cli"},
    "psutil": {"sampling"},
    "pyarrow": {"session", "foreign"},
    "duckdb": {"sql"},
    "sklearn": {"analysis"},
    "rich": {"report", "cli"},
    "numpy": {*RANKS} - {"cli", "errors", "version"},
    "scipy": {"analysis", "gate", "stats"},
}
"""Every library that perfkit may import, and the rooms that may."""

PURE = {"analysis", "gate", "report", "stats", "model"}
PURE_FILES = {"actions/policy.py", "actions/decide.py", "actions/learn.py"}

IMPURE_MODULES = {
    "_thread": "threads", "asyncio": "an event loop", "atexit": "global state",
    "concurrent": "threads", "ctypes": "the operating system", "fcntl": "files",
    "fileinput": "files", "getpass": "the operating system", "glob": "files",
    "http": "sockets", "locale": "global settings", "logging": "global settings",
    "mmap": "files", "multiprocessing": "processes", "os": "the operating system",
    "pathlib": "files", "platform": "the operating system", "posix": "the operating system",
    "pwd": "the operating system", "random": "unseeded randomness", "resource": "processes",
    "sched": "a clock", "secrets": "unseeded randomness", "select": "files",
    "selectors": "files", "shutil": "files", "signal": "processes", "socket": "sockets",
    "sqlite3": "files", "subprocess": "processes", "sys": "global state", "tempfile": "files",
    "threading": "threads", "time": "a clock", "zoneinfo": "files",
}  # fmt: skip
IMPURE_CALLS = {
    "open": "files",
    "print": "standard output",
    "input": "standard input",
    "exec": "code from text",
    "eval": "code from text",
    "breakpoint": "a debugger",
}
IMPURE_ATTRIBUTES = {
    "datetime.now": "a clock",
    "datetime.utcnow": "a clock",
    "datetime.today": "a clock",
    "date.today": "a clock",
    "uuid.uuid1": "a clock",
    "uuid.uuid4": "unseeded randomness",
    "np.seterr": "a global setting (np.errstate is not one)",
    "np.set_printoptions": "a global setting",
    "np.save": "files",
    "np.load": "files",
    "np.savetxt": "files",
    "np.loadtxt": "files",
    "np.fromfile": "files",
}
SEEDED = {"np.random.default_rng", "np.random.Generator", "np.random.SeedSequence"}

VAGUE_NAMES = {"utils", "util", "common", "misc", "manager", "helpers", "helper"}


@dataclass(frozen=True)
class Offence:
    """A line that breaks a rule, said so that the message alone is enough to mend it."""

    path: str
    line: int
    text: str
    rule: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}\n    {self.rule}"


def offences(relative: str, source: str) -> list[Offence]:
    """Every import and call in one file of the package that breaks a rule.

    relative: the file's path below perfkit/, such as `session/parquet.py`; it decides the room.
    """
    lines = source.splitlines()
    found: list[Offence] = []

    def offend(node: ast.AST, rule: str) -> None:
        line: int = node.lineno  # type: ignore[attr-defined]
        found.append(Offence(f"perfkit/{relative}", line, lines[line - 1].strip(), rule))

    room = _room(relative)
    pure = room in PURE or relative in PURE_FILES
    tree = ast.parse(source)
    only_typing = _inside_type_checking(tree)
    for node in ast.walk(tree):
        for module in _imported(node, relative):
            if module.split(".")[0] == "perfkit":
                rule = _rank_rule(room, module)
            elif node in only_typing:
                rule = None  # the name of a type loads nothing and does nothing
            else:
                rule = _library_rule(room, module)
                if rule is None and pure:
                    rule = _purity_rule(room, module)
            if rule is not None:
                offend(node, rule)
        if pure and isinstance(node, ast.Call):
            impurity = _impure_call(node)
            if impurity:
                offend(node, f"`{room}` is pure: no {impurity}; hand it in as an argument")
        if isinstance(node, ast.Assert):
            offend(node, "a bare assert disappears under -O: raise a child of PerfkitError")
    return found


def _room(relative: str) -> str:
    first = relative.split("/")[0]
    return first.removesuffix(".py")


def _imported(node: ast.AST, relative: str) -> Iterator[str]:
    """The modules that a node imports, absolute; `from perfkit import x` counts as perfkit.x."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = ["perfkit", *relative.split("/")[:-1]]
            parts = package[: len(package) - (node.level - 1)]
            base = ".".join([*parts, base] if base else parts)
        if base == "perfkit":
            yield from (f"perfkit.{alias.name}" for alias in node.names)
        else:
            yield base
    elif isinstance(node, ast.Call):
        name = _dotted(node.func)
        if name in ("__import__", "import_module", "importlib.import_module") and node.args:
            argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def _rank_rule(room: str, module: str) -> str | None:
    parts = module.split(".")
    other = parts[1] if len(parts) > 1 else "perfkit"
    if other in (room, "perfkit", "__version__"):
        return None
    if room in ("__init__", "__main__", "sdk"):
        allowed = {
            "__init__": {"version", "sdk"},
            "__main__": {"cli"},
            "sdk": {"version", "model"},
        }[room]
        return None if other in allowed else f"`{room}` imports {sorted(allowed)} and nothing else"
    if other not in RANKS:
        return f"`{other}` is no room of perfkit: give it a rank in {Path(__file__).name}"
    if room not in RANKS:
        return f"`{room}` is no room of perfkit: give it a rank in {Path(__file__).name}"
    if RANKS[other] < RANKS[room]:
        return None
    if RANKS[other] == RANKS[room] == 2:
        return f"sisters never import one another: join `{room}` and `{other}` in workflows"
    if RANKS[other] == RANKS[room]:
        return f"`{room}` and `{other}` do not know each other"
    return f"imports go down only: `{other}` is above `{room}`"


def _library_rule(room: str, module: str) -> str | None:
    top = module.split(".")[0]
    if top == "pickle":
        return "no pickle: it runs code from the file it reads"
    if top in sys.stdlib_module_names:
        return None
    if top not in DOORS:
        return f"`{top}` is not among the libraries that perfkit uses"
    if room not in DOORS[top]:
        return f"`{top}` has its door in {', '.join(sorted(DOORS[top]))}, not in `{room}`"
    return None


def _purity_rule(room: str, module: str) -> str | None:
    top = module.split(".")[0]
    if module == "urllib.request":
        return f"`{room}` is pure: no sockets"
    if top in IMPURE_MODULES:
        return f"`{room}` is pure: no {IMPURE_MODULES[top]}; hand it in as an argument"
    return None


def _impure_call(node: ast.Call) -> str | None:
    name = _dotted(node.func).replace("numpy.", "np.")
    if name in IMPURE_CALLS:
        return IMPURE_CALLS[name]
    for pattern, impurity in IMPURE_ATTRIBUTES.items():
        if name == pattern or name.endswith("." + pattern):
            return impurity
    if name.startswith("np.random."):
        seeded = name in SEEDED and bool(node.args or node.keywords)
        return None if seeded else "unseeded randomness"
    return None


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _inside_type_checking(tree: ast.AST) -> set[ast.AST]:
    """The nodes that only a type checker sees: under `if TYPE_CHECKING:`."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and _dotted(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }


def test_every_file_of_the_package_keeps_the_import_rule(project_root: Path) -> None:
    """Ranks, sisters, doors and purity hold in every file."""
    package = project_root / "perfkit"
    found = [
        offence
        for path in sorted(package.rglob("*.py"))
        for offence in offences(path.relative_to(package).as_posix(), path.read_text("utf-8"))
    ]

    if found:
        pytest.fail("\n".join(map(str, found)), pytrace=False)


def test_every_folder_of_the_package_has_a_rank_and_a_file(project_root: Path) -> None:
    """A new room is given its place before it is used, and none is made for later."""
    folders = [
        path
        for path in (project_root / "perfkit").iterdir()
        if path.is_dir() and path.name != "__pycache__"
    ]

    assert {path.name for path in folders} <= set(RANKS)
    assert [path.name for path in folders if not any(path.rglob("*.py"))] == []


def test_no_module_has_a_name_that_says_nothing(project_root: Path) -> None:
    """Modules are nouns of the domain."""
    names = [path for path in (project_root / "perfkit").rglob("*.py") if path.stem in VAGUE_NAMES]

    assert names == []


@pytest.mark.parametrize(
    ("relative", "source", "rule"),
    [
        ("session/parquet.py", "import perfkit.analysis.rates", "sisters never import"),
        ("session/parquet.py", "from perfkit import analysis", "sisters never import"),
        ("session/parquet.py", "from ..analysis import rates", "sisters never import"),
        ("session/parquet.py", "def f():\n  from perfkit.sql import engine", "sisters never"),
        ("model/tick.py", "import perfkit.session.journal", "imports go down only"),
        ("workflows/record.py", "import perfkit.cli", "imports go down only"),
        ("model/tick.py", "import perfkit.stats.robust", "do not know each other"),
        ("errors.py", "import perfkit.model", "imports go down only"),
        ("novel/x.py", "import perfkit.model", "no room of perfkit"),
        ("cli/info.py", "import perfkit.novel", "no room of perfkit"),
        ("__init__.py", "import perfkit.model", "nothing else"),
        ("analysis/rates.py", "import pyarrow.parquet", "has its door in"),
        ("workflows/seal.py", "import typer", "has its door in"),
        ("workflows/seal.py", "import importlib\nimportlib.import_module('duckdb')", "its door"),
        ("session/parquet.py", "import requests", "not among the libraries"),
        ("session/parquet.py", "import pickle", "no pickle"),
        ("report/json.py", "import os", "no the operating system"),
        ("report/json.py", "from time import time_ns", "no a clock"),
        ("report/json.py", "from pathlib import Path", "no files"),
        ("report/json.py", "open('x')", "no files"),
        ("report/json.py", "print('x')", "no standard output"),
        ("model/tick.py", "import datetime\ndatetime.datetime.now()", "no a clock"),
        ("analysis/score.py", "import numpy as np\nnp.random.rand()", "no unseeded"),
        ("analysis/score.py", "import numpy as np\nnp.random.default_rng()", "no unseeded"),
        ("cli/info.py", "assert True", "disappears under -O"),
    ],
)
def test_a_line_that_breaks_a_rule_is_named_with_the_rule(
    relative: str, source: str, rule: str
) -> None:
    """The message holds the file, the line, its text and what it breaks."""
    (offence,) = offences(relative, source)

    assert rule in offence.rule
    assert str(offence).startswith(f"perfkit/{relative}:{offence.line}: {offence.text}")
    assert offence.text in source


@pytest.mark.parametrize(
    ("relative", "source"),
    [
        ("cli/info.py", "import typer, rich\nfrom perfkit.workflows import info"),
        ("cli/info.py", "from perfkit.errors import PerfkitError\nfrom perfkit import __version__"),
        ("workflows/seal.py", "import os, perfkit.session.parquet, perfkit.analysis.rates"),
        ("session/parquet.py", "import pyarrow, time\nfrom .journal import Journal"),
        ("report/json.py", "import json, math, io\nfrom perfkit.model.report import Report"),
        ("report/json.py", "TYPE_CHECKING = False\nif TYPE_CHECKING:\n  from pathlib import Path"),
        ("workflows/source.py", "if TYPE_CHECKING:\n  import pyarrow"),
        ("analysis/score.py", "import numpy as np\nnp.random.default_rng(7)"),
        ("stats/robust.py", "import numpy, scipy.stats"),
        ("__main__.py", "from perfkit.cli import main"),
    ],
)
def test_what_is_allowed_passes(relative: str, source: str) -> None:
    """The rules forbid nothing that the design wants."""
    assert offences(relative, textwrap.dedent(source)) == []
