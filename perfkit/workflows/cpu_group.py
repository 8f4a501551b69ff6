"""A control group for CPU time, made for one process tree and removed afterwards.

Sources: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/cgroups.rst of the Linux kernel.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

_V2 = Path("/sys/fs/cgroup")
_V1 = (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup/cpu,cpuacct"))
_QUOTAS = ("cpu.max", "cpu.cfs_quota_us")
_PATIENCE_S = 5.0


@dataclass(frozen=True)
class CpuGroup:
    """A control group whose CPU quota can be set. home: the one that its maker is in."""

    folder: Path
    home: Path

    def words(self, command: list[str]) -> list[str]:
        """The command line that becomes this command inside the group."""
        enter = 'echo $$ > "$0" && exec "$@"'
        return ["/bin/sh", "-c", enter, str(self.folder / "cgroup.procs"), *command]

    def let_go(self, pid: int) -> None:
        """Take one process out of it, back to where its maker is."""
        with contextlib.suppress(OSError):
            (self.home / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        """Remove it; the last process of it may still be on its way out."""
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            try:
                self.folder.rmdir()
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.05)
            else:
                return


def make_group() -> CpuGroup | None:
    """A new group below the one that we are in; None where that is not allowed or has no quota."""
    try:
        lines = Path("/proc/self/cgroup").read_text("utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        tops = (_V2,) if controllers == "" else _V1 if "cpu" in controllers.split(",") else ()
        for top in tops:
            home = top / path.lstrip("/")
            folder = home / f"perfkit-lab-{os.getpid()}-{os.urandom(3).hex()}"
            try:
                folder.mkdir()
            except OSError:
                continue
            if any((folder / name).exists() for name in _QUOTAS):
                return CpuGroup(folder, home)
            with contextlib.suppress(OSError):
                folder.rmdir()
    return None
