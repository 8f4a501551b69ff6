"""Reading what applications said: right for what is right, unmoved by everything else."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.model.events import OTHER_TYPE, Events
from perfkit.session import events as reading
from perfkit.session.events import LATE_NS, LONGEST_TEXT, MOST_FIELDS, EventParser

START_NS = 10**12
ARRIVAL_NS = START_NS + 5 * 10**9


def frame(*lines: bytes | str | dict[str, Any], at_ns: int = ARRIVAL_NS) -> bytes:
    """The payload of a frame."""
    payload = at_ns.to_bytes(8, "little", signed=True)
    for line in lines:
        if isinstance(line, dict):
            line = json.dumps(line)
        payload += (line.encode() if isinstance(line, str) else line) + b"\n"
    return payload


def listed(events: Events | None) -> list[dict[str, Any]]:
    """Events as one would write them down."""
    found = []
    for at in range(len(events) if events else 0):
        assert events is not None
        numbers, labels = events.numbers[at : at + 1], events.labels[at : at + 1]
        duration = float(events.duration_ms[at])
        found.append(
            {
                "row": int(events.rows[at]),
                "t_ns": int(events.t_ns[at]),
                "type": events.types[events.codes[at]],
                "duration_ms": None if math.isnan(duration) else duration,
                "ok": {1: True, 0: False, -1: None}[int(events.ok[at])],
                "numbers": {
                    numbers.names[key]: float(value)
                    for key, value in zip(numbers.keys, numbers.values, strict=True)
                },
                "labels": {
                    labels.names[key]: labels.texts[int(value)]
                    for key, value in zip(labels.keys, labels.values, strict=True)
                },
            }
        )
    return found


def read(*lines: bytes | str | dict[str, Any], at_ns: int = ARRIVAL_NS) -> list[dict[str, Any]]:
    """What a parser makes of some lines."""
    return listed(EventParser(START_NS).parse([(0, frame(*lines, at_ns=at_ns))]))


def test_every_field_goes_where_it_belongs() -> None:
    """Special keys are columns, numbers and truth values numbers, all else labels."""
    line = {
        "type": "cache_operation", "t_ns": ARRIVAL_NS - 7, "duration_ms": 1.5, "success": False,
        "hit": True, "size_bytes": 512, "level": "L1", "tags": ["a", {"b": None}], "gone": None,
        "worker_id": 3, "status_code": 404.0, "perfkit_dropped": 4,
    }  # fmt: skip
    assert read(line) == [
        {
            "row": 0,
            "t_ns": 5 * 10**9 - 7,
            "type": "cache_operation",
            "duration_ms": 1.5,
            "ok": False,
            "numbers": {"hit": 1.0, "size_bytes": 512.0},
            "labels": {
                "level": "L1", "tags": '["a",{"b":null}]', "worker_id": "3", "status_code": "404",
            },
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("own", "kept"),
    [
        (0, 0),
        (-1, -1),
        (-LATE_NS, -LATE_NS),
        (-LATE_NS - 1, 0),
        (1, 0),
        (10**30, 0),
        (-(10**30), 0),
    ],
)
def test_its_own_time_counts_within_a_minute_before_the_arrival(own: int, kept: int) -> None:
    """Any other is replaced by the arrival, and counted."""
    parser = EventParser(START_NS)
    (event,) = listed(parser.parse([(0, frame({"type": "x", "t_ns": ARRIVAL_NS + own}))]))
    assert event["t_ns"] == 5 * 10**9 + kept
    assert parser.notes() == ({} if own == kept else {"events_times_replaced": "1"})


def test_special_keys_of_another_kind_are_fields() -> None:
    """Nothing is refused for being unusual."""
    (event,) = read(
        {"type": "x", "t_ns": "now", "duration_ms": -1, "success": "yes", "value": math.nan}
    )
    assert event["t_ns"] == 5 * 10**9
    assert (event["duration_ms"], event["ok"]) == (None, None)
    assert event["numbers"] == {"duration_ms": -1.0}
    assert event["labels"] == {"t_ns": "now", "success": "yes", "value": "NaN"}


def test_what_no_double_holds_is_a_label() -> None:
    """Infinite and huge numbers are kept as they were written, as text."""
    line = '{"type": "x", "a": 1e999, "b": -Infinity, "c": 1' + "0" * 400 + ', "d": [1e999]}'
    (event,) = read(line)
    assert event["numbers"] == {}
    assert event["labels"] == {
        "a": "Infinity", "b": "-Infinity", "c": "1" + "0" * 400, "d": '["Infinity"]',
    }  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe\x00", b"{", b"[]", b"17", b"null", b"{}", b'{"a": 1}', b'{"type": 3}',
        b'{"type": "x"}}', b'{"type": "x"} {"type": "y"}', b'{"type": "x"},{"type": "y"}',
        b'{"type": "x", "a": ' + b"9" * 5000 + b"}", b"[" * 60_000,
        b'{"type": "x", "a": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
        b'{"type": "x", "a": "' + b"a" * 65536 + b'"}',
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_counted_and_its_neighbours_are_read(line: bytes) -> None:
    """One sender's garbage does nothing to anybody else."""
    parser = EventParser(START_NS)
    found = parser.parse([(0, frame({"type": "before"}, line, {"type": "after"}))])
    assert [event["type"] for event in listed(found)] == ["before", "after"]
    assert parser.notes() == {"events_unreadable": "1"}


def test_lines_that_are_wrong_alone_are_not_right_together() -> None:
    """A line that opens a list and one that closes it stay two wrong lines."""
    parser = EventParser(START_NS)
    halves = (b'{"type": "x", "a": [{}', b'{"b": 1}]}', b'{"type": "y"},0,{"type": "z"}')
    assert parser.parse([(0, frame(*halves))]) is None
    assert parser.notes() == {"events_unreadable": "3"}


def test_empty_lines_and_carriage_returns_say_nothing() -> None:
    """As a terminal or another system would send them."""
    parser = EventParser(START_NS)
    found = parser.parse([(3, frame(b"", b"\r", b' {"type": "x"}\r', b"  "))])
    assert [(event["row"], event["type"]) for event in listed(found)] == [(3, "x")]
    assert parser.notes() == {}


def test_names_and_types_without_end_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit a type is `perfkit.other` with its own as a label; a field is left out."""
    monkeypatch.setattr(reading, "MOST_TYPES", 2)
    monkeypatch.setattr(reading, "MOST_NAMES", 2)
    parser = EventParser(START_NS)
    lines = [{"type": f"t{at}", f"n{at}": at, "n0": 0} for at in range(4)]
    found = listed(parser.parse([(0, frame(*lines))]))
    assert [event["type"] for event in found] == ["t0", "t1", OTHER_TYPE, OTHER_TYPE]
    assert [event["labels"] for event in found] == [{}, {}, {"type": "t2"}, {"type": "t3"}]
    assert [event["numbers"] for event in found] == [
        {"n0": 0.0}, {"n1": 1.0, "n0": 0.0}, {"n0": 0.0}, {"n0": 0.0},
    ]  # fmt: skip
    assert parser.notes() == {"events_other_types": "2", "events_fields_left_out": "2"}


def test_an_event_of_many_fields_keeps_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is counted."""
    parser = EventParser(START_NS)
    line = {"type": "x"} | {f"n{at}": at for at in range(MOST_FIELDS + 3)}
    (event,) = listed(parser.parse([(0, frame(line))]))
    assert len(event["numbers"]) == MOST_FIELDS - 1
    assert parser.notes() == {"events_fields_left_out": "4"}


def test_long_texts_are_cut_and_halves_of_characters_escaped() -> None:
    """What no file could hold does not get there."""
    parser = EventParser(START_NS)
    line = r'{"type": "t\ud800", "long": "' + "a" * 5000 + r'", "half": "\udfff", "\ud800": 1}'
    (event,) = listed(parser.parse([(0, frame(line))]))
    assert event["type"] == r"t\ud800"
    assert event["labels"] == {"long": "a" * (LONGEST_TEXT - 1) + "…", "half": r"\udfff"}
    assert parser.notes() == {"events_fields_left_out": "1", "events_texts_cut": "1"}


def test_the_carrier_s_own_line_is_no_event() -> None:
    """It only carries a count, which the recorder took from it."""
    own = {"type": "perfkit.dropped", "perfkit_dropped": 9}
    assert [event["type"] for event in read({"type": "a"}, own, {"type": "b"})] == ["a", "b"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
names = st.sampled_from(["type", "t_ns", "duration_ms", "success", "a", "worker_id"]) | st.text()
near = st.integers(-(10**9), 10**9).map(lambda ns: ARRIVAL_NS + ns)
lines = st.one_of(
    st.dictionaries(names, values | near, max_size=6).map(json.dumps),
    st.builds(
        lambda type, more: json.dumps({"type": type} | more),
        st.sampled_from(["x", "y"]),
        st.dictionaries(names, values | near, max_size=6),
    ),
    st.text(alphabet='{}[],:"\\ \r\t01aetype', max_size=12),
    st.sampled_from(['{"type": "x", "a": [{}', '{"b": 1}]}', '{"type": "y"},0,{"type": "z"}']),
    st.binary(max_size=12).map(lambda raw: raw.replace(b"\n", b"")),
)


def plainly(line: bytes) -> dict[str, Any] | None:
    """What one line says, read without haste."""
    try:
        found = json.loads(line.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("type"), str) else None


@settings(max_examples=300, deadline=None)
@given(st.lists(lines, max_size=12), st.data())
def test_it_reads_what_one_line_after_the_other_gives(
    said: list[bytes | str], data: st.DataObject
) -> None:
    """Read a thousand at a time or one by one, in one call or many: the same events."""
    raw = [line.encode() if isinstance(line, str) else line for line in said]
    wanted = [found for line in raw if (found := plainly(line)) is not None]
    whole = listed(EventParser(START_NS).parse([(0, frame(*raw))]))
    assert len(whole) == len(wanted)
    for event, line in zip(whole, wanted, strict=True):
        assert event["type"] == line["type"].encode("utf-8", "backslashreplace").decode()
        took = line.get("duration_ms")
        is_duration = type(took) in (int, float) and 0 <= took < 1e308
        assert event["duration_ms"] == (float(took) if is_duration else None)
        assert event["ok"] == (line["success"] if isinstance(line.get("success"), bool) else None)
        for name, value in line.items():
            if name in event["numbers"]:
                assert event["numbers"][name] == value
        assert all(math.isfinite(number) for number in event["numbers"].values())
        assert json.dumps(event).encode()
    parser = EventParser(START_NS)
    one_by_one = [event for line in raw for event in listed(parser.parse([(0, frame(line))]))]
    assert one_by_one == whole
    rows = sorted(data.draw(st.lists(st.integers(0, 3), min_size=len(raw), max_size=len(raw))))
    spread = EventParser(START_NS).parse(
        [(row, frame(line)) for row, line in zip(rows, raw, strict=True)]
    )
    assert [event | {"row": 0} for event in listed(spread)] == whole
    for cut in range(5):
        if spread is not None:
            halves = (spread.of_rows(0, cut), spread.of_rows(cut, 4))
            joined = listed(halves[0]) + [
                event | {"row": event["row"] + cut} for event in listed(halves[1])
            ]
            assert joined == listed(spread)


def test_chosen_events_keep_their_fields() -> None:
    """A type by itself, and a field over all events."""
    lot = [{"type": "ab"[at % 2], "n": at, "level": f"L{at % 3}"} for at in range(6)]
    events = EventParser(START_NS).parse([(0, frame(*lot, {"type": "c"}))])
    assert events is not None
    chosen = events.chosen(events.of_type("b", "c"))
    assert [event["numbers"].get("n") for event in listed(chosen)] == [1, 3, 5, None]
    np.testing.assert_array_equal(chosen.number("n"), [1, 3, 5, np.nan])
    assert [chosen.labels.texts[code] for code in chosen.label("level")[:3]] == ["L1", "L0", "L2"]
    assert chosen.label("level")[3] == -1
    assert np.isnan(chosen.number("nothing")).all()
