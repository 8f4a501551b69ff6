"""A service that begins to fail: more of its calls end in an error, and those end early."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from perfkit.lab.noise import Wander, jitter
from perfkit.lab.rig import Fault, Rig
from perfkit.lab.service import Outcome, serve

CLEAN_RATIO = 0.08


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("error_burst", words)
    fault = Fault(rig, "error_burst", "error_ratio", CLEAN_RATIO)
    wander = Wander(rig.stream("errors"), rig.seconds, 0.05, 20.0)

    def handle(rng: random.Random, now_s: float) -> Outcome:
        failed = rng.random() < CLEAN_RATIO * wander(now_s) * fault.factor(now_s)
        time.sleep(0.01 * jitter(rng) * (0.5 if failed else 1.0))
        fault.see(float(failed))
        return Outcome(success=not failed)

    serve(rig, handle, per_s=80)
    rig.finish()


if __name__ == "__main__":
    main()
