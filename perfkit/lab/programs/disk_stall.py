"""A writer whose disk stalls. The disk is a FIFO with a reader that takes its time.

No disk of a machine can be made slower by a known factor without touching everybody on it; a
writer that blocks in write(2) because nobody takes what it writes sees the same thing.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from perfkit.lab.noise import jitter
from perfkit.lab.rig import Fault, Rig
from perfkit.lab.service import Outcome, serve

CLEAN_MS = 8.0
PAGE = 4096
RECORD = b"r" * (2 * PAGE)
F_SETPIPE_SZ = 1031


def drain(path: str, rig: Rig, fault: Fault) -> None:
    """Be the disk: take a record, some milliseconds after it was begun, until the run ends."""
    rng = rig.stream("disk")
    reader = os.open(path, os.O_RDONLY)
    while rig.running:
        if not select.select([reader], [], [], 0.2)[0]:
            continue
        time.sleep(CLEAN_MS / 1000 * jitter(rng) * fault.factor(rig.now_s()))
        taken = 0
        while taken < len(RECORD):
            piece = os.read(reader, len(RECORD) - taken)
            if not piece:
                return
            taken += len(piece)


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("disk_stall", words)
    fault = Fault(
        rig, "disk_stall", "latency_ms_mean", CLEAN_MS, means="a FIFO whose reader stalls"
    )
    with tempfile.TemporaryDirectory(prefix="perfkit-lab-") as folder:
        path = str(Path(folder) / "disk")
        os.mkfifo(path)
        disk = os.fork()
        if disk == 0:
            try:
                drain(path, rig, fault)
            finally:
                os._exit(0)
        writer = os.open(path, os.O_WRONLY)
        # of one page: the second page of a record waits until the first was taken
        fcntl.fcntl(writer, F_SETPIPE_SZ, PAGE)

        def handle(_rng: random.Random, _now_s: float) -> Outcome:
            os.write(writer, RECORD)
            return Outcome(fields={"operation": "write"})

        serve(rig, handle, per_s=25, workers=1, seen=fault.see)
        rig.finish()
        os.close(writer)
        os.waitpid(disk, 0)


if __name__ == "__main__":
    main()
