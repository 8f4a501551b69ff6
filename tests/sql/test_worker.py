"""A thread for calls that may never return."""

from __future__ import annotations

import threading

import pytest

from perfkit.sql import worker as worker_module
from perfkit.sql.worker import Worker


class Call:
    """A call that lasts until it is told to end, or is interrupted often enough."""

    def __init__(self, interrupts_needed: int) -> None:
        self.interrupts_needed = interrupts_needed
        self.released = threading.Event()

    def __call__(self) -> str:
        self.released.wait(60)
        return "ended"

    def interrupt(self) -> None:
        self.interrupts_needed -= 1
        if self.interrupts_needed == 0:
            self.released.set()


def nothing() -> None: ...


def test_what_a_call_returns_or_raises_is_its_outcome() -> None:
    """One after the other, in one thread."""
    worker: Worker[int] = Worker()
    seen = []

    def fail() -> int:
        seen.append(threading.get_ident())
        raise KeyError("x")

    worker.start(lambda: seen.append(threading.get_ident()) or 7, nothing)
    assert worker.finish(60) == 7
    worker.start(fail, nothing)
    assert isinstance(worker.finish(60), KeyError)
    worker.end()

    assert seen[0] == seen[1] != threading.get_ident()


def test_a_call_that_takes_too_long_is_interrupted_until_it_notices() -> None:
    """The first interrupts may be lost; the worker can be used again."""
    worker: Worker[str] = Worker()
    call = Call(interrupts_needed=3)

    worker.start(call, call.interrupt)

    assert isinstance(worker.finish(0), TimeoutError)
    assert worker.usable
    worker.start(lambda: "next", nothing)
    assert worker.finish(60) == "next"
    worker.end()


def test_a_call_that_never_notices_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its worker says so, and is replaced by whoever uses it."""
    monkeypatch.setattr(worker_module, "_GRACE_S", 0.05)
    registered: list[object] = []
    monkeypatch.setattr(
        worker_module.atexit, "register", lambda function, *_, **__: registered.append(function)
    )
    worker: Worker[str] = Worker()
    call = Call(interrupts_needed=10**9)

    worker.start(call, call.interrupt)

    assert isinstance(worker.finish(0), TimeoutError)
    assert not worker.usable
    assert worker_module._leave in registered
    call.released.set()


def test_cancelling_what_is_not_running_does_nothing() -> None:
    """Before the first call, and after one has finished."""
    worker: Worker[int] = Worker()

    worker.cancel()
    worker.start(lambda: 1, nothing)
    worker.finish(60)
    worker.cancel()
    assert worker.usable
    worker.end()


def test_a_worker_that_its_own_thread_clears_away_ends_without_a_word() -> None:
    """The collector runs wherever it happens to: a thread cannot wait for itself."""
    worker: Worker[None] = Worker()
    worker.start(worker.end, lambda: None)
    assert worker.finish(10) is None
