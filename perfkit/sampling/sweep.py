"""The slow group: what is too dear to be read at every tick, in one pass over all members.

A pass may be taken in parts: the PSS of a large process takes the kernel milliseconds, that of a
thousand processes a second. The columns appear in the tick in which the pass ends.
"""

from __future__ import annotations

from perfkit.sampling.disk import Disks
from perfkit.sampling.member import Member
from perfkit.sampling.threads import ThreadFigures, ThreadSums

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Sweep:
    """Reads PSS, swap, limits, threads and disks of every member, as far as it may go on each time.

    memory: pid to (PSS, swap) in bytes, of the members that showed it.
    complete: whether every member that lives showed its memory.
    """

    def __init__(self, threads: ThreadSums, disks: Disks) -> None:
        self.memory: dict[int, tuple[int, int]] = {}
        self.complete = True
        self.disks = disks
        self.switches: ThreadFigures | None = None
        self._threads = threads
        self._done: set[int] = set()
        threads.begin()
        disks.begin()

    def go_on(self, members: list[Member], may_go_on: Callable[[], bool] | None) -> bool:
        """Read further members; returns whether all of them have been read.

        members: those that live now; whoever came since the pass began is read as well.
        may_go_on: asked before each member but the first of the call; None: go on to the end.
        """
        first = True
        for member in members:
            if member.pid in self._done:
                continue
            if not first and may_go_on is not None and not may_go_on():
                return False
            first = False
            self._done.add(member.pid)
            self._read(member)
        self.switches = self._threads.finish()
        return True

    def _read(self, member: Member) -> None:
        memory = _read_rollup(member)
        if memory is None:
            self.complete = self.complete and not member.is_there()
        else:
            self.memory[member.pid] = memory
        limits = member.read_file("limits")
        if limits is not None:
            member.limits = (
                _soft_limit(limits, b"Max open files"),
                _soft_limit(limits, b"Max address space"),
            )
        self._threads.add(member)
        self.disks.look(member)


def _read_rollup(member: Member) -> tuple[int, int] | None:
    """(PSS, swap) in bytes from smaps_rollup, or None."""
    text = member.read_file("smaps_rollup")
    if text is None:
        return None
    pss = text.find(b"\nPss:")
    if pss < 0:
        return 0, 0  # a kernel thread has no memory of its own
    swap = text.find(b"\nSwap:")
    return (
        1024 * int(text[pss + 5 :].split(None, 1)[0]),
        1024 * int(text[swap + 6 :].split(None, 1)[0]) if swap >= 0 else 0,
    )


def _soft_limit(text: bytes, name: bytes) -> int | None:
    start = text.find(name)
    if start < 0:
        return None
    word = text[start + len(name) :].split(None, 1)[0]
    return None if word == b"unlimited" else int(word)
