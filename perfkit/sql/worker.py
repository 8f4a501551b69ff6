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
_LAST_GRACE_S = 3.0  # and once more at exit
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
        self._thread = threading.Thread(
            target=_work, args=(self._calls, self._outcomes), name="perfkit-sql", daemon=True
        )
        self._thread.start()
        # A thread that still holds DuckDB's objects at exit makes its binding complain on stderr.
        self.end = weakref.finalize(self, _end, self._thread, self._calls)

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
            # What an interrupted call ends in may be any error, so it is not asked.
            self.cancel()
            return TimeoutError()
        self._interrupt = None
        return outcome

    def cancel(self) -> None:
        """Stop what was started, if anything was.

        It is interrupted again and again, since an interrupt between two statements is lost. If
        that does not help either, this worker is not `usable` any more.
        """
        interrupt = self._interrupt
        if interrupt is None:
            return
        until = time.monotonic() + _GRACE_S
        while time.monotonic() < until:
            interrupt()
            with contextlib.suppress(queue.Empty):
                self._outcomes.get(timeout=0.02)
                self._interrupt = None
                return
        self._interrupt = None
        self.usable = False
        self.end.detach()
        self._calls.put(None)  # should it come back after all
        atexit.register(_leave, self._thread, interrupt)


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
    # the collector may come upon a worker that is in a cycle while its own thread runs
    if thread is not threading.current_thread():
        thread.join(_ENDING_S)


def _leave(thread: threading.Thread, interrupt: Callable[[], None]) -> None:
    """At exit: a last chance for a call that was left behind, then silence.

    A call that comes back to Python while that is being taken down aborts the process (until Python
    3.14), so it is worth waiting for; one that does not come back is cut off with the process.
    """
    until = time.monotonic() + _LAST_GRACE_S
    while thread.is_alive() and time.monotonic() < until:
        interrupt()
        thread.join(0.02)
    if thread.is_alive():
        # DuckDB's binding would list on stderr what the thread still holds.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
