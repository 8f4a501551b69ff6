"""Starting a recording: everything that needs more than the small recorder has.

Checks the options, makes the journal, starts CMD where there is one, and re-executes itself as
`perfkit.workflows.recorder`, same PID.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import perfkit
from perfkit.errors import (
    LaunchFailed,
    OutputRefused,
    PerfkitError,
    TargetGone,
    UnusableInput,
    UsageError,
)
from perfkit.model.session import Session
from perfkit.model.text import printable
from perfkit.model.wire import SOCKET_VARIABLE
from perfkit.sampling.host import fingerprint
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.sampling.redact import redact
from perfkit.session.journal import create_journal, journal_path, remove_journal
from perfkit.session.schema import SCHEMA_VERSION
from perfkit.version import __version__
from perfkit.workflows.beside import start_beside
from perfkit.workflows.durations import parse_duration
from perfkit.workflows.event_socket import (
    EventFolder,
    NoEvents,
    folder_for,
    listening_options,
    statsd_sockets,
    target_folder,
)
from perfkit.workflows.session_id import uuid7

MIN_INTERVAL_NS = 1_000_000
MAX_INTERVAL_NS = 3600 * 1_000_000_000

_PR_SET_CHILD_SUBREAPER = 36
_BEFORE_EXEC_BYTES = 1 << 20  # what a copy of us may still touch before it becomes CMD, amply
_NAME_LENGTH = 40
_MOST_ATTEMPTS = 1000
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def parse_interval(text: str) -> int:
    """Nanoseconds of an interval between ticks. Raises UsageError outside 1 ms to 1 h."""
    interval_ns = parse_duration(text, "--interval")
    if not MIN_INTERVAL_NS <= interval_ns <= MAX_INTERVAL_NS:
        raise UsageError(f"--interval {printable(text)!r} is out of range; choose from 1ms to 1h")
    return interval_ns


def parse_budget(text: str) -> float:
    """A share of one core, of `1%` or `0.01`. Raises UsageError outside 0.01 % to 100 %."""
    stripped = text.strip()
    try:
        share = float(stripped.removesuffix("%")) / (100 if stripped.endswith("%") else 1)
    except ValueError:
        share = float("nan")
    if not 0.0001 <= share <= 1:
        raise UsageError(
            f"--budget {printable(text)!r} is no share of a core; choose from 0.01% to 100%"
        )
    return share


def record_pid(
    pid: int,
    *,
    output: Path | None,
    interval_ns: int,
    duration_ns: int | None,
    budget: float | None,
    keep_ns: int | None,
    force: bool,
    quiet: bool,
    statsd: str | None = None,
    analyze: bool = False,
    detector: str | None = None,
) -> NoReturn:
    """Record a running process; becomes the recorder and never returns.

    statsd: PORT or HOST:PORT, of UDP. analyze: whether a process beside it analyses the recording
    while it is made, with the detector of that name. Raises UsageError, TargetGone, OutputRefused.
    """
    ports = statsd_sockets(statsd)
    name, command = describe_target(pid)
    session = _session("pid", pid, name, command, interval_ns)
    _hold_signals()
    path, lock = _claim_output(output, session, force)
    _become_recorder(
        {
            "analysis_fd": start_beside(path, quiet=quiet, detector=detector) if analyze else -1,
            "mode": "pid",
            "pid": pid,
            "command": "",
            "go_fd": -1,
            "exec_error_fd": -1,
            "lock_fd": lock,
            "live": int(not quiet and _is_live_terminal()),
            "follow_daemons": 0,
            **listening_options(target_folder(pid), pid, ports),
        },
        path,
        interval_ns,
        duration_ns,
        budget=budget,
        keep_ns=keep_ns,
        force=force,
        quiet=quiet,
    )


def record_command(
    arguments: Sequence[str],
    *,
    output: Path | None,
    interval_ns: int,
    duration_ns: int | None,
    budget: float | None,
    keep_ns: int | None,
    follow_daemons: bool,
    force: bool,
    quiet: bool,
    statsd: str | None = None,
    analyze: bool = False,
    detector: str | None = None,
) -> NoReturn:
    """Start a command and record it; becomes the recorder and never returns.

    statsd, analyze, detector: as for record_pid. Raises LaunchFailed (exit code 125) for everything that fails before the command runs.
    """
    raw = [os.fsencode(argument) for argument in arguments]
    name = os.path.basename(raw[0])
    try:
        command = printable(b" ".join(redact(raw)))
        session = _session("command", 0, printable(name), command, interval_ns)
        ports = statsd_sockets(statsd)
        _hold_signals()
        path, lock = _claim_output(output, session, force)
    except PerfkitError as error:
        raise LaunchFailed(str(error)) from None
    # before this process adopts orphans, of which that one must not be
    analysis_fd = start_beside(path, quiet=quiet, detector=detector) if analyze else -1
    _adopt_orphans()
    events = folder_for(os.geteuid())
    pid, go_fd, exec_error_fd = _start_blocked(raw, events)
    _become_recorder(
        {
            **listening_options(events, pid, ports),
            "analysis_fd": analysis_fd,
            "mode": "command",
            "pid": pid,
            "command": printable(raw[0]),
            "go_fd": go_fd,
            "exec_error_fd": exec_error_fd,
            "inherited_bytes": _peak_bytes() + _BEFORE_EXEC_BYTES,
            "lock_fd": lock,
            # where the command writes to the same terminal, a moving line would garble it
            "live": int(not quiet and _is_live_terminal() and not sys.stdout.isatty()),
            "follow_daemons": int(follow_daemons),
        },
        path,
        interval_ns,
        duration_ns,
        budget=budget,
        keep_ns=keep_ns,
        force=force,
        quiet=quiet,
    )


def start_recorder(
    pid: int,
    arguments: Sequence[str],
    *,
    output: Path,
    interval_ns: int,
    slow_every_ns: int = 0,
    events: bool = False,
) -> subprocess.Popen[bytes]:
    """Record a process that waits to become a command, which is what the session will say of it.

    A child of ours that ends with its target and leaves its journal beside output, unsealed.
    slow_every_ns: how often at least it lists the processes; 0 as `perfkit record` does.
    events: whether it listens to the target.
    Raises OutputRefused.
    """
    raw = [os.fsencode(argument) for argument in arguments]
    name, command = printable(os.path.basename(raw[0])), printable(b" ".join(redact(raw)))
    lock = _create_journal(str(output), _session("pid", pid, name, command, interval_ns))
    listening = listening_options(target_folder(pid), pid) if events else {}
    kept = [lock, listening["events_fd"]] if "events_fd" in listening else [lock]
    try:
        words = _recorder_words(
            {
                **listening,
                "mode": "pid",
                "pid": pid,
                "command": "",
                "go_fd": -1,
                "exec_error_fd": -1,
                "lock_fd": lock,
                "live": 0,
                "follow_daemons": 0,
                "seal": 0,
                "slow_every_ns": slow_every_ns,
            },
            str(output),
            interval_ns,
            None,
            budget=None,
            keep_ns=None,
            force=False,
            quiet=True,
        )
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=kept,
            start_new_session=True,
        )
    finally:
        for descriptor in kept:
            os.close(descriptor)


def describe_target(pid: int) -> tuple[str, str]:
    """Name and redacted command line of a process that can be recorded. Raises TargetGone, UsageError."""
    if pid <= 0:
        raise UsageError(f"--pid {pid} is no process; a process id is a positive number")
    if pid == os.getpid():
        raise TargetGone(f"process {pid} is perfkit itself; choose another")
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        raise TargetGone(_why_absent(pid)) from None
    facts = dict(line.split(b":", 1) for line in status.splitlines() if b":" in line)
    name = printable(facts.get(b"Name", b"?").strip())
    leader = int(facts.get(b"Tgid", b"0"))
    if leader not in (0, pid):
        raise TargetGone(
            f"{pid} is a thread of process {leader} ({name}), not a process; "
            f"record it with --pid {leader}"
        )
    if facts.get(b"Kthread", b"0").strip() == b"1":
        raise TargetGone(
            f"process {pid} ({name}) is a thread of the kernel, which has neither memory nor files "
            "of its own; choose a process"
        )
    if facts.get(b"State", b"").strip().startswith((b"Z", b"X")):
        raise TargetGone(
            f"process {pid} ({name}) is a zombie: it has ended and waits for its parent to reap it"
        )
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0")
    except OSError:
        raw = b""
    return name, printable(b" ".join(redact(raw.split(b"\0"))))


def _why_absent(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return f"there is no process {pid}; it has ended or never existed (see `ps -e`)"
    except (PermissionError, OverflowError):
        pass
    else:
        return f"process {pid} shows nothing in /proc; is /proc mounted?"
    if pid.bit_length() > 31:
        return f"there is no process {pid}: the number is too large"
    return (
        f"process {pid} belongs to another user and /proc hides it (hidepid); "
        "run perfkit as that user or as root"
    )


def _claim_output(output: Path | None, session: Session, force: bool) -> tuple[str, int]:
    """Where the session goes, and the lock of its journal, which exists from here on.

    A name that perfkit chooses itself is one that nobody has: NAME-TIME, then NAME-TIME-2, ….
    Raises OutputRefused if the output exists or its folder cannot take it.
    """
    if output is not None:
        return _checked(output, force), _create_journal(str(output), session)
    name = session.target_name
    safe = "".join(c if c.isalnum() or c in "-_.+" else "_" for c in name)[:_NAME_LENGTH]
    stem = f"perfkit-{safe.strip('.') or 'process'}-{time.strftime('%Y%m%d-%H%M%S')}"
    for attempt in range(1, _MOST_ATTEMPTS):
        path = f"{stem}.parquet" if attempt == 1 else f"{stem}-{attempt}.parquet"
        if not os.path.lexists(path) and not os.path.lexists(journal_path(path)):
            try:
                return path, _create_journal(path, session)
            except OutputRefused:
                if not os.path.lexists(journal_path(path)):
                    raise  # not taken by another recorder meanwhile: the folder refuses it
    raise OutputRefused(f"too many recordings are called {stem}; choose a file with -o FILE")


def _checked(output: Path, force: bool) -> str:
    shown = printable(str(output))
    if str(output) == "-":
        raise OutputRefused("a session cannot go to standard output; name a file with -o FILE")
    # os.path, since its questions are answered "no" where a folder may not be entered
    if os.path.isdir(output):
        raise OutputRefused(f"{shown} is a folder; name a file with -o FILE")
    if os.path.lexists(output) and not force:
        raise OutputRefused(
            f"{shown} exists; choose another file with -o or overwrite with --force"
        )
    if not os.path.isdir(output.parent):
        raise OutputRefused(
            f"there is no folder {printable(str(output.parent))} that can be entered; "
            "make it or choose another"
        )
    return str(output)


def _create_journal(path: str, session: Session) -> int:
    facts = {name: value for name, value in asdict(session).items() if value is not None}
    return create_journal(journal_path(path), RAW_METRICS, facts)


def _session(mode: str, pid: int, name: str, command: str, interval_ns: int) -> Session:
    return Session(
        session_id=uuid7(),
        perfkit_version=__version__,
        schema_version=SCHEMA_VERSION,
        mode=mode,
        sampler="linux",
        target_pid=pid,
        target_name=name,
        command=command,
        interval_ns=interval_ns,
        started_at_us=time.time_ns() // 1000,
        start_boottime_ns=time.clock_gettime_ns(time.CLOCK_BOOTTIME),
        host=fingerprint(),
    )


def _is_live_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def _hold_signals() -> None:
    """Keep what asks for an end until the recorder listens: no journal is left behind by it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)


def _adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _start_blocked(arguments: list[bytes], events: EventFolder | NoEvents) -> tuple[int, int, int]:
    """Fork a child that becomes the command once the recorder is ready.

    Returns (pid, descriptor to close for the start, descriptor that tells a failed exec by its
    errno and is closed by a successful one).
    """
    go_read, go_write = os.pipe()
    error_read, error_write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(go_write)
            os.close(error_read)
            if isinstance(events, EventFolder):
                os.environ[SOCKET_VARIABLE] = events.path_for(os.getpid())
                events.close()
            os.read(go_read, 1)  # until the recorder closes its end, or dies
            os.close(go_read)
            # Python ignores these two; a command expects them as the shell has them
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
                signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
            os.execvp(arguments[0], arguments)
        except OSError as error:
            os.write(error_write, str(error.errno).encode())
        finally:
            os._exit(127)
    os.close(go_read)
    os.close(error_write)
    os.set_inheritable(go_write, True)
    os.set_inheritable(error_read, True)
    return pid, go_write, error_read


def _peak_bytes() -> int:
    """Our own largest resident set so far, out of all bounds where the kernel does not tell.

    Not that of getrusage, which counts what our parent had as well.
    """
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
        return 1024 * int(status[status.index("VmHWM:") + 6 :].split(None, 1)[0])
    except (OSError, ValueError, IndexError):
        return sys.maxsize


def _become_recorder(
    options: dict[str, Any],
    path: str,
    interval_ns: int,
    duration_ns: int | None,
    *,
    budget: float | None,
    keep_ns: int | None,
    force: bool,
    quiet: bool,
) -> NoReturn:
    # only now, so that the command has not inherited it
    os.set_inheritable(options["lock_fd"], True)
    if options["analysis_fd"] >= 0:
        os.set_inheritable(options["analysis_fd"], True)
    words = _recorder_words(
        {"seal": 1, **options},
        path,
        interval_ns,
        duration_ns,
        budget=budget,
        keep_ns=keep_ns,
        force=force,
        quiet=quiet,
    )
    # asked for a copy before there is anything to copy: ignored, instead of ended by it
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        os.execv(sys.executable, words)
    except OSError as error:
        if options["mode"] == "command":
            # it waits for our end to become the command, of which nobody would tell the outcome
            os.kill(options["pid"], signal.SIGKILL)
            os.waitpid(options["pid"], 0)
        remove_journal(journal_path(path))
        reason = f"cannot start {printable(sys.executable)} as the recorder ({error.strerror})"
        way_out = "nothing was recorded; check that this Python may be executed"
        if options["mode"] == "command":
            raise LaunchFailed(f"{reason}; {way_out}") from None
        raise UnusableInput(f"{reason}; {way_out}") from None


def _recorder_words(
    options: dict[str, Any],
    path: str,
    interval_ns: int,
    duration_ns: int | None,
    *,
    budget: float | None,
    keep_ns: int | None,
    force: bool,
    quiet: bool,
) -> list[str]:
    """The command line of the small recorder."""
    root = str(Path(perfkit.__file__).parent.parent)
    options |= {
        "journal": journal_path(path),
        "output": path,
        "interval_ns": interval_ns,
        "duration_ns": "" if duration_ns is None else duration_ns,
        "budget": "" if budget is None else budget,
        "keep_ns": "" if keep_ns is None else keep_ns,
        "force": int(force),
        "quiet": int(quiet),
        "root": root,
    }
    code = (
        f"import sys; sys.path.append({root!r}); "
        "from perfkit.workflows.recorder import main; main()"
    )
    # -S, -E, -P: nothing of the environment or the current folder, and no `site`: less to load
    words = [sys.executable, "-S", "-E", "-P", "-c", code]
    return words + [f"{name}={value}" for name, value in options.items()]
