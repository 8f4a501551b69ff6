"""Runs that are no pairs: regressed beyond the host's own floor only."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from perfkit.gate.unpaired import largest_shift, own_floor, unpaired_shift
from perfkit.stats.two_samples import shift_interval

TERMS = {"tolerance": 0.01, "fail_level": 0.01, "pass_level": 0.05}


def drifting(generator: np.random.Generator, runs: int, spread: float = 0.02) -> list[float]:
    """Runs of a machine whose speed wanders slowly."""
    steps = generator.normal(0, spread, runs)
    wander = np.zeros(runs)
    for place in range(1, runs):
        wander[place] = 0.9 * wander[place - 1] + steps[place]
    return [float(value) for value in wander + generator.normal(0, spread / 2, runs)]


@given(
    st.lists(st.floats(-1, 1).map(lambda number: round(number, 3)), min_size=2, max_size=14),
    st.integers(1, 5),
)
def test_the_largest_shift_is_that_of_plain_loops(values: list[float], size: int) -> None:
    """Every block of runs in a row against every other that it does not overlap."""
    assume(2 * size <= len(values))
    places = range(len(values) - size + 1)
    naive = max(
        abs(np.median(values[one : one + size]) - np.median(values[other : other + size]))
        for one in places
        for other in places
        if other >= one + size
    )

    assert largest_shift(values, size) == pytest.approx(naive)


def test_a_shift_and_a_floor_by_hand() -> None:
    """With too few runs for two blocks, one block against the rest."""
    assert largest_shift([0.0, 0.0, 0.3, 0.3, 0.0, 0.0], 2) == pytest.approx(0.3)
    assert largest_shift([0.0, 1.0, 2.0], 1) == pytest.approx(2.0)
    assert largest_shift([0.0, 1.0, 2.0], 2) == pytest.approx(1.5)
    assert own_floor([0.0] * 4, 2) is None
    assert own_floor([0.0, 0.0, 0.0, 0.1, 0.1, 0.1], 50) == pytest.approx(2 * 0.1)


@pytest.mark.parametrize("size", [0, 3])
def test_a_block_leaves_others(size: int) -> None:
    """Nothing can be said of a block that is all there is."""
    with pytest.raises(ValueError, match="no block of"):
        largest_shift([1.0, 2.0, 3.0], size)


def test_a_floor_keeps_the_bounds_away() -> None:
    """However many runs there are and however little they vary."""
    generator = np.random.default_rng(1)
    base, head = generator.normal(0, 0.001, 40), generator.normal(0.05, 0.001, 40)
    plain = unpaired_shift(base, head, floor=0.0, **TERMS)
    held = unpaired_shift(base, head, floor=0.045, **TERMS)

    assert plain.low > 0.045
    assert held.low == pytest.approx(held.estimate - 0.045)
    assert held.high == pytest.approx(held.estimate + 0.045)
    assert held.detectable is not None
    assert plain.detectable is not None
    assert held.detectable > 0.05 > plain.detectable


def test_without_a_floor_there_are_no_bounds() -> None:
    """Four runs of base show none."""
    shift = unpaired_shift([0.0] * 4, [1.0] * 20, floor=None, **TERMS)

    assert (shift.low, shift.high, shift.floor, shift.detectable) == (
        -math.inf,
        math.inf,
        None,
        None,
    )


def test_a_drifting_host_is_rarely_called_slower() -> None:
    """Base recorded, head 100 runs later, no difference: far less often than by ranks alone."""
    generator = np.random.default_rng(3)
    floor_hits = rank_hits = 0
    for _ in range(200):
        runs = drifting(generator, 120)
        base, head = runs[:10], runs[110:]
        floor_hits += unpaired_shift(base, head, floor=None, **TERMS).low > math.log(1.01)
        rank_hits += shift_interval(base, head, 0.01, 0.05).low > math.log(1.01)
    known = max(largest_shift(drifting(generator, 120), 10) for _ in range(5))

    assert rank_hits > 30
    assert floor_hits < 0.4 * rank_hits
    assert (
        sum(
            unpaired_shift(runs[:10], runs[110:], floor=known, **TERMS).low > math.log(1.01)
            for runs in (drifting(generator, 120) for _ in range(200))
        )
        <= 4
    )


def test_the_detectable_shift_is_found_in_80_of_100_cases() -> None:
    """Independent runs with the floor of their host; fixed seed."""
    generator = np.random.default_rng(8)
    found = []
    for _ in range(8):
        base, head = generator.normal(0, 0.02, 12), generator.normal(0, 0.02, 10)
        shift = unpaired_shift(base, head, floor=0.03, **TERMS).detectable
        assert shift is not None
        found += [
            unpaired_shift(
                generator.normal(0, 0.02, 12),
                generator.normal(shift, 0.02, 10),
                floor=0.03,
                **TERMS,
            ).low
            > math.log(1.01)
            for _ in range(12)
        ]

    assert 0.7 <= np.mean(found) <= 0.9
