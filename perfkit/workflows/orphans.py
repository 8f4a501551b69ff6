"""Processes that a command leaves behind: adopted when its own have ended, and then ended too.

A daemon puts itself into a session of its own, so that ending the command's group does not reach
it. As the nearest reaper of such orphans we become their parent (prctl(2)) and see them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from perfkit.model.text import printable

_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37

# ending a process hands us its children; one that forks faster than that is given up
_ROUNDS = 200


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Be the parent of every descendant whose own parent ends, meanwhile."""
    if sys.platform != "linux":
        yield
        return
    prctl = ctypes.CDLL(None).prctl
    before = ctypes.c_int()
    prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, before.value, 0, 0, 0)


def children() -> set[int]:
    """The processes whose parent we are, those that have ended and were not reaped included."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for path in Path("/proc/self/task").iterdir():
            with contextlib.suppress(OSError):
                found.update(map(int, (path / "children").read_bytes().split()))
    return found


def end(
    known: Collection[int], leaders: Sequence[int] = (), folders: Sequence[str] = ()
) -> tuple[tuple[str, ...], ...]:
    """End all children that are not known, and theirs; returns their names, by whose they were.

    leaders, folders: for each side the process that led its session, and its TMPDIR; a process
    that fits none of them is named for all sides. One that had ended by itself is only reaped.
    """
    names: list[list[str]] = [[] for _ in leaders]
    for _ in range(_ROUNDS):
        strangers = children().difference(known)
        if not strangers:
            break
        for pid in strangers:
            facts = _facts(pid)
            if facts is None:
                continue
            owners = _owners(pid, facts.session, leaders, folders)
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                _, status = os.waitpid(pid, 0)
                if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
                    for number in owners:
                        names[number].append(facts.name)
    return tuple(tuple(sorted(of_side)) for of_side in names)


class _Facts:
    def __init__(self, name: str, session: int) -> None:
        self.name, self.session = name, session


def _facts(pid: int) -> _Facts | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    head, _, tail = text.rpartition(b")")
    fields = tail.split()
    return _Facts(printable(head.partition(b"(")[2]), int(fields[3]))


def _owners(
    pid: int, session: int, leaders: Sequence[int], folders: Sequence[str]
) -> Collection[int]:
    if session in leaders:
        return (leaders.index(session),)
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        variables = []
    for number, folder in enumerate(folders):
        if b"TMPDIR=" + os.fsencode(folder) in variables:
            return (number,)
    return range(len(leaders))
