"""What goes on now, on standard error."""

from __future__ import annotations

import sys
import time


class Progress:
    """One line that changes on a terminal, or a line each elsewhere.

    every_s: elsewhere no more than one line in so many seconds, so that a log stays short.
    """

    def __init__(self, every_s: float = 0.0) -> None:
        self._moving = sys.stderr.isatty()
        self._every_s = every_s
        self._started_s = self._due_s = time.monotonic()

    def show(self, what: str) -> None:
        """Say what begins, and when."""
        now_s = time.monotonic()
        if not self._moving and now_s < self._due_s:
            return
        self._due_s = now_s + self._every_s
        text = f"perfkit: {now_s - self._started_s:4.0f} s: {what}"
        end, start = ("", "\r\x1b[K") if self._moving else ("\n", "")
        print(start + text, end=end, file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Leave the terminal as it was."""
        if self._moving:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
