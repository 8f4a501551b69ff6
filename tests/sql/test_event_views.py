"""What the views make of events: spans, however they were left, and metrics by label."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pytest

from perfkit.errors import UnusableInput
from perfkit.sql.engine import Database, Table
from perfkit.sql.event_views import EVENT_TYPES, MOST_VALUES, REST
from perfkit.sql.views import Rows

MS = 1_000_000


def said(type: str, at_ms: float, **fields: Any) -> dict[str, Any]:
    """An event as the table of events holds it."""
    event: dict[str, Any] = dict.fromkeys(EVENT_TYPES)
    event |= {"type": type, "t_ns": int(at_ms * MS), "tick_t_ns": 10_000 * MS}
    event |= {name: fields.pop(name) for name in ("duration_ms", "ok") if name in fields}
    event["numbers"] = {k: float(v) for k, v in fields.items() if not isinstance(v, str)}
    event["labels"] = {k: v for k, v in fields.items() if isinstance(v, str)}
    return event


def database(*events: dict[str, Any]) -> Database:
    """The views over some events and a recording of ten seconds."""

    def load(columns: Collection[str]) -> Rows:
        types = {name: type for name, type in EVENT_TYPES.items() if name in columns}
        return Rows(types, [tuple(event[name] for name in types) for event in events])

    ticks = Table(("t_ns",), lambda _: Rows({"t_ns": "BIGINT"}, [(10_000 * MS,)]))
    return Database({"ticks": ticks, "events": Table(tuple(EVENT_TYPES), load)})


@pytest.fixture
def ask() -> Iterator[Any]:
    """Rows of a query over some events."""
    made: list[Database] = []

    def rows(sql: str, *events: dict[str, Any]) -> list[tuple[Any, ...]]:
        made.append(database(*events))
        return made[-1].query(sql).rows

    yield rows
    for one in made:
        one.close()


SPANS = "SELECT type, operation_id, start_ns, end_ns, duration_ms, ok, error, open_ms FROM spans"


def test_start_and_end_of_one_operation_are_a_span(ask: Any) -> None:
    """Its duration is what the end says, or else lies between the two."""
    rows = ask(
        SPANS,
        said("job_start", 1, operation_id="a"),
        said("job_start", 2, operation_id="b"),
        said("job_end", 3, operation_id="b", duration_ms=0.9, ok=False, error="ValueError"),
        said("job_end", 5, operation_id="a"),
    )
    assert rows == [
        ("job", "a", 1 * MS, 5 * MS, 4.0, None, None, None),
        ("job", "b", 2 * MS, 3 * MS, 0.9, False, "ValueError", None),
    ]


def test_an_operation_that_never_ended_is_open(ask: Any) -> None:
    """Until the last tick, which is later than any event here."""
    rows = ask(SPANS, said("job_start", 4000, operation_id="a"))
    assert rows == [("job", "a", 4000 * MS, None, None, None, None, 6000.0)]


def test_an_end_whose_start_nobody_heard_began_its_duration_before(ask: Any) -> None:
    """Where it has one; a senseless one gives no start, and no error."""
    rows = ask(
        SPANS,
        said("job_end", 50, operation_id="a", duration_ms=20.0),
        said("job_end", 60, operation_id="b"),
        said("job_end", 70, operation_id="c", duration_ms=1e300),
    )
    assert [(row[1], row[2], row[4]) for row in rows] == [
        ("a", 30 * MS, 20.0), ("b", None, None), ("c", None, 1e300),
    ]  # fmt: skip


def test_an_id_that_is_used_again_pairs_neighbours(ask: Any) -> None:
    """A start that another start follows was never ended; no start meets two ends."""
    rows = ask(
        f"{SPANS} ORDER BY coalesce(start_ns, end_ns)",
        said("job_start", 1, operation_id="a"),
        said("job_start", 2, operation_id="a"),
        said("job_end", 3, operation_id="a"),
        said("job_end", 4, operation_id="a"),
        said("other_end", 5, operation_id="a"),
    )
    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("job", 1 * MS, None), ("job", 2 * MS, 3 * MS), ("job", None, 4 * MS),
        ("other", None, 5 * MS),
    ]  # fmt: skip


def test_a_million_of_one_id_are_no_million_times_a_million(ask: Any) -> None:
    """Some thousands would show it: each has one partner."""
    events = [said("a_start", at, operation_id="1") for at in range(1500)]
    events += [said("a_end", 2000 + at, operation_id="1") for at in range(1500)]
    assert ask("SELECT count(*), count(open_ms) FROM spans", *events) == [(2999, 1499)]


def test_start_and_end_at_the_same_moment_are_a_span(ask: Any) -> None:
    """Whichever of them arrived first."""
    rows = ask(SPANS, said("a_end", 1, operation_id="1"), said("a_start", 1, operation_id="1"))
    assert [(row[3], row[4]) for row in rows] == [(1 * MS, 0.0)]


def test_what_has_no_id_is_no_span(ask: Any) -> None:
    """Nothing says what belongs together."""
    assert ask(SPANS, said("job_start", 1), said("job_end", 2), said("job", 2)) == []


def test_event_metrics_are_over_a_type_and_over_each_value_of_its_labels(ask: Any) -> None:
    """The ratio of hits by level, for instance, is the mean of `hit`."""
    rows = ask(
        "SELECT label, label_value, metric, count, per_s, mean, p50, max, errors_count, error_ratio"
        " FROM event_metrics WHERE type = 'get'",
        said("get", 1, level="L1", hit=True, ok=True),
        said("get", 2, level="L1", hit=False, ok=False, duration_ms=3.0),
        said("get", 3, level="L2", hit=True),
        said("set", 3, level="L2", hit=True),
    )
    assert rows == [
        (None, None, "duration_ms", 1, 0.1, 3.0, 3.0, 3.0, 1, 1.0),
        (None, None, "events", 3, 0.3, None, None, None, 1, 0.5),
        (None, None, "hit", 3, 0.3, 2 / 3, 1.0, 1.0, 1, 0.5),
        ("level", "L1", "duration_ms", 1, 0.1, 3.0, 3.0, 3.0, 1, 1.0),
        ("level", "L1", "events", 2, 0.2, None, None, None, 1, 0.5),
        ("level", "L1", "hit", 2, 0.2, 0.5, 0.5, 1.0, 1, 0.5),
        ("level", "L2", "events", 1, 0.1, None, None, None, 0, None),
        ("level", "L2", "hit", 1, 0.1, 1.0, 1.0, 1.0, 0, None),
    ]


def test_rare_values_of_a_label_share_a_row(ask: Any) -> None:
    """A million paths are no million rows."""
    events = [said("a", 1, path=f"/{at}") for at in range(MOST_VALUES + 5)] + [
        said("a", 1, path=f"/{at}") for at in range(MOST_VALUES)
    ]
    rows = ask("SELECT label_value, count FROM event_metrics WHERE label = 'path'", *events)
    assert len(rows) == MOST_VALUES + 1
    assert dict(rows)[REST] == 5


def test_without_events_the_views_are_empty(ask: Any) -> None:
    """A rule over them finds nothing, and is no error."""
    bare = Database({})
    for view in ("events", "spans", "event_metrics"):
        assert bare.query(f"SELECT * FROM {view}").rows == []
    assert bare.query("SELECT numbers['a'], labels['b'], ok FROM events").rows == []
    bare.close()


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT hit FROM events", "numbers['hit'] or labels['hit']"),
        ("SELECT e.hit FROM spans e", "a field of spans is numbers['hit']"),
        ('SELECT "it\'s" FROM events', "labels['it''s']"),
        ("SELECT t_ns FROM events WHERE labels['level'] = L1", "a text stands in single quotes"),
        ("SELECT success FROM events", "events call it ok"),
        ("SELECT duration FROM events", "events call it duration_ms"),
        ("SELECT durationms FROM events", "did you mean duration_ms?"),
        ("SELECT opn_ms FROM spans", "did you mean open_ms?"),
        ("SELECT levl FROM event_metrics", "did you mean label?"),
        ("SELECT x FROM event_metrics", "event_metrics has type, label, label_value, metric"),
        ("SELECT events FROM ticks", "'events': it is a view of its own, read it by FROM events"),
        ("SELECT spans FROM ticks", "read it by FROM spans"),
        ("SELECT events.type FROM ticks", "join it in the FROM, events for instance by tick_t_ns"),
        ("SELECT avg(labels['ms']) FROM events", "TRY_CAST(labels['x'] AS DOUBLE)"),
        ("SELECT avg(numbers) FROM events", "name one field: numbers['x'] or labels['x']"),
        ("SELECT labels LIKE '%x%' FROM events", "name one field"),
        ("SELECT avg(ok) FROM events", "by ::INT"),
        ("SELECT p95(duration_ms) FROM events", "quantile_cont(duration_ms, 0.95)"),
        ("SELECT avrg(duration_ms) FROM events", "no function avrg(); did you mean avg()?"),
    ],
)
def test_a_wrong_query_over_events_is_told_how_it_would_be_right(
    ask: Any, sql: str, sentence: str
) -> None:
    """In a sentence of ours, not in the database's words."""
    with pytest.raises(UnusableInput) as told:
        ask(sql, said("request", 1, duration_ms=2, level="L1", hit=1))

    assert sentence in str(told.value)
    assert "Binder" not in str(told.value)
