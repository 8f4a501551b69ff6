"""Ordinary life: what makes steady work look like work. Functions of time, planned beforehand."""

from __future__ import annotations

import bisect
import math
import random


class Wander:
    """A level about 1 that drifts: the exponential of an Ornstein-Uhlenbeck process.

    sigma: its standard deviation as a share. memory_s: after how long it has forgotten.
    """

    def __init__(self, rng: random.Random, seconds: float, sigma: float, memory_s: float) -> None:
        self._step_s = max(0.1, min(1.0, memory_s / 8))
        kept = math.exp(-self._step_s / memory_s)
        value = rng.gauss(0, sigma)
        self._values = []
        for _ in range(math.ceil(seconds / self._step_s) + 2):
            self._values.append(math.exp(value))
            value = kept * value + rng.gauss(0, sigma * math.sqrt(1 - kept * kept))

    def __call__(self, now_s: float) -> float:
        """The level at this moment."""
        place = min(max(now_s, 0.0) / self._step_s, len(self._values) - 1.001)
        at = int(place)
        share = place - at
        return (1 - share) * self._values[at] + share * self._values[at + 1]


class Bursts:
    """A level of 1 with short stretches above it, at random, every so often on average."""

    def __init__(
        self,
        rng: random.Random,
        seconds: float,
        every_s: float,
        lasts_s: tuple[float, float],
        height: tuple[float, float],
    ) -> None:
        self._from: list[float] = []
        self._until: list[float] = []
        self._height: list[float] = []
        at = rng.expovariate(1 / every_s)
        while at < seconds:
            self._from.append(at)
            self._until.append(at + rng.uniform(*lasts_s))
            self._height.append(rng.uniform(*height))
            at = self._until[-1] + rng.expovariate(1 / every_s)

    def __call__(self, now_s: float) -> float:
        """The level at this moment."""
        at = bisect.bisect_right(self._from, now_s) - 1
        return self._height[at] if at >= 0 and now_s < self._until[at] else 1.0


def jitter(rng: random.Random, sigma: float = 0.15) -> float:
    """A factor with mean 1, lognormal, and one in a hundred two to three times as large.

    The mean of 1 leaves those out.
    """
    factor = math.exp(rng.gauss(-sigma * sigma / 2, sigma))
    return factor * rng.uniform(2, 3) if rng.random() < 0.01 else factor
