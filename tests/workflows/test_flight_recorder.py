"""`--keep` and SIGUSR1: only the newest part stays, copies are taken, and nothing else is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.model.metric import NULL_INTEGER
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.sampling.pace import Pace
from perfkit.session import journal_reader
from perfkit.session.journal import JournalWriter, create_journal
from perfkit.session.journal_reader import JournalSource
from perfkit.session.reader import open_source
from perfkit.workflows.analyze import analyze
from perfkit.workflows.seal import seal
from perfkit.workflows.source import open_recording
from perfkit.workflows.ticker import FRONT, KEPT_PARTS, Ticker

MS = 1_000_000
Command = Callable[..., list[str]]
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the small recorder is for Linux")


class ToldClock:
    """The methods of sampling.clock.Clock over a time that moves only when told."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000
        self.used_ns = 0

    def now(self) -> tuple[int, int, int]:
        return self.now_ns, self.now_ns, 1_700_000_000_000_000 + self.now_ns // 1000

    def cpu_ns(self) -> int:
        self.used_ns += 100_000
        return self.used_ns


class QuietSampler:
    """A sampler with one constant figure and one thing that it cannot record."""

    def __init__(self) -> None:
        self._notes = [("psi_cpu_some_us", "no pressure here")]

    def read(self, row: list[int | float], **due: Any) -> bool:
        row[FRONT - 1] = 7
        return bool(due["slow"])

    def processes(self) -> list[tuple[object, ...]]:
        return [(1, 0, *[NULL_INTEGER] * 12, b"S", b"app", b"app --fast")]

    def take_notes(self) -> list[tuple[str, str]]:
        notes, self._notes = self._notes, []
        return notes

    def target_gone(self) -> bool:
        return False


class Flight:
    """A journal that is being written with `--keep`, tick by tick."""

    def __init__(self, folder: Path, keep_ns: int, interval_ns: int = 100 * MS) -> None:
        self.path = folder / "s.parquet.partial"
        self.interval_ns = interval_ns
        self.lock = open_lock(self.path, interval_ns)
        self.journal = JournalWriter(str(self.path), RAW_METRICS, front=FRONT)
        self.journal.note("target_pid", "4711")
        self.clock = ToldClock()
        pace = Pace(interval_ns, None)
        sampler: Any = QuietSampler()
        self.ticker = Ticker(sampler, self.journal, self.clock, pace, keep_ns)  # type: ignore[arg-type]

    def go_on(self, ticks: int) -> None:
        for _ in range(ticks):
            self.ticker.tick()
            self.clock.now_ns += self.interval_ns

    def land(self) -> None:
        """Let go of the lock and the files, as a recorder does however it ends."""
        self.journal.close()
        os.close(self.lock)


def open_lock(path: Path, interval_ns: int = 100 * MS) -> int:
    facts = {
        "session_id": "x", "perfkit_version": "0", "schema_version": "1.0", "mode": "pid",
        "sampler": "linux", "target_pid": 1, "target_name": "x", "command": "x",
        "interval_ns": interval_ns, "started_at_us": 0, "start_boottime_ns": 0,
    }  # fmt: skip
    return create_journal(str(path), RAW_METRICS, facts)


def times(path: Path) -> list[int]:
    """t_ns of every tick of a session or journal."""
    return [t for block in open_source(path).blocks(["t_ns"]) for t in block.t_ns.tolist()]


# ── what is kept, with a clock that is told ──


@given(
    ticks=st.integers(1, 300),
    keep_ms=st.integers(1, 20_000),
    interval_ms=st.sampled_from([1, 7, 100, 1000]),
)
def test_at_least_keep_and_at_most_an_eighth_and_a_tick_more_is_kept(
    tmp_path_factory: pytest.TempPathFactory, ticks: int, keep_ms: int, interval_ms: int
) -> None:
    """All ticks of the newest `keep`, whatever its length is to that of an interval."""
    flight = Flight(tmp_path_factory.mktemp("flight"), keep_ms * MS, interval_ms * MS)
    flight.go_on(ticks)
    kept = times(flight.path)
    flight.land()
    every = [k * interval_ms * MS for k in range(ticks)]

    assert kept == every[len(every) - len(kept) :]
    assert set(kept) >= {t for t in every if t > every[-1] - keep_ms * MS}
    part = keep_ms * MS // KEPT_PARTS
    assert kept[-1] - kept[0] <= keep_ms * MS + part + interval_ms * MS
    assert flight.ticker.kept()[0] == len(kept)
    assert len(list(flight.path.glob("*.ticks"))) <= KEPT_PARTS + 2


def test_what_was_said_of_the_recording_outlives_the_segments(tmp_path: Path) -> None:
    """Notes of the first tick are there after a hundred dropped segments; nothing is damaged."""
    flight = Flight(tmp_path, 2000 * MS)
    flight.go_on(1000)
    flight.land()
    source = JournalSource(flight.path)

    assert not (flight.path / "000000.ticks").exists()
    assert source.session.target_pid == 4711
    assert source.session.missing == {"psi_cpu_some_us": "no pressure here"}
    assert (source.problems, source.damaged) == ((), 0)
    assert source.session.ticks_dropped == 1000 - len(times(flight.path))
    assert "kept_from" not in source.session.notes


def test_disk_and_memory_of_the_ticker_do_not_grow(tmp_path: Path) -> None:
    """After the first round the journal's size goes up and down within an eighth."""
    flight = Flight(tmp_path, 2000 * MS)
    sizes = []
    for _ in range(20):
        flight.go_on(50)
        sizes.append(sum(file.stat().st_size for file in flight.path.iterdir()))
    flight.land()

    assert max(sizes[2:]) <= 1.3 * min(sizes[2:])
    assert len(flight.ticker._segments) <= KEPT_PARTS + 2


def test_sealing_keeps_the_number_of_dropped_ticks(tmp_path: Path) -> None:
    """The file says what is not in it, so that nobody takes it for lost."""
    flight = Flight(tmp_path, 2000 * MS)
    flight.go_on(100)
    flight.land()
    kept = times(flight.path)
    path = seal(flight.path, tmp_path / "s.parquet")

    assert open_source(path).session.ticks_dropped == 100 - len(kept)
    assert times(path) == kept


def test_a_reader_that_is_overtaken_misses_ticks_and_calls_nothing_damaged(
    tmp_path: Path,
) -> None:
    """Segments that vanish between two blocks were dropped on purpose."""
    flight = Flight(tmp_path, 2000 * MS)
    flight.go_on(60)
    source = JournalSource(flight.path)
    blocks = source.blocks(["t_ns"])
    seen = next(blocks).t_ns.tolist()
    flight.go_on(15)
    seen += [t for block in blocks for t in block.t_ns.tolist()]

    assert source.live
    assert seen == sorted(set(seen))
    assert seen[-1] >= 59 * 100 * MS
    assert len(seen) < 75
    assert (source.damaged, source.problems) == (0, ())
    flight.land()


def test_a_segment_that_vanishes_while_the_folder_is_listed_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader takes what is there; it does not say that the journal is gone."""
    flight = Flight(tmp_path, 2000 * MS)
    flight.go_on(60)
    first_line = journal_reader._first_line
    moved = []

    def overtaken(path: Path) -> bytes | None:
        if not moved:
            moved.append(flight.go_on(5))
        return first_line(path)

    monkeypatch.setattr(journal_reader, "_first_line", overtaken)
    source = JournalSource(flight.path)

    assert source.problems == ()
    assert source.damaged == 0
    flight.land()


def test_a_recorder_killed_before_it_drops_what_it_said_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First said, then done: the segment that is still there is not taken for part of the rest."""
    flight = Flight(tmp_path, 2000 * MS)
    flight.go_on(60)
    monkeypatch.setattr(flight.journal, "drop_segment", lambda _: None)
    before = flight.ticker.kept()[0]
    while flight.ticker.kept()[0] >= before:
        before = flight.ticker.kept()[0]
        flight.go_on(1)
    flight.land()
    source = JournalSource(flight.path)

    assert source.problems == ()
    assert source.damaged == 0
    assert len(times(flight.path)) == flight.ticker.kept()[0]


# ── the recorder itself ──


def record(
    perfkit_command: Command, processes: Any, folder: Path, *words: str
) -> tuple[Any, Any, Path]:
    """(recorder, target, journal) once the recording runs; the target sleeps."""
    target = processes.start(["sleep", "300"])
    recorder = processes.start(
        perfkit_command("record", "--pid", str(target.pid), "-o", "s.parquet", *words),
        cwd=folder,
        stderr=subprocess.PIPE,
    )
    journal = folder / "s.parquet.partial"
    while not (journal / "000000.frames").exists():
        time.sleep(0.001)
    assert f"kill -USR1 {recorder.pid} " in recorder.stderr.readline()
    return recorder, target, journal


def wait_for(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.002)


@ON_LINUX
def test_a_flight_recording_is_sealed_on_exit_and_says_what_it_kept(
    perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """Two seconds at 5 ms, of which 400 ms are kept; the report speaks of those alone."""
    recorder, _, _ = record(
        perfkit_command, processes, tmp_path,
        "--keep", "400ms", "-i", "5ms", "--no-adaptive", "-d", "2s",
    )  # fmt: skip
    said = recorder.communicate(timeout=60)[1]
    assert recorder.returncode == 0
    kept = times(tmp_path / "s.parquet")
    session = open_source(tmp_path / "s.parquet").session
    report = analyze(tmp_path / "s.parquet")

    # a machine that stalls for a moment makes the parts longer
    assert kept[-1] - kept[0] >= 390 * MS
    assert kept[0] >= 500 * MS
    assert session.stop_reason == "--duration was reached"
    assert session.ticks_dropped > 0
    assert session.notes["keep_ns"] == str(400 * MS)
    assert report.monitoring.ticks == len(kept)
    assert report.monitoring.duration_ns < kept[-1] - kept[0] + 500 * MS
    assert report.monitoring.ticks_dropped == session.ticks_dropped
    assert not any("lost" in sentence for sentence in report.cannot_tell)
    assert f"{session.ticks_dropped} older ticks were dropped on purpose (--keep)" in said


@ON_LINUX
def test_the_report_and_the_facts_call_dropped_ticks_dropped(
    perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """In words, where a person looks for the length of the recording; live, too."""
    recorder, _, journal = record(
        perfkit_command, processes, tmp_path, "--keep", "100ms", "-i", "2ms", "--no-adaptive"
    )
    wait_for(lambda: not (journal / "000000.ticks").exists())
    live = subprocess.run(
        perfkit_command("analyze", journal), capture_output=True, text=True, check=True
    ).stdout
    recorder.send_signal(signal.SIGINT)
    recorder.communicate(timeout=60)
    assert recorder.returncode == 0
    for words in (("analyze",), ("info",)):
        shown = subprocess.run(
            perfkit_command(*words, tmp_path / "s.parquet"),
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert "dropped on purpose (--keep)" in " ".join(shown.split())
    assert "dropped on purpose (--keep)" in " ".join(live.split())
    assert "cannot be read any more" not in live


@ON_LINUX
def test_kill_9_of_a_flight_recorder_keeps_the_newest_part(
    perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """Ten times, at any moment of writing, dropping and beginning segments."""
    target = processes.start(["sleep", "300"])
    dice = random.Random(5)
    for attempt in range(10):
        journal = tmp_path / f"{attempt}.parquet.partial"
        recorder = subprocess.Popen(
            perfkit_command(
                "record", "-q", "--pid", str(target.pid), "-o", tmp_path / f"{attempt}.parquet",
                "--keep", "24ms", "-i", "1ms", "--no-adaptive",
            )
        )  # fmt: skip
        wait_for(lambda journal=journal: (journal / "000009.ticks").exists())  # type: ignore[misc]
        time.sleep(dice.random() * 0.03)
        recorder.kill()
        recorder.wait()
        source = JournalSource(journal)
        kept = times(journal)

        assert (source.problems, source.damaged) == ((), 0)
        assert source.session.target_pid == target.pid
        assert kept == sorted(set(kept))
        assert kept[-1] - kept[0] >= 22 * MS
        if attempt % 3 == 0:
            subprocess.run(perfkit_command("recover", journal), check=True, capture_output=True)
            assert times(tmp_path / f"{attempt}.parquet") == kept


@ON_LINUX
@pytest.mark.parametrize("keep", [(), ("--keep", "300ms")], ids=["all", "keep"])
def test_sigusr1_seals_copies_and_the_recording_goes_on(
    perfkit_command: Command, processes: Any, tmp_path: Path, keep: tuple[str, ...]
) -> None:
    """Three in a row make NAME-1, NAME-2 and NAME-3; each holds what there was, and says so."""
    recorder, target, journal = record(
        perfkit_command, processes, tmp_path, "-i", "5ms", "--no-adaptive", *keep
    )
    said = ""
    for number in (1, 2, 3):
        before = len(times(journal))
        recorder.send_signal(signal.SIGUSR1)
        if number < 3:  # the third comes while the second is still being sealed
            said += recorder.stderr.readline()
        assert len(times(journal)) >= (0 if keep else before)
    wait_for(lambda: (tmp_path / "s-3.parquet").exists())
    assert recorder.poll() is None
    recorder.send_signal(signal.SIGINT)
    said += recorder.communicate(timeout=60)[1]

    assert recorder.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "s-1.parquet", "s-2.parquet", "s-3.parquet", "s.parquet",
    ]  # fmt: skip
    ends = []
    for number in (1, 2, 3):
        copy = open_source(tmp_path / f"s-{number}.parquet")
        assert f"a copy of the recording so far is in s-{number}.parquet" in said
        assert copy.session.stop_reason == "this is a copy; the recording went on"
        assert copy.session.target_pid == target.pid
        assert "journal_damaged_ticks" not in copy.session.notes
        ends.append(times(copy.path)[-1])
    whole = open_source(tmp_path / "s.parquet")
    assert ends == sorted(ends)
    assert times(whole.path)[-1] > ends[-1]
    assert whole.session.stop_reason == "SIGINT was received"
    assert open_recording(tmp_path / "s-1.parquet").kind == "session"


@ON_LINUX
def test_the_process_that_seals_a_copy_is_no_member_of_the_commands_tree(
    perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """It is the recorder's child as an adopted orphan is, but not the target's."""
    recorder = processes.start(
        perfkit_command(
            "record", "-o", "s.parquet", "-i", "2ms", "--no-adaptive", "--", "sh", "-c",
            "echo ready; read line; exit 7",
        ),
        cwd=tmp_path, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert recorder.stdout.readline() == "ready\n"
    assert f"kill -USR1 {recorder.pid} " in recorder.stderr.readline()
    wait_for(lambda: (tmp_path / "s.parquet.partial/000000.frames").exists())
    for number in (1, 2):
        recorder.send_signal(signal.SIGUSR1)
        assert f"s-{number}.parquet" in recorder.stderr.readline()
    recorder.stdin.write("go\n")
    recorder.stdin.flush()
    recorder.communicate(timeout=60)

    assert recorder.returncode == 7
    table = open_recording(tmp_path / "s.parquet").table(
        ["processes_count", "processes_born_count", "cpu_time_ns", "processes"]
    )
    assert max(table.column("processes_count").to_pylist()) == 1
    assert table.column("processes_born_count").to_pylist()[-1] == 0
    assert table.column("cpu_time_ns").to_pylist()[-1] < 0.3e9
    names = {one["name"] for row in table.column("processes").to_pylist() for one in row or ()}
    assert names <= {"sh", "python", "python3", Path(sys.executable).name}
    assert times(tmp_path / "s-1.parquet")[-1] < times(tmp_path / "s.parquet")[-1]


@ON_LINUX
def test_a_name_that_is_taken_is_left_alone_by_a_copy(
    perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """The next free number is used."""
    (tmp_path / "s-1.parquet").write_text("mine")
    recorder, _, _ = record(perfkit_command, processes, tmp_path, "-i", "5ms", "--no-adaptive")
    recorder.send_signal(signal.SIGUSR1)
    assert "s-2.parquet" in recorder.stderr.readline()
    recorder.send_signal(signal.SIGINT)
    recorder.communicate(timeout=60)

    assert (tmp_path / "s-1.parquet").read_text() == "mine"
    assert times(tmp_path / "s-2.parquet")


@ON_LINUX
def test_a_copy_that_fails_takes_no_number_and_the_recording_goes_on(
    perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """A folder that takes no new file: the sentence asks for nothing, and the next copy is the first."""
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=5", "tmpfs", folder], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("may not mount a file system here")
    try:
        recorder, _, _ = record(perfkit_command, processes, folder, "-i", "5ms", "--no-adaptive")
        for _ in range(2):
            recorder.send_signal(signal.SIGUSR1)
            said = recorder.stderr.readline()
            assert said.startswith("perfkit: no copy was made: cannot write ")
            assert said.endswith("; recording goes on\n")
            assert "-o" not in said
            children = Path(f"/proc/{recorder.pid}/task/{recorder.pid}/children")
            while children.read_text():  # the one that has said so ends
                time.sleep(0.002)
        subprocess.run(["mount", "-o", "remount,nr_inodes=50,size=8m", folder], check=True)
        recorder.send_signal(signal.SIGUSR1)
        assert "a copy of the recording so far is in s-1.parquet" in recorder.stderr.readline()
    finally:
        processes.end()
        subprocess.run(["umount", "-l", folder], check=True)


@ON_LINUX
def test_the_length_of_a_recording_leaves_out_what_the_command_does_afterwards(
    perfkit_command: Command, tmp_path: Path
) -> None:
    """Recorded for 300 ms of a second: cost and length are those of the 300 ms."""
    subprocess.run(
        perfkit_command(
            "record", "-q", "-d", "300ms", "-i", "20ms", "-o", "s.parquet", "--", "sleep", "1"
        ),
        cwd=tmp_path, check=True,
    )  # fmt: skip
    session = open_source(tmp_path / "s.parquet").session

    assert session.exit_code == 0
    assert session.duration_ns is not None
    assert 280 * MS <= session.duration_ns < times(tmp_path / "s.parquet")[-1] + 300 * MS
