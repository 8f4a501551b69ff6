"""A service that writes a file whose size takes a course, on a disk of its own that may get full.

The disk is a small file system in memory, seen by this program alone (a mount namespace of its
own). Where that is not allowed, the file grows and nothing is told of a capacity.
"""

from __future__ import annotations

import ctypes
import errno
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from perfkit.lab.followed import Followed, until_the_end
from perfkit.lab.rig import Watch

MIB = 2**20
BLOCK = b"d" * 65536
CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18


def mount_disk(folder: str, size: int) -> bool:
    """Put an empty file system of so many bytes there, for this process alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        return False
    if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        return False
    options = f"size={size},mode=700".encode()
    return bool(libc.mount(b"perfkit-lab", os.fsencode(folder), b"tmpfs", 0, options) == 0)


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    followed = Followed.of("disk", words)
    rig = followed.rig
    capacity = rig.rng.randrange(24, 64) * MIB
    with tempfile.TemporaryDirectory(prefix="perfkit-lab-", ignore_cleanup_errors=True) as folder:
        # before any thread is there: a namespace is a thread's
        own = mount_disk(folder, capacity)
        watch = Watch(rig, "disk_free_bytes", 0.0, falling=True, limit="ENOSPC") if own else None
        followed.work()
        with open(Path(folder) / "data", "wb", buffering=0) as file:

            def step() -> None:
                wanted = round(followed.level() * capacity)
                size = os.fstat(file.fileno()).st_size
                if size > wanted + 0.03 * capacity:
                    file.truncate(wanted)
                    file.seek(wanted)
                try:
                    for _ in range((wanted - size) // len(BLOCK)):
                        file.write(BLOCK)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    if watch is not None:
                        watch.reached()

            until_the_end(rig, step)
        if own:
            ctypes.CDLL(None).umount2(os.fsencode(folder), 2)


if __name__ == "__main__":
    main()
