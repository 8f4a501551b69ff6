"""What the application says, taken from its socket: whole lines, unread, with when they came.

The recorder's own waiting stays one wait: all connections are behind one descriptor (epoll), which
is ready when any of them is. Lines are not parsed here; the only thing looked for is the number of
lines that a sender says it had to drop. What is taken at a time is bounded, so that nobody can keep
the recorder from its ticks: whoever sends faster finds the socket full, and drops and counts.

Part of what the small recorder loads.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
from struct import Struct

from perfkit.model.wire import DROPPED_KEY, MAX_LINE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Lines that come close together are taken together: two hundred wake-ups a second at most.
REST_NS = 5_000_000
# 25 MB a second, the most a recorder takes; far beyond what it may be asked for
TAKEN_AT_ONCE = 128 * 1024
# with what a batch waits for its tick beyond this, it is written before it
MOST_HELD_BYTES = 2**18
MOST_CONNECTIONS = 512
_CHUNK = 64 * 1024
_WITHOUT_ACCEPT_NS = 1_000_000_000
_DIGITS = b"0123456789"
_CREDENTIALS = Struct("iII")
_ARRIVAL = Struct("<q")
_KEY = b'"' + DROPPED_KEY.encode() + b'":'


class _Sender:
    """A connection. rest: the beginning of a line whose end has not come yet."""

    __slots__ = ("connection", "is_skipping", "rest")

    def __init__(self, connection: _socket.socket) -> None:
        self.connection = connection
        self.rest = b""
        self.is_skipping = False


class Intake:
    """Takes lines from everyone who connects to one listening socket.

    listener: descriptor of a Unix stream socket that listens; it is this object's from here on.
    users: the user ids that may connect. boottime_ns: the clock of arrivals.
    fileno: ready for reading when somebody has something to say.
    held: payloads of event frames that are to be written, the oldest first: when they came
    (CLOCK_BOOTTIME, int64, little-endian), then whole lines. held_bytes: their size.
    dropped: how many lines were lost since take_dropped().
    """

    def __init__(
        self, listener: int, users: frozenset[int], boottime_ns: Callable[[], int]
    ) -> None:
        self.held: list[bytes] = []
        self.held_bytes = 0
        self.refused: set[int] = set()
        self._users = users
        self._boottime_ns = boottime_ns
        self._listener = _socket.socket(fileno=listener)
        self._listener.setblocking(False)
        self._accepts_again_ns = 0
        self._senders: dict[int, _Sender] = {}
        self.dropped = 0
        self._epoll = select.epoll()
        self._epoll.register(listener, select.EPOLLIN)
        self.fileno = self._epoll.fileno()

    def drain(self) -> bool:
        """Take what is there, up to a bound; returns whether there may be more."""
        now_ns = self._boottime_ns()
        if self._accepts_again_ns and now_ns >= self._accepts_again_ns:
            self._accepts_again_ns = 0
            self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        left = TAKEN_AT_ONCE
        while left > 0:
            ready = self._epoll.poll(0, 64)
            if not ready:
                return False
            for descriptor, _ in ready:
                sender = self._senders.get(descriptor)
                if sender is None:
                    self._accept(now_ns)
                else:
                    left -= self._receive(descriptor, sender, now_ns)
        return True

    def drain_all(self, rounds: int = 400) -> None:
        """Take everything that has been sent so far; a sender that never stops is cut off."""
        while rounds > 0 and self.drain():
            rounds -= 1

    def take(self) -> list[bytes]:
        """What is held; it is the caller's from here on."""
        held, self.held, self.held_bytes = self.held, [], 0
        return held

    def take_dropped(self) -> int:
        """How many lines were lost since the last time: by their senders, or here."""
        dropped, self.dropped = self.dropped, 0
        return dropped

    def is_connected(self) -> bool:
        """Whether somebody is connected."""
        return bool(self._senders)

    def close(self) -> None:
        """Let go of everyone."""
        for descriptor in list(self._senders):
            self._end(descriptor, self._boottime_ns())
        self._listener.close()
        self._epoll.close()

    def _accept(self, now_ns: int) -> None:
        try:
            descriptor, _ = self._listener._accept()  # type: ignore[attr-defined]
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                # it stays ready, so looking at it would never end
                self._epoll.unregister(self._listener.fileno())
                self._accepts_again_ns = now_ns + _WITHOUT_ACCEPT_NS
            return
        connection = _socket.socket(fileno=descriptor)
        try:
            _, user, _ = _CREDENTIALS.unpack(
                connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, _CREDENTIALS.size)
            )
            connection.setblocking(False)
        except OSError:
            connection.close()
            return
        if user not in self._users or len(self._senders) >= MOST_CONNECTIONS:
            if user not in self._users and len(self.refused) < 16:
                self.refused.add(user)
            connection.close()
            return
        self._senders[descriptor] = _Sender(connection)
        self._epoll.register(descriptor, select.EPOLLIN)

    def _receive(self, descriptor: int, sender: _Sender, now_ns: int) -> int:
        try:
            data = os.read(descriptor, _CHUNK)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            data = b""
        if not data:
            self._end(descriptor, now_ns)
            return 0
        size = len(data)
        if sender.is_skipping:
            _, newline, data = data.partition(b"\n")
            if not newline:
                return size
            sender.is_skipping = False
        end = data.rfind(b"\n") + 1
        if not end:
            sender.rest += data
            if len(sender.rest) >= MAX_LINE_BYTES:
                self._skip(sender)
            return size
        rest = sender.rest
        if rest:
            if len(rest) + data.find(b"\n") >= MAX_LINE_BYTES:
                self.dropped += 1
                begin = data.find(b"\n") + 1
                rest = b""
            else:
                begin = 0
            lines = rest + data[begin:end]
        else:
            lines = data if end == len(data) else data[:end]
        sender.rest = data[end:]
        if lines:
            self._hold(lines, now_ns)
        return size

    def _skip(self, sender: _Sender) -> None:
        """Give a line up that is too long; its end is still to come."""
        self.dropped += 1
        sender.rest = b""
        sender.is_skipping = True

    def _hold(self, lines: bytes, now_ns: int) -> None:
        self.held.append(_ARRIVAL.pack(now_ns) + lines)
        self.held_bytes += len(lines)
        if _KEY in lines:
            self.dropped += _said_dropped(lines)

    def _end(self, descriptor: int, now_ns: int) -> None:
        sender = self._senders.pop(descriptor)
        self._epoll.unregister(descriptor)
        sender.connection.close()
        if sender.rest:
            self._hold(sender.rest + b"\n", now_ns)


def _said_dropped(lines: bytes) -> int:
    """The sum of what senders say they dropped. Bounded, since anybody may say anything."""
    total = 0
    at = lines.find(_KEY)
    while at >= 0:
        begin = at + len(_KEY)
        if lines[begin : begin + 1] == b" ":
            begin += 1
        end = begin
        while end - begin < 9 and lines[end : end + 1] and lines[end] in _DIGITS:
            end += 1
        if end > begin:
            total += int(lines[begin:end])
        at = lines.find(_KEY, end)
    return total
