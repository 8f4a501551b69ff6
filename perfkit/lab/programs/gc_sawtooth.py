"""A service that collects its garbage now and then: memory rises, falls, and never stays up."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence

import perfkit
from perfkit.lab.holdings import Memory
from perfkit.lab.noise import jitter
from perfkit.lab.rig import Rig
from perfkit.lab.service import Outcome, serve


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("gc_sawtooth", words, seconds=720.0)
    pause = threading.Lock()
    every_s = rig.rng.uniform(6.0, 20.0)
    rig.note("fact", collects_every_s=round(every_s, 2))

    def handle(rng: random.Random, _now_s: float) -> Outcome:
        time.sleep(0.007 * jitter(rng))
        with pause:
            return Outcome()

    serve(rig, handle, per_s=20)
    rng = rig.stream("collections")
    memory = Memory()
    while rig.running:
        began_s = rig.now_s()
        lasts_s = every_s * rng.uniform(0.85, 1.15)
        top = rng.uniform(90, 110)
        while rig.running and (past_s := rig.now_s() - began_s) < lasts_s:
            memory.hold((50 + (top - 50) * past_s / lasts_s) * 2**20)
            rig.sleep(0.1)
        with pause:
            pause_s = 0.02 * jitter(rng)
            time.sleep(pause_s)
            left = memory.hold(rng.uniform(48, 52) * 2**20)
        perfkit.event("gc", duration_ms=1000 * pause_s, heap_after_bytes=left)
    rig.finish()


if __name__ == "__main__":
    main()
