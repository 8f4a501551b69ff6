"""A cache whose entries all run out every minute: for a moment it holds nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import perfkit
from perfkit.lab.noise import jitter
from perfkit.lab.rig import Rig
from perfkit.lab.service import Outcome, serve


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("expiring_cache", words, seconds=720.0)
    period_s = round(rig.rng.uniform(30.0, 70.0), 2)
    rig.note("fact", period_s=period_s)
    entries: dict[int, float] = {}

    def handle(rng: random.Random, now_s: float) -> Outcome:
        key = min(int(rng.expovariate(1 / 40)), 400)
        hit = entries.get(key) == now_s // period_s
        if not hit:
            time.sleep(0.006 * jitter(rng))
            entries[key] = now_s // period_s
        return Outcome(fields={"hit": hit, "level": "L1", "operation": "get"})

    def say(duration_ms: float, outcome: Outcome) -> None:
        perfkit.event("cache_operation", response_ms=duration_ms, **outcome.fields)

    serve(rig, handle, per_s=60, say=say)
    rig.finish()


if __name__ == "__main__":
    main()
