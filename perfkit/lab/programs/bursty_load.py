"""A service whose callers come in crowds: short, high, at no particular time."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from perfkit.lab.noise import Bursts, jitter
from perfkit.lab.rig import Rig
from perfkit.lab.service import Outcome, serve


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("bursty_load", words, seconds=720.0)
    crowds = Bursts(rig.stream("crowds"), rig.seconds, 15.0, (0.5, 5.0), (3.0, 12.0))

    def handle(rng: random.Random, now_s: float) -> Outcome:
        # in a crowd they wait for each other a little
        time.sleep(0.008 * jitter(rng, 0.2) * (1 + 0.08 * (crowds(now_s) - 1)))
        return Outcome()

    serve(rig, handle, per_s=8, workers=6, load=crowds, bursts=False)
    rig.finish()


if __name__ == "__main__":
    main()
