"""A cache that stops to pay: callers ask for what it has never held, as when somebody scans."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence

import perfkit
from perfkit.lab.noise import Wander, jitter
from perfkit.lab.rig import Fault, Rig
from perfkit.lab.service import Outcome, serve

CLEAN_MISSES = 0.15
WARM_KEYS = 200
ENTRIES = 2_000


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("cache_collapse", words)
    misses = min(1.0, CLEAN_MISSES * rig.strength)
    fault = Fault(
        rig, "cache_collapse", "cache_hit_ratio", 1 - CLEAN_MISSES, fault_level=1 - misses
    )
    wander = Wander(rig.stream("misses"), rig.seconds, 0.05, 20.0)
    entries = OrderedDict((key, b"x" * 512) for key in range(WARM_KEYS))
    never_asked = itertools.count(WARM_KEYS)
    lock = threading.Lock()

    def handle(rng: random.Random, now_s: float) -> Outcome:
        cold = rng.random() < CLEAN_MISSES * wander(now_s) * fault.factor(now_s)
        with lock:
            key = next(never_asked) if cold else rng.randrange(WARM_KEYS)
            hit = key in entries
            if hit:
                entries.move_to_end(key)
        if not hit:
            time.sleep(0.005 * jitter(rng))
            with lock:
                entries[key] = b"x" * 512
                if len(entries) > ENTRIES:
                    entries.popitem(last=False)
        fault.see(float(hit))
        return Outcome(fields={"hit": hit, "level": "L1", "operation": "get", "size_bytes": 512})

    def say(duration_ms: float, outcome: Outcome) -> None:
        perfkit.event("cache_operation", response_ms=duration_ms, **outcome.fields)

    serve(rig, handle, per_s=100, say=say)
    rig.finish()


if __name__ == "__main__":
    main()
