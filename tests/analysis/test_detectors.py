"""What every detector of the registry promises, whoever adds one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.analysis.detectors.past import PastQuantile
from perfkit.analysis.detectors.registry import DETECTORS
from perfkit.analysis.detectors.sliding import SlidingMean

Values = npt.NDArray[np.float64]

pytestmark = pytest.mark.filterwarnings("error")

every_detector = pytest.mark.parametrize("name", list(DETECTORS))


def scores(name: str, values: Values, cuts: list[int] | None = None) -> Values:
    """Of a fresh detector, given the values in the pieces that cuts make."""
    detector = DETECTORS[name].start()
    bounds = [0, *sorted(cuts or []), len(values)]
    return np.concatenate([detector.score(values[a:b]) for a, b in pairwise(bounds)])


def stream(seed: int, rows: int = 600) -> Values:
    """Noise around a level that wanders, with a jump."""
    rng = np.random.default_rng(seed)
    values = 50 + rng.standard_normal(rows) + 0.05 * rng.standard_normal(rows).cumsum()
    values[rows * 3 // 4 :] += 8
    return values


numbers = st.floats(allow_nan=False, allow_infinity=False, width=64)


@every_detector
@settings(max_examples=30, deadline=None)
@given(st.lists(numbers, max_size=120), st.lists(st.integers(0, 120), max_size=6))
def test_any_numbers_have_finite_scores_that_do_not_depend_on_the_cuts(
    name: str, values: list[float], cuts: list[int]
) -> None:
    """The largest and the smallest of floats too; to the last bit."""
    given_values = np.array(values, np.float64)
    whole = scores(name, given_values)

    assert whole.shape == given_values.shape
    assert np.isfinite(whole).all()
    assert (whole >= 0).all()
    pieces = scores(name, given_values, [min(cut, len(values)) for cut in cuts])
    assert pieces.tobytes() == whole.tobytes()


@every_detector
@pytest.mark.parametrize("step", [1, 7, 64, 333])
def test_a_long_stream_scores_the_same_in_pieces(name: str, step: int) -> None:
    """Over several counts of its past."""
    values = stream(1, 3000)

    pieces = scores(name, values, list(range(step, 3000, step)))

    assert pieces.tobytes() == scores(name, values).tobytes()


@every_detector
def test_what_comes_later_changes_no_score(name: str) -> None:
    """A score is given when its value is: it cannot wait."""
    values = stream(2)

    assert scores(name, values)[:400].tobytes() == scores(name, values[:400]).tobytes()


@every_detector
@pytest.mark.parametrize("value", [0.0, -0.0, 7.25, 0.1, -1e300, 5e-324])
def test_what_never_changes_is_never_unusual(name: str, value: float) -> None:
    """Flat metrics raise nothing."""
    assert not scores(name, np.full(500, value)).any()


@every_detector
def test_nothing_and_one_value_have_no_score(name: str) -> None:
    """Too little to say anything of."""
    assert scores(name, np.zeros(0)).tolist() == []
    assert scores(name, np.array([3.5])).tolist() == [0.0]


@every_detector
def test_values_are_left_as_they_are(name: str) -> None:
    """They belong to the caller."""
    values = stream(3)
    before = values.copy()

    scores(name, values)

    assert values.tobytes() == before.tobytes()


@every_detector
@pytest.mark.parametrize("factor", [2.0**-40, 0.5, 1024.0])
def test_the_unit_does_not_matter(name: str, factor: float) -> None:
    """Bytes or gigabytes: the same scores."""
    values = stream(4)

    assert scores(name, values * factor).tobytes() == scores(name, values).tobytes()


@every_detector
def test_a_jump_in_noise_is_the_strangest_of_its_stream(name: str) -> None:
    """Of eight times the noise, found within 64 rows."""
    rng = np.random.default_rng(5)
    values = rng.standard_normal(2000)
    values[1500:] += 8.0

    found = scores(name, values)

    assert found[1500:1564].max() == found[100:].max()
    assert found[1500:1564].max() >= DETECTORS[name].threshold


@every_detector
def test_of_two_jumps_the_larger_has_the_higher_score(name: str) -> None:
    """Scores order: they do not saturate."""
    rng = np.random.default_rng(6)
    noise = rng.standard_normal(1500)

    def highest(size: float) -> float:
        values = noise.copy()
        values[1200:] += size
        return float(scores(name, values)[1200:].max())

    assert highest(10.0) < highest(100.0) < highest(10_000.0)


@every_detector
def test_memory_does_not_grow_with_the_stream(name: str) -> None:
    """What is carried after two hundred thousand values is not more than after a hundred thousand."""
    rng = np.random.default_rng(7)
    detector = DETECTORS[name].start()
    sizes = []
    for _ in range(10):
        detector.score(rng.standard_normal(20_000))
        sizes.append(_held_bytes(detector))

    assert max(sizes[5:]) <= 2 * max(sizes[:5])
    assert max(sizes) < 200_000


def _held_bytes(thing: object) -> int:
    """Of all arrays that an object holds, or its parts."""
    if isinstance(thing, np.ndarray):
        return thing.nbytes
    if isinstance(thing, list):
        return sum(map(_held_bytes, thing))
    return sum(map(_held_bytes, vars(thing).values())) if hasattr(thing, "__dict__") else 8


@given(st.lists(st.floats(0, 1e6), min_size=40, max_size=300), st.sampled_from([0.5, 0.9, 0.99]))
@settings(max_examples=50, deadline=None)
def test_a_past_quantile_is_that_of_the_amounts_when_last_counted(
    amounts: list[float], share: float
) -> None:
    """Within the width of a bin, against a sort of all of them."""
    past = PastQuantile(share)
    values = np.array(amounts)
    counted = 0
    begin = 0
    while begin < len(values):
        until = past.rows_until_count
        past.add(values[begin : begin + until])
        begin += until
        counted = begin if begin <= len(values) else counted
    ordered = np.sort(values[:counted])
    place = int(np.ceil(share * counted)) - 1

    assert past.level is not None
    assert ordered[place] <= past.level * (1 + 1e-12)
    smallest = max(ordered[-1] * 2.0**-63, 2.0**-1000)  # what is below is counted together
    assert past.level <= max(ordered[min(place + 1, counted - 1)] * 1.07, smallest)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80))
def test_sliding_means_are_means(values: list[float]) -> None:
    """Against numpy, the first value having been there for ever."""
    padded = np.concatenate((np.full(15, values[0]), values))

    for width in (1, 2, 4, 8, 16):
        naive = [padded[k + 16 - width : k + 16].mean() for k in range(len(values))]
        means = SlidingMean(width).add(np.array(values))
        np.testing.assert_allclose(means, naive, rtol=1e-9, atol=1e-6)
