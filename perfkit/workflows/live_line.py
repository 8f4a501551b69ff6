"""The line a person sees while a recording runs: elapsed, ticks, CPU, memory, own cost.

Part of what the small recorder loads.
"""

from __future__ import annotations

import os

from perfkit.model.metric import NULL_INTEGER
from perfkit.sampling.tree import INDEX, Row

_CPU = INDEX["cpu_time_ns"]
_RSS = INDEX["rss_bytes"]
_PROCESSES = INDEX["processes_count"]


class LiveLine:
    """Redraws one line on a terminal, at most twice a second.

    descriptor: of the terminal (stderr). A terminal that went away silences the line.
    """

    EVERY_NS = 500_000_000

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._next_ns = 0
        self._last: tuple[int, int, int] | None = None
        self._shown = False

    def show(self, t_ns: int, ticks: int, row: Row, own_cpu_ns: int) -> None:
        """Draw the line if it is time; own_cpu_ns is the recorder's CPU since its start."""
        if t_ns < self._next_ns:
            return
        self._next_ns = t_ns + self.EVERY_NS
        cpu_ns = int(row[_CPU])
        cpu = own = ""
        if self._last is not None and t_ns > self._last[0]:
            elapsed = t_ns - self._last[0]
            cpu = f"  CPU {100 * (cpu_ns - self._last[1]) / elapsed:.1f} %"
            own = f"  recording costs {100 * (own_cpu_ns - self._last[2]) / elapsed:.2f} %"
        self._last = (t_ns, cpu_ns, own_cpu_ns)
        rss = int(row[_RSS])
        memory = "" if rss == NULL_INTEGER else f"  memory {rss / 2**20:.1f} MiB"
        count = int(row[_PROCESSES])
        processes = f"  {count} processes" if count > 1 else ""
        self._write(
            f"\r\x1b[2K{t_ns / 1e9:.1f} s  {ticks} tick{'' if ticks == 1 else 's'}{cpu}{memory}{processes}{own}"
        )
        self._shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._write("\r\x1b[2K")
            self._shown = False

    def _write(self, text: str) -> None:
        try:
            os.write(self._descriptor, text.encode())
        except OSError:
            self._next_ns = 1 << 62
