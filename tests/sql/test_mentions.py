"""What a query names, read from its words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.sql.mentions import mentions, tokens


@pytest.mark.parametrize(
    ("sql", "named", "not_named"),
    [
        ("SELECT rss_bytes FROM ticks", {"rss_bytes", "ticks"}, set()),
        ("select T.RSS_Bytes from Ticks T", {"rss_bytes", "ticks", "t"}, set()),
        ('SELECT "rss_bytes" FROM "ticks"', {"rss_bytes", "ticks"}, set()),
        ('SELECT "odd ""name""" FROM ticks', {'odd "name"'}, set()),
        ("SELECT 'rss_bytes' FROM ticks", {"ticks"}, {"rss_bytes"}),
        ("SELECT 'it''s rss_bytes' FROM ticks", {"ticks"}, {"rss_bytes"}),
        (r"SELECT E'\' rss_bytes' FROM ticks", {"ticks"}, {"rss_bytes"}),
        ("SELECT $$ rss_bytes $$ FROM ticks", {"ticks"}, {"rss_bytes"}),
        ("SELECT $a$ $$ rss_bytes $a$, cpu FROM ticks", {"cpu"}, {"rss_bytes"}),
        ("SELECT $a$ rss_bytes FROM ticks", {"rss_bytes", "ticks"}, set()),
        ("SELECT 1 -- rss_bytes\nFROM ticks", {"ticks"}, {"rss_bytes"}),
        ("SELECT 1 /* rss_bytes\n */ FROM ticks", {"ticks"}, {"rss_bytes"}),
        ("SELECT 1e5, x2 FROM ticks", {"x2"}, {"e5"}),
    ],
)
def test_names_are_found_and_strings_and_comments_are_not(
    sql: str, named: set[str], not_named: set[str]
) -> None:
    """Case, quotes, strings and comments as DuckDB has them."""
    found = mentions(sql)

    assert named <= found.names
    assert not not_named & found.names


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM ticks",
        "SELECT t.* FROM ticks t",
        "SELECT x, * FROM ticks",
        "SELECT * EXCLUDE (x) FROM ticks",
        "SELECT DISTINCT * FROM ticks",
        "SELECT DISTINCT ON (x) * FROM ticks",
        "FROM ticks",
        "  from ticks limit 3",
        "FROM ticks SELECT *",
        "WITH a AS (SELECT 1) FROM ticks",
        "SELECT 1 FROM (FROM ticks)",
        "SELECT 1 UNION FROM ticks",
        "EXPLAIN FROM ticks",
        "DESCRIBE ticks",
        "DESC ticks",
        "SUMMARIZE ticks",
        "SHOW ticks",
        "TABLE ticks",
        "SELECT max(COLUMNS('.*_bytes')) FROM ticks",
        "SELECT a FROM ticks NATURAL JOIN periods",
        "PIVOT ticks ON x IN (1) USING sum(y)",
        "UNPIVOT ticks ON x, y",
    ],
)
def test_what_may_mean_all_columns_is_told(sql: str) -> None:
    """A star, a query without SELECT, and statements about a whole view."""
    assert mentions(sql).everything


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM ticks",
        "SELECT count( * ), x FROM ticks",
        "SELECT x * 2, 2*x, (x)*(y), x[1] * y FROM ticks",
        "SELECT '*' FROM ticks",
        "SELECT x /* * */ FROM ticks",
        "SELECT extract(year FROM time) FROM ticks",
        "SELECT substring(name FROM 2) FROM processes",
        "SELECT x FROM ticks WHERE (x IS DISTINCT FROM y)",
        "WITH a AS (SELECT x FROM ticks) SELECT y FROM a",
        "(SELECT x FROM ticks) UNION (SELECT y FROM ticks)",
        "SELECT x FROM ticks WHERE x > (SELECT avg(x) FROM ticks)",
    ],
)
def test_what_names_its_columns_is_not_taken_for_all(sql: str) -> None:
    """Products, count(*), and the other uses of FROM."""
    assert not mentions(sql).everything


def test_calls_are_names_before_a_parenthesis() -> None:
    """Quoted or not, with space between or not."""
    assert mentions("SELECT max (x) FROM \"query\"('…')").calls == {"max", "query"}


@given(st.text())
def test_any_text_is_read_without_failing(text: str) -> None:
    """Every token stands where it says, in order."""
    starts = [token.start for token in tokens(text)]

    assert starts == sorted(set(starts))
    mentions(text)


@given(st.text(alphabet="ab'\"$-/*\n\\eE ;"))
def test_quotes_of_all_kinds_in_any_order_are_survived(text: str) -> None:
    """The characters that open and close strings and comments, mixed."""
    mentions(text)


@given(
    st.lists(st.sampled_from(["rss_bytes", "t_ns", "cpu_percent", "pss_bytes_last"]), min_size=1)
)
def test_every_column_that_is_selected_is_named(columns: list[str]) -> None:
    """Whatever stands around it."""
    sql = "SELECT " + ", ".join(f"max({name}) AS m{i}" for i, name in enumerate(columns))

    assert set(columns) <= mentions(f"{sql} FROM ticks").names


def test_a_direction_behind_order_by_names_no_catalogue() -> None:
    """DESC begins a statement or a subquery, or else it is a direction: no reason to load all."""
    assert not mentions("SELECT pid FROM processes ORDER BY pid DESC LIMIT 1").everything
    assert mentions("SELECT * FROM (DESC ticks)").everything
    assert mentions("SELECT count(*) FROM (DESC ticks)").catalogue
