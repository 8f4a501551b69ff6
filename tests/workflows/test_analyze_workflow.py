"""From a recording to its report: also where there is next to nothing to report."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace

import numpy as np
import pytest

from perfkit.analysis.score import unless_too_short
from perfkit.model.block import Block, Column
from perfkit.model.metric import INTEGER
from perfkit.model.report import Hole
from perfkit.model.session import Session
from perfkit.model.tick import BYTES, PROCESS_FIELDS
from perfkit.report import Format, Page, renderer
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.session.journal import JournalWriter, create_journal
from perfkit.session.parquet import write_session
from perfkit.workflows.analyze import analyze, analyze_all, is_as_severe
from perfkit.workflows.info import info
from perfkit.workflows.recover import recover
from perfkit.workflows.source import Recording

SESSION = Session(
    session_id="01890a5d-ac96-774b-bcce-b302099a8057",
    perfkit_version="0.1.0",
    schema_version="1.0",
    mode="pid",
    sampler="linux",
    target_pid=42,
    target_name="target",
    command="target --run",
    interval_ns=100_000_000,
    started_at_us=1_772_366_400_000_000,
    start_boottime_ns=0,
    stop_reason="the target exited",
)


def block(ticks, **given):
    """So many ticks, 100 ms apart; every raw column null but those given as a list."""
    columns = {
        metric.name: Column(
            np.zeros(ticks, np.int64 if metric.format == INTEGER else np.float64),
            np.zeros(ticks, np.bool_),
        )
        for metric in RAW_METRICS
        if metric.name != "t_ns"
    }
    time = SESSION.started_at_us + np.arange(ticks, dtype=np.int64) * 100_000
    columns["time"] = Column(time, np.ones(ticks, np.bool_))
    for name, values in given.items():
        columns[name] = Column(np.array(values, np.int64), np.ones(ticks, np.bool_))
    return Block(np.arange(ticks, dtype=np.int64) * 100_000_000, columns)


@pytest.fixture
def written(tmp_path):
    """A function that writes a session of one block and gives its path."""

    def write(block, name="s.parquet", **facts):
        path = tmp_path / name
        write_session(path, [block], RAW_METRICS, replace(SESSION, **facts))
        return path

    return write


def rendered(report):
    return {format: renderer(format)([report], Page()) for format in Format}


def test_a_session_without_a_tick_says_that_it_cannot_tell(written):
    """No tick is no error: the report names what it cannot say, and no figure is made up."""
    report = analyze(written(block(0)))

    assert report.monitoring.ticks == 0
    assert all(one.count == 0 for one in report.summaries)
    assert "no tick" in report.cannot_tell[0]
    assert report.insights == ()
    assert report.verdict.status == "unknown"
    for text in rendered(report).values():
        assert "holds no tick" in text


def test_a_session_of_one_tick_has_levels_and_no_rates(written):
    """One tick tells where things stood, not how they moved."""
    report = analyze(written(block(1, rss_bytes=[4096], cpu_time_ns=[5])))

    found = {one.metric.name: one for one in report.summaries}
    assert found["rss_bytes"].last == 4096
    assert found["cpu_percent"].count == 0
    assert "one tick" in report.cannot_tell[0]
    rendered(report)


def test_a_session_of_null_columns_says_so(written):
    """Ticks without a single value are not "all is well"."""
    report = analyze(written(block(50)))

    assert any("nothing to judge by" in sentence for sentence in report.cannot_tell)
    assert report.not_applicable != ()
    rendered(report)


def test_a_short_session_is_called_short(written):
    """A second of ticks shows levels; growth it cannot tell from start-up, and says so."""
    short = analyze(written(block(10, rss_bytes=[1] * 10), "short.parquet"))
    long = analyze(written(block(310, rss_bytes=[1] * 310), "long.parquet"))

    assert "short (900 ms)" in short.cannot_tell[0]
    assert long.verdict.status == "good"
    assert long.cannot_tell == ()


@pytest.mark.parametrize(("ticks", "interval_ms"), [(29, 100), (9, 1000)])
def test_next_to_nothing_is_no_good_news(written, ticks, interval_ms):
    """Below ten ticks or three seconds the status is unknown, and the headline says why."""
    short = written(block(ticks, rss_bytes=[1] * ticks), interval_ns=interval_ms * 1_000_000)
    report = analyze(short)

    assert report.verdict.status == "unknown"
    assert report.verdict.reason.startswith(f"too short to judge: {ticks} ticks in ")
    assert "GOOD" not in "".join(rendered(report).values())
    bad = with_verdict(report, "poor")
    assert unless_too_short(bad, 1, 1) == bad


def with_verdict(report, status):
    return replace(report.verdict, status=status)


@pytest.mark.parametrize(
    "facts",
    [{"notes": {"older_ticks_dropped_count": "409"}, "shift_s": 41}, {"start_boottime_ns": 10**12}],
    ids=["--keep", "an old target"],
)
def test_start_up_is_past_where_the_target_has_run_for_long(written, facts):
    """A flight recorder's part, or a target that ran before: only the length itself is in the way."""
    facts = dict(facts)
    shift_ns = facts.pop("shift_s", 0) * 10**9
    for ticks, sentences in ((204, 1), (245, 0)):
        made = block(ticks, rss_bytes=[1] * ticks)
        entry = {name: 0 for name, kind, _ in PROCESS_FIELDS if kind != BYTES}
        entry |= {"pid": 42, "started_ns": 1, "state": "S", "name": "t", "command": "t"}
        made = Block(made.t_ns + shift_ns, made.columns, [(0, [entry])])
        report = analyze(written(made, f"{ticks}.parquet", **facts))
        assert len(report.cannot_tell) == sentences
        assert all("too short to judge growth (20.3 s)" in text for text in report.cannot_tell)


def test_ticks_lost_to_damage_are_holes_of_the_report(tmp_path):
    """In the orphaned journal and in the recovered file alike, in words and in JSON."""
    path = tmp_path / "s.parquet.partial"
    facts = {name: value for name, value in asdict(SESSION).items() if value is not None}
    del facts["stop_reason"]
    os.close(create_journal(str(path), RAW_METRICS, facts))
    writer = JournalWriter(str(path), RAW_METRICS)
    made = block(100, rss_bytes=[1] * 100)
    for row in range(100):
        values = list(writer.blank)
        values[0], values[1] = int(made.t_ns[row]), SESSION.started_at_us + row * 100_000
        values[[metric.name for metric in RAW_METRICS].index("ticks_missed")] = 0
        writer.append(values)
    writer.close()
    data = bytearray((path / "000000.ticks").read_bytes())
    data[-50 * (24 + 8 * len(RAW_METRICS)) + 20] ^= 4
    (path / "000000.ticks").write_bytes(data)
    journal = analyze(path)
    assert recover(path) == tmp_path / "s.parquet"
    for report in (journal, analyze(tmp_path / "s.parquet")):
        assert report.monitoring.ticks_damaged == 1
        assert report.monitoring.holes == (Hole(4_900_000_000, 5_100_000_000, 1, "damaged"),)
        assert "recording-damaged" in [one.rule for one in report.insights]
        assert report.session.duration_ns == 9_900_000_000
        assert report.session.stop_reason is None
        shown = rendered(report)
        words = " ".join(shown[Format.TERMINAL].split())
        assert "at 4.90 s for 200 ms, 1 tick: recorded, but damaged in the journal" in words
        assert "the recorder was cut off (killed), so how the target ended is unknown" in words
        assert "copy" not in words
        found = json.loads(shown[Format.JSON])
        assert found["monitoring"]["ticks_damaged"] == 1
        assert found["monitoring"]["holes"][0]["kind"] == "damaged"
        assert found["session"]["duration_s"] == 9.9


def test_how_a_target_ended_that_was_attached_to_is_its_parents_to_know(written):
    """A kill looks like an exit from outside; only where perfkit started it is there a code."""
    attached = analyze(written(block(40)))
    started = analyze(written(block(40), "c.parquet", mode="command", exit_code=0))

    shown = rendered(attached)
    assert "the target ended; how is known to its parent alone" in " ".join(
        shown[Format.TERMINAL].split()
    )
    assert "the target exited, exit code 0" in rendered(started)[Format.TERMINAL]


def test_figures_are_those_of_the_ticks(written):
    """Hand-checkable: ten ticks of one core at half speed, memory from 1 to 10 pages."""
    report = analyze(
        written(
            block(
                10,
                cpu_time_ns=[50_000_000 * k for k in range(10)],
                rss_bytes=[4096 * k for k in range(1, 11)],
                sampler_cost_ns=[1_000_000] * 10,
                ticks_missed=[0] * 9 + [3],
            )
        )
    )

    found = {one.metric.name: one for one in report.summaries}
    assert found["cpu_percent"].mean == pytest.approx(50, rel=1e-6)
    assert (found["rss_bytes"].minimum, found["rss_bytes"].maximum) == (4096, 40960)
    assert found["cpu_time_ns"].total == 450_000_000
    assert report.monitoring.cost_cpu_ns == 10_000_000
    assert report.monitoring.ticks_missed == 3
    assert len(report.monitoring.holes) == 1


def test_the_ticks_are_read_once_for_figures_and_holes(written, monkeypatch):
    """Every metric passes once; what the rules ask for afterwards are single columns."""
    path = written(block(10, rss_bytes=[1] * 10))
    whole = []
    read = Recording.blocks

    def counted(self, columns=None):
        if columns is None or len(columns) >= len(self.metrics):
            whole.append(columns)
        return read(self, columns)

    monkeypatch.setattr(Recording, "blocks", counted)
    analyze(path)

    assert len(whole) == 1


@pytest.fixture
def journal(tmp_path):
    """A journal of five ticks whose recorder is alive until `os.close` of the second value."""
    path = tmp_path / "s.parquet.partial"
    lock = create_journal(str(path), RAW_METRICS, asdict(replace(SESSION, stop_reason=None)))
    writer = JournalWriter(str(path), RAW_METRICS)
    names = [metric.name for metric in RAW_METRICS]
    for k in range(5):
        row = list(writer.blank)
        row[names.index("t_ns")] = k * 100_000_000
        row[names.index("time")] = SESSION.started_at_us + k * 100_000
        row[names.index("cpu_time_ns")] = k * 50_000_000
        writer.append(row)
    writer.close()
    held = [lock]
    yield path, held
    for descriptor in held:
        os.close(descriptor)


def test_a_live_journal_is_reported_as_what_it_is(journal):
    """While the recorder holds its lock, monitoring is active and rates are there already."""
    report = analyze(journal[0])

    found = {one.metric.name: one for one in report.summaries}
    assert report.monitoring.active
    assert report.source_kind == "live journal"
    assert found["cpu_percent"].mean == pytest.approx(50)
    for text in rendered(report).values():
        assert "goes on" in text


def test_an_orphaned_journal_is_reported_as_what_it_is(journal):
    """What a killed recorder left can be read, and the report says how to seal it."""
    path, held = journal
    os.close(held.pop())

    report = analyze(path)

    assert not report.monitoring.active
    assert report.monitoring.ticks == 5
    assert any("perfkit recover" in sentence for sentence in report.cannot_tell)
    assert info(path).source_kind == "orphaned journal"
    assert info(path).size_bytes == sum(entry.stat().st_size for entry in path.iterdir())


def test_damage_in_a_journal_is_counted_in_the_report(journal):
    """A flipped bit costs its tick, and the report says that one is missing."""
    path, held = journal
    os.close(held.pop())
    (segment,) = path.glob("*.ticks")
    data = bytearray(segment.read_bytes())
    data[-200] ^= 1
    segment.write_bytes(data)

    report = analyze(path)

    assert report.monitoring.ticks == 4
    assert any("1 tick " in sentence for sentence in report.cannot_tell)


def test_hostile_names_go_through_the_whole_house(written):
    """Written into a file, read back, analysed and rendered: harmless in every format."""
    hostile = "</script>\x1b[2J[red]|`@all\u202e\n"
    report = analyze(
        written(block(3), target_name=hostile, command=hostile, missing={hostile: hostile})
    )

    for format, text in rendered(report).items():
        assert "\x1b" not in text
        assert "\u202e" not in text
        if format is Format.JSON:
            assert json.loads(text)["session"]["target"]["name"].startswith("</script>\\x1b")


def test_several_sessions_come_in_order_and_a_bad_one_does_not_hide_the_others(written, tmp_path):
    """A folder is sorted; what cannot be read is said by name, beside the reports of the rest."""
    first, second = written(block(1), "b.parquet"), written(block(1), "a.parquet")

    reports, refused = analyze_all([first, second])
    assert [report.source for report in reports] == [str(first), str(second)]
    assert refused == []
    (tmp_path / "c.parquet").write_text("no session")
    reports, refused = analyze_all([tmp_path])
    assert [report.source for report in reports] == [str(second), str(first)]
    assert ["c.parquet" in str(error) for error in refused] == [True]


def test_severity_is_compared_by_its_order(written):
    """Medium is as severe as medium, not as high."""
    report = analyze(written(block(0)))

    assert not is_as_severe(report, "medium")


def test_info_counts_rows_and_bytes(written):
    """Rows of the file, and its size on disk."""
    path = written(block(7, rss_bytes=[1] * 7))

    found = info(path)

    assert found.ticks == 7
    assert found.size_bytes == path.stat().st_size
    assert found.source_kind == "session"
    assert {metric.name for metric in RAW_METRICS} <= {metric.name for metric in found.metrics}
