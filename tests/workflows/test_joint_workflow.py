"""From good sessions to a baseline to a finding, as a user goes, by the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from perfkit.cli import run
from perfkit.model.finding import latest
from perfkit.workflows.baseline import learn, load_baseline, write_baseline
from perfkit.workflows.import_data import import_data
from perfkit.workflows.replay import Changes, Replay

FROM_S, UNTIL_S, SECONDS = 150, 180, 300


def session(folder: Path, seed: int, *, fault: bool = False) -> Path:
    """CPU follows the requests; in a fault it stays where it was while they become few."""
    rng = np.random.default_rng(seed)
    t = np.arange(SECONDS * 5) / 5
    busy = 1 + 0.5 * np.sin(t / 30 + seed)
    requests = rng.poisson(200 * busy) / 1.0
    cpu = 40 * busy * np.exp(0.04 * rng.normal(size=len(t)))
    if fault:
        now = (t >= FROM_S) & (t < UNTIL_S)
        requests[now], cpu[now] = 120, 58
    rss = 2e8 * np.exp(0.003 * rng.normal(size=len(t)))
    rows = zip(t, cpu, rss, requests, strict=True)
    source = folder / f"s{seed}.csv"
    source.write_text(
        "t_s,cpu_percent,rss_bytes,throughput_per_s\n"
        + "\n".join(",".join(f"{value:.4f}" for value in row) for row in rows)
        + "\n"
    )
    path = folder / f"s{seed}.parquet"
    import_data(source, path)
    source.unlink()
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three good sessions, a baseline of them, another good one and one with a fault."""
    place = tmp_path_factory.mktemp("joint")
    write_baseline(place / "b.json", learn([session(place, seed) for seed in (1, 2, 3)]))
    session(place, 4)
    session(place, 5, fault=True)
    return place


def test_a_combination_that_never_was_is_found_in_a_session(folder: Path) -> None:
    """On time, with what contributed; and nothing in a session in which all is well."""
    changes = Changes(baseline=folder / "b.json")
    calm = Replay(folder / "s4.parquet", changes).findings()
    assert [one for one in calm if one.stage == "joint"] == []
    faulty = Replay(folder / "s5.parquet", changes).findings()
    (one,) = latest(one for one in faulty if one.stage == "joint")
    assert one.kind == "joint_anomaly"
    assert abs(one.onset_ns / 1e9 - FROM_S) <= 5
    assert one.end_ns is not None and abs(one.end_ns / 1e9 - UNTIL_S) <= 6
    assert one.evidence["throughput_per_s_contribution_ratio"] > 0.1


def test_it_shows_where_anomalies_show(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Terminal, Markdown, JSON, replay, the view of anomalies."""
    options = [str(folder / "s5.parquet"), "--baseline", str(folder / "b.json")]
    for words in (
        ["analyze", *options],
        ["analyze", *options, "--format", "markdown"],
        ["replay", *options],
    ):
        assert run(words) == 0
        shown = capfd.readouterr().out
        assert "as the baseline never had them together" in " ".join(shown.split())
    assert run(["analyze", *options, "--format", "json"]) == 0
    told = json.loads(capfd.readouterr().out)
    anomalies = told["analysis"]["anomalies"]
    assert "joint_anomaly" in [one["kind"] for one in anomalies]
    asked = "SELECT count(*) AS n FROM anomalies WHERE kind = 'joint_anomaly'"
    assert run(["query", options[0], asked, *options[1:], "--format", "csv"]) == 0
    assert capfd.readouterr().out.split() == ["n", "1"]
    assert run(["query", options[0], asked, "--format", "csv"]) == 0
    assert capfd.readouterr().out.split() == ["n", "0"]


def test_a_baseline_shows_what_it_judges_together(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Metrics, periods, threshold; one with a damaged model is refused in a sentence."""
    assert run(["baseline", "show", str(folder / "b.json")]) == 0
    shown = " ".join(capfd.readouterr().out.split())
    assert "Judged together" in shown
    assert "3 metrics over" in shown
    assert "cpu_percent, rss_bytes, throughput_per_s" in shown
    facts = json.loads((folder / "b.json").read_text())
    facts["detectors"]["joint"]["covariance"][0][0] = -1
    (folder / "bad.json").write_text(json.dumps(facts))
    assert run(["baseline", "show", str(folder / "bad.json")]) != 0
    assert "positive definite" in capfd.readouterr().err


def test_part_of_a_session_can_be_learned_from(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its calm beginning, say."""
    made, faulty = str(tmp_path / "b.json"), str(folder / "s5.parquet")
    assert run(["baseline", "learn", faulty, "-o", made, "--from", "5s", "--to", "2m"]) == 0
    known = load_baseline(tmp_path / "b.json")
    assert known.sessions[0].periods == 115
    assert known.detectors["joint"]["rows"] <= 115
    assert run(["baseline", "learn", faulty, "-o", made, "--from", "3m", "--to", "2m"]) == 2
    assert "--from is not before --to" in capfd.readouterr().err
