"""`perfkit score-forecasts` on a small folder of labelled files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from perfkit.analysis.forecast.registry import FORECASTERS
from perfkit.cli import run
from perfkit.errors import EXIT_OK, EXIT_UNUSABLE

HEAD = "view,file,metric,capacity,crosses,t_cross_s,end_s\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A leak of a metric of one's own that crosses, and the same against a capacity never met."""
    rows = "".join(f"{t / 10},{100 + t / 10}\n" for t in range(600))
    (tmp_path / "leak.csv").write_text("t_s,load_bytes\n" + rows)
    (tmp_path / "views.csv").write_text(
        HEAD + "one,leak.csv,load_bytes,150,1,50,60\ntwo,leak.csv,load_bytes,500,0,,60\n"
    )
    return tmp_path


def test_every_forecaster_is_scored(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """All figures, and every single forecast in the file."""
    out = folder / "out.csv"
    assert run(["score-forecasts", str(folder), "--out", str(out), "--json"]) == EXIT_OK
    found = json.loads(capfd.readouterr().out)
    assert [one["forecaster"] for one in found] == list(FORECASTERS)
    assert found[0]["recall"] == 1
    assert set(found[0]) == {
        "forecaster", "recall", "precision", "false_per_negative", "brier_skill", "ece",
        "lead_s_median", "interval_coverage", "tte_error_90",
        "notice_precision", "notice_recall", "precision_at_equal_recall",
    }  # fmt: skip
    with out.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["forecaster"] for row in rows} == set(FORECASTERS)
    assert {row["view"] for row in rows} == {"one", "two"}
    assert all(0 <= float(row["probability"]) <= 1 for row in rows)


def test_one_forecaster_is_scored_beside_the_one_it_is_compared_with(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """--forecaster; a name that is none is a sentence."""
    words = ["score-forecasts", str(folder), "--json", "--forecaster"]
    assert run([*words, "theil_sen"]) == EXIT_OK
    found = json.loads(capfd.readouterr().out)
    assert {one["forecaster"] for one in found} == {"predict_linear", "theil_sen"}
    assert run([*words, "oracle"]) != EXIT_OK
    assert "no forecaster is called oracle" in capfd.readouterr().err


def test_which_way_a_metric_runs_is_told_by_what_it_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A start beyond the capacity is no run down to it; a metric of one's own by its first seconds."""
    lines = ["t_s,cpu_percent,fps,room_bytes,swap_bytes\n"]
    for tick in range(600):
        t = tick / 10
        wild = tick < 10
        cpu = 95 if wild else 5 + t / 4
        fps, room = (20, 1) if wild else (62 - t / 2, 400 - 8 * t)
        lines.append(f"{t},{cpu},{fps},{room},{1000 + 20 * t}\n")
    (tmp_path / "runs.csv").write_text("".join(lines))
    (tmp_path / "views.csv").write_text(
        HEAD + "cpu,runs.csv,cpu_percent,17.5,1,50,60\n"
        "fps,runs.csv,fps,37,1,50,60\nroom,runs.csv,room_bytes,0,1,50,60\n"
        "swap,runs.csv,swap_bytes,2000,1,50,60\n"
    )
    assert run(["score-forecasts", str(tmp_path), "--json"]) == EXIT_OK
    found = {one["forecaster"]: one for one in json.loads(capfd.readouterr().out)}
    assert found["predict_linear"]["recall"] == found["default"]["recall"] == 1


def test_families_are_judged_by_what_was_fitted_on_others(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A row of its own where views.csv tells families, or kinds."""
    (folder / "views.csv").write_text(
        HEAD.strip() + ",kind\none,leak.csv,load_bytes,150,1,50,60,leak\n"
        "two,leak.csv,load_bytes,500,0,,60,calm\nthree,leak.csv,load_bytes,140,1,40,60,fill\n"
    )
    assert run(["score-forecasts", str(folder), "--json", "--forecaster", "default"]) == EXIT_OK
    found = json.loads(capfd.readouterr().out)
    assert found[-1]["forecaster"] == "default, fitted on others"


def test_second_signals_stand_beside_the_metric_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Memory that grows with its work and stops short; a queue whose workers get busy."""
    lines = ["t_s,rss_bytes,throughput_per_s,queue_ms_p95,worker_utilisation_ratio\n"]
    for tick in range(800):
        t = tick / 10
        load = min(10 + t, 70)
        queue = 20 if t < 74 else 5000
        lines.append(f"{t},{load},{load},{queue},{min(0.2 + 0.011 * t, 1)}\n")
    (tmp_path / "both.csv").write_text("".join(lines))
    (tmp_path / "views.csv").write_text(
        HEAD + "load,both.csv,rss_bytes,75,0,,80\nqueue,both.csv,queue_ms_p95,2000,1,74,80\n"
    )
    out = tmp_path / "out.csv"
    words = ["score-forecasts", str(tmp_path), "--json", "--forecaster", "default"]
    assert run([*words, "--out", str(out)]) == EXIT_OK
    found = {one["forecaster"]: one for one in json.loads(capfd.readouterr().out)}
    alone, both = (found[f"default{words}"] for words in ("", ", with second signals"))
    assert (alone["recall"], both["recall"]) == (0, 1)
    assert alone["false_per_negative"] > both["false_per_negative"] == 0
    with out.open(encoding="utf-8") as file:
        told = {row["forecaster"] for row in csv.DictReader(file)}
    assert told == {"default", "default, with second signals", "predict_linear"}


@pytest.mark.parametrize(
    ("views", "words"),
    [
        (None, "cannot be read"),
        ("", "names no view"),
        ("view,file\na,b\n", "has no column metric"),
        (HEAD + "one,leak.csv,other_bytes,150,1,50,60\n", "other_bytes"),
        (HEAD + "one,none.csv,load_bytes,150,1,50,60\n", "none.csv"),
        (HEAD + "one,leak.csv,load_bytes,much,1,50,60\n", "capacity has to be a finite number"),
        (HEAD + "one,leak.csv,load_bytes,nan,1,50,60\n", "finite"),
        (HEAD + "one,leak.csv,load_bytes,150\n", "fewer cells"),
        (HEAD + "one\n", "fewer cells"),
        (HEAD + "one,leak.csv,load_bytes,150,2,50,60\n", "crosses has to be 1 or 0, not '2'"),
        (HEAD + "one,leak.csv,load_bytes,150,1,,60\n", "t_cross_s has to be a finite number"),
        (HEAD + "one,leak.csv,load_bytes,150,1,95,60\n", "needs 0 < t_cross_s <= end_s"),
        (HEAD + 2 * "one,leak.csv,load_bytes,150,1,50,60\n", "view one twice"),
        (HEAD + "one,leak.csv,load_bytes,150,0,,15\n", "no forecast falls into the runs"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    folder: Path, views: str | None, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit code 5, and what is wrong with which file."""
    (folder / "views.csv").unlink()
    if views is not None:
        (folder / "views.csv").write_text(views)
    assert run(["score-forecasts", str(folder)]) == EXIT_UNUSABLE
    said = capfd.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1
