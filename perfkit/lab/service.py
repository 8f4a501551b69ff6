"""A small service under load: callers come at random, are handled by threads, and are told of."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import NamedTuple

import perfkit
from perfkit.lab.noise import Bursts, Wander
from perfkit.lab.rig import Rig, now_ns

# Longer waits are cut up, since the rate may change meanwhile; an exponential wait may be.
_LONGEST_WAIT_S = 0.5


class Outcome(NamedTuple):
    """How a call ended, and what else is said of it."""

    success: bool = True
    fields: dict[str, object] = {}  # noqa: RUF012 (nobody writes to it)


Handle = Callable[[random.Random, float], Outcome]
"""Handles one call: chance and the time in, its outcome out; takes as long as the call does."""


def say_request(duration_ms: float, outcome: Outcome) -> None:
    """Tell of a call as a `request`."""
    perfkit.event("request", duration_ms=duration_ms, success=outcome.success, **outcome.fields)


def steady(now_s: float) -> float:
    """A load that is always what it is."""
    del now_s
    return 1.0


def serve(
    rig: Rig,
    handle: Handle,
    *,
    per_s: float,
    workers: int = 4,
    load: Callable[[float], float] = steady,
    bursts: bool = True,
    seen: Callable[[float], None] | None = None,
    say: Callable[[float, Outcome], None] = say_request,
) -> None:
    """Start threads that answer calls until the run ends.

    per_s: calls a second, times load(now), with a drift of a twentieth and, unless told otherwise,
    a burst of twice as many for a second or so every half minute. A worker that is behind takes
    its next call at once and is late for no more than that one.
    seen: told every call's duration in ms.
    """
    wander = Wander(rig.stream("load"), rig.seconds, 0.05, 20.0)
    bumps = Bursts(rig.stream("bursts"), rig.seconds, 30.0, (0.5, 2.0), (1.4, 2.2))

    def work(number: int) -> Callable[[], None]:
        rng = rig.stream(f"worker {number}")

        def run() -> None:
            rig.sleep(rng.random() / per_s)
            while rig.running:
                now_s = rig.now_s()
                rate = per_s / workers * wander(now_s) * max(load(now_s), 1e-9)
                wait_s = rng.expovariate(rate * (bumps(now_s) if bursts else 1.0))
                rig.sleep(min(wait_s, _LONGEST_WAIT_S))
                if wait_s > _LONGEST_WAIT_S or not rig.running:
                    continue
                began_ns = now_ns()
                outcome = handle(rng, rig.now_s())
                duration_ms = (now_ns() - began_ns) / 1e6
                if seen is not None:
                    seen(duration_ms)
                say(duration_ms, outcome)

        return run

    for number in range(workers):
        rig.go(work(number))


def burn(cpu_s: float) -> None:
    """Use so much CPU time of this thread, however long that takes."""
    until = time.thread_time() + cpu_s
    while time.thread_time() < until:
        sum(range(200))
