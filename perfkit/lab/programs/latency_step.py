"""A service whose answers take longer from one moment to the next, as after a bad deployment."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from perfkit.lab.noise import Wander, jitter
from perfkit.lab.rig import Fault, Rig
from perfkit.lab.service import Outcome, serve

CLEAN_MS = 12.0


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("latency_step", words)
    fault = Fault(rig, "latency_step", "latency_ms_mean", CLEAN_MS)
    wander = Wander(rig.stream("pace"), rig.seconds, 0.03, 15.0)

    def handle(rng: random.Random, now_s: float) -> Outcome:
        time.sleep(CLEAN_MS / 1000 * jitter(rng, 0.2) * wander(now_s) * fault.factor(now_s))
        return Outcome()

    serve(rig, handle, per_s=40, workers=6, seen=fault.see)
    rig.finish()


if __name__ == "__main__":
    main()
