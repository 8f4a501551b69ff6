"""Room on disk: of the file systems that the target writes to, the one with least free.

It writes to those where it holds a file open for writing. No name is read or kept: the mode of
/proc/PID/fd/N tells whether N may be written to, /proc/PID/fdinfo/N on which mount it lies, and
`statvfs` of /proc/PID/fd/N follows into the target's own mount namespace.

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

LOOKED_AT = 128
"""Descriptors of a process that are looked at, the lowest first: a listing of all costs the kernel
about a microsecond each."""

_WRITABLE = 0o200
_MOST_BYTES = 1 << 20
_ASKED_FROM_AFAR = frozenset(
    b"9p afs autofs beegfs ceph cifs coda fuse gpfs lustre ncpfs nfs nfs4 orangefs smb3 smbfs".split()
)


class Disks:
    """Looks at processes one after the other.

    least: (free, total) in bytes of the file system with least free for an ordinary user, None
    while none was found. complete: whether every process let itself be looked at. afar: whether
    files lie on file systems that are not asked.
    """

    __slots__ = ("_afar", "_asked", "_done", "afar", "complete", "least")

    def __init__(self) -> None:
        self.least: tuple[int, int] | None = None
        self.complete = True
        self.afar = False
        # mount id to whether it is asked; what no table of mounts names (pipes, sockets) is not
        self._asked: dict[bytes, bool] = {}
        self._afar: set[bytes] = set()
        self._done: set[bytes] = set()

    def look(self, member: Member) -> None:
        """Look at the files of one process; a refusal is noted in its `denied`."""
        names = []
        try:
            with os.scandir(f"{member.path}/fd") as entries:
                for entry in entries:
                    names.append(entry.name)
                    if len(names) == LOOKED_AT:
                        break
            self._look_at(member, names)
        except (FileNotFoundError, ProcessLookupError):
            pass  # ends just now
        except OSError as error:
            self.complete = False
            member.denied["disk"] = error.strerror or str(error)

    def _look_at(self, member: Member, names: list[str]) -> None:
        mounts_known = False
        for name in names:
            path = f"{member.path}/fd/{name}"
            try:
                if not os.lstat(path).st_mode & _WRITABLE:
                    continue
                mount = _mount_of(f"{member.path}/fdinfo/{name}")
                if mount in self._done:
                    continue
                if mount not in self._asked and not mounts_known:
                    mounts_known = True
                    self._learn(f"{member.path}/mountinfo")
                if not self._asked.setdefault(mount, False):
                    self.afar = self.afar or mount in self._afar
                    continue
                if S_ISREG(os.stat(path).st_mode):
                    self._done.add(mount)
                    self._ask(path)
            except (FileNotFoundError, ProcessLookupError):
                continue  # closed meanwhile

    def _ask(self, path: str) -> None:
        figures = os.statvfs(path)
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
            if not dash:
                continue
            kind = after.split(b" ", 1)[0]
            mount = before.split(b" ", 1)[0]
            afar = kind in _ASKED_FROM_AFAR or kind.startswith(b"fuse.")
            self._asked[mount] = not afar
            if afar:
                self._afar.add(mount)


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
        while parts[-1] and len(parts) * 4096 < _MOST_BYTES:
            parts.append(os.read(descriptor, 65536))
        return b"".join(parts)
    finally:
        os.close(descriptor)
