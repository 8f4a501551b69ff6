"""Following a journal: every tick once and in order, whatever becomes of the journal meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from session_examples import METRICS, RAW, SESSION, raw_only, ticks, write_journal

from perfkit.errors import UnusableInput
from perfkit.session.follow import Follower
from perfkit.session.journal import (
    SUFFIX,
    JournalWriter,
    create_journal,
    event_frame,
    remove_journal,
)
from perfkit.session.parquet import write_session


class Recorder:
    """Writes a journal step by step: one step whenever the follower has nothing new to read."""

    def __init__(self, path: Path, segment_bytes: int = 1) -> None:
        self.path = path
        facts = {**asdict(SESSION), "exit_code": None, "stop_reason": None}
        self._lock = create_journal(str(path), RAW, facts)
        self.writer = JournalWriter(str(path), RAW, segment_bytes=segment_bytes)
        self.steps: list[Callable[[], None]] = []
        self.ticks = 0

    def tick(self) -> None:
        """One more tick."""
        self.writer.append([self.ticks * 100_000_000, *self.writer.blank[1:]])
        self.ticks += 1

    def stop(self) -> None:
        """Let go of the journal, which stays."""
        self.writer.close()
        os.close(self._lock)

    def pause(self) -> None:
        """What the follower calls instead of sleeping."""
        assert self.steps, "the follower waits for a recorder that is done"
        self.steps.pop(0)()


def followed(recorder: Recorder, columns: tuple[str, ...] = ()) -> list[int]:
    """Numbers of the ticks that a follower sees."""
    follower = Follower(recorder.path)
    blocks = follower.blocks(columns, recorder.pause)
    return [int(t) // 100_000_000 for block in blocks for t in block.t_ns]


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    """A recorder of one segment a tick."""
    return Recorder(tmp_path / f"s.parquet{SUFFIX}")


def test_ticks_are_seen_as_they_come_to_the_last_one(recorder: Recorder) -> None:
    """Across segments, and what was written before the end is read after it."""
    recorder.tick()

    def two_and_stop() -> None:
        recorder.tick()
        recorder.tick()
        recorder.stop()

    recorder.steps = [recorder.tick, recorder.tick, two_and_stop]
    assert followed(recorder) == [0, 1, 2, 3, 4]


def test_a_follower_of_one_large_segment_reads_each_record_once(tmp_path: Path) -> None:
    """The place in a segment is kept between looks."""
    recorder = Recorder(tmp_path / f"one.parquet{SUFFIX}", segment_bytes=2**20)
    recorder.steps = [recorder.tick, recorder.tick, recorder.tick, recorder.stop]
    assert followed(recorder) == [0, 1, 2]


def test_what_was_sealed_before_it_was_read_is_read_from_the_session(recorder: Recorder) -> None:
    """The journal vanishes between two looks; the sealed file has the rest."""
    recorder.tick()

    def seal() -> None:
        recorder.stop()
        blocks = [ticks(8)]
        write_session(recorder.path.with_name("s.parquet"), blocks, METRICS, SESSION)
        remove_journal(str(recorder.path))

    recorder.steps = [seal]
    assert followed(recorder) == list(range(8))


def test_dropped_segments_are_a_gap_that_is_counted(recorder: Recorder) -> None:
    """A flight recorder may drop what was not read yet."""
    recorder.tick()

    def far_ahead() -> None:
        for _ in range(5):
            recorder.tick()
        for number in (1, 2, 3):
            recorder.writer.drop_segment(number)

    recorder.steps = [far_ahead, recorder.stop]
    follower = Follower(recorder.path)
    seen = [
        int(t) // 100_000_000 for block in follower.blocks((), recorder.pause) for t in block.t_ns
    ]
    # the second segment was open already
    assert seen == [0, 1, 4, 5]
    assert follower.gap_ticks == 2


def test_a_torn_record_is_waited_for(tmp_path: Path) -> None:
    """Half a record is not a tick; once it is whole it is one."""
    recorder = Recorder(tmp_path / f"torn.parquet{SUFFIX}", segment_bytes=2**20)
    recorder.tick()
    segment = recorder.path / "000000.ticks"
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-20])

    def complete() -> None:
        segment.write_bytes(whole)

    recorder.steps = [complete, recorder.stop]
    assert followed(recorder) == [0]


def test_following_sees_what_reading_sees(tmp_path: Path) -> None:
    """The same columns and lists of processes as of a journal that was left."""
    path = write_journal(tmp_path / f"s.parquet{SUFFIX}", [ticks(39)], segment_ticks=8)

    def never() -> None:
        raise AssertionError("nobody writes this journal")

    blocks = list(Follower(path).blocks({*(m.name for m in RAW), "processes"}, never))
    from session_examples import content

    assert content(blocks) == content([raw_only(ticks(39))])


def test_events_stand_on_the_clock_that_the_recorder_began_with(tmp_path: Path) -> None:
    """It writes its start down after the journal, and perhaps the follower, has begun."""
    recorder = Recorder(tmp_path / f"events.parquet{SUFFIX}", segment_bytes=2**20)
    start_ns = SESSION.start_boottime_ns + 40_000_000
    said_ns = start_ns + 250_000_000

    def begin() -> None:
        recorder.writer.note("start_boottime_ns", str(start_ns))
        for _ in range(3):
            recorder.tick()
        line = b'{"type": "request", "t_ns": %d}\n' % said_ns
        frame = event_frame((said_ns + 1_000).to_bytes(8, "little") + line)
        recorder.writer.append([300_000_000, *recorder.writer.blank[1:]], [frame])

    recorder.steps = [begin, recorder.stop]
    follower = Follower(recorder.path)
    blocks = list(follower.blocks({"events"}, recorder.pause))
    (times,) = [block.events.t_ns.tolist() for block in blocks if block.events is not None]
    assert times == [250_000_000]
    assert follower.session.start_boottime_ns == start_ns


def test_a_recording_that_is_not_there_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """Neither journal nor session."""
    with pytest.raises(UnusableInput, match=r"s\.parquet"):
        Follower(tmp_path / "s.parquet")


def test_a_journal_whose_session_is_missing_ends_in_a_sentence(recorder: Recorder) -> None:
    """Somebody removed the folder."""
    recorder.tick()

    def remove() -> None:
        recorder.stop()
        shutil.rmtree(recorder.path)

    recorder.steps = [remove]
    with pytest.raises(UnusableInput):
        followed(recorder)


def test_what_was_never_begun_is_not_said_to_be_gone(tmp_path: Path) -> None:
    """There is nothing beside it that could be read instead."""
    with pytest.raises(UnusableInput, match="it has not begun, or is over"):
        Follower(tmp_path / "never.parquet")
