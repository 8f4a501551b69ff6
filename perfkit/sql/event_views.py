"""What is computed from the events, once, when a query names it.

All of it is linear in the number of events whatever their senders made of names and ids: a join by
operation id alone would pair each of a million starts of one id with each of its ends.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from perfkit.sql.views import SCHEMA, Rows

EVENT_TYPES: Mapping[str, str] = {
    "tick_t_ns": "BIGINT",
    "time": "TIMESTAMP",
    "t_ns": "BIGINT",
    "type": "VARCHAR",
    "duration_ms": "DOUBLE",
    "ok": "BOOLEAN",
    "numbers": "MAP(VARCHAR, DOUBLE)",
    "labels": "MAP(VARCHAR, VARCHAR)",
}
"""The columns of the view `events`."""

NEEDED = frozenset({"t_ns", "type", "duration_ms", "ok", "numbers", "labels"})
"""What the views here are computed from."""

LAST_TICK = f"""
CREATE OR REPLACE TABLE {SCHEMA}.last_tick AS SELECT max(t_ns) AS t_ns FROM {SCHEMA}.{{table}}
"""
"""Until when the recording lasted, by the ticks or else by the events."""

MOST_VALUES = 100
"""Values of one label of one type that have rows of their own; the rest is one row together."""

REST = "(other)"

SPANS = f"""
WITH marks AS (
    SELECT rowid AS place, t_ns, duration_ms, ok, numbers, labels,
           labels['operation_id'] AS operation_id,
           ends_with(type, '_end') AS is_end,
           left(type, CASE WHEN ends_with(type, '_end') THEN -4 ELSE -6 END) AS type
    FROM {SCHEMA}.events
    WHERE (ends_with(type, '_start') OR ends_with(type, '_end'))
      AND labels['operation_id'] IS NOT NULL
), neighbours AS (
    -- where an id is used again, a start belongs to the end that follows it, if one does
    SELECT *,
           lag(NOT is_end, 1, false) OVER same AS is_ended_start,
           lead(is_end, 1, false) OVER same AS is_ended,
           lead(place) OVER same AS end_place
    FROM (SELECT type, operation_id, is_end, t_ns, place FROM marks)
    WINDOW same AS (PARTITION BY type, operation_id ORDER BY t_ns, is_end, place)
), pairs AS (
    SELECT place AS start_place, CASE WHEN is_ended THEN end_place END AS end_place
    FROM neighbours WHERE NOT is_end
    UNION ALL
    SELECT NULL, place FROM neighbours WHERE is_end AND NOT is_ended_start
)
SELECT coalesce(e.type, s.type) AS type,
       coalesce(e.operation_id, s.operation_id) AS operation_id,
       coalesce(e.labels['parent_id'], s.labels['parent_id']) AS parent_id,
       coalesce(s.t_ns, TRY_CAST(e.t_ns - e.duration_ms * 1e6 AS BIGINT)) AS start_ns,
       e.t_ns AS end_ns,
       coalesce(e.duration_ms, (e.t_ns - s.t_ns) / 1e6) AS duration_ms,
       e.ok AS ok,
       e.labels['error'] AS error,
       CASE WHEN e.t_ns IS NULL THEN greatest((SELECT t_ns FROM {SCHEMA}.last_tick) - s.t_ns, 0) / 1e6 END
           AS open_ms,
       coalesce(e.numbers, s.numbers) AS numbers,
       coalesce(e.labels, s.labels) AS labels
FROM pairs
LEFT JOIN marks s ON s.place = start_place
LEFT JOIN marks e ON e.place = end_place
ORDER BY coalesce(s.t_ns, e.t_ns)
"""
"""One row for each operation that has an id.

It starts with `X_start` and ends with `X_end`, and its type is X. An operation that has not ended
has no end and no duration, but `open_ms`: how long it had been open at the last tick. One that
began before the recording has its start from its duration. `numbers` and `labels` are those that
came with the end, with the start where it is open.
"""

EVENT_METRICS = f"""
WITH said AS (
    SELECT rowid AS place, type, duration_ms, ok, numbers, labels FROM {SCHEMA}.events
), labelled AS (
    SELECT place, type, unnest(map_keys(labels)) AS label, unnest(map_values(labels)) AS value
    FROM said
), ranked AS (
    SELECT type, label, value,
           row_number() OVER (PARTITION BY type, label ORDER BY found DESC, value) AS rank
    FROM (
        SELECT type, label, value, count(*) AS found FROM labelled
        WHERE label NOT IN ('operation_id', 'parent_id') GROUP BY type, label, value
    )
), members AS (
    SELECT place, type, NULL AS label, NULL AS label_value FROM said
    UNION ALL
    SELECT place, l.type, l.label, CASE WHEN rank <= {MOST_VALUES} THEN l.value ELSE '{REST}' END
    FROM labelled l JOIN ranked r USING (type, label, value)
), measures AS (
    SELECT place, 'events' AS metric, NULL::DOUBLE AS value, ok FROM said
    UNION ALL
    SELECT place, 'duration_ms', duration_ms, ok FROM said WHERE duration_ms IS NOT NULL
    UNION ALL
    SELECT place, unnest(map_keys(numbers)), unnest(map_values(numbers)), ok FROM said
)
SELECT type, label, label_value, metric,
       count(*) AS count,
       count(*) / nullif((SELECT t_ns FROM {SCHEMA}.last_tick) / 1e9, 0) AS per_s,
       sum(value) AS sum, avg(value) AS mean, min(value) AS min,
       quantile_cont(value, 0.5) AS p50, quantile_cont(value, 0.95) AS p95,
       quantile_cont(value, 0.99) AS p99, max(value) AS max,
       count(*) FILTER (WHERE NOT ok) AS errors_count,
       count(*) FILTER (WHERE NOT ok) / nullif(count(ok), 0) AS error_ratio
FROM members JOIN measures USING (place)
GROUP BY type, label, label_value, metric
ORDER BY type, label NULLS FIRST, label_value, metric
"""
"""One row for each number that events of a type carry, and for the type itself (`events`).

Over all of the type's events (label null), and over those with one value of one label.
"""

COMPUTED: Mapping[str, str] = {"spans": SPANS, "event_metrics": EVENT_METRICS}
"""Name to what it is computed by."""


def no_events(columns: Collection[str]) -> Rows:
    """The events of a session that has none."""
    return Rows({name: type for name, type in EVENT_TYPES.items() if name in columns}, [])
