"""pyperf's JSON; the file in tests/data was written by pyperf 2.10."""

from __future__ import annotations

import json
import statistics

import pytest

from perfkit.errors import UnusableInput
from perfkit.foreign import pyperf
from perfkit.foreign.measurements import Measure


def test_a_run_is_a_worker_and_its_figure_the_median(project_root):
    """Four workers of two values each, beside one that only calibrated."""
    path = project_root / "tests" / "data" / "foreign" / "pyperf-2.10.json"

    read = pyperf.read(path)

    runs = [run["values"] for run in json.loads(path.read_text())["benchmarks"][0]["runs"][1:]]
    expected = [statistics.median(values) * 1e9 for values in runs]
    assert read.values[Measure("sort", "", "ns")] == pytest.approx(expected)
    assert [measure.benchmark for measure in read.values] == ["sort", "sum"]
    assert len(expected) == 4


def test_bytes_are_bytes(tmp_path):
    """What `pyperf --track-memory` measures; the name may stand for the whole file."""
    path = tmp_path / "a.json"
    facts = {"name": "memory", "unit": "byte"}
    path.write_text(
        json.dumps(
            {"version": "1.0", "metadata": facts, "benchmarks": [{"runs": [{"values": [7]}]}]}
        )
    )

    assert pyperf.read(path).values == {Measure("memory", "", "bytes"): (7.0,)}


@pytest.mark.parametrize(
    "changed",
    [
        {"version": "2.0"},
        {"benchmarks": []},
        {"benchmarks": [{"runs": []}]},
        {"benchmarks": [{"runs": [{"warmups": [[1, 2.0]]}]}]},
        {"benchmarks": [{"runs": [{"values": [float("inf")]}]}]},
        {"benchmarks": [{"runs": [{"values": ["1"]}]}]},
        {"benchmarks": [{"runs": [{"values": 1}]}]},
        {"benchmarks": [{"runs": [{"values": [1]}]}, {"runs": [{"values": [1]}]}]},
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, changed):
    """One sentence that names the file."""
    path = tmp_path / "a.json"
    whole = {"version": "1.0", "benchmarks": [{"runs": [{"values": [1.0]}]}]}
    path.write_text(json.dumps(whole | changed))

    with pytest.raises(UnusableInput, match=r"a\.json"):
        pyperf.read(path)
