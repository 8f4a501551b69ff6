"""The laboratory records: what the truth says is what the recorded columns show."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from perfkit.errors import OutputRefused, UnusableInput, UsageError
from perfkit.lab import truth
from perfkit.lab.registry import PROGRAMS
from perfkit.workflows import cpu_group, laboratory
from perfkit.workflows.laboratory import Job, batches, plan, run, run_all, write_views
from perfkit.workflows.source import open_recording

NAMED = {one.name: one for one in PROGRAMS}
RECORDED = ("memory_leak", "fork_storm", "lock_convoy", "leak_steady", "plateau", "quiet_daemon")
SECONDS = 6.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A handful of programs, recorded at once."""
    into = tmp_path_factory.mktemp("laboratory") / "made here"
    jobs = [Job(NAMED[name], 2, 4.0, SECONDS, into / f"{name}.parquet") for name in RECORDED]
    assert run_all(into, jobs, side_by_side=len(jobs), tell=lambda _: None) == len(jobs)
    return into


def known(folder: Path, name: str) -> dict[str, object]:
    return json.loads((folder / f"{name}.parquet{truth.SUFFIX}").read_text("utf-8"))


def column(folder: Path, name: str, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Seconds and values of a column where it has any."""
    blocks = [*open_recording(folder / f"{name}.parquet").blocks(["t_ns", metric])]
    valid = np.concatenate([block.columns[metric].valid for block in blocks])
    seconds = np.concatenate([block.t_ns for block in blocks]) / 1e9
    return seconds[valid], np.concatenate([block.columns[metric].values for block in blocks])[valid]


@pytest.mark.parametrize("name", ["memory_leak", "fork_storm"])
def test_a_fault_shows_in_its_column_when_the_truth_says(folder: Path, name: str) -> None:
    """Twice the clean level at least within a fault of four times, and not before."""
    (fault,) = known(folder, name)["faults"]
    seconds, values = column(folder, name, fault["metric"])
    before = values[(seconds > 1.0) & (seconds < fault["from_s"])]
    middle = (fault["from_s"] + fault["until_s"]) / 2
    during = values[(seconds > middle) & (seconds < fault["until_s"])]

    assert during.mean() > 2 * before.mean()
    assert before.mean() == pytest.approx(fault["clean_level"], rel=0.3)


def test_a_fault_is_measured_by_the_program_too(folder: Path) -> None:
    """Latency by the one that waits."""
    (fault,) = known(folder, "lock_convoy")["faults"]

    assert fault["measured_clean_level"] < 2 * fault["clean_level"]
    assert fault["measured_fault_level"] > 2 * fault["measured_clean_level"]


def test_a_leak_reaches_its_capacity_when_the_truth_says(folder: Path) -> None:
    """The recorded column passes the capacity within two ticks of that moment."""
    view, beyond = known(folder, "leak_steady")["views"]
    seconds, values = column(folder, "leak_steady", "rss_bytes")

    assert view["crosses"]
    first = seconds[np.argmax(values >= view["capacity"])]
    assert first == pytest.approx(view["t_cross_s"], abs=0.5)
    assert not beyond["crosses"]
    assert values.max() < beyond["capacity"]


def test_a_plateau_never_reaches_its_capacity(folder: Path) -> None:
    """It comes near, which is what makes it hard."""
    (view,) = known(folder, "plateau")["views"]
    _, values = column(folder, "plateau", "rss_bytes")

    assert not view["crosses"]
    assert 0.8 * view["capacity"] < values.max() < view["capacity"]


def test_a_clean_recording_says_that_it_is_clean(folder: Path) -> None:
    """And what the machine did meanwhile."""
    clean = known(folder, "quiet_daemon")

    assert clean["clean"]
    assert clean["faults"] == clean["views"] == []
    assert clean["machine"]["side_by_side"] == len(RECORDED)
    assert 0 <= clean["machine"]["cpu_others_ratio"] <= clean["machine"]["cpu_busy_ratio"] <= 1


def test_a_recording_does_not_hold_its_own_label(folder: Path) -> None:
    """No event is a note, and the truth's file is not named in it."""
    recording = open_recording(folder / "memory_leak.parquet")
    types = {
        kind
        for block in recording.blocks(["t_ns", "events"])
        if block.events is not None
        for kind in block.events.types
    }

    assert types <= {"request"}
    assert "strength" not in json.dumps(dict(recording.session.notes))


def test_the_views_of_a_folder_are_gathered(folder: Path) -> None:
    """One row a capacity, with the columns that scoring reads."""
    with open(folder / laboratory.VIEWS_FILE, encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]

    assert [(row["file"], row["crosses"]) for row in rows] == [
        ("leak_steady.parquet", "1"),
        ("leak_steady.parquet", "0"),
        ("plateau.parquet", "0"),
    ]
    assert list(rows[0])[:7] == [
        "view", "file", "metric", "capacity", "crosses", "t_cross_s", "end_s",
    ]  # fmt: skip
    assert len({row["view"] for row in rows}) == 3
    assert rows[2]["t_cross_s"] == ""


def test_what_is_there_is_not_made_again(folder: Path) -> None:
    """So an interrupted run goes on where it was."""
    jobs = [Job(NAMED["plateau"], 2, 1.0, SECONDS, folder / "plateau.parquet")]

    assert run_all(folder, jobs, side_by_side=1, tell=lambda _: None) == 0


def test_a_recording_that_exists_is_not_overwritten(folder: Path) -> None:
    """Whoever wants it anew says another name."""
    with pytest.raises(OutputRefused, match="exists"):
        run("plateau", folder / "plateau.parquet", seed=1, strength=2.0, seconds=1.0)


def test_a_recording_that_fails_is_told_and_leaves_no_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one sentence, with what perfkit record said."""
    monkeypatch.setattr("sys.executable", "/bin/false")
    jobs = [Job(NAMED["plateau"], 1, 1.0, 1.0, tmp_path / "x.parquet")]

    with pytest.raises(UnusableInput, match=r"1 of 1 recordings failed.*plateau"):
        run_all(tmp_path, jobs, side_by_side=1, tell=lambda _: None)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("nothing", {}, "no program 'nothing'"),
        ("plateau", {"seconds": 0.1}, "no length of a run"),
        ("memory_leak", {"strength": 0.5}, "1 to 100 times"),
        ("memory_leak", {"strength": float("nan")}, "1 to 100 times"),
    ],
)
def test_what_cannot_be_run_is_refused_at_once(
    tmp_path: Path, name: str, options: dict[str, float], sentence: str
) -> None:
    """Before anything is started."""
    given = {"seed": 1, "strength": 2.0, "seconds": 1.0, **options}
    with pytest.raises(UsageError, match=sentence):
        run(name, tmp_path / "x.parquet", **given)
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """run-all makes its own, run writes one file."""
    with pytest.raises(OutputRefused, match="no folder"):
        run("plateau", tmp_path / "a" / "x.parquet", seed=1, strength=2.0, seconds=1.0)


def test_a_plan_holds_every_fault_at_every_strength(tmp_path: Path) -> None:
    """And every other program once a seed; no two recordings share a name."""
    jobs = plan(tmp_path, only=None, seeds=range(1, 3), strengths=(2.0, 4.0), seconds=None)
    faults = [job for job in jobs if job.program.purpose == "fault"]

    assert len(faults) == 10 * 2 * 2
    assert len(jobs) - len(faults) == 2 * (len(PROGRAMS) - 10)
    assert len({job.output for job in jobs}) == len(jobs)


def test_a_plan_of_what_nobody_knows_is_refused(tmp_path: Path) -> None:
    """With the words that would have been understood."""
    with pytest.raises(UsageError, match="fault, clean, forecast"):
        plan(tmp_path, only="nothing", seeds=[1], strengths=[2.0], seconds=None)


def test_only_what_is_equally_long_and_quiet_is_recorded_side_by_side(tmp_path: Path) -> None:
    """A loud one disturbs all others, so it is alone."""
    jobs = plan(tmp_path, only=None, seeds=[1], strengths=[2.0], seconds=None)
    made = [*batches(jobs, 4)]

    assert sorted(job.output for batch in made for job in batch) == sorted(
        job.output for job in jobs
    )
    assert all(len({job.seconds for job in batch}) == 1 for batch in made)
    assert all(len(batch) <= 4 for batch in made)
    assert [len(batch) for batch in made if any(job.program.loud for job in batch)] == [1]


def test_a_folder_without_forecasts_has_no_views(tmp_path: Path) -> None:
    """Nothing is written for nothing."""
    write_views(tmp_path)

    assert [*tmp_path.iterdir()] == []


def test_a_machine_that_allows_no_control_group_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program then stops and continues itself, which the truth says."""
    monkeypatch.setattr(cpu_group, "_V1", (tmp_path / "nowhere",))
    monkeypatch.setattr(cpu_group, "_V2", tmp_path / "nowhere")

    assert cpu_group.make_group() is None
