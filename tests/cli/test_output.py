"""Where a command's text goes: a report is written whole, and never over a session."""

from __future__ import annotations

import io
import os
import stat
import sys

import pytest

from perfkit.cli.output import deliver, page_for
from perfkit.errors import EXIT_UNUSABLE, OutputRefused


class Screen(io.TextIOWrapper):
    """A standard output that says it is a terminal."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = True) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture
def screen(monkeypatch):
    """Put a screen in place of standard output, in an environment with nothing else to say."""
    for name in ("NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    def put(**options):
        screen = Screen(**options)
        monkeypatch.setattr(sys, "stdout", screen)
        return screen

    return put


def test_a_report_goes_over_an_earlier_report(tmp_path):
    """The last report is the one that counts; nothing else is left in the folder."""
    path = tmp_path / "report.md"
    path.write_text("earlier")

    deliver("later\n", path)

    assert path.read_text() == "later\n"
    assert list(tmp_path.iterdir()) == [path]


def test_the_mode_of_an_earlier_report_is_kept(tmp_path):
    """Who could read it still can, and nobody else."""
    path = tmp_path / "report.md"
    path.write_text("earlier")
    path.chmod(0o640)

    deliver("later", path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_to_a_report_stays_a_link(tmp_path):
    """The text goes to what the link names."""
    path, link = tmp_path / "report.md", tmp_path / "latest.md"
    path.write_text("earlier")
    link.symlink_to(path)

    deliver("later", link)

    assert link.is_symlink()
    assert path.read_text() == "later"


@pytest.mark.parametrize("name", ["s.parquet", "S.PARQUET", "s.parquet.partial", "new.parquet"])
def test_a_sessions_name_is_refused(tmp_path, name):
    """What is called a session stays one, whether or not it is there."""
    path = tmp_path / name
    if not name.startswith("new"):
        path.write_bytes(b"PAR1 data PAR1")

    with pytest.raises(OutputRefused, match="session") as refused:
        deliver("report", path)

    assert refused.value.exit_code == EXIT_UNUSABLE
    assert not path.exists() or path.read_bytes() == b"PAR1 data PAR1"


def test_nothing_is_written_into_a_journal(tmp_path):
    """A journal is a folder; its segments are the recording."""
    journal = tmp_path / "s.parquet.partial"
    journal.mkdir()
    (journal / "000000.ticks").write_text("ticks")

    with pytest.raises(OutputRefused):
        deliver("report", journal / "000000.ticks")


def test_a_report_may_be_named_after_its_session(tmp_path):
    """`session.parquet.md` is a report."""
    deliver("report", tmp_path / "session.parquet.md")

    assert (tmp_path / "session.parquet.md").read_text() == "report"


def test_a_session_under_another_name_is_refused(tmp_path):
    """Told by its content, through a link too."""
    path, link = tmp_path / "renamed.txt", tmp_path / "link.txt"
    path.write_bytes(b"PAR1 data PAR1")
    link.symlink_to(path)

    for output in (path, link):
        with pytest.raises(OutputRefused, match="session"):
            deliver("report", output)

    assert path.read_bytes() == b"PAR1 data PAR1"


def test_an_input_is_refused_whatever_it_holds(tmp_path):
    """Reading from and writing to one file is a slip."""
    path, hard = tmp_path / "input", tmp_path / "other"
    path.write_text("something")
    os.link(path, hard)

    with pytest.raises(OutputRefused):
        deliver("report", hard, [path])

    assert path.read_text() == "something"


@pytest.mark.parametrize("output", ["", "missing/report.md", "file/report.md", "nul\0l"])
def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, output):
    """A folder, a folder that is not there, a file for a folder, no valid path."""
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputRefused) as refused:
        deliver("report", tmp_path / output)

    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_device_is_written_to_and_not_replaced(tmp_path):
    """`-o /dev/null` leaves the device a device; here a pipe stands for it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        deliver("report", pipe)
        assert os.read(reader, 100) == b"report"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_colour_is_for_terminals(screen, monkeypatch):
    """Not in a pipe, not where NO_COLOR asks for none, not on a terminal without."""
    screen()
    assert page_for(None).colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not page_for(None).colour
    monkeypatch.setenv("NO_COLOR", "")
    assert page_for(None).colour
    monkeypatch.setenv("TERM", "dumb")
    assert not page_for(None).colour
    monkeypatch.setenv("TERM", "xterm")
    screen(terminal=False)
    assert not page_for(None).colour


def test_a_file_gets_a_plain_page(screen, tmp_path):
    """Whatever the terminal is, the file does not depend on it."""
    screen()

    assert page_for(tmp_path / "report.txt").colour is False


def test_the_width_is_the_terminals(screen, monkeypatch):
    """COLUMNS says it where it is set."""
    screen()
    monkeypatch.setenv("COLUMNS", "57")

    assert page_for(None).width == 57


def test_what_standard_output_cannot_show_is_escaped(screen):
    """A latin-1 terminal neither fails nor shows something else."""
    latin = screen(encoding="latin-1")

    deliver("µ →\n", None)

    assert latin.buffer.getvalue() == b"\xb5 \\u2192\n"
    assert page_for(None).ascii_only
