"""A pool of workers whose load takes a course: tasks wait longer and longer once it is too much."""

from __future__ import annotations

from collections.abc import Sequence

from perfkit.lab.followed import Followed, Trailing, tell
from perfkit.lab.pool import Pool

CAPACITY_MS = 400.0
# Load at the capacity, as a share of what the workers can do: a queue grows only beyond 1.
OVERLOAD = 1.2


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    followed = Followed.of("workers", words)
    rig = followed.rig
    watches = followed.watches("queue_ms_p95", CAPACITY_MS, hold_s=1.0, alone=True)
    waits = Trailing(rig)

    def look() -> None:
        while rig.running:
            tell(watches, waits.p95())
            rig.sleep(0.1)

    pool = Pool(rig, workers=4, task_s=0.06, seen=waits.add)
    rig.go(look)
    pool.feed(lambda _now_s: OVERLOAD * followed.level())
    rig.finish()


if __name__ == "__main__":
    main()
