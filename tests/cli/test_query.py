"""`perfkit query` as a user runs it: SQL over a session, as table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json

import pytest

from perfkit.cli import run
from perfkit.errors import EXIT_OK, EXIT_UNUSABLE, EXIT_USAGE


@pytest.fixture(scope="module")
def session(project_root):
    return project_root / "sample_data" / "quiet.parquet"


def query(*words):
    return run(["query", *map(str, words)])


def test_the_default_is_an_aligned_table(session, capfd):
    """Plain text, as this is no terminal."""
    assert query(session, "SELECT 1 AS one, 'a' AS letter") == EXIT_OK

    assert capfd.readouterr().out == "one  letter\n───  ──────\n  1  a\n"


def test_csv_and_json_agree_with_each_other(session, capfd):
    """The same rows, whatever they are written as."""
    sql = "SELECT t_ns, rss_bytes, cpu_percent FROM ticks ORDER BY t_ns LIMIT 20"
    query(session, sql, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out, newline="")))
    query(session, sql, "--format", "json")
    objects = json.loads(capfd.readouterr().out)

    assert len(rows) == 20
    assert rows == [
        {name: "" if value is None else str(value) for name, value in one.items()}
        for one in objects
    ]


def test_a_time_is_iso_8601_and_a_float_has_its_own_digits(session, capfd):
    """What other tools read; float32 columns do not grow the digits of a double."""
    query(session, "SELECT time, 11.6::FLOAT AS x FROM ticks LIMIT 1", "--format", "json")

    (row,) = json.loads(capfd.readouterr().out)
    assert row["time"][4::3][:2] == "--"
    assert row["time"][10] == "T"
    assert row["x"] == 11.6


def test_not_a_number_is_null_in_json(session, capfd):
    """JSON knows neither NaN nor infinity."""
    query(session, "SELECT 'nan'::DOUBLE AS a, 'inf'::FLOAT AS b", "--format", "json")

    assert json.loads(capfd.readouterr().out) == [{"a": None, "b": None}]


def test_rows_can_be_written_to_a_file(session, tmp_path, capfd):
    """CSV keeps its line ends."""
    output = tmp_path / "rows.csv"

    assert query(session, "SELECT 1 AS one", "--format", "csv", "-o", output) == EXIT_OK

    assert output.read_bytes() == b"one\r\n1\r\n"
    assert capfd.readouterr().out == ""


def test_a_hostile_value_is_harmless_in_a_table_and_exact_in_data(session, capfd):
    """The table is for a terminal, CSV and JSON are data."""
    sql = "SELECT chr(27) || '[31mred' AS name"
    query(session, sql)
    table = capfd.readouterr().out
    query(session, sql, "--format", "json")

    assert "\\x1b[31mred" in table
    assert "\x1b" not in table
    assert json.loads(capfd.readouterr().out) == [{"name": "\x1b[31mred"}]


@pytest.mark.parametrize(
    "sql",
    ["SELEKT", "SELECT nonsense FROM ticks", "DROP VIEW ticks", "SELECT * FROM '/etc/passwd'", " "],
)
def test_wrong_sql_is_one_sentence(session, capfd, sql):
    """Exit code 5, no traceback."""
    assert query(session, sql) == EXIT_UNUSABLE

    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_sql_is_needed(session):
    """Without it there is nothing to answer."""
    assert query(session) == EXIT_USAGE


def test_a_session_is_never_written_over(session, capfd):
    """As for reports."""
    assert query(session, "SELECT 1", "-o", session) == EXIT_UNUSABLE
