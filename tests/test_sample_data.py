"""The recorded sessions of sample_data/: real, small, and each shows what its README says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from perfkit.model.report import Report
from perfkit.workflows.analyze import analyze
from perfkit.workflows.events import events
from perfkit.workflows.query import query

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "sample_data"
SESSIONS = sorted(path.stem for path in FOLDER.glob("*.parquet"))
MAX_BYTES = 300_000

SHOWN = {
    "leak": {"memory-growth"},
    "pinned": {"cpu-core-pinned"},
    "descriptors": {"descriptor-growth", "descriptor-limit"},
    "quiet": set(),
    "short_lived": set(),
    "postgres": set(),
    "inference": {"worker-imbalance"},
    "web": {"errors-frequent", "slow-pressure"},
    "cache": {"cache-hit-low", "cache-level-unpaying"},
    "renderer": {"frame-rate-low"},
}
"""Rules that must speak of each; others may, since the machine was a real one."""

HEALTHY = {"quiet"}

SPEAKING = ("inference", "web", "cache", "renderer")


@pytest.fixture(scope="module", params=SESSIONS)
def report(request: pytest.FixtureRequest) -> Report:
    """The report of each session in turn."""
    return analyze(FOLDER / f"{request.param}.parquet")


def test_every_session_is_described_and_can_be_made_anew() -> None:
    """Files, the README's table and the script's catalogue name the same sessions."""
    described = re.findall(
        r"^\| `(\w+)\.parquet`", (FOLDER / "README.md").read_text(), re.MULTILINE
    )
    made = re.findall(
        r'^    "(\w+)": record_\w+,$', (FOLDER / "record.py").read_text(), re.MULTILINE
    )

    assert sorted(described) == sorted(made) == SESSIONS == sorted(SHOWN)


def test_a_session_is_small(report: Report) -> None:
    """Under 300 kB each."""
    assert Path(report.source).stat().st_size < MAX_BYTES


def test_a_session_is_whole(report: Report) -> None:
    """Hundreds of ticks, ended as meant, no hole."""
    assert report.monitoring.ticks > 300
    assert report.monitoring.ticks_missed <= 2
    assert report.session.stop_reason in ("the target exited", "--duration was reached")
    assert report.failed_rules == ()


def test_a_session_shows_what_its_readme_says(report: Report) -> None:
    """The rules named above speak; of the healthy one none does."""
    name = Path(report.source).stem
    spoken = {insight.rule for insight in report.insights}

    assert spoken >= SHOWN[name]
    if name in HEALTHY:
        assert spoken == set()


def test_a_session_names_no_place_of_the_machine_that_made_it(report: Report) -> None:
    """The command was run from the folder itself; only PostgreSQL has a path, the distribution's."""
    assert not re.search(r"/(home|root|work|Users)/", report.session.command)


def test_short_processes_are_counted_though_no_tick_saw_most_of_them() -> None:
    """The CPU time of the tree is that of the kernel's account at the end."""
    report = analyze(FOLDER / "short_lived.parquet")
    counted = {summary.metric.name: summary for summary in report.summaries}["cpu_time_ns"]
    kernel_ns = int(report.session.notes["exit_cpu_ns"])

    assert counted.last is not None
    assert abs(counted.last - kernel_ns) <= max(0.03 * kernel_ns, 40_000_000)


@pytest.mark.parametrize("name", SPEAKING)
def test_nothing_of_what_was_said_is_lost(name: str) -> None:
    """As many events as the README's figures need, none dropped, none left open."""
    summary = events(FOLDER / f"{name}.parquet")

    assert summary.count > 1000
    assert (summary.dropped, summary.problems, summary.open_count) == (0, {}, 0)


def test_one_worker_is_slower_than_the_others_and_its_queue_is_longer() -> None:
    """The one with the old kernel, in the middle, at least twice."""
    rows = _asked(
        "inference",
        "SELECT labels['worker_id'], median(duration_ms), max(numbers['queue_ms']) FROM events "
        "WHERE type = 'worker_task_completed' GROUP BY ALL ORDER BY 1",
    )
    slow = [row for row in rows if row[0] == "2"]
    others = [row for row in rows if row[0] != "2"]

    assert (len(slow), len(others)) == (1, 3)
    assert slow[0][1] > 2 * max(row[1] for row in others)
    assert slow[0][2] > max(row[2] for row in others)


def test_requests_are_slow_while_tasks_wait_for_a_core() -> None:
    """The two halves of the recording, joined by the tick in which an event arrived."""
    rows = _asked(
        "web",
        "SELECT psi_cpu_some_percent_last > 50, quantile_cont(duration_ms, 0.95), count(*) "
        "FROM events JOIN ticks ON ticks.t_ns = tick_t_ns "
        "WHERE type = 'request' AND psi_cpu_some_percent_last IS NOT NULL GROUP BY ALL ORDER BY 1",
    )

    assert [row[0] for row in rows] == [False, True]
    assert min(row[2] for row in rows) > 100
    assert rows[1][1] > 2 * rows[0][1]


def test_the_second_level_of_the_cache_answers_next_to_nothing_and_costs_most() -> None:
    """What its examples say of themselves, by the view of metrics by label."""
    rows = _asked(
        "cache",
        "SELECT label_value, metric, mean FROM event_metrics WHERE type = 'cache_operation' "
        "AND label = 'level' AND metric IN ('hit', 'response_ms')",
    )
    found = {(level, metric): mean for level, metric, mean in rows}

    assert found["L2", "hit"] < 0.1 < 0.2 < found["L1", "hit"]
    assert found["L2", "response_ms"] > 3 * found["L3", "response_ms"]


def test_the_frame_rate_falls_and_recovers() -> None:
    """Below 50 frames a second in the middle, above it before and after."""
    rows = _asked(
        "renderer",
        "SELECT t_ns // 2000000000, count(*) / 2 FROM events "
        "WHERE type = 'virtual_scroll_render' GROUP BY 1 ORDER BY 1",
    )
    slow = [number for number, fps in rows[1:-1] if fps < 50]

    assert len(slow) > 5
    assert 3 <= slow[0] <= slow[-1] <= 17


def _asked(name: str, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query over one of the sessions."""
    return query(FOLDER / f"{name}.parquet", sql).rows
