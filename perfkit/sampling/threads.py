"""What the kernel tells per thread only: context switches, waiting for a core, the busiest thread.

`status` and `schedstat` of a process speak of its leader thread alone, so every thread is read,
on the slow cadence. Sums grow by what each thread added since it was read last, so threads and
processes that end take nothing back.
"""

from __future__ import annotations

from perfkit.sampling.member import Member

_VOLUNTARY = b"\nvoluntary_ctxt_switches:"
_INVOLUNTARY = b"\nnonvoluntary_ctxt_switches:"

ThreadFigures = tuple[int, int, int, int]
"""Voluntary switches, involuntary switches, nanoseconds of waiting for a core, and of having one.

Of the tree, the last is that of the busiest thread alone: the most that one thread had in each
pass, added up.
"""


class ThreadSums:
    """Running sums over all threads of the tree, and the sums of each process.

    A pass is begin(), add() for every member, finish(); the first pass is the attachment.
    from_zero: the first pass counts from the threads' start, not from now.
    by_pid: the figures of each process in the last pass, None where a thread was hidden.
    """

    def __init__(self, *, from_zero: bool) -> None:
        self.by_pid: dict[int, ThreadFigures | None] = {}
        self._known: dict[tuple[int, str], ThreadFigures] = {}
        self._seen: dict[tuple[int, str], ThreadFigures] = {}
        self._sums = [0, 0, 0]
        self._busiest = 0
        self._busiest_now = 0
        self._counts_new = from_zero
        self._complete = True

    def begin(self) -> None:
        """Start a pass."""
        self._seen = {}
        self._complete = True
        self._busiest_now = 0
        self.by_pid = {}

    def add(self, member: Member) -> None:
        """Read every thread of a member."""
        own = [0, 0, 0, 0]
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
            self._seen[key] = figures
            known = self._known.get(key)
            if known is None or figures[0] < known[0]:
                known = (0, 0, 0, 0) if self._counts_new else figures
            for position in range(3):
                own[position] += figures[position]
                self._sums[position] += max(0, figures[position] - known[position])
            own[3] += figures[3]
            if figures[3] - known[3] > self._busiest_now:
                self._busiest_now = figures[3] - known[3]
        self.by_pid[member.pid] = None if hidden else (own[0], own[1], own[2], own[3])
        self._complete = self._complete and not hidden

    def finish(self) -> ThreadFigures | None:
        """The sums since the first pass, or None if a thread was hidden: without it, a guess."""
        self._known = self._seen
        self._counts_new = True
        self._busiest += self._busiest_now
        self._busiest_now = 0
        if not self._complete:
            return None
        return (self._sums[0], self._sums[1], self._sums[2], self._busiest)


def _read_thread(member: Member, thread: str, *, signals: bool) -> ThreadFigures | None:
    status = member.read_file(f"task/{thread}/status")
    schedstat = member.read_file(f"task/{thread}/schedstat")
    if status is None or schedstat is None:
        return None
    if signals:  # the disposition is the process's, and its leader's status is at hand
        member.parse_signals(status)
    on_core, waiting, _ = schedstat.split(None, 2)
    return (
        _number_behind(status, _VOLUNTARY),
        _number_behind(status, _INVOLUNTARY),
        int(waiting),
        int(on_core),
    )


def _number_behind(text: bytes, key: bytes) -> int:
    start = text.index(key) + len(key)
    return int(text[start : text.index(b"\n", start)])
