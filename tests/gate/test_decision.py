"""The decision over pairs: what stops it, what it says, and that it never says more than it knows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perfkit.gate.decision import Gate, Terms
from perfkit.model.verdict import (
    IMPROVED,
    PASSED,
    REGRESSED,
    UNCHANGED,
    UNDECIDED,
    GateMetric,
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
