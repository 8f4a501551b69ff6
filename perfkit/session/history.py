"""The history file: one Parquet file, one row for each metric of each result that was added.

    SELECT commit, ratio FROM 'history.parquet' WHERE metric = 'cpu_s'

Rows are only ever added, in the order in which results came; a result that was added twice is two
rows. A file is replaced as a whole: it is complete under its name or it is the old one, and two who
add at the same time wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from perfkit.errors import OutputRefused, UnusableInput
from perfkit.model.history import Result
from perfkit.model.text import printable

# History, newest first; a change that old readers would misread raises the first number.
# 1.0  one row a metric and result: ratio to the anchor, its interval, pairs, who and when
HISTORY_VERSION = "1.0"

_VERSION_KEY = b"perfkit_history"
_GREATEST_BYTES = 1 << 30  # ten million results; beyond it something else is wrong

_COLUMNS: dict[str, tuple[pa.DataType, bool, str]] = {
    # name of the field: type, whether it may be null, meaning
    "commit": (pa.string(), False, "What was measured"),
    "metric": (pa.string(), False, "Name of the figure"),
    "unit": (pa.string(), False, "Unit of value"),
    "ratio": (pa.float64(), False, "Commit over anchor"),
    "low": (pa.float64(), True, "Lower bound of the ratio; null: unbounded"),
    "high": (pa.float64(), True, "Upper bound of the ratio; null: unbounded"),
    "pairs": (pa.int64(), False, "Pairs, or runs of the smaller side"),
    "anchor": (pa.string(), False, "Name of the build that was run beside"),
    "anchor_source": (pa.string(), False, "What was run of it"),
    "gating": (pa.bool_(), False, "Whether the metric decided"),
    "design": (pa.string(), False, "How the runs were made"),
    "host": (pa.string(), False, "Where they were made"),
    "value": (pa.float64(), True, "Median of the commit's runs, in unit"),
    "added_at": (pa.timestamp("us", tz="UTC"), False, "When the row was added"),
}
_SCHEMA = pa.schema(
    [
        pa.field(name, type, nullable=nullable, metadata={"meaning": meaning})
        for name, (type, nullable, meaning) in _COLUMNS.items()
    ],
    metadata={_VERSION_KEY: HISTORY_VERSION},
)
_ADDED_AT = "added_at"


def read_history(path: Path) -> tuple[Result, ...]:
    """Every row, in the order in which they were added.

    Raises UnusableInput if there is no file, or none that perfkit wrote and reads, or a damaged one.
    """
    source = printable(str(path))
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise UnusableInput(f"{source} is not a regular file; name a history file")
        if not 0 < found.st_size < _GREATEST_BYTES:
            raise UnusableInput(f"{source} is empty or too large; use an intact copy of the file")
        with _damage_told(source):
            file = pq.ParquetFile(path, page_checksum_verification=True)
    except FileNotFoundError:
        raise UnusableInput(
            f"{source} does not exist; begin it with `perfkit history add`"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a valid path"
        raise UnusableInput(f"cannot read {source} ({reason}); check its permissions") from None
    version = (file.metadata.metadata or {}).get(_VERSION_KEY)
    if version is None:
        raise UnusableInput(
            f"{source} is a Parquet file, but no history; name one that `perfkit history add` wrote"
        )
    _check_version(version, source)
    stored = file.schema_arrow
    for field in _SCHEMA:
        at = stored.get_field_index(field.name)
        if at < 0 or stored.field(at).type != field.type:
            raise UnusableInput(
                f"{source} is damaged (the column {field.name} is missing or of another type); "
                "use an intact copy of the file"
            )
    with _damage_told(source):
        table = file.read([field.name for field in _SCHEMA], use_threads=False)
        table.validate(full=True)
        times = table.column(_ADDED_AT).cast(pa.int64()).to_pylist()
        rows = table.drop_columns([_ADDED_AT]).to_pylist()
    return tuple(
        _result({**row, "added_at_us": time}, number, source)
        for number, (row, time) in enumerate(zip(rows, times, strict=True), start=1)
    )


def add_results(path: Path, results: Sequence[Result]) -> tuple[Result, ...]:
    """Append rows to the history at path, which is made if there is none; returns all of them.

    Raises UnusableInput if what is there is no history, OutputRefused if it cannot be written.
    """
    # Through a link to what it names: renaming would replace the link itself.
    target = Path(os.path.realpath(path))
    try:
        with _alone_in(target.parent):
            earlier = read_history(path) if os.path.lexists(target) else ()
            _replace(target, (*earlier, *results))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise OutputRefused(
            f"cannot write {printable(str(path))} ({reason}); "
            "free some space or choose another place"
        ) from None
    return (*earlier, *results)


def _replace(target: Path, results: Sequence[Result]) -> None:
    rows = [asdict(one) for one in results]
    columns = [
        pa.array([row[_field(name)] for row in rows], type)
        for name, (type, _, _) in _COLUMNS.items()
    ]
    temporary = target.with_name(f".perfkit-{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            if target.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            pq.write_table(
                pa.Table.from_arrays(columns, schema=_SCHEMA),
                file,
                compression="zstd",
                write_page_checksum=True,
            )
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Whoever else adds to a history in this folder waits; the kernel lets go if we die."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # a file system without locks: better no waiting than no history
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _field(column: str) -> str:
    return "added_at_us" if column == _ADDED_AT else column


def _result(row: dict[str, Any], number: int, source: str) -> Result:
    for field in fields(Result):
        optional = "None" in str(field.type)
        value = row[field.name]
        if value is None:
            wrong = not optional
        elif isinstance(value, float):
            wrong = not math.isfinite(value) or (field.name == "ratio" and value <= 0)
        else:
            wrong = value == "" and field.name in ("commit", "metric", "anchor")
        if wrong:
            raise UnusableInput(
                f"{source} is damaged ({field.name} in row {number} is no value); "
                "use an intact copy of the file"
            )
    return Result(**row)


def _check_version(version: bytes, source: str) -> None:
    text = version.decode("utf-8", "replace")
    major = text.partition(".")[0]
    if not (major.isascii() and major.isdigit() and len(major) < 9):
        raise UnusableInput(f"the metadata of {source} is damaged; use an intact copy of the file")
    if int(major) > int(HISTORY_VERSION.partition(".")[0]):
        raise UnusableInput(
            f"{source} is a history of version {printable(text, 20)}, this perfkit reads up to "
            f"{HISTORY_VERSION}; upgrade perfkit to read it"
        )


@contextlib.contextmanager
def _damage_told(source: str) -> Iterator[None]:
    # Arrow reports damage as whatever the damaged bytes made it trip over.
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        reason = printable(str(error).partition("\n")[0], 120).rstrip(". ")
        raise UnusableInput(
            f"{source} is damaged ({reason or type(error).__name__}); "
            "use an intact copy of the file"
        ) from error
