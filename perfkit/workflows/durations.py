"""Lengths of time as a user writes them in options."""

from __future__ import annotations

from perfkit.errors import UsageError
from perfkit.model.text import printable

_UNITS_NS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "min": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
}


def parse_duration(text: str, what: str) -> int:
    """Nanoseconds of `100ms`, `1.5s`, `2m`, …; a bare number is seconds; `1:20.5` is as reports
    write it, with minutes, or hours and minutes, before the seconds.

    what: the option's name, for the message. Raises UsageError.
    """
    stripped = text.strip().lower()
    number = stripped.rstrip("abcdefghijklmnopqrstuvwxyzµ")
    unit = stripped[len(number) :].replace("µ", "u") or "s"
    try:
        value = 0.0
        for part in number.split(":"):
            value = 60 * value + float(part)
    except ValueError:
        value = float("nan")
    shown = f"{what} {printable(text)!r}"
    if value != value:
        raise UsageError(f"{shown} is not a length of time; write it like 100ms, 2s or 5m")
    if unit not in _UNITS_NS:
        raise UsageError(
            f"{shown} has an unknown unit; choose from {', '.join(_UNITS_NS)}, or none for seconds"
        )
    length = value * _UNITS_NS[unit]
    if not 0.5 < length < 2**63:
        raise UsageError(
            f"{shown} is out of range; choose a length of time above 0, like 100ms, 2s or 5m"
        )
    return round(length)
