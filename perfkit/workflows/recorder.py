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
from perfkit.model.text import printable
from perfkit.sampling.clock import Clock, Deadlines
from perfkit.sampling.descriptors import raise_limit
from perfkit.sampling.intake import REST_NS, Intake
from perfkit.sampling.linux import LinuxSampler
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.sampling.pace import Pace
from perfkit.session.journal import JournalWriter, remove_journal
from perfkit.workflows.live_line import LiveLine
from perfkit.workflows.ticker import FRONT, Ticker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_BLOCK_BYTES = 512  # getrusage(2): blocks of 512 bytes, whatever the file system's are

# 50 MB of events that were sent before the end and not taken yet
_LAST_ROUNDS = 400
_LAST_WORDS_NS = 500_000_000
_LONGEST_REPORT_S = 120


class Recorder:
    """One recording from the first tick to the sealed file. Options are those of `record`."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self.journal_path = options["journal"]
        self.output = options["output"]
        self.pid = int(options["pid"])
        self.child = options["mode"] == "command"
        self.interval_ns = int(options["interval_ns"])
        self.duration_ns = int(options["duration_ns"]) if options["duration_ns"] else None
        self.keep_ns = int(options["keep_ns"]) if options["keep_ns"] else None
        self.budget = float(options["budget"]) if options["budget"] else None
        self.follow_daemons = options["follow_daemons"] == "1"
        self.force = options["force"] == "1"
        self.quiet = options["quiet"] == "1"
        self.sealing = options.get("seal", "1") == "1"
        self.slow_every_ns = int(options.get("slow_every_ns", 0))
        self.command = options["command"]
        self.lock_fd = int(options["lock_fd"])
        self.inherited_bytes = int(options.get("inherited_bytes", 0))
        self.go_fd = int(options["go_fd"])
        self.exec_error_fd = int(options["exec_error_fd"])
        self.analysis_fd = int(options.get("analysis_fd", -1))
        self.events_path = options.get("events_path", "")
        self.forwarder_pid = int(options.get("forwarder_pid", 0))
        self.events_missing = options.get("events_missing", "")
        self.live = LiveLine(2) if options["live"] == "1" else None
        self.stop_reason = ""
        self._clock = Clock()
        self._status: int | None = None
        self._figures: dict[str, int] = {}
        self._following = False
        self._pidfd = -1
        self._wake_fd = -1
        self._root: str = options["root"]
        self._copies = 0  # the highest number of one that was made
        self._resting_until_ns = 0
        self._intake = self._open_intake(options)
        self._copying: dict[int, tuple[int, str]] = {}
        self._sampler: LinuxSampler | None = None

    def _open_intake(self, options: Mapping[str, str]) -> Intake | None:
        listener = int(options.get("events_fd", -1))
        if listener < 0:
            return None
        os.set_inheritable(listener, False)
        users = frozenset(int(user) for user in options["events_users"].split(","))
        return Intake(listener, users, self._clock.boottime_ns)

    def run(self) -> int:
        """Record, seal, and return the exit code."""
        os.set_inheritable(self.lock_fd, False)
        if self.analysis_fd >= 0:
            os.set_inheritable(self.analysis_fd, False)
        _take_name()
        raise_limit()  # the command was forked before: its limit is its own
        self._listen()
        self._open_pidfd()
        if self.child and (failure := self._start_command()):
            self._close_intake()
            return failure
        trouble: PerfkitError | None = None
        journal = JournalWriter(self.journal_path, RAW_METRICS, front=FRONT)
        try:
            sampler = LinuxSampler(
                self.pid,
                adopter=os.getpid() if self.child else 0,
                strangers=[self.forwarder_pid] if self.forwarder_pid else [],
            )
        except PerfkitError as error:
            journal.close()
            if not self.child:
                remove_journal(self.journal_path)
                self._close_intake()
                raise
            # so short-lived that it had ended before the first look
            trouble = error
        else:
            try:
                self._say_what()
                self._record(sampler, journal)
            except RecordingStopped as error:
                trouble = error
        _, ended_boottime_ns, ended_at_us = self._clock.now()
        self._close_intake()
        if self.live is not None:
            self.live.clear()
        if trouble is not None:
            self._say(str(trouble))
        if self.child:
            self._wait_for_command()
        if trouble is None:
            self._finish_journal(journal, ended_boottime_ns, ended_at_us)
        sealed = self._seal()
        if sealed and self.analysis_fd >= 0:
            self._wait_for_report()
        if self.child:
            return self._command_code()
        return EXIT_UNUSABLE if trouble is not None or not sealed else EXIT_OK

    # ── recording ──

    def _record(self, sampler: LinuxSampler, journal: JournalWriter) -> None:
        pace = Pace(self.interval_ns, self.budget)
        ticker = self._ticker = Ticker(
            sampler, journal, self._clock, pace, self.keep_ns, self._intake
        )
        if self.slow_every_ns:
            ticker.slow_every_ns = self.slow_every_ns
            ticker.slow_soonest_ns = min(ticker.slow_soonest_ns, self.slow_every_ns // 5)
        self._sampler = sampler
        journal.note("target_pid", str(self.pid))
        journal.note("start_boottime_ns", str(ticker.start_boottime_ns))
        journal.note("started_at_us", str(ticker.started_at_us))
        if self.keep_ns is not None:
            journal.note("keep_ns", str(self.keep_ns))
        if self.events_missing:
            journal.note("missing.events", self.events_missing)
            if not self.quiet:
                self._say(f"recording without events: {self.events_missing}")
        # what is loaded now stays: the collector need not look at it again
        gc.collect()
        gc.freeze()
        while True:
            last = bool(self.stop_reason)
            if last:
                self._take_last_events()
            ticker.tick(last=last)
            if self.live is not None:
                own = self._clock.cpu_ns() - ticker.start_cpu_ns
                self.live.show(ticker.t_ns, journal.sequence, ticker.row, own)
            if last:
                return
            if self._pidfd < 0 and not self._following and sampler.target_gone():
                self._target_ended()
            if self._following and not sampler.tree.members:
                self.stop_reason = "the last process of the tree exited"
            if self.stop_reason:
                if self._take_last_events():
                    ticker.tick(last=True)
                return
            if (
                self.duration_ns is not None
                and ticker.t_ns + self.interval_ns // 2 >= self.duration_ns
            ):
                self.stop_reason = "--duration was reached"
                return
            if self._copying:
                self._reap_copies(os.WNOHANG)
            self._wait(ticker.deadlines)

    def _wait(self, deadlines: Deadlines) -> None:
        """Sleep until the next deadline, or until the target ends or a signal asks to stop.

        `select` takes microseconds; `poll` would round up to a millisecond and miss slots.
        """
        intake = self._intake
        began_ns = 0
        resting_until_ns = self._resting_until_ns
        while not self.stop_reason:
            watched = [self._wake_fd] if self._pidfd < 0 else [self._wake_fd, self._pidfd]
            now_ns = self._clock.monotonic_ns()
            until_ns = deadlines.next_ns
            if now_ns >= until_ns:
                return
            if intake is not None:
                if now_ns >= resting_until_ns:
                    watched.append(intake.fileno)
                elif resting_until_ns < until_ns:
                    until_ns = resting_until_ns
            ready, _, _ = select.select(watched, (), (), (until_ns - now_ns) / 1e9)
            if not ready:
                if until_ns == deadlines.next_ns:
                    return
                continue
            if intake is not None and intake.fileno in ready:
                # the first wake-up is the tick's: a reading before it would cost those without events
                began_ns = began_ns or self._clock.cpu_ns()
                self._ticker.take_events()
                resting_until_ns = self._resting_until_ns = self._clock.monotonic_ns() + REST_NS
                cpu_ns = self._clock.cpu_ns()
                self._ticker.events_cpu_ns += cpu_ns - began_ns
                began_ns = cpu_ns
            if self._pidfd in ready:
                self._target_ended()
            if self._wake_fd in ready:
                self._take_signals(os.read(self._wake_fd, 64))

    def _take_last_events(self) -> bool:
        """Take what has been sent so far; returns whether there is anything for a tick to commit."""
        if self._intake is None:
            return False
        self._end_forwarder(listening=True)
        # bounded: somebody who never stops is cut off
        for _ in range(_LAST_ROUNDS):
            if not self._ticker.take_events():
                break
        return bool(self._intake.held)

    def _end_forwarder(self, *, listening: bool) -> None:
        """Let what forwards to the socket say its last words, and take them if listening."""
        if not self.forwarder_pid:
            return
        os.kill(self.forwarder_pid, signal.SIGTERM)  # not reaped yet, so the pid is still its own
        end_ns = self._clock.monotonic_ns() + _LAST_WORDS_NS
        while not os.waitpid(self.forwarder_pid, os.WNOHANG)[0]:
            if self._clock.monotonic_ns() > end_ns:
                os.kill(self.forwarder_pid, signal.SIGKILL)
                os.waitpid(self.forwarder_pid, 0)
                break
            if listening:
                self._ticker.take_events()
            select.select((), (), (), 0.002)
        self.forwarder_pid = 0

    def _close_intake(self) -> None:
        if self._intake is None:
            return
        self._end_forwarder(listening=False)
        try:
            os.unlink(self.events_path)  # first: whoever comes next may make it anew at once
        except OSError:
            pass
        self._intake.close()
        self._intake = None

    def _target_ended(self) -> None:
        """End the recording with the target, or go on with the daemons it has left behind."""
        if not self.follow_daemons:
            self.stop_reason = "the target exited"
            return
        self._following = True
        # there is no CMD any more to decide; daemons may stay for ever
        signal.signal(signal.SIGINT, _noted)
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        if self._sampler is not None:
            self._sampler.tree.read(self._ticker.row)
        self._reap()

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
        signal.signal(signal.SIGUSR1, _noted)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        # what came while nobody listened was held back, and comes now
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))

    def _take_signals(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGUSR1:
                self._copy()
            elif self.child and not self._following:
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

    def _reap(self) -> None:
        """Take CMD's status if it has ended, and what the kernel says of its CPU time."""
        if self._status is not None:
            return  # taken before
        pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        if pid:
            self._status = status
            self._figures = self._figures_of(usage)

    def _figures_of(self, usage: Any) -> dict[str, int]:
        """What the kernel says of CMD and the children it reaped, as notes of the session."""
        figures = {
            "exit_cpu_ns": int((usage.ru_utime + usage.ru_stime) * 1e9),
            "exit_cpu_user_ns": int(usage.ru_utime * 1e9),
            "exit_cpu_system_ns": int(usage.ru_stime * 1e9),
            "exit_minor_faults": usage.ru_minflt,
            "exit_major_faults": usage.ru_majflt,
            "exit_read_bytes": usage.ru_inblock * _BLOCK_BYTES,
            "exit_written_bytes": usage.ru_oublock * _BLOCK_BYTES,
            "exit_voluntary_switches": usage.ru_nvcsw,
            "exit_involuntary_switches": usage.ru_nivcsw,
        }
        # a process' largest counts what it had as a copy of `perfkit record`, before it became CMD
        if usage.ru_maxrss * 1024 > self.inherited_bytes:
            figures["exit_peak_rss_bytes"] = usage.ru_maxrss * 1024
        return figures

    def _wait_for_command(self) -> None:
        """Wait until CMD has ended, forwarding signals, whatever became of the recording."""
        watched = [self._wake_fd] if self._pidfd < 0 else [self._wake_fd, self._pidfd]
        while self._status is None:
            self._reap()
            if self._status is not None:
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

    def _finish_journal(
        self, journal: JournalWriter, ended_boottime_ns: int, ended_at_us: int
    ) -> None:
        """Write down how it ended. The times are those of the last tick: CMD may go on for long."""
        try:
            journal.note("stop", self.stop_reason)
            journal.note("ended_at_us", str(ended_at_us))
            elapsed = ended_boottime_ns - self._ticker.start_boottime_ns
            journal.note("duration_ns", str(elapsed))
            if self._sampler is not None:
                for name, reason in self._sampler.take_last_notes():
                    journal.note(f"missing.{name}", reason)
            if self._status is not None:
                for name, figure in self._figures.items():
                    journal.note(name, str(figure))
                if os.WIFSIGNALED(self._status):
                    journal.note("exit_signal", str(os.WTERMSIG(self._status)))
                else:
                    journal.note("exit_code", str(os.WEXITSTATUS(self._status)))
        except RecordingStopped as error:
            self._say(str(error))
        journal.close()

    def _seal(self) -> bool:
        """Seal in a process of its own, which may be large; the recorder stays small."""
        self._reap_copies(0)  # they read the journal, and sealing removes it
        os.close(self.lock_fd)  # from here on the journal belongs to whoever seals it
        if not self.sealing:
            return True
        pid = self._start_sealing(self.output, ["--force"] if self.force else [])
        if not pid:
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

    def _wait_for_report(self) -> None:
        """Tell the analysis that the session is sealed, and wait until it has written its report."""
        try:
            os.write(self.analysis_fd, b"s")
            select.select([self.analysis_fd], [], [], _LONGEST_REPORT_S)
        except OSError:
            pass  # it is gone; what it found so far is in its file

    def _copy(self) -> None:
        """Seal what there is so far beside the session (NAME-1.parquet, …) and go on recording."""
        self._reap_copies(os.WNOHANG)
        stem = self.output.removesuffix(".parquet")
        ending = self.output[len(stem) :]
        number = max((self._copies, *(taken for taken, _ in self._copying.values())))
        path = self.output
        while os.path.lexists(path) or path == self.output:
            number += 1
            path = f"{stem}-{number}{ending}"
        pid = self._start_sealing(path, ["--keep"])
        if pid:
            self._copying[pid] = number, path
            if self._sampler is not None:
                self._sampler.tree.strangers.add(pid)

    def _reap_copies(self, flags: int) -> None:
        """Take note of the copies that are done. flags: WNOHANG, or 0 to wait for all of them."""
        for pid in list(self._copying):
            ended, status = os.waitpid(pid, flags)
            if ended:
                number, path = self._copying.pop(pid)
                if self._sampler is not None:
                    self._sampler.tree.strangers.discard(pid)
                if not status:
                    self._copies = max(self._copies, number)
                if not status and not self.quiet:
                    self._say(f"a copy of the recording so far is in {printable(path)}")

    def _start_sealing(self, output: str, options: list[str]) -> int:
        code = (
            f"import sys; sys.path.append({self._root!r}); "
            "from perfkit.workflows.seal import main; main()"
        )
        words = [sys.executable, "-P", "-c", code, self.journal_path, output, *options]
        try:
            return os.posix_spawn(sys.executable, words, os.environ)
        except OSError as error:
            later = f"seal it later with `perfkit recover {printable(self.journal_path)}`"
            if "--keep" in options:
                later = "no copy was made, and recording goes on"
            self._say(f"cannot start sealing ({error.strerror}); {later}")
            return 0

    def _say_what(self) -> None:
        """One line at the start: what, where to, and whom to send signals."""
        if self.quiet:
            return
        try:
            with open(f"/proc/{self.pid}/comm", "rb") as file:
                name = printable(file.read().rstrip(b"\n"))
        except OSError:
            name = "a process"
        own = os.getpid()
        end = "until it ends" if self.child else f"(Ctrl-C or kill {own} ends it)"
        self._say(
            f"recording {name} (pid {self.pid}) into {printable(self.output)} {end}; "
            f"kill -USR1 {own} writes a copy of what there is so far"
        )

    def _say_where(self) -> None:
        path = printable(self.output)
        size = os.stat(self.output).st_size
        ticks, span_ns = self._ticker.kept()
        seconds = span_ns / 1e9
        dropped = self._ticker.journal.sequence - ticks
        were = "tick was" if dropped == 1 else "ticks were"
        kept = f"; {dropped} older {were} dropped on purpose (--keep)" if dropped else ""
        longest_ns = max((interval for _, interval in self._ticker.pace.changes), default=0)
        if longest_ns > self.interval_ns and self.budget is not None:
            self._say(
                f"the interval grew from {self.interval_ns / 1e6:g} ms up to "
                f"{longest_ns / 1e6:.0f} ms to stay within {100 * self.budget:g} % of a core; "
                "--budget allows more, --no-adaptive pins it"
            )
        self._say(
            f"{ticks} tick{'' if ticks == 1 else 's'} in {seconds:.1f} s, "
            f"{path} ({size / 1000:.0f} kB){kept}; next: perfkit analyze {path}"
        )

    def _say(self, sentence: str) -> None:
        try:
            os.write(2, f"perfkit: {sentence}\n".encode("utf-8", "backslashreplace"))
        except OSError:
            pass  # nobody listens


def _take_name() -> None:
    """Be found as perfkit by pgrep, ps and top, instead of as one python3 among others."""
    try:
        with open("/proc/self/comm", "wb", buffering=0) as file:
            file.write(b"perfkit")
    except OSError:
        pass  # a name is all that is lost


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
