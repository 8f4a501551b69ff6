"""What every reader of another tool's file gives, and how it refuses what it cannot use."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perfkit.errors import UnusableInput
from perfkit.model.text import printable


@dataclass(frozen=True)
class Measure:
    """One figure of one benchmark.

    benchmark: what the tool calls it, a stranger's text; "" where a file holds only one thing.
    name: the figure's own name; "" where the benchmark's says it all. unit: as in model.metric.
    gating: whether it decides.
    """

    benchmark: str
    name: str
    unit: str
    gating: bool = True


@dataclass(frozen=True)
class Measurements:
    """The runs in one file.

    values: a value a run, in the order of the file, None where that run does not have it.
    pairs: what each run is paired by, None where the file says nothing of pairs.
    failed: runs that do not count, a sentence each. notes: what the reader cannot use.
    """

    values: Mapping[Measure, tuple[float | None, ...]]
    pairs: tuple[str, ...] | None = None
    failed: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


def read_json(path: Path, tool: str) -> Any:
    """What a JSON file holds. Raises UnusableInput if it cannot be read or is none."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError):
        raise unusable(path, f"is not the JSON of {tool}: it cannot be parsed") from None


def read_text(path: Path) -> str:
    """A text file in UTF-8. Raises UnusableInput if it cannot be read, is empty or is none."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise unusable(path, "is not text in UTF-8") from None
    except FileNotFoundError:
        raise UnusableInput(f"{printable(str(path))} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a valid path"
        raise UnusableInput(
            f"cannot read {printable(str(path))} ({reason}); check its permissions"
        ) from None
    if "\0" in text:
        raise unusable(path, "is not text: it holds null characters")
    if not text.strip():
        raise unusable(path, "is empty")
    return text


def number(value: object, path: Path, where: str) -> float:
    """A finite number, zero or more, as it stands in the file. where: for the message.

    Raises UnusableInput for anything else: NaN is no measurement.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise unusable(path, f"holds {_told(value)} in {where} where a number belongs")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found) or found < 0:
        raise unusable(
            path, f"holds {_told(value)} in {where}; a figure is a finite number, zero or more"
        )
    return found


def objects(value: object, key: str, path: Path, tool: str) -> list[Mapping[str, Any]]:
    """The list of JSON objects under a key, at least one. Raises UnusableInput."""
    found = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise unusable(path, f"is not the JSON of {tool}: it has no list {key!r}")
    if not found:
        raise unusable(path, f"holds no result: its list {key!r} is empty")
    return found


def words(value: object) -> str:
    """Text as it stands, anything else as text."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names for a sentence, the first few of them."""
    shown = ", ".join(printable(name, 80) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def unusable(path: Path, sentence: str) -> UnusableInput:
    """The refusal of one file: its name, then what is wrong with it."""
    return UnusableInput(f"{printable(str(path))} {sentence}")


def _told(value: object) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value, default=str), 40)
