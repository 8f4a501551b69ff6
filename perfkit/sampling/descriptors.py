"""How many descriptors of the tree's processes may be kept open.

A member takes three. Where the limit leaves no room for all, the most active members keep theirs
and the files of the others are opened, read and closed again each time.
"""

from __future__ import annotations

import resource

OF_A_MEMBER = 3
# standard streams, lock, journal (while a segment follows another: twice), the machine's files,
# the control group's, and those that are open for one reading: 32 at most, and a few to spare
RESERVED = 40
UNBOUNDED = 2**31


def raise_limit() -> None:
    """Raise this process's soft limit on descriptors to its hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            pass  # refused by a sandbox: the soft limit binds


def room_for_members() -> int:
    """How many members may keep their descriptors open under this process's limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return UNBOUNDED
    return max(0, soft - RESERVED) // OF_A_MEMBER
