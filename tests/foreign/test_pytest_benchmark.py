"""pytest-benchmark's JSON; the file in tests/data was written by pytest-benchmark 5.3."""

from __future__ import annotations

import json
import statistics

import pytest

from perfkit.errors import UnusableInput
from perfkit.foreign import pytest_benchmark
from perfkit.foreign.measurements import Measure


def test_a_file_is_one_run_and_its_figure_the_median(project_root):
    """Five rounds within one process are not five runs."""
    path = project_root / "tests" / "data" / "foreign" / "pytest-benchmark-5.3.json"

    read = pytest_benchmark.read(path)

    rounds = json.loads(path.read_text())["benchmarks"][0]["stats"]["data"]
    (value,) = read.values[Measure("test_small.py::test_sort", "", "ns")]
    assert value == pytest.approx(statistics.median(rounds) * 1e9)
    assert [measure.benchmark for measure in read.values] == [
        "test_small.py::test_sort",
        "test_small.py::test_sum",
    ]


def test_a_benchmark_that_failed_does_not_count(tmp_path):
    """It is named, the others are read."""
    path = tmp_path / "a.json"
    good = {"fullname": "good", "stats": {"median": 2e-6}}
    bad = {"fullname": "bad", "has_error": True, "stats": {}}
    path.write_text(json.dumps({"benchmarks": [good, bad]}))

    read = pytest_benchmark.read(path)

    assert list(read.values.values()) == [(pytest.approx(2000.0),)]
    assert "bad failed" in read.failed[0]


@pytest.mark.parametrize(
    "benchmarks",
    [
        [],
        [{"fullname": "a"}],
        [{"fullname": "a", "stats": {"median": None}}],
        [{"fullname": "a", "stats": {"median": float("nan")}}],
        [{"fullname": "a", "stats": {"median": 1.0}}] * 2,
        [{"fullname": "a", "has_error": True}],
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, benchmarks):
    """One sentence that names the file."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"benchmarks": benchmarks}))

    with pytest.raises(UnusableInput, match=r"a\.json"):
        pytest_benchmark.read(path)
