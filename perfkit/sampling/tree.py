"""The tree of processes: who belongs to it, and counters that survive their processes.

A tree counter is the largest of its previous value and

    Σ over living members (own + reaped children) + lost − the value at attach

where `lost` grows by a vanished member's last value only if no reaper in the tree absorbed it.
The kernel adds a child's CPU time, page faults and I/O to the parent that reaps it, in `stat` cut
to whole ticks of 10 ms, which is why the sum alone may step back a little and the maximum is kept.
A parent that ignores SIGCHLD absorbs nothing: what its children did between two ticks is in
nobody's account, the kernel's own included, and such parents are counted instead.

A process whose CPU clock stands still has not run, so it has used nothing, started nothing, reaped
nobody and not ended: the clock, a tenth of the cost of its files, is all that is read of it. What
changes without its doing (children given to it, pages taken away by the kernel) is seen within a
second.
"""

from __future__ import annotations

import os
import time

from perfkit.sampling.descriptors import UNBOUNDED
from perfkit.sampling.member import (
    RSS_POSITION,
    STAT_COUNTERS,
    STAT_SCALES,
    THREADS_POSITION,
    Member,
)
from perfkit.sampling.metrics import IO_FIELDS, RAW_METRICS, STAT_FIELDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

INDEX = {metric.name: position for position, metric in enumerate(RAW_METRICS)}

_STAT_START = INDEX[STAT_FIELDS[0].metric.name]
_IO_START = INDEX[IO_FIELDS[0][0].name]
_IO_END = _IO_START + len(IO_FIELDS)

Row = list[int | float]


class Tree:
    """The target, every descendant once seen, and orphans that the recorder adopts.

    proc: where the process file system is mounted.
    adopter: pid of the recorder if it adopts the target's orphans (`record -- CMD`), else 0.
    strangers: children of the recorder that are its own, not the target's.
    cpu_clock: reads a process CPU clock by its id (clock_gettime_ns), raising OSError; None where
        the pids below `proc` are not this kernel's: then CPU comes from `stat`, in 10 ms steps.
    room: how many members may keep their descriptors open, see sampling.descriptors.
    """

    def __init__(
        self,
        proc: str,
        root_pid: int,
        *,
        adopter: int = 0,
        cpu_clock: Callable[[int], int] | None = time.clock_gettime_ns,
        room: int = UNBOUNDED,
        strangers: Iterable[int] = (),
    ) -> None:
        self.root_pid = root_pid
        self.members: dict[int, Member] = {}
        # a recorder that was started by its own target, as from a shell, is no part of it
        self.strangers = {os.getpid(), *strangers} if proc == "/proc" else {*strangers}
        self.denied: dict[str, str] = {}
        self.has_children_files = True
        self._proc = proc
        self._adopter = adopter
        self._clock = cpu_clock
        self._born = 0
        self._gone = 0
        # Σ over living members, kept up by differences: idle processes cost no addition
        self._stat = [0] * len(STAT_FIELDS)
        self._io = [0] * len(IO_FIELDS)
        # what vanished members leave behind, less the value at attach
        self._stat_lost = [0] * len(STAT_FIELDS)
        self._io_lost = [0] * len(IO_FIELDS)
        self._cpu_lost = 0
        self._stat_published = [0] * STAT_COUNTERS
        self._io_published = [0] * len(IO_FIELDS)
        self._cpu_published = 0
        self._io_changed = True
        self._last_fork = b""
        self._vanishing: dict[int, Member] = {}
        self._own_member: Member | None = None
        self._room = room
        self._kept = 0
        self._loadavg = self._open_loadavg()

    # ── who belongs to it ──

    def attach(self, *, from_zero: bool) -> None:
        """Find the root and all its descendants.

        from_zero: count what they used before as well (a command that perfkit started itself).
        Raises OSError if the root is gone.
        """
        root = Member(self._proc, self.root_pid)
        self.has_children_files = os.path.exists(
            f"{self._proc}/{self.root_pid}/task/{self.root_pid}/children"
        )
        self._admit(root)
        self.discover(all_threads=True)
        self._born = 0
        if not from_zero:
            self._forget_the_past()

    def discover(self, *, all_threads: bool) -> None:
        """Admit the children that members have started since.

        all_threads: of every thread, and of members that have not run since they were looked at;
        meant for a slower cadence, at which the descriptors go to those members that have been the
        most active, too.
        """
        if all_threads and self._kept < len(self.members):
            self._share_descriptors()
        if not self.has_children_files:
            if all_threads:
                self._scan()
            return
        clock = self._clock
        waiting = list(self.members.values())
        if self._adopter:
            self._discover_adopted(waiting)
        while waiting:
            member = waiting.pop()
            try:
                if clock is not None:
                    clock_ns = clock(member.clock_id)
                    if clock_ns == member.looked_ns and not all_threads:
                        continue
                    member.looked_ns = clock_ns
                children = member.read_children()
                if all_threads and member.figures[THREADS_POSITION] > 1:
                    for thread in member.threads():
                        if thread != str(member.pid):
                            children += member.read_children(thread)
            except OSError:
                continue  # gone meanwhile: the next reading notices
            for pid in children:
                self._meet(pid, waiting)

    def forked(self) -> bool:
        """Whether any process or thread was started on the machine since the last call.

        The last field of /proc/loadavg is the pid given out last: while it stands still there is
        no new process to look for, so an idle tree costs no walk.
        """
        if self._loadavg < 0:
            return True
        last = os.pread(self._loadavg, 128, 0).rpartition(b" ")[2]
        if last == self._last_fork:
            return False
        self._last_fork = last
        return True

    def _discover_adopted(self, waiting: list[Member]) -> None:
        if self._own_member is None:
            self._own_member = Member(self._proc, self._adopter)
        for pid in self._own_member.read_children():
            self._meet(pid, waiting)

    def _meet(self, pid: int, waiting: list[Member]) -> None:
        if pid in self.members or pid in self.strangers:
            return
        try:
            member = Member(self._proc, pid)
        except OSError:
            # it lived and died between two readings, and its parent's account has it; or it is
            # another user's and hidden, and whatever it uses shows once its parent has reaped it
            if self._clock is not None and _is_hidden(pid):
                self.denied["processes of other users"] = "/proc hides it from this user: hidepid"
            return
        if member.ppid not in self.members and member.ppid != self._adopter:
            member.close()  # the pid was given to a stranger meanwhile
            return
        self._admit(member)
        waiting.append(member)

    def _scan(self) -> None:
        """Find descendants by everybody's parent: for kernels without `children` files."""
        try:
            names = os.listdir(self._proc)
        except OSError:
            return
        pids = sorted(int(name) for name in names if name.isdigit())
        found = True
        while found:
            found = False
            for pid in pids:
                if pid not in self.members:
                    before = len(self.members)
                    self._meet(pid, [])
                    found = found or len(self.members) > before

    def _share_descriptors(self) -> None:
        members = sorted(
            self.members.values(), key=lambda m: (m.changes, m.stat_fd >= 0), reverse=True
        )
        for member in members[self._room :]:
            member.close()
        for member in members[: self._room]:
            if member.stat_fd < 0:
                member.keep()
        for member in members:
            member.changes >>= 1
        self._kept = sum(member.stat_fd >= 0 for member in members)

    def _admit(self, member: Member) -> None:
        self.members[member.pid] = member
        self._born += 1
        self._kept += 1
        for position, figure in enumerate(member.figures):
            self._stat[position] += figure
        if member.io_fd >= 0:
            self._read_io(member)
        self._read_cpu(member)
        self.denied.update(member.denied)
        if self._kept > self._room:
            member.close()
            self._kept -= 1

    def _take_leave(self, gone: list[Member]) -> None:
        self._vanishing = {member.pid: member for member in gone}
        for member in gone:
            self._vanish(member)
        for member in self.members.values():
            if member.ppid in self._vanishing:
                self._read_stat(member)  # it has another parent now, though it need not have run
        self._vanishing = {}

    def _vanish(self, member: Member, exact_cpu_ns: int | None = None) -> None:
        """Take a member out and keep what nobody else accounts for.

        exact_cpu_ns: what the kernel told whoever reaped it, where that was the recorder.
        """
        del self.members[member.pid]
        self._gone += 1
        for position, figure in enumerate(member.figures):
            self._stat[position] -= figure
        for position, figure in enumerate(member.io or ()):
            self._io[position] -= figure
        self._io_changed = True
        if exact_cpu_ns is not None:
            self._keep_lost(member, max(exact_cpu_ns, member.cpu_ns))
        elif not self._was_absorbed(member):
            self._keep_lost(member, member.cpu_ns)
        if member.stat_fd >= 0:
            self._kept -= 1
            member.close()

    def _keep_lost(self, member: Member, cpu_ns: int) -> None:
        self._cpu_lost += cpu_ns
        for position, figure in enumerate(member.figures[:STAT_COUNTERS]):
            self._stat_lost[position] += figure
        for position, figure in enumerate(member.io or ()):
            self._io_lost[position] += figure

    def _was_absorbed(self, member: Member) -> bool:
        """Whether a living member has taken over the vanished one's figures.

        A reaper that vanished in the same tick passed them on to its own, so the nearest
        ancestor that lives decides.
        """
        pid = member.ppid
        while pid in self._vanishing:
            pid = self._vanishing[pid].ppid
        reaper = self.members.get(pid)
        if reaper is None:
            return False
        reaper.parse_signals(reaper.read_file("status"))
        return not reaper.ignores_sigchld

    def reap_adopted(self) -> None:
        """Reap adopted orphans that have ended; the kernel then tells their exact CPU time."""
        for member in list(self.members.values()):
            if (
                member.ppid == self._adopter
                and member.pid != self.root_pid
                and member.zombie
                and self._adopter
            ):
                pid, _, usage = os.wait4(member.pid, os.WNOHANG)
                if pid:
                    self._vanish(member, int((usage.ru_utime + usage.ru_stime) * 1e9))

    # ── what they used ──

    def read(self, row: Row, *, idle_too: bool = True) -> None:
        """Read every member and write the fast columns into the row.

        idle_too: read also the files of members that have not run since they were read last.

        Written for few calls: after a sleep the processor's caches are cold, and every function
        entered costs more than what it computes.
        """
        clock = self._clock
        pread = os.pread
        totals = self._stat
        cpu = alive = 0
        io_complete = True
        zombies = False
        gone: list[Member] = []
        clock_ns = -1
        for member in self.members.values():
            if clock is not None:
                # before the files: what happens in between shows at the next tick
                try:
                    clock_ns = clock(member.clock_id)
                except OSError:
                    clock_ns = -1  # it is gone: its file will say so
                if clock_ns == member.clock_ns and not idle_too and clock_ns >= 0:
                    cpu += member.cpu_ns
                    if member.zombie:
                        zombies = True
                    else:
                        alive += 1
                    if member.io is None:
                        io_complete = False
                    continue
                member.clock_ns = clock_ns
            try:
                raw = pread(member.stat_fd, 1024, 0)
            except OSError:
                raw = b"" if member.stat_fd >= 0 else self._read_afresh(member)
                if not raw:
                    gone.append(member)
                    continue
            if raw != member.stat_raw:
                member.changes += 1
                before = member.figures
                member.parse_stat(raw)
                for position, figure in enumerate(member.figures):
                    totals[position] += figure - before[position]
            if member.zombie:
                zombies = True
            else:
                alive += 1
            if clock_ns >= 0:
                # its own and no other's: its file, read after its clock, still answered
                cpu_ns = clock_ns + member.children_cpu_ns
                if cpu_ns > member.cpu_ns:
                    member.cpu_ns = cpu_ns
            cpu += member.cpu_ns
            if member.io_fd >= 0:
                self._read_io(member)
            if member.io is None:
                io_complete = False
        if gone:
            self._take_leave(gone)
            cpu = sum(member.cpu_ns for member in self.members.values())
        cpu += self._cpu_lost
        if cpu > self._cpu_published:
            self._cpu_published = cpu
        row[_CPU] = self._cpu_published
        row[_PROCESSES] = alive
        row[_BORN] = self._born
        row[_GONE] = self._gone
        self._publish_stat(row, alive)
        if io_complete:  # a sum without one of its members would be a guess
            if self._io_changed:
                self._publish_io()
            row[_IO_START:_IO_END] = self._io_published
        if zombies and self._adopter:
            self.reap_adopted()

    def close(self) -> None:
        """Let go of all descriptors."""
        for member in self.members.values():
            member.close()
        if self._loadavg >= 0:
            os.close(self._loadavg)
            self._loadavg = -1

    def _read_cpu(self, member: Member) -> None:
        if self._clock is None:
            return
        try:
            member.cpu_ns = self._clock(member.clock_id) + member.children_cpu_ns
        except OSError:
            pass  # ends just now: the figures of `stat` stand

    def _read_stat(self, member: Member) -> None:
        raw = member.read_file("stat")
        if raw:
            before = member.figures
            member.parse_stat(raw)
            for position, figure in enumerate(member.figures):
                self._stat[position] += figure - before[position]

    def _read_afresh(self, member: Member) -> bytes:
        """Read a member without kept descriptors; its line of `stat`, empty once it is gone."""
        # first, since the start time in `stat` then tells whose it was
        io = None if "io" in member.denied else member.read_file("io")
        raw = member.read_afresh()
        if raw and io is not None and io != member.io_raw:
            self._take_io(member, io)
        return raw

    def _read_io(self, member: Member) -> None:
        try:
            raw = os.pread(member.io_fd, 512, 0)
        except ProcessLookupError:
            return  # ends just now; the last figures stand
        except OSError as error:
            member.denied["io"] = self.denied["io"] = error.strerror or str(error)
            os.close(member.io_fd)
            member.io_fd = -1
            return
        if raw != member.io_raw:
            self._take_io(member, raw)

    def _take_io(self, member: Member, raw: bytes) -> None:
        before = member.io
        member.parse_io(raw)
        self._io_changed = True
        for position, figure in enumerate(member.io or ()):
            self._io[position] += figure - (before[position] if before else 0)

    def _publish_stat(self, row: Row, alive: int) -> None:
        published = self._stat_published
        lost = self._stat_lost
        for position, value in enumerate(self._stat):
            if position < STAT_COUNTERS:
                value += lost[position]
                if value < published[position]:
                    value = published[position]
                else:
                    published[position] = value
            elif not alive:
                break  # levels of what has ended say nothing: they come behind the counters
            elif value == 0 and position == RSS_POSITION:
                continue  # in the middle of an exec: the new memory has no page yet
            row[_STAT_START + position] = value * STAT_SCALES[position]

    def _publish_io(self) -> None:
        self._io_changed = False
        self._io_published = [
            max(published, living + lost)
            for published, living, lost in zip(
                self._io_published, self._io, self._io_lost, strict=True
            )
        ]

    def _forget_the_past(self) -> None:
        self._cpu_lost = -sum(member.cpu_ns for member in self.members.values())
        self._stat_lost[:STAT_COUNTERS] = [-figure for figure in self._stat[:STAT_COUNTERS]]
        self._io_lost = [-figure for figure in self._io]
        self._io_changed = True

    def _open_loadavg(self) -> int:
        try:
            return os.open(f"{self._proc}/loadavg", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return -1


def _is_hidden(pid: int) -> bool:
    """Whether a process that /proc does not show is there all the same."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        pass
    return False


_CPU = INDEX["cpu_time_ns"]
_PROCESSES = INDEX["processes_count"]
_BORN = INDEX["processes_born_count"]
_GONE = INDEX["processes_gone_count"]
