"""Changes of level are found where they are, and nothing is found in noise."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.gate.change_points import (
    LEAST_END,
    LEAST_STRETCH,
    LEVEL,
    _Model,
    chance_of,
    find_levels,
    pull_in_strays,
)
from perfkit.model.change_point import LEAST_POINTS, Seam

STEP = math.log(1.05)


def noise(points, seed=7, spread=0.005):
    return np.random.default_rng(seed).normal(0, spread, points)


def places(levels):
    return [change.index for change in levels.changes]


def test_three_steps_are_found_where_they_are():
    """Which commit, how sure, how much."""
    values = noise(300)
    values[80:] += STEP
    values[160:] -= STEP
    values[240:] += STEP

    levels = find_levels(values)

    assert places(levels) == [80, 160, 240]
    for change, sign in zip(levels.changes, (1, -1, 1), strict=True):
        assert change.low < sign * STEP < change.high
        assert change.high - change.low < 0.01
        assert change.earliest <= change.index <= change.latest
        assert change.sure > 0.9
        assert change.chance < 1e-6
        assert (change.points_before, change.points_after) in ((80, 80), (80, 60))
    assert levels.noise == pytest.approx(0.005, rel=0.2)
    assert levels.starts == (0, 80, 160, 240)


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_holds_no_change(seed):
    """A few seeds here; benchmarks/change_points.py counts over thousands."""
    assert find_levels(noise(120, seed)).changes == ()


def test_noise_that_stays_is_not_taken_for_changes():
    """Two speeds that each last some runs: a test that thinks runs independent sees many."""
    rng = np.random.default_rng(3)
    speed = (np.cumsum(rng.random(300) > 0.8)) % 2 * 2 - 1
    values = speed * 0.182 + rng.normal(0, 0.083, 300)

    levels = find_levels(values)

    assert levels.changes == ()
    assert levels.autocorrelation > 0.3


def test_stray_commits_are_no_change():
    """Alone, in twos, and in threes inside the series."""
    values = noise(100)
    values[[20, 40, 41, 70, 71, 72]] += 0.5
    values[99] += 0.5

    levels = find_levels(values)

    assert levels.changes == ()
    assert levels.noise < 0.01


@pytest.mark.parametrize("newest", [LEAST_END, 4, 6])
def test_a_new_level_is_known_after_three_commits(newest):
    """Two could be strays."""
    values = noise(60)
    values[-newest:] += STEP

    assert places(find_levels(values)) == [60 - newest]
    assert find_levels(values[: 60 - newest + 2]).changes == ()


def test_a_step_in_values_without_noise_is_found():
    """Peak memory and counts of instructions hardly vary; a chance is a number all the same."""
    levels = find_levels([0.0] * 12 + [0.02] * 4)

    (change,) = levels.changes
    assert change.index == 12
    assert change.shift == pytest.approx(0.02)
    assert change.chance < LEVEL
    assert levels.noise == 0
    assert (change.earliest, change.latest) == (12, 12)


def test_equal_values_hold_nothing():
    """Zero variance is no error."""
    assert find_levels([0.25] * 50).changes == ()
    assert find_levels([]).values == ()
    assert find_levels([1.0]).values == (1.0,)


def test_too_few_results_say_nothing():
    """Whatever they are."""
    assert find_levels([0.0] * 4 + [9.0] * (LEAST_POINTS - 5)).changes == ()


def test_what_joining_left_unknown_is_no_change():
    """One link of a spread of 0.5 % leaves 0.7 % unknown: a step of 1 % is none, 5 % is one."""
    values = noise(80)
    values[40:] += 0.01

    assert places(find_levels(values)) == [40]
    assert find_levels(values, seams=[Seam(40, links=1)]).changes == ()
    values[40:] += 0.04
    (change,) = find_levels(values, seams=[Seam(40, links=1)]).changes
    assert change.at_seam
    assert change.low < STEP < change.high
    assert find_levels(values, seams=[Seam(40, links=0)]).changes == ()


def test_a_change_beside_a_seam_is_found():
    """And a stretch between two seams may be a single result."""
    values = noise(90)
    values[60:] += STEP

    assert places(find_levels(values, seams=[Seam(30, 2), Seam(31, 2)])) == [60]


@pytest.mark.parametrize(
    "wrong",
    [
        {"values": [0.0, math.nan]},
        {"values": [0.0, math.inf]},
        {"values": [[0.0]]},
        {"values": [0.0, 1.0], "seams": [Seam(2, 1)]},
        {"values": [0.0, 1.0], "level": 0.5},
    ],
)
def test_nonsense_is_refused(wrong):
    """With a ValueError."""
    with pytest.raises(ValueError, match="a "):
        find_levels(wrong.pop("values"), **wrong)


def test_a_stricter_level_asks_for_more():
    """One metric of ten has a tenth of the error to itself."""
    assert chance_of(25.0, 300) > chance_of(35.0, 300)
    values = noise(100, 5)
    values[50:] += 0.0052
    assert len(find_levels(values).changes) >= len(find_levels(values, level=1e-9).changes)


@given(
    st.lists(st.floats(-1, 1), max_size=60),
    st.sets(st.integers(1, 59), max_size=4),
)
def test_every_series_has_an_answer_and_upside_down_the_same(values, seams):
    """With what the fields promise."""
    joints = [Seam(index, 1) for index in sorted(seams) if index < len(values)]
    levels = find_levels(values, seams=joints)

    bounds = [*levels.starts, len(values)]
    assert all(after > before for before, after in pairwise(bounds))
    assert {seam.index for seam in joints} <= set(levels.starts)
    for change in levels.changes:
        assert change.earliest <= change.index <= change.latest
        assert 0 <= change.chance <= LEVEL * 1.0001
        assert 0 < change.sure <= 1
        assert change.low <= change.shift <= change.high
    mirrored = find_levels([-value for value in values], seams=joints)
    assert places(mirrored) == places(levels)


@given(st.lists(st.floats(-1, 1), min_size=7, max_size=40))
def test_pulling_in_moves_values_towards_others_only(values):
    """Never beyond the range of the series."""
    pulled = pull_in_strays(np.asarray(values))

    assert pulled.min() >= min(values) - 1e-12
    assert pulled.max() <= max(values) + 1e-12


def test_a_partition_is_the_best_of_all():
    """Against every set of cuts, naively: the least squared error plus penalty."""
    values = np.round(noise(16, 4, 1.0), 2)
    values[9:] += 3
    penalty = 2.0

    def cost(cuts):
        bounds = [0, *cuts, values.size]
        parts = [values[a:b] for a, b in pairwise(bounds)]
        for number, part in enumerate(parts):
            at_end = number in (0, len(parts) - 1)
            if part.size < (LEAST_END if at_end else LEAST_STRETCH):
                return math.inf
        return sum(((part - part.mean()) ** 2).sum() for part in parts) + penalty * len(cuts)

    every = [cuts for count in range(4) for cuts in combinations(range(1, 16), count)]

    assert _Model(values, frozenset())._partition(penalty) == min(every, key=cost)
