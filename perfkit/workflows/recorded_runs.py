"""Recorded sessions as runs that can be compared: which files a word means, and what they measured.

A session is a run where it holds what the kernel said of the whole command when it ended (a note
`exit_cpu_ns`, from wait4); its figures are that, never sums of sampled columns. A recording of a
process that was attached to is a window instead: it is compared by rates over its length, and
never with a run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from perfkit.errors import UnusableInput
from perfkit.gate.differences import COLUMNS, Profile, profile
from perfkit.model.session import IMPORTED, Session
from perfkit.model.text import printable
from perfkit.model.verdict import ALTERNATING, DUET
from perfkit.session.journal import SUFFIX
from perfkit.session.reader import expand
from perfkit.workflows.patterns import matching
from perfkit.workflows.source import LIVE, ORPHANED, Recording, open_recording

_MAGIC = b"PAR1"
_ENDINGS = (".parquet", ".parquet" + SUFFIX)

_NOTES: Mapping[str, tuple[str, float]] = {
    # metric to the note that holds it and what one of the note's is worth
    "cpu_s": ("exit_cpu_ns", 1e-9),
    "cpu_user_s": ("exit_cpu_user_ns", 1e-9),
    "cpu_system_s": ("exit_cpu_system_ns", 1e-9),
    "peak_rss_bytes": ("exit_peak_rss_bytes", 1.0),
    "minor_faults": ("exit_minor_faults", 1.0),
    "major_faults": ("exit_major_faults", 1.0),
    "read_bytes": ("exit_read_bytes", 1.0),
    "written_bytes": ("exit_written_bytes", 1.0),
    "voluntary_switches": ("exit_voluntary_switches", 1.0),
    "involuntary_switches": ("exit_involuntary_switches", 1.0),
    "read_calls": ("exit_read_calls", 1.0),
    "write_calls": ("exit_write_calls", 1.0),
    "instructions": ("exit_instructions", 1.0),
}

_RATES: Mapping[str, str] = {
    "cpu_percent": "cpu_percent",
    "minor_faults_per_s": "minor_faults_per_s",
    "read_bytes_per_s": "read_bytes_per_s",
    "written_bytes_per_s": "write_bytes_per_s",
}
"""What a window is compared by, to the column of a foreign file that gives it."""

_DESIGN_NOTE = "gate_design"
_WHOLE_ENDS = ("the target exited", "the last process of the tree exited")
_MEMORY_SLACK = 0.02  # a kernel update moves what is left for programs by less


@dataclass(frozen=True)
class RecordedRun:
    """One session that counts.

    values: metric to its figure; what the session does not know is absent.
    window: whether it is a stretch of a process' life rather than a run.
    pair: what it shares with the one of the other side that ran with it, "" where nothing did.
    slept: whether the machine did meanwhile, which leaves no wall time.
    """

    path: Path
    session: Session
    values: Mapping[str, float]
    profile: Profile
    window: bool
    pair: str = ""
    slept: bool = False


@dataclass(frozen=True)
class SideSessions:
    """The sessions of one side, in the order in which they were recorded.

    source: as the user wrote it. failed: those that are no measurement, a sentence each.
    """

    source: str
    runs: tuple[RecordedRun, ...]
    failed: tuple[str, ...]


def session_paths(value: str) -> tuple[Path, ...]:
    """The sessions that a word means: a file, a journal, a folder of them, or a pattern.

    Returns () where it means none, so that it may be a command.
    Raises UnusableInput where it cannot be meant as a command either: a folder without a session,
    or one word that ends as sessions do and matches nothing.
    """
    path = Path(value)
    try:
        if path.is_dir():
            return tuple(expand([path]))
        if path.is_file():
            return (path,) if _is_session(path) else ()
    except (OSError, ValueError):
        return ()  # too long for a path, or with a null: a command, if anything
    found = matching(value)
    chosen = [one for one in found if one.name.endswith(_ENDINGS)]
    if len(found) == 1 and found[0].is_dir() and not chosen:
        return tuple(expand(found))
    if not chosen and value.endswith(_ENDINGS) and len(value.split()) == 1:
        raise UnusableInput(
            f"{printable(value)} matches no session; check the path, or record one with "
            f"`perfkit record -o {printable(value).replace('*', '1')} -- CMD`"
        )
    return tuple(chosen)


def observations_of_sessions(value: str) -> SideSessions:
    """The runs that a word means, read. Raises UnusableInput if it means no session at all.

    A session that cannot be read, was cut off or whose command failed is named in `failed`.
    """
    paths = session_paths(value)
    if not paths:
        raise UnusableInput(
            f"{printable(value)} matches no session; name a session file, a folder of them or a "
            "quoted pattern such as 'base/*.parquet'"
        )
    runs: list[RecordedRun] = []
    failed: list[str] = []
    seen: dict[str, Path] = {}
    for path in paths:
        try:
            read = _read(path)
        except UnusableInput as error:
            failed.append(str(error))
            continue
        if isinstance(read, str):
            failed.append(f"{printable(str(path))}: {read}")
        elif read.session.session_id in seen:
            other = printable(str(seen[read.session.session_id]))
            failed.append(f"{printable(str(path))}: is the same recording as {other}")
        else:
            seen[read.session.session_id] = path
            runs.append(read)
    if any(run.session.notes.get(_DESIGN_NOTE) == DUET for run in runs):
        runs = [_only_wall(run) for run in runs]
    runs.sort(key=lambda run: (run.session.started_at_us, str(run.path)))
    return SideSessions(value, tuple(runs), tuple(failed))


def different_hosts(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """What tells two hosts' fingerprints apart, as words such as `cores 2 and 4`; () if nothing."""
    return tuple(
        f"{printable(name.replace('_', ' '), 40)} {_shown(one.get(name))} and "
        f"{_shown(other.get(name))}"
        for name in sorted({*one, *other})
        if not _alike(name, one.get(name), other.get(name))
    )


def _is_session(path: Path) -> bool:
    if path.name.endswith(_ENDINGS):
        return True
    with open(path, "rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _read(path: Path) -> RecordedRun | str:
    """The run in one session, or why it is none. Raises UnusableInput if it cannot be read."""
    recording = open_recording(path)
    session = recording.session
    failure = session.notes.get("exit_failure")
    if failure is not None:
        return f"its command failed ({printable(failure, 200)})"
    window = "exit_cpu_ns" not in session.notes
    trouble = _why_not(recording.kind, session, window)
    if trouble:
        return trouble
    blocks = list(recording.blocks((*COLUMNS, "suspended_ns")))
    if not sum(len(block) for block in blocks):
        return "holds no tick"
    slept = any(
        bool((block.columns["suspended_ns"].values[block.columns["suspended_ns"].valid] > 0).any())
        for block in blocks
        if "suspended_ns" in block.columns
    )
    course = profile(blocks, session.target_name)
    values = _window_values(course) if window else _run_values(session, course)
    if session.mode == IMPORTED:
        values = {**_given_rates(recording), **values}
    if slept:
        values.pop("wall_s", None)
    if not values:
        return "holds no figure to compare by"
    return RecordedRun(
        path, session, values, course, window, session.notes.get("gate_pair", ""), slept
    )


def _why_not(kind: str, session: Session, window: bool) -> str:
    if kind == LIVE:
        return "is still being recorded"
    if not window and session.exit_signal is not None:
        return f"its command was ended by signal {session.exit_signal}"
    if not window and session.exit_code:
        return f"its command failed with exit code {session.exit_code}"
    if session.stop_reason is None or (kind == ORPHANED and session.duration_ns is None):
        return "was cut off before the end"
    if not window and session.stop_reason not in _WHOLE_ENDS:
        return f"does not reach to the end of its command ({printable(session.stop_reason, 80)})"
    if session.mode == "command" and window:
        return "does not hold what the kernel said of the command at its end"
    return ""


def _run_values(session: Session, course: Profile) -> dict[str, float]:
    values: dict[str, float] = {}
    for metric, (note, worth) in _NOTES.items():
        number = _number(session.notes.get(note, ""))
        if number is not None:
            values[metric] = number * worth
    # two that share a core take as long as both
    if session.notes.get(_DESIGN_NOTE) != DUET:
        wall_ns = _number(session.notes.get("exit_wall_ns", "")) or session.duration_ns
        if wall_ns:
            values["wall_s"] = wall_ns / 1e9
    # recorded before the notes were made: the last tick reads counters of the command's own end
    for metric in ("minor_faults", "major_faults", "read_bytes", "written_bytes"):
        if metric not in values and metric in course.totals:
            values[metric] = course.totals[metric]
    return values


def _only_wall(run: RecordedRun) -> RecordedRun:
    """Beside duets, what an alternating run is for: its CPU time has another noise than theirs."""
    if run.session.notes.get(_DESIGN_NOTE) != ALTERNATING:
        return run
    return replace(run, values={k: v for k, v in run.values.items() if k == "wall_s"})


def _window_values(course: Profile) -> dict[str, float]:
    seconds = course.totals.get("wall_s", 0.0)
    if not seconds > 0:
        return {}
    values = {
        name: course.totals[metric] * factor / seconds
        for name, metric, factor in (
            ("cpu_percent", "cpu_s", 100.0),
            ("minor_faults_per_s", "minor_faults", 1.0),
            ("read_bytes_per_s", "read_bytes", 1.0),
            ("written_bytes_per_s", "written_bytes", 1.0),
        )
        if metric in course.totals
    }
    if course.memory_bytes is not None:
        values["sampled_rss_bytes"] = course.memory_bytes
    return values


def _given_rates(recording: Recording) -> dict[str, float]:
    """Rates of a foreign file, each the mean over the time that its rows stand for."""
    sums = {column: np.zeros(2) for column in _RATES.values()}
    before_ns = 0
    for block in recording.blocks(tuple(sums)):
        passed = np.diff(block.t_ns, prepend=before_ns) / 1e9
        before_ns = int(block.t_ns[-1])
        for name, one in block.columns.items():
            there = one.valid
            sums[name] += (passed[there] @ one.values[there], passed[there].sum())
    found = {metric: sums[column] for metric, column in _RATES.items()}
    return {name: float(total / length) for name, (total, length) in found.items() if length > 0}


def _number(text: str) -> float | None:
    """The note as a number that can be: a damaged or strange one is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _alike(name: str, one: object, other: object) -> bool:
    if (
        name == "memory_bytes"
        and isinstance(one, int | float)
        and isinstance(other, int | float)
        and one > 0
    ):
        return abs(other / one - 1) <= _MEMORY_SLACK
    return one == other


def _shown(value: object) -> str:
    return "unknown" if value is None else printable(str(value), 60)


def hosts_apart(runs: Sequence[RecordedRun]) -> Iterator[str]:
    """How the hosts of these runs differ from that of the first, each way once."""
    said = set()
    for run in runs[1:]:
        for words in different_hosts(runs[0].session.host, run.session.host):
            if words not in said:
                said.add(words)
                yield words
