"""Instructions of a process and of all that it starts, as the hardware counts them.

A count hardly depends on what else the machine does, which makes it the steadiest figure of a run.
Virtual machines mostly have no such counters, and `kernel.perf_event_paranoid` may forbid them.
Source: perf_event_open(2).
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable
from types import TracebackType

_SYSCALL = {"x86_64": 298, "aarch64": 241, "riscv64": 241, "ppc64le": 319, "s390x": 331}
_TYPE_HARDWARE = 0
_COUNT_INSTRUCTIONS = 1
_ATTRIBUTE_BYTES = 112
_FLAGS_OFFSET = 40
_DISABLED, _INHERIT, _EXCLUDE_KERNEL, _EXCLUDE_HYPERVISOR = 1 << 0, 1 << 1, 1 << 5, 1 << 6
_ENABLE_ON_EXEC = 1 << 12
_TIMES = 1 | 2  # with the count: how long it was wanted, and how long a counter was free for it
_READ_FORMAT_OFFSET = 32
_CLOSE_ON_EXEC = 8


class Instructions:
    """Counters on processes that wait to become their commands; a context manager.

    pids: of our own processes, before their exec. Counting begins with the exec.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self._descriptors: dict[int, int] = {}
        for pid in pids:
            descriptor, _ = _open(pid)
            if descriptor >= 0:
                self._descriptors[pid] = descriptor

    def __enter__(self) -> Instructions:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def read(self) -> dict[int, int]:
        """The counts, once the processes have ended; absent where nothing was counted all along."""
        counts = {}
        for pid, descriptor in self._descriptors.items():
            value, wanted, counted = struct.unpack("<QQQ", os.read(descriptor, 24))
            if value and wanted == counted:
                counts[pid] = value
        return counts


def why_not() -> str:
    """Why instructions cannot be counted here, or "" where they can."""
    descriptor, errno = _open(0)
    if descriptor >= 0:
        os.close(descriptor)
        return ""
    if errno in (1, 13):  # EPERM, EACCES
        return "kernel.perf_event_paranoid or the container forbids to count them"
    if errno == 38:  # ENOSYS
        return "this kernel has no perf_event_open"
    return "this machine's processor shows no counters, as most virtual machines do not"


def _open(pid: int) -> tuple[int, int]:
    """A descriptor of a counter, or (-1, errno)."""
    number = _SYSCALL.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return -1, 38
    attribute = bytearray(_ATTRIBUTE_BYTES)
    struct.pack_into("<IIQ", attribute, 0, _TYPE_HARDWARE, _ATTRIBUTE_BYTES, _COUNT_INSTRUCTIONS)
    struct.pack_into("<Q", attribute, _READ_FORMAT_OFFSET, _TIMES)
    flags = _DISABLED | _INHERIT | _EXCLUDE_KERNEL | _EXCLUDE_HYPERVISOR | _ENABLE_ON_EXEC
    struct.pack_into("<Q", attribute, _FLAGS_OFFSET, flags)
    buffer = (ctypes.c_char * _ATTRIBUTE_BYTES).from_buffer(attribute)
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    descriptor = library.syscall(
        ctypes.c_long(number),
        buffer,
        ctypes.c_int(pid),
        ctypes.c_int(-1),
        ctypes.c_int(-1),
        ctypes.c_ulong(_CLOSE_ON_EXEC),
    )
    return int(descriptor), ctypes.get_errno()
