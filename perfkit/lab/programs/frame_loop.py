"""A renderer at sixty frames a second, with a slow frame every few seconds."""

from __future__ import annotations

import time
from collections.abc import Sequence

import perfkit
from perfkit.lab.noise import Wander, jitter
from perfkit.lab.rig import Rig


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("frame_loop", words, seconds=720.0)
    rng = rig.stream("frames")
    wander = Wander(rig.stream("scene"), rig.seconds, 0.1, 20.0)
    due_s = rig.now_s()
    while rig.running:
        now_s = rig.now_s()
        render_s = 0.006 * jitter(rng) * wander(now_s)
        if rng.random() < 0.003:
            render_s += rng.uniform(0.02, 0.05)
        time.sleep(render_s)
        perfkit.event("frame", render_ms=1000 * render_s)
        due_s = max(due_s + 1 / 60, rig.now_s())
        rig.sleep_until(due_s)
    rig.finish()


if __name__ == "__main__":
    main()
