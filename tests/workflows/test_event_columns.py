"""Columns made of events, of a real recording: sealed, from its journal, and from an older file."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from event_examples import lines_of, wait_for

from perfkit.analysis.events import EVENT_METRICS, TICK_METRICS
from perfkit.model.wire import FOLDERS
from perfkit.session.journal_reader import JournalSource
from perfkit.session.parquet import write_session
from perfkit.workflows.analyze import analyze
from perfkit.workflows.insights import database
from perfkit.workflows.record import start_recorder
from perfkit.workflows.seal import seal
from perfkit.workflows.source import Recording, open_recording

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small recorder is for Linux")

MS = 1_000_000
NAMES = [metric.name for metric in TICK_METRICS]

SPEAKER = """
import random, sys, time, perfkit
rng = random.Random(3)
print("ready", flush=True)
while True:
    with perfkit.span("ml_processing", batch_size=8):
        perfkit.event("cache_operation", operation="get", hit=rng.random() < 0.8, level="L1")
        perfkit.event("worker_task_completed", worker_id=rng.randrange(3), duration_ms=rng.random(), queue_ms=1.5)
    perfkit.event("virtual_scroll_render", render_ms=rng.random() / 3)
    perfkit.event("request", duration_ms=rng.expovariate(0.1), success=rng.random() < 0.9)
    time.sleep(0.002)
"""


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory, project_root: Path) -> Iterator[Path]:
    """The journal of an application that spoke for some seconds, its recorder killed."""
    import subprocess

    folder = tmp_path_factory.mktemp("spoken")
    environment = {key: value for key, value in os.environ.items() if key != "PERFKIT_SOCKET"}
    application = subprocess.Popen(
        [sys.executable, "-c", SPEAKER],
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, "PYTHONPATH": str(project_root)},
    )
    with application:
        assert application.stdout is not None
        application.stdout.readline()
        output = folder / "s.parquet"
        recorder = start_recorder(
            application.pid, ["app"], output=output, interval_ns=10 * MS, events=True
        )
        journal = Path(f"{output}.partial")
        wait_for(lambda: journal.is_dir() and _lasted_ns(journal) > 2500 * MS)
        recorder.kill()
        recorder.communicate()
        application.kill()
    Path(FOLDERS[1].format(uid=os.geteuid()), f"{application.pid}.sock").unlink(missing_ok=True)
    assert len(lines_of(journal)) > 100
    yield journal


def _lasted_ns(journal: Path) -> int:
    blocks = list(JournalSource(journal).blocks(())) if list(journal.glob("*.ticks")) else []
    return int(blocks[-1].t_ns[-1]) if blocks and len(blocks[-1]) else 0


@pytest.fixture
def journal(spoken: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(spoken, tmp_path / "s.parquet.partial"))


def bits(recording: Recording, names: list[str]) -> dict[str, list[Any]]:
    """Columns as the bits of their values, None for null."""
    blocks = list(recording.blocks(names))
    found: dict[str, list[Any]] = {}
    for name in names:
        values = np.concatenate([block.columns[name].values for block in blocks]).view(np.int64)
        valid = np.concatenate([block.columns[name].valid for block in blocks])
        found[name] = [
            value if known else None
            for value, known in zip(values.tolist(), valid.tolist(), strict=True)
        ]
    return found


def test_journal_sealed_file_and_older_file_give_the_same_bits(
    journal: Path, tmp_path: Path
) -> None:
    """Derived when a journal is read, stored when it is sealed, derived where a file lacks them."""
    live = open_recording(journal)
    from_journal = bits(live, NAMES)
    alone = {name: bits(live, [name])[name] for name in NAMES}
    source = JournalSource(journal)
    older = tmp_path / "older.parquet"
    write_session(older, source.blocks(), source.metrics, source.session)
    sealed = seal(journal, tmp_path / "sealed.parquet")

    assert from_journal == alone
    assert bits(open_recording(sealed), NAMES) == from_journal
    assert bits(open_recording(older), NAMES) == from_journal
    assert all(values.count(None) < len(values) for values in from_journal.values())
    assert open_recording(sealed).metrics == live.metrics


def test_the_columns_are_stored_in_the_file(journal: Path, tmp_path: Path) -> None:
    """Readable without perfkit, with a meaning; nothing is derived again."""
    from perfkit.session.parquet import SessionFile

    stored = SessionFile(seal(journal, tmp_path / "sealed.parquet")).metrics

    assert stored[-len(TICK_METRICS) :] == TICK_METRICS


def test_periods_are_made_of_their_own_events(journal: Path) -> None:
    """As a query over the events finds them: one column a metric, of its plain name."""
    views = database(open_recording(journal))
    (direct,) = views.query(
        "SELECT count(*), avg(duration_ms), quantile_disc(duration_ms, 0.95) FROM events "
        "WHERE type IN ('request', 'ml_processing_end') AND tick_t_ns // 1000000000 = 1"
    ).rows
    (period,) = views.query(
        "SELECT events_count, latency_ms_mean, latency_ms_p95, operations_in_flight, error_ratio "
        "FROM periods WHERE period = 1"
    ).rows
    (everything,) = views.query("SELECT sum(events_count) FROM periods").rows
    views.close()

    assert direct[0] < period[0] < everything[0] == len(lines_of(journal))
    assert period[1] == pytest.approx(direct[1])
    assert period[2] == direct[2]
    assert period[3] in (0.0, 1.0)
    assert 0 < period[4] < 1


def test_analyze_sums_them_up(journal: Path) -> None:
    """They are rows of the table of metrics like any other."""
    found = {one.metric.name: one for one in analyze(journal).summaries}

    for metric in EVENT_METRICS:
        assert found[metric.name].count > 0
    assert found["worker_utilisation_ratio"].maximum is not None


def test_without_an_event_the_columns_are_null(tmp_path: Path) -> None:
    """And the session is read as it was before."""
    from recorded_examples import record

    record(tmp_path / "quiet.partial", 30)
    recording = open_recording(tmp_path / "quiet.partial")

    assert set(NAMES) <= {metric.name for metric in recording.metrics}
    assert all(values == [None] * 30 for values in bits(recording, NAMES).values())
