"""The Linux sampler: everything about one target, read from /proc and /sys.

Three groups with a cadence each (fast, system, slow); the caller says which are due.
`proc` and `sys` may point to copies of other machines' file systems: tests do that.
"""

from __future__ import annotations

import os
import time

from perfkit.errors import TargetGone
from perfkit.model.metric import NULL_INTEGER
from perfkit.sampling.descriptors import room_for_members
from perfkit.sampling.disk import Disks
from perfkit.sampling.member import (
    PAGE_BYTES,
    READ_POSITION,
    RSS_POSITION,
    THREADS_POSITION,
    TICK_NS,
    WRITE_POSITION,
    Member,
)
from perfkit.sampling.redact import redact
from perfkit.sampling.sweep import Sweep
from perfkit.sampling.system import System
from perfkit.sampling.threads import ThreadSums
from perfkit.sampling.tree import INDEX, Row, Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

COMMAND_BYTES = 256

_PSS = INDEX["pss_bytes"]
_SWAP = INDEX["swap_bytes"]
_VOLUNTARY = INDEX["ctx_switches_voluntary_count"]
_INVOLUNTARY = INDEX["ctx_switches_involuntary_count"]
_WAIT = INDEX["runqueue_wait_ns"]
_BUSIEST = INDEX["busiest_thread_cpu_ns"]
_DISK_FREE = INDEX["disk_free_bytes"]
_DISK_TOTAL = INDEX["disk_total_bytes"]
_IGNORED = INDEX["sigchld_ignored_count"]
_FDS = INDEX["fds_count"]
_FDS_NEAREST = INDEX["fds_nearest_count"]
_FDS_LIMIT = INDEX["fds_limit_count"]
_VIRTUAL_NEAREST = INDEX["virtual_nearest_bytes"]
_VIRTUAL_LIMIT = INDEX["virtual_limit_bytes"]
_TASKS_NEAREST = INDEX["tasks_nearest_count"]
_TASKS_LIMIT = INDEX["tasks_limit_count"]
_MEMORY_CAPACITY = INDEX["memory_capacity_bytes"]
_CPU_CAPACITY = INDEX["cpu_capacity_cores"]

# which columns a file's refusal leaves null
_COLUMNS_OF = {
    "io": "read_bytes and the other columns of /proc/PID/io",
    "fd": "fds_count",
    "children": "processes started by members",
    "smaps_rollup": "pss_bytes, swap_bytes",
    "limits": "fds_limit_count, virtual_limit_bytes",
    "disk": "disk_free_bytes, disk_total_bytes",
}


class LinuxSampler:
    """Samples one process tree and the machine under it.

    pid: the root. adopter: pid of the recorder if it adopts orphans, else 0; the target's CPU is
    then counted from its start, not from the attachment. strangers: children of the recorder that
    are none of the target's.
    Raises TargetGone if there is no such process.
    """

    name = "linux"

    def __init__(
        self,
        pid: int,
        *,
        adopter: int = 0,
        proc: str = "/proc",
        sys: str = "/sys",
        cpu_clock: Callable[[int], int] | None = time.clock_gettime_ns,
        strangers: Iterable[int] = (),
    ) -> None:
        self.pid = pid
        self._proc = proc
        self.tree = Tree(
            proc,
            pid,
            adopter=adopter,
            cpu_clock=cpu_clock,
            room=room_for_members(),
            strangers=strangers,
        )
        try:
            self.tree.attach(from_zero=bool(adopter))
        except OSError as error:
            raise TargetGone(
                f"process {pid} cannot be recorded ({error.strerror}); "
                "it has ended or is hidden from this user"
            ) from None
        self.system = System(proc, sys, pid)
        self._threads = ThreadSums(from_zero=bool(adopter))
        self._disks = Disks()
        self._sweep: Sweep | None = None
        self._counts_by_size = _sizes_are_counts(proc)
        self._noted: set[str] = set()
        self._no_disk = ""
        self._seen_disk = False
        self._memory: dict[int, tuple[int, int]] = {}

    def target_gone(self) -> bool:
        """Whether the root has ended: it has vanished, or waits to be reaped."""
        root = self.tree.members.get(self.pid)
        return root is None or root.zombie

    def read(
        self,
        row: Row,
        *,
        system: bool,
        slow: bool,
        may_go_on: Callable[[], bool] | None = None,
    ) -> bool:
        """Write the columns of the groups that are due into the row; the others stay null.

        may_go_on: asked between the processes of the slow group; once it says no, the pass goes on
        at the next reading that is `slow`. None: all of them now.
        Returns whether the slow group is in the row.
        """
        if self.tree.forked() or system:
            self.tree.discover(all_threads=system)
        self.tree.read(row, idle_too=system)
        finished = slow and self._read_slow(row, may_go_on)
        if system:
            self.system.read(row)
            self._count_fds(row)
            self._read_limits(row)
        return finished

    def processes(self) -> list[tuple[Any, ...]]:
        """The list of processes in the order of PROCESS_FIELDS; meant for the slow cadence."""
        return [self._entry(member) for member in self.tree.members.values()]

    def take_notes(self) -> list[tuple[str, str]]:
        """What could not be recorded and why: each thing once, as (column or group, reason)."""
        notes = []
        for name, reason in {**self.system.missing, **self._denials()}.items():
            if name not in self._noted:
                self._noted.add(name)
                notes.append((name, reason))
        return notes

    def take_last_notes(self) -> list[tuple[str, str]]:
        """Notes that can be told only at the end: of what was never there to be read."""
        if not self._no_disk or _COLUMNS_OF["disk"] in self._noted:
            return []
        return [(_COLUMNS_OF["disk"], self._no_disk)]

    def close(self) -> None:
        """Let go of all descriptors."""
        self.tree.close()
        self.system.close()

    def _denials(self) -> dict[str, str]:
        denials = {}
        for name, reason in self.tree.denied.items():
            denials[_COLUMNS_OF.get(name, name)] = f"a process of the tree denies it ({reason})"
        if not self.tree.has_children_files:
            denials["processes"] = (
                "this kernel has no /proc/PID/task/TID/children: descendants are looked for "
                "once a second"
            )
        return denials

    def _read_slow(self, row: Row, may_go_on: Callable[[], bool] | None) -> bool:
        members = [m for m in self.tree.members.values() if not m.zombie]
        sweep = self._sweep
        if sweep is None:
            sweep = self._sweep = Sweep(self._threads, self._disks)
        if not sweep.go_on(members, may_go_on):
            return False
        self._sweep = None
        self._memory = sweep.memory
        living = [sweep.memory[m.pid] for m in members if m.pid in sweep.memory]
        if sweep.complete and living:
            row[_PSS] = sum(pss for pss, _ in living)
            row[_SWAP] = sum(swap for _, swap in living)
        self._show_disk(row, sweep.disks)
        row[_IGNORED] = sum(member.ignores_sigchld for member in members)
        if sweep.switches is not None:
            row[_VOLUNTARY], row[_INVOLUNTARY], row[_WAIT], row[_BUSIEST] = sweep.switches
        for member in members:
            for name in ("smaps_rollup", "limits", "disk"):
                self._tell_denial(member, name)
        self.system.cgroup.find_limits()
        return True

    def _show_disk(self, row: Row, disks: Disks) -> None:
        if not disks.complete:
            return  # without one of them the least of the others would be a guess
        if disks.least is not None:
            row[_DISK_FREE], row[_DISK_TOTAL] = disks.least
            self._seen_disk, self._no_disk = True, ""
        elif not self._seen_disk:
            elsewhere = " but on a network or FUSE file system, which is not asked"
            self._no_disk = f"no file was seen open for writing{elsewhere if disks.afar else ''}"

    def _tell_denial(self, member: Member, name: str) -> None:
        if name in member.denied:
            self.tree.denied[name] = member.denied[name]

    def _count_fds(self, row: Row) -> None:
        total = 0
        members = [member for member in self.tree.members.values() if not member.zombie]
        complete = bool(members)
        for member in members:
            member.count_fds(by_size=self._counts_by_size)
            if member.fds is None:
                self._tell_denial(member, "fd")
                complete = False
            else:
                total += member.fds
        if complete:
            row[_FDS] = total

    def _read_limits(self, row: Row) -> None:
        nearest_fds = nearest_virtual = -1.0
        for member in self.tree.members.values():
            files, space = member.limits
            if files and member.fds is not None and member.fds / files > nearest_fds:
                nearest_fds = member.fds / files
                row[_FDS_NEAREST], row[_FDS_LIMIT] = member.fds, files
            if space and member.virtual_bytes / space > nearest_virtual:
                nearest_virtual = member.virtual_bytes / space
                row[_VIRTUAL_NEAREST], row[_VIRTUAL_LIMIT] = member.virtual_bytes, space
        tasks = self.system.tasks_nearest()
        if tasks is not None:
            row[_TASKS_NEAREST], row[_TASKS_LIMIT] = tasks
        limit = self.system.cgroup.memory_limit_bytes
        total = self.system.memory_total_bytes
        if limit is not None or total:
            row[_MEMORY_CAPACITY] = min(limit or total, total or limit or 0)
        cores = float(self.system.cores)
        if self._proc == "/proc":
            try:
                cores = min(cores, float(len(os.sched_getaffinity(self.pid))))
            except OSError:
                pass  # the root ends just now; the machine's cores stand
        quota = self.system.cgroup.cpu_limit_cores
        if quota is not None:
            cores = min(cores, quota)
        if cores > 0:
            row[_CPU_CAPACITY] = cores

    def _entry(self, member: Member) -> tuple[Any, ...]:
        memory = self._memory.get(member.pid)
        switches = self._threads.by_pid.get(member.pid)
        io = member.io
        return (
            member.pid,
            member.ppid,
            member.started_ticks * TICK_NS,
            member.cpu_ns,
            member.figures[RSS_POSITION] * PAGE_BYTES,
            NULL_INTEGER if memory is None else memory[0],
            NULL_INTEGER if memory is None else memory[1],
            member.figures[THREADS_POSITION],
            NULL_INTEGER if member.fds is None else member.fds,
            NULL_INTEGER if io is None else io[READ_POSITION],
            NULL_INTEGER if io is None else io[WRITE_POSITION],
            NULL_INTEGER if switches is None else switches[2],
            NULL_INTEGER if switches is None else switches[0] + switches[1],
            int(member.ignores_sigchld),
            member.state,
            member.name,
            command_line(member),
        )


def _sizes_are_counts(proc: str) -> bool:
    """Whether the size of /proc/PID/fd is the number of descriptors (Linux 6.2 and newer)."""
    try:
        return os.stat(f"{proc}/self/fd").st_size > 0
    except OSError:
        return False


def command_line(member: Member) -> bytes:
    """The member's command line with secrets hidden, arguments joined by blanks, cut."""
    raw = (member.read_file("cmdline") or b"").rstrip(b"\0")
    return b" ".join(redact(raw.split(b"\0")))[:COMMAND_BYTES]
