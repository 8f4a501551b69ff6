"""StatsD for a recording (`--statsd PORT`): UDP in, lines of JSON to the recorder's socket.

A process of its own, since the recorder is to stay small. It ends with the recorder: on SIGTERM,
after what has already come in, or when the connection is closed.

    NAME:VALUE[:VALUE…]|TYPE[|@RATE][|#TAG:VALUE,TAG,…]

c, g, ms and s as in StatsD; h and d, tags and several values as in DogStatsD; further parts are
skipped. A counter's value is divided by its sample rate, a gauge with a sign changes the one said
before, a tag that has the name of a key of ours is called tag_NAME. What is none of that is
counted, and the count is said once a second as an event of type `perfkit.statsd`.
Sources: github.com/statsd/statsd, docs/metric_types.md; DogStatsD's datagram format.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator

from perfkit.workflows.forwarder import Forwarder

MAX_DATAGRAM_BYTES = 65_536
MAX_NAME_BYTES = 256
MAX_TAGS = 32
MAX_GAUGES = 10_000
RECEIVE_BUFFER_BYTES = 4 * 2**20
_SO_RXQ_OVFL = 40  # Linux: how many datagrams found the buffer full so far
_DATAGRAMS_AT_ONCE = 1000
_REST_S = 0.005
_TELL_EVERY_S = 1.0
_LAST_WORDS_S = 0.2

_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_OF_OURS = frozenset(
    ("type", "t_ns", "name", "value", "duration_ms", "success", "sample_rate", "member",
     "operation_id", "parent_id", "perfkit_dropped")
)  # fmt: skip

Message = dict[str, object]


class Parser:
    """Turns datagrams into messages. malformed: how many lines were none, to be reset by the caller."""

    def __init__(self) -> None:
        self.malformed = 0
        self._gauges: dict[tuple[str, str], float] = {}

    def parse(self, datagram: bytes) -> Iterator[Message]:
        """The messages of one datagram, a line each; what is no message is counted."""
        for line in datagram.split(b"\n"):
            if line.strip():
                yield from self._line(line.strip())

    def _line(self, line: bytes) -> Iterator[Message]:
        head, *parts = line.split(b"|")
        name, *values = head.split(b":")
        if not name or len(name) > MAX_NAME_BYTES or not values or not parts:
            self.malformed += 1
            return
        kind, rate, tags = parts[0], 1.0, b""
        for part in parts[1:]:
            if part[:1] == b"@":
                rate = _number(part[1:]) or 0.0
            elif part[:1] == b"#":
                tags = part[1:]
        if not 0 < rate <= 1:
            self.malformed += 1
            return
        labels = _labels(tags)
        text = name.decode("utf-8", "replace")
        for value in values:
            message = self._message(kind, text, value, rate, tags)
            if message is None:
                self.malformed += 1
            else:
                yield {**message, **labels}

    def _message(
        self, kind: bytes, name: str, value: bytes, rate: float, tags: bytes
    ) -> Message | None:
        if kind == b"s":
            member = value[:MAX_NAME_BYTES].decode("utf-8", "replace")
            return {"type": "set", "name": name, "member": member} if member else None
        number = _number(value)
        if number is None:
            return None
        if kind == b"c":
            count = number / rate
            return _finite({"type": "counter", "name": name, "value": count}, count)
        if kind == b"g":
            number = self._gauge(name, value, number, tags)
            return _finite({"type": "gauge", "name": name, "value": number}, number)
        key = {b"ms": "duration_ms", b"h": "value", b"d": "value"}.get(kind)
        if key is None:
            return None
        message: Message = {"type": "timer" if kind == b"ms" else "histogram", "name": name}
        message[key] = number
        if rate < 1:
            message["sample_rate"] = rate
        return message

    def _gauge(self, name: str, value: bytes, number: float, tags: bytes) -> float:
        key = (name, tags.decode("utf-8", "replace"))
        if value[:1] in b"+-":
            number += self._gauges.get(key, 0.0)
        if key in self._gauges or len(self._gauges) < MAX_GAUGES:
            self._gauges[key] = number
        return number


def _number(text: bytes) -> float | None:
    """A finite decimal number; nothing else that Python would take for one."""
    if len(text) > 64 or not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if abs(number) < float("inf") else None


def _finite(message: Message, number: float) -> Message | None:
    return message if abs(number) < float("inf") else None


def _labels(tags: bytes) -> Message:
    labels: Message = {}
    if not tags:
        return labels
    for tag in tags.split(b",")[:MAX_TAGS]:
        name, colon, value = tag[: 2 * MAX_NAME_BYTES].partition(b":")
        if name:
            key = name.decode("utf-8", "replace")
            text = value.decode("utf-8", "replace") if colon else True
            labels[f"tag_{key}" if key in _OF_OURS else key] = text
    return labels


class Intake:
    """Datagrams of a few UDP sockets, and how many the kernel had to drop."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self._sockets = sockets
        self._overflowed = [0] * len(sockets)
        for intake in sockets:
            intake.setblocking(False)
            intake.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            with contextlib.suppress(OSError):  # what the kernel drops is not known then
                intake.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)

    def take(self) -> tuple[list[bytes], int]:
        """What is there, up to a bound, and how many were lost since the last time."""
        datagrams: list[bytes] = []
        lost = 0
        for which, intake in enumerate(self._sockets):
            for _ in range(_DATAGRAMS_AT_ONCE):
                try:
                    datagram, notes, _, _ = intake.recvmsg(MAX_DATAGRAM_BYTES, 64)
                except OSError:  # nothing there, or an error of somebody's that is over with this
                    break
                datagrams.append(datagram)
                for level, kind, data in notes:
                    if (level, kind) == (socket.SOL_SOCKET, _SO_RXQ_OVFL):
                        (total,) = struct.unpack("I", data[:4])
                        lost += (total - self._overflowed[which]) % 2**32
                        self._overflowed[which] = total
        return datagrams, lost


def serve(descriptors: list[int], path: str) -> None:
    """Forward until SIGTERM or until the recorder that listens at `path` is gone."""
    intake = Intake([socket.socket(fileno=descriptor) for descriptor in descriptors])
    forwarder = Forwarder(path)
    parser = Parser()
    stopping = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: CMD may go on
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    waiting = select.poll()
    for descriptor in (*descriptors, woken):
        waiting.register(descriptor, select.POLLIN)
    waiting.register(forwarder.socket, select.POLLHUP | select.POLLERR)
    next_tell_s = 0.0
    while not stopping and not forwarder.is_gone:
        events = waiting.poll(50 if forwarder.backlog_bytes else 1000 if parser.malformed else None)
        if any(at == forwarder.socket.fileno() for at, _ in events):
            return
        _forward(intake, parser, forwarder)
        now_s = time.monotonic()
        if parser.malformed and now_s >= next_tell_s:
            _tell(parser, forwarder)
            next_tell_s = now_s + _TELL_EVERY_S
        time.sleep(_REST_S)  # what comes meanwhile is taken at once
    _say_the_last(intake, parser, forwarder)


def _forward(intake: Intake, parser: Parser, forwarder: Forwarder) -> int:
    datagrams, lost = intake.take()
    forwarder.lose(lost)
    for datagram in datagrams:
        forwarder.say(parser.parse(datagram))
    forwarder.flush()
    return len(datagrams)


def _tell(parser: Parser, forwarder: Forwarder) -> None:
    malformed, parser.malformed = parser.malformed, 0
    forwarder.say([{"type": "perfkit.statsd", "malformed": malformed}])
    forwarder.flush()


def _say_the_last(intake: Intake, parser: Parser, forwarder: Forwarder) -> None:
    end_s = time.monotonic() + _LAST_WORDS_S
    while _forward(intake, parser, forwarder) and time.monotonic() < end_s:
        pass
    if parser.malformed:
        _tell(parser, forwarder)
    forwarder.tell_losses()
    while not forwarder.flush() and time.monotonic() < end_s:
        time.sleep(_REST_S)


def main() -> None:
    """Entry of the process: descriptors of bound UDP sockets, separated by commas, and the path."""
    serve([int(word) for word in sys.argv[1].split(",")], sys.argv[2])
