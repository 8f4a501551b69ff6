"""The small recorder: what `perfkit record` becomes once everything large is done.

`perfkit record` re-executes itself as this module (same PID), so that the recording runs in a
process that has loaded a small part of the standard library, `sampling` and `session.journal`,
and nothing else. It ticks until the target ends, the time is up or a signal asks for an end; then
a process of its own seals the journal.

With `record -- CMD` the recorder is CMD's parent and adopts its orphans; whatever happens to the
recording, CMD is never hurt and its exit code wins.
"""

from __future__ import annotations

import _signal as signal  # `signal` itself loads enum, a quarter of a mebibyte
import gc
import os
import select
import sys

from perfkit.errors import (
    EXIT_FAULT,
    EXIT_NOT_EXECUTABLE,
    EXIT_NOT_FOUND,
    EXIT_OK,
    EXIT_UNUSABLE,
    PerfkitError,
    RecordingStopped,
)
from perfkit.model.metric import Metric
from perfkit.model.text import printable
from perfkit.sampling.clock import Clock, Deadlines
from perfkit.sampling.linux import LinuxSampler
from perfkit.sampling.metrics import FAST_METRICS, RAW_METRICS, TICK_METRICS
from perfkit.session.journal import JournalWriter, note_frame, processes_frame, remove_journal
from perfkit.workflows.live_line import LiveLine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from perfkit.sampling.tree import Row

    class Sampler(Protocol):
        """What the recorder needs of a sampler."""

        def read(self, row: Row, *, system: bool, slow: bool) -> None:
            """Write the columns of the groups that are due into the row."""

        def processes(self) -> list[tuple[object, ...]]:
            """The list of processes, in the order of PROCESS_FIELDS."""

        def take_notes(self) -> list[tuple[str, str]]:
            """What could not be recorded and why, each thing once."""

        def target_gone(self) -> bool:
            """Whether the root of the tree has ended."""


SYSTEM_EVERY_NS = 1_000_000_000
SLOW_EVERY_NS = 5_000_000_000
# A recording that has just begun reads the slow group sooner, so that short runs have it too:
# at 0, then whenever its age has doubled, from half a second on.
SLOW_SOONEST_NS = 500_000_000

_METRICS: tuple[Metric, ...] = RAW_METRICS
FRONT = len(TICK_METRICS) + len(FAST_METRICS)
"""Columns that every tick fills; the table of metrics begins with them."""


class Ticker:
    """Takes ticks: reads the groups that are due and appends them to the journal.

    clock: anything with the methods of sampling.clock.Clock; t_ns counts from its construction.
    """

    def __init__(
        self, sampler: Sampler, journal: JournalWriter, clock: Clock, interval_ns: int
    ) -> None:
        self.sampler = sampler
        self.journal = journal
        self.clock = clock
        self.start_boottime_ns = clock.boottime_ns()
        self.started_at_us = clock.wall_us()
        self.deadlines = Deadlines(clock.monotonic_ns(), interval_ns)
        self.row: Row = []
        self._blank_front = journal.blank[:FRONT]
        self.t_ns = 0
        self._asleep_ns = self.start_boottime_ns - clock.monotonic_ns()
        self._next_system_ns = 0
        self._next_slow_ns = 0
        self.start_cpu_ns = clock.cpu_ns()
        self._cpu_ns = self.start_cpu_ns // 1000 * 1000

    def tick(self, *, last: bool = False) -> None:
        """Take one tick now. last: also read the system group, so that the end is seen whole.

        Raises RecordingStopped when the journal cannot be written.
        """
        clock = self.clock
        monotonic_ns, boottime_ns, wall_us = clock.now()
        late_ns, missed = self.deadlines.arrive(monotonic_ns)
        t_ns = boottime_ns - self.start_boottime_ns
        if t_ns <= self.t_ns and self.journal.sequence:
            t_ns = self.t_ns + 1  # two readings within the clock's step
        self.t_ns = t_ns
        asleep_ns = boottime_ns - monotonic_ns
        suspended_ns = asleep_ns - self._asleep_ns
        # the two clocks are read one after the other: microseconds between them are not sleep
        if suspended_ns < 1_000_000:
            suspended_ns = 0
        else:
            self._asleep_ns = asleep_ns
        system = last or t_ns >= self._next_system_ns
        slow = t_ns >= self._next_slow_ns
        if system:
            self._next_system_ns = t_ns + SYSTEM_EVERY_NS - self.deadlines.interval_ns // 2
        if slow:
            wait = min(SLOW_EVERY_NS, max(SLOW_SOONEST_NS, t_ns))
            self._next_slow_ns = t_ns + wait - self.deadlines.interval_ns // 2
        row = self.row
        whole = system or slow
        row[:] = self.journal.blank if whole else self._blank_front
        self.sampler.read(row, system=system, slow=slow)
        cpu_ns = clock.cpu_ns()
        row[0] = t_ns
        row[1] = wall_us
        row[2] = suspended_ns
        # whole microseconds: what lies below is the clocks' noise, and noise does not compress
        row[3] = late_ns // 1000 * 1000
        row[4] = missed
        cpu_ns = cpu_ns // 1000 * 1000
        row[5] = cpu_ns - self._cpu_ns
        row[6] = 0
        self._cpu_ns = cpu_ns
        frames: Sequence[bytes] = ()
        if system:
            frames = [note_frame(f"missing.{n}", r) for n, r in self.sampler.take_notes()]
            if slow:
                frames.append(processes_frame(self.sampler.processes()))
            if self.journal.is_lost():
                raise RecordingStopped(
                    f"recording stopped: {printable(self.journal.directory)} was removed meanwhile"
                )
        self.journal.append(row, frames, whole=whole)


class Recorder:
    """One recording from the first tick to the sealed file. Options are those of `record`."""

    def __init__(self, options: dict[str, str]) -> None:
        self.journal_path = options["journal"]
        self.output = options["output"]
        self.pid = int(options["pid"])
        self.child = options["mode"] == "command"
        self.interval_ns = int(options["interval_ns"])
        self.duration_ns = int(options["duration_ns"]) if options["duration_ns"] else None
        self.force = options["force"] == "1"
        self.quiet = options["quiet"] == "1"
        self.command = options["command"]
        self.lock_fd = int(options["lock_fd"])
        self.go_fd = int(options["go_fd"])
        self.exec_error_fd = int(options["exec_error_fd"])
        self.live = LiveLine(2) if options["live"] == "1" else None
        self.stop_reason = ""
        self._clock = Clock()
        self._status: int | None = None
        self._pidfd = -1
        self._wake_fd = -1
        self._root: str = options["root"]

    def run(self) -> int:
        """Record, seal, and return the exit code."""
        os.set_inheritable(self.lock_fd, False)
        self._listen()
        self._open_pidfd()
        if self.child and (failure := self._start_command()):
            return failure
        trouble: PerfkitError | None = None
        journal = JournalWriter(self.journal_path, _METRICS, front=FRONT)
        try:
            sampler = LinuxSampler(self.pid, adopter=os.getpid() if self.child else 0)
        except PerfkitError as error:
            journal.close()
            if not self.child:
                remove_journal(self.journal_path)
                raise
            # so short-lived that it had ended before the first look
            trouble = error
        else:
            try:
                self._record(sampler, journal)
            except RecordingStopped as error:
                trouble = error
        if self.live is not None:
            self.live.clear()
        if trouble is not None:
            self._say(str(trouble))
        if self.child:
            self._wait_for_command(journal if trouble is None else None)
        if trouble is None:
            self._finish_journal(journal)
        sealed = self._seal()
        if self.child:
            return self._command_code()
        return EXIT_UNUSABLE if trouble is not None or not sealed else EXIT_OK

    # ── recording ──

    def _record(self, sampler: LinuxSampler, journal: JournalWriter) -> None:
        ticker = self._ticker = Ticker(sampler, journal, self._clock, self.interval_ns)
        journal.note("target_pid", str(self.pid))
        journal.note("start_boottime_ns", str(ticker.start_boottime_ns))
        journal.note("started_at_us", str(ticker.started_at_us))
        # what is loaded now stays: the collector need not look at it again
        gc.collect()
        gc.freeze()
        while True:
            last = bool(self.stop_reason)
            ticker.tick(last=last)
            if self.live is not None:
                own = self._clock.cpu_ns() - ticker.start_cpu_ns
                self.live.show(ticker.t_ns, journal.sequence, ticker.row, own)
            if last:
                return
            if self._pidfd < 0 and sampler.target_gone():
                self.stop_reason = "the target exited"
                return
            if (
                self.duration_ns is not None
                and ticker.t_ns + self.interval_ns // 2 >= self.duration_ns
            ):
                self.stop_reason = "--duration was reached"
                return
            self._wait(ticker.deadlines)

    def _wait(self, deadlines: Deadlines) -> None:
        """Sleep until the next deadline, or until the target ends or a signal asks to stop.

        `select` takes microseconds; `poll` would round up to a millisecond and miss slots.
        """
        watched = [self._wake_fd] if self._pidfd < 0 else [self._wake_fd, self._pidfd]
        while not self.stop_reason:
            remaining = deadlines.next_ns - self._clock.monotonic_ns()
            if remaining <= 0:
                return
            ready, _, _ = select.select(watched, (), (), remaining / 1e9)
            if not ready:
                return
            if self._pidfd in ready:
                self.stop_reason = "the target exited"
            if self._wake_fd in ready:
                self._take_signals(os.read(self._wake_fd, 64))

    # ── signals ──

    def _listen(self) -> None:
        self._wake_fd, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        if self.child:
            # the terminal sends these to CMD as well, and CMD decides
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGQUIT, signal.SIG_IGN)
        else:
            signal.signal(signal.SIGINT, _noted)
        signal.signal(signal.SIGTERM, _noted)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, _noted)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def _take_signals(self, numbers: bytes) -> None:
        for number in numbers:
            if self.child:
                self._forward(number)
            else:
                names = {signal.SIGINT: "SIGINT", signal.SIGTERM: "SIGTERM"}
                self.stop_reason = f"{names.get(number, 'SIGHUP')} was received"

    def _forward(self, number: int) -> None:
        if self._status is None:
            os.kill(self.pid, number)  # not reaped yet, so the pid is still CMD's

    # ── the command ──

    def _start_command(self) -> int:
        """Let CMD run; returns 0, or the exit code when it could not be executed."""
        os.close(self.go_fd)  # the child waits for this
        error = os.read(self.exec_error_fd, 16)
        os.close(self.exec_error_fd)
        if not error:
            return 0
        os.waitpid(self.pid, 0)
        remove_journal(self.journal_path)
        number = int(error)
        self._say(f"cannot run {printable(self.command)} ({os.strerror(number)})")
        return EXIT_NOT_FOUND if number in (2, 20) else EXIT_NOT_EXECUTABLE

    def _open_pidfd(self) -> None:
        try:
            self._pidfd = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            self._pidfd = -1  # before Linux 5.3: every tick looks whether the target is there

    def _wait_for_command(self, journal: JournalWriter | None) -> None:
        """Wait until CMD has ended, forwarding signals, whatever became of the recording."""
        watched = [self._wake_fd] if self._pidfd < 0 else [self._wake_fd, self._pidfd]
        while self._status is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self._status = status
                if journal is not None:
                    cpu_ns = int((usage.ru_utime + usage.ru_stime) * 1e9)
                    journal.note("exit_cpu_ns", str(cpu_ns))
                return
            ready, _, _ = select.select(watched, (), (), 1.0)
            if self._wake_fd in ready:
                self._take_signals(os.read(self._wake_fd, 64))

    def _command_code(self) -> int:
        if self._status is None:
            return EXIT_FAULT
        if os.WIFSIGNALED(self._status):
            return 128 + os.WTERMSIG(self._status)
        return os.WEXITSTATUS(self._status)

    # ── the end ──

    def _finish_journal(self, journal: JournalWriter) -> None:
        try:
            journal.note("stop", self.stop_reason)
            journal.note("ended_at_us", str(self._clock.wall_us()))
            elapsed = self._clock.boottime_ns() - self._ticker.start_boottime_ns
            journal.note("duration_ns", str(elapsed))
            if self._status is not None:
                if os.WIFSIGNALED(self._status):
                    journal.note("exit_signal", str(os.WTERMSIG(self._status)))
                else:
                    journal.note("exit_code", str(os.WEXITSTATUS(self._status)))
        except RecordingStopped as error:
            self._say(str(error))
        journal.close()

    def _seal(self) -> bool:
        """Seal in a process of its own, which may be large; the recorder stays small."""
        os.close(self.lock_fd)  # from here on the journal belongs to whoever seals it
        code = (
            f"import sys; sys.path.append({self._root!r}); "
            "from perfkit.workflows.seal import main; main()"
        )
        arguments = [sys.executable, "-P", "-c", code, self.journal_path, self.output]
        if self.force:
            arguments.append("--force")
        try:
            pid = os.posix_spawn(sys.executable, arguments, os.environ)
        except OSError as error:
            self._say(
                f"cannot start sealing ({error.strerror}); seal it later with "
                f"`perfkit recover {printable(self.journal_path)}`"
            )
            return False
        _, status = os.waitpid(pid, 0)
        if status:
            # the sealing process has said why
            self._say(
                "the recording is safe in its journal; seal it with "
                f"`perfkit recover {printable(self.journal_path)}`"
            )
            return False
        if not self.quiet:
            self._say_where()
        return True

    def _say_where(self) -> None:
        path = printable(self.output)
        size = os.stat(self.output).st_size
        ticks = self._ticker.journal.sequence
        seconds = self._ticker.t_ns / 1e9
        self._say(
            f"{ticks} ticks in {seconds:.1f} s, {path} ({size / 1000:.0f} kB); "
            f"next: perfkit analyze {path}"
        )

    def _say(self, sentence: str) -> None:
        try:
            os.write(2, f"perfkit: {sentence}\n".encode("utf-8", "backslashreplace"))
        except OSError:
            pass  # nobody listens


def _noted(_number: int, _frame: object) -> None:
    """A handler must exist for the wake-up descriptor to be written to."""


def main() -> None:
    """Entry of the re-executed process: options are `name=value` words."""
    options = dict(word.split("=", 1) for word in sys.argv[1:])
    try:
        code = Recorder(options).run()
    except PerfkitError as error:
        os.write(2, f"perfkit: {error}\n".encode("utf-8", "backslashreplace"))
        code = error.exit_code
    # skip the interpreter's tidying up: nothing is left to flush
    os._exit(code)
