"""A service whose load drifts far up and down over minutes, with no plan."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from perfkit.lab.noise import Wander, jitter
from perfkit.lab.rig import Rig
from perfkit.lab.service import Outcome, burn, serve


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("wandering_load", words, seconds=720.0)
    load = Wander(rig.stream("drift"), rig.seconds, 0.4, 60.0)

    def handle(rng: random.Random, now_s: float) -> Outcome:
        burn(0.0008 * jitter(rng))
        time.sleep(0.008 * jitter(rng) * load(now_s) ** 0.2)
        return Outcome(success=rng.random() > 0.01)

    serve(rig, handle, per_s=20, load=load)
    rig.finish()


if __name__ == "__main__":
    main()
