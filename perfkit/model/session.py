"""What is known of a session beside its ticks: the metadata of the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

IMPORTED = "import"
"""The mode of a session that was made of a foreign file: most of its facts are unknown."""

DROPPED_NOTE = "older_ticks_dropped_count"
"""The note of a flight recorder: ticks that are not kept because they were too old."""

DAMAGED_NOTE = "journal_damaged_ticks"
"""The note of a session whose journal was damaged: ticks that could not be read."""

DAMAGE_NOTE = "journal_damage"
"""Where that was: JSON, a list of [t_ns before, t_ns after, ticks], the longest 20 in time order."""


@dataclass(frozen=True)
class Session:
    """The facts of one recording, as stored in its metadata. Unknown facts are None or empty.

    session_id: UUIDv7 text, so ids sort by start.
    target_name, command: as recorded, untrusted text; secrets redacted.
    mode: `pid` (attached), `command` (started by perfkit) or IMPORTED.
    sampler: `linux` or `psutil`; the format of an imported file.
    interval_ns: the interval asked for; of an imported file the median time between its rows. interval_changes: (t_ns, interval_ns) of each change.
    started_at_us, ended_at_us: wall clock, microseconds since 1970 UTC; 0 where a foreign file does
    not say when.
    start_boottime_ns: CLOCK_BOOTTIME at t_ns = 0.
    duration_ns: from the start to the end of the recording, or to the last tick where it was cut
    off; None in a journal whose recorder did not come to write it.
    exit_code: the target's, where it was perfkit that started it; exit_signal likewise.
    stop_reason: a sentence ("the target exited", "--duration was reached", …); None if cut off.
    host: the fingerprint (cpu_model, cores, memory_bytes, kernel, governor, virtualisation, …).
    missing: column or group name to why it could not be recorded.
    notes: further facts by key (for instance `exit_cpu_ns`, the kernel's own final sum).
    """

    session_id: str
    perfkit_version: str
    schema_version: str
    mode: str
    sampler: str
    target_pid: int
    target_name: str
    command: str
    interval_ns: int
    started_at_us: int
    start_boottime_ns: int
    ended_at_us: int | None = None
    duration_ns: int | None = None
    exit_code: int | None = None
    exit_signal: int | None = None
    stop_reason: str | None = None
    interval_changes: tuple[tuple[int, int], ...] = ()
    host: Mapping[str, Any] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def ticks_dropped(self) -> int:
        """How many older ticks `--keep` dropped on purpose, before the first one that is there."""
        return self._count(DROPPED_NOTE)

    @property
    def ticks_damaged(self) -> int:
        """How many ticks the damaged journal of this session has cost."""
        return self._count(DAMAGED_NOTE)

    @property
    def damage(self) -> tuple[tuple[int, int, int], ...]:
        """Where they were: t_ns before, t_ns after, ticks; in time order, the longest 20."""
        try:
            found = [(int(a), int(b), int(n)) for a, b, n in json.loads(self.notes[DAMAGE_NOTE])]
        except (KeyError, TypeError, ValueError, RecursionError):
            return ()
        return tuple(hole for hole in found if 0 <= hole[0] <= hole[1] < 2**63 > hole[2] > 0)

    def _count(self, note: str) -> int:
        text = self.notes.get(note, "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
