"""Which reader a file that holds a series over time belongs to, told by its content."""

from __future__ import annotations

from pathlib import Path

from perfkit.errors import UnusableInput
from perfkit.foreign.csv_series import CsvSeries
from perfkit.foreign.psrecord_log import PsrecordLog, is_header
from perfkit.foreign.series import SeriesFile
from perfkit.foreign.text_rows import lines
from perfkit.model.text import printable

_MAGIC = b"PAR1"


def open_series(path: Path) -> SeriesFile:
    """The series in the file. Raises UnusableInput if it holds none."""
    if path.is_dir():
        raise UnusableInput(f"{printable(str(path))} is a folder; name a file in it")
    if _begins_as_parquet(path):
        # Only now: loading pyarrow takes longer than reading a small table of text.
        from perfkit.foreign.parquet_series import ParquetSeries

        return ParquetSeries(path)
    return PsrecordLog(path) if is_header(next(lines(path), "")) else CsvSeries(path)


def _begins_as_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except (OSError, ValueError):
        return False  # reading it as text says what is wrong
