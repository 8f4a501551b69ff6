"""A service whose answers take a course: slower and slower, or only for a time."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence

from perfkit.lab.followed import Followed, Trailing, tell, until_the_end
from perfkit.lab.service import Outcome, serve

SIGMA = 0.05
# The 95th percentile of a lognormal duration over its median.
P95 = math.exp(1.645 * SIGMA)


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    followed = Followed.of("latency", words)
    rig = followed.rig
    capacity = round(rig.rng.uniform(60, 140), 1)
    watches = followed.watches("latency_ms_p95", capacity, hold_s=1.0)
    durations = Trailing(rig)

    def handle(rng: random.Random, _now_s: float) -> Outcome:
        median_s = followed.level() * capacity / P95 / 1000
        time.sleep(median_s * math.exp(rng.gauss(0, SIGMA)))
        return Outcome()

    serve(rig, handle, per_s=45, workers=10, load=followed.load, bursts=False, seen=durations.add)
    until_the_end(rig, lambda: tell(watches, durations.p95()))


if __name__ == "__main__":
    main()
