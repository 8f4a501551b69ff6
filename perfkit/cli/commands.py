"""The catalogue of commands, in the order of the help.

A command line is given the one command that it names: to load and describe all of them takes a
twentieth of a short command's time.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import typer

from perfkit.cli.json_option import JsonCommand

JSON_COMMANDS = {"compare"}
"""Those whose `--json` takes a file or stands alone."""

_COMMAND_WORDS: dict[str, Any] = {"allow_interspersed_args": False}

COMMANDS: tuple[tuple[str, str], ...] = (
    ("record", "record.record"),
    ("analyze", "analyze.analyze"),
    ("replay", "replay.replay"),
    ("forecast", "forecast.forecast"),
    ("score-forecasts", "score_forecasts.score_forecasts"),
    ("detectors", "detectors.detectors"),
    ("score-detectors", "score_detectors.score_detectors"),
    ("query", "query.query"),
    ("info", "info.info"),
    ("events", "events.events"),
    ("import", "import_.import_"),
    ("recover", "recover.recover"),
    ("doctor", "doctor.doctor"),
    ("bench-overhead", "bench_overhead.bench_overhead"),
    ("bench-noise", "bench_noise.bench_noise"),
    ("gate", "gate.gate"),
    ("compare", "compare.compare"),
    ("baseline learn", "baseline.learn"),
    ("baseline show", "baseline.show"),
    ("baseline diff", "baseline.diff"),
    ("history add", "history.add"),
    ("history show", "history.show"),
    ("history check", "history.check"),
    ("lab list", "lab.list_"),
    ("lab run", "lab.run"),
    ("lab run-all", "lab.run_all"),
    ("lab score", "lab.score"),
)
"""Name to the module here and the function in it."""

GROUPS = {
    "baseline": "Learn what is normal, show it, compare with it.",
    "history": "Keep results per commit, see what changed when, gate on it.",
    "lab": "Record small programs whose faults are known, with the truth beside each.",
}
"""What the first word of a command of two words is for."""


def register(app: typer.Typer, words: Sequence[str] = ()) -> None:
    """Give the application the commands that a command line may mean; help is their docstring.

    words: of the command line. Where they begin with no command, all are given, for help and for
    the sentence that says so.
    """
    meant = command_of(list(words[:2]))
    chosen = [(name, place) for name, place in COMMANDS if name == meant] or COMMANDS
    groups = {"": app}
    for name, help in GROUPS.items():
        if any(command.startswith(f"{name} ") for command, _ in chosen):
            groups[name] = typer.Typer(help=help, no_args_is_help=True, rich_markup_mode=None)
            app.add_typer(groups[name], name=name)
    for name, place in chosen:
        # everything behind the first word of CMD is CMD's own
        settings = _COMMAND_WORDS if name in ("record", "bench-noise") else {}
        group, _, last = name.rpartition(" ")
        kind = JsonCommand if name in JSON_COMMANDS else None
        groups[group].command(last, cls=kind, context_settings=settings)(_function(place))


def _function(place: str) -> Callable[..., None]:
    module, _, name = place.partition(".")
    function: Callable[..., None] = getattr(importlib.import_module(f"perfkit.cli.{module}"), name)
    return function


def command_of(words: list[str]) -> str:
    """The command or group that a command line begins with; empty where there is none such."""
    names = {*GROUPS, *(name for name, _ in COMMANDS)}
    named = [word for word in words if not word.startswith("-")]
    return next((name for end in (2, 1) if (name := " ".join(named[:end])) in names), "")
