"""Time for the recorder: the clocks it reads and the deadlines it keeps.

Deadlines lie on the monotonic clock, which stands still while the machine sleeps: slots slept
through are not missed ticks. What is written down is CLOCK_BOOTTIME, which goes on.
"""

from __future__ import annotations

import time

# names of this module, since every look-up of another's costs when the caches are cold
_read = time.clock_gettime_ns
_MONOTONIC, _REALTIME, _CPU = (
    time.CLOCK_MONOTONIC,
    time.CLOCK_REALTIME,
    time.CLOCK_PROCESS_CPUTIME_ID,
)
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock:
    """The machine's clocks. Tests pass their own object with the same methods."""

    def monotonic_ns(self) -> int:
        """Time that never steps and stands still during sleep."""
        return _read(_MONOTONIC)

    def boottime_ns(self) -> int:
        """Time that never steps and goes on during sleep."""
        return _read(_BOOTTIME)

    def wall_us(self) -> int:
        """Microseconds since 1970, UTC; may step."""
        return _read(_REALTIME) // 1000

    def now(self) -> tuple[int, int, int]:
        """(monotonic_ns, boottime_ns, wall_us), read right after each other."""
        return _read(_MONOTONIC), _read(_BOOTTIME), _read(_REALTIME) // 1000

    def cpu_ns(self) -> int:
        """CPU time of this process so far."""
        return _read(_CPU)


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
