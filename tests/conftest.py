"""What every test may use: a folder for sessions, processes that are always ended, a clock that
moves only when told, and property tests that find the same examples on every run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Deterministic, so that a failure on one machine is a failure on all; without a deadline, since a
# loaded machine is no fault. The function-scoped fixtures in use (tmp_path) may be shared.
settings.register_profile(
    "perfkit",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("perfkit")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    """An empty folder for sessions, apart from whatever else a test puts under tmp_path."""
    folder = tmp_path / "sessions"
    folder.mkdir()
    return folder


class Processes:
    """Starts processes, each in a process group of its own, and ends whole groups at teardown."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def start(self, argv: Sequence[str | Path], **options: Any) -> subprocess.Popen[str]:
        """A running process; text pipes for stdin and stdout unless options say otherwise."""
        options = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "text": True,
            "start_new_session": True,
            **options,
        }
        process: subprocess.Popen[str] = subprocess.Popen([*map(os.fspath, argv)], **options)
        self._started.append(process)
        return process

    def python(self, code: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """A Python process that runs `code` and has already printed its line `ready`."""
        process = self.start([sys.executable, "-c", textwrap.dedent(code), *arguments], **options)
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first == "ready\n", f"the helper process said {first!r} instead of 'ready'"
        return process

    def end(self) -> None:
        """Kill and reap everything that still runs."""
        for process in self._started:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()


@pytest.fixture
def processes() -> Iterator[Processes]:
    """See Processes: `processes.start(argv)`, `processes.python(code)`; all ended afterwards."""
    started = Processes()
    try:
        yield started
    finally:
        started.end()


def wait_until_asleep(*pids: int) -> None:
    """Until every process is asleep and has used no CPU time since it was last looked at.

    What has just answered is still on its way back to waiting, and a busy machine may keep it there.
    """
    before: list[tuple[bytes, bytes]] = []
    while True:
        now = []
        for pid in pids:
            state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
            used_ns = Path(f"/proc/{pid}/schedstat").read_bytes().split()[0]
            now.append((state, used_ns))
        if now == before and all(state == b"S" for state, _ in now):
            return
        before = now


class FakeClock:
    """A clock that moves only when told; a sleep moves it at once and is remembered."""

    def __init__(self, now_ns: int = 1_000_000_000) -> None:
        self.now_ns = now_ns
        self.slept_ns: list[int] = []

    def __call__(self) -> int:
        """The time in nanoseconds."""
        return self.now_ns

    def advance(self, by_ns: int) -> None:
        """Let time pass."""
        self.now_ns += by_ns

    def sleep(self, for_ns: int) -> None:
        """Let time pass and remember that someone waited for it."""
        self.slept_ns.append(for_ns)
        self.now_ns += for_ns


@pytest.fixture
def clock() -> FakeClock:
    """See FakeClock."""
    return FakeClock()


@pytest.fixture(scope="session")
def perfkit_command() -> Callable[..., list[str]]:
    """The words that run perfkit from this tree with this interpreter: `perfkit_command("info")`."""
    run = "from perfkit.cli import main; main()"
    return lambda *words: [sys.executable, "-c", run, *map(os.fspath, words)]
