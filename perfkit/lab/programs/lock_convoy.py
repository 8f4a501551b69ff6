"""Threads that queue behind one lock: each call holds it a moment, until one holds it for long."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Sequence

from perfkit.lab.noise import jitter
from perfkit.lab.rig import Fault, Rig
from perfkit.lab.service import Outcome, serve

CLEAN_MS = 12.0
# The one that holds the lock lets the others in for so long in between.
OPEN_S = 0.006


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("lock_convoy", words)
    fault = Fault(rig, "lock_convoy", "latency_ms_mean", CLEAN_MS)
    lock = threading.Lock()
    wait_s = CLEAN_MS / 1000 * (rig.strength - 1)
    # Who comes at random waits half of what is left of a hold: hold^2 / 2 (hold + open) on average.
    hold_s = wait_s + math.sqrt(wait_s * wait_s + 2 * wait_s * OPEN_S) if wait_s > 0 else 0.0

    def handle(rng: random.Random, _now_s: float) -> Outcome:
        with lock:
            pass
        time.sleep(CLEAN_MS / 1000 * jitter(rng))
        return Outcome()

    serve(rig, handle, per_s=40, workers=8, seen=fault.see)
    rng = rig.stream("holder")
    rig.sleep_until(fault.from_s)
    while hold_s and rig.running and fault.active(rig.now_s()):
        with lock:
            rig.sleep(hold_s * rng.uniform(0.9, 1.1))
        rig.sleep(OPEN_S)
    rig.finish()


if __name__ == "__main__":
    main()
