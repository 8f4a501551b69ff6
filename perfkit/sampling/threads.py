"""What the kernel tells per thread only: context switches and waiting for a core.

`status` and `schedstat` of a process speak of its leader thread alone, so every thread is read,
on the slow cadence. Sums grow by what each thread added since it was read last, so threads and
processes that end take nothing back.
"""

from __future__ import annotations

from perfkit.sampling.member import Member

_VOLUNTARY = b"\nvoluntary_ctxt_switches:"
_INVOLUNTARY = b"\nnonvoluntary_ctxt_switches:"

ThreadFigures = tuple[int, int, int]
"""Voluntary switches, involuntary switches, nanoseconds of waiting for a core."""


class ThreadSums:
    """Running sums over all threads of the tree, and the sums of each process.

    totals: the three figures since the first call, or None while a thread could not be read.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[int, str], ThreadFigures] = {}
        self._sums = [0, 0, 0]
        self._attached = False
        self.by_pid: dict[int, tuple[int, int, int] | None] = {}

    def read(self, members: list[Member], *, from_zero: bool) -> tuple[int, int, int] | None:
        """Read every thread of the members.

        from_zero: the first reading counts from the threads' start, not from now.
        Returns the sums so far, or None if a thread was hidden: a sum without it would be a guess.
        """
        seen: dict[tuple[int, str], ThreadFigures] = {}
        complete = True
        self.by_pid = {}
        for member in members:
            own = [0, 0, 0]
            hidden = False
            leader = str(member.pid)
            process = member.started_ticks << 22 | member.pid
            for thread in member.threads():
                figures = _read_thread(member, thread, signals=thread == leader)
                if figures is None:
                    hidden = hidden or any(
                        f"task/{thread}/{name}" in member.denied for name in ("status", "schedstat")
                    )
                    continue
                key = (process, thread)
                seen[key] = figures
                known = self._seen.get(key)
                if known is None or figures[0] < known[0]:
                    known = (0, 0, 0) if self._attached or from_zero else figures
                for position in range(3):
                    own[position] += figures[position]
                    self._sums[position] += max(0, figures[position] - known[position])
            self.by_pid[member.pid] = None if hidden else (own[0], own[1], own[2])
            complete = complete and not hidden
        self._seen = seen
        self._attached = True
        return (self._sums[0], self._sums[1], self._sums[2]) if complete else None


def _read_thread(member: Member, thread: str, *, signals: bool) -> ThreadFigures | None:
    status = member.read_file(f"task/{thread}/status")
    schedstat = member.read_file(f"task/{thread}/schedstat")
    if status is None or schedstat is None:
        return None
    if signals:  # the disposition is the process's, and its leader's status is at hand
        member.parse_signals(status)
    return (
        _number_behind(status, _VOLUNTARY),
        _number_behind(status, _INVOLUNTARY),
        int(schedstat.split(None, 2)[1]),
    )


def _number_behind(text: bytes, key: bytes) -> int:
    start = text.index(key) + len(key)
    return int(text[start : text.index(b"\n", start)])
