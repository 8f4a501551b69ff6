"""Tails fitted to the largest peaks."""

from __future__ import annotations

import numpy as np
import pytest

from perfkit.stats.extreme_values import Peaks, Prior, fit_tails, pareto_shape

PRIOR = Prior(scale=1.0, shape=0.0, peaks=5.0, shape_peaks=20.0)


def test_level_is_the_inverse_of_surprise() -> None:
    """For tails with and without a shape."""
    rng = np.random.default_rng(1)
    peaks = -np.sort(-rng.pareto(3, (4, 33)), axis=1)
    tails = fit_tails(peaks, np.full(4, 32), np.full(4, 1e4), np.zeros(4), 1.0, PRIOR)
    for nats in (8.0, 12.0, 20.0):
        assert tails.surprise(tails.level(nats)) == pytest.approx(np.full(4, nats))


def test_the_promise_holds_for_exponential_peaks() -> None:
    """Of fresh streams of 200 peaks, one in twenty goes beyond what is promised to one in twenty."""
    rng = np.random.default_rng(2)
    streams, seen = 2000, 200
    values = rng.exponential(size=(streams, seen + 1))
    peaks = -np.sort(-values[:, :seen], axis=1)[:, :33]
    tails = fit_tails(
        peaks, np.full(streams, 32), np.full(streams, float(seen)), np.zeros(streams), 1.0, PRIOR
    )
    beyond = values[:, seen] > tails.level(-np.log(0.05))
    assert 0.03 < beyond.mean() < 0.07


def test_neighbouring_stretches_beyond_the_base_are_one_peak() -> None:
    """A burst over three stretches counts once, as its largest."""
    peaks = Peaks(1, 4)
    for value in (1.0, 5.0, 6.0, 5.5, 1.0, 2.0):
        peaks.add(np.array([value]), np.array([10.0]), np.array([3.0]))
    assert peaks.largest[0, :4].tolist() == [6.0, 2.0, 1.0, 1.0]
    assert peaks.exposure[0] == 60


def test_replaced_peaks_are_those_of_the_stretches_given() -> None:
    """Of the streams that were named, alone."""
    peaks = Peaks(2, 3)
    peaks.add(np.array([9.0, 9.0]), np.array([1.0, 1.0]), np.zeros(2))
    peaks.replace(
        np.array([True, False]), np.array([[1.0, 3.0], [7.0, 8.0]]), np.ones((2, 2), np.int64)
    )
    assert peaks.largest[:, :2].tolist() == [[3.0, 1.0], [9.0, -np.inf]]
    assert peaks.exposure.tolist() == [2.0, 1.0]


@pytest.mark.parametrize("shape", [0.0, 0.2, 0.4, -0.3])
def test_the_shape_of_a_pareto_tail_is_found_by_its_moments(shape: float) -> None:
    """Heavy tails are above 0, tails with an end below."""
    share = (np.arange(200_000) + 0.5) / 200_000  # of excesses that are larger
    excesses = -np.log(share) if shape == 0 else np.expm1(-shape * np.log(share)) / shape

    found = pareto_shape(excesses.mean(), (excesses * share).mean())

    assert found == pytest.approx(shape, abs=0.02)
