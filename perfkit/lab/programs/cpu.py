"""A service whose CPU use takes a course towards the share of a core that it may have."""

from __future__ import annotations

import time
from collections.abc import Sequence

from perfkit.lab.followed import Followed, Trailing, tell
from perfkit.lab.service import burn

SLICE_S = 0.05


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    followed = Followed.of("cpu", words)
    rig = followed.rig
    capacity = round(rig.rng.uniform(15, 25), 1)
    watches = followed.watches("cpu_percent", capacity, hold_s=1.0)
    followed.work(per_s=10.0)
    used = Trailing(rig)
    due_s = rig.now_s()
    while rig.running:
        before_s = time.process_time()
        burn(max(0.0, followed.level() * capacity / 100 * SLICE_S - 0.0003))
        due_s = max(due_s + SLICE_S, rig.now_s())
        rig.sleep_until(due_s)
        used.add(time.process_time() - before_s)
        values = used.values()
        tell(watches, 100 * sum(values) / (len(values) * SLICE_S) if values else None)
    rig.finish()


if __name__ == "__main__":
    main()
