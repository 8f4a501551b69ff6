"""What every program of the laboratory stands on: its words, its clock, its chance, its side channel.

A program tells the truth about itself in notes, lines of JSON with CLOCK_BOOTTIME, into the file
that PERFKIT_LAB_NOTES names, else to standard output. They never go out as events: a recording
must not hold its own label.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence

NOTES_VARIABLE = "PERFKIT_LAB_NOTES"
"""Names the file that notes are appended to."""

END_VARIABLE = "PERFKIT_LAB_END_NS"
"""When a run ends (CLOCK_BOOTTIME), whatever --seconds says: those recorded side by side end at
once, so that none of them sees another's session being sealed."""

NEIGHBOUR_VARIABLE = "PERFKIT_LAB_NEIGHBOUR"
"""Set where the laboratory runs a program's neighbour itself, outside the recorded tree."""

CGROUP_VARIABLE = "PERFKIT_LAB_CGROUP"
"""Names a control group of the program's own, whose CPU quota it may set."""

_APPENDS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC

# Where a fault begins and how long it lasts, as shares of the run: of two minutes, after 60 to 90 s
# and for 20 to 30 s.
_FAULT_BEGINS = (0.5, 0.75)
_FAULT_LASTS = (1 / 6, 1 / 4)
# A ramp is at its level only at its end.
_RAMP_END_SHARE = 0.15


def now_ns() -> int:
    """The clock of sessions and notes: CLOCK_BOOTTIME, or the monotonic one where there is none."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Rig:
    """One run of one program.

    name, seed: the run's plan depends on nothing else but its length. strength: how many times its
    clean level a fault reaches. seconds: how long the run is.
    """

    def __init__(self, name: str, seed: int, strength: float, seconds: float) -> None:
        self.name = name
        self.seed = seed
        self.strength = strength
        self.began_ns = now_ns()
        end = os.environ.get(END_VARIABLE)
        self.ends_ns = int(end) if end else self.began_ns + round(seconds * 1e9)
        self.seconds = max(0.0, (self.ends_ns - self.began_ns) / 1e9)
        self.rng = self.stream("plan")
        self._closing: list[Callable[[], None]] = []
        self._threads: list[threading.Thread] = []
        self._noting = threading.Lock()
        notes = os.environ.get(NOTES_VARIABLE)
        # kept open: a program that is out of descriptors tells just that
        self._notes = None if notes is None else os.open(notes, _APPENDS, 0o644)
        self.note("begin", seconds=round(self.seconds, 3))

    @classmethod
    def of(
        cls,
        name: str,
        words: Sequence[str] | None = None,
        *,
        seconds: float = 120.0,
        shapes: Sequence[str] = (),
    ) -> tuple[Rig, str]:
        """The run that a command line asks for, and the shape it names (empty without shapes)."""
        parser = argparse.ArgumentParser(prog=f"python -m perfkit.lab.programs.{name}")
        parser.add_argument("--seed", type=int, default=1, help="what chance does in it")
        parser.add_argument("--strength", type=float, default=2.0, help="fault over clean level")
        parser.add_argument("--seconds", type=float, default=seconds, help="how long it runs")
        if shapes:
            parser.add_argument("--shape", choices=shapes, default=shapes[0], help="its course")
        asked = parser.parse_args(words)
        if not (asked.strength > 0 and 0 < asked.seconds < 1e7):
            parser.error("--strength and --seconds are positive numbers")
        shape = asked.shape if shapes else ""
        named = f"{name}-{shape}" if shape else name
        return cls(named, asked.seed, asked.strength, asked.seconds), shape

    def stream(self, part: str) -> random.Random:
        """Chance for one part of the run, the same in every run of this seed."""
        return random.Random(f"{self.name} {self.seed} {part}")

    # ── time ──

    def now_s(self) -> float:
        """Seconds since the run began."""
        return (now_ns() - self.began_ns) / 1e9

    @property
    def running(self) -> bool:
        """Whether there is time left."""
        return now_ns() < self.ends_ns

    def sleep(self, for_s: float) -> None:
        """Wait, but not beyond the end of the run."""
        self.sleep_until(self.now_s() + for_s)

    def sleep_until(self, at_s: float) -> None:
        """Wait until so many seconds after the beginning, or for the end of the run."""
        left_s = min(at_s, self.seconds) - self.now_s()
        if left_s > 0:
            time.sleep(left_s)

    # ── the side channel ──

    def note(self, what: str, **facts: object) -> None:
        """Tell the laboratory something that is true now, or at `t_ns` where that is given."""
        line = json.dumps({"note": what, "t_ns": now_ns(), **facts})
        with self._noting:
            if self._notes is None:
                print(line, flush=True)
                return
            os.write(self._notes, f"{line}\n".encode())

    # ── its parts ──

    def go(self, work: Callable[[], None]) -> None:
        """Run a part in a thread of its own; it ends by itself when the run does."""
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def at_the_end(self, act: Callable[[], None]) -> None:
        """Do this in finish(), in the order of asking."""
        self._closing.append(act)

    def finish(self) -> None:
        """Wait for the end of the run and for its parts, and note what was measured."""
        self.sleep_until(self.seconds)
        for thread in self._threads:
            thread.join(timeout=10.0)
        for act in self._closing:
            act()
        self.note("end")
        sys.stdout.flush()


class Fault:
    """A stretch of a run in which something is worse by a known factor.

    kind, metric: what it is and the column it shows in. clean_level: of that metric, when all is
    well. fault_level: strength times that, unless told. ramp: the fault grows to its level over
    the stretch instead of standing there at once.
    means: by what it is brought about, where that is a stand-in.
    """

    def __init__(
        self,
        rig: Rig,
        kind: str,
        metric: str,
        clean_level: float,
        *,
        fault_level: float | None = None,
        ramp: bool = False,
        means: str = "",
    ) -> None:
        self.from_s = rig.rng.uniform(*_FAULT_BEGINS) * rig.seconds
        self.until_s = self.from_s + rig.rng.uniform(*_FAULT_LASTS) * rig.seconds
        self.strength = rig.strength
        self.clean_level = clean_level
        self.fault_level = rig.strength * clean_level if fault_level is None else fault_level
        self._ramp = ramp
        self._rig = rig
        self._sums = {"clean": [0.0, 0.0], "fault": [0.0, 0.0]}
        self._counting = threading.Lock()
        rig.note(
            "fault",
            kind=kind,
            metric=metric,
            from_ns=rig.began_ns + round(self.from_s * 1e9),
            until_ns=rig.began_ns + round(min(self.until_s, rig.seconds) * 1e9),
            clean_level=clean_level,
            fault_level=self.fault_level,
            **({"means": means} if means else {}),
        )
        rig.at_the_end(self._tell_measured)

    def active(self, now_s: float) -> bool:
        """Whether it is on."""
        return self.from_s <= now_s < self.until_s

    def factor(self, now_s: float) -> float:
        """What the clean level is to be multiplied by at this moment."""
        if not self.active(now_s):
            return 1.0
        if not self._ramp:
            return self.strength
        return 1 + (self.strength - 1) * (now_s - self.from_s) / (self.until_s - self.from_s)

    def see(self, value: float, weight: float = 1.0) -> None:
        """Take a measurement of the metric into the levels that are told at the end."""
        now_s = self._rig.now_s()
        end_s = self.until_s - self.from_s
        if now_s < self.from_s:
            phase = "clean"
        elif self.active(now_s) and (
            not self._ramp or now_s > self.until_s - _RAMP_END_SHARE * end_s
        ):
            phase = "fault"
        else:
            return
        with self._counting:
            self._sums[phase][0] += value * weight
            self._sums[phase][1] += weight

    def _tell_measured(self) -> None:
        levels = {
            phase: round(total / weight, 6)
            for phase, (total, weight) in self._sums.items()
            if weight
        }
        if levels:
            self._rig.note("measured", **levels)


class Watch:
    """A level on its way to a capacity: notes when it gets there, the truth of a forecast.

    metric: the column that shows it. falling: whether it runs down to the capacity. hold_s: how
    long it must stay beyond for that to be more than noise; the moment noted is the first one.
    limit: whether the capacity is enforced (by the kernel, say) or only told.
    """

    def __init__(
        self,
        rig: Rig,
        metric: str,
        capacity: float,
        *,
        falling: bool = False,
        hold_s: float = 0.0,
        limit: str = "",
    ) -> None:
        self._rig = rig
        self.metric = metric
        self.capacity = capacity
        self._falling = falling
        self._hold_s = hold_s
        self._beyond_since_ns: int | None = None
        self._told = False
        rig.note("view", metric=metric, capacity=capacity, falling=falling, limit=limit)

    def see(self, value: float) -> None:
        """Take the metric's present value."""
        if self._told:
            return
        beyond = value <= self.capacity if self._falling else value >= self.capacity
        if not beyond:
            self._beyond_since_ns = None
            return
        now = now_ns()
        if self._beyond_since_ns is None:
            self._beyond_since_ns = now
        if now - self._beyond_since_ns >= self._hold_s * 1e9:
            self.reached(self._beyond_since_ns)

    def reached(self, t_ns: int | None = None) -> None:
        """Note that the capacity is reached, now unless told otherwise; only the first time counts."""
        if not self._told:
            self._told = True
            self._rig.note(
                "cross",
                metric=self.metric,
                capacity=self.capacity,
                t_ns=now_ns() if t_ns is None else t_ns,
            )
