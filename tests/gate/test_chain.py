"""Results beside anchors become one series, and what joins two anchors is known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from perfkit.gate.chain import comparable_from, make_series
from perfkit.model.change_point import Seam
from perfkit.model.history import Result

BASE = Result(
    commit="c0",
    metric="cpu_s",
    unit="s",
    ratio=1.0,
    low=None,
    high=None,
    pairs=8,
    anchor="v1",
    anchor_source="./v1",
    gating=True,
    design="duet",
    host="",
    value=None,
    added_at_us=0,
)


def result(commit, ratio, anchor="v1", **other):
    return replace(BASE, commit=commit, ratio=ratio, anchor=anchor, **other)


def ratios(series):
    return {point.commit: math.exp(point.value) for point in series.points}


def test_a_series_is_the_ratio_to_the_anchor():
    """In the order in which commits came."""
    (series,) = make_series([result("b", 1.0), result("a", 1.1)])

    assert list(ratios(series)) == ["b", "a"]
    assert ratios(series) == pytest.approx({"b": 1.0, "a": 1.1})
    assert series.seams == ()


def test_a_new_anchor_goes_on_in_the_old_measure():
    """v2 is a tenth slower than v1, as the commits measured with both tell."""
    (series,) = make_series(
        [
            result("a", 1.0),
            result("b", 1.1),
            result("c", 1.1),
            result("b", 1.0, "v2"),
            result("c", 1.0, "v2"),
            result("d", 1.0, "v2"),
            result("e", 1.2, "v2"),
        ]
    )

    assert ratios(series) == pytest.approx({"a": 1, "b": 1.1, "c": 1.1, "d": 1.1, "e": 1.32})
    assert series.seams == (Seam(3, links=2),)
    assert comparable_from(series) == 0


def test_a_commit_measured_later_with_both_joins_what_was_apart():
    """The remedy that the notes recommend."""
    apart = [result("a", 1.0), result("b", 1.0, "v2"), result("c", 1.0, "v2")]
    (series,) = make_series(apart)
    assert series.seams == (Seam(1, links=0),)
    assert comparable_from(series) == 1

    (series,) = make_series([*apart, result("b", 1.25, "v1")])

    assert [point.commit for point in series.points] == ["a", "b", "c"]
    assert ratios(series) == pytest.approx({"a": 1.0, "b": 1.25, "c": 1.25})
    assert series.seams == (Seam(2, links=1),)


def test_a_third_anchor_may_be_joined_through_the_second():
    """Step by step; a seam is as weak as the weaker of the two beside it."""
    (series,) = make_series(
        [
            result("a", 1.0),
            result("b", 2.0),
            result("b", 1.0, "v2"),
            result("c", 1.0, "v2"),
            result("d", 1.0, "v2"),
            result("c", 0.5, "v3"),
            result("d", 0.5, "v3"),
            result("e", 0.5, "v3"),
        ]
    )

    assert ratios(series) == pytest.approx({"a": 1, "b": 2, "c": 2, "d": 2, "e": 2})
    assert series.seams == (Seam(2, 1), Seam(4, 1))


def test_results_of_one_commit_are_averaged_by_their_pairs():
    """A second measurement adds to the first."""
    (series,) = make_series([result("a", 1.0, pairs=30), result("a", math.e, pairs=10)])

    (point,) = series.points
    assert point.value == pytest.approx(0.25)
    assert point.pairs == 40


def test_every_metric_is_a_series_gating_ones_first():
    """A metric is as gating as it last was, and may lack commits."""
    one, two = make_series(
        [
            result("a", 1.0, metric="minor_faults", gating=False),
            result("b", 1.0, metric="minor_faults", gating=False),
            result("b", 1.0, metric="cpu_s"),
        ]
    )

    assert (one.metric, len(one.points)) == ("cpu_s", 1)
    assert (two.metric, len(two.points), two.gating) == ("minor_faults", 2, False)


def test_no_results_make_no_series():
    """An empty history is one."""
    assert make_series([]) == ()
