"""Which sessions a word means, which of them count, and what they measured."""

from __future__ import annotations

import os

import pytest
from compared_sessions import HOST, write_run, write_side

from perfkit.errors import UnusableInput
from perfkit.workflows.recorded_runs import (
    different_hosts,
    observations_of_sessions,
    session_paths,
)


def test_a_file_a_folder_and_a_pattern_mean_sessions(sessions, monkeypatch):
    """Sorted; also relative, and over folders."""
    write_side(sessions / "base", [1.0, 1.1])
    names = ["00.parquet", "01.parquet"]
    monkeypatch.chdir(sessions)

    for value in ("base", "base/*.parquet", f"{sessions}/b*/*", "**/*.parquet", "bas*"):
        assert [path.name for path in session_paths(value)] == names
    assert len(session_paths("base/00.parquet")) == 1


def test_a_session_is_known_by_its_content_too(sessions):
    """Whatever its name is."""
    path = write_run(sessions / "x.parquet").rename(sessions / "renamed")

    assert session_paths(str(path)) == (path,)


@pytest.mark.parametrize(
    "value", ["python job.py --all *.txt", "./run", "/bin/true", "a\0b", "x" * 5000, "sleep 1"]
)
def test_what_matches_no_session_may_be_a_command(sessions, monkeypatch, value):
    """A program of that name is none either."""
    monkeypatch.chdir(sessions)
    (sessions / "run").write_text("#!/bin/sh\n")

    assert session_paths(value) == ()


@pytest.mark.parametrize("value", ["base/*.parquet", "base.parquet", "empty"])
def test_what_can_only_mean_sessions_is_no_command(sessions, monkeypatch, value):
    """No baseline: said as such, instead of a command that does not exist."""
    monkeypatch.chdir(sessions)
    (sessions / "empty").mkdir()

    with pytest.raises(UnusableInput, match=r"session"):
        session_paths(value)


def test_runs_are_in_the_order_in_which_they_were_recorded(sessions):
    """Names say nothing of time."""
    write_run(sessions / "a.parquet", 2.0, number=7)
    write_run(sessions / "b.parquet", 1.0, number=3)

    side = observations_of_sessions(str(sessions))

    assert [run.values["cpu_s"] for run in side.runs] == [1.0, 2.0]


def test_the_figures_are_the_kernels(sessions):
    """Those of the notes; what was sampled stands in for faults alone."""
    write_run(sessions / "a.parquet", 1.25, 3.5, 70_000_000, notes={"exit_read_bytes": "4096"})

    (run,) = observations_of_sessions(str(sessions)).runs

    assert run.values == {
        "cpu_s": 1.25,
        "wall_s": 3.5,
        "peak_rss_bytes": 70_000_000.0,
        "minor_faults": 1000.0,
        "read_bytes": 4096.0,
    }
    assert not run.window


def test_a_process_that_ran_already_gives_a_window(sessions):
    """Rates over the recording, and no figure of a whole run."""
    write_run(sessions / "a.parquet", 1.0, 2.0, notes={"window": ""})

    (run,) = observations_of_sessions(str(sessions)).runs

    assert run.window
    assert run.values["cpu_percent"] == pytest.approx(50.0)
    assert run.values["sampled_rss_bytes"] == 40_000_000
    assert "cpu_s" not in run.values


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"exit_code": 3}, "exit code 3"),
        ({"exit_code": None, "exit_signal": 9}, "signal 9"),
        ({"stop_reason": None}, "cut off"),
        ({"stop_reason": "--duration was reached"}, "does not reach to the end"),
        ({"notes": {"exit_failure": "it did not end\n::error::"}}, "did not end"),
        ({"ticks": 0}, "no tick"),
    ],
)
def test_a_run_that_failed_or_was_cut_off_does_not_count(sessions, options, why):
    """It is named with its reason, the others are read."""
    write_run(sessions / "bad.parquet", **options)
    write_run(sessions / "good.parquet")

    side = observations_of_sessions(str(sessions))

    assert [run.path.name for run in side.runs] == ["good.parquet"]
    (failed,) = side.failed
    assert "bad.parquet" in failed
    assert why in failed
    assert failed.isprintable()


@pytest.mark.parametrize("keep", [0, 4, 2000, -8])
def test_a_damaged_file_does_not_hide_the_others(sessions, keep):
    """Empty, cut off, or with another end."""
    path = write_run(sessions / "bad.parquet")
    path.write_bytes(path.read_bytes()[:keep])
    write_run(sessions / "good.parquet")

    side = observations_of_sessions(str(sessions))

    assert len(side.runs) == len(side.failed) == 1
    assert "bad.parquet" in side.failed[0]


def test_one_recording_is_one_run(sessions):
    """A copy or a link of it is no second one."""
    path = write_run(sessions / "a.parquet")
    (sessions / "b.parquet").write_bytes(path.read_bytes())
    (sessions / "c.parquet").symlink_to(path)

    side = observations_of_sessions(str(sessions))

    assert len(side.runs) == 1
    assert ["same recording" in failed for failed in side.failed] == [True, True]


def test_a_run_through_which_the_machine_slept_has_no_wall_time(sessions):
    """Its CPU time is as good as any."""
    write_run(sessions / "a.parquet", suspended_ns=10**9)

    (run,) = observations_of_sessions(str(sessions)).runs

    assert run.slept
    assert "wall_s" not in run.values
    assert "cpu_s" in run.values


def test_a_note_that_is_no_number_is_none(sessions):
    """Damaged or strange: absent, never 0."""
    for number, text in enumerate(("nan", "-5", "1e999", "", "abc", "٣x")):
        write_run(sessions / f"{number}.parquet", notes={"exit_major_faults": text})

    side = observations_of_sessions(str(sessions))

    assert [("major_faults" in run.values) for run in side.runs] == [False] * 6


def test_in_a_duet_wall_time_means_nothing(sessions):
    """And an alternating run beside duets is there for its wall time alone."""
    write_run(sessions / "a.parquet", notes={"gate_design": "duet", "exit_wall_ns": "9"})
    write_run(
        sessions / "b.parquet",
        number=1,
        notes={"gate_design": "alternating", "exit_wall_ns": "1500000000"},
    )

    duet, alternating = observations_of_sessions(str(sessions)).runs

    assert "wall_s" not in duet.values
    assert alternating.values == {"wall_s": 1.5}


def test_a_name_that_lies_is_shown_as_it_is(sessions):
    """Line breaks and control characters of a file name come out as escapes."""
    path = sessions / "evil\n::error::\x1b[31m.parquet"
    path.write_bytes(b"")

    (failed,) = observations_of_sessions(str(sessions)).failed

    assert failed.isprintable()
    assert "\\x0a" in failed


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_session_that_may_not_be_read_is_named(sessions):
    """The others are read."""
    write_run(sessions / "bad.parquet").chmod(0)
    write_run(sessions / "good.parquet")

    assert len(observations_of_sessions(str(sessions)).failed) == 1


def test_hosts_are_told_apart_by_what_figures_depend_on():
    """Memory moves by a little from kernel to kernel; everything else is another host."""
    assert different_hosts(HOST, HOST | {"memory_bytes": 8 * 2**30 - 10**6}) == ()
    assert different_hosts(HOST, HOST | {"cores": 4}) == ("cores 2 and 4",)
    assert different_hosts(HOST, HOST | {"governor": "a\nb"}) == ("governor unknown and a\\x0ab",)
