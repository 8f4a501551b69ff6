"""`perfkit detectors` and `perfkit score-detectors` as a user runs them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from perfkit.analysis.detectors.registry import DETECTORS
from perfkit.cli import run
from perfkit.errors import EXIT_UNUSABLE, EXIT_USAGE

GOOD = "timestamp,value\n" + "".join(f"2026-01-01 00:{k:02d}:00,{k % 7}\n" for k in range(60))
WINDOW = [["2026-01-01 00:30:00.000000", "2026-01-01 00:35:00.000000"]]


def folder(place: Path, text: str = GOOD, labels: object = None) -> Path:
    (place / "own").mkdir()
    (place / "own" / "series.csv").write_text(text)
    named = {"own/series.csv": WINDOW} if labels is None else labels
    (place / "windows.json").write_text(json.dumps(named))
    return place


def test_the_catalogue_says_of_each_detector_what_it_is_good_for(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The default one first, the one that needs a learned baseline last."""
    assert run(["detectors", "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)

    assert [row["detector"] for row in rows] == [*DETECTORS, "joint"]
    assert rows[0]["detector"] == "default"
    assert all(row["good for"] and row["source"] for row in rows)


def test_every_detector_is_scored_at_one_threshold_for_all_files(
    sample_nab: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """On the three files that are here, with the figures of the benchmark."""
    assert run(["score-detectors", str(sample_nab), "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)

    assert [row["detector"] for row in rows] == list(DETECTORS)
    for row in rows:
        assert row["threshold"] == DETECTORS[row["detector"]].threshold
        assert row["windows"] == 4
        assert row["rows"] == 4032 * 3
        assert row["nab_low_fp"] <= row["nab_standard"]
    assert rows[0]["windows_found"] >= 3


def test_scores_are_written_row_by_row(sample_nab: Path, tmp_path: Path) -> None:
    """DETECTOR/FOLDER/NAME.csv, as exact as they were; scored again they give the same figures."""
    command = ["score-detectors", str(sample_nab), "--detector", "default"]
    assert run([*command, "--scores-out", str(tmp_path)]) == 0

    written = tmp_path / "default" / "artificialNoAnomaly" / "art_noisy.csv"
    source_text = (sample_nab / "artificialNoAnomaly" / "art_noisy.csv").read_text()
    rows = list(csv.reader(written.read_text().splitlines()))
    source = list(csv.reader(source_text.splitlines()))
    assert rows[0] == ["timestamp", "anomaly_score"]
    assert [row[0] for row in rows[1:]] == [row[0] for row in source[1:]]
    assert all(float(row[1]) >= 0 for row in rows[1:])


def test_a_fitted_threshold_is_never_worse_here_and_says_that_it_was_fitted(
    sample_nab: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """And a given one is used as it is."""
    scores = {}
    for words in ([], ["--fit-threshold"], ["--threshold", "4"]):
        assert (
            run(["score-detectors", str(sample_nab), "--json", "--detector", "ewma", *words]) == 0
        )
        (scores[" ".join(words)],) = json.loads(capfd.readouterr().out)

    assert scores["--fit-threshold"]["nab_standard"] >= scores[""]["nab_standard"]
    assert [one["fitted"] for one in scores.values()] == [False, True, False]
    assert scores["--threshold 4"]["threshold"] == 4.0


@pytest.mark.parametrize(
    ("text", "labels", "says"),
    [
        (GOOD, {"own/other.csv": []}, "cannot be read"),
        (GOOD, {"own/series.csv": [["2027-01-01", "2027-01-02"]]}, "no row lies in its window"),
        (GOOD, {"own/series.csv": [["x", "y"]]}, "no row lies in its window"),
        (GOOD, {"own/series.csv": "all"}, "[start, end] pairs"),
        (GOOD, {"own/series.csv": WINDOW * 2}, "overlap"),
        (GOOD, {"../series.csv": []}, "leads out of the folder"),
        (GOOD, [], "does not map files to windows"),
        ("a,b\n1,2\n", None, "header timestamp,value"),
        (GOOD + "2026-01-01 01:00:00,nan\n", None, "row 61 after the header"),
        (GOOD + "yesterday,1\n", None, "row 61 after the header"),
        (GOOD + "2026-01-01 01:00:00\n", None, "row 61 after the header"),
        ("timestamp,value\n", None, "holds no row"),
    ],
)
def test_what_is_no_labelled_folder_is_one_clear_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, labels: object, says: str
) -> None:
    """Naming the file, and what is wrong with it."""
    assert run(["score-detectors", str(folder(tmp_path, text, labels))]) == EXIT_UNUSABLE

    message = capfd.readouterr().err
    assert says in message
    assert message.count("\n") == 1


def test_words_that_do_not_fit_together_are_told(
    sample_nab: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Wrong names and thresholds; a folder without labels is unusable."""
    where = str(sample_nab)
    for words in (
        ["--detector", "nonsense"],
        ["--threshold", "1", "--fit-threshold"],
        ["--threshold", "nan"],
    ):
        assert run(["score-detectors", where, *words]) == EXIT_USAGE
        assert capfd.readouterr().err.count("\n") == 1
    assert run(["score-detectors", str(tmp_path)]) == EXIT_UNUSABLE
    assert "windows.json" in capfd.readouterr().err


@pytest.fixture
def sample_nab(project_root: Path) -> Path:
    return project_root / "sample_data" / "nab"
