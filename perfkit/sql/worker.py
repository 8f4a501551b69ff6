"""A thread that calls what may never return, so that the caller need not wait for ever.

DuckDB notices an interrupt between batches of rows; a function over one value (the edit distance of
two long texts, say) never looks. Such a call is left behind: the thread is a daemon and ends with the
process.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")

_GRACE_S = 1.0  # how long an interrupted call may take to notice
_ENDING_S = 5.0


class Worker(Generic[Result]):
    """Calls one function after the other in a thread of its own.

    One thread for many calls: what DuckDB keeps per thread made a new one for each query cost as
    much as the query.
    """

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], Result] | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Result | BaseException] = queue.SimpleQueue()
        self._interrupt: Callable[[], None] | None = None
        self.usable = True
        thread = threading.Thread(
            target=_work, args=(self._calls, self._outcomes), name="perfkit-sql", daemon=True
        )
        thread.start()
        # A thread that still holds DuckDB's objects at exit makes its binding complain on stderr.
        self.end = weakref.finalize(self, _end, thread, self._calls)

    def start(self, function: Callable[[], Result], interrupt: Callable[[], None]) -> None:
        """Begin to call the function; `finish` must follow before the next one.

        interrupt: asks the function to stop, from another thread; never raises.
        """
        self._interrupt = interrupt
        self._calls.put(function)

    def finish(self, timeout_s: float) -> Result | BaseException:
        """What the function returns or raises; a TimeoutError if it does neither in time."""
        try:
            outcome = self._outcomes.get(timeout=timeout_s)
        except queue.Empty:
            return self.cancel() or TimeoutError()
        self._interrupt = None
        return outcome

    def cancel(self) -> Result | BaseException | None:
        """Stop what was started; what comes of it, None if nothing does.

        It is interrupted again and again, since an interrupt between two statements is lost. If
        that does not help either, this worker is not `usable` any more.
        """
        interrupt = self._interrupt
        if interrupt is None:
            return None
        until = time.monotonic() + _GRACE_S
        while time.monotonic() < until:
            interrupt()
            with contextlib.suppress(queue.Empty):
                outcome = self._outcomes.get(timeout=0.02)
                self._interrupt = None
                return outcome
        self._interrupt = None
        self.usable = False
        self.end.detach()
        atexit.register(_silence)
        return None


def _work(
    calls: queue.SimpleQueue[Callable[[], Result] | None],
    outcomes: queue.SimpleQueue[Result | BaseException],
) -> None:
    while (function := calls.get()) is not None:
        try:
            outcomes.put(function())
        except BaseException as error:
            outcomes.put(error)
        del function  # it holds a cursor


def _end(thread: threading.Thread, calls: queue.SimpleQueue[Callable[[], Result] | None]) -> None:
    calls.put(None)
    thread.join(_ENDING_S)


def _silence() -> None:
    """Keep DuckDB's binding from listing, at exit, what the thread that was left behind holds."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
