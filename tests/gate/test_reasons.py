"""Why it got slower: sentences from figures that a reader can add up by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from perfkit.gate.reasons import FactPair, RunFacts, reasons, work_notes
from perfkit.model.run import Run

PLAIN = Run(
    started_ns=0,
    ended_ns=2_000_000_000,
    cpu_user_s=1.0,
    cpu_system_s=0.5,
    peak_rss_bytes=50 << 20,
    minor_faults=1000,
    major_faults=0,
    read_bytes=0,
    written_bytes=0,
    voluntary_switches=10,
    involuntary_switches=10,
    read_call_bytes=10_000,
    written_call_bytes=1_000_000,
)


def show(value: float, unit: str) -> str:
    return f"{value:g} {unit}"


def facts(run: dict[str, Any] | None = None, **known: Any) -> RunFacts:
    return RunFacts(replace(PLAIN, **(run or {})), **known)


def told(pairs: list[FactPair], *regressed: str) -> tuple[str, ...]:
    return reasons(pairs, pairs, regressed, show)


def test_more_cpu_is_told_with_the_process_and_the_mode() -> None:
    """The process first, since it says where to look."""
    base = facts(processes={"main": 0.5, "worker": 1.0})
    head = facts({"cpu_user_s": 1.5}, processes={"main": 0.5, "worker": 1.5})

    assert told([(base, head)] * 3, "cpu_s") == (
        "more CPU in process worker: 1.5 s instead of 1 s (+50.0 %)",
        "head uses more CPU: 2 s instead of 1.5 s (+33.3 %), 100 % of the difference in user mode",
    )


def test_a_single_process_is_not_named_twice() -> None:
    """Where there is only one it is the whole."""
    pair = facts(processes={"main": 1.5}), facts({"cpu_system_s": 0.6}, processes={"main": 1.6})
    (sentence,) = told([pair], "cpu_s")

    assert sentence.endswith("100 % of the difference in the kernel")


def test_counts_that_rose_go_along_and_small_ones_do_not() -> None:
    """Ten faults more are no reason."""
    head = facts({"minor_faults": 2000, "voluntary_switches": 12, "written_bytes": 8 << 20})
    sentences = told([(facts(), head)], "peak_rss_bytes")

    assert (
        "head takes more minor page faults: 2000 count instead of 1000 count (+100.0 %)"
        in sentences
    )
    assert "head writes more towards storage: 8.38861e+06 bytes instead of 0 bytes" in sentences
    assert not any("waits" in sentence for sentence in sentences)


def test_wall_time_alone_is_waiting() -> None:
    """No more CPU, and yet longer: a sleep, a lock, or fewer threads."""
    head = facts({"ended_ns": 3_000_000_000})
    (sentence,) = told([(facts(), head)], "wall_s")

    assert sentence.startswith("head waits longer, or computes less at once: 1 s more")


def test_throttling_and_neighbours_are_told() -> None:
    """What the machine did to the runs, and in how many pairs."""
    calm = facts(throttled_s=0.0, elsewhere_cores=0.1, stolen_cores=0.0)
    busy = facts(throttled_s=0.4, elsewhere_cores=0.9, stolen_cores=0.3)
    sentences = told([(calm, busy), (calm, busy), (calm, facts(throttled_s=0.4))], "wall_s")

    assert "head was throttled by its cgroup's CPU quota for 0.4 s more" in sentences
    assert any(sentence.startswith("a noisy neighbour: in 4 of 6 pairs") for sentence in sentences)
    assert any(sentence.startswith("in 4 of 6 pairs other guests") for sentence in sentences)


def test_nothing_is_told_of_nothing() -> None:
    """No pair, no reason; equal runs give none either."""
    assert told([], "cpu_s") == ()
    assert told([(facts(), facts())], "cpu_s") == ()
    assert work_notes([], show) == ()


def test_unknown_figures_are_left_out() -> None:
    """A kernel without an account of calls says nothing about them."""
    blind = facts({"read_call_bytes": None, "written_call_bytes": None, "peak_rss_bytes": None})

    assert work_notes([(blind, facts())], show) == ()
    assert told([(blind, blind)], "peak_rss_bytes") == ()


def test_bytes_that_differ_by_more_than_two_percent_are_other_work() -> None:
    """Up to that it may be the length of a path."""
    same, other = (facts({"written_call_bytes": 1_000_000 + more}) for more in (19_000, 21_000))

    assert work_notes([(facts(), same)], show) == ()
    assert work_notes([(facts(), other)], show) == (
        "the work differs: 1.021e+06 bytes instead of 1e+06 bytes (+2.1 %) passed through write calls",
    )


def test_a_process_that_one_side_has_in_most_runs_is_named() -> None:
    """A short one may be missed by a recording now and then; that is no difference."""
    both, one = {"main": 1.0, "cc": 0.1}, {"main": 1.0}
    often = [(facts(processes=one), facts(processes=both))] * 2
    often += [(facts(processes=one), facts(processes=one))]

    assert work_notes(often, show) == ("only head runs cc, base does not",)
    assert work_notes([(facts(processes=both), facts(processes=one)), *often[:0]], show) == (
        "only base runs cc, head does not",
    )
    assert work_notes([(facts(), facts(processes=both))], show) == ()
