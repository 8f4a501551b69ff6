"""A service that adds threads when it is asked for much, and lets them go again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence

from perfkit.lab.noise import Wander, jitter
from perfkit.lab.rig import Rig
from perfkit.lab.service import Outcome, serve


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("elastic_threads", words, seconds=720.0)
    load = Wander(rig.stream("drift"), rig.seconds, 0.35, 40.0)

    def handle(rng: random.Random, _now_s: float) -> Outcome:
        time.sleep(0.01 * jitter(rng))
        return Outcome()

    serve(rig, handle, per_s=20, load=load)
    spare: list[threading.Event] = []
    while rig.running:
        wanted = round(8 * load(rig.now_s()))
        while len(spare) < wanted:
            spare.append(threading.Event())
            threading.Thread(target=spare[-1].wait, daemon=True).start()
        while len(spare) > wanted:
            spare.pop().set()
        rig.sleep(1.0)
    for one in spare:
        one.set()
    rig.finish()


if __name__ == "__main__":
    main()
