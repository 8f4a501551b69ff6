"""A batch job that reads, computes and writes, over and over."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import perfkit
from perfkit.lab.holdings import Memory
from perfkit.lab.rig import Rig
from perfkit.lab.service import burn

BLOCK = 64 * 1024


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("batch_phases", words, seconds=720.0)
    rng = rig.stream("batches")
    memory = Memory()
    with tempfile.TemporaryDirectory(prefix="perfkit-lab-") as folder:
        source, result = Path(folder) / "in", Path(folder) / "out"
        source.write_bytes(rng.randbytes(BLOCK * 64))
        while rig.running:
            with perfkit.span("batch", items=64):
                with perfkit.span("read"), open(source, "rb") as file:
                    ends_s = rig.now_s() + rng.uniform(4, 8)
                    while rig.running and rig.now_s() < ends_s:
                        memory.hold(60 * 2**20)
                        if not file.read(BLOCK):
                            file.seek(0)
                        rig.sleep(0.05)
                with perfkit.span("compute"):
                    ends_s = rig.now_s() + rng.uniform(6, 12)
                    memory.hold(80 * 2**20)
                    while rig.running and rig.now_s() < ends_s:
                        burn(0.005)
                        rig.sleep(0.06)
                with perfkit.span("write"), open(result, "wb") as file:
                    ends_s = rig.now_s() + rng.uniform(3, 6)
                    while rig.running and rig.now_s() < ends_s:
                        file.write(b"r" * BLOCK)
                        rig.sleep(0.05)
                memory.hold(40 * 2**20)
                rig.sleep(rng.uniform(1, 4))
    rig.finish()


if __name__ == "__main__":
    main()
