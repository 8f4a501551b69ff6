"""From the lines that an application sent to what `perfkit events` says of them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from perfkit.model.event_summary import EventError, EventValue, OpenOperation
from perfkit.model.metric import NULL_INTEGER
from perfkit.model.session import Session
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.session.journal import JournalWriter, create_journal, event_frame
from perfkit.workflows.events import events
from perfkit.workflows.seal import seal

BOOT_NS = 10**12
SESSION = Session(
    session_id="0190a0b0-0000-7000-8000-000000000001",
    perfkit_version="0.1.0",
    schema_version="1.0",
    mode="pid",
    sampler="linux",
    target_pid=1,
    target_name="app",
    command="app",
    interval_ns=10**9,
    started_at_us=1_700_000_000_000_000,
    start_boottime_ns=BOOT_NS,
)
SAID: list[list[Any]] = [
    [
        {"type": "job_start", "operation_id": "1-1"},
        {"type": "job_start", "operation_id": "1-2"},
        {"type": "gauge", "name": "depth", "value": 4},
    ],
    [
        {"type": "job_end", "operation_id": "1-1", "duration_ms": 900, "success": False,
         "error": "OSError"},
        *({"type": "request", "duration_ms": took, "success": True} for took in range(1, 102)),
        "rubbish",
    ],
    [{"type": "gauge", "name": "depth", "value": 8}, {"type": "gauge", "name": "heat", "value": 1}],
    [],
]  # fmt: skip


@pytest.fixture(params=["journal", "session"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Four seconds of an application, as a journal or sealed."""
    journal = tmp_path / "a.parquet.partial"
    lock = create_journal(str(journal), RAW_METRICS, asdict(SESSION))
    writer = JournalWriter(str(journal), RAW_METRICS)
    for second, lines in enumerate(SAID, 1):
        row: dict[str, int | float] = {
            metric.name: NULL_INTEGER if metric.format == "q" else float("nan")
            for metric in RAW_METRICS
        }
        row |= {"t_ns": second * 10**9, "time": SESSION.started_at_us + second * 10**6}
        row["events_dropped"] = second % 2
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        arrival = (BOOT_NS + second * 10**9 - 1000).to_bytes(8, "little")
        payload = arrival + "".join(text + "\n" for text in texts).encode()
        writer.append(list(row.values()), [event_frame(payload)] if lines else [])
    writer.close()
    os.close(lock)
    return journal if request.param == "journal" else seal(journal, tmp_path / "a.parquet")


def test_it_sums_up_what_was_said(source: Path) -> None:
    """The same from a journal and from the file that is made of it."""
    found = events(source)
    assert (found.count, found.dropped, found.duration_s) == (107, 2, 4.0)
    assert found.problems == {"events_unreadable": 1}
    request = found.types[0]
    assert (request.type, request.count, request.per_s) == ("request", 101, 25.25)
    assert (request.duration_p50_ms, request.duration_p95_ms, request.duration_p99_ms) == (
        51.0, 96.0, 100.0,
    )  # fmt: skip
    assert [(one.type, one.name, one.count) for one in found.types[1:]] == [
        ("gauge", "depth", 2), ("job_start", None, 2), ("gauge", "heat", 1), ("job_end", None, 1),
    ]  # fmt: skip
    assert found.values == (
        EventValue("gauge", "depth", 2, 8.0, 6.0, 4.0, 8.0),
        EventValue("gauge", "heat", 1, 1.0, 1.0, 1.0, 1.0),
    )
    assert found.errors == (EventError("job_end", "OSError", 1),)
    assert found.open == (OpenOperation("job", "1-2", 10**9 - 1000, 3000.001),)


def test_the_slowest_are_spans_and_whatever_took_time(source: Path) -> None:
    """A span once, and not its end as well; only so many, and how many there are."""
    found = events(source, 3)
    assert [(one.type, one.operation_id, one.duration_ms) for one in found.slowest] == [
        ("job", "1-1", 900.0), ("request", None, 101.0), ("request", None, 100.0),
    ]  # fmt: skip
    assert (found.operations_count, found.slowest[0].error) == (102, "OSError")
