"""One process of the tree: its kept descriptors and its last figures.

A kept descriptor of /proc/PID/… answers ESRCH once its process is gone, so a reused PID is
never taken for the process that was opened.
"""

from __future__ import annotations

import os
from operator import itemgetter

from perfkit.model.metric import COUNTER
from perfkit.sampling.metrics import IO_FIELDS, STAT_FIELDS

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# positions in /proc/PID/stat behind the closing parenthesis of the name
_STATE, _PPID, _STARTED, _VIRTUAL = 0, 1, 19, 20
_CHILDREN_CPU = (13, 14)
_OWN_CPU = (11, 12)
_LAST_FIELD = 22

_SCALES = {"1": 1, "tick": TICK_NS, "page": PAGE_BYTES}

# One C call picks every number that is wanted: own figures, then those of reaped children.
_own = itemgetter(*(field.index for field in STAT_FIELDS))
_reaped_positions = tuple(
    (position, field.children) for position, field in enumerate(STAT_FIELDS) if field.children >= 0
)
_scales = tuple(_SCALES[field.scale] for field in STAT_FIELDS)
_gauges = tuple(
    position for position, field in enumerate(STAT_FIELDS) if field.metric.kind != COUNTER
)
RSS_POSITION = next(i for i, f in enumerate(STAT_FIELDS) if f.metric.name == "rss_bytes")
THREADS_POSITION = next(i for i, f in enumerate(STAT_FIELDS) if f.metric.name == "threads_count")
READ_POSITION = next(i for i, (m, _) in enumerate(IO_FIELDS) if m.name == "read_bytes")
WRITE_POSITION = next(i for i, (m, _) in enumerate(IO_FIELDS) if m.name == "write_bytes")
_io_keys = tuple(key.encode() + b":" for _, key in IO_FIELDS)


class Member:
    """A process that belongs to the tree, whether alive or not yet reaped.

    figures: one integer for each of STAT_FIELDS, reaped children included.
    io: one integer for each of IO_FIELDS, or None where /proc/PID/io may not be read.
    cpu_ns: own CPU clock plus the CPU of reaped children; fds: open descriptors or None.
    denied: name of a file that may not be read to the system's reason.
    """

    __slots__ = (
        "_io_raw",
        "_io_slots",
        "_path",
        "_stat_raw",
        "children_cpu_ns",
        "children_fd",
        "clock_id",
        "cpu_ns",
        "denied",
        "fds",
        "fds_dir",
        "figures",
        "ignores_sigchld",
        "io",
        "io_fd",
        "limits",
        "name",
        "pid",
        "ppid",
        "started_ticks",
        "stat_fd",
        "state",
        "virtual_bytes",
    )

    def __init__(self, proc: str, pid: int) -> None:
        """Raises OSError (ENOENT, ESRCH) when there is no such process."""
        self.pid = pid
        self._path = f"{proc}/{pid}"
        self.denied: dict[str, str] = {}
        self._stat_raw = b""
        self._io_raw = b""
        self._io_slots: tuple[int, ...] | None = None
        self.name = b""
        self.state = b"?"
        self.ppid = 0
        self.started_ticks = 0
        self.virtual_bytes = 0
        self.figures = [0] * len(STAT_FIELDS)
        self.children_cpu_ns = 0
        self.cpu_ns = 0
        self.io: list[int] | None = None
        self.fds: int | None = None
        self.limits: tuple[int | None, int | None] = (None, None)
        self.ignores_sigchld = False
        # the kernel's number of a process CPU clock: include/linux/posix-timers.h
        self.clock_id = (~pid) << 3 | 2
        self.io_fd = self.fds_dir = self.children_fd = -1
        self.stat_fd = os.open(f"{self._path}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.parse_stat(os.pread(self.stat_fd, 1024, 0))
            self.io_fd = self._keep("io")
            self.fds_dir = self._keep("fd", os.O_DIRECTORY)
            self.children_fd = self._keep(f"task/{pid}/children")
        except OSError:
            self.close()
            raise

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
        for descriptor in (self.stat_fd, self.io_fd, self.fds_dir, self.children_fd):
            if descriptor >= 0:
                os.close(descriptor)
        self.stat_fd = self.io_fd = self.fds_dir = self.children_fd = -1

    def is_zombie(self) -> bool:
        """Whether the process has ended and waits to be reaped."""
        return self.state in (b"Z", b"X")

    def is_there(self) -> bool:
        """Whether the process still exists."""
        try:
            os.pread(self.stat_fd, 1, 0)
        except OSError:
            return False
        return True

    def stat_changed(self, raw: bytes) -> bool:
        """Whether the line differs from the last one parsed; idle processes save the parsing."""
        return raw != self._stat_raw

    def parse_stat(self, raw: bytes) -> None:
        """Take over a line of /proc/PID/stat; the name may hold blanks and parentheses."""
        self._stat_raw = raw
        end = raw.rindex(b")")
        self.name = raw[raw.index(b"(") + 1 : end]
        fields = raw[end + 2 :].split(None, _LAST_FIELD)
        figures = [int(text) for text in _own(fields)]
        for position, children in _reaped_positions:
            figures[position] += int(fields[children])
        self.figures = [figure * scale for figure, scale in zip(figures, _scales, strict=True)]
        self.state = fields[_STATE]
        self.ppid = int(fields[_PPID])
        self.started_ticks = int(fields[_STARTED])
        self.virtual_bytes = int(fields[_VIRTUAL])
        self.children_cpu_ns = TICK_NS * (
            int(fields[_CHILDREN_CPU[0]]) + int(fields[_CHILDREN_CPU[1]])
        )
        self.cpu_ns = self.children_cpu_ns + TICK_NS * (
            int(fields[_OWN_CPU[0]]) + int(fields[_OWN_CPU[1]])
        )
        if self.is_zombie():
            for position in _gauges:
                self.figures[position] = 0

    def read_io(self) -> bool:
        """Read /proc/PID/io; returns whether it changed. Raises OSError when it may not be read."""
        raw = os.pread(self.io_fd, 512, 0)
        if raw == self._io_raw:
            return False
        self._io_raw = raw
        words = raw.split()
        if self._io_slots is None:
            self._io_slots = tuple(words.index(key) + 1 for key in _io_keys)
        self.io = [int(words[slot]) for slot in self._io_slots]
        return True

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

    def count_fds(self) -> int | None:
        """Open descriptors, by listing them: for kernels that do not give their number."""
        try:
            return len(os.listdir(f"{self._path}/fd"))
        except OSError:
            return None
