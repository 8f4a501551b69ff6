"""`perfkit doctor`: what this machine and this user can record, before anything is recorded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from perfkit.errors import UnusableInput
from perfkit.model.capability import AVAILABLE, LIMITED, MISSING, NOTE, Capability, Examination
from perfkit.model.text import printable
from perfkit.report.units import format_value
from perfkit.sampling.capabilities import Kernel, can_record, capabilities
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.workflows.record import describe_target

LITTLE_SPACE_BYTES = 200 * 10**6

# what a tick takes in the journal; sealing writes the file beside it, a tenth of that
_TICK_BYTES = 8 * (len(RAW_METRICS) + 3)
_HOUR_BYTES = round(_TICK_BYTES * 10 * 3600 * 1.1)

PEERS: Mapping[str, str] = {
    "psrecord": "pip install psrecord",
    "pidstat": "sudo apt install sysstat",
    "procpath": "pip install procpath",
    "top": "sudo apt install procps",
}
"""Tools beside which bench-overhead can measure perfkit, and how to get each."""


def examine(
    pid: int | None = None,
    folder: Path = Path(),
    *,
    proc: str = "/proc",
    sys: str = "/sys",
    kernel: Kernel | None = None,
) -> Examination:
    """Look at everything that recording builds on.

    pid: the process to be recorded; None for one's own processes and those of others in general.
    folder: where the session is to go. proc, sys, kernel: tests give others.
    Raises TargetGone if there is no such process, or it is a thread or a zombie.
    """
    subject = "any process"
    if pid is not None:
        name = describe_target(pid)[0] if proc == "/proc" else "process"
        subject = f"{name} (pid {pid})"
    found = capabilities(pid, proc=proc, sys=sys, kernel=kernel)
    machine = os.uname()
    return Examination(
        subject=subject,
        pid=pid,
        user_id=(kernel or Kernel()).user_id(),
        system=f"{machine.sysname} {machine.release}",
        can_record=can_record(found),
        capabilities=(*found, _folder(folder), _peers()),
    )


def assert_can_record(examination: Examination) -> None:
    """Raise UnusableInput, with the way out, if a recording would hold nothing at all."""
    if examination.can_record:
        return
    why = next(one for one in examination.capabilities if one.state == MISSING)
    raise UnusableInput(f"nothing can be recorded here: {why.finding}; try `{why.remedy}`")


def _folder(folder: Path) -> Capability:
    title = "a place for sessions"
    shown = printable(str(folder.absolute()))
    elsewhere = "perfkit record -o OTHER/FOLDER/NAME.parquet"
    if not folder.is_dir():
        return Capability(
            "folder",
            title,
            MISSING,
            f"there is no folder {shown}",
            "the session",
            f"mkdir -p {shown}",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        return Capability(
            "folder", title, MISSING, f"{shown} may not be written", "the session", elsewhere
        )
    free = shutil.disk_usage(folder).free
    hours = free / _HOUR_BYTES
    finding = (
        f"{shown} has room of {format_value(free, 'bytes')}: "
        f"{format_value(hours * 3600, 's')} of recording at 10 Hz"
    )
    if free < LITTLE_SPACE_BYTES:
        return Capability(
            "folder", title, LIMITED, finding, "what comes after the disk is full", elsewhere
        )
    return Capability("folder", title, AVAILABLE, finding)


def _peers() -> Capability:
    title = "other tools, to measure perfkit beside"
    there = [name for name in PEERS if shutil.which(name)]
    absent = {name: how for name, how in PEERS.items() if name not in there}
    finding = f"installed: {', '.join(there)}" if there else "none is installed"
    if not absent:
        return Capability("peers", title, AVAILABLE, finding)
    return Capability(
        "peers",
        title,
        NOTE,
        f"{finding}; not installed: {', '.join(absent)}",
        "",
        "; ".join(dict.fromkeys(absent.values())),
    )
