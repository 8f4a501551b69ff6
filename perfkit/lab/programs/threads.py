"""A service whose number of threads takes a course; how many it may have is told."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from perfkit.lab.followed import Followed, tell, until_the_end


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    followed = Followed.of("threads", words)
    rig = followed.rig
    capacity = rig.rng.randrange(40, 120)
    followed.work()
    watches = followed.watches("threads_count", capacity, whole=True)
    parked: list[threading.Event] = []

    def step() -> None:
        wanted = round(followed.level() * capacity)
        # as the interpreter counts them, and the one of the SDK that it does not know of
        while threading.active_count() + 1 < wanted:
            parked.append(threading.Event())
            threading.Thread(target=parked[-1].wait, daemon=True).start()
        for _ in range(min(len(parked), threading.active_count() + 1 - wanted)):
            parked.pop().set()
        tell(watches, threading.active_count() + 1)

    until_the_end(rig, step)
    for one in parked:
        one.set()


if __name__ == "__main__":
    main()
