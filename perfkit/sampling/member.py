"""One process of the tree: its kept descriptors and its last figures.

A kept descriptor of /proc/PID/… answers ESRCH once its process is gone, so a reused PID is
never taken for the process that was opened. A member without kept descriptors is known by its
start time, which `stat` tells.
"""

from __future__ import annotations

import os
from operator import itemgetter

from perfkit.model.metric import COUNTER
from perfkit.sampling.metrics import IO_FIELDS, STAT_FIELDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# positions in /proc/PID/stat behind the closing parenthesis of the name
_STATE, _PPID, _STARTED, _VIRTUAL = 0, 1, 19, 20
_LAST_FIELD = 22
_ENDED = (b"Z", b"X")
_SIGCHLD_BIT = 1 << 16

_SCALES = {"1": 1, "tick": TICK_NS, "page": PAGE_BYTES}
STAT_SCALES = tuple(_SCALES[field.scale] for field in STAT_FIELDS)
"""What one unit of each of Member.figures is worth."""

# One C call picks every number that is wanted: own figures, then those of reaped children, which
# only the counters have; the table lists counters first.
_OWN = len(STAT_FIELDS)
STAT_COUNTERS = sum(field.metric.kind == COUNTER for field in STAT_FIELDS)
_pick = itemgetter(
    *(field.index for field in STAT_FIELDS),
    *(field.children for field in STAT_FIELDS[:STAT_COUNTERS]),
)
_USER, _SYSTEM = (
    next(i for i, f in enumerate(STAT_FIELDS) if f.metric.name == name)
    for name in ("cpu_user_ns", "cpu_system_ns")
)
RSS_POSITION = next(i for i, f in enumerate(STAT_FIELDS) if f.metric.name == "rss_bytes")
THREADS_POSITION = next(i for i, f in enumerate(STAT_FIELDS) if f.metric.name == "threads_count")
READ_POSITION = next(i for i, (m, _) in enumerate(IO_FIELDS) if m.name == "read_bytes")
WRITE_POSITION = next(i for i, (m, _) in enumerate(IO_FIELDS) if m.name == "write_bytes")
_io_keys = tuple(key.encode() + b":" for _, key in IO_FIELDS)


class Member:
    """A process that belongs to the tree, whether alive or not yet reaped.

    figures: one integer for each of STAT_FIELDS in the units of the file (STAT_SCALES), reaped
        children included.
    io: one integer for each of IO_FIELDS, or None where /proc/PID/io may not be read.
    stat_raw, io_raw: the texts that were parsed last; equal ones need no parsing.
    cpu_ns: own CPU clock plus the CPU of reaped children; fds: open descriptors or None.
    clock_ns, looked_ns: where the CPU clock stood before figures and io, and before its children,
        were read last; -1 before the first reading.
    zombie: whether the process has ended and waits to be reaped.
    changes: how often `stat` had changed, halved now and then: how active it is of late.
    denied: name of a file that may not be read to the system's reason.
    """

    __slots__ = (
        "_io_slots",
        "_path",
        "changes",
        "children_cpu_ns",
        "children_fd",
        "clock_id",
        "clock_ns",
        "cpu_ns",
        "denied",
        "fds",
        "figures",
        "ignores_sigchld",
        "io",
        "io_fd",
        "io_raw",
        "limits",
        "looked_ns",
        "pid",
        "stat_fd",
        "stat_raw",
        "state",
        "zombie",
    )

    def __init__(self, proc: str, pid: int) -> None:
        """Raises OSError (ENOENT, ESRCH) when there is no such process."""
        self.pid = pid
        self._path = f"{proc}/{pid}"
        self.denied: dict[str, str] = {}
        self.stat_raw = b""
        self.io_raw = b""
        self._io_slots: Callable[[list[bytes]], tuple[bytes, ...]] | None = None
        self.state = b"?"
        self.zombie = False
        self.figures = [0] * len(STAT_FIELDS)
        self.children_cpu_ns = 0
        self.cpu_ns = 0
        self.io: list[int] | None = None
        self.fds: int | None = None
        self.limits: tuple[int | None, int | None] = (None, None)
        self.ignores_sigchld = False
        self.changes = 0
        # the kernel's number of a process CPU clock: include/linux/posix-timers.h
        self.clock_id = (~pid) << 3 | 2
        self.clock_ns = self.looked_ns = -1
        self.io_fd = self.children_fd = -1
        self.stat_fd = os.open(f"{self._path}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.parse_stat(os.pread(self.stat_fd, 1024, 0))
        except OSError:
            self.close()
            raise
        self._keep_others()

    def keep(self) -> bool:
        """Keep the descriptors open again; returns whether the process is still there."""
        try:
            self.stat_fd = os.open(f"{self._path}/stat", os.O_RDONLY | os.O_CLOEXEC)
            if self._is_mine(os.pread(self.stat_fd, 1024, 0)):
                self._keep_others()
                return True
        except OSError:
            pass
        self.close()
        return False

    def _keep_others(self) -> None:
        self.io_fd = self._keep("io")
        self.children_fd = self._keep(f"task/{self.pid}/children")

    def _is_mine(self, raw: bytes) -> bool:
        """Whether a line of `stat` is this process's, and not that of one with its pid later."""
        return _number_in(raw, _STARTED) == self.started_ticks

    def _keep(self, name: str, flags: int = 0) -> int:
        try:
            return os.open(f"{self._path}/{name}", os.O_RDONLY | os.O_CLOEXEC | flags)
        except (ProcessLookupError, FileNotFoundError):
            return -1  # ends just now, or the kernel has no such file
        except OSError as error:
            self.denied[name.rpartition("/")[2]] = error.strerror or str(error)
            return -1

    def close(self) -> None:
        """Let go of the descriptors; the last figures stay."""
        for descriptor in (self.stat_fd, self.io_fd, self.children_fd):
            if descriptor >= 0:
                os.close(descriptor)
        self.stat_fd = self.io_fd = self.children_fd = -1

    def is_there(self) -> bool:
        """Whether the process still exists."""
        if self.stat_fd < 0:
            return bool(self.read_afresh())
        try:
            os.pread(self.stat_fd, 1, 0)
        except OSError:
            return False
        return True

    def read_afresh(self) -> bytes:
        """The line of /proc/PID/stat without a kept descriptor; empty once the process is gone."""
        try:
            descriptor = os.open(f"{self._path}/stat", os.O_RDONLY | os.O_CLOEXEC)
        except (ProcessLookupError, FileNotFoundError):
            return b""
        except OSError:
            return self.stat_raw  # out of descriptors for a moment: the last figures stand
        try:
            raw = os.read(descriptor, 1024)
        except ProcessLookupError:
            return b""
        finally:
            os.close(descriptor)
        return raw if self._is_mine(raw) else b""

    def parse_stat(self, raw: bytes) -> None:
        """Take over a line of /proc/PID/stat; the name may hold blanks and parentheses."""
        self.stat_raw = raw
        fields = raw[raw.rindex(b")") + 2 :].split(None, _LAST_FIELD)
        self.state = fields[_STATE]
        numbers = [int(text) for text in _pick(fields)]
        self.children_cpu_ns = TICK_NS * (numbers[_OWN + _USER] + numbers[_OWN + _SYSTEM])
        for position in range(STAT_COUNTERS):
            numbers[position] += numbers[_OWN + position]
        del numbers[_OWN:]
        cpu_ns = TICK_NS * (numbers[_USER] + numbers[_SYSTEM])
        if cpu_ns > self.cpu_ns:
            # otherwise `stat` lags behind the CPU clock, by up to 10 ms a figure
            self.cpu_ns = cpu_ns
        # a leader that has ended while its threads go on is no end of the process
        self.zombie = self.state in _ENDED and numbers[THREADS_POSITION] <= 1
        if self.zombie:
            numbers[STAT_COUNTERS:] = [0] * (_OWN - STAT_COUNTERS)
        self.figures = numbers

    @property
    def path(self) -> str:
        """The folder of the process in the process file system."""
        return self._path

    @property
    def name(self) -> bytes:
        """The name as the kernel keeps it; an exec changes it."""
        raw = self.stat_raw
        return raw[raw.index(b"(") + 1 : raw.rindex(b")")]

    @property
    def ppid(self) -> int:
        """The parent's process id; a reparented process has another."""
        return self._stat_number(_PPID)

    @property
    def started_ticks(self) -> int:
        """When the process started, in ticks since boot: with the pid, its identity."""
        return self._stat_number(_STARTED)

    @property
    def virtual_bytes(self) -> int:
        """Size of the address space."""
        return self._stat_number(_VIRTUAL)

    def _stat_number(self, position: int) -> int:
        return _number_in(self.stat_raw, position)

    def parse_io(self, raw: bytes) -> None:
        """Take over the text of /proc/PID/io."""
        self.io_raw = raw
        words = raw.split()
        if self._io_slots is None:
            self._io_slots = itemgetter(*(words.index(key) + 1 for key in _io_keys))
        self.io = [int(word) for word in self._io_slots(words)]

    def parse_signals(self, status: bytes | None) -> None:
        """Take from /proc/PID/status whether the process ignores SIGCHLD."""
        start = -1 if status is None else status.find(b"SigIgn:")
        if status is not None and start >= 0:
            mask = int(status[start + 7 :].split(None, 1)[0], 16)
            self.ignores_sigchld = bool(mask & _SIGCHLD_BIT)

    def read_file(self, name: str) -> bytes | None:
        """The content of another file of the process, or None with the reason in `denied`."""
        try:
            descriptor = os.open(f"{self._path}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except (ProcessLookupError, FileNotFoundError):
            return None
        except OSError as error:
            self.denied[name] = error.strerror or str(error)
            return None
        try:
            return os.read(descriptor, 65536)
        except ProcessLookupError:
            return None
        except OSError as error:
            self.denied[name] = error.strerror or str(error)
            return None
        finally:
            os.close(descriptor)

    def read_children(self, thread: str = "") -> list[int]:
        """Process ids of the children that the leader, or one other thread, has started."""
        if thread:
            raw = self.read_file(f"task/{thread}/children") or b""
        elif self.stat_fd < 0:
            raw = self.read_file(f"task/{self.pid}/children") or b""
            if raw and not self.is_there():
                return []  # the pid was given to another process, whose children these are
        elif self.children_fd < 0:
            return []
        else:
            raw = b""
            while chunk := os.pread(self.children_fd, 65536, len(raw)):
                raw += chunk
        return [int(word) for word in raw.split()]

    def threads(self) -> list[str]:
        """Thread ids, or none where the process is gone or hidden."""
        try:
            return os.listdir(f"{self._path}/task")
        except OSError:
            return []

    def count_fds(self, *, by_size: bool) -> None:
        """Count the open descriptors into `fds`; None where they may not be seen.

        by_size: the size of the folder is their number (Linux 6.2 and newer); else it is listed.
        """
        path = f"{self._path}/fd"
        try:
            self.fds = os.stat(path).st_size if by_size else len(os.listdir(path))
        except (FileNotFoundError, ProcessLookupError):
            self.fds = 0  # ends just now
        except OSError as error:
            self.fds = None
            self.denied["fd"] = error.strerror or str(error)


def _number_in(stat: bytes, position: int) -> int:
    return int(stat[stat.rindex(b")") + 2 :].split(None, position + 1)[position])
