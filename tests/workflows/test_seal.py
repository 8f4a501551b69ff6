"""Sealing: the file is complete or absent, and the journal is there until the file is."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from recorded_examples import FACTS, record

from perfkit.errors import EXIT_OK, EXIT_UNUSABLE, EXIT_USAGE, OutputRefused, UnusableInput
from perfkit.session.parquet import SessionFile
from perfkit.workflows import seal as seal_module
from perfkit.workflows.seal import main, seal

SEAL = [sys.executable, "-c", "from perfkit.workflows.seal import main; main()"]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """An orphaned journal of 120 ticks."""
    path = tmp_path / "s.parquet.partial"
    record(path, 120)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_sealing_leaves_the_file_and_nothing_else(tmp_path: Path, journal: Path) -> None:
    """The journal is gone once the session is safe."""
    output = seal(journal, tmp_path / "s.parquet")

    assert output == tmp_path / "s.parquet"
    assert names(tmp_path) == ["s.parquet"]
    assert SessionFile(output).ticks == 120
    assert SessionFile(output).session.stop_reason == "the target exited"


def test_a_copy_leaves_the_journal(tmp_path: Path) -> None:
    """Also while the recorder goes on writing it."""
    journal = tmp_path / "s.parquet.partial"
    lock = record(journal, 20, hold=True)
    before = {path.name: path.read_bytes() for path in journal.iterdir()}
    seal(journal, tmp_path / "s-1.parquet", keep=True)
    os.close(lock)

    assert {path.name: path.read_bytes() for path in journal.iterdir()} == before
    assert SessionFile(tmp_path / "s-1.parquet").ticks == 20


def test_a_journal_whose_recorder_is_alive_is_refused(tmp_path: Path) -> None:
    """It would lose what is yet to be recorded."""
    journal = tmp_path / "s.parquet.partial"
    lock = record(journal, 20, hold=True)
    with pytest.raises(UnusableInput, match="still being recorded or sealed; stop"):
        seal(journal, tmp_path / "s.parquet")
    os.close(lock)

    assert names(tmp_path) == ["s.parquet.partial"]


def test_an_existing_output_is_kept_unless_forced(tmp_path: Path, journal: Path) -> None:
    """Refused before anything is read; the journal stays."""
    output = tmp_path / "s.parquet"
    output.write_text("precious")
    with pytest.raises(OutputRefused, match=r"exists; .*--force"):
        seal(journal, output)
    assert output.read_text() == "precious"
    assert journal.is_dir()

    seal(journal, output, force=True)
    assert SessionFile(output).ticks == 120
    assert not journal.exists()


def test_sealing_that_was_cut_off_before_removing_the_journal_is_finished(
    tmp_path: Path, journal: Path
) -> None:
    """The output is this very session, complete: only the journal is left to remove."""
    output = seal(journal, tmp_path / "s.parquet", keep=True)
    written = output.read_bytes()
    seal(journal, output)

    assert names(tmp_path) == ["s.parquet"]
    assert output.read_bytes() == written


def test_a_shorter_copy_of_the_same_session_is_not_taken_for_it(tmp_path: Path) -> None:
    """An early copy under the output's name must not cost the rest."""
    early, late = tmp_path / "early", tmp_path / "late"
    record(early, 10)
    record(late, 20)
    output = seal(early, tmp_path / "s.parquet")

    with pytest.raises(OutputRefused, match="exists"):
        seal(late, output)
    assert late.is_dir()


def test_what_is_no_journal_is_told(tmp_path: Path) -> None:
    """A file, nothing, a folder of something else."""
    (tmp_path / "file").write_text("")
    for name in ("file", "nothing"):
        with pytest.raises(UnusableInput, match=r"cannot open the journal .*; name the \.partial"):
            seal(tmp_path / name, tmp_path / "s.parquet")
    with pytest.raises(UnusableInput, match="without the segments"):
        seal(tmp_path, tmp_path / "s.parquet")


def test_a_folder_that_cannot_be_written_leaves_the_journal(tmp_path: Path, journal: Path) -> None:
    """One sentence, and nothing lost."""
    before = names(journal)
    with pytest.raises(OutputRefused, match="cannot write"):
        seal(journal, tmp_path / "no" / "s.parquet")

    assert names(journal) == before
    assert names(tmp_path) == ["s.parquet.partial"]


def limited(size: int) -> Any:
    def set_limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return set_limit


@pytest.mark.parametrize("size", [0, 4, 10_000, 50_000])
def test_a_full_disk_is_told_and_costs_nothing(tmp_path: Path, journal: Path, size: int) -> None:
    """However far the writing came: one sentence, the right code, no half file."""
    output = tmp_path / "s.parquet"
    told = subprocess.run(
        [*SEAL, str(journal), str(output)],
        capture_output=True,
        text=True,
        preexec_fn=limited(size),
        check=False,
    )

    assert told.returncode == EXIT_UNUSABLE
    assert "cannot write" in told.stderr
    assert told.stderr.count("\n") == 1
    assert names(tmp_path) == ["s.parquet.partial"]
    assert SessionFile(seal(journal, output)).ticks == 120


def test_the_sealing_process_does_what_the_function_does(tmp_path: Path, journal: Path) -> None:
    """As the recorder starts it; silent when all is well."""
    output = tmp_path / "s.parquet"
    output.write_text("old")
    command = [*SEAL, str(journal), str(output), "--force"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (told.returncode, told.stdout, told.stderr) == (EXIT_OK, "", "")
    assert SessionFile(output).ticks == 120


@pytest.mark.parametrize("words", [[], ["one"], ["one", "two", "three"], ["--force", "one"]])
def test_wrong_words_are_a_usage_error(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Only perfkit calls it, but it says what it wants."""
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as ended:
            main(words)
    finally:
        signal.signal(signal.SIGINT, before)

    assert ended.value.code == EXIT_USAGE
    assert "JOURNAL and OUTPUT" in capsys.readouterr().err


def test_ctrl_c_does_not_stop_sealing(
    tmp_path: Path, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes to the whole process group, and the session must be sealed all the same."""

    def interrupted(*_: object, **__: object) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        return tmp_path

    monkeypatch.setattr(seal_module, "seal", interrupted)
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as ended:
            main([str(journal), str(tmp_path / "s.parquet")])
    finally:
        signal.signal(signal.SIGINT, before)

    assert ended.value.code == EXIT_OK


def test_a_journal_that_cannot_be_removed_is_told(tmp_path: Path, journal: Path) -> None:
    """Somebody put a file of theirs into it: the session is sealed, theirs is kept."""
    (journal / "mine.txt").write_text("mine")
    with pytest.raises(UnusableInput, match="the session is sealed, but its journal"):
        seal(journal, tmp_path / "s.parquet")

    assert SessionFile(tmp_path / "s.parquet").ticks == 120
    assert names(journal) == ["mine.txt"]


def test_segments_of_another_recording_are_left_out_and_left_there(
    tmp_path: Path, journal: Path
) -> None:
    """Each recording is sealed whole, without a tick of the other's."""
    record(other := tmp_path / "other.parquet.partial", 30)
    line, _, records = (other / "000000.ticks").read_bytes().partition(b"\n")
    own_id = str(FACTS["session_id"]).encode()
    another = line.replace(own_id, own_id[::-1])
    assert another != line
    (journal / "000777.ticks").write_bytes(another + b"\n" + records)
    seal(journal, tmp_path / "s.parquet")
    sealed = SessionFile(tmp_path / "s.parquet")

    assert sealed.ticks == 120
    assert sealed.session.notes["journal_problems"].startswith(
        "Segment 000777 belongs to another recording"
    )
    assert names(journal) == ["000777.ticks"]

    seal(journal, tmp_path / "other.parquet")
    assert SessionFile(tmp_path / "other.parquet").ticks == 30
    assert not journal.exists()
