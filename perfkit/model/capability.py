"""What a machine and a user can record, as far as it can be told beforehand."""

from __future__ import annotations

from dataclasses import dataclass

AVAILABLE = "available"
LIMITED = "limited"  # recorded, but coarser, dearer, or not of every process
MISSING = "missing"
NOTE = "note"  # nothing is missing, but figures are to be read with this in mind
STATES = (AVAILABLE, LIMITED, MISSING, NOTE)


@dataclass(frozen=True)
class Capability:
    """One thing that recording builds on.

    key: short and stable, for programs. title: what it gives. state: one of STATES.
    finding: a sentence on what was found. loses: what a session is without because of it.
    remedy: the command, or the act, that mends it; empty where nothing needs to be or can be done.
    """

    key: str
    title: str
    state: str
    finding: str
    loses: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Examination:
    """Everything that was looked at, in reading order.

    subject: of whom it speaks, as printable text. pid: the process that was named, if one was.
    can_record: whether a recording would hold anything at all.
    """

    subject: str
    pid: int | None
    user_id: int
    system: str
    can_record: bool
    capabilities: tuple[Capability, ...]
