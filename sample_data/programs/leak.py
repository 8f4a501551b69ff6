"""A service that answers requests from a cache whose keys never repeat: memory grows for ever."""

from __future__ import annotations

import hashlib
import sys
import time


def answer(cache: dict[str, bytes], request: int) -> bytes:
    # The mistake: the key holds the time, so nothing is ever found again and nothing is dropped.
    key = f"{request % 50}-{time.time_ns()}"
    if key not in cache:
        cache[key] = hashlib.sha512(key.encode()).digest() * 32
    return cache[key]


def main(seconds: float) -> None:
    cache: dict[str, bytes] = {}
    until = time.monotonic() + seconds
    request = 0
    while time.monotonic() < until:
        for _ in range(20):
            answer(cache, request)
            request += 1
        time.sleep(0.01)


main(float(sys.argv[1]))
