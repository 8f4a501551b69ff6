"""The database that queries run in: what it answers, what it loads, what it refuses."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from made_recordings import MadeRecording, make_recording, process

from perfkit.errors import UnusableInput
from perfkit.sql.engine import Database, Rows, Table
from perfkit.sql.mentions import Mentions, mentions
from perfkit.workflows.insights import database

SECRET = "a-line-that-no-query-may-see"


@pytest.fixture
def recording() -> MadeRecording:
    """A minute: memory rises by 1 MB a second, PSS is read every 5 s."""
    return make_recording(
        rss_bytes=lambda second: 10_000_000 + round(second * 1_000_000),
        pss_bytes=lambda second: 5_000_000 + round(second * 500_000),
        cpu_time_ns=lambda second: round(second * 5e8),
        system_cores_count=4,
        processes={0: [process(7, rss_bytes=1), process(8)], 5: [process(7, rss_bytes=2)]},
        session={
            "host": {"cores": 4, "kernel": "6.1", "memory_bytes": 2**34},
            "missing": {"psi": "the kernel has none"},
            "notes": {"a b": "ü"},
            "exit_code": 3,
        },
    )


@pytest.fixture
def views(recording: MadeRecording) -> Iterator[Database]:
    """The views over that minute, as the workflows make them."""
    made = database(recording)  # type: ignore[arg-type]
    yield made
    made.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Database]:
    """One column of three ticks, in a database with little time."""
    rows = Rows({"t_ns": "BIGINT", "x": "DOUBLE"}, [(0, 1.0), (1, 2.0), (2, None)])
    table = Table(("t_ns", "x"), lambda _: rows)
    made = Database({"ticks": table}, timeout_s=0.3, memory_limit_bytes=256 << 20)
    yield made
    made.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that queries will be after."""
    made = tmp_path_factory.mktemp("files")
    (made / "secret.csv").write_text(f"line\n{SECRET}\n")
    with duckdb.connect(str(made / "secret.duckdb")) as outside:
        outside.execute(f"CREATE TABLE secrets AS SELECT '{SECRET}' AS line")
        outside.execute(f"COPY secrets TO '{made}/secret.parquet'")
    return made


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with these files, as the working folder."""
    monkeypatch.chdir(folder)
    return folder


class TestViews:
    def test_ticks_give_their_columns(self, views: Database) -> None:
        """600 ticks at 10 Hz, the values as recorded."""
        found = views.query("SELECT count(*), min(rss_bytes), max(t_ns) FROM ticks")

        assert found.rows == [(600, 10_000_000, 59_900_000_000)]

    def test_the_wall_clock_is_a_plain_timestamp(self, views: Database) -> None:
        """A type that leaves DuckDB without further libraries; 1.7e9 s is in November 2023."""
        found = views.query("SELECT min(time) FROM ticks")

        assert found.types == ("TIMESTAMP",)
        assert found.rows[0][0].isoformat() == "2023-11-14T22:13:20"

    def test_a_slow_column_is_null_between_its_readings(self, views: Database) -> None:
        """12 readings in a minute."""
        assert views.query("SELECT count(pss_bytes) FROM ticks").rows == [(12,)]

    def test_last_and_age_fill_what_lies_between(self, views: Database) -> None:
        """At 7.5 s the last reading is that of 5 s."""
        found = views.query(
            "SELECT pss_bytes_last, pss_bytes_age_ms FROM ticks WHERE t_ns = 7500000000"
        )

        assert found.rows == [(7_500_000, 2_500.0)]

    def test_last_and_age_are_null_before_the_first_reading(self) -> None:
        """Never a guess."""
        late = database(
            make_recording(seconds=12, pss_bytes=lambda s: None if s < 5 else 1)  # type: ignore[arg-type]
        )

        found = late.query("SELECT pss_bytes_last, pss_bytes_age_ms FROM ticks LIMIT 1")

        assert found.rows == [(None, None)]

    def test_a_star_gives_the_recorded_columns(self, views: Database) -> None:
        """What the file holds, in its order."""
        assert views.query("SELECT * FROM ticks LIMIT 1").columns == (
            *("t_ns", "time", "rss_bytes", "pss_bytes", "cpu_time_ns", "system_cores_count"),
        )

    def test_describe_lists_what_is_on_offer(self, views: Database) -> None:
        """The carried columns too."""
        names = {row[0] for row in views.query("DESCRIBE ticks").rows}

        assert {"rss_bytes", "pss_bytes_last", "system_cores_count_age_ms"} <= names

    def test_periods_are_computed_for_what_is_named(self, views: Database) -> None:
        """A second at 10 Hz: the means of ten values."""
        found = views.query(
            "SELECT period, t_s, end_s, ticks_count, rss_bytes_mean, rss_bytes_max, pss_bytes_count "
            "FROM periods WHERE period = 2"
        )

        assert found.rows == [(2, 2.0, 3.0, 10, 12_450_000.0, 12_900_000, 0)]

    def test_growth_can_be_asked_of_periods(self, views: Database) -> None:
        """The slope that was put in."""
        found = views.query("SELECT regr_slope(rss_bytes_mean, t_s) FROM periods")

        assert found.rows[0][0] == pytest.approx(1_000_000)

    def test_processes_are_rows(self, views: Database) -> None:
        """One for each process in each list, with the tick it belongs to."""
        found = views.query("SELECT t_ns, pid, name, rss_bytes FROM processes ORDER BY ALL")

        assert found.rows == [
            (0, 7, "process-7", 1),
            (0, 8, "process-8", None),
            (5_000_000_000, 7, "process-7", 2),
        ]

    def test_the_session_is_one_row_of_facts(self, views: Database) -> None:
        """As recorded; the duration of one that was cut off is its last tick's time."""
        found = views.query(
            "SELECT target_pid, command, interval_ms, cores, kernel, ticks, duration_s, exit_code, "
            "started_at::VARCHAR, stop_reason, missing['psi'], notes['a b'] FROM session"
        )

        assert found.rows == [
            (
                *(4711, "worker --fast", 100.0, 4, "6.1", 600, 59.9, 3),
                *("2023-11-14 22:13:20", None, "the kernel has none", "ü"),
            )
        ]

    def test_impossible_facts_of_a_damaged_file_are_null(self) -> None:
        """A start in the year 300,000 is no reason to refuse the figures."""
        facts = {"started_at_us": 2**63 - 1, "host": {"cores": 2**70, "memory_bytes": "much"}}
        made = database(make_recording(seconds=1, session=facts))  # type: ignore[arg-type]

        found = made.query("SELECT started_at, cores, memory_bytes, ticks FROM session")

        assert found.rows == [(None, None, None, 10)]

    def test_events_are_there_and_empty(self, views: Database) -> None:
        """Typed, so that queries over them can be written already."""
        found = views.query("SELECT t_ns, type, numbers['x'], labels['y'] FROM events WHERE ok")

        assert found.rows == []

    def test_a_session_without_a_tick_has_empty_views(self) -> None:
        """All of them answer."""
        empty = database(make_recording(seconds=0, rss_bytes=1))  # type: ignore[arg-type]

        assert empty.query("SELECT max(rss_bytes) FROM ticks").rows == [(None,)]
        assert empty.query("SELECT rss_bytes_mean FROM periods").rows == []
        assert empty.query("SELECT pid FROM processes").rows == []
        assert empty.query("SELECT ticks, duration_s FROM session").rows == [(0, None)]


class TestLoading:
    @pytest.mark.parametrize(
        ("sql", "columns"),
        [
            ("SELECT max(rss_bytes) FROM ticks", {"t_ns", "rss_bytes"}),
            ("SELECT MAX(RSS_Bytes) FROM Ticks", {"t_ns", "rss_bytes"}),
            ('SELECT max("rss_bytes") FROM "ticks"', {"t_ns", "rss_bytes"}),
            ("SELECT count(*) FROM ticks -- rss_bytes", {"t_ns"}),
            ("SELECT count(*) FROM ticks WHERE 'rss_bytes' <> ''", {"t_ns"}),
            ("SELECT pss_bytes_last FROM ticks", {"t_ns", "pss_bytes"}),
        ],
    )
    def test_only_what_a_query_names_is_loaded(
        self, recording: MadeRecording, views: Database, sql: str, columns: set[str]
    ) -> None:
        """And the time of the tick, by which all is ordered."""
        views.query(sql)

        assert recording.asked == [columns]

    def test_a_query_over_nothing_loads_nothing(
        self, recording: MadeRecording, views: Database
    ) -> None:
        """Not even the ticks."""
        assert views.query("SELECT 6 * 7").rows == [(42,)]
        assert recording.asked == []

    def test_periods_are_not_computed_for_a_query_over_ticks(
        self, recording: MadeRecording, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They cost a pass over the session."""
        monkeypatch.setattr("perfkit.workflows.insights.Periods", None)

        database(recording).query("SELECT rss_bytes FROM ticks")  # type: ignore[arg-type]

    def test_what_is_loaded_already_is_not_loaded_again(
        self, recording: MadeRecording, views: Database
    ) -> None:
        """A second query over the same columns reads nothing."""
        views.prepare(["SELECT rss_bytes FROM ticks", "SELECT cpu_time_ns FROM ticks"])
        views.query("SELECT rss_bytes FROM ticks")
        views.query("SELECT cpu_time_ns, rss_bytes FROM ticks")

        assert recording.asked == [{"t_ns", "rss_bytes", "cpu_time_ns"}]

    def test_a_column_that_was_overlooked_is_found_at_the_second_try(
        self, recording: MadeRecording, views: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Reading words is no parsing; what DuckDB then misses is loaded after all."""

        def overlooking(sql: str) -> Mentions:
            found = mentions(sql)
            return replace(found, names=found.names - {"rss_bytes", "pss_bytes_last"})

        monkeypatch.setattr("perfkit.sql.engine.mentions", overlooking)

        assert views.query("SELECT max(t.rss_bytes) FROM ticks t").rows == [(69_900_000,)]
        assert views.query("SELECT max(pss_bytes_last) FROM ticks").rows == [(32_500_000,)]
        assert [len(columns) for columns in recording.asked] == [1, 6]

    def test_a_wrong_name_does_not_load_everything(
        self, recording: MadeRecording, views: Database
    ) -> None:
        """A typing error costs no reading of a day."""
        with pytest.raises(UnusableInput):
            views.query("SELECT rss_bites FROM ticks")

        assert recording.asked == [{"t_ns"}]

    def test_names_of_any_kind_are_survived(self) -> None:
        """Columns of a foreign file: quotes, keywords, a name that SQL would end at."""
        names = ('odd "name"', "select", "x; DROP VIEW ticks", "é\n", "T_NS2")
        rows = Rows({"t_ns": "BIGINT", **dict.fromkeys(names, "BIGINT")}, [(0, 1, 2, 3, 4, 5)])
        odd = Database({"ticks": Table(("t_ns", *names), lambda _: rows, frozenset(names[:2]))})

        assert odd.query("SELECT * FROM ticks").rows == [(0, 1, 2, 3, 4, 5)]
        assert odd.query('SELECT "odd ""name""_last" FROM ticks').rows == [(1,)]


class TestAnswers:
    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT 1",
            "select 1;",
            "  -- why\n SELECT 1",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "FROM ticks",
            "VALUES (1)",
            "TABLE ticks",
            "(SELECT 1) UNION ALL (SELECT 2)",
            "EXPLAIN SELECT * FROM ticks",
            "EXPLAIN ANALYZE SELECT * FROM ticks",
            "DESCRIBE ticks",
            "DESCRIBE SELECT 1",
            "SUMMARIZE ticks",
            "SHOW TABLES",
        ],
    )
    def test_whatever_only_reads_is_answered(self, small: Database, sql: str) -> None:
        """All forms in which a question can be put."""
        assert small.query(sql).rows

    def test_decimals_come_as_floats(self, small: Database) -> None:
        """Also inside of lists: no consumer needs to know the type."""
        assert small.query("SELECT 1.5, [0.25], {'a': 2.5}").rows == [(1.5, [0.25], {"a": 2.5})]

    def test_large_whole_numbers_stay_exact(self, small: Database) -> None:
        """A sum of counters may leave 64 bits."""
        assert small.query("SELECT 9223372036854775807::HUGEINT + 1").rows == [(2**63,)]

    def test_too_many_rows_are_refused(self, small: Database) -> None:
        """They would only fill the memory."""
        with pytest.raises(UnusableInput, match="more than 1,000 rows; add a LIMIT"):
            small.query("SELECT * FROM range(1001)", most_rows=1000)

        assert len(small.query("SELECT * FROM range(1000)", most_rows=1000).rows) == 1000


class TestWrongQueries:
    @pytest.mark.parametrize(
        ("sql", "said"),
        [
            ("", "holds no statement"),
            ("-- nothing", "holds no statement"),
            ("SELECT 1; SELECT 2", "holds 2 statements"),
            ("SELEC 1", "no valid SQL"),
            ("SELECT FROM WHERE", "no valid SQL"),
            ("SELECT 'open FROM ticks", "no valid SQL"),
            ("SELECT rss FROM ticks", "there is no column 'rss'"),
            ("SELECT x FROM tics", "there is no view 'tics'; the views are ticks"),
            ("SELECT nonsense(x) FROM ticks", "nonsense"),
            ("SELECT 'a'::INTEGER", "cannot be answered"),
            ("SELECT max(x) FROM ticks GROUP BY", "no valid SQL"),
            (f"SELECT {'(' * 5000}1{')' * 5000}", "nested too deeply"),
            (f"SELECT {'1+' * 60_000}1", "longer than 100,000 characters"),
            ("SELECT \ud800", "half a character"),
            ("SELECT \x00", ""),
        ],
    )
    def test_they_are_told_in_one_sentence(self, small: Database, sql: str, said: str) -> None:
        """No traceback, no DuckDB headings, nothing that a terminal obeys."""
        with pytest.raises(UnusableInput) as refused:
            small.query(sql)

        assert said in str(refused.value)
        assert str(refused.value).isprintable()
        assert "Error" not in str(refused.value)

    def test_a_near_miss_is_met_with_the_right_name(self, views: Database) -> None:
        """From all columns, not only from those that were loaded."""
        with pytest.raises(UnusableInput, match="did you mean rss_bytes"):
            views.query("SELECT rss_byte FROM ticks")

    def test_the_database_still_answers_afterwards(self, small: Database) -> None:
        """An error leaves no transaction open."""
        for sql in ("SELECT nope FROM ticks", "SELECT 'a'::INTEGER"):
            with pytest.raises(UnusableInput):
                small.query(sql)

        assert small.query("SELECT count(x) FROM ticks").rows == [(2,)]


READS = [
    "SELECT * FROM 'secret.csv'",
    "SELECT * FROM 'secret.parquet'",
    'SELECT * FROM "secret.parquet"',
    "SELECT * FROM read_csv('secret.csv')",
    "SELECT * FROM read_csv_auto('secret.csv')",
    "SELECT * FROM sniff_csv('secret.csv')",
    "SELECT * FROM read_parquet('secret.parquet')",
    "SELECT * FROM parquet_scan('secret.parquet')",
    "SELECT * FROM parquet_metadata('secret.parquet')",
    "SELECT * FROM parquet_schema('secret.parquet')",
    "SELECT * FROM parquet_kv_metadata('secret.parquet')",
    "SELECT * FROM read_text('secret.csv')",
    "SELECT * FROM read_blob('secret.csv')",
    "SELECT * FROM read_json('secret.csv')",
    "SELECT * FROM read_json_auto('secret.csv')",
    "SELECT * FROM glob('*')",
    "SELECT * FROM read_text('/etc/pass*')",
    "SELECT * FROM read_csv('https://example.org/x.csv')",
    "SELECT (SELECT content FROM read_text('secret.csv'))",
    "WITH a AS (SELECT * FROM read_text('secret.csv')) SELECT * FROM a",
    "EXPLAIN ANALYZE SELECT * FROM read_text('secret.csv')",
    "DESCRIBE SELECT * FROM 'secret.parquet'",
    "SUMMARIZE 'secret.parquet'",
    "FROM query('SELECT * FROM read_text(''secret.csv'')')",
    "FROM query_table('secret.parquet')",
    "FROM json_execute_serialized_sql('{}')",
    "SELECT getenv('PERFKIT_TEST_SECRET')",
    "SELECT * FROM secret_rows",
    "SELECT * FROM python_arrow_scan(1)",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT * FROM pandas_scan(94000)",
    "SELECT * FROM seq_scan('ticks')",
]

WRITES = [
    "COPY ticks TO 'out.csv'",
    "COPY (SELECT 1) TO 'out.parquet' (FORMAT parquet, USE_TMP_FILE false)",
    "COPY ticks TO 'secret.parquet' (FORMAT parquet, USE_TMP_FILE false)",
    "COPY ticks FROM 'secret.csv'",
    "EXPLAIN ANALYZE COPY ticks TO 'out.csv'",
    "EXPORT DATABASE 'out'",
    "IMPORT DATABASE 'out'",
    "ATTACH 'secret.duckdb' AS s",
    "ATTACH 'out.duckdb'",
    "ATTACH ':memory:' AS other",
    "DETACH memory",
    "USE perfkit_data",
    "INSTALL httpfs",
    "FORCE INSTALL spatial FROM community",
    "LOAD httpfs",
    "LOAD 'out.duckdb_extension'",
    "UPDATE EXTENSIONS",
    "SET threads = 1",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET GLOBAL memory_limit = '1TB'",
    "RESET memory_limit",
    "SET VARIABLE x = 1",
    "SET search_path = 'perfkit_data'",
    "PRAGMA threads = 1",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "FROM enable_logging(storage = 'file', storage_config = {'path': 'out'})",
    "FROM enable_profiling(save_location = 'out.json')",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW ticks AS SELECT 1 AS x",
    "CREATE MACRO max(x) AS 1",
    "CREATE SECRET s (TYPE http)",
    "CREATE PERSISTENT SECRET s (TYPE http)",
    "DROP VIEW ticks",
    "DROP TABLE perfkit_data.ticks",
    "INSERT INTO perfkit_data.ticks VALUES (9, 9)",
    "UPDATE perfkit_data.ticks SET x = 0",
    "DELETE FROM perfkit_data.ticks",
    "TRUNCATE perfkit_data.ticks",
    "ALTER TABLE perfkit_data.ticks DROP x",
    "WITH a AS (INSERT INTO perfkit_data.ticks VALUES (9, 9) RETURNING *) SELECT * FROM a",
    "EXPLAIN ANALYZE INSERT INTO perfkit_data.ticks VALUES (9, 9)",
    "EXPLAIN ANALYZE (FORMAT json) DELETE FROM perfkit_data.ticks",
    "BEGIN TRANSACTION",
    "COMMIT",
    "ROLLBACK",
    "CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "DEALLOCATE p",
    "SELECT 1; COPY ticks TO 'out.csv'",
    "EXPLAIN",
]


class TestForbiddenActs:
    @pytest.mark.parametrize("sql", READS)
    def test_nothing_beside_the_views_can_be_read(
        self, small: Database, here: Path, monkeypatch: pytest.MonkeyPatch, sql: str
    ) -> None:
        """Files, other databases, the environment, Python's variables: one sentence instead."""
        monkeypatch.setenv("PERFKIT_TEST_SECRET", SECRET)
        secret_rows = {"line": [SECRET]}  # a replacement scan would find it by its name

        with pytest.raises(UnusableInput) as refused:
            small.query(sql)

        assert SECRET not in str(refused.value)
        assert str(refused.value).isprintable()
        assert secret_rows
        assert small.query("SELECT count(*), sum(x) FROM ticks").rows == [(3, 3.0)]

    @pytest.mark.parametrize("sql", WRITES)
    def test_nothing_can_be_written_or_changed(self, small: Database, here: Path, sql: str) -> None:
        """No file appears or changes, and the views say afterwards what they said before."""
        before = {path.name: path.read_bytes() for path in here.iterdir()}

        with pytest.raises(UnusableInput) as refused:
            small.query(sql)

        assert str(refused.value).isprintable()
        assert {path.name: path.read_bytes() for path in here.iterdir()} == before
        assert small.query("SELECT count(*), sum(x), max(x) FROM ticks").rows == [(3, 3.0, 2.0)]

    def test_the_session_file_itself_cannot_be_overwritten(
        self, here: Path, small: Database
    ) -> None:
        """Loading happened before: there is no path that a query could reach."""
        with pytest.raises(UnusableInput):
            small.query("COPY (SELECT 1) TO 'secret.parquet' (USE_TMP_FILE false)")

        assert duckdb.sql(f"FROM '{here}/secret.parquet'").fetchall() == [(SECRET,)]


ENDLESS = [
    "WITH RECURSIVE a AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM a) SELECT count(*) FROM a",
    "SELECT count(*) FROM range(1000000000000)",
    "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b",
    "SELECT count(*) FROM ticks a, range(100000) b, range(100000) c WHERE b.range > c.range * a.x",
]

GREEDY = [
    "SELECT length(repeat('x', 2000000000))",
    "SELECT length(string_agg(repeat('x', 1000000), '')) FROM range(100000)",
    "SELECT list(range(1000000)) FROM range(1000)",
    "SELECT range, repeat('x', 1000) FROM range(3000000)",
]


class TestLimits:
    @pytest.mark.parametrize("sql", ENDLESS)
    def test_what_runs_for_ever_is_stopped(self, small: Database, sql: str) -> None:
        """And the database goes on answering."""
        with pytest.raises(UnusableInput, match=r"stopped after 0\.3 s"):
            small.query(sql)

        assert small.query("SELECT 1").rows == [(1,)]

    @pytest.mark.parametrize("sql", GREEDY)
    def test_what_takes_too_much_memory_is_stopped(self, small: Database, sql: str) -> None:
        """Or out of time first; in either case the process stays small."""
        with pytest.raises(UnusableInput, match=r"memory it may use|stopped after"):
            small.query(sql)

        assert small.query("SELECT 1").rows == [(1,)]

    def test_several_queries_are_answered_in_their_order(self, small: Database) -> None:
        """Two run at a time; one that fails, waits or takes all the memory harms no other."""
        good = [f"SELECT {number}, count(*) FROM ticks" for number in range(5)]
        queries = [
            *(good[0], GREEDY[1], good[1], ENDLESS[0], GREEDY[2], good[2]),
            *(
                "SELECT nope FROM ticks",
                good[3],
                "COPY ticks TO 'out'",
                "SELECT * FROM ticks",
                good[4],
            ),
        ]

        outcomes = small.query_all(queries)

        rows = [None if isinstance(one, UnusableInput) else one.rows for one in outcomes]
        assert [rows[index] for index in (0, 2, 5, 7, 10)] == [[(n, 3)] for n in range(5)]
        assert [rows[index] for index in (1, 3, 4, 6, 8)] == [None] * 5
        assert rows[9] == [(0, 1.0), (1, 2.0), (2, None)]

    def test_no_queries_have_no_answers(self, small: Database) -> None:
        """As where no rule applies."""
        assert small.query_all([]) == []

    def test_the_limit_on_the_process_is_lifted_afterwards(self, small: Database) -> None:
        """It holds while a query runs, and not a moment longer."""
        before = resource.getrlimit(resource.RLIMIT_DATA)

        for sql in ("SELECT 1", "SELECT nope", GREEDY[0], ENDLESS[1]):
            with contextlib.suppress(UnusableInput):
                small.query(sql)
            assert resource.getrlimit(resource.RLIMIT_DATA) == before

    def test_a_function_that_no_interrupt_reaches_is_left_behind(self, project_root: Path) -> None:
        """The next query is answered, the process ends at once, and stderr stays empty."""
        code = """
            from perfkit.errors import UnusableInput
            from perfkit.sql.engine import Database
            made = Database({}, timeout_s=0.1)
            try:
                made.query("SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))")
            except UnusableInput as refused:
                print(refused)
            print(made.query("SELECT 42").rows)
        """
        start = time.monotonic()

        ended = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=project_root,
            env={**os.environ, "PYTHONPATH": str(project_root)},
            check=False,
        )

        assert "stopped after 0.1 s" in ended.stdout
        assert "[(42,)]" in ended.stdout
        assert (ended.returncode, ended.stderr) == (0, "")
        # It would take many minutes; this only tells "left behind" from "waited for".
        assert time.monotonic() - start < 50

    def test_a_database_that_nobody_closed_ends_quietly(self, project_root: Path) -> None:
        """DuckDB's binding would list what is left on stderr."""
        code = (
            "from perfkit.sql.engine import Database\n"
            "made = Database({})\n"
            "made.query('SELECT 1')\n"
            "kept = made\n"
        )

        ended = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=project_root,
            env={**os.environ, "PYTHONPATH": str(project_root)},
            check=False,
        )

        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
