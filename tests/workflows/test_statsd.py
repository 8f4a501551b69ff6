"""StatsD, read from strangers: what is a message, and that nothing else becomes one or raises."""

from __future__ import annotations

import json
import math
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.model.wire import DROPPED_KEY, MAX_LINE_BYTES
from perfkit.workflows.forwarder import BACKLOG_BYTES, Forwarder
from perfkit.workflows.statsd import MAX_GAUGES, MAX_TAGS, Parser


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"a:1|c", {"type": "counter", "name": "a", "value": 1.0}),
        (b"a:1|c|@0.1", {"type": "counter", "name": "a", "value": 10.0}),
        (b"a:-2.5e1|c", {"type": "counter", "name": "a", "value": -25.0}),
        (b"a.b-c/d:17|g", {"type": "gauge", "name": "a.b-c/d", "value": 17.0}),
        (b"a:12.5|ms", {"type": "timer", "name": "a", "duration_ms": 12.5}),
        (b"a:3|ms|@0.5", {"type": "timer", "name": "a", "duration_ms": 3.0, "sample_rate": 0.5}),
        (b"a:512|h", {"type": "histogram", "name": "a", "value": 512.0}),
        (b"a:.5|d", {"type": "histogram", "name": "a", "value": 0.5}),
        (b"a:ann|s", {"type": "set", "name": "a", "member": "ann"}),
        (
            b"a:1|c|#env:prod,canary,url:http://x|T1656581400|c:abc",
            {"type": "counter", "name": "a", "value": 1.0, "env": "prod", "canary": True,
             "url": "http://x"},
        ),
        (
            b"a:1|c|#type:x,name:y",
            {"type": "counter", "name": "a", "value": 1.0, "tag_type": "x", "tag_name": "y"},
        ),
        (b"\xff:1|c", {"type": "counter", "name": "\ufffd", "value": 1.0}),
    ],
)  # fmt: skip
def test_a_line_is_a_message(line: bytes, message: dict[str, object]) -> None:
    """As the two protocols have it."""
    parser = Parser()

    assert list(parser.parse(line)) == [message]
    assert parser.malformed == 0


@pytest.mark.parametrize(
    "line",
    [
        b"a", b"a:1", b":1|c", b"a:|c", b"a:x|c", b"a:nan|g", b"a:inf|g", b"a:1_0|c", b"a:0x1|c",
        b"a: 1|c", b"a:1|q", b"a:1|", b"a:1|c|@0", b"a:1|c|@2", b"a:1|c|@-1", b"a:1|c|@x",
        b"a:1e999|g", b"a:1e300|c|@1e-300", b"a:" + b"9" * 500 + b"|c", b"n" * 300 + b":1|c",
        b"a:|s", b"\x00", b"_e{5,4}:title|text", b"a:\xd9\xa1|c",
    ],
)  # fmt: skip
def test_what_is_no_message_is_counted(line: bytes) -> None:
    """Numbers are decimal and finite, rates in (0, 1]."""
    parser = Parser()

    assert list(parser.parse(line)) == []
    assert parser.malformed == 1


def test_a_datagram_has_several_lines_and_a_line_several_values() -> None:
    """Blank lines are nothing; one bad value does not spoil the others."""
    parser = Parser()

    messages = list(parser.parse(b"a:1:x:3|ms\n\r\n\nb:2|c\r\n"))

    assert [message.get("duration_ms", message.get("value")) for message in messages] == [1, 3, 2]
    assert parser.malformed == 1


def test_a_gauge_with_a_sign_changes_the_one_before() -> None:
    """By name and tags; the table of them is bounded, and beyond it changes begin at zero."""
    parser = Parser()

    said = [
        next(parser.parse(line))["value"]
        for line in (b"a:10|g", b"a:-4|g", b"a:+1|g", b"a:+1|g|#x:y", b"a:5|g", b"a:-5|g")
    ]
    assert said == [10, 6, 7, 1, 5, 0]
    for number in range(MAX_GAUGES + 100):
        list(parser.parse(b"g%d:1|g" % number))
    assert next(parser.parse(b"g%d:+1|g" % (MAX_GAUGES + 50)))["value"] == 1
    assert len(parser._gauges) == MAX_GAUGES


_BITS = st.sampled_from(
    [b"a", b":", b"|", b"c", b"g", b"ms", b"s", b"h", b"@", b"#", b",", b"0.5", b"-1", b"+", b"1e308",
     b"nan", b"\n", b"\xff", b"type", b"perfkit_dropped", b"\x1b[31m", b" "]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=300), st.lists(_BITS, max_size=40).map(b"".join)))
def test_any_datagram_gives_messages_of_plain_finite_values_or_a_count(datagram: bytes) -> None:
    """Whatever comes: one line of strict JSON a message, short, with nobody's drop counter."""
    parser = Parser()

    for message in parser.parse(datagram):
        line = json.dumps(message, allow_nan=False)
        assert "\n" not in line
        assert len(line) < MAX_LINE_BYTES
        assert isinstance(message["type"], str)
        assert DROPPED_KEY not in message
        numbers = [value for value in message.values() if isinstance(value, float)]
        assert all(map(math.isfinite, numbers))
        assert len(message) <= MAX_TAGS + 4
    assert parser.malformed <= datagram.count(b"\n") + datagram.count(b":") + 1


def test_a_forwarder_counts_what_the_recorder_does_not_take(tmp_path: Path) -> None:
    """Said in the next line, so that said = heard + dropped."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s.sock"))
        listener.listen()
        forwarder = Forwarder(str(tmp_path / "s.sock"))
        recorder, _ = listener.accept()
        with recorder, forwarder.socket:
            recorder.settimeout(60)
            said = 0
            while forwarder.backlog_bytes < BACKLOG_BYTES:
                forwarder.say([{"type": "a", "text": "x" * 1000}] * 100)
                forwarder.flush()
                said += 100
            forwarder.say([{"type": "a", "text": "x" * 70_000}])
            forwarder.lose(5)
            data = b""
            while not forwarder.flush():
                data += recorder.recv(65_536)
            forwarder.tell_losses()
            while not forwarder.flush():
                data += recorder.recv(65_536)
            forwarder.socket.shutdown(socket.SHUT_WR)
            data += b"".join(iter(lambda: recorder.recv(65_536), b""))

    lines = [json.loads(line) for line in data.splitlines()]
    dropped = sum(line.get(DROPPED_KEY, 0) for line in lines)
    assert lines[-1]["type"] == "perfkit.dropped"
    assert sum(line["type"] == "a" for line in lines) + dropped == said + 6


def test_a_forwarder_notices_that_the_recorder_has_left(tmp_path: Path) -> None:
    """And neither raises nor keeps anything."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s.sock"))
        listener.listen()
        forwarder = Forwarder(str(tmp_path / "s.sock"))
        listener.accept()[0].close()
    with forwarder.socket:
        forwarder.say([{"type": "a"}])
        forwarder.flush()

    assert forwarder.is_gone
