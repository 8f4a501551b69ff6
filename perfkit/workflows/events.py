"""What an application said over a session: asked of the same views as hand-written SQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from perfkit.model.event_summary import (
    EventError,
    EventSummary,
    EventType,
    EventValue,
    OpenOperation,
    Operation,
)
from perfkit.workflows.insights import database
from perfkit.workflows.source import open_recording

if TYPE_CHECKING:
    from perfkit.sql.engine import Database

NAMED = ("gauge", "counter", "timer", "set")
"""Types of which each name is something of its own."""

_PROBLEM = "events_"

_NAME = f"CASE WHEN type IN {NAMED} THEN labels['name'] END"

_TYPES = f"""
SELECT type, {_NAME} AS name, count(*) AS found, NULL AS per_s, count(ok),
       count(*) FILTER (WHERE NOT ok), count(duration_ms),
       quantile_cont(duration_ms, 0.5), quantile_cont(duration_ms, 0.95),
       quantile_cont(duration_ms, 0.99), max(duration_ms)
FROM events GROUP BY type, name ORDER BY found DESC, type, name
"""
_VALUES = f"""
SELECT type, {_NAME} AS name, count(*) AS found, arg_max(value, t_ns), avg(value), min(value),
       max(value)
FROM (SELECT type, labels, t_ns, numbers['value'] AS value FROM events)
WHERE name IS NOT NULL AND value IS NOT NULL
GROUP BY type, name ORDER BY found DESC, type, name
"""
_ERRORS = """
SELECT type, labels['error'] AS error, count(*) AS found
FROM events WHERE NOT ok GROUP BY type, error ORDER BY found DESC, type, error
"""
_SLOWEST = """
SELECT type, operation_id, start_ns, duration_ms, ok, error
FROM spans WHERE duration_ms IS NOT NULL
UNION ALL
SELECT type, labels['operation_id'], TRY_CAST(t_ns - duration_ms * 1e6 AS BIGINT), duration_ms, ok,
       labels['error']
FROM events WHERE duration_ms IS NOT NULL
     AND NOT (ends_with(type, '_end') AND labels['operation_id'] IS NOT NULL)
ORDER BY duration_ms DESC, start_ns, type
"""
_OPEN = """
SELECT type, operation_id, start_ns, open_ms
FROM spans WHERE open_ms IS NOT NULL ORDER BY open_ms DESC, type, operation_id
"""


def events(path: Path, most: int = 10) -> EventSummary:
    """What was said during the session or journal at path.

    most: how many rows of each list are kept, types apart, of which ten times as many are.
    Raises UnusableInput if it cannot be read.
    """
    recording = open_recording(path)
    views = database(recording)
    try:
        views.prepare([_TYPES, _VALUES, _ERRORS, _SLOWEST, _OPEN])
        found, types = _some(views, _TYPES, 10 * most)
        values_count, values = _some(views, _VALUES, most)
        errors_count, errors = _some(views, _ERRORS, most)
        operations_count, slowest = _some(views, _SLOWEST, most)
        open_count, still_open = _some(views, _OPEN, most)
        count = views.query("SELECT count(*) FROM events").rows[0][0]
        dropped = None
        if "events_dropped" in views.columns("ticks"):
            dropped = views.query("SELECT sum(events_dropped)::BIGINT FROM ticks").rows[0][0]
    finally:
        views.close()
    session = recording.told()
    duration_s = None if session.duration_ns is None else session.duration_ns / 1e9
    kinds = (EventType(*row) for row in types)  # type: ignore[arg-type]
    return EventSummary(
        source=str(path),
        source_kind=recording.kind,
        duration_s=duration_s,
        count=count,
        types_count=found,
        types=tuple(_with_rate(kind, duration_s) for kind in kinds),
        values_count=values_count,
        values=tuple(EventValue(*row) for row in values),  # type: ignore[arg-type]
        errors_count=errors_count,
        errors=tuple(EventError(*row) for row in errors),  # type: ignore[arg-type]
        operations_count=operations_count,
        slowest=tuple(Operation(*row) for row in slowest),  # type: ignore[arg-type]
        open_count=open_count,
        open=tuple(OpenOperation(*row) for row in still_open),  # type: ignore[arg-type]
        dropped=dropped,
        problems={
            key: int(text)
            for key, text in session.notes.items()
            if key.startswith(_PROBLEM) and text.isascii() and text.isdecimal()
        },
        missing=session.missing.get("events"),
    )


def _some(views: Database, sql: str, most: int) -> tuple[int, list[tuple[object, ...]]]:
    """How many rows there are, and the first of them."""
    rows = views.query(f"SELECT *, count(*) OVER () FROM ({sql}) LIMIT {most}").rows
    return (rows[0][-1] if rows else 0), [row[:-1] for row in rows]


def _with_rate(kind: EventType, duration_s: float | None) -> EventType:
    from dataclasses import replace

    return replace(kind, per_s=kind.count / duration_s if duration_s else None)
