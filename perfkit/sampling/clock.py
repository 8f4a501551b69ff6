"""Time for the recorder: the clocks it reads and the deadlines it keeps.

Deadlines lie on the monotonic clock, which stands still while the machine sleeps: slots slept
through are not missed ticks. What is written down is CLOCK_BOOTTIME, which goes on.
"""

from __future__ import annotations

import time

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock:
    """The machine's clocks. Tests pass their own object with the same four methods."""

    def monotonic_ns(self) -> int:
        """Time that never steps and stands still during sleep."""
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    def boottime_ns(self) -> int:
        """Time that never steps and goes on during sleep."""
        return time.clock_gettime_ns(_BOOTTIME)

    def wall_us(self) -> int:
        """Microseconds since 1970, UTC; may step."""
        return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000

    def cpu_ns(self) -> int:
        """CPU time of this process so far."""
        return time.clock_gettime_ns(time.CLOCK_PROCESS_CPUTIME_ID)


class Deadlines:
    """Slots at start + k·interval, so that no delay adds up.

    start_ns, interval_ns: on any clock that never steps; `arrive` must use the same.
    next_ns: the deadline that is waited for now.
    """

    __slots__ = ("interval_ns", "next_ns")

    def __init__(self, start_ns: int, interval_ns: int) -> None:
        self.interval_ns = interval_ns
        self.next_ns = start_ns

    def arrive(self, now_ns: int) -> tuple[int, int]:
        """Take the slot that is due and move on to the first one still to come.

        Returns (late_ns, missed): how far behind its deadline the tick is, never negative, and
        how many later slots have passed meanwhile; they are skipped, not bunched.
        """
        late = now_ns - self.next_ns
        if late < 0:
            # woken before the deadline: an extra tick, and the slot stays to be taken
            return 0, 0
        missed = late // self.interval_ns
        self.next_ns += (missed + 1) * self.interval_ns
        return late, missed
