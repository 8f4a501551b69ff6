"""Workloads that are recorded, and a recorder that is there before they begin."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from perfkit.errors import PerfkitError
from perfkit.model.text import printable
from perfkit.session.journal import journal_path
from perfkit.workflows.overhead_processes import root

# Each takes about a fifth of a second of CPU time for a size of 100, and as long after the work as
# LINGER says, so that a recorder still sees it whole.
_CODE = {
    "cpu": """
import json
text = json.dumps({str(i): [i, i / 7, "x" * 40] for i in range(200)})
for _ in range(15 * SIZE):
    json.loads(text)
""",
    "io": """
import os
path = os.environ["TMPDIR"] + "/file"
data = os.urandom(1 << 16)
for _ in range(3 * SIZE):
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(16):
        os.write(file, data)
    for position in range(0, 1 << 20, 1 << 12):
        os.pread(file, 1 << 12, position)
    os.close(file)
    os.unlink(path)
""",
    "forks": """
import os
for _ in range(4 * SIZE):
    if not (pid := os.fork()):
        os._exit(0)
    os.waitpid(pid, 0)
""",
}
_LINGER = """
import time
time.sleep(LINGER)
"""
_FIRST_TICK_S = 30.0


def workload(kind: str, size: int, linger_s: float = 0.0) -> tuple[str, ...]:
    """The words of a workload: one of model.overhead.WORKLOADS, in an interpreter with little."""
    code = _CODE[kind].replace("SIZE", str(size))
    if linger_s:
        code += _LINGER.replace("LINGER", str(linger_s))
    return (sys.executable, "-S", "-E", "-c", code)


@contextlib.contextmanager
def recorder_of(
    pid: int, interval_ns: int, session: Path, core: int | None
) -> Iterator[subprocess.Popen[bytes]]:
    """The real recorder of a process, which has taken its first tick; kept to a core.

    Ended with all that it started; wait for it inside for a sealed session.
    Raises PerfkitError if it does not come as far.
    """
    code = (
        f"import sys; sys.path.append({root()!r})\n"
        "from pathlib import Path\n"
        "from perfkit.workflows.record import record_pid\n"
        f"record_pid({pid}, output=Path({str(session)!r}), interval_ns={interval_ns}, "
        "duration_ns=None, budget=None, keep_ns=None, force=False, quiet=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        _wait_for_first_tick(process, session)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _wait_for_first_tick(process: subprocess.Popen[bytes], session: Path) -> None:
    ticks = Path(journal_path(str(session))) / "000000.ticks"
    until = time.monotonic() + _FIRST_TICK_S
    while process.poll() is None and time.monotonic() < until:
        try:
            # a line of header, then the ticks
            if ticks.read_bytes().partition(b"\n")[2]:
                return
        except OSError:
            pass  # not there yet
        time.sleep(0.002)
    if process.poll() is None:
        raise PerfkitError(f"the recorder took no tick within {_FIRST_TICK_S:g} s")
    error = process.stderr.read() if process.stderr is not None else b""
    last = printable(error.strip().splitlines()[-1]) if error.strip() else "no reason given"
    raise PerfkitError(f"the recorder ended with {process.returncode} ({last})")
