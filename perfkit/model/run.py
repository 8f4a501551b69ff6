"""One run of a command, the unit that comparisons rest on, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """What the kernel tells of a process that did its work, the children it reaped included.

    Whoever they are asked of, these figures are wait4's: nothing of them is sampled.
    started_ns, ended_ns: on the monotonic clock, from being let go to having ended.
    peak_rss_bytes: the largest resident set of any one process of it, or None where it was below
    that of the small process which started it and thus cannot be told from it.
    read_bytes, written_bytes: from and to storage. read_call_bytes, written_call_bytes: passed
    through read and write calls, read_calls and write_calls; None where the kernel keeps no count.
    peak_floor_bytes: what that small process needed itself.
    instructions: in user mode, or None where the hardware counts none.
    left_behind: names of the processes that were still there when it had ended: they were ended
    too, and what they did is in no figure.
    """

    started_ns: int
    ended_ns: int
    cpu_user_s: float
    cpu_system_s: float
    peak_rss_bytes: int | None
    minor_faults: int
    major_faults: int
    read_bytes: int
    written_bytes: int
    voluntary_switches: int
    involuntary_switches: int
    read_call_bytes: int | None = None
    written_call_bytes: int | None = None
    read_calls: int | None = None
    write_calls: int | None = None
    instructions: int | None = None
    peak_floor_bytes: int = 0
    left_behind: tuple[str, ...] = ()

    @property
    def cpu_s(self) -> float:
        """CPU time, user and system."""
        return self.cpu_user_s + self.cpu_system_s

    @property
    def wall_s(self) -> float:
        """From being let go to having ended."""
        return (self.ended_ns - self.started_ns) / 1e9


@dataclass(frozen=True)
class FailedRun:
    """A run that is no measurement: why, in words, and the last line it wrote to standard error.

    started: False where the command could not be started at all; another try is of no use.
    timed_out: whether it was killed because its time was over.
    """

    reason: str
    last_words: str = ""
    started: bool = True
    timed_out: bool = False

    def __str__(self) -> str:
        return f"{self.reason}: {self.last_words}" if self.last_words else self.reason


@dataclass(frozen=True)
class Pair:
    """Both sides of one comparison, by name. first: the side that was let go first, by chance."""

    first: str
    runs: Mapping[str, Run | FailedRun]

    def measured(self) -> dict[str, Run] | None:
        """The runs by side if each side did its work, else None."""
        runs = {name: run for name, run in self.runs.items() if isinstance(run, Run)}
        return runs if len(runs) == len(self.runs) else None
