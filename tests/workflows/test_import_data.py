"""Foreign files as sessions: what is stored, what stays unknown, and that all else reads them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from perfkit.errors import OutputRefused, UnusableInput
from perfkit.report import Page
from perfkit.report.terminal import render
from perfkit.workflows.analyze import analyze
from perfkit.workflows.events import events
from perfkit.workflows.import_data import STOP_REASON, import_data
from perfkit.workflows.info import info
from perfkit.workflows.insights import database
from perfkit.workflows.recorded_runs import observations_of_sessions
from perfkit.workflows.source import open_recording

S = 1_000_000_000


def _csv(folder: Path, rows: int = 200, name: str = "job.csv") -> Path:
    path = folder / name
    lines = ["t_s,cpu_percent,rss_bytes,cpu_time_ns,fps,junk"]
    for row in range(rows):
        wave = 50 + 10 * math.sin(row / 5)
        lines.append(
            f"{row / 2},{wave:.3f},{10_000_000 + row},{row * 250_000_000},{60 - wave / 10},x"
        )
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_session_says_what_it_was_made_of(tmp_path: Path) -> None:
    """Interval, length and notes are known; host, exit and time of day are not."""
    output = tmp_path / "job.parquet"
    done = import_data(_csv(tmp_path), output)
    assert (done.ticks, done.interval_ns, done.duration_ns) == (200, S // 2, 199 * S // 2)
    assert done.left_out == ("junk",)
    facts = info(output)
    session = facts.session
    assert (session.mode, session.sampler, session.target_name) == ("import", "csv", "job")
    assert (session.interval_ns, session.duration_ns) == (S // 2, 199 * S // 2)
    assert (session.exit_code, session.stop_reason, session.host) == (None, STOP_REASON, {})
    assert session.notes["imported_from"] == "job.csv"
    assert session.notes["columns_left_out"] == "junk"
    assert facts.ticks == 200


def test_a_rate_given_is_kept_and_others_are_made(tmp_path: Path) -> None:
    """`cpu_percent` is as given although its counter says otherwise; rates not given are made."""
    path = tmp_path / "io.csv"
    path.write_text(
        "t_s,cpu_percent,cpu_time_ns,read_bytes\n0,12.345678,0,0\n1,7.25,9e8,1000\n2,,1e9,3000\n"
    )
    import_data(path, tmp_path / "io.parquet")
    rows = open_recording(tmp_path / "io.parquet").table(["cpu_percent", "read_bytes_per_s"])
    assert rows.column("cpu_percent").to_pylist() == [12.345678, 7.25, None]
    assert rows.column("read_bytes_per_s").to_pylist() == [None, 1000, 2000]


def test_reports_say_that_the_cost_is_unknown(tmp_path: Path) -> None:
    """Neither zero nor a claim that nothing was missed."""
    import_data(_csv(tmp_path), tmp_path / "job.parquet")
    report = analyze(tmp_path / "job.parquet")
    text = render([report], Page(width=100))
    assert "Imported: the recorder's cost is unknown." in text
    assert "what is missing between its rows is unknown" in text
    assert "never slept" not in text
    assert "pid 0" not in text
    assert "1970" not in text
    assert {one.metric.name for one in report.summaries} >= {"cpu_percent", "rss_bytes", "fps"}
    assert report.not_applicable


def test_the_json_report_has_null_for_what_is_unknown(tmp_path: Path) -> None:
    """Start and cost are null, not zero."""
    from perfkit.report.json import render as as_json

    import_data(_csv(tmp_path), tmp_path / "job.parquet")
    told = json.loads(as_json([analyze(tmp_path / "job.parquet")], Page(width=80)))
    assert '"cpu_s": null' in json.dumps(told)
    assert '"started_at": null' in json.dumps(told)


def test_queries_and_events_read_imported_sessions(tmp_path: Path) -> None:
    """Ticks, periods and the session's facts; there are no events."""
    import_data(_csv(tmp_path), tmp_path / "job.parquet")
    views = database(open_recording(tmp_path / "job.parquet"))
    try:
        found = views.query(
            "SELECT (SELECT count(*) FROM ticks), (SELECT avg(cpu_percent_mean) FROM periods), "
            "(SELECT started_at FROM session), (SELECT min(fps) FROM ticks)"
        )
    finally:
        views.close()
    count, mean, started_at, least = found.rows[0]
    assert count == 200
    assert mean == pytest.approx(50, abs=2)
    assert started_at is None
    assert least == pytest.approx(54, abs=0.1)
    assert events(tmp_path / "job.parquet", 10).source_kind == "session"


def test_the_time_of_day_is_kept_where_it_is_given(tmp_path: Path) -> None:
    """Start and end of the session are those of the file."""
    path = tmp_path / "day.csv"
    path.write_text("timestamp,value\n2024-03-01 12:00:00,1\n2024-03-01 12:10:00,2\n")
    done = import_data(path, tmp_path / "day.parquet", ["value=cpu_percent"])
    session = info(tmp_path / "day.parquet").session
    assert session.started_at_us == 1_709_294_400_000_000
    assert session.ended_at_us == 1_709_295_000_000_000
    assert done.metrics == ("cpu_percent",)


def test_an_output_is_not_overwritten_unasked_and_never_the_source(tmp_path: Path) -> None:
    """Nothing is left behind either."""
    source = _csv(tmp_path)
    output = tmp_path / "job.parquet"
    output.write_text("precious")
    with pytest.raises(OutputRefused, match="--force"):
        import_data(source, output)
    with pytest.raises(OutputRefused, match="file to import"):
        import_data(source, source, force=True)
    assert output.read_text() == "precious"
    assert import_data(source, output, force=True).ticks == 200
    assert sorted(one.name for one in tmp_path.iterdir()) == ["job.csv", "job.parquet"]


def test_a_session_is_not_imported_again_and_a_failure_leaves_nothing(tmp_path: Path) -> None:
    """Each is one sentence."""
    output = tmp_path / "job.parquet"
    import_data(_csv(tmp_path), output)
    with pytest.raises(UnusableInput, match="a session of perfkit already"):
        import_data(output, tmp_path / "again.parquet")
    late = tmp_path / "late.csv"
    rows = "".join(f"{t},1\n" for t in range(30_000))
    late.write_text("t_s,cpu_percent\n" + rows + "5,1\n")
    with pytest.raises(UnusableInput, match="line 30002"):
        import_data(late, tmp_path / "late.parquet")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["job.csv", "job.parquet", "late.csv"]


def test_metrics_of_events_have_their_periods_too(tmp_path: Path) -> None:
    """Given as columns, the period's figure is their mean."""
    path = tmp_path / "fps.csv"
    path.write_text("t_s,fps\n" + "".join(f"{t / 2},{60 - 30 * (t % 2)}\n" for t in range(40)))
    import_data(path, tmp_path / "fps.parquet")
    views = database(open_recording(tmp_path / "fps.parquet"))
    try:
        found = views.query("SELECT DISTINCT fps FROM periods")
    finally:
        views.close()
    assert found.rows in ([(48.0,), (42.0,)], [(42.0,), (48.0,)])


def test_imported_sessions_are_compared_by_the_rates_they_give(tmp_path: Path) -> None:
    """Each row counts for the time since the one before; a counter, where there is one, counts more."""
    path = tmp_path / "a.csv"
    path.write_text("t_s,cpu_percent\n0,99\n1,10\n4,50\n5,\n")
    import_data(path, tmp_path / "a.parquet")
    side = observations_of_sessions(str(tmp_path / "a.parquet"))
    assert not side.failed
    assert side.runs[0].values["cpu_percent"] == pytest.approx((10 * 1 + 50 * 3) / 4)
    import_data(_csv(tmp_path), tmp_path / "b.parquet")
    (run,) = observations_of_sessions(str(tmp_path / "b.parquet")).runs
    assert run.values["cpu_percent"] == pytest.approx(50)
