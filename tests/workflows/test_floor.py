"""The floor file: written whole, extended by further measurements, refused where it is none."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perfkit.errors import OutputRefused, UnusableInput
from perfkit.model.noise import Floor, Series
from perfkit.sampling.host import fingerprint
from perfkit.workflows import floor as floor_file
from perfkit.workflows.floor import (
    MOST_SERIES,
    extended,
    load_floor,
    read_floor,
    write_floor,
)

HERE = fingerprint()
FLOOR = Floor(
    HERE,
    "python job.py",
    (Series("2026-01-02T03:04:05+00:00", {"cpu_s": (1.0, 1.1, 1.0, 1.0), "major_faults": (0.0,) * 4}),),
)  # fmt: skip


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Every figure to the last bit."""
    path = tmp_path / "floor.json"
    write_floor(path, FLOOR)

    assert read_floor(path) == FLOOR
    assert load_floor(path, runs=1) == {"cpu_s": pytest.approx(math.log(1.1)), "major_faults": 0.0}
    assert [one.name for one in tmp_path.iterdir()] == ["floor.json"]


def test_a_further_measurement_is_added_and_the_oldest_go(tmp_path: Path) -> None:
    """So that the floor knows good days and bad ones, and the file stays small."""
    path = tmp_path / "floor.json"
    write_floor(path, FLOOR)
    second = replace(FLOOR, series=(Series("later", {"cpu_s": (2.0, 2.0)}),))
    both = extended(path, second)

    assert both.series == (*FLOOR.series, *second.series)
    write_floor(path, both)
    assert load_floor(path, runs=2)["cpu_s"] == pytest.approx(math.log(2))
    many = replace(FLOOR, series=(FLOOR.series[0],) * (MOST_SERIES + 5))
    assert extended(path, many).series == (FLOOR.series[0],) * MOST_SERIES
    assert extended(tmp_path / "new.json", second) == second


def test_another_host_is_refused_unless_allowed(tmp_path: Path) -> None:
    """The facts that differ are named."""
    path = tmp_path / "floor.json"
    write_floor(path, replace(FLOOR, host={**HERE, "cpu_model": "another"}))

    with pytest.raises(UnusableInput, match=r"another host \(cpu_model differ\)"):
        load_floor(path, runs=1)
    assert load_floor(path, runs=1, allow_different_hosts=True)
    assert load_floor(path, runs=1, host={**HERE, "cpu_model": "another"})
    with pytest.raises(OutputRefused, match=r"of another host \(cpu_model differ\)"):
        extended(path, FLOOR)


def test_runs_of_another_command_are_not_mixed_in(tmp_path: Path) -> None:
    """The floor of one program says nothing of another."""
    path = tmp_path / "floor.json"
    write_floor(path, FLOOR)

    with pytest.raises(OutputRefused, match=r"of another command \(python job.py\)"):
        extended(path, replace(FLOOR, command="python other.py"))


def content(**changes: Any) -> str:
    return json.dumps(
        {
            "perfkit_floor": "1.0",
            "command": "x",
            "host": HERE,
            "series": [{"measured_at": "now", "runs": {"cpu_s": [1, 2]}}],
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no floor file"),
        ("{", "is no floor file"),
        ("[]", "is no floor file"),
        ("null", "is no floor file"),
        ('"text"', "is no floor file"),
        ("{}", "is no floor file"),
        ("[" * 100_000, "is no floor file"),
        (content(perfkit_floor=1.0), "is no floor file"),
        (content(perfkit_floor="2.0"), r"of version 2\.0, this perfkit reads 1\.0; upgrade"),
        (content(host=[]), "is no floor file"),
        (content(command=None), "is no floor file"),
        (content(series=[]), "is no floor file"),
        (content(series=[{"measured_at": "now", "runs": {}}]), "is no floor file"),
        (content(series=[{"measured_at": "now", "runs": {"cpu_s": "12"}}]), "is no floor file"),
        (content(series=[{"measured_at": "now", "runs": {"cpu_s": ["1"]}}]), "is no floor file"),
        (content(series=[{"measured_at": "now", "runs": {"cpu_s": [True]}}]), "is no floor file"),
        (content(series=[{"measured_at": "now", "runs": {"cpu_s": [-1]}}]), "is no floor file"),
        (content(series=[{"measured_at": "now", "runs": {"cpu_s": [math.nan]}}]), "is no floor file"),
        (content(series=[{"measured_at": "now", "runs": {"cpu_s": [1e999]}}]), "is no floor file"),
        (content(series=[{"measured_at": "now", "runs": {"cpu_s": [10**400]}}]), "is no floor file"),
        (content(series=[{"runs": {"cpu_s": [1]}}]), "is no floor file"),
        (content(series={"a": 1}), "is no floor file"),
    ],
)  # fmt: skip
def test_what_is_no_floor_is_refused_in_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    """Damaged, foreign, newer: never a traceback, and never taken for a floor of zero."""
    path = tmp_path / "floor.json"
    path.write_text(text)

    with pytest.raises(UnusableInput, match=says) as caught:
        load_floor(path, runs=1)
    assert "\n" not in str(caught.value)
    with pytest.raises(OutputRefused, match="choose another name"):
        extended(path, FLOOR)


def test_bytes_and_unknown_metrics_and_keys_do_no_harm(tmp_path: Path) -> None:
    """A later 1.x may hold more; what is not text is refused."""
    path = tmp_path / "floor.json"
    path.write_bytes(b"\xff\x00")
    with pytest.raises(UnusableInput, match="no floor file"):
        read_floor(path)
    series = [{"measured_at": "now", "runs": {"new_metric": [3, 4], "cpu_s": [1, 1]}, "more": 1}]
    path.write_text(content(perfkit_floor="1.7", more=2, series=series))
    assert load_floor(path, runs=1) == {"cpu_s": 0.0}


def test_a_file_that_cannot_be_read_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not there, a folder, too large, an impossible name."""
    for path, says in (
        (tmp_path / "none.json", "No such file"),
        (tmp_path, "Is a directory"),
        (Path("a\0b"), "not a valid path"),
    ):
        with pytest.raises(UnusableInput, match=says):
            read_floor(path)
    large = tmp_path / "large.json"
    large.write_text(content())
    monkeypatch.setattr(floor_file, "_MOST_BYTES", 10)
    with pytest.raises(UnusableInput, match="too large"):
        read_floor(large)
