"""The simulated gate against the real one, and the detectable effect against its promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perfkit.gate.decision import Gate, Terms
from perfkit.gate.detectable import Array, detectable_effect, simulate
from perfkit.model.verdict import IMPROVED, REGRESSED, UNCHANGED, GateMetric

TERMS = {"tolerance": 0.01, "margin": 0.03, "fail_level": 0.01, "pass_level": 0.05}
CPU = GateMetric("cpu_s", "s", "CPU time", gating=True)


def draw(generator: np.random.Generator, kind: str, shape: tuple[int, ...]) -> Array:
    """Noise with a standard deviation of one."""
    if kind == "normal":
        return generator.normal(size=shape)
    if kind == "heavy tails":
        return generator.standard_t(3, shape) / math.sqrt(3)
    middles = generator.choice([-1.3, 0.0, 0.0, 1.3], shape)
    return (middles + 0.4 * generator.normal(size=shape)) / math.hypot(0.92, 0.4)


@pytest.mark.parametrize("effect", [-0.05, -0.02, 0.0, 0.02, 0.03, 0.05])
def test_the_simulated_gate_is_the_real_one(effect: float) -> None:
    """Pair for pair: the same verdict after the same number of pairs."""
    ratios = math.log1p(effect) + 0.015 * np.random.default_rng(4).normal(size=(25, 20))
    outcomes = simulate(ratios, **TERMS)
    for number, row in enumerate(ratios):
        gate = Gate([CPU], Terms(max_pairs=20))
        pairs = 0
        while pairs < 20 and not gate.decided:
            gate.add({"cpu_s": (1.0, math.exp(row[pairs]))})
            pairs += 1
        verdict = gate.verdicts(final=False)[0].verdict

        assert pairs == outcomes.pairs[number]
        assert (verdict == REGRESSED) == outcomes.regressed[number]
        assert (verdict == IMPROVED) == outcomes.improved[number]
        assert (verdict == UNCHANGED) == outcomes.unchanged[number]


@pytest.mark.parametrize("kind", ["normal", "heavy tails", "two speeds"])
@pytest.mark.parametrize(("spread", "known"), [(0.013, 10), (0.013, 30), (0.2, 30)])
def test_the_detectable_effect_is_found_in_80_of_100_cases(
    kind: str, spread: float, known: int
) -> None:
    """Six printed effects, each tried on 200 fresh gates with the true noise; fixed seed."""
    generator = np.random.default_rng(15)
    found = []
    for _ in range(6):
        effect = detectable_effect(spread * draw(generator, kind, (known,)), max_pairs=30, **TERMS)
        assert effect is not None
        fresh = math.log1p(effect) + spread * draw(generator, kind, (200, 30))
        found.append(simulate(fresh, **TERMS).regressed.mean())

    # the printed effect itself varies with the pairs that it rests on
    assert 0.70 <= np.mean(found) <= 0.90


def test_so_few_pairs_that_nothing_can_be_found_say_so() -> None:
    """Six pairs give at most 1 in 64, and a fail needs 1 in 100."""
    ratios = [0.01, -0.01, 0.0, 0.004, -0.006]

    assert detectable_effect(ratios, max_pairs=6, **TERMS) is None
    assert detectable_effect(ratios, max_pairs=7, **TERMS) is not None
    assert detectable_effect(ratios[:3], max_pairs=30, **TERMS) is None


def test_more_noise_hides_more() -> None:
    """And the same seed gives the same answer."""
    ratios = np.random.default_rng(2).normal(0, 0.02, 12)
    narrow = detectable_effect(ratios, max_pairs=20, **TERMS)
    wide = detectable_effect(5 * ratios, max_pairs=20, **TERMS)

    assert narrow is not None
    assert wide is not None
    assert narrow < wide
    assert detectable_effect(ratios, max_pairs=20, **TERMS) == narrow


def test_runs_without_any_noise_have_a_detectable_effect() -> None:
    """Below the margin, beyond the tolerance."""
    effect = detectable_effect([0.0] * 8, max_pairs=30, **TERMS)

    assert effect is not None
    assert 0.01 < effect <= 0.035
