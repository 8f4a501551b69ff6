"""A table of text over time: one row a moment, the names in the first line.

Fields are separated by commas, semicolons or tabs. Files of any length: read in blocks. A last line
that was cut off while it was written is left out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from perfkit.foreign.measurements import unusable
from perfkit.foreign.series import Layout, Mapped, Rows, Trouble
from perfkit.foreign.text_rows import LONGEST_LINE, in_blocks, lines

SEPARATORS = ",;\t"

_PSRECORD = {"elapsed_time", "cpu", "mem_real"}
_PRESETS: Sequence[tuple[set[str], Sequence[Mapped]]] = (
    (
        _PSRECORD,  # psrecord --log-format csv, main.py of psrecord 1.4
        (
            Mapped("elapsed_time", "t_s"),
            Mapped("cpu", "cpu_percent"),
            Mapped("mem_real", "rss_bytes", 2.0**20),
            Mapped("nproc", "processes_count"),
            Mapped("read_count", "read_calls_count"),
            Mapped("write_count", "write_calls_count"),
        ),
    ),
)
"""Names that a program is known by, and what its columns are."""


class CsvSeries:
    """See `series.SeriesFile`."""

    kind = "csv"
    place = "line"

    def __init__(self, path: Path) -> None:
        """Read the names. Raises UnusableInput."""
        self.path = path
        self._trouble = Trouble(path, self.place)
        self._separator = _separator(path)
        header = next((row for _, row in self._fields()), None)
        if header is None:
            raise unusable(path, "is empty")
        self.names: Sequence[str] = [name.strip() for name in header]
        if all(_is_number(name) for name in self.names):
            raise unusable(path, "has no names in its first line; name each column there")
        self.presets: Sequence[Mapped] = next(
            (presets for mark, presets in _PRESETS if mark <= set(self.names)), ()
        )

    @property
    def notes(self) -> Sequence[str]:
        """See SeriesFile."""
        return self._trouble.notes

    def rows(self, layout: Layout) -> Iterator[Rows]:
        """See SeriesFile."""
        return in_blocks(self._whole_rows(), self.names, layout, self._trouble)

    def _whole_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Rows behind the header that have all fields; the last one may be torn."""
        width = len(self.names)
        torn: tuple[int, int] | None = None
        fields = self._fields()
        next(fields, None)
        for line, row in fields:
            if torn is not None:
                break
            if len(row) == width:
                yield line, row
            else:
                torn = line, len(row)
        else:
            if torn is not None and torn[1] < width and not self._ended:
                self._trouble.notes.append(f"line {torn[0]} is cut off and was left out")
                torn = None
        if torn is not None:
            raise unusable(
                self.path,
                f"has {torn[1]} fields in line {torn[0]} where the first line names {width}",
            )

    def _fields(self) -> Iterator[tuple[int, list[str]]]:
        """Line and fields of every row that is not blank."""
        self._ended = True
        reader = csv.reader(self._lines(), delimiter=self._separator, strict=True)
        csv.field_size_limit(LONGEST_LINE)
        try:
            for row in reader:
                if any(map(str.strip, row)):
                    yield reader.line_num, row
        except csv.Error as error:
            raise unusable(self.path, f"is no table: line {reader.line_num}, {error}") from None

    def _lines(self) -> Iterator[str]:
        for line in lines(self.path):
            self._ended = line.endswith("\n")
            yield line


def _separator(path: Path) -> str:
    first = next((line for line in lines(path) if line.strip()), "")
    return max(SEPARATORS, key=lambda one: (first.count(one), -SEPARATORS.index(one)))


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
