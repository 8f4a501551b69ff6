"""A worker as it should be: a little work every tenth of a second, nothing kept."""

from __future__ import annotations

import sys
import time
import zlib


def main(seconds: float) -> None:
    until = time.monotonic() + seconds
    document = b"perfkit records, analyses and says what that cost. " * 4_000
    while time.monotonic() < until:
        zlib.decompress(zlib.compress(document, 6))
        time.sleep(0.1)


main(float(sys.argv[1]))
