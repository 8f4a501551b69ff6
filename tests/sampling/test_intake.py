"""The socket's side of the recorder: whole lines only, counted drops, nobody keeps it from its ticks."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small recorder is for Linux")

if sys.platform == "linux":
    from perfkit.model.wire import MAX_LINE_BYTES
    from perfkit.sampling.intake import TAKEN_AT_ONCE, Intake

NOW_NS = 1_234_567_890_123


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class Listening:
    """An intake at a socket of its own, and the senders that connect to it."""

    def __init__(self, folder: Path, users: frozenset[int] | None = None) -> None:
        self.path = str(folder / "s.sock")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self.path)
        listener.listen(64)
        allowed = frozenset({os.geteuid()}) if users is None else users
        self.intake = Intake(listener.detach(), allowed, lambda: NOW_NS)
        self._senders: list[socket.socket] = []

    def connect(self) -> socket.socket:
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sender.connect(self.path)
        self._senders.append(sender)
        return sender

    def lines(self) -> list[bytes]:
        """Everything that was held, as lines without their ends; each frame is whole lines."""
        found: list[bytes] = []
        for payload in self.intake.take():
            assert struct.unpack_from("<q", payload) == (NOW_NS,)
            assert payload.endswith(b"\n")
            found += payload[8:-1].split(b"\n")
        return found

    def close(self) -> None:
        for sender in self._senders:
            sender.close()
        self.intake.close()
        Path(self.path).unlink()


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    opened = Listening(tmp_path)
    yield opened
    opened.close()


def test_lines_are_kept_verbatim_in_order(listening: Listening) -> None:
    """Nothing is parsed: garbage is as welcome as JSON."""
    sender = listening.connect()
    sent = [b'{"type": "a"}', b"", b"\xff\x00 not JSON", b"\r"]
    sender.sendall(b"\n".join(sent) + b"\n")

    listening.intake.drain()

    assert listening.lines() == sent
    assert listening.intake.take_dropped() == 0


def test_a_line_that_comes_in_pieces_is_kept_once_it_is_whole(listening: Listening) -> None:
    """What has no end yet waits; at the end of the connection it is a line all the same."""
    sender = listening.connect()
    sender.sendall(b'{"ty')
    listening.intake.drain()
    assert listening.lines() == []
    sender.sendall(b'pe": "a"}\n{"type"')
    listening.intake.drain()
    assert listening.lines() == [b'{"type": "a"}']
    sender.close()
    listening.intake.drain()
    assert listening.lines() == [b'{"type"']


@given(
    lines=st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), max_size=12),
    cuts=st.lists(st.integers(0, 400), max_size=8),
)
def test_however_a_stream_is_cut_the_lines_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], cuts: list[int]
) -> None:
    """The naive twin splits the whole stream at its newlines."""
    listening = Listening(tmp_path_factory.mktemp("cut"))
    try:
        stream = b"".join(line + b"\n" for line in lines)
        sender = listening.connect()
        for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(stream)], strict=True):
            sender.sendall(stream[begin:end])
            listening.intake.drain()
        assert listening.lines() == stream.split(b"\n")[:-1]
    finally:
        listening.close()


def test_a_line_beyond_64_kib_is_dropped_and_counted_and_the_next_is_kept(
    listening: Listening,
) -> None:
    """However it comes: at once, in pieces, or never ending."""
    sender = listening.connect()
    sender.setblocking(False)
    stream = b"first\n" + b"x" * MAX_LINE_BYTES + b"\nbetween\n" + b"y" * 3 * MAX_LINE_BYTES
    stream += b"\nlast\n"
    found: list[bytes] = []
    while stream:
        stream = stream[sender.send(stream[:50_000]) :]
        listening.intake.drain()
        found += listening.lines()

    assert found == [b"first", b"between", b"last"]
    assert listening.intake.take_dropped() == 2
    assert listening.intake.take_dropped() == 0


def test_the_longest_line_that_is_allowed_is_kept(listening: Listening) -> None:
    """64 KiB with its end."""
    sender = listening.connect()
    longest = b"z" * (MAX_LINE_BYTES - 1)
    stream = b"a\n" + longest + b"\nb\n"
    sender.setblocking(False)
    found: list[bytes] = []
    while stream:
        stream = stream[sender.send(stream[:10_000]) :]
        listening.intake.drain()
        found += listening.lines()

    assert found == [b"a", longest, b"b"]
    assert listening.intake.take_dropped() == 0


def test_what_senders_say_they_dropped_is_added_up(listening: Listening) -> None:
    """Found without parsing, and bounded: anybody may say anything."""
    one, other = listening.connect(), listening.connect()
    one.sendall(b'{"type": "a", "perfkit_dropped": 7}\n{"type": "b", "perfkit_dropped":5}\n')
    other.sendall(
        b'{"type": "c", "perfkit_dropped": 99999999999999999999999999}\n'
        b'{"perfkit_dropped": -3}\n{"perfkit_dropped": "x"}\n{"perfkit_dropped":'
        b'\n{"text": "\\"perfkit_dropped\\": 1000"}\n'
    )

    listening.intake.drain()

    assert listening.intake.take_dropped() == 7 + 5 + 999_999_999


def test_another_users_connection_is_closed_unread(tmp_path: Path) -> None:
    """SO_PEERCRED says whose it is; the folder would not have let them in either."""
    listening = Listening(tmp_path, users=frozenset({os.geteuid() + 1}))
    try:
        sender = listening.connect()
        sender.sendall(b'{"type": "spoof"}\n')
        listening.intake.drain()

        with pytest.raises(ConnectionResetError):  # reset, since there was something unread
            sender.recv(1)
        assert listening.lines() == []
        assert listening.intake.refused == {os.geteuid()}
    finally:
        listening.close()


def test_what_is_taken_at_a_time_is_bounded(listening: Listening) -> None:
    """A flood leaves time for the ticks: the rest stays in the sender's hands."""
    senders = [listening.connect() for _ in range(20)]
    for sender in senders:
        sender.setblocking(False)
        sender.send(b"flood\n" * 30_000)

    listening.intake.drain()
    assert listening.intake.drain()

    assert listening.intake.held_bytes <= 2 * (TAKEN_AT_ONCE + 20 * 65_536)


def test_a_million_beginnings_of_lines_hold_no_more_than_a_line_each(listening: Listening) -> None:
    """Who never ends a line is given up at 64 KiB, again and again."""
    sender = listening.connect()
    for _ in range(100):
        sender.sendall(b"x" * 60_000)
        while listening.intake.drain():
            pass

    assert listening.intake.held == []
    assert listening.intake.take_dropped() == 1


def test_senders_come_and_go_without_leaving_descriptors(listening: Listening) -> None:
    """Each connection that ends is let go of at once."""
    before = open_descriptors()
    for number in range(50):
        sender = listening.connect()
        sender.sendall(b"%d\n" % number)
        sender.close()
        listening.intake.drain()

    assert listening.lines() == [b"%d" % number for number in range(50)]
    assert open_descriptors() == before
    assert not listening.intake.is_connected()
