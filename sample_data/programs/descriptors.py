"""A client that opens a connection a request and closes none, under a limit of 256 descriptors."""

from __future__ import annotations

import resource
import socket
import sys
import time


def main(seconds: float) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    forgotten: list[socket.socket] = []
    pause = seconds / 225
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        forgotten.append(socket.socket())
        time.sleep(pause)


main(float(sys.argv[1]))
