"""The views that queries and rules see, as SQL over the loaded tables.

Loaded tables live in a schema of their own; a view of the same name stands before each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from perfkit.model.session import Session

SCHEMA = "perfkit_data"

LAST = "_last"
AGE = "_age_ms"


@dataclass(frozen=True)
class Rows:
    """A small table of Python values. columns: name to SQL type; rows in the same order."""

    columns: Mapping[str, str]
    rows: Sequence[tuple[Any, ...]]


Types = Mapping[str, str]
"""Loaded columns of a table: name to SQL type."""


def quoted(name: str) -> str:
    """The name as an SQL identifier, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def carried_names(name: str) -> tuple[str, str]:
    """What the view `ticks` calls the last known value of a column, and that value's age."""
    return name + LAST, name + AGE


def ticks_view(types: Types, carried: Collection[str]) -> str:
    """Every loaded column; for those of `carried` also `<name>_last` and `<name>_age_ms`.

    A column that is read every few seconds is null between its readings: `_last` is the reading
    before, `_age_ms` how long ago that was; both null before the first one.
    """
    columns = [_wall_clock(name, type) for name, type in types.items()]
    for name in types:
        if name in carried:
            column = quoted(name)
            last, age = carried_names(name)
            columns.append(f"last_value({column} IGNORE NULLS) OVER until_now AS {quoted(last)}")
            columns.append(
                f"(t_ns - last_value(CASE WHEN {column} IS NOT NULL THEN t_ns END IGNORE NULLS)"
                f" OVER until_now) / 1e6 AS {quoted(age)}"
            )
    window = "WINDOW until_now AS (ORDER BY t_ns ROWS UNBOUNDED PRECEDING)" if carried else ""
    return f"SELECT {', '.join(columns)} FROM {SCHEMA}.ticks {window}"


def periods_view(types: Types) -> str:
    """Every loaded column, and start and end in seconds."""
    columns = [_wall_clock(name, type) for name, type in types.items()]
    columns.append("t_ns / 1e9 AS t_s")
    if "end_ns" in types:
        columns.append("end_ns / 1e9 AS end_s")
    return f"SELECT {', '.join(columns)} FROM {SCHEMA}.periods"


def processes_view(types: Types) -> str:
    """One row for each process in each list of processes; `t_ns` and `time` are the tick's."""
    kept = [_wall_clock(name, type) for name, type in types.items() if name != "processes"]
    return (
        f"SELECT * EXCLUDE (entry), unnest(entry) FROM "
        f"(SELECT {', '.join([*kept, 'unnest(processes) AS entry'])} FROM {SCHEMA}.processes)"
    )


COMPLETE_SESSION = f"""
CREATE OR REPLACE TABLE {SCHEMA}.session AS
SELECT * EXCLUDE (duration_s), coalesce(duration_s, last_s) AS duration_s, ticks
FROM {SCHEMA}.session,
     (SELECT count(*) AS ticks, max(t_ns) / 1e9 AS last_s FROM {SCHEMA}.ticks)
"""
"""Adds the number of ticks; the duration of a recording that was cut off is its last tick's time."""


def plain_view(table: str, types: Types) -> str:
    """A table as it is."""
    columns = ", ".join(_wall_clock(name, type) for name, type in types.items())
    return f"SELECT {columns} FROM {SCHEMA}.{quoted(table)}"


VIEWS: Mapping[str, Callable[[Types], str]] = {
    "periods": periods_view,
    "processes": processes_view,
}
"""Views whose text follows from the loaded columns alone; `ticks` also needs to know what is carried."""


def session_row(session: Session, columns: Collection[str] = ()) -> Rows:
    """The facts of a session (all, or those of `columns`) as the one row of the view `session`.

    `started_at` and `ended_at` are UTC; facts that are unknown are null.
    """
    chosen = [fact for fact in _FACTS if not columns or fact[0] in columns]
    types = {name: type for name, type, _ in chosen}
    return Rows(types, [tuple(value(session) for _, _, value in chosen)])


def _wall_clock(name: str, type: str) -> str:
    """The column; wall clock as a TIMESTAMP in UTC.

    One with a time zone would need a library that perfkit does without to leave DuckDB again.
    """
    if name == "time" and type.startswith("TIMESTAMP"):
        return "make_timestamp(epoch_us(time)) AS time"
    if name == "time" and type == "BIGINT":
        return "make_timestamp(time) AS time"
    return quoted(name)


def _utc(microseconds: int | None) -> str | None:
    if microseconds is None:
        return None
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except OverflowError:  # a damaged file; an unknown start is no reason to refuse its figures
        return None
    return moment.replace(tzinfo=None).isoformat(sep=" ")


def _whole(value: object) -> int | None:
    fits = isinstance(value, int) and -(2**63) <= value < 2**63
    return int(value) if fits and isinstance(value, int) else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9


def _longest_interval_ns(session: Session) -> int:
    """The longest interval that was in force; longer than the one asked for if the budget bound."""
    return max([session.interval_ns, *(ns for _, ns in session.interval_changes)])


def _texts(facts: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in facts.items()}


def _host_text(key: str) -> Callable[[Session], str | None]:
    return lambda session: _text(session.host.get(key))


_FACTS: tuple[tuple[str, str, Callable[[Session], Any]], ...] = (
    ("session_id", "VARCHAR", lambda session: session.session_id),
    ("perfkit_version", "VARCHAR", lambda session: session.perfkit_version),
    ("schema_version", "VARCHAR", lambda session: session.schema_version),
    ("mode", "VARCHAR", lambda session: session.mode),
    ("sampler", "VARCHAR", lambda session: session.sampler),
    ("target_pid", "BIGINT", lambda session: session.target_pid),
    ("target_name", "VARCHAR", lambda session: session.target_name),
    ("command", "VARCHAR", lambda session: session.command),
    ("interval_ms", "DOUBLE", lambda session: session.interval_ns / 1e6),
    ("longest_interval_ms", "DOUBLE", lambda session: _longest_interval_ns(session) / 1e6),
    ("started_at", "TIMESTAMP", lambda session: _utc(session.started_at_us or None)),
    ("ended_at", "TIMESTAMP", lambda session: _utc(session.ended_at_us)),
    ("duration_s", "DOUBLE", lambda session: _seconds(session.duration_ns)),
    ("exit_code", "BIGINT", lambda session: session.exit_code),
    ("exit_signal", "BIGINT", lambda session: session.exit_signal),
    ("stop_reason", "VARCHAR", lambda session: session.stop_reason),
    ("damaged_ticks", "BIGINT", lambda session: session.ticks_damaged),
    ("cores", "BIGINT", lambda session: _whole(session.host.get("cores"))),
    ("memory_bytes", "BIGINT", lambda session: _whole(session.host.get("memory_bytes"))),
    ("cpu_model", "VARCHAR", _host_text("cpu_model")),
    ("kernel", "VARCHAR", _host_text("kernel")),
    ("governor", "VARCHAR", _host_text("governor")),
    ("virtualisation", "VARCHAR", _host_text("virtualisation")),
    ("container", "VARCHAR", _host_text("container")),
    ("missing", "MAP(VARCHAR, VARCHAR)", lambda session: _texts(session.missing)),
    ("notes", "MAP(VARCHAR, VARCHAR)", lambda session: _texts(session.notes)),
)

# `ticks` comes with COMPLETE_SESSION.
SESSION_COLUMNS = (*(name for name, _, _ in _FACTS), "ticks")
