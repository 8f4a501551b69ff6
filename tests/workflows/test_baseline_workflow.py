"""Baselines as files: learned, read, compared, and refused where they do not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from perfkit.errors import OutputRefused, UnusableInput
from perfkit.model.baseline import baseline_to_json
from perfkit.report import Page
from perfkit.report.baseline import as_table, difference_json, difference_table
from perfkit.workflows.baseline import (
    compare,
    host_classes_apart,
    learn,
    load_baseline,
    write_baseline,
)
from perfkit.workflows.import_data import import_data
from perfkit.workflows.pipeline_settings import pipeline_settings
from perfkit.workflows.replay import Changes

HERE = {"cores": 2, "cpu_model": "A", "memory_bytes": 2**34, "kernel": "1", "architecture": "x"}


def _session(folder: Path, name: str, level: float, rows: int = 60) -> Path:
    source = folder / f"{name}.csv"
    lines = [f"{t},{level + t % 3},{1e8 * level / 50}" for t in range(rows * 5)]
    source.write_text("t_s,cpu_percent,rss_bytes\n" + "\n".join(lines) + "\n")
    output = folder / f"{name}.parquet"
    import_data(source, output)
    source.unlink()
    return output


def test_several_sessions_are_one_baseline(tmp_path: Path) -> None:
    """A folder and files alike; figures are of all their periods."""
    for name, level in (("a", 50.0), ("b", 52.0)):
        _session(tmp_path, name, level)
    known = learn([tmp_path])
    assert [one.target_name for one in known.sessions] == ["a", "b"]
    assert set(known.metrics) == {"cpu_percent", "rss_bytes"}
    assert known.metrics["cpu_percent"].periods == sum(one.periods for one in known.sessions)
    assert known.metrics["cpu_percent"].ticks == 600
    assert 50 <= known.metrics["cpu_percent"].level <= 54


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """And shown with every metric."""
    known = learn([_session(tmp_path, "a", 50.0)])
    write_baseline(tmp_path / "b.json", known)
    assert load_baseline(tmp_path / "b.json") == known
    text = as_table(known, "b.json", Page(width=100))
    assert "cpu_percent" in text
    assert "learned from 1 session" in text


def test_a_session_is_compared_with_a_baseline(tmp_path: Path) -> None:
    """Twice the level is told, and so is that it is for the worse."""
    write_baseline(tmp_path / "b.json", learn([_session(tmp_path, "a", 50.0)]))
    other = _session(tmp_path, "other", 100.0)
    found = compare(tmp_path / "b.json", other)
    told = {one.metric: (one.direction, one.worse) for one in found.changes}
    assert told == {"cpu_percent": ("up", True), "rss_bytes": ("up", True)}
    text = difference_table(found.base, found.head, found.changes, Page(width=100))
    assert "above it, for the worse" in text
    assert json.loads(difference_json(found.base, found.head, found.changes))["metrics"]
    same = compare(tmp_path / "b.json", tmp_path / "b.json")
    assert [one.direction for one in same.changes] == ["", ""]


def test_metrics_of_one_side_only_are_named(tmp_path: Path) -> None:
    """They are neither within nor outside."""
    known = learn([_session(tmp_path, "a", 50.0)])
    write_baseline(tmp_path / "b.json", known)
    only = replace(known, metrics={"cpu_percent": known.metrics["cpu_percent"]})
    write_baseline(tmp_path / "c.json", only)
    found = compare(tmp_path / "b.json", tmp_path / "c.json")
    text = difference_table(found.base, found.head, found.changes, Page(width=100))
    assert "only in the baseline" in text
    found = compare(tmp_path / "c.json", tmp_path / "b.json")
    assert "only here" in difference_table("c", "b", found.changes, Page(width=100))


def test_another_class_of_host_is_refused_unless_allowed(tmp_path: Path) -> None:
    """A kernel may differ, and memory by what a kernel takes; cores and models may not."""
    known = replace(learn([_session(tmp_path, "a", 50.0)]), host=HERE)
    path = tmp_path / "b.json"
    write_baseline(path, known)
    near = {**HERE, "kernel": "2", "memory_bytes": round(2**34 * 1.01)}
    assert load_baseline(path, host=near) == known
    assert load_baseline(path, host={}) == known
    with pytest.raises(UnusableInput, match=r"cores 2 and 4.*--allow-different-hosts"):
        load_baseline(path, host={**HERE, "cores": 4})
    assert load_baseline(path, host={**HERE, "cores": 4}, allow_different_hosts=True) == known
    assert host_classes_apart(HERE, {**HERE, "virtualisation": "KVM"})
    write_baseline(tmp_path / "c.json", replace(known, host={**HERE, "cpu_model": "B"}))
    with pytest.raises(UnusableInput, match="different classes of host"):
        compare(path, tmp_path / "c.json")
    assert compare(path, tmp_path / "c.json", allow_different_hosts=True).changes


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"PAR1PAR1", b"[1, 2]", b'"x"'])
def test_what_is_no_baseline_is_refused(tmp_path: Path, content: bytes) -> None:
    """One sentence with the file's name and how to make one."""
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(UnusableInput, match=r"x\.json.*perfkit baseline learn"):
        load_baseline(path)


def test_what_cannot_be_learned_from_is_refused(tmp_path: Path) -> None:
    """A missing file, a folder without a session, a session that is too short."""
    with pytest.raises(UnusableInput, match="does not exist"):
        learn([tmp_path / "none.parquet"])
    with pytest.raises(UnusableInput, match="cannot read the baseline"):
        load_baseline(tmp_path / "none.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnusableInput, match="folder without a session"):
        learn([tmp_path / "empty"])
    with pytest.raises(UnusableInput, match="too short to learn"):
        learn([_session(tmp_path, "short", 50.0, rows=3)])


def test_a_session_is_not_overwritten_by_a_baseline(tmp_path: Path) -> None:
    """Whatever name it has."""
    session = _session(tmp_path, "a", 50.0)
    known = learn([session])
    with pytest.raises(OutputRefused):
        write_baseline(session, known, [session])
    assert baseline_to_json(known)


def test_another_class_of_host_is_allowed_where_one_says_so(tmp_path: Path) -> None:
    """By the settings of analyze and replay too, not by learning alone."""
    known = replace(learn([_session(tmp_path, "a", 50.0)]), host=HERE)
    write_baseline(tmp_path / "b.json", known)
    other = {**HERE, "cores": 64}
    with pytest.raises(UnusableInput, match="--allow-different-hosts"):
        pipeline_settings((), tmp_path / "b.json", other)
    allowed = pipeline_settings((), tmp_path / "b.json", other, allow_different_hosts=True)
    assert allowed.baseline == known
    changes = Changes(baseline=tmp_path / "b.json", allow_different_hosts=True)
    assert changes.settings(other).baseline == known
