"""A service that keeps what it should drop: memory grows steadily, until somebody restarts it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from perfkit.lab.holdings import Memory
from perfkit.lab.noise import Bursts, Wander, jitter
from perfkit.lab.rig import Fault, Rig
from perfkit.lab.service import Outcome, serve

CLEAN_BYTES = 48 * 2**20


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("memory_leak", words)
    fault = Fault(rig, "memory_leak", "rss_bytes", CLEAN_BYTES, ramp=True)
    wander = Wander(rig.stream("set"), rig.seconds, 0.01, 10.0)
    bumps = Bursts(rig.stream("sets"), rig.seconds, 25.0, (0.5, 2.0), (1.02, 1.06))

    def handle(rng: random.Random, _now_s: float) -> Outcome:
        time.sleep(0.006 * jitter(rng))
        return Outcome()

    serve(rig, handle, per_s=20)
    memory = Memory()
    while rig.running:
        now_s = rig.now_s()
        level = CLEAN_BYTES * wander(now_s) * bumps(now_s)
        fault.see(memory.hold(level + CLEAN_BYTES * (fault.factor(now_s) - 1)))
        rig.sleep(0.05)
    rig.finish()


if __name__ == "__main__":
    main()
