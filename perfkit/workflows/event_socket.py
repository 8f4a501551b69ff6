"""The socket on which a recorder listens to its target: where it lies, and whose it is.

Made by the launching command, which hands the listening descriptor to the small recorder. Sockets
lie in a folder of the target's user that nobody else may enter. Nothing here is worth failing a
recording for: where it cannot be made, the recording has no events and says why.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import perfkit
from perfkit.errors import UsageError
from perfkit.model.text import printable
from perfkit.model.wire import FOLDERS, SOCKET_NAME

_BACKLOG = 256
_PATIENCE_S = 1.0
_MOST_SWEPT = 1000


class NoEvents(Exception):
    """Why there is no socket; a sentence without its full stop."""


class EventFolder:
    """The private folder of a user's sockets, made if need be and held by its descriptor.

    By the descriptor, since root may be recording a user who could put a link in its place.
    Raises NoEvents.
    """

    def __init__(self, user: int) -> None:
        self.user = user
        if os.geteuid() not in (0, user):
            raise NoEvents(
                f"the target belongs to user {user}, whose folder only they and root own"
            )
        self.path = _folder_of(user)
        shown = printable(self.path)
        try:
            with contextlib.suppress(FileExistsError):
                Path(self.path).mkdir(0o700)
            self.descriptor = os.open(
                self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            )
        except OSError as error:
            raise NoEvents(f"{shown} cannot be made or entered ({error.strerror})") from None
        try:
            self._make_private(shown)
            self._lock(shown)
        except NoEvents:
            os.close(self.descriptor)
            raise

    def path_for(self, pid: int) -> str:
        """Where the socket of this target lies."""
        return f"{self.path}/{SOCKET_NAME.format(pid=pid)}"

    def listen(self, pid: int) -> socket.socket:
        """The listening socket of this target. Raises NoEvents if another recorder has it."""
        name = SOCKET_NAME.format(pid=pid)
        # shorter than any path, and it leads to the folder that was checked
        path = f"/proc/self/fd/{self.descriptor}/{name}"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        former = os.umask(0o177)
        try:
            self._sweep()
            if os.path.lexists(path):
                if _answers(path):
                    raise NoEvents(
                        f"another recorder listens to process {pid} already and has its events"
                    )
                os.unlink(name, dir_fd=self.descriptor)
            listener.bind(path)
            if self.user != os.geteuid():
                os.chown(name, self.user, -1, dir_fd=self.descriptor, follow_symlinks=False)
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise NoEvents(
                f"no socket can be made in {printable(self.path)} ({error.strerror})"
            ) from None
        except NoEvents:
            listener.close()
            raise
        finally:
            os.umask(former)
        return listener

    def close(self) -> None:
        """Let go of the folder; other recorders may use it."""
        os.close(self.descriptor)

    def _make_private(self, shown: str) -> None:
        facts = os.fstat(self.descriptor)
        if facts.st_uid == os.geteuid() and facts.st_uid != self.user:
            os.fchown(self.descriptor, self.user, -1)
        elif facts.st_uid != self.user:
            raise NoEvents(f"{shown} belongs to user {facts.st_uid}, so others could listen in")
        if stat.S_IMODE(facts.st_mode) & 0o077:
            try:
                os.fchmod(self.descriptor, 0o700)
            except OSError:
                raise NoEvents(f"{shown} is open to others") from None

    def _lock(self, shown: str) -> None:
        """Two recorders never look for and make a socket at the same time."""
        end_s = time.monotonic() + _PATIENCE_S
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() >= end_s:
                    raise NoEvents(f"somebody holds the lock of {shown}") from None
                time.sleep(0.01)
            else:
                return

    def _sweep(self) -> None:
        """Remove what killed recorders have left behind, of targets that are gone as well."""
        for name in os.listdir(self.descriptor)[:_MOST_SWEPT]:  # noqa: PTH208 (of a descriptor)
            number = name.removesuffix(".sock")
            if number == name or not number.isdecimal() or Path(f"/proc/{number}").exists():
                continue
            if not _answers(f"/proc/self/fd/{self.descriptor}/{name}"):
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=self.descriptor)


def target_folder(pid: int) -> EventFolder | NoEvents:
    """The folder of the effective user of a process, or why there is none."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
        return folder_for(int(status.split(b"\nUid:", 1)[1].split(None, 2)[1]))
    except (OSError, IndexError, ValueError):
        return NoEvents(f"the user of process {pid} cannot be told")


def folder_for(user: int) -> EventFolder | NoEvents:
    """The folder of a user, or why there is none."""
    try:
        return EventFolder(user)
    except NoEvents as missing:
        return missing


def listening_options(
    folder: EventFolder | NoEvents, pid: int, ports: Sequence[socket.socket] = ()
) -> dict[str, Any]:
    """Begin to listen to a target; returns what the small recorder gets to know of it.

    `events_fd` is inherited by what is executed next, and only by that. ports: of StatsD, for
    which a process is started; they are closed here.
    """
    if isinstance(folder, NoEvents):
        return {"events_missing": str(folder)}
    try:
        listener = folder.listen(pid)
    except NoEvents as missing:
        return {"events_missing": str(missing)}
    finally:
        folder.close()
    path = folder.path_for(pid)
    options: dict[str, Any] = {
        "events_path": path,
        "events_users": ",".join(str(user) for user in {0, os.geteuid(), folder.user}),
    }
    if ports:
        options["forwarder_pid"] = _start_statsd(ports, path)
    listener.set_inheritable(True)
    return {**options, "events_fd": listener.detach()}


def statsd_sockets(text: str | None) -> list[socket.socket]:
    """The UDP sockets of `PORT` (the loopback's, of both families) or `HOST:PORT`.

    Raises UsageError if that is no address of this machine or is taken.
    """
    if text is None:
        return []
    host, colon, port = text.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65536 or (colon and not host):
        raise UsageError(
            f"--statsd {printable(text)!r} is no port; write it like 8125 or 192.0.2.7:8125"
        )
    sockets: list[socket.socket] = []
    for name in [host.strip("[]")] if host else ["127.0.0.1", "::1"]:
        try:
            sockets.append(_bound(name, int(port)))
        except OSError as error:
            if not host and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                continue  # a machine without IPv6
            raise UsageError(
                f"--statsd: UDP port {port} of {printable(name)} cannot be used "
                f"({error.strerror}); choose another"
            ) from None
    return sockets


def _bound(host: str, port: int) -> socket.socket:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    bound = socket.socket(family, kind)
    try:
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def _start_statsd(ports: Sequence[socket.socket], path: str) -> int:
    root = str(Path(perfkit.__file__).parent.parent)
    code = (
        f"import sys; sys.path.append({root!r}); from perfkit.workflows.statsd import main; main()"
    )
    descriptors = [port.fileno() for port in ports]
    process = subprocess.Popen(
        [sys.executable, "-S", "-E", "-P", "-c", code, ",".join(map(str, descriptors)), path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=descriptors,
    )
    for port in ports:
        port.close()
    return process.pid


def _folder_of(user: int) -> str:
    """The first folder whose parent is the user's own, or is everybody's."""
    private, public = (pattern.format(uid=user) for pattern in FOLDERS)
    try:
        facts = Path(private).parent.lstat()
    except OSError:
        return public
    return private if stat.S_ISDIR(facts.st_mode) and facts.st_uid == user else public


def _answers(path: str) -> bool:
    """Whether somebody listens at a socket, however busy."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True
