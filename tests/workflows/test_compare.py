"""Verdicts on what was measured elsewhere: sessions, and other tools' files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from compared_sessions import HOST, write_run, write_side

from perfkit.errors import UnusableInput, UsageError
from perfkit.gate.decision import Terms
from perfkit.model.noise import Floor, Series
from perfkit.model.verdict import (
    IMPROVED,
    PAIRED,
    PASSED,
    REGRESSED,
    UNCHANGED,
    UNDECIDED,
    UNPAIRED,
    Comparison,
    MetricVerdict,
)
from perfkit.workflows.compare import chosen_metrics, compare_foreign, compare_sessions
from perfkit.workflows.floor import write_floor


def noisy(count: int, middle: float = 1.0, spread: float = 0.004, seed: int = 1) -> list[float]:
    return list(middle * np.exp(np.random.default_rng(seed).normal(0, spread, count)))


def told(comparison: Comparison, name: str) -> MetricVerdict:
    return next(one for one in comparison.metrics if one.metric == name)


# ── sessions ──


@pytest.mark.parametrize(
    ("middle", "said", "of_the_whole"),
    [(1.2, REGRESSED, REGRESSED), (0.8, IMPROVED, PASSED), (1.0, UNCHANGED, PASSED)],
)
def test_sessions_get_the_verdict_that_their_figures_bear(sessions, middle, said, of_the_whole):
    """CPU time beyond base's own spread; swapped, a regression is an improvement."""
    base = write_side(sessions / "base", noisy(20))
    head = write_side(sessions / "head", noisy(20, middle, seed=2))

    found = compare_sessions(str(base), str(head))

    cpu = told(found, "cpu_s")
    assert (cpu.verdict, cpu.design, cpu.pairs) == (said, UNPAIRED, 20)
    assert cpu.effect == pytest.approx(middle - 1, abs=0.01)
    assert told(found, "wall_s").verdict == told(found, "peak_rss_bytes").verdict == UNCHANGED
    assert found.verdict == of_the_whole
    assert (found.base.runs, found.head.runs) == (20, 20)
    assert any("Recorded apart" in note for note in found.notes)
    assert any(one.where == "steady state" for one in found.differences) == (said != UNCHANGED)


def test_one_run_a_side_is_undecided(sessions):
    """However large the difference is."""
    base = write_run(sessions / "base.parquet", 1.0)
    head = write_run(sessions / "head.parquet", 9.0)

    found = compare_sessions(str(base), str(head))

    assert found.verdict == UNDECIDED
    assert told(found, "cpu_s").verdict == UNDECIDED
    assert told(found, "cpu_s").effect == pytest.approx(8.0)


def test_runs_without_any_spread_are_judged(sessions):
    """Zero variance is no fault: equal is unchanged, and peak memory often is equal."""
    base = write_side(sessions / "base", [1.0] * 8)
    head = write_side(sessions / "head", [1.0] * 8, wall_s=2.0)

    assert compare_sessions(str(base), str(head)).verdict == PASSED


def test_a_side_without_a_run_that_counts_is_refused(sessions):
    """Nothing measured is never a pass; why is said."""
    base = write_side(sessions / "base", [1.0] * 3)
    head = write_side(sessions / "head", [1.0] * 3, exit_code=1)

    with pytest.raises(UnusableInput, match=r"head .* no run that counts.*exit code 1"):
        compare_sessions(str(base), str(head))


def test_runs_that_failed_are_reported_beside_those_that_count(sessions):
    """They are no data point."""
    base = write_side(sessions / "base", [1.0] * 5)
    write_run(sessions / "base" / "bad.parquet", 99.0, exit_code=2)
    head = write_side(sessions / "head", [1.0] * 5)

    found = compare_sessions(str(base), str(head))

    assert found.base.runs == 5
    assert len(found.base.failed) == 1
    assert told(found, "cpu_s").base == 1.0


def test_other_hosts_are_refused_unless_allowed(sessions):
    """And said where they are allowed."""
    base = write_side(sessions / "base", [1.0] * 5)
    head = write_side(sessions / "head", [1.0] * 5, host={**HOST, "cpu_model": "b\nmodel"})

    with pytest.raises(UnusableInput, match="--allow-different-hosts") as refused:
        compare_sessions(str(base), str(head))
    found = compare_sessions(str(base), str(head), allow_different_hosts=True)

    assert "\n" not in str(refused.value)
    assert any("different hosts" in note for note in found.notes)


def test_hosts_that_differ_within_a_side_are_refused_too(sessions):
    """A mixture is no baseline."""
    base = write_side(sessions / "base", [1.0] * 5)
    write_run(sessions / "base" / "x.parquet", host={**HOST, "kernel": "6.2"})

    with pytest.raises(UnusableInput, match=r"kernel 6\.1 and 6\.2"):
        compare_sessions(str(base), str(write_side(sessions / "head", [1.0] * 5)))


def test_a_metric_that_only_one_side_has_is_named_and_not_judged(sessions):
    """The others decide."""
    base = write_side(sessions / "base", [1.0] * 8)
    head = write_side(sessions / "head", [1.0] * 8, peak_bytes=None)

    found = compare_sessions(str(base), str(head))

    assert "peak_rss_bytes (only base has it)" in found.not_gated
    assert all(one.metric != "peak_rss_bytes" for one in found.metrics)
    with pytest.raises(UnusableInput, match="nothing in common"):
        compare_sessions(str(base), str(head), metrics=chosen_metrics("peak_rss_bytes"))


def test_unequal_workloads_are_said(sessions):
    """Head reads three times as much, with another program."""
    base = write_side(sessions / "base", [1.0] * 5)
    head = write_side(sessions / "head", [1.0] * 5, read_bytes=3_000_000, target_name="other")

    notes = compare_sessions(str(base), str(head)).notes

    assert sum("the ratio means little" in note for note in notes) == 2


def test_windows_are_compared_by_rates_and_never_with_runs(sessions):
    """A process that ran already, in two stretches."""
    base = write_side(sessions / "base", noisy(8), notes={"window": ""})
    head = write_side(sessions / "head", noisy(8, 1.5, seed=2), notes={"window": ""})

    found = compare_sessions(str(base), str(head))

    assert told(found, "cpu_percent").verdict == REGRESSED
    assert any("stretches" in note for note in found.notes)
    with pytest.raises(UnusableInput, match="cannot be compared"):
        compare_sessions(str(base), str(write_side(sessions / "runs", [1.0] * 3)))


def test_a_recording_on_both_sides_is_said(sessions):
    """Compared with itself, everything is the same."""
    base = write_side(sessions / "base", [1.0] * 5)

    assert any("on both sides" in note for note in compare_sessions(str(base), str(base)).notes)


def test_runs_that_ran_together_are_pairs(sessions):
    """Their common noise cancels: 20 % each way, and 5 % are found."""
    common = noisy(20, spread=0.2)
    for side, effect in (("base", 1.0), ("head", 1.05)):
        for number, (used, own) in enumerate(zip(common, noisy(20, seed=3), strict=True)):
            notes = {"gate_pair": f"x-{number}", "gate_design": "duet"}
            own = own if side == "head" else 1.0
            write_run(
                sessions / side / f"{number:02d}.parquet",
                used * effect * own,
                number=number,
                notes=notes,
            )

    found = compare_sessions(str(sessions / "base"), str(sessions / "head"))

    assert (told(found, "cpu_s").verdict, told(found, "cpu_s").design) == (REGRESSED, PAIRED)
    assert not any("Recorded apart" in note for note in found.notes)
    assert any(name.startswith("wall_s") for name in found.not_gated)


def test_the_metrics_that_decide_can_be_chosen(sessions):
    """By name, or all of them; a name that is none is refused."""
    base, head = (write_side(sessions / side, noisy(8)) for side in ("base", "head"))

    found = compare_sessions(str(base), str(head), metrics=chosen_metrics("minor_faults"))

    assert [one.metric for one in found.metrics if one.gating] == ["minor_faults"]
    assert all(metric.gating for metric in chosen_metrics("all"))
    with pytest.raises(UsageError, match="nonsense"):
        chosen_metrics("cpu_s,nonsense")


# ── other tools' results ──


def table(path, **columns):
    names = list(columns)
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)]))
    return str(path)


def test_pairs_of_a_table_are_compared_as_pairs(tmp_path):
    """They are matched by name, in any order; one without a partner is left out and said."""
    shared = noisy(12, spread=0.3)
    head_noise = noisy(12, 1.1, seed=2)
    base = table(tmp_path / "b.csv", pair=[*range(12), "x"], cpu_s=[*shared, 99])
    order = list(range(12))[::-1]
    head = table(
        tmp_path / "h.csv", pair=order, cpu_s=[shared[at] * head_noise[at] for at in order]
    )

    found = compare_foreign("csv", base, head)

    (cpu,) = found.metrics
    assert (cpu.verdict, cpu.design, cpu.pairs) == (REGRESSED, PAIRED, 12)
    assert (cpu.effect, cpu.unit) == (pytest.approx(0.1, abs=0.01), "s")
    assert found.verdict == REGRESSED
    assert any("have no partner" in note for note in found.notes)


@pytest.mark.parametrize(
    ("effect", "said", "of_the_whole"),
    [(0.1, REGRESSED, REGRESSED), (-0.1, IMPROVED, PASSED), (0.0, UNCHANGED, PASSED)],
)
def test_a_table_without_pairs_is_judged_beyond_its_own_floor(tmp_path, effect, said, of_the_whole):
    """Base's own runs say how far equal builds differ."""
    base = table(tmp_path / "b.csv", alloc_bytes=[round(1e5 * one) for one in noisy(20)])
    head = table(
        tmp_path / "h.csv",
        alloc_bytes=[round(1e5 * one) for one in noisy(20, 1 + effect, seed=2)],
    )

    found = compare_foreign("csv", base, head)

    assert (found.metrics[0].verdict, found.verdict) == (said, of_the_whole)
    assert found.metrics[0].unit == "bytes"


def test_one_row_a_side_is_undecided(tmp_path):
    """No noise is known of it."""
    base, head = (table(tmp_path / f"{n}.csv", cpu_s=[n]) for n in (1, 5))

    assert compare_foreign("csv", base, head).verdict == UNDECIDED


def test_small_numbers_are_not_taken_for_equal(tmp_path):
    """Of 50 ns in seconds, or of ten counts, the ratio counts as of any other."""
    base = table(tmp_path / "b.csv", wait_s=[5e-8] * 8, calls_count=[10] * 8)
    head = table(tmp_path / "h.csv", wait_s=[8e-8] * 8, calls_count=[13] * 8)

    found = compare_foreign("csv", base, head)

    assert [one.effect for one in found.metrics] == pytest.approx([0.6, 0.3])
    assert {one.verdict for one in found.metrics} == {REGRESSED}


def test_zeros_have_a_ratio(tmp_path):
    """None against none is no difference; none against some is one."""
    base = table(tmp_path / "b.csv", faults_count=[0] * 8, swaps_count=[0] * 8)
    head = table(tmp_path / "h.csv", faults_count=[0] * 8, swaps_count=[7] * 8)

    found = {one.metric: one for one in compare_foreign("csv", base, head).metrics}

    assert found["faults_count"].effect == 0
    assert found["swaps_count"].effect is not None


def test_metrics_of_one_side_are_named_and_none_in_common_is_refused(tmp_path):
    """What the sides hold is said."""
    base = table(tmp_path / "b.csv", cpu_s=[1.0] * 8, old=[1] * 8)
    head = table(tmp_path / "h.csv", cpu_s=[1.0] * 8, new=[1] * 8)
    other = table(tmp_path / "o.csv", other=[1] * 8)

    found = compare_foreign("csv", base, head)

    assert found.not_gated == ("old (only base has it)", "new (only head has it)")
    with pytest.raises(UnusableInput, match="base holds cpu_s, old; head holds other"):
        compare_foreign("csv", base, other)


def test_the_columns_that_decide_can_be_chosen(tmp_path):
    """A name that neither file has is refused with those that they have."""
    base, head = (
        table(tmp_path / f"{side}.csv", cpu_s=[1.0] * 8, size=[1] * 8) for side in ("b", "h")
    )

    found = compare_foreign("csv", base, head, names=["size"])

    assert {one.metric: one.gating for one in found.metrics} == {"cpu_s": False, "size": True}
    with pytest.raises(UsageError, match="cpu_s, size"):
        compare_foreign("csv", base, head, names=["nonsense"])


def test_only_one_side_with_pairs_is_said_and_pairs_of_others_refused(tmp_path):
    """Pairs that do not meet are a mistake, not a reason to compare without them."""
    base = table(tmp_path / "b.csv", pair=list("abcdefgh"), cpu_s=[1.0] * 8)
    plain = table(tmp_path / "h.csv", cpu_s=[1.0] * 8)
    strange = table(tmp_path / "s.csv", pair=list("stuvwxyz"), cpu_s=[1.0] * 8)

    assert any("Only one side" in note for note in compare_foreign("csv", base, plain).notes)
    with pytest.raises(UnusableInput, match="no pair"):
        compare_foreign("csv", base, strange)


def test_two_commands_of_hyperfine_are_compared_whatever_they_are_called(tmp_path):
    """One a side; with more, those of one name."""
    paths = []
    for side, times in (("old", noisy(10)), ("new", noisy(10, 1.3, seed=2))):
        path = tmp_path / f"{side}.json"
        path.write_text(json.dumps({"results": [{"command": f"./{side}", "times": times}]}))
        paths.append(str(path))

    found = compare_foreign("hyperfine", *paths)

    assert [(one.metric, one.verdict) for one in found.metrics] == [("wall_s", REGRESSED)]


def test_commands_of_one_name_are_compared_each(project_root):
    """The other side's commands have no part in it."""
    path = str(project_root / "tests" / "data" / "foreign" / "hyperfine-2.0.json")

    found = compare_foreign("hyperfine", path, path)

    names = [one.metric for one in found.metrics]
    assert "python3 work.py 100000: wall_s" in names
    assert len(names) == 10
    assert any("compared with itself" in note for note in found.notes)


def test_files_of_pytest_benchmark_are_runs(tmp_path):
    """Eight files a side decide what the rounds of one do not."""
    for side, middle in (("base", 1e-6), ("head", 1.4e-6)):
        (tmp_path / side).mkdir()
        for number, value in enumerate(noisy(8, middle)):
            benchmarks = [{"fullname": "t::x", "stats": {"median": value, "rounds": 10_000}}]
            (tmp_path / side / f"{number:04d}.json").write_text(
                json.dumps({"benchmarks": benchmarks})
            )
    base, head = str(tmp_path / "base"), str(tmp_path / "head")

    many = compare_foreign("pytest-benchmark", base, f"{head}/*.json")
    one = compare_foreign("pytest-benchmark", f"{base}/0000.json", f"{head}/0000.json")

    assert (many.verdict, many.base.runs) == (REGRESSED, 8)
    assert (one.verdict, one.base.runs) == (UNDECIDED, 1)
    assert any("name several files" in note for note in one.notes)


@pytest.mark.parametrize("value", ["nowhere.csv", "*.csv", "empty", "a\0b"])
def test_files_that_are_not_there_are_refused(tmp_path, monkeypatch, value):
    """In one sentence."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()

    with pytest.raises(UnusableInput) as refused:
        compare_foreign("csv", value, value)

    assert str(refused.value).isprintable()


def test_a_tool_that_is_not_read_is_a_usage_error():
    """The choices are named."""
    with pytest.raises(UsageError, match="hyperfine, pytest-benchmark, pyperf, csv"):
        compare_foreign("ab", "x", "y")


def test_the_sizes_asked_for_decide(tmp_path):
    """10 % are no regression where 20 % are tolerated."""
    base = table(tmp_path / "b.csv", cpu_s=noisy(20))
    head = table(tmp_path / "h.csv", cpu_s=noisy(20, 1.1, seed=2))

    found = compare_foreign("csv", base, head, terms=Terms(tolerance=0.2, margin=0.3))

    assert found.metrics[0].verdict == UNCHANGED
    assert (found.metrics[0].tolerance, found.metrics[0].margin) == (0.2, 0.3)


def test_a_floor_file_says_what_this_host_shows_of_equal_builds(sessions):
    """10 % are found by base's own steady runs, and not told apart where A/A gave 20 %."""
    base = write_side(sessions / "base", noisy(10))
    head = write_side(sessions / "head", noisy(10, 1.1, seed=2))
    series = Series("2026-01-01T00:00:00+00:00", {"cpu_s": (1.0,) * 10 + (1.2,) * 10})
    write_floor(sessions / "floor.json", Floor(HOST, "worker", (series,)))

    own = told(compare_sessions(str(base), str(head)), "cpu_s")
    recorded = compare_sessions(str(base), str(head), floor=sessions / "floor.json")

    assert own.verdict == REGRESSED
    assert told(recorded, "cpu_s").verdict == UNDECIDED
