"""Tables of runs: a row a run, a column a metric."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.errors import UnusableInput
from perfkit.foreign import table_csv
from perfkit.foreign.measurements import Measurements


def read(tmp_path, text: str) -> Measurements:
    path = tmp_path / "runs.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return table_csv.read(path)


def columns(measurements: Measurements) -> dict[str, tuple[float | None, ...]]:
    return {measure.name: values for measure, values in measurements.values.items()}


def test_a_row_is_a_run_and_a_column_a_metric(tmp_path):
    """An empty field is a run without that figure; blank lines are nothing."""
    found = read(tmp_path, "cpu_s,peak_bytes\n1.5,100\n\n2,\n0,1e3\n")

    assert columns(found) == {"cpu_s": (1.5, 2.0, 0.0), "peak_bytes": (100.0, None, 1000.0)}
    assert found.pairs is None


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_ways_tables_are_written(tmp_path, separator, ending, mark):
    """Separators, line endings and the mark that Excel puts in front."""
    lines = [separator.join(cells) for cells in (("pair", "cpu_s"), ("a", "1"), ("b", "2"))]

    found = read(tmp_path, mark + ending.join(lines) + ending)

    assert columns(found) == {"cpu_s": (1.0, 2.0)}
    assert found.pairs == ("a", "b")


def test_quoted_names_may_hold_anything(tmp_path):
    """Separators, quotes and line breaks."""
    found = read(tmp_path, '"a, ""b""\n| c","x::y"\n1,2\n')

    assert columns(found) == {'a, "b"\n| c': (1.0,), "x::y": (2.0,)}


def test_columns_that_are_no_metrics_are_named(tmp_path):
    """Dates, commits and row numbers; a metric called run whose values count nothing stays."""
    found = read(tmp_path, ",commit,cpu_s,run\n0,abc,1,5\n1,def,2,3\n")

    assert columns(found) == {"cpu_s": (1.0, 2.0), "run": (5.0, 3.0)}
    assert found.notes == ("Columns that are no metrics: (no name), commit.",)


def test_a_run_that_failed_does_not_count(tmp_path):
    """Where the table tells exit codes."""
    found = read(tmp_path, "cpu_s,exit_code\n1,0\n9,1\n8,\n2,0\n")

    assert columns(found) == {"cpu_s": (1.0, 2.0)}
    assert found.failed == (
        "the run in line 3 failed: exit code 1",
        "the run in line 4 failed: no exit code",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("cpu_s\n", "holds no run"),
        ("1,2\n3,4\n", "no names in its first line"),
        ("cpu_s\nNaN\n", "'NaN' in line 2, column cpu_s"),
        ("cpu_s\n1\ninf\n", "'inf' in line 3"),
        ("cpu_s\n1\n-1\n", "zero or more"),
        ("cpu_s\n1\nabc\n", "where a number belongs"),
        ("cpu_s,cpu_s\n1,2\n", "more than once"),
        ("pair,cpu_s\na,1\na,2\n", "the pair a more than once"),
        ("cpu_s,x\n1\n", "1 fields in line 2"),
        ("commit\nabc\n", "no column of numbers"),
        ("cpu_s,exit_code\n1,1\n", "no run that succeeded"),
        ('cpu_s\n"1\n', "is no table"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, text, said):
    """In one sentence that names the file and the line."""
    with pytest.raises(UnusableInput, match=r"runs\.csv") as refused:
        read(tmp_path, text)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(tmp_path, text):
    """Never anything but a table or UnusableInput."""
    path = tmp_path / "runs.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    try:
        found = table_csv.read(path)
    except UnusableInput as refused:
        assert "\n" not in str(refused)
    else:
        assert found.values
