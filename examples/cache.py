"""A cache of three levels in front of a slow computation, one of which does not pay.

L1 holds objects, L2 the same objects compressed, L3 files. L2 was meant to hold what L1 has no room
for, but somebody gave both the same number of places: what L1 has dropped L2 has dropped as well,
so that nearly every question to it is in vain. In the middle of the time somebody reads everything
in order, and the popular entries have to be found anew.

    perfkit record -o cache.parquet -- python examples/cache.py [SECONDS [SEED]]
    perfkit query cache.parquet "SELECT label_value AS level, mean AS hit_ratio FROM event_metrics
        WHERE type = 'cache_operation' AND label = 'level' AND metric = 'hit'"
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import perfkit

KEYS = 600
LOOKUPS_PER_S = 50
PLACES = {"L1": 60, "L2": 60, "L3": 300}
SCAN_FROM, SCAN_UNTIL = 0.5, 0.65  # shares of the time


class Level:
    """One level, least recently used entries dropped first; says what it does."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._entries: OrderedDict[int, bytes | Path] = OrderedDict()

    def get(self, key: int) -> bytes | None:
        """The entry, if it is here."""
        began_s = time.perf_counter()
        entry = self._entries.get(key)
        found = None if entry is None else self.unpacked(entry)
        if found is not None:
            self._entries.move_to_end(key)
        self._say("get", began_s, found, hit=found is not None)
        return found

    def set(self, key: int, value: bytes) -> None:
        """Keep the entry, and drop another where there is no place."""
        began_s = time.perf_counter()
        self._entries[key] = self.packed(value)
        self._entries.move_to_end(key)
        self._say("set", began_s, value)
        if len(self._entries) > PLACES[self.name]:
            began_s = time.perf_counter()
            _, oldest = self._entries.popitem(last=False)
            self.drop(oldest)
            self._say("evict", began_s, None)

    def packed(self, value: bytes) -> bytes | Path:
        """As it is kept."""
        return value

    def unpacked(self, entry: bytes | Path) -> bytes:
        """As it was given."""
        return entry.read_bytes() if isinstance(entry, Path) else entry

    def drop(self, entry: bytes | Path) -> None:
        """What there is to do when an entry leaves."""

    def _say(self, operation: str, began_s: float, value: bytes | None, **more: object) -> None:
        ms = round((time.perf_counter() - began_s) * 1e3, 4)
        if value is not None:
            more["size_bytes"] = len(value)
        perfkit.event(
            "cache_operation", operation=operation, level=self.name, response_ms=ms, **more
        )


class Compressed(Level):
    """Smaller, and slower by what that takes."""

    def packed(self, value: bytes) -> bytes:
        """Compressed as well as it goes."""
        return zlib.compress(value, 9)

    def unpacked(self, entry: bytes | Path) -> bytes:
        """Whole again."""
        return zlib.decompress(super().unpacked(entry))


class Files(Level):
    """One file an entry."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self._folder = folder
        self._numbers = count()

    def packed(self, value: bytes) -> Path:
        """Written."""
        path = self._folder / f"{next(self._numbers)}.json"
        path.write_bytes(value)
        return path

    def drop(self, entry: bytes | Path) -> None:
        """Removed."""
        if isinstance(entry, Path):
            entry.unlink()


def compute(key: int) -> bytes:
    """What the cache is there to avoid."""
    with perfkit.span("compute"):
        chance = random.Random(key)
        return json.dumps([chance.random() for _ in range(2000)]).encode()


def questions(seconds: float, seed: int) -> Iterator[int]:
    """Keys to look up, a few of them popular; in the middle everything once, in order."""
    chance = random.Random(seed)
    began_s = time.monotonic()
    scanned = number = 0
    while (share := (time.monotonic() - began_s) / seconds) < 1:
        if SCAN_FROM < share < SCAN_UNTIL and number % 4:
            scanned += 1
            yield scanned % KEYS
        else:
            yield int(KEYS * chance.random() ** 4)
        number += 1
        time.sleep(max(0.0, began_s + number / LOOKUPS_PER_S - time.monotonic()))


def run(seconds: float, seed: int) -> None:
    """Look up, from the fastest level to the slowest; what is found goes into those before."""
    with tempfile.TemporaryDirectory() as folder:
        levels = [Level("L1"), Compressed("L2"), Files("L3", Path(folder))]
        for key in questions(seconds, seed):
            asked: list[Level] = []
            for level in levels:
                if (value := level.get(key)) is not None:
                    break
                asked.append(level)
            else:
                value = compute(key)
            for level in asked:
                level.set(key, value)


if __name__ == "__main__":
    run(
        float(sys.argv[1]) if len(sys.argv) > 1 else 30.0,
        int(sys.argv[2]) if len(sys.argv) > 2 else 1,
    )
