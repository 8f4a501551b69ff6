"""`perfkit forecast`: sessions that run out of something, that do not, and that cannot tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from perfkit.cli import run
from perfkit.errors import EXIT_OK, EXIT_USAGE, UsageError
from perfkit.model.block import Block, Column
from perfkit.model.forecast import BEYOND, CLEAR, CROSSING, TOO_LITTLE, UNKNOWN, Forecast
from perfkit.model.metric import (
    CLOCK,
    DELTA,
    FAST,
    GAUGE,
    MACHINE,
    RECORDER,
    SYSTEM,
    TARGET,
    TICK,
    Metric,
)
from perfkit.model.session import Session
from perfkit.session.parquet import write_session
from perfkit.workflows.forecast import outlook
from perfkit.workflows.import_data import import_data

SECOND = 1_000_000_000
MIB = 2.0**20
METRICS = (
    Metric("t_ns", "ns", CLOCK, TICK, RECORDER, "time since the start"),
    Metric("time", "us", CLOCK, TICK, RECORDER, "wall clock"),
    Metric("suspended_ns", "ns", DELTA, TICK, RECORDER, "sleep since the tick before"),
    Metric("rss_bytes", "bytes", GAUGE, FAST, TARGET, "resident memory"),
    Metric("fds_nearest_count", "count", GAUGE, SYSTEM, TARGET, "descriptors"),
    Metric("fds_limit_count", "count", GAUGE, SYSTEM, TARGET, "their limit"),
    Metric("system_memory_available_bytes", "bytes", GAUGE, SYSTEM, MACHINE, "memory left"),
)
SESSION = Session(
    session_id="0190a0b0-0000-7000-8000-000000000001",
    perfkit_version="0.1.0",
    schema_version="1.0",
    mode="command",
    sampler="linux",
    target_pid=4242,
    target_name="worker",
    command="worker",
    interval_ns=SECOND // 2,
    started_at_us=1_700_000_000_000_000,
    start_boottime_ns=5,
)
Course = Callable[[np.ndarray], np.ndarray]


def session_of(
    path: Path, seconds: float, fds: Course, limit: Course, skip: tuple[float, float] = (0.0, 0.0)
) -> Path:
    """A session whose descriptors and their limit take a course; NaN is null; skip: asleep."""
    t_s = np.arange(0.0, seconds, 0.5)
    t_s = t_s[(t_s < skip[0]) | (t_s >= skip[1])]
    count = len(t_s)
    asleep = np.zeros(count, np.int64)
    if skip[1]:
        asleep[np.searchsorted(t_s, skip[1])] = int((skip[1] - skip[0]) * SECOND)
    noise = np.random.default_rng(1).normal(0.0, 0.3 * MIB, count)

    def column(values: np.ndarray) -> Column:
        valid = np.isfinite(values)
        return Column(np.where(valid, values, 0.0).astype(np.int64), valid)

    whole = np.ones(count, np.bool_)
    block = Block(
        (t_s * SECOND).astype(np.int64) + 1,
        {
            "time": Column((t_s * 1e6).astype(np.int64) + SESSION.started_at_us, whole),
            "suspended_ns": Column(asleep, whole),
            "rss_bytes": column(200 * MIB + noise),
            "fds_nearest_count": column(fds(t_s)),
            "fds_limit_count": column(limit(t_s)),
            "system_memory_available_bytes": column(np.full(count, 4096 * MIB)),
        },
    )
    write_session(path, [block], METRICS, SESSION)
    return path


def steady(level: float) -> Course:
    """Always the same."""
    return lambda t_s: np.full(len(t_s), level)


def leak(per_s: float, first: float = 20.0) -> Course:
    """Straight up."""
    return lambda t_s: np.floor(first + per_s * t_s)


def descriptors(path: Path, **options: str) -> Forecast:
    """What is foreseen of them."""
    found = outlook(path, **options)
    return next(one for one in found.forecasts if one.kind == "descriptor_exhaustion")


def test_a_leak_is_foreseen_with_its_time_and_a_plan(tmp_path: Path) -> None:
    """At 940 s it stands at 1900 of 2000 and grows by 2 a second: 50 s are left."""
    path = session_of(tmp_path / "s.parquet", 940.0, leak(2.0), steady(2000.0))
    found = outlook(path)
    one = descriptors(path)
    assert one.state == CROSSING
    assert one.level == "notice"
    assert one.median_s is not None
    assert one.low_s is not None
    assert one.low_s <= one.median_s
    assert 30.0 < one.median_s < 80.0
    assert "force_gc" in {decision.action for decision in found.decisions}
    calm = next(one for one in found.forecasts if one.metric == "rss_bytes")
    assert calm.state == CLEAR
    assert calm.margin is not None


def test_at_an_earlier_time_only_what_was_known_then_counts(tmp_path: Path) -> None:
    """The same forecast as of a session that ended there."""
    course = leak(2.0)
    whole = session_of(tmp_path / "whole.parquet", 300.0, course, steady(1000.0))
    part = session_of(tmp_path / "part.parquet", 200.0, course, steady(1000.0))
    assert outlook(whole, at="200s").forecasts == outlook(part).forecasts


def test_it_is_told_as_of_the_last_tick(tmp_path: Path) -> None:
    """Not of the end of a period that nobody saw; or as of the time that was asked for."""
    path = session_of(tmp_path / "s.parquet", 200.0, steady(5.0), steady(100.0))
    assert outlook(path).at_ns == 199.5 * SECOND + 1
    assert outlook(path, at="100.2s").at_ns == 100.2 * SECOND


def test_a_time_is_taken_as_reports_write_it(tmp_path: Path) -> None:
    """Minutes and seconds, hours before them; so many that there is no such time are refused."""
    path = session_of(tmp_path / "s.parquet", 200.0, steady(5.0), steady(100.0))
    assert outlook(path, at="1:30.5") == outlook(path, at="90.5s")
    assert outlook(path, at="0:01:30") == outlook(path, at="90s")
    with pytest.raises(UsageError, match="is not a length of time"):
        outlook(path, at="1::30")


def test_so_much_was_seen_whatever_the_horizon(tmp_path: Path) -> None:
    """And the longest horizon that would do is known."""
    path = session_of(tmp_path / "s.parquet", 100.0, steady(5.0), steady(100.0))
    for horizon in ("5m", "1h", "1000d"):
        one = descriptors(path, horizon=horizon)
        assert one.state == TOO_LITTLE
        assert one.reason.startswith("100 s seen, ")
        assert 180 < one.evidence["longest_horizon_s"] < 200
    assert descriptors(path, horizon="180s").state == CLEAR


def test_evidence_is_of_the_moment_of_the_value(tmp_path: Path) -> None:
    """What the last ticks of a process that is torn down show bears on nothing."""
    lines = ["t_s,virtual_nearest_bytes,virtual_limit_bytes,rss_bytes"]
    for t in range(300):
        ending = t >= 298
        lines.append(f"{t},{0 if ending else 1000 + t},2000,{1 if ending else 500 + t}")
    (tmp_path / "s.csv").write_text("\n".join(lines) + "\n")
    import_data(tmp_path / "s.csv", tmp_path / "s.parquet")
    found = outlook(tmp_path / "s.parquet", horizon="1m").forecasts
    one = next(one for one in found if one.metric == "virtual_nearest_bytes")
    # the last whole period before it ends is over at 295 s
    assert one.value == 1294
    assert one.evidence["rss_bytes_last"] == 794


def test_a_time_beyond_the_session_is_refused(tmp_path: Path) -> None:
    """With the end of the session."""
    path = session_of(tmp_path / "s.parquet", 20.0, steady(5.0), steady(100.0))
    with pytest.raises(UsageError, match=r"ends at 19.5 s"):
        outlook(path, at="1m")


NOTHING: Course = lambda t_s: np.full(len(t_s), np.nan)  # noqa: E731


@pytest.mark.parametrize(
    ("seconds", "fds", "limit", "states"),
    [
        pytest.param(300.0, leak(2.0), NOTHING, {UNKNOWN}, id="capacity unknown"),
        pytest.param(300.0, leak(2.0), steady(0.0), {UNKNOWN}, id="capacity zero"),
        pytest.param(300.0, leak(2.0), steady(100.0), {BEYOND}, id="below the present value"),
        pytest.param(0.5, steady(5.0), steady(100.0), {TOO_LITTLE, UNKNOWN}, id="one tick"),
        pytest.param(300.0, steady(5.0), steady(100.0), {CLEAR}, id="constant"),
        pytest.param(300.0, NOTHING, steady(100.0), {UNKNOWN, TOO_LITTLE}, id="all null"),
        pytest.param(
            300.0, lambda t_s: 20.0 + t_s % 60.0, steady(1000.0), {CLEAR}, id="starts afresh"
        ),
        pytest.param(
            300.0, steady(5.0), lambda t_s: np.where(t_s < 150.0, 1000.0, 400.0), {CLEAR},
            id="capacity changes",
        ),
        pytest.param(
            300.0, lambda t_s: np.where(t_s < 299.0, 5.0, 9e18), steady(9.2e18), None, id="extreme"
        ),
    ],
)  # fmt: skip
def test_bad_input_says_why_it_cannot_say(
    tmp_path: Path, seconds: float, fds: Course, limit: Course, states: set[str] | None
) -> None:
    """Nothing raises, and what is not known has its reason."""
    one = descriptors(session_of(tmp_path / "s.parquet", seconds, fds, limit))
    assert states is None or one.state in states
    assert one.reason or one.state in (CLEAR, CROSSING, BEYOND)
    assert one.probability is None or 0.0 <= one.probability <= 1.0


def test_a_laptop_that_slept_goes_on(tmp_path: Path) -> None:
    """Hours asleep are no hours of growth."""
    path = session_of(tmp_path / "s.parquet", 4000.0, steady(50.0), steady(1000.0), (200.0, 3800.0))
    assert descriptors(path).state in (CLEAR, TOO_LITTLE)


def test_the_command_prints_json_and_text(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Both tell the same forecasts."""
    path = session_of(tmp_path / "s.parquet", 300.0, leak(2.0), steady(1000.0))
    assert run(["forecast", str(path), "--json"]) == EXIT_OK
    said = json.loads(capfd.readouterr().out)
    kinds = {one["kind"] for one in said["forecasts"]}
    assert {"descriptor_exhaustion", "memory_exhaustion"} <= kinds
    assert said["horizon_s"] == 300.0
    assert run(["forecast", str(path), "--horizon", "10m"]) == EXIT_OK
    text = capfd.readouterr().out
    assert "descriptor exhaustion" in text
    assert "looking 10 m" in text
    assert run(["forecast", str(path), "--follow", "--json"]) == EXIT_USAGE
