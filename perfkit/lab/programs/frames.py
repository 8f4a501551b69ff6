"""A renderer whose frame rate takes a course from sixty a second down to thirty, its capacity."""

from __future__ import annotations

import time
from collections.abc import Sequence

import perfkit
from perfkit.lab.followed import Followed, Trailing
from perfkit.lab.noise import jitter
from perfkit.lab.rig import Watch

BEST_FPS = 60.0
WORST_FPS = 30.0


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    followed = Followed.of("frames", words)
    rig = followed.rig
    watch = Watch(rig, "fps", WORST_FPS, falling=True, hold_s=1.0)
    rng = rig.stream("frames")
    frames = Trailing(rig)
    begun = followed.first()
    due_s = rig.now_s()
    while rig.running:
        lost = (followed.level() - begun) / (1 - begun)
        fps = max(5.0, BEST_FPS - (BEST_FPS - WORST_FPS) * lost)
        began_s = rig.now_s()
        time.sleep(0.4 / fps * jitter(rng, 0.1))
        perfkit.event("frame", render_ms=1000 * (rig.now_s() - began_s))
        frames.add(1.0)
        count = len(frames.values())
        if count:
            watch.see(count)
        due_s = max(due_s + 1 / fps, rig.now_s())
        rig.sleep_until(due_s)
    rig.finish()


if __name__ == "__main__":
    main()
