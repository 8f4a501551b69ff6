"""A report goes out: to standard output as that can show it, or into a file, whole.

A report over an earlier report is everyday; over a session it would be a loss, so that is refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from perfkit.errors import OutputRefused
from perfkit.model.text import printable

STANDARD_OUTPUT = Path("-")

_JOURNAL_SUFFIX = ".parquet.partial"
_PARQUET_MAGIC = b"PAR1"


def assert_writable(output: Path | None, inputs: Iterable[Path] = ()) -> None:
    """Raise OutputRefused if `write_report` would; cheap enough to ask before any work is done."""
    if output in (None, STANDARD_OUTPUT):
        return
    shown = printable(str(output))
    if output.suffix.lower() == ".parquet" or any(
        part.lower().endswith(_JOURNAL_SUFFIX) for part in output.parts
    ):
        raise OutputRefused(
            f"{shown} is a session's name, which a report may not take; choose another name"
        )
    try:
        found = output.stat()
    except FileNotFoundError:
        _assert_folder(output)
        return
    except (OSError, ValueError) as error:
        raise _unwritable(output, error) from None
    if stat.S_ISDIR(found.st_mode):
        raise OutputRefused(f"{shown} is a folder; name a file in it")
    if _is_session(output, found) or any(_is_same(found, path) for path in inputs):
        raise OutputRefused(f"{shown} is a session, a report would destroy it; choose another name")


def _assert_folder(output: Path) -> None:
    folder = Path(os.path.realpath(output)).parent
    if not folder.is_dir():
        raise _unwritable(output, FileNotFoundError(errno.ENOENT, "there is no such folder"))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(output, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def write_report(text: str, output: Path, inputs: Iterable[Path] = ()) -> None:
    """Write text to output, `-` being standard output.

    A file is complete or untouched. A reader who closes the pipe early (`| head`) ends it quietly.
    Raises OutputRefused if output is a session, a journal or one of inputs, or cannot be written.
    """
    if output == STANDARD_OUTPUT:
        _print(text)
        return
    assert_writable(output, inputs)
    data = text.encode("utf-8", "backslashreplace")
    try:
        # Through a link to what it names: renaming would replace the link itself.
        target = Path(os.path.realpath(output))
        if target.exists() and not target.is_file():
            target.write_bytes(data)  # a device or a pipe: nothing there can be renamed over
            return
        temporary = target.with_name(f".perfkit-{os.urandom(6).hex()}.tmp")
        try:
            with open(temporary, "xb") as file:
                if target.exists():
                    os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except (OSError, ValueError) as error:
        raise _unwritable(output, error) from None


def _print(text: str) -> None:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    data = text.encode(encoding, "backslashreplace")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Nobody reads any more. The interpreter flushes once more at its end, which must not fail.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _is_session(path: Path, found: os.stat_result) -> bool:
    if not stat.S_ISREG(found.st_mode):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
    except OSError:
        return False  # it cannot be read; whether it can be written is seen when it is


def _is_same(found: os.stat_result, path: Path) -> bool:
    try:
        return os.path.samestat(found, path.stat())
    except (OSError, ValueError):
        return False


def _unwritable(output: Path, error: OSError | ValueError) -> OutputRefused:
    reason = getattr(error, "strerror", None) or "not a valid path"
    return OutputRefused(f"cannot write {printable(str(output))} ({reason}); choose another place")
