"""What programs hold on to: memory and descriptors, as much as they are told, no more, no less."""

from __future__ import annotations

import mmap
import os
import socket
from pathlib import Path

CHUNK_BYTES = 256 * 1024
_PAGE = mmap.PAGESIZE
_FILL = b"\x5a" * CHUNK_BYTES


def rss_bytes() -> int:
    """The resident memory of this process."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE


def virtual_bytes() -> int:
    """The address space of this process."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * _PAGE


def descriptors_count() -> int:
    """The open descriptors of this process, the one that looks left out."""
    return len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208 (names are enough)


class Memory:
    """Memory in pages of its own, written to, so that it is resident and goes back when let go."""

    def __init__(self) -> None:
        self._chunks: list[mmap.mmap] = []

    def hold(self, total_bytes: float) -> int:
        """Bring the resident memory of the whole process near this; returns what it is now.

        Raises MemoryError where a limit is met.
        """
        missing = round((total_bytes - rss_bytes()) / CHUNK_BYTES)
        for _ in range(missing):
            try:
                chunk = mmap.mmap(-1, CHUNK_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            except OSError as error:
                raise MemoryError from error
            chunk.write(_FILL)
            self._chunks.append(chunk)
        for _ in range(min(-missing, len(self._chunks))):
            self._chunks.pop().close()
        return rss_bytes()


class Descriptors:
    """Connections that stay open: a pair of sockets is two descriptors."""

    def __init__(self) -> None:
        self._pairs: list[tuple[socket.socket, socket.socket]] = []

    def hold(self, total: float) -> int:
        """Bring the open descriptors of the process within one of this; returns how many there are.

        Raises OSError where a limit is met.
        """
        missing = int(total - descriptors_count())
        while missing >= 2:
            self._pairs.append(socket.socketpair())
            missing -= 2
        while missing <= -2 and self._pairs:
            for end in self._pairs.pop():
                end.close()
            missing += 2
        return descriptors_count()
