"""The log of psrecord: columns of fixed width under a first line that begins with `#`.

Real memory is resident memory in units of 2^20 bytes, CPU counts 100 a core, reads and writes are
cumulative. Source: `monitor` in main.py of psrecord 1.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from perfkit.foreign.measurements import unusable
from perfkit.foreign.series import Layout, Mapped, Rows, Trouble
from perfkit.foreign.text_rows import in_blocks, lines

MARK = "Elapsed time"

_PRESETS = (
    Mapped(MARK, "t_s"),
    Mapped("CPU (%)", "cpu_percent"),
    Mapped("Real (MB)", "rss_bytes", 2.0**20),
    Mapped("Read count", "read_calls_count"),
    Mapped("Write count", "write_calls_count"),
    Mapped("Read bytes", "read_bytes"),
    Mapped("Write bytes", "write_bytes"),
)


def is_header(line: str) -> bool:
    """Whether a file that begins with this line is such a log."""
    return line.startswith("#") and line.lstrip("# ").startswith(MARK)


class PsrecordLog:
    """See `series.SeriesFile`."""

    kind = "psrecord"
    place = "line"
    presets: Sequence[Mapped] = _PRESETS

    def __init__(self, path: Path) -> None:
        """Read the names. Raises UnusableInput."""
        self.path = path
        self._trouble = Trouble(path, self.place)
        first = next(lines(path), "")
        self.names: Sequence[str] = re.split(r"\s{2,}", first.lstrip("#").strip())

    @property
    def notes(self) -> Sequence[str]:
        """See SeriesFile."""
        return self._trouble.notes

    def rows(self, layout: Layout) -> Iterator[Rows]:
        """See SeriesFile."""
        return in_blocks(self._fields(), self.names, layout, self._trouble)

    def _fields(self) -> Iterator[tuple[int, list[str]]]:
        width = len(self.names)
        for number, line in enumerate(lines(self.path), start=1):
            row = line.split()
            if not row or line.startswith("#"):
                continue
            if len(row) < width and not line.endswith("\n"):
                self._trouble.notes.append(f"line {number} is cut off and was left out")
            elif len(row) != width:
                raise unusable(
                    self.path,
                    f"has {len(row)} fields in line {number} where the first line names {width}",
                )
            else:
                yield number, row
