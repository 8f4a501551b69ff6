"""What the programs that are to be forecast share: a course, its capacity, and work going on."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Sequence

from perfkit.lab.course import COURSES, REACHES, highest
from perfkit.lab.noise import Wander, jitter
from perfkit.lab.rig import Rig, Watch
from perfkit.lab.service import Outcome, serve

SECONDS = 60.0
# How far beyond the highest level the capacity lies that a run which reaches its own never meets.
_BEYOND = (1.08, 1.3)


class Followed:
    """One run along a course.

    level(): where it is to be now, as a share of the capacity, with a little life in it.
    """

    def __init__(self, rig: Rig, shape: str) -> None:
        self.rig = rig
        self.shape = shape
        self._course = COURSES[shape](rig.rng)
        self._wander = Wander(rig.stream("level"), rig.seconds, 0.006, 3.0)
        self._beyond = rig.rng.uniform(*_BEYOND)

    @classmethod
    def of(cls, name: str, words: Sequence[str] | None) -> Followed:
        """The run that a command line asks for."""
        return cls(*Rig.of(name, words, seconds=SECONDS, shapes=tuple(COURSES)))

    def planned(self) -> float:
        """The level without the life in it."""
        return self._course.level(self.rig.now_s() / self.rig.seconds)

    def level(self) -> float:
        """Where it is to be now: a share of the capacity."""
        return self.planned() * self._wander(self.rig.now_s())

    def first(self) -> float:
        """The level at the beginning."""
        return self._course.level(0.0)

    def load(self, now_s: float) -> float:
        """How much work comes now, 1 being the usual."""
        return self._course.load(now_s / self.rig.seconds)

    def watches(
        self,
        metric: str,
        capacity: float,
        *,
        hold_s: float = 0.0,
        limit: str = "",
        whole: bool = False,
        alone: bool = False,
    ) -> list[Watch]:
        """The capacity to be forecast and, where the run reaches it, one that it never meets.

        limit: what enforces the capacity, nothing beyond which is ever met; whole: a number of
        things; alone: nobody knows how far beyond the capacity the run gets.
        """
        watches = [Watch(self.rig, metric, capacity, hold_s=hold_s, limit=limit)]
        if self.shape in REACHES and not alone:
            top = 1.0 if limit else highest(self._course.level)
            beyond = capacity * top * self._beyond
            beyond = float(round(beyond)) if whole else beyond
            watches.append(Watch(self.rig, metric, beyond, hold_s=hold_s))
        return watches

    def work(self, per_s: float = 15.0) -> None:
        """Answer calls beside it, as many as the course's load says."""

        def handle(rng: random.Random, _now_s: float) -> Outcome:
            time.sleep(0.006 * jitter(rng))
            return Outcome()

        serve(self.rig, handle, per_s=per_s, workers=2, load=self.load)


class Trailing:
    """What was seen within the last second."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._seen: deque[tuple[float, float]] = deque()

    def add(self, value: float) -> None:
        """See one more."""
        self._seen.append((self._rig.now_s(), value))

    def values(self) -> list[float]:
        """All of the last second, smallest first; empty before a second has passed."""
        now_s = self._rig.now_s()
        while self._seen and self._seen[0][0] < now_s - 1.0:
            self._seen.popleft()
        return sorted(value for _, value in list(self._seen)) if now_s >= 1.0 else []

    def p95(self) -> float | None:
        """The 95th percentile by rank, None where nothing was seen."""
        values = self.values()
        return values[min(len(values) - 1, int(0.95 * len(values)))] if values else None


def tell(watches: Sequence[Watch], value: float | None) -> None:
    """Let every watch see a value that there is."""
    if value is not None:
        for one in watches:
            one.see(value)


def until_the_end(rig: Rig, act: Callable[[], None], every_s: float = 0.1) -> None:
    """Do this again and again until the run ends."""
    while rig.running:
        act()
        rig.sleep(every_s)
    rig.finish()
