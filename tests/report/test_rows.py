"""The rows of a query: aligned for a person, exact for a program."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_examples import HOSTILE
from rich.cells import cell_len

from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.rows import RowFormat, as_csv, as_json, as_table, render

TIME = datetime(2026, 3, 1, 12, 0, 0, 250, UTC)


def test_a_table_is_aligned_with_numbers_to_the_right():
    """Text left, numbers right, null a dash."""
    text = as_table(["name", "rss_bytes"], [["a", 1], ["longer", 123456], [None, None]], Page())

    assert text == (
        "name    rss_bytes\n──────  ─────────\na               1\nlonger     123456\n–               –\n"
    )


def test_a_table_without_rows_shows_its_columns():
    """No row is an answer too."""
    assert as_table(["a", "b"], [], Page()) == "a  b\n─  ─\n"


def test_in_a_pipe_nothing_is_cut_and_every_row_is_one_line():
    """`| grep` and `| awk` see whole rows, however narrow the page is."""
    rows = [["x" * 300, "a\nb"]]

    text = as_table(["long", "short"], rows, Page(width=20))

    assert text.splitlines()[2] == "x" * 300 + "  a\\x0ab"


def test_on_a_screen_a_table_too_wide_is_turned():
    """Each row becomes a block, a line a column, so that nothing wraps into the next column."""
    columns = [f"column_{number}" for number in range(20)]

    text = as_table(columns, [list(range(20))], Page(width=60, colour=True))

    assert "row 1 of 1" in text
    assert "column_19" in text


def test_on_a_screen_the_rows_are_counted():
    """One row, two rows."""
    assert "1 row" in as_table(["a"], [[1]], Page(colour=True))
    assert "2 rows" in as_table(["a"], [[1], [2]], Page(colour=True))


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("page", [Page(), Page(width=40, colour=True)], ids=["pipe", "screen"])
def test_a_table_shows_hostile_text_harmlessly(name, page):
    """Neither names nor values can steer the terminal."""
    text = as_table([HOSTILE[name], "n"], [[HOSTILE[name], [HOSTILE[name]]]], page)

    for number in (0, 1, 2):
        text = text.replace(f"\x1b[{number}m", "")
    text = text.replace("\n", "")
    assert printable(text) == text


@pytest.mark.parametrize("name", HOSTILE)
def test_csv_and_json_keep_hostile_text_exactly(name):
    """Data for programs is the data, character by character."""
    text = HOSTILE[name]

    assert list(csv.reader(io.StringIO(as_csv([text], [[text]]), newline="")))[1] == [text]
    assert json.loads(as_json(["a"], [[text]])) == [{"a": text}]


def test_csv_ends_its_lines_as_the_standard_says():
    """RFC 4180: CRLF, quotes only where needed, doubled inside."""
    assert as_csv(["a", "b"], [[1, 'say "x", y'], [None, True]]) == (
        'a,b\r\n1,"say ""x"", y"\r\n,true\r\n'
    )


def test_json_is_an_array_of_objects_without_nan():
    """Times are ISO 8601, no number is NaN or infinite, nested values stay nested."""
    columns = ["time", "x", "big", "list", "map", "d", "span", "blob", "day"]
    row = [
        TIME, math.nan, 2**80, [1.5, math.inf], {"a": TIME}, Decimal("1.25"),
        timedelta(seconds=90), b"\xff", date(2026, 3, 1),
    ]  # fmt: skip

    assert json.loads(as_json(columns, [row])) == [
        {
            "time": "2026-03-01T12:00:00.000250Z", "x": None, "big": 2**80, "list": [1.5, None],
            "map": {"a": "2026-03-01T12:00:00.000250Z"}, "d": 1.25, "span": 90.0, "blob": "ff",
            "day": "2026-03-01",
        }
    ]  # fmt: skip


def test_no_row_is_an_empty_array():
    """Valid JSON and valid CSV without rows."""
    assert as_json(["a"], []) == "[]\n"
    assert as_csv(["a"], []) == "a\r\n"


def test_columns_of_one_name_are_all_there():
    """An object cannot hold two values under one name; the later get numbers."""
    assert json.loads(as_json(["a", "a", "a_1", "a"], [[1, 2, 3, 4]])) == [
        {"a": 1, "a_2": 2, "a_1": 3, "a_3": 4}
    ]


@given(st.lists(st.lists(st.text(max_size=8) | st.none() | st.integers(), min_size=2, max_size=2)))
def test_csv_reads_back_as_text(rows):
    """A reader of CSV gets the text of every value."""
    found = list(csv.reader(io.StringIO(as_csv(["a", "b"], rows), newline="")))

    assert found[1:] == [["" if value is None else str(value) for value in row] for row in rows]


@given(st.lists(st.tuples(st.text(max_size=12), st.floats()), max_size=6))
def test_every_line_of_a_plain_table_but_its_end_is_aligned(rows):
    """The second column begins, or ends, at one place."""
    lines = as_table(["name", "value"], rows, Page()).splitlines()

    assert len(lines) == len(rows) + 2
    assert all(cell_len(line) <= cell_len(lines[1]) for line in lines)


@pytest.mark.parametrize("format", list(RowFormat))
def test_every_row_format_ends_in_a_newline(format):
    """Whatever the format, a shell prompt comes on a line of its own."""
    assert render(["a"], [[1]], format, Page()).endswith("\n")
