"""The decision over pairs: what stops it, what it says, and that it never says more than it knows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from perfkit.gate.decision import Gate, Terms, judge
from perfkit.model.verdict import (
    IMPROVED,
    PAIRED,
    PASSED,
    REGRESSED,
    UNCHANGED,
    UNDECIDED,
    UNPAIRED,
    GateMetric,
    Observations,
)

CPU = GateMetric("cpu_s", "s", "CPU time", gating=True)
MEMORY = GateMetric("peak_rss_bytes", "bytes", "peak memory", gating=True)
FAULTS = GateMetric("minor_faults", "count", "faults")


def run_gate(
    gate: Gate, effect: float, *, spread: float = 0.012, seed: int = 1, metric: str = "cpu_s"
) -> int:
    """Feed pairs until the gate has decided; how many it took."""
    generator = np.random.default_rng(seed)
    pairs = 0
    while not gate.decided and pairs < gate.terms.max_pairs:
        base = generator.lognormal(0.0, 0.2)
        gate.add({metric: (base, base * (1 + effect) * math.exp(generator.normal(0, spread)))})
        pairs += 1
    return pairs


def test_five_percent_more_is_a_regression() -> None:
    """Found soon, and the interval says so as well."""
    gate = Gate([CPU], Terms())

    assert run_gate(gate, 0.05) <= 10
    (told,) = gate.verdicts(final=False)
    assert (gate.verdict(final=True), told.verdict) == (REGRESSED, REGRESSED)
    assert told.ci_low is not None
    assert told.ci_low > 0.01


def test_no_difference_passes() -> None:
    """All of the interval lies below the margin."""
    gate = Gate([CPU], Terms())

    assert run_gate(gate, 0.0) <= 10
    (told,) = gate.verdicts(final=False)
    assert (gate.verdict(final=True), told.verdict) == (PASSED, UNCHANGED)
    assert told.ci_high is not None
    assert told.ci_high < 0.03


def test_less_is_an_improvement_and_passes() -> None:
    """Base and head swapped never fail."""
    gate = Gate([CPU], Terms())
    run_gate(gate, -0.05)

    assert (gate.verdict(final=True), gate.verdicts(final=False)[0].verdict) == (PASSED, IMPROVED)


def test_a_metric_that_does_not_gate_decides_nothing() -> None:
    """It is told of, behind those that gate."""
    gate = Gate([FAULTS, CPU], Terms())
    for _ in range(12):
        gate.add({"cpu_s": (1.0, 1.0), "minor_faults": (100, 200)})

    assert gate.verdict(final=True) == PASSED
    assert [told.verdict for told in gate.verdicts(final=False)] == [UNCHANGED, REGRESSED]


def test_pairs_of_two_designs_come_apart() -> None:
    """A metric that is decided is no longer wanted."""
    gate = Gate([CPU, MEMORY], Terms())
    for _ in range(8):
        gate.add({"cpu_s": (1.0, 1.0)})

    assert gate.wanting == {"peak_rss_bytes"}
    assert not gate.decided
    assert gate.verdict(final=True) == UNDECIDED


@pytest.mark.parametrize("values", [(math.nan, 1.0), (1.0, math.inf), (-1.0, 1.0)])
def test_what_is_no_figure_is_refused(values: tuple[float, float]) -> None:
    """And nothing of its pair is taken in."""
    gate = Gate([CPU, MEMORY], Terms())

    with pytest.raises(ValueError, match="a figure is"):
        gate.add({"peak_rss_bytes": (1e6, 1e6), "cpu_s": values})
    assert [told.pairs for told in gate.verdicts(final=False)] == [0, 0]


@pytest.mark.parametrize(
    "terms",
    [
        {"tolerance": -0.1},
        {"tolerance": 0.05},
        {"tolerance": math.nan},
        {"margin": math.nan},
        {"tolerance": 0.0, "margin": 0.0},
        {"fail_level": 0.0},
        {"pass_level": 1.0},
        {"max_pairs": 0},
    ],
)
def test_terms_that_contradict_each_other_are_refused(terms: dict[str, float]) -> None:
    """Here, before anything is run."""
    with pytest.raises(ValueError, match=r"margin|tolerance|level|pairs"):
        Terms(**terms)  # type: ignore[arg-type]


def test_more_gating_metrics_take_more_certainty() -> None:
    """Seven pairs are 1 in 128: enough for one metric, not for two."""
    one, two = Gate([CPU], Terms()), Gate([CPU, MEMORY], Terms())
    for gate in (one, two):
        for _ in range(7):
            gate.add({"cpu_s": (1.0, 1.5)})

    assert (one.decided, two.decided) == (True, False)
    two.add({"cpu_s": (1.0, 1.5)})
    assert two.decided
    assert two.verdict(final=False) == REGRESSED


def test_a_verdict_is_what_its_interval_says() -> None:
    """For every effect and number of pairs."""
    generator = np.random.default_rng(3)
    for effect in (-0.06, -0.02, 0.0, 0.02, 0.06):
        gate = Gate([CPU], Terms())
        for _ in range(14):
            gate.add({"cpu_s": (1.0, 1 + effect + generator.normal(0, 0.01))})
            (told,) = gate.verdicts(final=False)
            low = -1.0 if told.ci_low is None else told.ci_low
            high = math.inf if told.ci_high is None else told.ci_high
            assert (told.verdict == REGRESSED) == (low > told.tolerance)
            if told.verdict == UNCHANGED:
                assert high < told.margin
            if told.verdict == IMPROVED:
                assert high < -told.tolerance / (1 + told.tolerance)
            if told.verdict == UNDECIDED:
                assert high >= told.margin
            assert low <= high


def test_a_gate_that_ends_says_what_it_can_find() -> None:
    """And how many pairs its verdict took."""
    gate = Gate([CPU, FAULTS], Terms())
    pairs = run_gate(gate, 0.0)
    told, faults = gate.verdicts(final=True)

    assert told.decided_after == pairs
    assert told.detectable_effect is not None
    assert 0.01 < told.detectable_effect < 0.06
    assert told.noise is not None
    assert 0.002 < told.noise < 0.05
    assert (faults.pairs, faults.effect, faults.ci_low) == (0, None, None)
    assert faults.note == "no pair of runs has it on both sides"


def test_equal_runs_pass_and_none_against_none_is_no_difference() -> None:
    """Zero variance is no trouble, and neither is zero."""
    gate = Gate([replace(CPU, quantum=1e-6), replace(FAULTS, quantum=1.0, gating=True)], Terms())
    for _ in range(5):
        gate.add({"cpu_s": (2.0, 2.0), "minor_faults": (0, 0)})

    assert gate.verdict(final=True) == PASSED
    assert [told.effect for told in gate.verdicts(final=False)] == [0.0, 0.0]


def test_one_disturbed_pair_decides_nothing() -> None:
    """A run that something else slowed down a hundredfold."""
    gate = Gate([CPU], Terms())
    gate.add({"cpu_s": (1.0, 100.0)})

    assert run_gate(gate, 0.0) <= 20
    assert gate.verdict(final=True) == PASSED


def test_a_metric_is_known_by_name_once() -> None:
    """Neither twice nor unknown."""
    with pytest.raises(ValueError, match="twice"):
        Gate([CPU, CPU], Terms())
    with pytest.raises(ValueError, match="no metric"):
        Gate([CPU], Terms()).add({"wall_s": (1.0, 1.0)})


def observed(
    base: list[float | None], head: list[float | None], *, paired: bool, name: str = "cpu_s"
) -> Observations:
    """Runs of one metric, in pairs by their place."""
    pairs = tuple((place, place) for place in range(len(base))) if paired else ()
    return Observations({name: tuple(base)}, {name: tuple(head)}, pairs)


def test_recorded_pairs_are_judged_as_a_gate_would() -> None:
    """Only that every one of them counts."""
    noise = np.random.default_rng(5).lognormal(0, 0.2, 12)
    base = [float(value) for value in noise]
    verdict, (told,) = judge(
        observed([*base, None], [*(1.08 * value for value in base), 3.0], paired=True),
        [CPU, MEMORY],
        Terms(),
    )

    assert (verdict, told.verdict, told.design) == (REGRESSED, REGRESSED, PAIRED)
    assert (told.pairs, told.effect) == (12, pytest.approx(0.08))


def test_the_same_runs_without_their_pairs_are_undecided() -> None:
    """The noise that cancelled is all there again, and the power says so."""
    noise = np.random.default_rng(5).lognormal(0, 0.2, 12)
    base = [float(value) for value in noise]
    verdict, (told,) = judge(
        observed(base, [1.08 * value for value in base], paired=False), [CPU], Terms()
    )

    assert (verdict, told.verdict, told.design) == (UNDECIDED, UNDECIDED, UNPAIRED)
    assert told.detectable_effect is not None
    assert told.detectable_effect > 0.1
    assert "no pairs" in told.note


def test_a_floor_that_was_given_holds() -> None:
    """An effect beyond a recorded floor is a regression, one below is not."""
    generator = np.random.default_rng(9)
    base = [float(value) for value in generator.normal(1, 0.005, 15)]
    head = [float(value) for value in generator.normal(1.1, 0.005, 15)]
    observations = observed(base, head, paired=False)

    assert judge(observations, [CPU], Terms())[0] == REGRESSED
    assert judge(observations, [CPU], Terms(), floor={"cpu_s": 0.05})[0] == REGRESSED
    assert judge(observations, [CPU], Terms(), floor={"cpu_s": 0.2})[0] == UNDECIDED
    assert judge(observed(head, base, paired=False), [CPU], Terms())[1][0].verdict == IMPROVED


@pytest.mark.parametrize(
    ("base", "head", "note"),
    [
        ([1.0], [1.0], "noise floor"),
        ([1.0, 1.0], [2.0, 2.0], "noise floor"),
        ([1.0] * 6, [math.nan] * 6, "a figure is"),
        ([1.0] * 6, [0.0] * 6, "no ratio"),
        ([1.0] * 6, [-1.0] * 6, "a figure is"),
        ([1.0] * 6, [None] * 6, "only base has it"),
    ],
)
def test_what_cannot_be_judged_is_undecided_with_the_reason(
    base: list[float | None], head: list[float | None], note: str
) -> None:
    """One run a side, not a number, nothing to compare with."""
    verdict, (told,) = judge(observed(base, head, paired=False), [CPU], Terms())

    assert (verdict, told.verdict) == (UNDECIDED, UNDECIDED)
    assert note in told.note


def test_nothing_measured_is_never_a_pass() -> None:
    """Without a gating metric there is no verdict."""
    assert judge(Observations({}, {}), [CPU], Terms()) == (UNDECIDED, ())
    assert Gate([], Terms()).verdict(final=True) == UNDECIDED


def test_unpaired_runs_without_any_variance_pass() -> None:
    """A count of allocations that never differs."""
    verdict, (told,) = judge(observed([7.0] * 8, [7.0] * 8, paired=False), [CPU], Terms())

    assert (verdict, told.effect) == (PASSED, 0.0)
