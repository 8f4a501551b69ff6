"""The newest commits are gated on: a rise that is new, sure, beyond the tolerance and still there."""

from __future__ import annotations

import numpy as np
import pytest

from perfkit.gate.chain import comparable_from
from perfkit.gate.change_points import find_levels
from perfkit.gate.lately import level_for, look_lately
from perfkit.model.change_point import Seam
from perfkit.model.history import History, MetricHistory, Point, Series
from perfkit.model.verdict import PASSED, REGRESSED, UNDECIDED


def history_of(values, seams=(), metric="cpu_s"):
    points = tuple(Point(f"c{at}", float(value), 8, "v1", "", 0) for at, value in enumerate(values))
    series = Series(metric, "s", True, points, tuple(seams))
    levels = find_levels([point.value for point in points], seams=seams)
    return History("f", len(points), (MetricHistory(series, levels, comparable_from(series)),))


def look(values, newest=10, tolerance=0.01, **other):
    return look_lately(
        history_of(values, **other), newest=newest, tolerance=tolerance, metrics=["cpu_s"]
    )


@pytest.fixture
def values():
    return np.random.default_rng(5).normal(0, 0.005, 60)


def test_a_new_rise_is_a_regression(values):
    """With its metric and change."""
    values[54:] += 0.05
    found = look(values)

    assert found.verdict == REGRESSED
    assert [(one.metric, one.change.index) for one in found.regressions] == [("cpu_s", 54)]


def test_an_old_rise_is_none(values):
    """It was told of when it was new."""
    values[54:] += 0.05

    assert look(values, newest=5).verdict == PASSED


def test_a_fall_is_none(values):
    """Less is better."""
    values[54:] -= 0.05

    assert look(values).verdict == PASSED


def test_a_rise_that_came_back_is_none(values):
    """Whoever mended it need not be told."""
    values[45:53] += 0.05
    found = look(values, newest=20)

    assert len(found.history.metrics[0].levels.changes) == 2
    assert found.verdict == PASSED


def test_a_rise_within_the_tolerance_is_none(values):
    """Sure but small."""
    values[40:] += 0.02

    assert look(values, newest=30).verdict == REGRESSED
    assert look(values, newest=30, tolerance=0.03).verdict == PASSED


def test_one_commit_is_a_suspicion_only(values):
    """Said, and no alarm: nine of ten such are strays."""
    values[-1] += 0.06
    found = look(values)

    assert found.verdict == PASSED
    (said,) = found.suspicions
    assert "the newest commit is" in said
    assert look(values[:-1]).suspicions == ()


def test_too_few_results_are_undecided(values):
    """Also behind an anchor that nothing joins to what was before."""
    assert look(values[:7]).verdict == UNDECIDED
    assert look(values, seams=[Seam(55, links=0)]).too_short == ("cpu_s",)
    assert look(values, seams=[Seam(30, links=0)]).verdict == PASSED


def test_many_metrics_share_the_level():
    """All together are mistaken once in a hundred histories."""
    assert level_for(1) == 0.01
    assert level_for(10) == pytest.approx(0.001)
