"""A service that forgets to close connections: open descriptors grow steadily."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from perfkit.lab.holdings import Descriptors
from perfkit.lab.noise import Wander, jitter
from perfkit.lab.rig import Fault, Rig
from perfkit.lab.service import Outcome, serve

CLEAN_COUNT = 60


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("descriptor_leak", words)
    fault = Fault(rig, "descriptor_leak", "fds_count", CLEAN_COUNT, ramp=True)
    wander = Wander(rig.stream("open"), rig.seconds, 0.04, 5.0)

    def handle(rng: random.Random, _now_s: float) -> Outcome:
        time.sleep(0.008 * jitter(rng))
        return Outcome()

    serve(rig, handle, per_s=20)
    descriptors = Descriptors()
    while rig.running:
        now_s = rig.now_s()
        leaked = CLEAN_COUNT * (fault.factor(now_s) - 1)
        fault.see(descriptors.hold(CLEAN_COUNT * wander(now_s) + leaked))
        rig.sleep(0.1)
    rig.finish()


if __name__ == "__main__":
    main()
