"""What recording costs: budgets, the paced loops, and one short measurement of the real thing."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from perfkit.errors import UsageError
from perfkit.model.overhead import (
    FIGURES,
    PARTS,
    Budget,
    Overhead,
    PeerCost,
    RateCost,
    Slowdown,
    SumCheck,
    TreeCost,
    base_rate,
    figure_names,
)
from perfkit.model.run import FailedRun, Pair, Run
from perfkit.report.overhead import as_json, as_text
from perfkit.workflows import overhead as workflow
from perfkit.workflows import overhead_slowdown, overhead_sums
from perfkit.workflows.overhead_peers import with_ratio
from perfkit.workflows.overhead_probe import Paced, PartsOfTicks, files_of_groups
from perfkit.workflows.overhead_rates import lateness_of
from perfkit.workflows.overhead_slowdown import slowdown_of

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="measures the Linux recorder")

COST = RateCost(
    rate_hz=10, ticks=100, cpu_us_per_tick=300.0, cpu_percent=0.3, wall_us_per_tick=250.0,
    fast_us=120.0, system_us=400.0, slow_us=700.0, write_us=35.0, clock_us_per_tick=60.0,
    bare_us_per_tick=200.0, ratio_to_bare=1.5, rss_mib=9.5, missed_percent=0.0,
    missed_beyond_clock_percent=0.0,
)  # fmt: skip
SLOWDOWN = Slowdown(
    "cpu", 30, 1, 0.95, percent=0.13, low_percent=-0.4, high_percent=0.52, spread_percent=1.1,
    target_cpu_s=0.2, recorder_percent=0.6,
)  # fmt: skip
OVERHEAD = Overhead(
    10.0,
    5.0,
    (COST, replace(COST, rate_hz=1000, cpu_us_per_tick=90.0, fast_us=None)),
    (
        PeerCost(
            "psrecord", "psrecord (3 columns)", "psrecord PID", 0.1, 0, 370.0, 0.37, 13.3, 0.8
        ),
        PeerCost("psrecord_tree", "psrecord", "psrecord PID", 0.1, 100, 9000.0, 9.0, 13.3, 0.2),
        PeerCost("pidstat", "pidstat -urd", "pidstat PID 1", 1.0, absent="not installed"),
    ),
    (TreeCost(1, 50, 300.0, 80.0, 320.0, 900.0), TreeCost(101, 50, 1300.0, None, 1.0, 2.0)),
    (
        SLOWDOWN,
        replace(SLOWDOWN, workload="io"),
        Slowdown("forks", 0, 30, 0.95, absent="no pair succeeded: it exited with 1"),
    ),
    (SumCheck("cpu", 1.3, -0.5, 0, None), SumCheck("io", absent="it exited with 1")),
)


def test_a_budget_is_a_figure_a_sign_and_a_number() -> None:
    """Both signs are understood, blanks do not matter, a rate may be named."""
    budgets = workflow.parse_budgets(
        ["cpu_us_per_tick<=400", " ratio_to_bare < 1.7 ", "missed_percent_at_1000hz<=1"], (10, 1000)
    )

    assert budgets == (
        Budget("cpu_us_per_tick", 400.0),
        Budget("ratio_to_bare", 1.7, strict=True),
        Budget("missed_percent_at_1000hz", 1.0),
    )
    assert [budget.allows(1.7) for budget in budgets] == [True, False, False]


@pytest.mark.parametrize("text", ["cpu_us_per_tick", "cpu_us_per_tick>=1", "<=1", "rss_mib<=x"])
def test_a_budget_in_other_words_is_a_usage_error(text: str) -> None:
    """The sentence shows how a budget is written."""
    with pytest.raises(UsageError, match="is not FIGURE<=NUMBER"):
        workflow.parse_budgets([text], (10,))


@pytest.mark.parametrize("name", ["cpu", "cpu_us_per_tick_at_100hz"])
def test_an_unknown_figure_is_a_usage_error_that_names_the_known_ones(name: str) -> None:
    """Also for a rate that is not measured."""
    with pytest.raises(UsageError, match=r"there are cpu_us_per_tick, .*_at_10hz, _at_1000hz"):
        workflow.parse_budgets([f"{name}<=1"], (10, 1000))


def test_rates_are_whole_numbers_from_1_to_1000() -> None:
    """Each once, ascending."""
    assert workflow.parse_rates("100,1, 10,100") == (1, 10, 100)
    for text in ("", "0", "1001", "1.5", "ten"):
        with pytest.raises(UsageError, match="--rates"):
            workflow.parse_rates(text)


def test_a_plain_name_means_the_rate_nearest_to_10_hz() -> None:
    """10 Hz where it was measured, else what comes closest, the lower one of two."""
    assert base_rate((1, 10, 100)) == 10
    assert base_rate((1, 100)) == 1
    assert base_rate((5, 15)) == 5
    assert OVERHEAD.figures()["cpu_us_per_tick"] == 300.0
    assert OVERHEAD.figures()["cpu_us_per_tick_at_1000hz"] == 90.0


def test_every_figure_has_a_name_that_budgets_may_use() -> None:
    """What is accepted before the measurement is there after it."""
    named = set(figure_names((10, 1000), (1, 101), PARTS))

    assert set(OVERHEAD.figures()) - {"ratio_to_psrecord_tree_of_tree_100"} <= named
    assert {*FIGURES} <= named
    assert OVERHEAD.figures()["us_per_further_process"] == 10.0
    assert OVERHEAD.figures()["cpu_off_percent_cpu"] == 0.5


def test_a_budget_on_a_part_that_is_not_measured_is_a_usage_error() -> None:
    """Rather than a check that never fails."""
    limit = ["slowdown_high_percent_cpu<=0.5"]

    assert workflow.parse_budgets(limit, (10,), (), ("duet",))
    with pytest.raises(UsageError, match="with these parts there are cpu_us_per_tick_of_tree_10, "):
        workflow.parse_budgets(limit, (10,), (10,), ("trees",))


def test_parts_are_chosen_by_name() -> None:
    """Each once, in the order in which they are shown."""
    assert workflow.parse_parts("duet, ticks,duet") == ("ticks", "duet")
    with pytest.raises(UsageError, match="there are ticks, trees, duet, fidelity, peers"):
        workflow.parse_parts("tick")


@pytest.mark.parametrize("text", ["", "0", "5001", "ten"])
def test_sizes_of_trees_are_whole_numbers(text: str) -> None:
    """From 1 to 5000."""
    with pytest.raises(UsageError, match="--trees"):
        workflow.parse_trees(text)


@pytest.mark.parametrize("pairs", [0, 5, 10_001])
def test_too_few_pairs_for_an_interval_are_a_usage_error(pairs: int) -> None:
    """Five pairs cannot give 95 %."""
    with pytest.raises(UsageError, match="--pairs"):
        workflow.measure(1.0, (10,), parts=("duet",), pairs=pairs)


def test_a_budget_is_kept_broken_or_undecided() -> None:
    """A figure that could not be measured neither keeps nor breaks its limit."""
    outcomes = OVERHEAD.judge(
        [Budget("rss_mib", 11.5), Budget("cpu_us_per_tick", 200.0), Budget("fast_us_at_1000hz", 1)]
    )

    assert [outcome.kept for outcome in outcomes] == [True, False, None]


def test_the_tables_show_every_figure_and_every_peer() -> None:
    """One column a rate; what is missing is a dash or says why."""
    outcomes = OVERHEAD.judge([Budget("rss_mib", 11.5), Budget("cpu_us_per_tick", 200.0)])
    text = as_text(OVERHEAD, outcomes)

    assert "CPU per tick, all told" in text
    assert "300 µs" in text
    assert "–" in text
    assert "psrecord (3 columns)" in text
    assert "not installed" in text
    assert "kept: rss_mib<=11.5, measured 9.5" in text
    assert "OVER: cpu_us_per_tick<=200, measured 300" in text
    assert "+0.52 %" in text
    assert "1 pairs failed and are left out" in text
    assert "no pair succeeded: it exited with 1" in text
    assert "-0.50 %" in text
    assert "psrecord, 100" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_json_holds_every_figure_by_the_name_that_budgets_use() -> None:
    """Versioned, null where nothing was measured."""
    value = json.loads(as_json(OVERHEAD, OVERHEAD.judge([Budget("rss_mib", 11.5)])))

    assert value["schema_version"] == "2.0"
    assert value["figures"]["fast_us_at_1000hz"] is None
    assert value["rates"][0]["ratio_to_bare"] == 1.5
    assert value["peers"][2]["absent"] == "not installed"
    assert value["budgets"] == [{"budget": "rss_mib<=11.5", "value": 9.5, "kept": True}]


class ClockOfLoops:
    """Moves when the loop waits, and by what its work is said to cost."""

    def __init__(self) -> None:
        self.now_ns = self.used_ns = 0

    def monotonic_ns(self) -> int:
        return self.now_ns

    def cpu_ns(self) -> int:
        return self.used_ns

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)

    def work(self, ns: int) -> None:
        self.now_ns += ns
        self.used_ns += ns


def test_a_paced_loop_counts_ticks_and_their_cost_after_the_warm_up() -> None:
    """A second of warm-up at 10 Hz, then two that count: 20 ticks of 3 ms."""
    clock: Any = ClockOfLoops()
    paced = Paced(100_000_000, 1_000_000_000, 2_000_000_000, clock, clock.wait)
    paced.run(lambda _system, _slow: clock.work(3_000_000))

    assert (paced.ticks, paced.missed) == (20, 0)
    assert paced.cpu_ns == 20 * 3_000_000


def test_a_paced_loop_counts_the_slots_that_its_work_swallows() -> None:
    """Work of 250 ms at 10 Hz takes every third slot: two of three are missed."""
    clock: Any = ClockOfLoops()
    paced = Paced(100_000_000, 300_000_000, 3_000_000_000, clock, clock.wait)
    paced.run(lambda _system, _slow: clock.work(250_000_000))

    assert paced.ticks == 12
    assert 0 <= paced.missed <= 24


def test_a_paced_loop_asks_for_the_groups_at_their_cadence() -> None:
    """The system group once a second, the slow one every five, both at the start."""
    clock: Any = ClockOfLoops()
    paced = Paced(100_000_000, 0, 10_000_000_000, clock, clock.wait)
    asked: list[tuple[bool, bool]] = []
    paced.run(lambda system, slow: asked.append((system, slow)))

    assert len(asked) == 100
    assert sum(system for system, _ in asked) == 10
    assert sum(slow for _, slow in asked) == 2
    assert asked[0] == (True, True)


class SamplerOfCosts:
    """Uses a stated CPU time for each group; the parts must find it again."""

    def __init__(self, clock: ClockOfLoops) -> None:
        self.clock = clock

    def read(self, row: list[int | float], *, system: bool, slow: bool, may_go_on: object) -> bool:
        self.clock.work(100 + 400 * system + 700 * slow)
        return slow

    def processes(self) -> list[tuple[object, ...]]:
        self.clock.work(50)
        return []


class JournalOfCosts:
    """Uses 30 ns of CPU a write."""

    def __init__(self, clock: ClockOfLoops) -> None:
        self.clock = clock
        self.blank: list[int | float] = []
        self.directory = ""

    def append(self, row: Any, frames: Any = (), *, whole: bool = True) -> None:
        self.clock.work(30)


def test_the_parts_of_a_tick_are_told_apart_by_the_kinds_of_ticks() -> None:
    """Fast 100, system 400, slow 700 and its list 50, write 30."""
    clock = ClockOfLoops()
    parts: Any = PartsOfTicks(SamplerOfCosts(clock), JournalOfCosts(clock), clock)  # type: ignore[arg-type]
    parts.counting = True
    for system, slow in ((False, False), (True, False), (True, True), (False, False)):
        parts.read([], system=system, slow=slow, may_go_on=None)
        if slow:
            parts.processes()
        parts.append([])

    assert parts.groups_ns() == {
        "fast_ns": 100,
        "system_ns": 400,
        "slow_ns": 750,
        "write_ns": 30,
    }


def test_a_group_that_is_never_read_alone_has_no_figure() -> None:
    """At one tick a second every tick reads the system group: the fast one cannot be told apart."""
    clock = ClockOfLoops()
    parts: Any = PartsOfTicks(SamplerOfCosts(clock), JournalOfCosts(clock), clock)  # type: ignore[arg-type]
    parts.counting = True
    parts.read([], system=True, slow=False, may_go_on=None)

    assert set(parts.groups_ns()) == {"write_ns"}


@linux_only
def test_the_bare_loop_reads_the_files_that_the_sampler_reads() -> None:
    """Found out by watching, so that a file read anew is in the comparison at once."""
    pid = os.getpid()
    fast, system, slow = files_of_groups(pid)

    assert f"/proc/{pid}/stat" in fast
    assert f"/proc/{pid}/io" in fast
    assert "/proc/meminfo" in system
    assert f"/proc/{pid}/smaps_rollup" in slow
    assert not {*fast} & {*system, *slow}


@linux_only
def test_a_short_measurement_fills_every_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real recorder and the real loops, for half a second; nothing is said about the values."""
    monkeypatch.setattr(workflow, "WARM_UP_S", 0.2)
    said: list[str] = []
    measured = workflow.measure(0.5, (50,), parts=("ticks", "trees"), trees=(3,), say=said.append)

    assert len(said) == 2
    (cost,) = measured.rates
    unknown = {name for name in FIGURES if getattr(cost, name) is None}
    # half a second need not hold a tick of the slower groups
    assert unknown <= {"system_us", "slow_us"}
    assert cost.ticks > 0
    (tree,) = measured.trees
    assert tree.processes == 3
    assert tree.ticks > 0
    assert tree.cpu_us_per_tick is not None


def test_a_peer_is_compared_only_if_the_machine_was_about_as_busy() -> None:
    """What a loop that only wakes up costs tells: within half as much again, either way."""
    peer = PeerCost("top", "top -b", "top", 0.1, cpu_us_per_tick=600.0, clock_us_per_tick=80.0)

    assert with_ratio(peer, 300.0, 60.0).ratio == 0.5
    assert with_ratio(peer, 300.0, 50.0).ratio is None
    assert with_ratio(peer, 300.0, 130.0).ratio is None
    assert with_ratio(peer, 300.0).ratio == 0.5
    assert with_ratio(peer, None).ratio is None


def test_lateness_is_told_by_its_middle_its_tail_and_its_spread() -> None:
    """99 ticks 10 µs late and one 20 ms late, at 10 Hz: that one alone is later than a tenth."""
    late = np.array([10_000] * 99 + [20_000_000])
    lateness = lateness_of(late, 100_000_000)

    assert lateness.late_us == 10.0
    assert lateness.late_percent == 1.0
    assert lateness.jitter_us == pytest.approx(np.std(late) / 1000)
    assert lateness_of(late[:0], 100_000_000).late_us is None


def run_of(cpu_s: float) -> Run:
    return Run(0, 10**9, cpu_s, 0.0, None, 0, 0, 0, 0, 0, 0)


def test_a_slow_down_is_the_centre_of_the_pairs_that_succeeded() -> None:
    """Ten pairs of +1 %, one that failed: left out and counted."""
    pairs = [Pair("plain", {"plain": run_of(1.0), "recorded": run_of(1.01)})] * 10
    failed = Pair("plain", {"plain": run_of(1.0), "recorded": FailedRun("it exited with 1")})
    slowdown = slowdown_of("cpu", [*pairs, failed], [0.004, 0.006])

    assert (slowdown.pairs, slowdown.failed_pairs) == (10, 1)
    assert slowdown.percent == pytest.approx(1.0)
    assert slowdown.low_percent == pytest.approx(1.0)
    assert slowdown.recorder_percent == pytest.approx(0.5)
    assert "it exited with 1" in slowdown_of("cpu", [failed], []).absent


@linux_only
def test_a_short_duet_gives_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six pairs of the real thing; where there is one core, the reason."""
    told: list[int] = []
    slowdown = overhead_slowdown.measure_slowdown("forks", 6, size=2, say=told.append)
    if len(os.sched_getaffinity(0)) == 1:
        assert "two cores" in slowdown.absent
        return

    assert told == [1, 2, 3, 4, 5, 6]
    assert slowdown.pairs == 6
    assert slowdown.low_percent is not None
    assert slowdown.recorder_percent is not None
    monkeypatch.setattr(overhead_slowdown, "other_core", lambda _: None)
    assert "two cores" in overhead_slowdown.measure_slowdown("forks", 6).absent


@linux_only
@pytest.mark.parametrize("kind", ["cpu", "io", "forks"])
def test_sums_agree_with_wait4(kind: str) -> None:
    """Within 3 % or 20 ms, and 40 ms for a process that reaped children."""
    check = overhead_sums.check_sums(kind, size=120)

    assert check.absent == ""
    assert check.cpu_s is not None
    assert check.cpu_off_percent is not None
    allowed_s = max(0.03 * check.cpu_s, 0.04)
    assert abs(check.cpu_off_percent) / 100 * check.cpu_s <= allowed_s
    if check.written_off_percent is not None:
        assert abs(check.written_off_percent) <= 3
