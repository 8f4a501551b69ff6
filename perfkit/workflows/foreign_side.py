"""One side of a comparison of other tools' results: one file, a folder or a pattern of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perfkit.errors import UnusableInput
from perfkit.foreign.formats import ForeignFormat
from perfkit.foreign.measurements import Measure, Measurements
from perfkit.model.text import printable
from perfkit.workflows.patterns import is_pattern, matching


@dataclass(frozen=True)
class ForeignSide:
    """source: as the user wrote it. paths: the files that were read, in order."""

    source: str
    paths: tuple[Path, ...]
    measurements: Measurements


def read_foreign(format: ForeignFormat, value: str) -> ForeignSide:
    """The runs in a file, or in every file of a folder or pattern, in the order of their names.

    Raises UnusableInput where there is none or one cannot be used.
    """
    paths = tuple(_paths(format, value))
    if not paths:
        raise UnusableInput(
            f"{printable(value)} matches no {' or '.join(format.suffixes)} file; name a file of "
            f"{format.name}, a folder of them or a quoted pattern"
        )
    return ForeignSide(value, paths, _joined([format.read(path) for path in paths]))


def _paths(format: ForeignFormat, value: str) -> Iterator[Path]:
    path = Path(value)
    try:
        if path.is_dir():
            yield from sorted(one for one in path.iterdir() if one.suffix in format.suffixes)
        elif path.exists() or not is_pattern(value):
            yield path
        else:
            yield from (one for one in matching(value) if one.is_file())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a valid path"
        raise UnusableInput(
            f"cannot read {printable(value)} ({reason}); check the path and its permissions"
        ) from None


def _joined(parts: list[Measurements]) -> Measurements:
    """The runs of several files behind one another, each measure's column of the same length."""
    if len(parts) == 1:
        return parts[0]
    columns: dict[Measure, list[float | None]] = {}
    length = 0
    for part in parts:
        added = max(map(len, part.values.values()))
        for measure, values in part.values.items():
            column = columns.setdefault(measure, [None] * length)
            column += [*values, *[None] * (added - len(values))]
        length += added
        for column in columns.values():
            column += [None] * (length - len(column))
    return Measurements(
        {measure: tuple(column) for measure, column in columns.items()},
        # the pairs of one file are not those of another
        None,
        tuple(sentence for part in parts for sentence in part.failed),
        tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )
