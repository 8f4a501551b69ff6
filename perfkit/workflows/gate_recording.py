"""Recording the runs of a gate: a small recorder beside each, on another core.

Both sides are recorded alike, so what it costs them cancels. A run that cannot be recorded is a
measurement all the same: its figures are the kernel's.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from perfkit.errors import OutputRefused, PerfkitError
from perfkit.model.run import FailedRun, Run
from perfkit.model.text import printable
from perfkit.session.journal import journal_path, note_frame
from perfkit.workflows.duet import Side
from perfkit.workflows.record import start_recorder

INTERVAL_NS = 100_000_000
LISTS_NS = 500_000_000
"""How often the processes are listed: in short runs, to know which of them it was."""

_FIRST_TICK_S = 10.0
_LAST_TICK_S = 10.0
_LOOK_S = 0.002


class Recordings:
    """Where the recordings of all runs go; what to hand to run_pair as `beside`.

    folder: gets a folder a side. core: where the recorders are kept, None anywhere.
    seal: whether each becomes a session file; else the journals stay as they are.
    trouble: why a run was not recorded, or "".
    """

    def __init__(self, folder: Path, sides: Sequence[Side], core: int | None, seal: bool) -> None:
        self.folder = folder
        self.core = core
        self.seal = seal
        self.trouble = ""
        self._sides = {side.name: side for side in sides}
        self._stem = ""
        self._recorded: dict[str, Path] = {}
        try:
            for name in self._sides:
                (folder / name).mkdir(parents=True, exist_ok=True)
                if any((folder / name).iterdir()):
                    raise OutputRefused(
                        f"{printable(str(folder / name))} is not empty; "
                        "choose another folder with --sessions"
                    )
        except OSError as error:
            raise OutputRefused(
                f"cannot write {printable(str(folder))} ({error.strerror}); "
                "choose another folder with --sessions"
            ) from None

    def begin(self, stem: str) -> None:
        """Say what the runs of the next pair are to be called."""
        self._stem = stem
        self._recorded = {}

    @contextlib.contextmanager
    def __call__(self, pids: Mapping[str, int]) -> Iterator[None]:
        """Record these processes until they have ended; see workflows.duet.Beside."""
        recorders: list[subprocess.Popen[bytes]] = []
        with contextlib.ExitStack() as stack:
            try:
                for name, pid in pids.items():
                    session = self.folder / name / f"{self._stem}.parquet"
                    words = self._sides[name].words
                    recorder = start_recorder(
                        pid,
                        words,
                        output=session,
                        interval_ns=INTERVAL_NS,
                        slow_every_ns=LISTS_NS,
                    )
                    recorders.append(recorder)
                    stack.callback(_end, recorder)
                    if self.core is not None:
                        os.sched_setaffinity(recorder.pid, {self.core})
                    self._recorded[name] = session
                for name in pids:
                    _wait_for_first_tick(self._recorded[name])
            except (PerfkitError, OSError) as error:
                self.trouble = str(error)
                self._recorded = {}
                _kill(recorders)
                stack.close()
            try:
                yield
            except BaseException:
                _kill(recorders)  # the sides have not ended, and nobody wants to know any more
                raise

    def finish(self, runs: Mapping[str, Run | FailedRun], design: str) -> dict[str, Path]:
        """Write into the recordings how the runs ended, as the kernel has it; returns them by side."""
        for name, session in list(self._recorded.items()):
            try:
                _annotate(
                    session, {"gate_design": design, "gate_pair": self._stem, **_notes(runs[name])}
                )
                if self.seal:
                    from perfkit.workflows.seal import seal

                    seal(Path(journal_path(str(session))), session)
                else:
                    self._recorded[name] = Path(journal_path(str(session)))
            except (PerfkitError, OSError) as error:
                self.trouble = str(error)
                del self._recorded[name]
        return self._recorded


def _notes(run: Run | FailedRun) -> dict[str, str]:
    if isinstance(run, FailedRun):
        return {"exit_failure": str(run)}
    figures = {
        "exit_code": 0,
        "exit_cpu_ns": round(run.cpu_s * 1e9),
        "exit_cpu_user_ns": round(run.cpu_user_s * 1e9),
        "exit_cpu_system_ns": round(run.cpu_system_s * 1e9),
        "exit_wall_ns": run.ended_ns - run.started_ns,
        "exit_peak_rss_bytes": run.peak_rss_bytes,
        "exit_minor_faults": run.minor_faults,
        "exit_major_faults": run.major_faults,
        "exit_read_bytes": run.read_bytes,
        "exit_written_bytes": run.written_bytes,
        "exit_voluntary_switches": run.voluntary_switches,
        "exit_involuntary_switches": run.involuntary_switches,
        "exit_read_call_bytes": run.read_call_bytes,
        "exit_written_call_bytes": run.written_call_bytes,
    }
    return {name: str(value) for name, value in figures.items() if value is not None}


def _annotate(session: Path, notes: Mapping[str, str]) -> None:
    """Add notes to a journal whose recorder has ended; each stands by its own checksum."""
    segments = sorted(Path(journal_path(str(session))).glob("*.frames"))
    with segments[-1].open("ab") as file:
        file.write(b"".join(note_frame(key, value) for key, value in notes.items()))


def _wait_for_first_tick(session: Path) -> None:
    ticks = Path(journal_path(str(session))) / "000000.ticks"
    until = time.monotonic() + _FIRST_TICK_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            # a line of header, then the ticks
            if ticks.read_bytes().partition(b"\n")[2]:
                return
        time.sleep(_LOOK_S)
    raise PerfkitError(f"the recorder took no tick within {_FIRST_TICK_S:g} s")


def _kill(recorders: Sequence[subprocess.Popen[bytes]]) -> None:
    for recorder in recorders:
        recorder.kill()


def _end(recorder: subprocess.Popen[bytes]) -> None:
    """It ends by itself when its target has; that is not waited for without end."""
    try:
        recorder.wait(_LAST_TICK_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        recorder.kill()
        recorder.wait()
        if recorder.stderr is not None:
            recorder.stderr.close()
