"""A pool of workers, half busy, whose tasks wait for each other now and then."""

from __future__ import annotations

from collections.abc import Sequence

from perfkit.lab.noise import Bursts
from perfkit.lab.pool import Pool
from perfkit.lab.rig import Rig


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("worker_pool", words, seconds=720.0)
    pool = Pool(rig, workers=4, task_s=0.08)
    bumps = Bursts(rig.stream("bumps"), rig.seconds, 25.0, (0.5, 3.0), (1.3, 2.0))
    pool.feed(lambda now_s: 0.5 * bumps(now_s))
    rig.finish()


if __name__ == "__main__":
    main()
