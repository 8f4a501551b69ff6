"""A daemon that writes its log, and moves it away and compresses it when it is long."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Sequence
from pathlib import Path

import perfkit
from perfkit.lab.rig import Rig

LINE = (
    b"2026-01-01 12:00:00 INFO service: one more thing was done, and done well, and told here\n" * 8
)


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("log_rotation", words, seconds=720.0)
    rng = rig.stream("lines")
    longest = rng.randrange(400, 900) * len(LINE)
    with tempfile.TemporaryDirectory(prefix="perfkit-lab-") as folder:
        log, old = Path(folder) / "log", Path(folder) / "log.1.gz"
        while rig.running:
            with open(log, "wb", buffering=0) as file:
                while rig.running and file.tell() < longest:
                    file.write(LINE * rng.randrange(1, 4))
                    if rng.random() < 0.1:
                        perfkit.event("log", level="info")
                    rig.sleep(rng.expovariate(20))
            old.write_bytes(gzip.compress(log.read_bytes(), 9))
    rig.finish()


if __name__ == "__main__":
    main()
