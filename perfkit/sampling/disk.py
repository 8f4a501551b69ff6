"""Room on disk: of the file systems that the target writes to, the one with least free.

It writes to those where it holds a file open for writing. No name is kept: the mode of
/proc/PID/fd/N tells whether N may be written to, its link whether it is a file at all,
/proc/PID/fdinfo/N on which mount it lies, and `statvfs` of /proc/PID/fd/N follows into the
target's own mount namespace.

File systems of a network, and those that a process serves (FUSE), are never asked: where the
server is dead the answer may never come, and a recorder that waits for it records nothing. The
mount tells their type without asking them. Sources: proc_pid_fd(5), proc_pid_fdinfo(5),
proc_pid_mountinfo(5).
"""

from __future__ import annotations

import os
from stat import S_ISREG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from perfkit.sampling.member import Member

LOOKED_AT = 64
"""Descriptors of a process that are looked at, the lowest first."""

# after so many passes what is known of mounts is learnt anew: their numbers are given out again
_LEARNT_FOR = 12

_WRITABLE = 0o200
_MOST_PAGES = 256
_ASKED_FROM_AFAR = frozenset(
    b"9p afs autofs beegfs ceph cifs coda fuse gpfs lustre ncpfs nfs nfs4 orangefs smb3 smbfs".split()
)


class Disks:
    """Looks at processes one after the other, in passes.

    A process whose CPU clock stands where it stood has opened and closed nothing: it is only asked
    for the room on what it held open then.

    least: (free, total) in bytes of the file system with least free for an ordinary user, None
    while none was found. complete: whether every process let itself be looked at. afar: whether
    files lie on file systems that are not asked.
    """

    __slots__ = ("_asked", "_done", "_held", "_held_before", "_passes", "afar", "complete", "least")

    def __init__(self) -> None:
        self._passes = 0
        # mount to whether it may be asked; what no table of mounts names is not
        self._asked: dict[bytes, bool] = {}
        # pid to its CPU clock, and (mount, descriptor) of its files open for writing
        self._held: dict[int, tuple[int, list[tuple[bytes, str]]]] = {}
        self._held_before = self._held
        self.begin()

    def begin(self) -> None:
        """Begin a pass."""
        self.least: tuple[int, int] | None = None
        self.complete = True
        self.afar = False
        self._done: set[bytes] = set()
        self._held_before, self._held = self._held, {}
        if self._passes % _LEARNT_FOR == 0:
            self._asked, self._held_before = {}, {}
        self._passes += 1

    def look(self, member: Member) -> None:
        """Look at the files of one process; a refusal is noted in its `denied`."""
        try:
            held = self._held_before.get(member.pid)
            if held is None or held[0] != member.clock_ns or member.clock_ns < 0:
                held = member.clock_ns, self._files_of(member)
            self._held[member.pid] = held
            for mount, name in held[1]:
                if mount in self._done:
                    continue
                if self._asked[mount]:
                    self._ask(mount, f"{member.path}/fd/{name}")
                else:
                    self.afar = True
        except (FileNotFoundError, ProcessLookupError):
            pass  # ends just now
        except OSError as error:
            self.complete = False
            member.denied["disk"] = error.strerror or str(error)

    def _files_of(self, member: Member) -> list[tuple[bytes, str]]:
        """Mount and descriptor of files open for writing, one a mount; none is touched."""
        names = []
        with os.scandir(f"{member.path}/fd") as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) == LOOKED_AT:
                    break
        found: list[tuple[bytes, str]] = []
        learnt = False
        for name in names:
            path = f"{member.path}/fd/{name}"
            try:
                if not os.lstat(path).st_mode & _WRITABLE:
                    continue
                link = os.readlink(path)
                if link.startswith("/dev/shm/"):
                    pass  # files, in memory
                elif link.startswith("/dev/") or not link.startswith("/"):
                    continue  # pipes, sockets and devices take no room
                mount = _mount_of(f"{member.path}/fdinfo/{name}")
            except (FileNotFoundError, ProcessLookupError):
                continue  # closed meanwhile
            if mount not in self._asked and not learnt:
                learnt = True
                self._learn(f"{member.path}/mountinfo")
            if mount in self._asked and (mount, name) not in found:
                found.append((mount, name))
        return found

    def _ask(self, mount: bytes, path: str) -> None:
        try:
            if not S_ISREG(os.stat(path).st_mode):
                return
            figures = os.statvfs(path)
        except (FileNotFoundError, ProcessLookupError):
            return  # closed meanwhile
        self._done.add(mount)
        total = figures.f_blocks * figures.f_frsize
        if total <= 0:
            return  # such as /proc and /sys: nothing there takes room
        free = figures.f_bavail * figures.f_frsize
        if self.least is None or free < self.least[0]:
            self.least = free, total

    def _learn(self, path: str) -> None:
        """Take in the mounts that a process sees, by their types."""
        for line in _read(path).split(b"\n"):
            before, dash, after = line.partition(b" - ")
            if dash:
                kind = after.split(b" ", 1)[0]
                afar = kind in _ASKED_FROM_AFAR or kind.startswith(b"fuse.")
                self._asked[before.split(b" ", 1)[0]] = not afar


def _mount_of(path: str) -> bytes:
    """The id of the mount that a file lies on, as text; empty on kernels that do not tell."""
    text = _read(path)
    start = text.find(b"mnt_id:")
    return text[start + 7 :].split(None, 1)[0] if start >= 0 else b""


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = [os.read(descriptor, 65536)]
        # a page at a time, whatever is asked for; bounded, since strangers may mount a lot
        while len(parts[-1]) > 1024 and len(parts) < _MOST_PAGES:
            parts.append(os.read(descriptor, 65536))
        return b"".join(parts)
    finally:
        os.close(descriptor)
