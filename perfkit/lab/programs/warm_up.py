"""A service that starts cold: its answers get quicker and its memory fills, then both stay."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence

import perfkit
from perfkit.lab.holdings import Memory
from perfkit.lab.noise import Wander, jitter
from perfkit.lab.rig import Rig
from perfkit.lab.service import Outcome, serve


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("warm_up", words, seconds=720.0)
    warms_s = rig.rng.uniform(0.02, 0.06) * rig.seconds
    rig.note("fact", warms_s=round(warms_s, 2))
    wander = Wander(rig.stream("set"), rig.seconds, 0.01, 10.0)

    def cold(now_s: float) -> float:
        return math.exp(-now_s / warms_s)

    def handle(rng: random.Random, now_s: float) -> Outcome:
        hit = rng.random() < 0.9 - 0.7 * cold(now_s)
        time.sleep((0.004 if hit else 0.02) * jitter(rng))
        perfkit.event("cache_operation", operation="get", level="L1", hit=hit)
        return Outcome()

    serve(rig, handle, per_s=25)
    memory = Memory()
    while rig.running:
        now_s = rig.now_s()
        memory.hold((90 - 60 * cold(now_s)) * wander(now_s) * 2**20)
        rig.sleep(0.1)
    rig.finish()


if __name__ == "__main__":
    main()
