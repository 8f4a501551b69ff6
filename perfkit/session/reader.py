"""Opening what a user names: a session file, a journal, or a folder of either."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from perfkit.errors import UnusableInput
from perfkit.model.text import printable
from perfkit.session.journal import SUFFIX
from perfkit.session.journal_reader import JournalSource

if TYPE_CHECKING:
    from perfkit.session.parquet import SessionFile

_MAGIC = b"PAR1"
_SESSION_SUFFIX = ".parquet"


def open_source(path: Path) -> SessionFile | JournalSource:
    """The session or journal at path, told apart by content and not by name.

    Raises UnusableInput if it is neither, or damaged, or of a newer version.
    """
    source = printable(str(path))
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return JournalSource(path)
        if not stat.S_ISREG(mode):
            raise UnusableInput(f"{source} is not a regular file; name a session file")
        with open(path, "rb") as file:
            head = file.read(len(_MAGIC))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - len(_MAGIC)))
            tail = file.read(len(_MAGIC))
    except FileNotFoundError:
        raise UnusableInput(_not_there(path)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a valid path"
        raise UnusableInput(f"cannot read {source} ({reason}); check its permissions") from None
    if size == 0:
        raise UnusableInput(f"{source} is empty; use an intact copy of the file or record anew")
    if head != _MAGIC:
        raise UnusableInput(
            f"{source} is not a Parquet file; name a session that `perfkit record` wrote"
        )
    if tail != _MAGIC or size < 12:
        raise UnusableInput(
            f"{source} is cut off: it begins as a Parquet file but its end is missing; "
            "copy it again in full"
        )
    # Only now: loading pyarrow takes longer than telling that a file is unusable.
    from perfkit.session.parquet import SessionFile

    return SessionFile(path)


def expand(paths: Iterable[Path]) -> list[Path]:
    """The sessions and journals that are meant: a folder of them becomes its contents, sorted.

    Files and journals are passed on as they are, in the order given, without being opened.
    Raises UnusableInput for a folder without a session and for a folder that cannot be read.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir() or _is_journal(path):
            found.append(path)
            continue
        try:
            inside = sorted(entry for entry in path.iterdir() if _is_session_name(entry))
        except OSError as error:
            raise UnusableInput(
                f"cannot read the folder {printable(str(path))} ({error.strerror}); "
                "check its permissions"
            ) from None
        if not inside:
            raise UnusableInput(
                f"{printable(str(path))} is a folder without a session; "
                "name a folder that holds .parquet files of `perfkit record`"
            )
        found += inside
    return found


def _is_journal(folder: Path) -> bool:
    if folder.name.endswith(SUFFIX):
        return True
    try:
        return any(entry.suffix == ".ticks" for entry in folder.iterdir())
    except OSError:
        return False


def _is_session_name(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    if path.is_dir():
        return path.name.endswith(_SESSION_SUFFIX + SUFFIX)
    return path.suffix == _SESSION_SUFFIX


def _not_there(path: Path) -> str:
    source = printable(str(path))
    if Path(f"{path}{SUFFIX}").is_dir():
        return (
            f"{source} does not exist yet, but its journal does; read {source}{SUFFIX}, "
            f"or seal it with `perfkit recover {source}{SUFFIX}`"
        )
    sealed = Path(str(path).removesuffix(SUFFIX))
    if sealed != path and sealed.is_file():
        return f"{source} does not exist any more: it was sealed; read {printable(str(sealed))}"
    return f"{source} does not exist; check the path"
