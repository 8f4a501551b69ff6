"""What an application and a recorder agree on: where they meet, and what a line may be.

Loaded by applications and by the small recorder, so it imports nothing.
"""

from __future__ import annotations

SOCKET_VARIABLE = "PERFKIT_SOCKET"
"""The environment variable that names the socket under `perfkit record -- CMD`."""

FOLDERS = ("/run/user/{uid}/perfkit", "/tmp/perfkit-{uid}")
"""Where sockets lie, by the target's effective user: the first whose parent folder is there.

No environment variable decides: a service and the shell that records it rarely share one."""

SOCKET_NAME = "{pid}.sock"

MAX_LINE_BYTES = 64 * 1024
"""A longer line is dropped and counted; its newline included."""

DROPPED_KEY = "perfkit_dropped"
"""Rides in a line: how many lines its sender had to drop since the line before."""
