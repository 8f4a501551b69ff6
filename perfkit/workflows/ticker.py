"""Taking ticks: which groups are due, what each tick carries, what the next one may cost.

Part of what the small recorder loads.
"""

from __future__ import annotations

from perfkit.errors import RecordingStopped
from perfkit.model.text import printable
from perfkit.sampling.clock import Clock, Deadlines
from perfkit.sampling.intake import MOST_HELD_BYTES, Intake
from perfkit.sampling.metrics import FAST_METRICS, TICK_METRICS
from perfkit.sampling.pace import Pace
from perfkit.session.journal import JournalWriter, event_frame, note_frame, processes_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from perfkit.sampling.tree import Row

    class Sampler(Protocol):
        """What the recorder needs of a sampler."""

        def read(
            self, row: Row, *, system: bool, slow: bool, may_go_on: Callable[[], bool] | None
        ) -> bool:
            """Write the columns of the groups that are due; returns whether slow is in the row."""

        def processes(self) -> list[tuple[object, ...]]:
            """The list of processes, in the order of PROCESS_FIELDS."""

        def take_notes(self) -> list[tuple[str, str]]:
            """What could not be recorded and why, each thing once."""

        def target_gone(self) -> bool:
            """Whether the root of the tree has ended."""


SYSTEM_EVERY_NS = 1_000_000_000
SLOW_EVERY_NS = 5_000_000_000
# A recording that has just begun reads the slow group sooner, so that short runs have it too:
# at 0, then whenever its age has doubled, from half a second on.
SLOW_SOONEST_NS = 500_000_000

FRONT = len(TICK_METRICS) + len(FAST_METRICS)
"""Columns that every tick fills; the table of metrics begins with them."""

# a flight recorder drops a part of this size at a time
KEPT_PARTS = 8


class Ticker:
    """Takes ticks: reads the groups that are due and appends them to the journal.

    clock: anything with the methods of sampling.clock.Clock; t_ns counts from its construction.
    pace: decides the interval and what the groups may cost.
    keep_ns: keep at least this much of the newest ticks and drop what is older; None keeps all.
    intake: where events come from, if any do. events_cpu_ns: to be raised by what taking them has
    cost since the tick before; the pace leaves it out, the recorded cost does not.
    """

    def __init__(
        self,
        sampler: Sampler,
        journal: JournalWriter,
        clock: Clock,
        pace: Pace,
        keep_ns: int | None = None,
        intake: Intake | None = None,
    ) -> None:
        self.sampler = sampler
        self.journal = journal
        self.clock = clock
        self.pace = pace
        monotonic_ns, self.start_boottime_ns, self.started_at_us = clock.now()
        self.deadlines = Deadlines(monotonic_ns, pace.interval_ns)
        self.row: Row = []
        self.t_ns = 0
        self.start_cpu_ns = clock.cpu_ns()
        self._cpu_ns = self.start_cpu_ns // 1000 * 1000
        self.intake = intake
        self.events_cpu_ns = 0
        # of the slow group; whoever records short runs wants it more often
        self.slow_every_ns = SLOW_EVERY_NS
        self.slow_soonest_ns = SLOW_SOONEST_NS
        self._keep_ns = keep_ns
        # when each segment that is still there began, the oldest first
        self._segments = [(journal.segment, 0, 0)]
        self._blank_front = journal.blank[:FRONT]
        self._asleep_ns = self.start_boottime_ns - monotonic_ns
        self._next_system_ns = 0
        self._next_slow_ns = 0
        self._sweeping = False
        # what ticks of one kind cost, to tell what a group adds
        self._plain_cost_ns = 0
        self._system_cost_ns = 0

    def tick(self, *, last: bool = False) -> None:
        """Take one tick now. last: also read the system group, so that the end is seen whole.

        Raises RecordingStopped when the journal cannot be written.
        """
        clock = self.clock
        pace = self.pace
        monotonic_ns, boottime_ns, wall_us = clock.now()
        late_ns, missed = self.deadlines.arrive(monotonic_ns)
        t_ns = boottime_ns - self.start_boottime_ns
        if t_ns <= self.t_ns and self.journal.sequence:
            t_ns = self.t_ns + 1  # two readings within the clock's step
        self.t_ns = t_ns
        asleep_ns = boottime_ns - monotonic_ns
        suspended_ns = asleep_ns - self._asleep_ns
        # the two clocks are read one after the other: microseconds between them are not sleep
        if suspended_ns < 1_000_000:
            suspended_ns = 0
        else:
            self._asleep_ns = asleep_ns
        system = last or (t_ns >= self._next_system_ns and pace.system.has_left(t_ns))
        slow = (self._sweeping or t_ns >= self._next_slow_ns) and pace.slow.has_left(t_ns)
        whole = system or slow
        row = self.row
        row[:] = self.journal.blank if whole else self._blank_front
        swept = self.sampler.read(row, system=system, slow=slow, may_go_on=self._may_go_on)
        cpu_ns = clock.cpu_ns() // 1000 * 1000
        cost_ns = cpu_ns - self._cpu_ns
        row[0] = t_ns
        row[1] = wall_us
        row[2] = suspended_ns
        # whole microseconds: what lies below is the clocks' noise, and noise does not compress
        row[3] = late_ns // 1000 * 1000
        row[4] = missed
        row[5] = cost_ns
        row[6] = 0
        self._cpu_ns = cpu_ns
        frames: list[bytes] = []
        intake = self.intake
        if intake is not None and (self.events_cpu_ns or intake.held or intake.dropped):
            row[6] = intake.take_dropped()
            if intake.held:
                frames = [event_frame(payload) for payload in intake.take()]
            cost_ns -= min(self.events_cpu_ns, cost_ns)
            self.events_cpu_ns = 0
        if whole:
            half = self.deadlines.interval_ns // 2
            if system:
                self._next_system_ns = t_ns + SYSTEM_EVERY_NS - half
            if slow and not self._sweeping:
                wait = min(self.slow_every_ns, max(self.slow_soonest_ns, t_ns))
                self._next_slow_ns = t_ns + wait - half
            self._sweeping = slow and not swept
            frames += [note_frame(f"missing.{n}", r) for n, r in self.sampler.take_notes()]
            if swept:
                frames.append(processes_frame(self.sampler.processes()))
            if self.journal.is_lost():
                raise RecordingStopped(
                    f"recording stopped: {printable(self.journal.directory)} was removed meanwhile"
                )
        groups_ns = 0
        if whole:
            groups_ns = self._charge(cost_ns, system, slow)
        else:
            self._plain_cost_ns = cost_ns
        if pace.spent(t_ns, cost_ns, groups_ns):
            self._change_interval(monotonic_ns, frames)
        self.journal.append(row, frames, whole=whole)
        if self._keep_ns is not None:
            self._drop_old()

    def take_events(self) -> bool:
        """Take what the application has said, up to a bound; returns whether there may be more."""
        intake = self.intake
        if intake is None:
            return False
        more = intake.drain()
        if intake.held_bytes >= MOST_HELD_BYTES:
            self.journal.write_ahead([event_frame(payload) for payload in intake.take()])
        return more

    def kept(self) -> tuple[int, int]:
        """How many ticks are kept, and how long a time they cover in nanoseconds."""
        _, sequence, began_ns = self._segments[0]
        return self.journal.sequence - sequence, self.t_ns - began_ns

    def _may_go_on(self) -> bool:
        """Whether the pass over the slow group may read another process in this tick."""
        return not self.pace.slow.is_spent_by(
            self.clock.cpu_ns() - self._cpu_ns - self._plain_cost_ns
        )

    def _charge(self, cost_ns: int, system: bool, slow: bool) -> int:
        """Take what the groups added to this tick's cost from their allowances; returns it."""
        added_ns = max(0, cost_ns - self._plain_cost_ns)
        if not slow:
            self._system_cost_ns = added_ns
            self.pace.system.spend(added_ns)
        elif not system:
            self.pace.slow.spend(added_ns)
        else:
            of_system_ns = min(added_ns, self._system_cost_ns)
            self.pace.system.spend(of_system_ns)
            self.pace.slow.spend(added_ns - of_system_ns)
        return added_ns

    def _change_interval(self, monotonic_ns: int, frames: list[bytes]) -> None:
        interval_ns = self.pace.interval_ns
        self.deadlines = Deadlines(monotonic_ns + interval_ns, interval_ns)
        changes = [list(change) for change in self.pace.changes]
        frames.append(note_frame("interval_changes", f"{changes}"))

    def _drop_old(self) -> None:
        """Drop segments that lie wholly before what is to be kept, begin new ones in time."""
        keep_ns = self._keep_ns or 0
        number, _, began_ns = self._segments[-1]
        if self.journal.segment != number:
            self._segments.append((self.journal.segment, self.journal.sequence, self.t_ns))
        elif self.t_ns - began_ns >= keep_ns // KEPT_PARTS:
            self.journal.next_segment()
            self._segments.append((self.journal.segment, self.journal.sequence, self.t_ns))
        while len(self._segments) > 1 and self._segments[1][2] <= self.t_ns - keep_ns:
            dropped, _, _ = self._segments.pop(0)
            kept, sequence, _ = self._segments[0]
            # first said, then done: a reader never takes what was dropped for damage
            self.journal.note("kept_from", f"[{kept}, {sequence}]")
            self.journal.drop_segment(dropped)
