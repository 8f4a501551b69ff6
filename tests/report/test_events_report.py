"""What `perfkit events` shows: everything there is, and nothing a stranger's name could break."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rich.cells import cell_len

from perfkit.model.event_summary import (
    EventError,
    EventSummary,
    EventType,
    EventValue,
    OpenOperation,
    Operation,
)
from perfkit.report import Page
from perfkit.report.events import as_json, as_table

SUMMARY = EventSummary(
    source="a.parquet",
    source_kind="session",
    duration_s=10.0,
    count=1234,
    types_count=3,
    types=(
        EventType("request", None, 1000, 100.0, 1000, 20, 1000, 8.5, 20.0, 33.0, 70.0),
        EventType("gauge", "queue_depth", 234, 23.4, 0, 0, 0, None, None, None, None),
    ),
    values_count=1,
    values=(EventValue("gauge", "queue_depth", 234, 17.0, 9.5, 0.0, 40.0),),
    errors_count=1,
    errors=(EventError("request", "TimeoutError", 20),),
    operations_count=1,
    slowest=(Operation("job", "7-1", 2_000_000_000, 1500.0, False, "ValueError"),),
    open_count=1,
    open=(OpenOperation("job", "7-2", 4_000_000_000, 6000.0),),
    dropped=3,
    problems={"events_unreadable": 1, "events_of_the_future": 5},
    missing=None,
)

EMPTY = EventSummary(
    "a", "session", None, 0, 0, (), 0, (), 0, (), 0, (), 0, (), None, {}, None
)  # fmt: skip


def test_the_table_says_all_of_it() -> None:
    """Rates, durations, values, errors, the slowest, the open ones, what was lost."""
    assert as_table(SUMMARY, Page(width=80)) == (
        "a.parquet\n"
        "session, 1234 events in 10.0 s\n"
        "\n"
        "Events (2 of 3)\n"
        "  type               events     rate  errors      p50      p95      p99      max\n"
        "  request              1000   100 /s  2.00 %  8.50 ms  20.0 ms  33.0 ms  70.0 ms\n"
        "  gauge queue_depth     234  23.4 /s       –        –        –        –        –\n"
        "\n"
        "Values\n"
        "  value              last  mean  least  greatest\n"
        "  gauge queue_depth    17  9.50      0        40\n"
        "\n"
        "Errors\n"
        "  type     events         error\n"
        "  request      20  TimeoutError\n"
        "\n"
        "Slowest\n"
        "  type    took  began at     outcome  operation\n"
        "  job   1.50 s    2.00 s  ValueError        7-1\n"
        "\n"
        "Began and never ended\n"
        "  type  open for  began at  operation\n"
        "  job     6.00 s    4.00 s        7-2\n"
        "\n"
        "Lost\n"
        "  3 events sent and dropped.\n"
        "  Lines that were no JSON object with a type, and were left out: 1.\n"
    )


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_no_line_is_wider_than_the_page_and_no_name_does_harm(width: int) -> None:
    """Names of any length, with control characters and wide ones."""
    hostile = "\x1b[31m" + "名" * 300 + "\u202e\n"
    bad = replace(
        SUMMARY,
        types=(replace(SUMMARY.types[0], type=hostile), replace(SUMMARY.types[1], name=hostile)),
        values=(replace(SUMMARY.values[0], name=hostile),),
        errors=(EventError(hostile, hostile, 1),),
        slowest=(Operation(hostile, hostile, None, 1.0, None, hostile),),
        open=(OpenOperation(hostile, hostile, 0, 1e12),),
    )
    text = as_table(bad, Page(width=width))
    assert max(map(cell_len, text.split("\n"))) <= width
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\x1b" not in as_json(bad)


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        (EMPTY, "Unknown: the recording does not say how many were dropped."),
        (replace(EMPTY, dropped=0), "Nothing: no event was dropped."),
        (replace(EMPTY, missing="no socket"), "No events were taken in: no socket."),
    ],
)
def test_a_session_without_events_says_why(summary: EventSummary, said: str) -> None:
    """Silence and deafness are two things."""
    text = as_table(summary, Page())
    assert "session, 0 events\n" in text
    assert f"  {said}\n" in text


def test_json_has_every_figure() -> None:
    """The summary as it is, with its version."""
    found = json.loads(as_json(SUMMARY))
    assert found["schema_version"] == "1.0"
    assert found["types"][0]["duration_p99_ms"] == 33
    assert found["open"] == [
        {"type": "job", "operation_id": "7-2", "start_ns": 4_000_000_000, "open_ms": 6000}
    ]
