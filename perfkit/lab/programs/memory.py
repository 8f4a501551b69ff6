"""A service whose memory takes a course: it leaks, or only looks as if it did.

`--shape limit` is the steady leak under an RLIMIT_AS, which it hits; the other capacities are told.
"""

from __future__ import annotations

import resource
from collections.abc import Sequence

import perfkit
from perfkit.lab.course import COURSES
from perfkit.lab.followed import SECONDS, Followed, tell, until_the_end
from perfkit.lab.holdings import Memory, rss_bytes, virtual_bytes
from perfkit.lab.rig import Rig

MIB = 2**20
# What a collection gives back, as a share of the capacity, at the least.
_COLLECTED = 0.03


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, shape = Rig.of("memory", words, seconds=SECONDS, shapes=(*COURSES, "limit"))
    followed = Followed(rig, "steady" if shape == "limit" else shape)
    capacity = round(rig.rng.uniform(100, 240)) * MIB
    memory = Memory()
    followed.work()
    if shape == "limit":
        _run_into_the_limit(followed, memory, capacity)
        return
    watches = followed.watches("rss_bytes", capacity)
    held = rss_bytes()

    def step() -> None:
        nonlocal held
        now = memory.hold(followed.level() * capacity)
        if held - now > _COLLECTED * capacity:
            perfkit.event("gc", duration_ms=1.0, heap_after_bytes=now)
        held = now
        tell(watches, now)

    until_the_end(rig, step)


def _run_into_the_limit(followed: Followed, memory: Memory, capacity: int) -> None:
    followed.rig.sleep(0.5)  # until every thread has its stack and its arena
    limit = virtual_bytes() + capacity - rss_bytes()
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    watches = followed.watches("virtual_nearest_bytes", float(limit), limit="RLIMIT_AS")

    def step() -> None:
        try:
            memory.hold(followed.level() * capacity)
        except MemoryError:
            watches[0].reached()

    until_the_end(followed.rig, step)


if __name__ == "__main__":
    main()
