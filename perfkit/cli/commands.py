"""The catalogue of commands, in the order of the help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

from perfkit.cli import analyze, bench_noise, bench_overhead, doctor, info, query, record, recover

_COMMAND_WORDS: dict[str, Any] = {"allow_interspersed_args": False}

COMMANDS: tuple[tuple[str, Callable[..., None]], ...] = (
    ("record", record.record),
    ("analyze", analyze.analyze),
    ("query", query.query),
    ("info", info.info),
    ("recover", recover.recover),
    ("doctor", doctor.doctor),
    ("bench-overhead", bench_overhead.bench_overhead),
    ("bench-noise", bench_noise.bench_noise),
)


def register(app: typer.Typer) -> None:
    """Give every command of the catalogue to the application; help is the function's docstring."""
    for name, function in COMMANDS:
        # everything behind the first word of CMD is CMD's own
        settings = _COMMAND_WORDS if name in ("record", "bench-noise") else {}
        app.command(name, context_settings=settings)(function)
