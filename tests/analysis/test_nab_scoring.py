"""The benchmark's scoring, against one written straight from its paper, row by row."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.analysis.nab_scoring import (
    LOW_FN,
    LOW_FP,
    STANDARD,
    Profile,
    best_threshold,
    judge,
    outcome,
    probation,
)


def sigmoid(position: float) -> float:
    return 2 / (1 + math.exp(5 * position)) - 1


def naive(
    windows: list[tuple[int, int]], scores: list[float], threshold: float, profile: Profile
) -> float:
    """Lavin and Ahmad, section II: the first detection of a window, each one outside, each miss."""
    start = probation(len(scores))
    gained = 0.0
    for number, (first, last) in enumerate(windows):
        if last < start:
            continue
        found = [k for k in range(max(first, start), last + 1) if scores[k] >= threshold]
        if found:
            width = last - first + 1
            gained += profile.hit * sigmoid(-(last - found[0] + 1) / width) / sigmoid(-1.0)
        else:
            gained -= profile.miss
        assert number == windows.index((first, last))
    for k in range(start, len(scores)):
        if scores[k] < threshold or any(first <= k <= last for first, last in windows):
            continue
        before = [(first, last) for first, last in windows if last < k]
        worth = -1.0
        if before and before[-1][1] > before[-1][0]:
            first, last = before[-1]
            position = (k - last) / (last - first)
            worth = -1.0 if position >= 3 else sigmoid(position)
        gained += profile.false_row * worth
    return gained


@st.composite
def labelled(draw: st.DrawFn) -> tuple[list[tuple[int, int]], list[float]]:
    rows = draw(st.integers(20, 120))
    ends = sorted(draw(st.lists(st.integers(0, rows - 1), max_size=6, unique=True)))
    windows = [(ends[k], ends[k + 1]) for k in range(0, len(ends) - 1, 2)]
    return windows, draw(
        st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0]), min_size=rows, max_size=rows)
    )


@settings(max_examples=200, deadline=None)
@given(labelled(), st.sampled_from([STANDARD, LOW_FP, LOW_FN]), st.sampled_from([0.5, 1.5, 2.5]))
def test_it_is_what_the_paper_says(
    case: tuple[list[tuple[int, int]], list[float]], profile: Profile, threshold: float
) -> None:
    """To the rounding of a sum."""
    windows, scores = case
    made = outcome([judge(len(scores), windows)], [np.array(scores)], threshold, profile)

    assert made.gained == pytest.approx(naive(windows, scores, threshold, profile), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.lists(labelled(), min_size=1, max_size=3))
def test_no_threshold_is_better_than_the_best(
    cases: list[tuple[list[tuple[int, int]], list[float]]],
) -> None:
    """Against every score that there is."""
    judged = [judge(len(scores), windows) for windows, scores in cases]
    scores = [np.array(of_file) for _, of_file in cases]
    best = outcome(judged, scores, best_threshold(judged, scores)).gained

    for threshold in (0.5, 1.0, 2.0, 3.0, math.inf):
        assert outcome(judged, scores, threshold).gained <= best + 1e-9


def test_silence_is_nothing_and_the_first_row_of_each_window_is_a_hundred() -> None:
    """The two ends of the scale."""
    windows = [(40, 59), (70, 79)]
    file = judge(100, windows)
    scores = np.zeros(100)
    assert outcome([file], [scores], 1.0).normalised == 0.0
    scores[[40, 70]] = 1.0
    assert outcome([file], [scores], 1.0).normalised == pytest.approx(100.0)


def test_windows_that_overlap_or_leave_the_file_are_refused() -> None:
    """They are no labels."""
    for windows in ([(3, 8), (8, 9)], [(5, 4)], [(5, 10)]):
        with pytest.raises(ValueError, match="window"):
            judge(10, windows)
