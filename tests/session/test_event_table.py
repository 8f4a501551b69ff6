"""Events through the journal, the session file and out of both again."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from session_examples import RAW, SESSION

from perfkit.session import journal_reader, parquet
from perfkit.session.event_table import EVENT_COLUMNS, event_table
from perfkit.session.journal import (
    JournalWriter,
    create_journal,
    event_frame,
    processes_frame,
)
from perfkit.session.journal_reader import JournalSource
from perfkit.session.parquet import SessionFile, write_session

TICK_NS = 100_000_000


def write_journal(path: Path, said: Sequence[Sequence[dict[str, object]]]) -> JournalSource:
    """A journal of a tick for each list of events, all arrived a millisecond before it."""
    lock = create_journal(str(path), RAW, asdict(SESSION))
    writer = JournalWriter(str(path), RAW)
    for row, lines in enumerate(said):
        t_ns = (row + 1) * TICK_NS
        arrival = SESSION.start_boottime_ns + t_ns - 1_000_000
        text = "".join(json.dumps(line) + "\n" for line in lines).encode()
        frames = [processes_frame([])] if row % 3 == 0 else []
        frames += [event_frame(arrival.to_bytes(8, "little") + text)] if lines else []
        writer.append([t_ns, 1_700_000_000_000_000 + t_ns // 1000, 0, row, 4096, 0.5], frames)
    writer.close()
    os.close(lock)
    return JournalSource(path)


def said(count: int) -> list[list[dict[str, object]]]:
    """Events of several types; every fourth tick has none."""
    return [
        [
            {"type": f"type{at % 3}", "n": row * 10 + at, "level": f"L{at}", "ok": at % 2 == 0}
            | ({"duration_ms": at / 4, "success": at != 2} if at else {})
            for at in range(row % 4)
        ]
        for row in range(count)
    ]


def test_an_event_is_found_again_with_its_tick(tmp_path: Path) -> None:
    """With the wall clock of its own moment, and all of its fields."""
    source = write_journal(tmp_path / "a.partial", said(3))
    rows = event_table(source, EVENT_COLUMNS).read_all().to_pylist()
    assert rows[-1] == {
        "t_ns": 3 * TICK_NS - 1_000_000,
        "type": "type1",
        "duration_ms": 0.25,
        "ok": True,
        "numbers": [("n", 21.0), ("ok", 0.0)],
        "labels": [("level", "L1")],
        "tick_t_ns": 3 * TICK_NS,
        "time": datetime(2023, 11, 14, 22, 13, 20, 299_000, tzinfo=UTC),
    }
    assert len(rows) == 3


@pytest.mark.parametrize("columns", [EVENT_COLUMNS, ("type",), ("time",), ("tick_t_ns", "labels")])
def test_a_file_gives_what_its_journal_gave(
    tmp_path: Path, columns: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole and column by column, over several blocks and row groups."""
    monkeypatch.setattr(journal_reader, "_FRAMES_AT_ONCE", 300)
    monkeypatch.setattr(parquet, "ROW_GROUP_EVENTS", 7)
    source = write_journal(tmp_path / "a.partial", said(40))
    path = tmp_path / "a.parquet"
    assert write_session(path, source.blocks(), RAW, SESSION) == 40
    sealed = SessionFile(path)
    ours, theirs = (event_table(one, columns).read_all() for one in (source, sealed))
    assert ours.num_rows == 60
    assert ours.combine_chunks().equals(theirs.combine_chunks())
    for block, again in zip(_whole(source), _whole(sealed), strict=True):
        assert block == again


def test_row_groups_end_with_the_tick_that_fills_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the blocks were cut, so that memory stays bounded and the file is the same."""
    monkeypatch.setattr(parquet, "ROW_GROUP_EVENTS", 7)
    source = write_journal(tmp_path / "a.partial", said(40))
    files = []
    for name, size in (("a", 40), ("b", 3), ("c", 1)):
        blocks = [
            block[start : start + size]
            for block in source.blocks()
            for start in range(0, len(block), size)
        ]
        write_session(tmp_path / name, blocks, RAW, SESSION)
        files.append((tmp_path / name).read_bytes())
        counts = [
            0 if block.events is None else len(block.events)
            for block in SessionFile(tmp_path / name).blocks()
        ]
        assert counts == [7, 8, 9, 7, 8, 9, 7, 5]
    assert files[0] == files[1] == files[2]


def test_events_are_only_read_where_they_are_asked_for(tmp_path: Path) -> None:
    """Parsing them costs more than everything else together."""
    source = write_journal(tmp_path / "a.partial", said(4))
    write_session(tmp_path / "a.parquet", source.blocks(), RAW, SESSION)
    for one in (source, SessionFile(tmp_path / "a.parquet")):
        assert all(block.events is None for block in one.blocks(("rss_bytes", "processes")))
        (block,) = one.blocks(("events",))
        assert block.events is not None
        assert (list(block.columns), list(block.processes)) == ([], [])
        np.testing.assert_array_equal(block.events.rows, [1, 2, 2, 3, 3, 3])


def test_what_could_not_be_read_is_known_once_it_was_tried(tmp_path: Path) -> None:
    """Sealing reads all events, so the file's notes say so."""
    source = write_journal(tmp_path / "a.partial", [[{"type": "x"}, {"kind": "y"}]])
    assert source.event_notes == {}
    list(source.blocks())
    assert source.event_notes == {"events_unreadable": "1"}


def test_a_damaged_frame_costs_its_own_events_only(tmp_path: Path) -> None:
    """The next intact one is found, however far it is."""
    long = [{"type": "lost", "text": "x" * 900}] * 1000
    write_journal(tmp_path / "a.partial", [[{"type": "a"}], long, [{"type": "b"}]])
    frames = tmp_path / "a.partial" / "000000.frames"
    data = bytearray(frames.read_bytes())
    data[len(data) // 2] ^= 1
    frames.write_bytes(data)
    table = event_table(JournalSource(tmp_path / "a.partial"), ("type",)).read_all()
    assert table.column("type").to_pylist() == ["a", "b"]


def test_a_session_without_events_has_an_empty_table(tmp_path: Path) -> None:
    """Typed, so that a query over it can be written."""
    source = write_journal(tmp_path / "a.partial", [[], []])
    write_session(tmp_path / "a.parquet", source.blocks(), RAW, replace(SESSION, notes={}))
    for one in (source, SessionFile(tmp_path / "a.parquet")):
        table = event_table(one, ("type", "numbers")).read_all()
        assert (table.column_names, table.num_rows) == (["type", "numbers"], 0)


def _whole(source: JournalSource | SessionFile) -> list[tuple[object, ...]]:
    """Each event as values, and the tick of it."""
    found = []
    for block in source.blocks():
        if block.events is None:
            continue
        for at in range(len(block.events)):
            one = block.events.chosen(np.arange(len(block.events)) == at)
            numbers = {one.numbers.names[key] for key in one.numbers.keys}
            found.append(
                (
                    int(block.t_ns[one.rows[0]]),
                    int(one.t_ns[0]),
                    one.types[one.codes[0]],
                    repr(one.duration_ms[0]),
                    int(one.ok[0]),
                    tuple((name, one.number(name)[0]) for name in sorted(numbers)),
                    one.labels.texts[one.label("level")[0]],
                )
            )
    return found
