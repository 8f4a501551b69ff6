"""The small process that starts both sides of a duet and reaps them.

Linux counts into a process's largest resident set what it had before its exec, so a process
started by a large Python would seem as large as that Python. Hence this one: little loaded, and a
fork of it is what the commands grow from.

Words: CORE (-1: any), TIMEOUT in seconds, then for each side its folder to work in, its folder
for temporary files, its file for standard error, the number of its words, and the words.

On standard output: once the sides wait to be started their process ids and the bytes that a side
has resident before it becomes its command, at most; then, after a line on standard
input, one line for each side in order when both have ended (see workflows.duet). End of file
instead of a line: nothing is started. Whatever happens, no process of a side's group is left.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIGURES = (
    "exec_errno",
    "status",
    "timed_out",
    "started_ns",
    "ended_ns",
    "user_us",
    "system_us",
    "peak_rss_bytes",
    "minor_faults",
    "major_faults",
    "read_blocks",
    "written_blocks",
    "voluntary_switches",
    "involuntary_switches",
    "read_call_bytes",
    "written_call_bytes",
    "read_calls",
    "write_calls",
)
"""What a side's line holds, in this order, all integers; -1 is unknown."""

# Standard error goes into a file, so that whoever reads it takes no part in the run; a command
# that never ends its complaints must not fill the disk.
_MOST_ERROR_BYTES = 16 << 20
_LOOK_S = 1.0

_UNTIL_EXEC_BYTES = 1 << 18  # what a side may still touch on its way to become the command


class Side:
    """A process that waits for its start, then becomes the command."""

    def __init__(self, core: int, words: list[bytes], folders: Sequence[bytes]) -> None:
        go_read, self._go = os.pipe()
        self._exec_error, error_write = os.pipe()
        self._ready, ready_write = os.pipe()
        self._errors = folders[2]
        self.started_ns = 0
        self.reaped = False
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self._go)
                os.close(self._exec_error)
                os.close(self._ready)
                _become(words, folders, go_read, ready_write)
            except OSError as error:
                os.write(error_write, str(error.errno).encode())
            finally:
                os._exit(127)
        os.close(go_read)
        os.close(error_write)
        os.close(ready_write)
        self.pidfd = os.pidfd_open(self.pid)
        if core >= 0:
            os.sched_setaffinity(self.pid, {core})

    def peak_before_bytes(self) -> int:
        """What it has had resident at most, once it is ready to become the command."""
        os.read(self._ready, 1)  # or it has failed, and its end was closed
        # not getrusage: it would tell of the large process that this one was started by
        with open(f"/proc/{self.pid}/status", "rb") as file:
            _, _, peak = file.read().partition(b"VmHWM:")
        return 1024 * int(peak.split(None, 1)[0]) if peak else 0

    def start(self) -> None:
        """Let it go."""
        self.started_ns = time.monotonic_ns()
        os.write(self._go, b"g")

    def kill(self) -> None:
        """End it and everything that is still in its group."""
        for target in (-self.pid, self.pid):
            try:
                os.kill(target, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass  # the group is empty, or the process has not come as far as having one

    def reap(self, timed_out: bool) -> tuple[int, ...]:
        """Its figures in the order of FIGURES, once it has ended."""
        ended_ns = time.monotonic_ns()
        # What it left behind in its group would go on beside the next pair. Before it is reaped,
        # since afterwards its number may be another's.
        self.kill()
        calls = _calls(self.pid)
        self.reaped = True
        _, status, usage = os.wait4(self.pid, 0)
        return (
            int(os.read(self._exec_error, 16) or b"0"),
            status,
            int(timed_out),
            self.started_ns,
            ended_ns,
            round(usage.ru_utime * 1e6),
            round(usage.ru_stime * 1e6),
            usage.ru_maxrss * 1024,
            usage.ru_minflt,
            usage.ru_majflt,
            usage.ru_inblock,
            usage.ru_oublock,
            usage.ru_nvcsw,
            usage.ru_nivcsw,
            *calls,
        )

    def shorten_errors(self) -> None:
        """Start its file for standard error anew where it has become large."""
        try:
            if os.stat(self._errors).st_size > _MOST_ERROR_BYTES:
                os.truncate(self._errors, 0)  # it appends, so it goes on from here
        except OSError:
            pass  # not made yet, or removed by the command


def _calls(pid: int) -> tuple[int, ...]:
    """What passed through read and write calls, until it is reaped; reaped children included."""
    try:
        with open(f"/proc/{pid}/io", "rb") as file:
            numbers = [int(line.split()[1]) for line in file.read().splitlines()[:4]]
    except (OSError, ValueError, IndexError):
        numbers = []
    return tuple(numbers) if len(numbers) == 4 else (-1, -1, -1, -1)


def _become(words: list[bytes], folders: Sequence[bytes], go_read: int, ready: int) -> None:
    os.setsid()
    work, temporary, errors = folders
    os.chdir(work)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    environment = {**os.environb, b"TMPDIR": temporary}
    # Python ignores these two; a command expects them as the shell has them
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    paths = [words[0]]
    if b"/" not in words[0]:
        paths = [os.path.join(os.fsencode(folder), words[0]) for folder in os.get_exec_path()]
    _exec((), words, environment)  # in vain, so that what it touches counts as had before
    os.write(ready, b"r")
    if not os.read(go_read, 1):
        os._exit(127)
    raise _exec(paths, words, environment)


def _exec(
    paths: Sequence[bytes], words: list[bytes], environment: Mapping[bytes, bytes]
) -> OSError:
    """Become the first of the paths that can be; returns why none can, as a shell would tell it."""
    found = OSError(errno.ENOENT, "")
    for path in [*paths, b""]:
        try:
            os.execve(path, words, environment)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            found = error
    return found


def run(timeout_s: float, sides: Sequence[Side]) -> None:
    """Start the sides when told to, wait for them, and print their figures."""
    floor = max(side.peak_before_bytes() for side in sides) + _UNTIL_EXEC_BYTES
    print(*(side.pid for side in sides), floor, flush=True)
    if not sys.stdin.readline():
        return
    for side in sides:
        side.start()
    deadline_ns = time.monotonic_ns() + int(timeout_s * 1e9)
    running = {side.pidfd: side for side in sides}
    figures: dict[int, tuple[int, ...]] = {}
    timed_out = False
    while running:
        left_s = max(0.0, (deadline_ns - time.monotonic_ns()) / 1e9)
        wait_s = _LOOK_S if timed_out else min(left_s, _LOOK_S)
        ready, _, _ = select.select([*running, 0], (), (), wait_s)
        if 0 in ready:
            return  # whoever wanted to know is gone
        if not ready:
            for side in running.values():
                side.shorten_errors()
        if not ready and time.monotonic_ns() >= deadline_ns and not timed_out:
            timed_out = True
            for side in running.values():
                side.kill()
        for pidfd in ready:
            side = running.pop(pidfd)
            figures[side.pid] = side.reap(timed_out)
    for side in sides:
        print(*figures[side.pid], flush=True)


def main() -> None:
    """Entry of the small process; the words are described above."""
    words = [os.fsencode(word) for word in sys.argv[1:]]
    core, timeout_s = int(words[0]), float(words[1])
    position = 2
    sides: list[Side] = []
    try:
        while position < len(words):
            folders, count = words[position : position + 3], int(words[position + 3])
            position += 4
            sides.append(Side(core, words[position : position + count], folders))
            position += count
        run(timeout_s, sides)
    finally:
        for side in sides:
            if not side.reaped:
                side.kill()
