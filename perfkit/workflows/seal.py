"""Sealing: a journal becomes a session file, and is removed once the file is safe on the disk.

Run by the recorder when it ends, in a process of its own (the recorder stays small), and by
`perfkit recover`. Raw columns are kept as they are; derived ones are added by `analysis.rates`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from perfkit.analysis.rates import Rates
from perfkit.errors import EXIT_OK, EXIT_USAGE, OutputRefused, PerfkitError, UnusableInput
from perfkit.model.text import printable
from perfkit.session.journal import remove_journal
from perfkit.session.journal_reader import JournalSource
from perfkit.session.parquet import SessionFile, write_session
from perfkit.workflows.source import told


def seal(journal: Path, output: Path, *, force: bool = False, keep: bool = False) -> Path:
    """Write the journal's session to output, then remove the journal; returns output.

    force: overwrite output. keep: leave the journal where it is, and allow one that is being
    written (a copy of what is there so far).
    A journal that was sealed into output already, and only not removed, is removed.
    Raises UnusableInput if the journal cannot be read or its recorder still runs, OutputRefused if
    output cannot be written; the journal is then as it was.
    """
    with contextlib.nullcontext() if keep else _owned(journal):
        # the lock that says "live" is ours, unless this is a copy
        source = JournalSource(journal, live=None if keep else False)
        if force or not os.path.lexists(output):
            rates = Rates(source.metrics)
            write_session(
                output,
                (rates.add(block) for block in source.blocks()),
                (*source.metrics, *rates.metrics),
                lambda: told(source),
                force=force,
            )
        elif keep or not _is_sealed(source, output):
            raise OutputRefused(
                f"{printable(str(output))} exists; "
                "choose another file with -o or overwrite it with --force"
            )
        if not keep:
            _remove(journal, source.strangers)
    return output


def main(arguments: Sequence[str] | None = None) -> None:
    """The sealing process: JOURNAL OUTPUT [--force] [--keep]; exits with the code of the errors."""
    # Ctrl-C goes to the whole process group; the session must be sealed all the same.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = [word for word in words if word in ("--force", "--keep")]
    paths = [Path(word) for word in words if word not in options]
    if len(paths) != 2:
        print("seal: needs JOURNAL and OUTPUT", file=sys.stderr)
        raise SystemExit(EXIT_USAGE)
    try:
        seal(*paths, force="--force" in options, keep="--keep" in options)
    except PerfkitError as error:
        sentence = str(error)
        if "--keep" in options:
            # the advice behind the reason is for those who have named a file
            sentence = f"no copy was made: {sentence.partition('; ')[0]}; recording goes on"
        print(f"perfkit: {sentence}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    raise SystemExit(EXIT_OK)


def _is_sealed(source: JournalSource, output: Path) -> bool:
    """Whether output is this very journal, sealed by a process that ended before removing it."""
    try:
        sealed = SessionFile(output)
    except UnusableInput:
        return False
    same = sealed.session.session_id == source.session.session_id
    return same and sealed.ticks >= sum(len(block) for block in source.blocks(()))


@contextlib.contextmanager
def _owned(journal: Path) -> Iterator[None]:
    """Hold the recorder's lock meanwhile, so that nobody seals or goes on writing beside us."""
    try:
        descriptor = os.open(journal, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise UnusableInput(
            f"cannot open the journal {printable(str(journal))} ({error.strerror}); "
            "name the .partial folder of a recording"
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnusableInput(
                f"{printable(str(journal))} is still being recorded or sealed; "
                "stop that recording first (Ctrl-C or SIGTERM)"
            ) from None
        yield
    finally:
        os.close(descriptor)


def _remove(journal: Path, strangers: Sequence[int]) -> None:
    try:
        remove_journal(str(journal), strangers)
    except OSError as error:
        raise UnusableInput(
            f"the session is sealed, but its journal {printable(str(journal))} cannot be removed "
            f"({error.strerror}); remove the folder by hand"
        ) from None
