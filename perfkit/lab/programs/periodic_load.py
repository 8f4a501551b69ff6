"""A service under a load that comes and goes in a period, which the truth tells."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from perfkit.lab.holdings import Memory
from perfkit.lab.noise import jitter
from perfkit.lab.rig import Rig
from perfkit.lab.service import Outcome, burn, serve


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("periodic_load", words, seconds=720.0)
    period_s = round(rig.rng.uniform(8.0, 40.0), 2)
    phase = rig.rng.uniform(0, math.tau)
    rig.note("fact", period_s=period_s)

    def load(now_s: float) -> float:
        return 1 + 0.7 * math.sin(math.tau * now_s / period_s + phase)

    def handle(rng: random.Random, _now_s: float) -> Outcome:
        burn(0.001 * jitter(rng))
        rig.sleep(0.006 * jitter(rng))
        return Outcome()

    serve(rig, handle, per_s=20, load=load, bursts=False)
    memory = Memory()
    while rig.running:
        memory.hold((40 + 8 * load(rig.now_s())) * 2**20)
        rig.sleep(0.25)
    rig.finish()


if __name__ == "__main__":
    main()
