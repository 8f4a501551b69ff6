"""The journal's writer: one write a tick, the tick is the commit, trouble loses nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perfkit.errors import OutputRefused, RecordingStopped
from perfkit.model.metric import GAUGE, NULL_INTEGER, TARGET, TICK, Metric
from perfkit.session import journal
from perfkit.session.journal import JournalWriter, create_journal, event_frame, note_frame

METRICS = (
    Metric("t_ns", "ns", GAUGE, TICK, TARGET, "time"),
    Metric("rss_bytes", "bytes", GAUGE, TICK, TARGET, "memory"),
)
RECORD_BYTES = 8 + 8 + 8 * len(METRICS) + 8
SESSION = {"session_id": "x", "target_name": "app"}


def make(folder: Path, **options: int) -> tuple[JournalWriter, Path, int]:
    """A new journal and its writer, its path and its lock."""
    path = folder / "s.parquet.partial"
    lock = create_journal(str(path), METRICS, SESSION)
    return JournalWriter(str(path), METRICS, **options), path, lock


def ticks_of(path: Path, segment: int = 0) -> bytes:
    """The records of a segment, without its header."""
    return (path / f"{segment:06d}.ticks").read_bytes().partition(b"\n")[2]


def test_a_tick_without_frames_is_one_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is buffered: what append() has returned from is with the kernel."""
    writer, path, _ = make(tmp_path)
    writes: list[int] = []
    write = os.write
    monkeypatch.setattr(
        os, "write", lambda fd, data: (writes.append(len(data)), write(fd, data))[1]
    )
    for tick in range(10):
        writer.append([tick, 1])
        assert len(ticks_of(path)) == (tick + 1) * RECORD_BYTES
    assert writes == [RECORD_BYTES] * 10


def test_frames_are_written_before_the_tick_that_commits_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recorder killed between the two writes leaves frames without a tick, never the reverse."""
    writer, path, _ = make(tmp_path)
    frame = note_frame("key", "value")
    seen: list[tuple[int, int]] = []
    write = os.write

    def spy(fd: int, data: bytes) -> int:
        written = write(fd, data)
        seen.append(((path / "000000.frames").stat().st_size, len(ticks_of(path))))
        return written

    monkeypatch.setattr(os, "write", spy)
    writer.append([1, 1], [frame])
    assert seen == [(len(frame), 0), (len(frame), RECORD_BYTES)]


def test_segments_follow_each_other_and_each_repeats_the_header(tmp_path: Path) -> None:
    """The next segment begins when one is full; the header differs in its number alone."""
    writer, path, _ = make(tmp_path, segment_bytes=1024)
    for tick in range(60):
        writer.append([tick, NULL_INTEGER])
    names = sorted(file.name for file in path.iterdir())
    assert names[:4] == ["000000.frames", "000000.ticks", "000001.frames", "000001.ticks"]
    headers = [(path / name).read_bytes().partition(b"\n")[0] for name in names[1::2]]
    assert b'"segment": "000001"' in headers[1]
    assert headers[1].replace(b'"000001"', b'"000000"', 1) == headers[0]
    assert sum(len(ticks_of(path, k)) for k in range(len(headers))) == 60 * RECORD_BYTES


def test_a_segment_ends_when_its_frames_are_many(tmp_path: Path) -> None:
    """Whatever an application says, no file of frames grows much beyond the bound."""
    writer, path, _ = make(tmp_path, frames_bytes=1000)
    writer.note("kept", "yes")
    for tick in range(20):
        writer.write_ahead([event_frame(b"x" * 150)])
        writer.append([tick, 1], [event_frame(b"y" * 150)])

    frames = [file.stat().st_size for file in sorted(path.glob("*.frames"))]
    assert len(frames) > 4
    assert max(frames) < 1000 + 2 * 170
    assert [len(ticks_of(path, k)) // RECORD_BYTES for k in range(3)] == [4, 4, 4]
    assert all(note_frame("kept", "yes") in file.read_bytes() for file in path.glob("*.frames"))


def test_the_lock_tells_a_live_journal_from_an_orphan(tmp_path: Path) -> None:
    """Whoever holds the lock records; the kernel lets go of it however the holder ends."""
    _, path, lock = make(tmp_path)
    assert journal.is_live(str(path))
    os.close(lock)
    assert not journal.is_live(str(path))


def test_an_existing_journal_is_refused(tmp_path: Path) -> None:
    """Two recorders never write one file."""
    make(tmp_path)
    with pytest.raises(OutputRefused, match="perfkit recover"):
        make(tmp_path)


def test_a_full_disk_stops_the_recording_and_keeps_whole_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that comes up short is cut off again, so that no torn record stays."""
    writer, path, _ = make(tmp_path)
    writer.append([1, 1])
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:10]))
    with pytest.raises(RecordingStopped, match="No space left"):
        writer.append([2, 2])
    assert len(ticks_of(path)) == RECORD_BYTES


def test_a_removed_journal_is_noticed(tmp_path: Path) -> None:
    """Writing into a file without a name would lose everything in silence."""
    writer, path, _ = make(tmp_path)
    assert not writer.is_lost()
    journal.remove_journal(str(path))
    assert writer.is_lost()


def test_removing_a_journal_leaves_strangers_files_alone(tmp_path: Path) -> None:
    """A file that is not the journal's stays, and so does the folder."""
    _, path, _ = make(tmp_path)
    (path / "notes.txt").write_text("mine")
    with pytest.raises(OSError, match="not empty"):
        journal.remove_journal(str(path))
    assert [file.name for file in path.iterdir()] == ["notes.txt"]
