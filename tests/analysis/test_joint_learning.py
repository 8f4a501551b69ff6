"""Learning how metrics go together, and the distance, against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joint_examples import NAMES, SECOND, block, load, model

from perfkit.analysis.joint.distance import Distances
from perfkit.analysis.joint.learning import JointLearner
from perfkit.analysis.joint.rows import WINDOW, Rows
from perfkit.analysis.watched import WATCHED


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    missing=st.lists(st.integers(0, 4), max_size=3, unique=True),
)
def test_distances_are_those_of_the_inverse_of_the_marginal_covariance(
    seed: int, missing: list[int]
) -> None:
    """x' S^-1 x of the metrics that are there; shares are none below 0 and add up to it.

    Beyond 8 scales x grows as the square root.
    """
    learned = model()
    rng = np.random.default_rng(seed)
    row = np.array(learned.middle) + 5 * np.array(learned.scale) * rng.normal(size=5)
    row[missing] = np.nan
    far = Distances(learned).of(row[np.newaxis])[0]
    here = np.flatnonzero(np.isfinite(row))
    if len(here) < 3:
        assert np.isnan(far)
        return
    scaled = np.array(
        [
            z if abs(z) <= 8 else np.sign(z) * (2 * np.sqrt(8 * abs(z)) - 8)
            for z in (row - learned.middle) / learned.scale
        ]
    )
    scaled -= learned.mean
    covariance = np.array(learned.covariance)[np.ix_(here, here)]
    squared = scaled[here] @ np.linalg.inv(covariance) @ scaled[here]
    assert far == pytest.approx(np.sqrt(2 * squared) - np.sqrt(2 * len(here) - 1), rel=1e-9)
    shares = Distances(learned).shares(row)
    assert (shares >= 0).all() and shares[missing].sum() == 0
    assert shares.sum() == pytest.approx(1)


def test_distances_do_not_depend_on_the_rows_beside_them() -> None:
    """One at a time and all at once, to the last bit."""
    learned = model()
    rng = np.random.default_rng(1)
    rows = np.array(learned.middle) + np.array(learned.scale) * rng.normal(size=(257, 5))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    distances = Distances(learned)
    whole = distances.of(rows)
    single = np.concatenate([distances.of(row[np.newaxis]) for row in rows])
    np.testing.assert_array_equal(whole, single)


def test_rows_are_medians_of_the_last_periods() -> None:
    """Against numpy, with nulls; not at the start, and not across a gap."""
    watched = [one for one in WATCHED if one.metric in NAMES]
    rng = np.random.default_rng(1)
    values = load(1, 100)
    for column in values.values():
        column[rng.random(100) < 0.3] = np.nan
    numbers = np.arange(100) + 50 * (np.arange(100) >= 60)
    ((seen, rows), (seen_later, later)) = Rows(watched, SECOND).add(block(values, numbers))
    assert seen.tolist() == list(range(60)) and seen_later.tolist() == list(range(110, 150))
    for at, one in enumerate(watched):
        column = values[one.metric]
        assert np.isnan(rows[: 3 + WINDOW - 1, at]).all()
        assert np.isnan(later[: WINDOW - 1, at]).all()
        for t in (*range(3 + WINDOW - 1, 60), *range(60 + WINDOW - 1, 100)):
            there = [v for v in column[t - WINDOW + 1 : t + 1] if np.isfinite(v)]
            found = rows[t, at] if t < 60 else later[t - 60, at]
            if there:
                assert found == pytest.approx(np.median(there), rel=1e-12)
            else:
                assert np.isnan(found)


def test_a_model_is_the_same_however_periods_were_cut() -> None:
    """And its covariance is that of what goes together."""
    learner = JointLearner(NAMES, SECOND)
    for seed in range(100, 103):
        periods = block(load(seed, 1200))
        for start in range(0, 1200, 77):
            learner.add(periods[start : start + 77])
        learner.end_session()
    assert learner.learned() == model()
    covariance = np.array(model().covariance)
    cpu, throughput = (
        model().metrics.index("cpu_percent"),
        model().metrics.index("throughput_per_s"),
    )
    spread = np.sqrt(covariance[cpu, cpu] * covariance[throughput, throughput])
    assert covariance[cpu, throughput] / spread > 0.7


def test_one_session_is_held_out_in_blocks_of_time() -> None:
    """Its drift is part of what is usual."""
    learned = model(1, 1200)
    assert learned.sessions == 1
    assert learned.threshold > 0


def test_too_little_is_no_model() -> None:
    """Too few periods, or fewer than two metrics that most of them have."""
    for count, names in ((30, NAMES), (1200, ("cpu_percent",)), (0, NAMES)):
        learner = JointLearner(names, SECOND)
        learner.add(block(load(1, 1200))[:count])
        learner.end_session()
        assert learner.learned() is None


def test_constants_and_extremes_can_be_learned_from() -> None:
    """A metric that never moves has the width of what would be worth hearing of."""
    values = load(1, 1200)
    values["cpu_percent"][:] = 0.0
    values["rss_bytes"][::7] = 1e300
    values["latency_ms_mean"][::5] = np.nan
    learner = JointLearner(NAMES, SECOND)
    learner.add(block(values))
    learner.end_session()
    learned = learner.learned()
    assert learned is not None
    assert np.isfinite(learned.covariance).all()
    assert min(learned.scale) > 0


def test_what_is_kept_of_a_session_is_bounded() -> None:
    """Ten thousand rows, from all of it."""
    learner = JointLearner(NAMES, SECOND)
    learner.add(block(load(1, 30_000)))
    learner.end_session()
    learned = learner.learned()
    assert learned is not None and 4000 < learned.rows <= 10_240
