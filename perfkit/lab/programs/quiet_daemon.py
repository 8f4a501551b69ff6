"""A daemon that wakes once a second, looks, and mostly has nothing to do."""

from __future__ import annotations

from collections.abc import Sequence

import perfkit
from perfkit.lab.rig import Rig
from perfkit.lab.service import burn


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("quiet_daemon", words, seconds=720.0)
    rng = rig.stream("work")
    while rig.running:
        rig.sleep(rng.uniform(0.9, 1.1))
        if rng.random() < 0.05:
            burn(rng.uniform(0.002, 0.02))
            perfkit.event("log", level=rng.choice(("info", "info", "info", "warning")))
    rig.finish()


if __name__ == "__main__":
    main()
