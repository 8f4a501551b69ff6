"""Courses: who reaches the capacity does so in time, who only looks as if never does."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.lab.course import ARRIVES, COURSES, REACHES, highest

SHARES = [step / 200 for step in range(201)]


@pytest.mark.parametrize("shape", sorted(REACHES))
@given(seed=st.integers(0, 10**6))
def test_a_course_that_reaches_the_capacity_does_so_in_the_run(shape: str, seed: int) -> None:
    """And begins well below it, so that there is something to see coming."""
    level = COURSES[shape](random.Random(seed)).level
    arrives = next(share for share in SHARES if level(share) >= 1)

    assert level(0.0) <= 0.55
    assert ARRIVES[0] - 0.25 <= arrives <= 0.95


@pytest.mark.parametrize("shape", sorted(set(COURSES) - REACHES))
@given(seed=st.integers(0, 10**6))
def test_a_course_that_only_looks_as_if_stays_below(shape: str, seed: int) -> None:
    """With a little room for the noise of a real program."""
    course = COURSES[shape](random.Random(seed))

    assert 0.3 < highest(course.level) < 0.98
    assert min(map(course.level, SHARES)) > 0
    assert min(map(course.load, SHARES)) > 0


def test_growth_with_the_load_is_growth_in_step_with_the_load() -> None:
    """The second signal tells it from a leak."""
    course = COURSES["with-the-load"](random.Random(3))
    ratios = {round(course.level(share) / course.load(share), 9) for share in SHARES}

    assert len(ratios) == 1
