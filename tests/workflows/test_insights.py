"""The rules on recordings as they are stored: a sealed file, and the same ticks in a journal."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from perfkit.analysis.pipeline import Settings
from perfkit.analysis.rates import Rates
from perfkit.errors import UnusableInput
from perfkit.model.block import Block, Column
from perfkit.model.insight import Insight, RuleFailed
from perfkit.model.session import Session
from perfkit.model.thresholds import Threshold, Thresholds
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.session.parquet import write_session
from perfkit.workflows.insights import database, insights
from perfkit.workflows.source import open_recording

SESSION = Session(
    session_id="018f0000-0000-7000-8000-000000000000",
    perfkit_version="0",
    schema_version="1.0",
    mode="pid",
    sampler="linux",
    target_pid=4711,
    target_name="worker",
    command="worker",
    interval_ns=100_000_000,
    started_at_us=1_700_000_000_000_000,
    start_boottime_ns=0,
)


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """A sealed minute of a process that leaks 1 MiB a second and keeps one core busy."""
    t_ns = np.arange(600, dtype=np.int64) * 100_000_000
    everywhere = np.ones(600, np.bool_)
    columns = {
        "rss_bytes": (100 << 20) + t_ns // 1000,
        "cpu_time_ns": t_ns,
        "time": 1_700_000_000_000_000 + t_ns // 1000,
    }
    raw = Block(
        t_ns,
        {
            **{name: Column(values, everywhere) for name, values in columns.items()},
            "cpu_capacity_cores": Column(np.full(600, 4.0), everywhere),
        },
    )
    rates = Rates(RAW_METRICS)
    path = tmp_path / "it's a session.parquet"
    write_session(path, [rates.add(raw)], [*RAW_METRICS, *rates.metrics], SESSION)
    return path


def test_a_sealed_session_is_judged(leaking: Path) -> None:
    """The leak and the core, and nothing else; commands name the file, ready to copy."""
    found = [one for one in insights(open_recording(leaking)) if isinstance(one, Insight)]

    assert [one.rule for one in found] == ["cpu-core-pinned", "memory-growth"]
    assert found[1].evidence["first_bytes"] == 100 << 20
    command = shlex.split(found[1].recommendations[0].split("`")[1])
    assert command[:3] == ["perfkit", "query", str(leaking)]
    assert database(open_recording(leaking)).query(command[3]).rows == []


def test_no_rule_fails_on_a_session_with_null_columns(leaking: Path) -> None:
    """Most columns of this one hold nothing."""
    assert not [one for one in insights(open_recording(leaking)) if isinstance(one, RuleFailed)]


def test_a_rule_of_ones_own_is_asked(leaking: Path, tmp_path: Path) -> None:
    """Beside a broken one, which is told."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "mine.sql").write_text(
        "-- id: mine\n-- title: Mine\n-- severity: high\n-- cause: mine\n-- impact: Much.\n"
        "-- message: Peak {peak_bytes}.\n-- recommendation: Do.\n"
        "SELECT max(rss_bytes) AS peak_bytes FROM ticks\n"
    )
    (folder / "wrong.sql").write_text("SELECT 1")

    outcomes = insights(open_recording(leaking), folder)

    messages = {one.rule: one.message for one in outcomes if isinstance(one, Insight)}
    assert messages["mine"] == "Peak 157 MiB."
    assert [one.rule for one in outcomes if isinstance(one, RuleFailed)] == ["wrong.sql"]


def test_a_query_cannot_touch_the_session_it_reads(leaking: Path) -> None:
    """Not even by its own path."""
    before = leaking.read_bytes()
    views = database(open_recording(leaking))
    path = str(leaking).replace("'", "''")

    for sql in (
        f"COPY (SELECT 1) TO '{path}' (FORMAT parquet, USE_TMP_FILE false)",
        f"SELECT * FROM '{path}'",
        f"SELECT * FROM read_parquet('{path}')",
    ):
        with pytest.raises(UnusableInput):
            views.query(sql)

    assert leaking.read_bytes() == before
    assert views.query("SELECT count(*) FROM ticks").rows == [(600,)]


def test_alerts_hold_to_the_thresholds_that_are_set() -> None:
    """A mark that is out of reach raises none."""
    recording = open_recording(Path(__file__).parents[2] / "sample_data" / "renderer.parquet")

    def alerts(thresholds: Thresholds) -> object:
        views = database(recording, Settings(thresholds=thresholds))
        try:
            return views.query("SELECT count(*) FROM alerts WHERE cause = 'frames'").rows[0][0]
        finally:
            views.close()

    assert alerts(Thresholds()) == 1
    assert alerts(Thresholds(fps=Threshold(1.0, 0.5))) == 0
