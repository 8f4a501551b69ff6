"""The DuckDB in which rules and hand-written queries run: it reads its views and nothing else.

What a query cannot do, and what stops it:
files, ATTACH, extensions: external access is off before the first byte of a session is loaded.
Settings: the configuration is locked. Writing: one SELECT a query, in a read-only transaction.
Python's variables: replacement scans are off. Running for ever: a watchdog interrupts, and gives up
waiting where DuckDB does not listen. Eating the machine's memory: DuckDB's own limit, and a limit
on the process for what DuckDB does not count (`repeat('x', 2000000000)` took 4 GiB of a 300 MiB
limit).

Tables are filled before they are queried, only with the columns that a query names. They are
copies: a registered Arrow table would be scanned anew by every rule.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import duckdb

from perfkit.errors import UnusableInput
from perfkit.model.text import printable
from perfkit.sql import event_views, views
from perfkit.sql.mentions import NOTHING, Mentions, mentions, tokens
from perfkit.sql.views import Rows, quoted
from perfkit.sql.worker import Worker

MEMORY_LIMIT_BYTES = 2 << 30
TIMEOUT_S = 30.0
MOST_ROWS = 5_000_000
"""More rows than this are no answer to a question; they would only fill the memory."""

LONGEST_QUERY = 100_000

# What the views themselves name.
_ALWAYS = ("t_ns", "end_ns", "processes", "duration_s")
_RESULT_BYTES = 1 << 30  # what a query's process may grow by beyond DuckDB's own limit
_BATCH_ROWS = 10_000
_AT_ONCE = 2

# They read addresses or further SQL from their arguments, past the checks of this module.
_REFUSED_CALLS = frozenset(
    {
        "arrow_scan",
        "arrow_scan_dumb",
        "enable_logging",
        "enable_profiling",
        "json_execute_serialized_sql",
        "pandas_scan",
        "python_arrow_scan",
        "python_map_function",
        "query",
        "seq_scan",
    }
)
# Keys of what is sent that have a name of their own in the views.
_CALLED_INSTEAD = {"success": "ok", "timestamp": "time", "duration": "duration_ms"}
_READ_ONLY = "queries can only read the views, not files, settings or extensions"


@dataclass(frozen=True)
class Table:
    """Where a view's data come from.

    columns: all that it could give. load: those named (a subset of `columns`) as an Arrow table or
    stream, or as Rows. sparse: columns that are null between their readings.
    """

    columns: tuple[str, ...]
    load: Callable[[Collection[str]], Any]
    sparse: frozenset[str] = frozenset()


@dataclass(frozen=True)
class QueryResult:
    """types: DuckDB's names of the column types. rows: None, bool, int, float, str, bytes,
    datetime values, and lists and dicts of these; decimals are floats.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]


Answer = QueryResult | BaseException

_EXPLAINED = (UnusableInput, duckdb.Error, MemoryError, OverflowError, TimeoutError, ValueError)
"""What a query can end in through no fault of ours."""
_OUT_OF_MEMORY = (MemoryError, duckdb.OutOfMemoryException)


class Database:
    """Views over the given tables: `ticks`, `periods`, `processes`, `session` and `events`.

    tables: view name to Table; `events` is always there, and so are `spans` and `event_metrics`,
    computed from it. Further names become plain views.
    memory_limit_bytes: for DuckDB; results may take as much as 1 GiB more.
    timeout_s: for one query, loading apart.
    """

    def __init__(
        self,
        tables: Mapping[str, Table],
        *,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._tables = dict(tables)
        self._tables.setdefault(
            "events", Table(tuple(event_views.EVENT_TYPES), event_views.no_events)
        )
        self._memory_limit_bytes = memory_limit_bytes
        self._timeout_s = timeout_s
        self._workers: list[Worker[QueryResult]] = []
        self._loaded: dict[str, frozenset[str]] = {}
        self._carried: frozenset[str] = frozenset()
        self._connection = _connect(memory_limit_bytes)
        self._connection.execute("SET lock_configuration = true")

    def columns(self, table: str) -> tuple[str, ...]:
        """The columns that a table could give; none if there is no such table."""
        found = self._tables.get(table)
        return found.columns if found else ()

    def prepare(self, queries: Iterable[str]) -> None:
        """Load at once what several queries name, instead of table after table as they come."""
        wanted = NOTHING
        for sql in queries:
            # A star of one query says nothing about the tables of another.
            found = mentions(sql)
            if not (found.everything or found.all_tables):
                wanted |= found
        self._load(wanted)

    def query(self, sql: str, *, most_rows: int = MOST_ROWS) -> QueryResult:
        """The rows of one SELECT (or WITH, FROM, VALUES, EXPLAIN, DESCRIBE, SUMMARIZE, SHOW).

        Raises UnusableInput, one sentence: for wrong SQL, for anything but reading the views, for a
        query that takes longer or needs more memory than it may, or returns over `most_rows` rows.
        """
        (outcome,) = self.query_all([sql], most_rows=most_rows)
        if isinstance(outcome, UnusableInput):
            raise outcome
        return outcome

    def query_all(
        self, queries: Sequence[str], *, most_rows: int = MOST_ROWS
    ) -> list[QueryResult | UnusableInput]:
        """What `query` would return or raise for each, in their order; two run at a time.

        Most of the time of a query over a short session is DuckDB's planning, on one core.
        """
        outcomes: dict[int, QueryResult | UnusableInput] = {}
        for index, sql in enumerate(queries):
            try:
                self._admit(sql)
                self._load(mentions(sql))
            except UnusableInput as error:
                outcomes[index] = error
        asked = [index for index in range(len(queries)) if index not in outcomes]
        answers = self._run([queries[index] for index in asked], most_rows)
        for index, answer in zip(asked, answers, strict=True):
            if len(asked) > 1 and isinstance(answer, _OUT_OF_MEMORY):
                # It may have been the one beside it that took the memory.
                (answer,) = self._run([queries[index]], most_rows)
            outcomes[index] = self._told(queries[index], answer, most_rows)
        return [outcomes[index] for index in range(len(queries))]

    def close(self) -> None:
        """Let go of the memory. A database that is closed answers no more."""
        for worker in self._workers:
            worker.end()
        # Refused while a query that was left behind still runs: then it ends with the process.
        with contextlib.suppress(duckdb.Error):
            self._connection.close()

    # ── admitting ──

    def _admit(self, sql: str) -> None:
        """Raise UnusableInput unless the text is one statement that only reads."""
        kinds = self._statement_kinds(sql)
        if len(kinds) != 1:
            count = "no statement" if not kinds else f"{len(kinds)} statements"
            raise UnusableInput(f"the query holds {count}; give exactly one SELECT")
        if kinds == ["EXPLAIN"]:
            explained = _explained_statement(sql)
            kinds = self._statement_kinds(explained) if explained else ["EXPLAIN"]
        if kinds == ["MULTI"]:
            raise UnusableInput("PIVOT needs its values named here: PIVOT … ON column IN (…)")
        if kinds != ["SELECT"]:
            kind = printable(kinds[0].replace("_", " "), 20) if kinds else "this statement"
            raise UnusableInput(f"{kind} is not available here: {_READ_ONLY}; give one SELECT")
        if refused := sorted(mentions(sql).calls & _REFUSED_CALLS):
            raise UnusableInput(f"{refused[0]}() is not available here: {_READ_ONLY}")

    def _statement_kinds(self, sql: str) -> list[str]:
        if len(sql) > LONGEST_QUERY:
            raise UnusableInput(
                f"the query is longer than {LONGEST_QUERY:,} characters; shorten it"
            )
        try:
            sql.encode()
        except UnicodeEncodeError:
            raise UnusableInput("the query is no valid text: it holds half a character") from None
        try:
            statements = self._connection.extract_statements(sql)
        except (duckdb.Error, ValueError) as error:
            raise self._explained(error, NOTHING) from None
        return [_kind(statement) for statement in statements]

    # ── loading ──

    def _load(self, wanted: Mentions) -> None:
        """Make sure that every view the query names exists, with the columns it names."""
        for name in [name for name in self._tables if name in wanted.names or wanted.all_tables]:
            table = self._tables[name]
            named = _named_columns(table, wanted)
            carried = frozenset(
                column
                for column in table.sparse
                if wanted.catalogue
                or any(carry.lower() in wanted.names for carry in views.carried_names(column))
            )
            try:
                if name == "session":  # it counts the ticks
                    self._fill("ticks", frozenset(), frozenset())
                self._fill(name, named, carried)
            except (duckdb.Error, MemoryError, OverflowError) as error:
                raise self._explained(error, wanted) from None
        for name in event_views.COMPUTED:
            if name in wanted.names or wanted.all_tables:
                try:
                    self._compute(name)
                except (duckdb.Error, MemoryError, OverflowError) as error:
                    raise self._explained(error, wanted) from None

    def _compute(self, name: str) -> None:
        """Make one of the tables that follow from the events, unless it is there."""
        if name in self._loaded:
            return
        self._fill("events", event_views.NEEDED, frozenset())
        ticks = "ticks" in self._tables
        if ticks:
            self._fill("ticks", frozenset(), frozenset())
        last_tick = event_views.LAST_TICK.format(table="ticks" if ticks else "events")
        self._connection.execute(last_tick)
        target = f"{views.SCHEMA}.{quoted(name)}"
        self._connection.execute(
            f"CREATE OR REPLACE TABLE {target} AS {event_views.COMPUTED[name]}"
        )
        text = views.plain_view(name, self._types(name))
        self._connection.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS {text}")
        self._loaded[name] = frozenset()

    def _fill(self, name: str, columns: frozenset[str], carried: frozenset[str]) -> None:
        table = self._tables[name]
        base = {column for column in _ALWAYS if column in table.columns}
        wanted = columns | base | self._loaded.get(name, frozenset())
        if self._loaded.get(name) != wanted:
            self._copy(name, table.load([column for column in table.columns if column in wanted]))
            if name == "session":
                self._connection.execute(views.COMPLETE_SESSION)
            self._loaded[name] = wanted
        elif not (name == "ticks" and carried - self._carried):
            return
        types = self._types(name)
        if name == "ticks":
            self._carried |= carried & types.keys()
            text = views.ticks_view(types, self._carried)
        elif name in views.VIEWS:
            text = views.VIEWS[name](types)
        else:
            text = views.plain_view(name, types)
        self._connection.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS {text}")

    def _copy(self, name: str, loaded: Any) -> None:
        target = f"{views.SCHEMA}.{quoted(name)}"
        if isinstance(loaded, Rows):
            columns = ", ".join(f"{quoted(c)} {type}" for c, type in loaded.columns.items())
            self._connection.execute(f"CREATE OR REPLACE TABLE {target} ({columns})")
            places = ", ".join(f"?::{type}" for type in loaded.columns.values())
            for row in loaded.rows:
                self._connection.execute(f"INSERT INTO {target} VALUES ({places})", row)
            return
        self._connection.register("incoming", _registrable(loaded))
        try:
            self._connection.execute(f"CREATE OR REPLACE TABLE {target} AS SELECT * FROM incoming")
        finally:
            self._connection.unregister("incoming")

    def _types(self, name: str) -> dict[str, str]:
        found = self._connection.execute(f"SELECT * FROM {views.SCHEMA}.{quoted(name)} LIMIT 0")
        return {column: str(type) for column, type, *_ in found.description or ()}

    def _load_what_was_missed(self, wanted: Mentions, message: str) -> bool:
        """Load all columns if the error speaks of one that exists; whether that was so."""
        spoken = {token.text for token in tokens(message.partition("\n")[0])}
        for name, table in self._tables.items():
            unloaded = frozenset(table.columns) - self._loaded.get(name, frozenset())
            if name in wanted.names and spoken & {column.lower() for column in unloaded}:
                self._load(replace(wanted, everything=True, catalogue=True))
                return True
        return False

    # ── running ──

    def _run(self, queries: Sequence[str], most_rows: int) -> list[Answer]:
        """What comes of each query, in threads: no uninterruptible function holds us up."""
        answers: list[Answer] = []
        width = min(len(queries), _AT_ONCE)
        self._workers += [Worker() for _ in range(width - len(self._workers))]
        with _memory_cap(self._memory_limit_bytes + _RESULT_BYTES):
            try:
                for index in range(len(queries) + width):
                    slot = index % width
                    if index >= width:
                        answers.append(self._workers[slot].finish(self._timeout_s))
                        if not self._workers[slot].usable:
                            self._workers[slot] = Worker()
                    if index < len(queries):
                        self._start(self._workers[slot], queries[index], most_rows)
            except BaseException:  # Ctrl-C: leave nothing running
                for worker in self._workers:
                    worker.cancel()
                raise
        return answers

    def _start(self, worker: Worker[QueryResult], sql: str, most_rows: int) -> None:
        cursor = self._connection.cursor()

        def interrupt() -> None:
            with contextlib.suppress(duckdb.Error):  # closed in this moment
                cursor.interrupt()

        worker.start(lambda: _fetch(cursor, sql, most_rows, self._timeout_s), interrupt)

    def _told(self, sql: str, answer: Answer, most_rows: int) -> QueryResult | UnusableInput:
        """The rows, or the sentence; a query that named more than was seen is asked once more."""
        wanted = mentions(sql)
        try:
            if isinstance(
                answer, duckdb.BinderException | duckdb.CatalogException
            ) and self._load_what_was_missed(wanted, str(answer)):
                (answer,) = self._run([sql], most_rows)
        except UnusableInput as error:
            return error
        if isinstance(answer, _EXPLAINED):
            return self._explained(answer, wanted)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    # ── explaining ──

    def _explained(self, error: Exception, wanted: Mentions) -> UnusableInput:
        """DuckDB's error as one sentence of ours."""
        text = str(error)
        line = _first_line(text)
        if isinstance(error, UnusableInput):
            return error
        if isinstance(error, TimeoutError | duckdb.InterruptException):
            return UnusableInput(
                f"the query was stopped after {self._timeout_s:g} s; "
                "narrow it by a WHERE on t_ns or by fewer joins"
            )
        if isinstance(error, _OUT_OF_MEMORY):
            limit = self._memory_limit_bytes >> 20
            return UnusableInput(
                f"the query needs more than the {limit} MiB of memory it may use; "
                "name fewer columns or narrow it by a WHERE on t_ns"
            )
        if isinstance(error, duckdb.PermissionException) or "configuration has been locked" in text:
            return UnusableInput(f"{_READ_ONLY} ({line})")
        if "read-only mode" in text:
            return UnusableInput(f"{_READ_ONLY}; give one SELECT")
        if "max_expression_depth" in text:
            return UnusableInput("the query is nested too deeply; break it up by WITH")
        if "'pytz'" in text:
            return UnusableInput(
                "the query returns a time with a time zone; cast it: column::TIMESTAMP"
            )
        if found := re.search(r"Table with name (.+) does not exist", line):
            known = ", ".join([*self._tables, *event_views.COMPUTED])
            return UnusableInput(f"there is no view {found[1]!r}; the views are {known}")
        if found := re.search(r'(?:Referenced column|a column named) "([^"]+)"', line):
            return UnusableInput(
                f"there is no column {found[1]!r}{self._suggestion(found[1], wanted)}"
            )
        if found := re.search(r'Referenced table "([^"]+)" not found', line):
            return UnusableInput(
                f"{found[1]!r} is named but not read; join it in the FROM, events for instance "
                "by tick_t_ns = ticks.t_ns"
            )
        if found := re.search(r"Function with name (\S+) does not exist", line):
            close = re.search(r'Did you mean "([^"]+)"', text)
            hint = f"did you mean {close[1]}()?" if close else "see DuckDB's list of functions"
            if re.match(r"p\d|perc|pct|quant", found[1], re.IGNORECASE):
                hint = "the 95th percentile is quantile_cont(duration_ms, 0.95)"
            return UnusableInput(f"there is no function {found[1]}(); {hint}")
        if found := re.search(r"No function matches .* '([^(']+)\((.*)\)'", line):
            return UnusableInput(
                f"{found[1]} cannot be applied to {_in_words(found[2])}{_cast(found[2], wanted)}"
            )
        if isinstance(error, duckdb.ParserException):
            return UnusableInput(f"the query is no valid SQL: {line}")
        return UnusableInput(f"the query cannot be answered: {line}")

    def _suggestion(self, name: str, wanted: Mentions) -> str:
        lower = name.lower()
        if lower in self._tables or lower in event_views.COMPUTED:
            join = " (its tick_t_ns is ticks.t_ns)" if lower == "events" else ""
            return f": it is a view of its own, read it by FROM {lower}{join}"
        known = [
            column
            for table, source in self._tables.items()
            if table in wanted.names
            for column in source.columns
        ]
        computed = [t for t in event_views.COMPUTED if t in wanted.names and t in self._loaded]
        known += [column for table in computed for column in self._types(table)]
        with_fields = sorted({"events", "spans"} & wanted.names)
        if with_fields and lower in _CALLED_INSTEAD:
            return f"; {with_fields[0]} call it {_CALLED_INSTEAD[lower]}"
        close = difflib.get_close_matches(lower, known, n=3, cutoff=0.75 if with_fields else 0.6)
        if close:
            return f"; did you mean {' or '.join(dict.fromkeys(close))}?"
        if with_fields:
            field = printable(name, 40).replace("'", "''")
            return (
                f"; a field of {with_fields[0]} is numbers['{field}'] or labels['{field}'], "
                "a text stands in single quotes"
            )
        if computed:
            return f"; {computed[0]} has {', '.join(self._types(computed[0]))}"
        return "; `perfkit info` lists the columns"


def _in_words(types: str) -> str:
    """DuckDB's names of argument types, shortened."""
    return printable(types.replace("_LITERAL", ""), 120) or "nothing"


def _cast(types: str, wanted: Mentions) -> str:
    """How to mend a call whose arguments are of these types; empty where that is not known."""
    if "MAP(" in types:
        return "; name one field: numbers['x'] or labels['x']"
    if "BOOLEAN" in types:
        return "; a truth value becomes 0 or 1 by ::INT"
    if "VARCHAR" in types and {"labels", "label_value"} & wanted.names:
        return "; labels are texts: TRY_CAST(labels['x'] AS DOUBLE), or is it in numbers?"
    return "; a cast may help: x::DOUBLE"


def _connect(memory_limit_bytes: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false",
            "python_enable_replacements": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "allow_persistent_secrets": "false",
            "memory_limit": f"{memory_limit_bytes >> 20}MiB",
            "temp_directory": "",
            "threads": str(min(4, os.cpu_count() or 1)),
        },
    )
    # Where Python runs a text instead of a file, DuckDB would draw on the terminal.
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"CREATE SCHEMA {views.SCHEMA}")
    return connection


def _named_columns(table: Table, wanted: Mentions) -> frozenset[str]:
    if wanted.everything:
        return frozenset(table.columns)
    named = {column for column in table.columns if column.lower() in wanted.names}
    for column in table.sparse:
        if any(carry.lower() in wanted.names for carry in views.carried_names(column)):
            named.add(column)
    return frozenset(named)


def _registrable(loaded: Any) -> Any:
    """The loaded columns as something that DuckDB scans without importing further libraries."""
    # A reader is scanned as a stream; for a table DuckDB would import pyarrow.dataset.
    return loaded.to_reader() if hasattr(loaded, "to_reader") else loaded


def _fetch(
    cursor: duckdb.DuckDBPyConnection, sql: str, most_rows: int, timeout_s: float
) -> QueryResult:
    deadline = time.monotonic() + timeout_s
    cursor.execute("BEGIN TRANSACTION READ ONLY")
    try:
        cursor.execute(sql)
        described = cursor.description or []
        types = tuple(str(type) for _, type, *_ in described)
        rows: list[tuple[Any, ...]] = []
        while batch := cursor.fetchmany(_BATCH_ROWS):
            rows += batch
            if len(rows) > most_rows:
                raise UnusableInput(
                    f"the query returns more than {most_rows:,} rows; add a LIMIT or a GROUP BY"
                )
            if time.monotonic() > deadline:
                raise TimeoutError
    finally:
        with contextlib.suppress(duckdb.Error):
            cursor.execute("ROLLBACK")
        cursor.close()
    if any("DECIMAL" in type for type in types):
        rows = [tuple(_plain(value) for value in row) for row in rows]
    return QueryResult(tuple(name for name, *_ in described), types, rows)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


@contextlib.contextmanager
def _memory_cap(more_bytes: int) -> Iterator[None]:
    """Let the process's memory grow by no more than so many bytes, where the system can do that."""
    try:
        import resource

        with open("/proc/self/statm") as statm:
            used = int(statm.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        cap = used + more_bytes
        if soft != resource.RLIM_INFINITY and soft < cap:
            cap = soft
        resource.setrlimit(resource.RLIMIT_DATA, (cap, hard))
    except (ImportError, OSError, ValueError, AttributeError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _explained_statement(sql: str) -> str:
    """What stands behind EXPLAIN, its ANALYZE and its options."""
    found = list(tokens(sql))
    index = 1
    if index < len(found) and found[index].text == "analyze":
        index += 1
    if index < len(found) and found[index].text == "(":
        while index < len(found) and found[index].text != ")":
            index += 1
        index += 1
    return sql[found[index].start :] if index < len(found) else ""


def _kind(statement: duckdb.Statement) -> str:
    """What a statement is: SELECT, EXPLAIN, COPY, …"""
    try:
        return statement.type.name.removesuffix("_STATEMENT")
    except ValueError:  # newer than DuckDB's own binding knows
        return "this statement"


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    line = re.sub(r"^[A-Za-z ]{1,40} Error: ", "", line).replace('""', '"')
    return printable(line.rstrip("! ."), 300)
