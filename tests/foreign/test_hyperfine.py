"""hyperfine's two formats; the files in tests/data were written by hyperfine 1.15 and 2.0."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perfkit.errors import UnusableInput
from perfkit.foreign import hyperfine
from perfkit.foreign.measurements import Measure

FLAKY = "sh -c 'test -e flag || { touch flag; exit 3; }'"
STEADY = "python3 work.py 100000"


@pytest.fixture(scope="module")
def files(project_root: Path) -> Path:
    return project_root / "tests" / "data" / "foreign"


def write(path: Path, **result: object) -> Path:
    path.write_text(json.dumps({"results": [{"command": "a", **result}]}))
    return path


def test_version_1_gives_wall_times(files):
    """Every time is a run, but for the one whose exit code was 3; means of CPU time are none."""
    read = hyperfine.read(files / "hyperfine-1.15.json")

    assert read.values[Measure(STEADY, "wall_s", "s")][:2] == (0.516966365, 0.49546758500000004)
    assert [len(times) for times in read.values.values()] == [5, 4]
    assert read.failed == (f"1 run of {FLAKY} failed: exit code 3",)
    assert "CPU times" in read.notes[0]


def test_version_2_gives_every_figure_of_every_run(files):
    """CPU time and peak memory decide beside wall time, user and system time do not."""
    read = hyperfine.read(files / "hyperfine-2.0.json")

    steady = {measure.name: measure for measure in read.values if measure.benchmark == STEADY}
    assert {name for name, measure in steady.items() if measure.gating} == {
        "wall_s", "cpu_s", "peak_rss_bytes",
    }  # fmt: skip
    assert steady["peak_rss_bytes"].unit == "bytes"
    assert all(len(read.values[measure]) == 5 for measure in steady.values())
    assert read.failed == (f"1 run of {FLAKY} failed: exit code 3",)


def test_memory_of_version_1_is_read_where_there_is_any(tmp_path):
    """hyperfine 1.20 has it; zeros mean that it was not measured."""
    some = write(tmp_path / "a", times=[1.0, 2.0], exit_codes=[0, 0], memory_usage_byte=[5, 6])
    none = write(tmp_path / "b", times=[1.0, 2.0], exit_codes=[0, 0], memory_usage_byte=[0, 0])

    assert hyperfine.read(some).values[Measure("a", "peak_rss_bytes", "bytes")] == (5.0, 6.0)
    assert len(hyperfine.read(none).values) == 1


def test_a_run_that_a_signal_ended_does_not_count(tmp_path):
    """hyperfine writes null for its exit code."""
    path = write(tmp_path / "a", times=[1.0, 2.0], exit_codes=[None, 0])

    read = hyperfine.read(path)

    assert list(read.values.values()) == [(2.0,)]
    assert read.failed == ("1 run of a failed: ended by a signal",)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"mean": 1.0}, "no times"),
        ({"times": [1.0], "exit_codes": [7]}, "no run that succeeded"),
        ({"times": [1.0, "x"]}, "'results[0], wall_s 1'"),
        ({"times": [float("nan")]}, "finite number"),
        ({"times": [-1.0]}, "finite number"),
        ({"times": [True]}, "where a number belongs"),
        ({"measurements": []}, "is empty"),
        ({"measurements": [{"time_user": {"value": None}, "exit_code": 0}]}, "number belongs"),
    ],
)
def test_results_without_usable_runs_are_refused(tmp_path, result, said):
    """One sentence with the file's name, and where it is wrong."""
    with pytest.raises(UnusableInput, match=r"a\.json") as refused:
        hyperfine.read(write(tmp_path / "a.json", **result))

    assert said.strip("'") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_newer_format_is_refused_by_its_number(tmp_path):
    """What it means is not known."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"schema_version": 3, "results": [{"command": "a"}]}))

    with pytest.raises(UnusableInput, match="version 3"):
        hyperfine.read(path)


def test_one_command_twice_is_refused(tmp_path):
    """Which is which could not be told."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"results": [{"command": "a", "times": [1.0]}] * 2}))

    with pytest.raises(UnusableInput, match="twice"):
        hyperfine.read(path)
