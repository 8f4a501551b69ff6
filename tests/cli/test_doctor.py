"""`perfkit doctor` as a user runs it, and what its findings look like."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from rich.cells import cell_len

from perfkit.cli import run
from perfkit.errors import EXIT_OK, EXIT_UNUSABLE, EXIT_USAGE, UnusableInput
from perfkit.model.capability import AVAILABLE, LIMITED, MISSING, NOTE, Capability, Examination
from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.examination import as_json, as_text
from perfkit.workflows import doctor
from perfkit.workflows.doctor import assert_can_record, examine

LACKING = Examination(
    subject="ev\x1b[31mil\n[bold] (pid 7)",
    pid=7,
    user_id=1000,
    system="Linux 6.1.0",
    can_record=True,
    capabilities=(
        Capability("process", "CPU time", AVAILABLE, "/proc/PID/stat can be read"),
        Capability("pressure", "PSI", MISSING, "no /proc/pressure", "psi_cpu_…", "boot with psi=1"),
        Capability("children", "descendants", LIMITED, "no children files", "speed", "another kernel"),
        Capability("governor", "clock rate", NOTE, "powersave", "", "cpupower"),
    ),
)  # fmt: skip


def test_it_ends_in_zero_also_where_something_is_missing(capfd: pytest.CaptureFixture[str]) -> None:
    """Missing figures are no failure: the page says what to do."""
    assert run(["doctor"]) == EXIT_OK
    shown = capfd.readouterr().out
    assert shown.startswith("What can be recorded of any process\n")
    assert "/proc/PID/stat" in shown


def test_one_process_is_examined_by_name(capfd: pytest.CaptureFixture[str]) -> None:
    """As JSON for programs, with all keys."""
    assert run(["doctor", "--pid", str(os.getppid()), "--format", "json"]) == EXIT_OK
    found = json.loads(capfd.readouterr().out)
    assert found["pid"] == os.getppid()
    assert found["can_record"] is True
    keys = {tuple(one) for one in found["capabilities"]}
    assert keys == {("key", "title", "state", "finding", "loses", "remedy")}
    names = [one["key"] for one in found["capabilities"]]
    assert names[0] == "process"
    assert names[-2:] == ["folder", "peers"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--pid", "4194303"], EXIT_UNUSABLE, "no process 4194303"),
        (["--pid", "x"], EXIT_USAGE, "valid int"),
        (["--format", "csv"], EXIT_USAGE, "csv"),
    ],
)
def test_bad_words_and_processes_that_are_not_there_get_one_sentence(
    capfd: pytest.CaptureFixture[str], words: list[str], code: int, says: str
) -> None:
    """As with `record`."""
    assert run(["doctor", *words]) == code
    complaint = capfd.readouterr().err
    assert says in complaint
    assert complaint.count("\n") == 1


def test_where_nothing_can_be_recorded_that_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """No /proc at all: the page is shown, then exit code 5."""
    found = examine(proc=str(tmp_path / "proc"), sys=str(tmp_path / "sys"))

    assert not found.can_record
    assert "nothing can be recorded." in as_text(found, Page())
    with pytest.raises(UnusableInput, match="try `sudo mount -t proc proc /proc`"):
        assert_can_record(found)
    assert UnusableInput.exit_code == EXIT_UNUSABLE


def test_what_is_missing_stands_first_with_its_price_and_its_remedy() -> None:
    """A reader who stops early has read what matters."""
    text = as_text(LACKING, Page(width=80))

    assert text.index("Missing") < text.index("Limited") < text.index("Worth") < text.index("Avail")
    assert "    without  psi_cpu_…\n    mend it  boot with psi=1\n" in text
    assert "recording works; 1 missing, 1 limited" in text


@pytest.mark.parametrize("width", [30, 80, 120])
def test_hostile_names_are_shown_harmlessly_at_every_width(width: int) -> None:
    """No escape sequence, no markup, no line wider than the page."""
    for line in as_text(LACKING, Page(width=width)).splitlines():
        assert printable(line) == line
        assert cell_len(line) <= width
    assert "\x1b" not in json.loads(as_json(LACKING))["subject"]


def test_a_folder_that_cannot_take_a_session_is_missing(tmp_path: Path) -> None:
    """Absent, and nearly full."""
    absent = doctor._folder(tmp_path / "no")
    assert (absent.state, absent.remedy) == (MISSING, f"mkdir -p {tmp_path / 'no'}")
    assert doctor._folder(tmp_path).state in (AVAILABLE, LIMITED)


def test_a_disk_that_is_nearly_full_is_told_in_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 MB are some hours at ten ticks a second, then the disk is full."""
    monkeypatch.setattr(
        doctor.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100_000_000})
    )
    found = doctor._folder(tmp_path)

    assert found.state == LIMITED
    assert " h" in found.finding
    assert found.remedy.startswith("perfkit record -o ")


def test_tools_that_are_absent_come_with_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for all of them."""
    monkeypatch.setattr(doctor.shutil, "which", lambda name: name == "top" or None)
    found = doctor._peers()

    assert "installed: top; not installed: psrecord, pidstat, procpath" in found.finding
    assert found.remedy == "pip install psrecord; sudo apt install sysstat; pip install procpath"
