"""Opening what a user names: by content, and with one sentence for everything else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from session_examples import METRICS, SESSION, ticks, write_journal

from perfkit.errors import EXIT_UNUSABLE, UnusableInput
from perfkit.session.journal import SUFFIX
from perfkit.session.journal_reader import JournalSource
from perfkit.session.parquet import SessionFile, write_session
from perfkit.session.reader import expand, open_source


def written(path: Path) -> Path:
    write_session(path, [ticks(5)], METRICS, SESSION)
    return path


def test_files_and_journals_are_told_apart_by_content(tmp_path: Path) -> None:
    """A session that was renamed is still a session, a journal still a journal."""
    renamed = written(tmp_path / "s.parquet").rename(tmp_path / "holiday.jpg")
    journal = write_journal(tmp_path / "folder", [ticks(5)])

    assert isinstance(open_source(renamed), SessionFile)
    assert isinstance(open_source(journal), JournalSource)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"time,cpu\n1,2\n", "is not a Parquet file"),
        (b"SQLite format 3\x00" + b"\x00" * 100, "is not a Parquet file"),
        (b"PAR1", "is cut off"),
        (b"PAR1PAR1", "is cut off"),
        (b"PAR1" + b"x" * 100, "is cut off"),
        (b"PAR1" + b"\x00" * 100 + b"PAR1", "is damaged"),
        (b"PAR1" + b"\xff" * 100 + b"PAR1", "is damaged"),
        (b"PAR1" + b"\x10\x00\x00\x00" * 10 + b"PAR1", "is damaged"),
    ],
)
def test_what_is_no_session_is_told_in_one_sentence(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    """What, where, and how to mend it."""
    path = tmp_path / "some\x1b[2Jfile.parquet"
    path.write_bytes(content)
    with pytest.raises(UnusableInput, match=sentence) as refused:
        open_source(path)

    message = str(refused.value)
    assert "some\\x1b[2Jfile.parquet" in message
    assert message.isprintable()
    assert ";" in message
    assert refused.value.exit_code == EXIT_UNUSABLE


def test_a_path_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """And if its journal is there, that is what to read."""
    path = tmp_path / "s.parquet"
    with pytest.raises(UnusableInput, match="does not exist; check the path"):
        open_source(path)
    write_journal(tmp_path / f"s.parquet{SUFFIX}", [])
    with pytest.raises(UnusableInput, match=r"its journal does; read .*s\.parquet\.partial"):
        open_source(path)


def test_a_journal_that_was_sealed_is_told(tmp_path: Path) -> None:
    """Whoever still names the journal learns where the session is."""
    written(tmp_path / "s.parquet")
    with pytest.raises(UnusableInput, match=r"it was sealed; read .*s\.parquet$"):
        open_source(tmp_path / f"s.parquet{SUFFIX}")


@pytest.mark.parametrize("path", ["a\x00b", "x" * 300])
def test_a_path_that_cannot_be_is_told(tmp_path: Path, path: str) -> None:
    """The operating system refuses some names altogether."""
    with pytest.raises(UnusableInput, match="cannot read"):
        open_source(tmp_path / path)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    """Reading a pipe would wait for ever, a device never end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(UnusableInput, match="is not a regular file"):
            open_source(path)


def test_a_folder_that_is_no_journal_is_told(tmp_path: Path) -> None:
    """Opening takes one session; folders of them are for expand."""
    with pytest.raises(UnusableInput, match="folder without the segments of a journal"):
        open_source(tmp_path)


@pytest.mark.parametrize("what", ["file", "journal", "folder"])
def test_what_may_not_be_read_is_told(tmp_path: Path, what: str) -> None:
    """In a process without privileges, since root may read everything."""
    path = {
        "file": lambda: written(tmp_path / "s.parquet"),
        "journal": lambda: write_journal(tmp_path / "j", [ticks(2)]),
        "folder": lambda: tmp_path / "folder",
    }[what]()
    path.mkdir(exist_ok=True) if what == "folder" else None
    path.chmod(0)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == Path.home().owner() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    action = expand if what == "folder" else lambda paths: open_source(paths[0])
    child = os.fork()
    if not child:
        code = 1
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setuid(65534)
            action([path])
        except UnusableInput as error:
            code = 0 if "check its permissions" in str(error) else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    path.chmod(0o755)

    assert os.waitstatus_to_exitcode(status) == 0


def test_a_folder_of_sessions_is_its_sessions_sorted(tmp_path: Path) -> None:
    """Files and journals, by name; what is hidden or something else is left out."""
    folder = tmp_path / "sessions"
    folder.mkdir()
    for name in ("b.parquet", "a.parquet", ".perfkit-x.parquet", "c.parquet.tmp"):
        (folder / name).write_bytes(b"")
    (folder / "notes.txt").write_text("")
    write_journal(folder / "ab.parquet.partial", [])
    (folder / "deeper.parquet").mkdir()
    other = tmp_path / "other.parquet"

    assert [path.name for path in expand([other, folder])] == [
        "other.parquet",
        "a.parquet",
        "ab.parquet.partial",
        "b.parquet",
    ]


def test_a_journal_is_not_taken_for_a_folder_of_sessions(tmp_path: Path) -> None:
    """Whether by its name or by what it holds."""
    renamed = write_journal(tmp_path / "renamed", [])
    named = tmp_path / "empty.parquet.partial"
    named.mkdir()

    assert expand([renamed, named]) == [renamed, named]


def test_a_folder_without_sessions_is_told(tmp_path: Path) -> None:
    """One sentence that names the folder."""
    with pytest.raises(UnusableInput, match=r"is a folder without a session; name a folder"):
        expand([tmp_path])
