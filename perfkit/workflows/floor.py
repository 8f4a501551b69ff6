"""The floor file: the runs of an unchanged command that a host has shown, for stored baselines.

JSON, since people look into it and other programs may write it: what it holds are plain figures of
runs. Every further measurement adds its own, so that the file knows good days and bad days.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perfkit.errors import OutputRefused, UnusableInput
from perfkit.gate.metrics import GATE_METRICS
from perfkit.gate.noise import floor_for
from perfkit.model.noise import Floor, Series
from perfkit.model.text import printable
from perfkit.sampling.host import fingerprint
from perfkit.workflows.report_file import assert_writable, write_report

FLOOR_VERSION = "1.0"
# 1.0: the first. A key that is added raises the second number, a changed meaning the first.

MOST_SERIES = 20
"""Measurements that are kept, the newest."""

_MOST_BYTES = 32 * 2**20
_REMEDY = "make one with `perfkit bench-noise -o FILE CMD`"


def load_floor(
    path: Path,
    *,
    runs: int,
    host: Mapping[str, Any] | None = None,
    allow_different_hosts: bool = False,
) -> dict[str, float]:
    """Metric to the largest |log ratio| that `runs` runs in a row showed against as many.

    runs: of the smaller side of what is to be judged. host: the fingerprint of where that ran, None
    for this machine. Raises UnusableInput for a file that is none and, unless allowed, for one of
    another host.
    """
    floor = read_floor(path)
    differing = differences(floor.host, fingerprint() if host is None else host)
    if differing and not allow_different_hosts:
        raise UnusableInput(
            f"{printable(str(path))} was measured on another host ({', '.join(differing)} differ); "
            "measure one there, or allow it with --allow-different-hosts"
        )
    return floor_for(floor, GATE_METRICS, runs)


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The facts of two fingerprints that differ, by name."""
    return [
        printable(name, 40) for name in sorted({*one, *other}) if one.get(name) != other.get(name)
    ]


def extended(path: Path, measured: Floor) -> Floor:
    """The measurement together with what the file holds already, if there is one.

    Raises OutputRefused where the file is none, or of another host or command.
    """
    try:
        path.lstat()
    except FileNotFoundError:
        return measured
    except (OSError, ValueError):
        pass  # reading it says what is wrong
    shown = printable(str(path))
    try:
        known = read_floor(path)
    except UnusableInput as error:
        raise OutputRefused(f"{error}; choose another name with -o") from None
    differing = differences(known.host, measured.host)
    if differing:
        raise OutputRefused(
            f"{shown} is of another host ({', '.join(differing)} differ); choose another name with -o"
        )
    if known.command != measured.command:
        raise OutputRefused(
            f"{shown} is of another command ({printable(known.command, 60)}); "
            "choose another name with -o"
        )
    return Floor(known.host, known.command, (*known.series, *measured.series)[-MOST_SERIES:])


def assert_extendable(path: Path, host: Mapping[str, Any], command: str) -> None:
    """Raise OutputRefused if `extended` or `write_floor` would; cheap, before anything is run."""
    assert_writable(path)
    extended(path, Floor(host, command, ()))


def write_floor(path: Path, floor: Floor) -> None:
    """Write the file, whole. Raises OutputRefused."""
    write_report(_text(floor), path)


def read_floor(path: Path) -> Floor:
    """Read the file. Raises UnusableInput."""
    shown = printable(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a valid path"
        raise UnusableInput(f"cannot read the floor file {shown} ({reason}); {_REMEDY}") from None
    if len(data) > _MOST_BYTES:
        raise UnusableInput(f"{shown} is too large for a floor file; {_REMEDY}")
    try:
        return _floor(json.loads(data))
    except _Newer as newer:
        raise UnusableInput(
            f"{shown} is a floor file of version {newer}, this perfkit reads {FLOOR_VERSION}; "
            "upgrade perfkit"
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise UnusableInput(f"{shown} is no floor file, or a damaged one; {_REMEDY}") from None


class _Newer(Exception):
    """A major version that is not known yet."""


def _floor(content: Any) -> Floor:
    version = content["perfkit_floor"]
    major = int(version.split(".")[0])
    if major > int(FLOOR_VERSION.split(".")[0]):
        raise _Newer(printable(version, 20))
    host, command = content["host"], content["command"]
    if not (isinstance(host, dict) and isinstance(command, str)):
        raise TypeError
    series = tuple(
        Series(
            str(one["measured_at"]),
            {str(name): _figures(values) for name, values in one["runs"].items()},
        )
        for one in content["series"]
    )
    if not any(one.runs for one in series):
        raise ValueError
    return Floor(host, command, series)


def _figures(values: Sequence[Any]) -> tuple[float, ...]:
    if not isinstance(values, list) or any(isinstance(value, bool | str) for value in values):
        raise TypeError
    figures = tuple(float(value) for value in values)
    if not all(math.isfinite(value) and value >= 0 for value in figures):
        raise ValueError
    return figures


def _text(floor: Floor) -> str:
    return (
        json.dumps(
            {
                "perfkit_floor": FLOOR_VERSION,
                "command": floor.command,
                "host": dict(floor.host),
                "series": [
                    {
                        "measured_at": one.measured_at,
                        "runs": {name: list(values) for name, values in one.runs.items()},
                    }
                    for one in floor.series
                ],
            },
            indent=1,
            allow_nan=False,
        )
        + "\n"
    )
