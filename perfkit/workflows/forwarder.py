"""Handing on to a recorder's socket what came in by another protocol, from a process of its own.

One file a protocol (statsd.py); this is what they share: a connection that never waits, drops what
the recorder does not take in time, says how much that was, and knows when the recorder is gone.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Mapping

from perfkit.model.wire import DROPPED_KEY, MAX_LINE_BYTES

BACKLOG_BYTES = 2**20
_SEND_BUFFER_BYTES = 2**20


class Forwarder:
    """A connection to the recorder that listens at `path`. Raises OSError if nobody does.

    is_gone: whether the recorder has left. backlog_bytes: what it has not taken yet.
    """

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        self.is_gone = False
        self._unsent = bytearray()
        self._dropped = 0

    @property
    def backlog_bytes(self) -> int:
        """What was said and the recorder has not taken yet."""
        return len(self._unsent)

    def lose(self, count: int) -> None:
        """Count what was lost before it came here."""
        self._dropped += count

    def say(self, messages: Iterable[Mapping[str, object]]) -> None:
        """Queue a line for each message, or count it as dropped where the backlog is full."""
        for message in messages:
            if len(self._unsent) >= BACKLOG_BYTES:
                self._dropped += 1
                continue
            told = {**message, DROPPED_KEY: self._dropped} if self._dropped else message
            line = json.dumps(told, allow_nan=False).encode() + b"\n"
            if len(line) > MAX_LINE_BYTES:
                self._dropped += 1
            else:
                self._unsent += line
                self._dropped = 0

    def flush(self) -> bool:
        """Send what can be sent now; returns whether nothing is left."""
        try:
            while self._unsent:
                del self._unsent[: self.socket.send(self._unsent)]
        except BlockingIOError:
            return False
        except OSError:
            self.is_gone = True
        return True

    def tell_losses(self) -> None:
        """Queue a line for what was dropped since the last one, where no other follows."""
        if self._dropped:
            self.say([{"type": "perfkit.dropped"}])
