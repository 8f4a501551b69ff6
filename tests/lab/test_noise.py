"""Ordinary life has the size that it says."""

from __future__ import annotations

import random
import statistics

from perfkit.lab.noise import Bursts, Wander, jitter


def test_a_level_wanders_about_one_and_forgets() -> None:
    """Its spread is sigma, and after many times its memory it is another."""
    wander = Wander(random.Random(1), 20_000.0, 0.1, 5.0)
    values = [wander(at) for at in range(0, 20_000, 10)]

    assert 0.98 < statistics.median(values) < 1.02
    assert 0.08 < statistics.stdev(values) < 0.12
    assert abs(statistics.correlation(values[:-10], values[10:])) < 0.1


def test_a_level_can_be_asked_for_at_any_time() -> None:
    """Before the beginning and after the end too: a program's clock is not exact."""
    wander = Wander(random.Random(1), 10.0, 0.1, 5.0)

    assert wander(-1.0) == wander(0.0)
    assert 0.5 < wander(1e6) < 2


def test_bursts_are_as_high_and_as_many_as_asked() -> None:
    """One in so many seconds, outside of which the level is 1."""
    bursts = Bursts(random.Random(2), 10_000.0, 18.0, (1.0, 3.0), (2.0, 4.0))
    levels = [bursts(at / 10) for at in range(100_000)]
    high = [level for level in levels if level != 1.0]

    assert all(2 <= level <= 4 for level in high)
    assert 0.08 < len(high) / len(levels) < 0.12


def test_jitter_has_a_mean_of_one_and_a_tail() -> None:
    """One in a hundred is two to three times as large."""
    rng = random.Random(3)
    factors = [jitter(rng, 0.1) for _ in range(20_000)]

    assert 1.01 < statistics.fmean(factors) < 1.02
    assert 0.005 < sum(factor > 1.6 for factor in factors) / len(factors) < 0.015
