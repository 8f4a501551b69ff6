"""Courses that a level takes on its way to a capacity, or only seems to: shares of it over a run.

A level of 1 is the capacity. Time is the share of the run that has passed, so that a course is the
same whatever the length.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

Curve = Callable[[float], float]

# Who gets to the capacity does so after this share of the run.
ARRIVES = (0.6, 0.9)
BEGINS = (0.25, 0.5)
NEAR = (0.88, 0.96)


class Course(NamedTuple):
    """level: of what grows. load: how much work comes, 1 being the usual."""

    level: Curve
    load: Curve


def _always(_share: float) -> float:
    return 1.0


def _steady(rng: random.Random) -> Course:
    """In a straight line."""
    base, arrives = rng.uniform(*BEGINS), rng.uniform(*ARRIVES)
    return Course(lambda x: base + (1 - base) * x / arrives, _always)


def _late(rng: random.Random) -> Course:
    """Nothing at first, then in a straight line."""
    base, arrives, waits = rng.uniform(*BEGINS), rng.uniform(0.75, 0.92), rng.uniform(0.3, 0.5)
    return Course(lambda x: base + (1 - base) * max(0.0, x - waits) / (arrives - waits), _always)


def _accelerating(rng: random.Random) -> Course:
    """Faster and faster."""
    base, arrives, power = rng.uniform(*BEGINS), rng.uniform(*ARRIVES), rng.uniform(1.8, 3.0)
    return Course(lambda x: base + (1 - base) * (x / arrives) ** power, _always)


def _steps(rng: random.Random) -> Course:
    """A piece at a time."""
    base, arrives, steps = rng.uniform(*BEGINS), rng.uniform(*ARRIVES), rng.randrange(8, 15)

    def level(x: float) -> float:
        return base + (1 - base) * math.floor(x / arrives * steps) / (steps - 1)

    return Course(level, _always)


def _under_a_sawtooth(rng: random.Random) -> Course:
    """What is collected comes back, and a little less each time."""
    base, arrives = rng.uniform(*BEGINS), rng.uniform(*ARRIVES)
    height, teeth = rng.uniform(0.1, 0.2), rng.uniform(6, 12)

    def level(x: float) -> float:
        return base + (1 - base - height / 2) * x / arrives + height * (x * teeth % 1.0)

    return Course(level, _always)


def _spurts(rng: random.Random) -> Course:
    """In spurts of differing length, with rests between them."""
    base, arrives = rng.uniform(*BEGINS), rng.uniform(*ARRIVES)
    marks, moving, at = [(0.0, 0.0)], 0.0, 0.0
    while at < 1.0:
        for speed in (1.0, 0.1):
            length = rng.uniform(0.03, 0.1)
            at, moving = at + length, moving + speed * length
            marks.append((at, moving))

    def moved(x: float) -> float:
        for (begin, low), (end, high) in itertools.pairwise(marks):
            if x <= end:
                return low + (high - low) * (x - begin) / (end - begin)
        return marks[-1][1]

    return Course(lambda x: base + (1 - base) * moved(x) / moved(arrives), _always)


def _slow(rng: random.Random) -> Course:
    """In a straight line that is far from its end when the run is over."""
    base, ends = rng.uniform(0.3, 0.4), rng.uniform(0.55, 0.7)
    return Course(lambda x: base + (ends - base) * x, _always)


def _sawtooth_below(rng: random.Random) -> Course:
    """Up to just below the capacity and down again, time after time."""
    low, top, teeth = rng.uniform(0.4, 0.6), rng.uniform(*NEAR), rng.uniform(4, 9)
    phase = rng.random()
    return Course(lambda x: low + (top - low) * ((x * teeth + phase) % 1.0), _always)


def _plateau(rng: random.Random) -> Course:
    """More and more slowly, to where it stays."""
    base, top, pace = rng.uniform(*BEGINS), rng.uniform(*NEAR), rng.uniform(0.1, 0.25)
    return Course(lambda x: top - (top - base) * math.exp(-x / pace), _always)


def _burst(rng: random.Random) -> Course:
    """A sudden rise to just below the capacity, a moment there, and back."""
    base, top, begins = rng.uniform(*BEGINS), rng.uniform(*NEAR), rng.uniform(0.4, 0.65)
    rise, stay, fall = rng.uniform(0.08, 0.15), rng.uniform(0.02, 0.08), rng.uniform(0.05, 0.1)

    def level(x: float) -> float:
        after = x - begins
        if after < 0 or after > rise + stay + fall:
            return base
        up, down = min(1.0, after / rise), max(0.0, (after - rise - stay) / fall)
        return base + (top - base) * (up - down)

    return Course(level, lambda x: 1.0 + 1.5 * (begins <= x < begins + rise))


def _warm_up(rng: random.Random) -> Course:
    """In a straight line, until all that is needed is there."""
    base, top, ends = rng.uniform(0.1, 0.25), rng.uniform(0.75, 0.93), rng.uniform(0.3, 0.5)
    return Course(lambda x: base + (top - base) * min(1.0, x / ends), _always)


def _with_the_load(rng: random.Random) -> Course:
    """As much as the work that comes, which grows for a time and then goes back."""
    base, top = rng.uniform(*BEGINS), rng.uniform(*NEAR)
    peak, back = rng.uniform(0.5, 0.65), rng.uniform(0.2, 0.35)

    def load(x: float) -> float:
        up, down = min(1.0, x / peak), max(0.0, min(1.0, (x - peak - 0.05) / back))
        return 1 + (top / base - 1) * (up - 0.7 * down)

    return Course(lambda x: base * load(x), load)


def _with_more_load(rng: random.Random) -> Course:
    """As much as the work that comes, of which there is more and more."""
    base, arrives = rng.uniform(*BEGINS), rng.uniform(*ARRIVES)

    def load(x: float) -> float:
        return 1 + (1 / base - 1) * x / arrives

    return Course(lambda x: base * load(x), load)


def _recovers(rng: random.Random) -> Course:
    """Like a leak, until somebody mends it near the end of the room."""
    base, top = rng.uniform(*BEGINS), rng.uniform(*NEAR)
    mended, back = rng.uniform(0.5, 0.65), rng.uniform(0.03, 0.1)

    def level(x: float) -> float:
        up, down = min(1.0, x / mended), max(0.0, min(1.0, (x - mended) / back))
        return base + (top - base) * (up - down)

    return Course(level, _always)


def _flat(rng: random.Random) -> Course:
    """Where it is, it stays."""
    base = rng.uniform(0.4, 0.8)
    return Course(lambda _: base, _always)


def _wave(rng: random.Random) -> Course:
    """Up and down with a load that has a period."""
    middle, height = rng.uniform(0.5, 0.65), rng.uniform(0.1, 0.25)
    waves, phase = rng.uniform(3, 7), rng.uniform(0, math.tau)

    def swing(x: float) -> float:
        return math.sin(math.tau * waves * x + phase)

    return Course(lambda x: middle + height * swing(x), lambda x: 1 + height / middle * swing(x))


COURSES: Mapping[str, Callable[[random.Random], Course]] = {
    "steady": _steady,
    "late": _late,
    "accelerating": _accelerating,
    "steps": _steps,
    "under-a-sawtooth": _under_a_sawtooth,
    "spurts": _spurts,
    "slow": _slow,
    "sawtooth-below": _sawtooth_below,
    "plateau": _plateau,
    "burst": _burst,
    "warm-up": _warm_up,
    "with-the-load": _with_the_load,
    "with-more-load": _with_more_load,
    "recovers": _recovers,
    "flat": _flat,
    "wave": _wave,
}
"""By the names that programs take as --shape."""

REACHES = {
    "steady",
    "late",
    "accelerating",
    "steps",
    "under-a-sawtooth",
    "spurts",
    "with-more-load",
}
"""Those that get to the capacity within the run."""


def highest(level: Curve) -> float:
    """The largest level of a whole run."""
    return max(level(step / 500) for step in range(501))
