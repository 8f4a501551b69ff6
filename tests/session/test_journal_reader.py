"""Reading journals: any prefix, any damage, while they are written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_examples import (
    LATE_FACTS,
    LATE_NOTES,
    RAW,
    SESSION,
    content,
    processes_at,
    raw_only,
    ticks,
    write_journal,
)

from perfkit.errors import UnusableInput
from perfkit.model.block import Block
from perfkit.session.journal import (
    SUFFIX,
    JournalWriter,
    create_journal,
    event_frame,
    note_frame,
    processes_frame,
)
from perfkit.session.journal_reader import JournalSource

RECORD_BYTES = 16 + 8 * len(RAW) + 8


def header_bytes(segment: Path) -> int:
    return segment.read_bytes().index(b"\n") + 1


def tick_numbers(source: JournalSource) -> list[int]:
    return [int(t) // 100_000_000 for block in source.blocks(()) for t in block.t_ns]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """39 ticks in 5 segments, with lists of processes and notes."""
    path = write_journal(
        tmp_path / f"s.parquet{SUFFIX}", [ticks(39)], notes=LATE_NOTES, segment_ticks=8
    )
    assert len(list(path.glob("*.ticks"))) == 5
    return path


def test_what_the_recorder_wrote_is_read(journal: Path) -> None:
    """Columns, nulls, processes, facts and notes, one block a segment."""
    source = JournalSource(journal)
    blocks = list(source.blocks())

    assert content(blocks) == content([raw_only(ticks(39))])
    assert len(blocks) > 3
    assert source.metrics == RAW
    assert source.session == SESSION
    assert source.live is False
    assert source.damaged == 0
    assert source.problems == ()


def test_only_the_columns_asked_for_are_given(journal: Path) -> None:
    """As with session files; processes are parsed only if asked for."""
    source = JournalSource(journal)
    block = next(source.blocks({"rss_bytes", "no_such_metric"}))
    assert list(block.columns) == ["rss_bytes"]
    assert not block.processes
    block = next(source.blocks({"processes"}))
    assert not block.columns
    assert [row for row, _ in block.processes][:2] == [2, 6]


def test_a_table_has_the_columns_asked_for(journal: Path) -> None:
    """The same table as a session file of these ticks would give."""
    from perfkit.session.parquet import arrow_table

    source = JournalSource(journal)
    whole = arrow_table([raw_only(ticks(39))], RAW)

    assert source.table().combine_chunks() == whole.combine_chunks()
    assert source.table({"rss_bytes", "t_ns", "nothing"}).column_names == ["t_ns", "rss_bytes"]


def test_a_journal_without_a_tick_opens(tmp_path: Path) -> None:
    """A recorder that was killed at once leaves a session of no ticks."""
    source = JournalSource(write_journal(tmp_path / "empty", []))

    assert list(source.blocks()) == []
    assert source.session.target_name == "worker"
    assert source.damaged == 0


def test_a_journal_that_is_being_written_is_live(tmp_path: Path) -> None:
    """Live while the lock is held; each reading sees the ticks that are there by then."""
    path = tmp_path / "live"
    lock = create_journal(str(path), RAW, {**header_facts(), "exit_code": None})
    writer = JournalWriter(str(path), RAW, segment_bytes=1)
    source = JournalSource(path)
    assert source.live
    assert tick_numbers(source) == []
    for number in range(3):
        writer.append([number * 100_000_000, *writer.blank[1:]])
        assert tick_numbers(JournalSource(path)) == list(range(number + 1))
    writer.close()
    os.close(lock)

    assert not JournalSource(path).live


def header_facts() -> dict[str, Any]:
    from dataclasses import asdict

    return {
        name: value
        for name, value in asdict(SESSION).items()
        if name not in ("ended_at_us", "duration_ns", "stop_reason")
    }


@given(data=st.data())
def test_any_prefix_of_a_journal_is_a_valid_journal(tmp_path: Path, data: st.DataObject) -> None:
    """Whole ticks before the cut are all there, nothing after it is, and nothing is damaged."""
    path = write_journal(tmp_path / f"j{len(list(tmp_path.iterdir()))}", [ticks(12)])
    segment = path / "000000.ticks"
    whole = segment.read_bytes()
    header = header_bytes(segment)
    cut = data.draw(st.integers(header, len(whole)))
    segment.write_bytes(whole[:cut])
    source = JournalSource(path)

    kept = (cut - header) // RECORD_BYTES
    right = content([raw_only(ticks(kept))]) if kept else content([])
    assert content(list(source.blocks())) == right
    assert source.damaged == 0


@given(data=st.data())
def test_frames_behind_the_last_tick_never_happened(tmp_path: Path, data: st.DataObject) -> None:
    """Frames are written before their tick: any tail of them without one is passed over."""
    path = write_journal(tmp_path / f"j{len(list(tmp_path.iterdir()))}", [ticks(12)])
    frames = path / "000000.frames"
    tail = processes_frame([]) + event_frame(b'{"type": "x"}') + processes_frame([])
    cut = data.draw(st.integers(0, len(tail)))
    frames.write_bytes(frames.read_bytes() + tail[:cut])

    assert content(list(JournalSource(path).blocks())) == content([raw_only(ticks(12))])


@given(at=st.integers(0, 12 * RECORD_BYTES - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_costs_one_tick_and_is_counted(tmp_path: Path, at: int, bit: int) -> None:
    """All ticks but the damaged one are read with their right values."""
    path = write_journal(tmp_path / f"j{len(list(tmp_path.iterdir()))}", [ticks(12)])
    segment = path / "000000.ticks"
    data = bytearray(segment.read_bytes())
    data[header_bytes(segment) + at] ^= 1 << bit
    segment.write_bytes(data)
    source = JournalSource(path)

    is_padding = at % RECORD_BYTES >= RECORD_BYTES - 4
    lost = [] if is_padding else [at // RECORD_BYTES]
    assert tick_numbers(source) == [number for number in range(12) if number not in lost]
    assert source.damaged == len(lost)
    right = content([raw_only(ticks(12))])["rss_bytes"]
    read = content(list(source.blocks()))["rss_bytes"]
    assert read == [value for number, value in enumerate(right) if number not in lost]


@given(data=st.data())
def test_a_flipped_bit_among_the_frames_costs_one_frame(
    tmp_path: Path, data: st.DataObject
) -> None:
    """No tick is lost, and of the lists of processes at most one."""
    path = write_journal(
        tmp_path / f"j{len(list(tmp_path.iterdir()))}", [ticks(24)], notes={"a": "1", "b": "2"}
    )
    frames = path / "000000.frames"
    flipped = bytearray(frames.read_bytes())
    flipped[data.draw(st.integers(0, len(flipped) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    frames.write_bytes(flipped)
    source = JournalSource(path)

    right = content([raw_only(ticks(24))])
    read = content(list(source.blocks()))
    assert read["t_ns"] == right["t_ns"]
    lost = [entry for entry in right["processes"] if entry not in read["processes"]]
    lost += [key for key in ("a", "b") if key not in source.session.notes]
    assert len(lost) <= 1
    assert [entry for entry in read["processes"] if entry not in right["processes"]] == []


def test_a_frame_whose_length_is_damaged_does_not_hide_the_next_one(tmp_path: Path) -> None:
    """The search goes on at the next intact frame, not at where the length points."""
    path = write_journal(tmp_path / "j", [])
    lying = bytearray(note_frame("lost", "1"))
    lying[4:8] = (2**31).to_bytes(4, "little")
    (path / "000000.frames").write_bytes(bytes(lying) + note_frame("kept", "2"))

    assert JournalSource(path).session.notes == {**SESSION.notes, "kept": "2"}


def with_events(path: Path, segment_ticks: int = 1000) -> Path:
    """24 ticks; with each came three lines."""
    lock = create_journal(str(path), RAW, header_facts())
    writer = JournalWriter(str(path), RAW)
    for number in range(24):
        lines = "".join(f'{{"type": "e", "n": {number}, "line": {k}}}\n' for k in range(3))
        event = event_frame((1_000 + number).to_bytes(8, "little") + lines.encode())
        row = [number * 100_000_000, *writer.blank[1:]]
        writer.append(row, [event, processes_frame([])] if number % 4 == 2 else [event])
        if number % segment_ticks == segment_ticks - 1:
            writer.next_segment()
    writer.close()
    os.close(lock)
    return path


def events_read(source: JournalSource) -> int:
    return sum(len(block.events) for block in source.blocks() if block.events is not None)


@given(data=st.data())
def test_lines_in_a_damaged_frame_are_counted(tmp_path: Path, data: st.DataObject) -> None:
    """What is read and what is said to be lost are what was written, all but the last line."""
    path = with_events(tmp_path / f"j{len(list(tmp_path.iterdir()))}")
    frames = path / "000000.frames"
    flipped = bytearray(frames.read_bytes())
    at = data.draw(st.integers(0, len(flipped) - 1))
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    frames.write_bytes(flipped)
    source = JournalSource(path)
    read = events_read(source)
    lost = int(source.event_notes.get("events_damaged", 0))

    assert read in (3 * 24, 3 * 23)
    # a line's end may be what was hit, or become one, in the lines or in what is around them
    assert abs(read + lost - 3 * 24) <= 1
    if read < 3 * 24:
        assert source.problems == (
            f"About {lost} lines of events are lost in damaged parts of the journal.",
        )
    assert events_read(source) == read
    assert len(source.problems) == (lost > 0)


@pytest.mark.parametrize("last", [True, False])
def test_events_behind_the_last_intact_tick_are_counted_where_ticks_are_lost(
    tmp_path: Path, last: bool
) -> None:
    """A damaged tick gives its events to the next one; with none to follow they are lost."""
    path = with_events(tmp_path / "j", segment_ticks=1000 if last else 12)
    segment = path / "000000.ticks"
    torn = bytearray(segment.read_bytes())
    torn[-RECORD_BYTES] ^= 1
    torn[-5 * RECORD_BYTES] ^= 1
    segment.write_bytes(torn)
    source = JournalSource(path)

    assert events_read(source) == 3 * 23
    assert source.event_notes == {"events_damaged": "3"}


@pytest.mark.parametrize("cut", [5, 10**6])
def test_frames_that_end_early_are_told(tmp_path: Path, cut: int) -> None:
    """A power cut may keep ticks whose frames never came to the disk; a line without its end is none."""
    path = with_events(tmp_path / "j")
    frames = path / "000000.frames"
    data = frames.read_bytes()
    frames.write_bytes(data[: max(0, len(data) - cut)])
    source = JournalSource(path)

    assert events_read(source) == (3 * 23 if cut == 5 else 0)
    assert (
        f"segment 000000 of the journal end {min(cut, len(data))} bytes early"
        in (source.problems[0])
    )
    assert source.event_notes.get("events_damaged") == ("2" if cut == 5 else None)


def test_notes_stand_without_a_tick(tmp_path: Path) -> None:
    """Why a recording stopped is known even if no tick followed; a torn note never happened."""
    path = write_journal(tmp_path / "j", [ticks(2)], notes={"stop": "the disk is full"})
    with open(path / "000000.frames", "ab") as file:
        file.write(note_frame("exit_code", "9")[:-1])
    session = JournalSource(path).session

    assert session.stop_reason == "the disk is full"
    assert session.exit_code is None


def test_a_missing_segment_leaves_a_gap_and_is_told(journal: Path) -> None:
    """Everything else is kept; the ticks that are gone are counted."""
    (journal / "000001.ticks").unlink()
    (journal / "000001.frames").unlink()
    source = JournalSource(journal)
    numbers = tick_numbers(source)

    assert source.problems == ("Segment 000001 of the journal is missing; its ticks are lost.",)
    assert numbers[0] == 0
    assert numbers[-1] == 38
    assert source.damaged == 39 - len(numbers) > 0
    assert source.session == SESSION


def test_missing_frames_cost_no_tick(journal: Path) -> None:
    """Ticks do not need the frames beside them."""
    for path in journal.glob("*.frames"):
        path.unlink()

    assert tick_numbers(JournalSource(journal)) == list(range(39))


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: b"\x00" * len(line),
        lambda line: line.replace(b"perfkit-journal", b"perfkit-journaL"),
        lambda line: line.replace(b"rss_bytes", b"rSs_bytes"),
        lambda line: line.replace(b'"record_size"', b'"record_sizE"'),
        lambda line: line.replace(b"\n", b" "),
        lambda line: b"\n" + line[1:],
    ],
)
@pytest.mark.parametrize("number", [0, 2])
def test_a_damaged_header_is_replaced_by_its_sisters(
    journal: Path, number: int, damage: Callable[[bytes], bytes]
) -> None:
    """Each segment repeats the header, so none depends on its own."""
    (journal / "header").unlink()
    segment = journal / f"{number:06d}.ticks"
    data = segment.read_bytes()
    header = header_bytes(segment)
    segment.write_bytes(damage(data[:header]) + data[header:])
    source = JournalSource(journal)

    assert content(list(source.blocks())) == content([raw_only(ticks(39))])
    assert source.session == SESSION
    assert source.metrics == RAW
    assert source.damaged == 0
    assert source.problems == (
        f"The header of segment {number:06d} of the journal is damaged; "
        "that of another segment was used.",
    )


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_in_the_only_header_costs_nothing(tmp_path: Path, at: int, bit: int) -> None:
    """A journal of one segment has no sisters to repeat it: its copy has a checksum."""
    path = write_journal(tmp_path / f"j{len(list(tmp_path.iterdir()))}", [ticks(5)])
    segment = path / "000000.ticks"
    data = bytearray(segment.read_bytes())
    data[at % header_bytes(segment)] ^= 1 << bit
    segment.write_bytes(data)
    source = JournalSource(path)

    assert content(list(source.blocks())) == content([raw_only(ticks(5))])
    assert (
        replace(source.session, **{fact: getattr(SESSION, fact) for fact in LATE_FACTS}) == SESSION
    )
    assert source.metrics == RAW
    assert source.damaged == 0
    assert all("its copy was used" in problem for problem in source.problems)


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_in_the_copy_of_the_header_costs_nothing(
    tmp_path: Path, at: int, bit: int
) -> None:
    """What its checksum does not fit is not used."""
    path = write_journal(tmp_path / f"j{len(list(tmp_path.iterdir()))}", [ticks(5)])
    data = bytearray((path / "header").read_bytes())
    data[at % len(data)] ^= 1 << bit
    (path / "header").write_bytes(data)
    source = JournalSource(path)

    assert content(list(source.blocks())) == content([raw_only(ticks(5))])
    assert (source.metrics, source.problems) == (RAW, ())


def test_a_journal_without_the_copy_of_its_header_is_read(journal: Path) -> None:
    """It is there for damage alone."""
    (journal / "header").unlink()
    source = JournalSource(journal)

    assert tick_numbers(source) == list(range(39))
    assert source.problems == ()


@pytest.mark.parametrize("segment_ticks", [1000, 7])
def test_where_ticks_are_damaged_is_told(tmp_path: Path, segment_ticks: int) -> None:
    """Between which intact ticks, and how many: at the beginning, in the middle, at the end."""
    path = write_journal(tmp_path / "j", [ticks(30)], segment_ticks=segment_ticks)
    record = 16 + 8 * len(RAW) + 8
    for number in (0, 12, 13, 20, 29):
        segment, row = divmod(number, segment_ticks)
        file = path / f"{segment:06d}.ticks"
        data = bytearray(file.read_bytes())
        data[header_bytes(file) + row * record + 20] ^= 1
        file.write_bytes(data)
    source = JournalSource(path)
    ms = 1_000_000

    assert source.damaged == 5
    assert source.damage == (
        (0, 100 * ms, 1), (1100 * ms, 1400 * ms, 2), (1900 * ms, 2100 * ms, 1),
        (2800 * ms, 2800 * ms, 1),
    )  # fmt: skip
    assert source.last_tick == (2800 * ms, 1_700_000_000_000_000 + 2_800_000)


def test_a_segment_that_was_only_begun_is_no_damage(journal: Path) -> None:
    """The recorder was killed between making the next segment and writing its header."""
    (journal / "000005.ticks").write_bytes(b'{"magic": "perf')
    (journal / "000005.frames").write_bytes(b"")
    source = JournalSource(journal)

    assert tick_numbers(source) == list(range(39))
    assert source.problems == ()
    assert source.damaged == 0


def test_records_that_no_recorder_wrote_are_passed_over(tmp_path: Path) -> None:
    """Time and sequence only move forward: a segment that was copied over another is not read twice."""
    path = write_journal(tmp_path / "j", [ticks(6)])
    segment = path / "000000.ticks"
    header = header_bytes(segment)
    records = segment.read_bytes()[header:]
    with open(segment, "ab") as file:
        file.write(records)

    assert tick_numbers(JournalSource(path)) == list(range(6))


def test_a_tail_of_zeros_is_counted_as_damage(tmp_path: Path) -> None:
    """What a power cut leaves on some file systems."""
    path = write_journal(tmp_path / "j", [ticks(6)])
    with open(path / "000000.ticks", "ab") as file:
        file.write(bytes(2 * RECORD_BYTES))
    source = JournalSource(path)

    assert tick_numbers(source) == list(range(6))
    assert source.damaged == 2


def test_names_that_are_not_utf8_are_shown_by_their_bytes(tmp_path: Path) -> None:
    """A process may call itself anything."""
    from perfkit.model.metric import NULL_INTEGER

    path = tmp_path / "j"
    os.close(create_journal(str(path), RAW, header_facts()))
    writer = JournalWriter(str(path), RAW)
    entry = [*range(13), NULL_INTEGER, b"R", b"caf\xe9", b"x \xff\x00"]
    writer.append([0, *writer.blank[1:]], [processes_frame([entry])])
    writer.close()
    ((_, (process,)),) = next(JournalSource(path).blocks()).processes

    assert process["name"] == "caf\\xe9"
    assert process["command"] == "x \\xff\x00"
    assert process["ignores_sigchld"] is None
    assert process["pid"] == 0


def test_of_two_lists_for_one_tick_the_later_one_counts(tmp_path: Path) -> None:
    """It happens when the tick between them is damaged."""
    path = write_journal(tmp_path / "j", [ticks(12)])
    segment = path / "000000.ticks"
    data = bytearray(segment.read_bytes())
    for number in (2, 3, 4, 5):
        data[header_bytes(segment) + number * RECORD_BYTES + 20] ^= 1
    segment.write_bytes(data)
    (block,) = JournalSource(path).blocks()

    row, entries = block.processes[0]
    assert (row, list(entries)) == (2, processes_at(6))


def test_a_folder_without_segments_is_told_apart(tmp_path: Path) -> None:
    """Named, with what to do."""
    with pytest.raises(UnusableInput, match="without the segments of a journal; name a session"):
        JournalSource(tmp_path)


def test_a_journal_that_never_began_is_told(tmp_path: Path) -> None:
    """Killed before the first header: nothing can be read, and nothing was lost."""
    (tmp_path / "000000.ticks").write_bytes(b"")
    with pytest.raises(UnusableInput, match=r"no readable header.*another file"):
        JournalSource(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"session": {**header_facts(), "schema_version": "2.0"}}],
)
def test_a_newer_journal_is_refused(journal: Path, change: dict[str, Any]) -> None:
    """One sentence that says to upgrade."""
    (journal / "header").unlink()
    for segment in journal.glob("*.ticks"):
        line, _, records = segment.read_bytes().partition(b"\n")
        header = json.dumps({**json.loads(line), **change}).encode()
        header += b" " * (-(len(header) + 1) % 8) + b"\n"
        segment.write_bytes(header + records)
    with pytest.raises(UnusableInput, match="upgrade perfkit"):
        JournalSource(journal)


@given(change=st.dictionaries(
    st.sampled_from(["magic", "version", "segment", "record_size", "fields", "session"]),
    st.none() | st.booleans() | st.integers() | st.text() | st.just([]) | st.just([[]])
    | st.just([["t_ns", "q", 16, "ns", "clock", "tick", "recorder", 5]])
    | st.just([["t_ns", "q", 2**70, "ns", "clock", "tick", "recorder", ""]])
    | st.just([["t_ns", "q", "16", "ns", "clock", "tick", "recorder", ""]])
    | st.just({}),
    min_size=1,
))  # fmt: skip
def test_a_header_of_any_shape_is_read_or_refused_in_a_sentence(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    """Journals are files like any other: strangers may have written them."""
    path = write_journal(tmp_path / f"j{len(list(tmp_path.iterdir()))}", [ticks(3)])
    (path / "header").unlink()
    segment = path / "000000.ticks"
    line, _, records = segment.read_bytes().partition(b"\n")
    header = json.dumps({**json.loads(line), **change}).encode()
    header += b" " * (-(len(header) + 1) % 8) + b"\n"
    segment.write_bytes(header + records)
    try:
        list(JournalSource(path).blocks())
    except UnusableInput as error:
        assert "\n" not in str(error)


def test_a_journal_that_was_sealed_meanwhile_is_told(journal: Path) -> None:
    """The reader says where the ticks have gone."""
    source = JournalSource(journal)
    for path in journal.iterdir():
        path.unlink()
    journal.rmdir()

    with pytest.raises(UnusableInput, match="is gone: it was sealed or removed meanwhile"):
        list(source.blocks())


def test_blocks_have_memory_of_their_own(journal: Path) -> None:
    """A block that is kept does not keep the file's bytes, and may be written to."""
    block: Block = next(JournalSource(journal).blocks())

    assert block.t_ns.flags.writeable
    assert block.t_ns.dtype == np.int64
