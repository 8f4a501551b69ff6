"""`perfkit lab score`: recordings with their truth, replayed and counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perfkit.cli import run
from perfkit.errors import EXIT_OK, EXIT_UNUSABLE, EXIT_USAGE
from perfkit.workflows.import_data import import_data
from perfkit.workflows.laboratory_score import examine, score_laboratory
from perfkit.workflows.replay import Changes, Replay

FROM_S, UNTIL_S, SECONDS = 200, 260, 300


def _recording(folder: Path, name: str, *, fault: bool, purpose: str | None = None) -> Path:
    """A session whose CPU jumps for a minute, or does not, and its truth."""
    rows = [
        f"{t / 5},{20 + t * 7 % 11 + (60 if fault and FROM_S <= t / 5 < UNTIL_S else 0)}"
        for t in range(SECONDS * 5)
    ]
    source = folder / f"{name}.csv"
    source.write_text("t_s,cpu_percent\n" + "\n".join(rows) + "\n")
    session = folder / f"{name}.parquet"
    import_data(source, session)
    source.unlink()
    span = {"kind": "jump", "metric": "cpu_percent", "from_s": FROM_S, "until_s": UNTIL_S}
    facts = {
        "program": name,
        "purpose": purpose or ("fault" if fault else "clean"),
        "clean": not fault,
        "strength": 4.0 if fault else None,
        "seconds": SECONDS,
        "faults": [span] if fault else [],
    }
    session.with_name(session.name + ".truth.json").write_text(json.dumps(facts))
    return session


def test_what_is_scored_is_what_replay_finds(tmp_path: Path) -> None:
    """The same findings, and only those of the stages asked for."""
    session = _recording(tmp_path, "jump", fault=True)
    told = examine(Path(f"{session}.truth.json"), Changes(), {"anomaly", "alert"})
    replayed = Replay(session, Changes()).findings()
    assert told is not None
    assert list(told.findings) == [one for one in replayed if one.stage in ("anomaly", "alert")]


def test_one_process_or_several_make_no_difference(tmp_path: Path) -> None:
    """The same scores in the same order."""
    _recording(tmp_path, "jump", fault=True)
    _recording(tmp_path, "still", fault=False)
    alone = score_laboratory([tmp_path], Changes())
    assert alone == score_laboratory([tmp_path, tmp_path], Changes(), side_by_side=2)
    assert [one.stage for one in alone] == ["anomaly", "alert"]
    assert alone[0].recordings == 2
    assert alone[0].clean_rate.hours == pytest.approx(SECONDS / 3600)


def test_a_jump_is_found_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text names what is counted, JSON the same figures."""
    _recording(tmp_path, "jump", fault=True)
    words = ["lab", "score", str(tmp_path), "--side-by-side", "1"]
    assert run(words) == EXIT_OK
    shown = capsys.readouterr().out
    assert "Stage anomaly, 1 recordings" in shown
    assert "100.0 %" in shown
    assert "at most" in shown
    assert run([*words, "--json", "--stage", "baseline"]) == EXIT_OK
    (facts,) = json.loads(capsys.readouterr().out)
    assert facts["stage"] == "baseline"
    assert facts["total"]["faults"] == 1
    assert len(facts["found"]) + len(facts["misses"]) == 1
    assert facts["false_alarms"]["hours"] == pytest.approx(FROM_S / 3600)


def test_a_mistake_in_scoring_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stage or detector that there is not, a folder without truths, a truth that is none."""
    _recording(tmp_path, "still", fault=False)
    bare = tmp_path / "bare"
    bare.mkdir()
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "x.parquet.truth.json").write_text('{"program": 1}')
    growing = tmp_path / "growing"
    growing.mkdir()
    _recording(growing, "leak", fault=False, purpose="forecast")
    for words, code, sentence in (
        ([str(tmp_path), "--stage", "omen"], EXIT_USAGE, "no stage 'omen': --stage takes trend"),
        ([str(tmp_path), "--detector", "omen"], EXIT_USAGE, "no detector 'omen'"),
        ([str(bare)], EXIT_UNUSABLE, "holds no recording"),
        ([str(tmp_path / "none")], EXIT_UNUSABLE, "is no folder"),
        ([str(damaged)], EXIT_UNUSABLE, "is no truth"),
        ([str(growing)], EXIT_UNUSABLE, "no recording of a fault"),
    ):
        assert run(["lab", "score", *words, "--side-by-side", "1"]) == code
        said = capsys.readouterr().err
        assert sentence in said
        assert len(said.splitlines()) <= 2  # one of them may be progress
