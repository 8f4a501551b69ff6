"""Baselines as files: learned from sessions, read, compared, and refused on another class of host."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perfkit.analysis.baseline import Learner, changes
from perfkit.analysis.joint.learning import JointLearner
from perfkit.analysis.periods import Periods, period_length_ns
from perfkit.analysis.watched import WATCHED, watched
from perfkit.errors import UnusableInput
from perfkit.model.baseline import (
    Baseline,
    BaselineChange,
    LearnedSession,
    baseline_from_json,
    baseline_to_json,
)
from perfkit.model.block import Block
from perfkit.model.joint import JOINT, joint_to_facts
from perfkit.model.session import Session
from perfkit.model.text import printable
from perfkit.session.reader import expand
from perfkit.version import __version__
from perfkit.workflows.findings import Part, part_of_session, within
from perfkit.workflows.recorded_runs import different_hosts
from perfkit.workflows.report_file import assert_writable, write_report
from perfkit.workflows.source import Recording, open_recording

HOST_CLASS = ("architecture", "cores", "cpu_model", "memory_bytes", "virtualisation")
"""What two hosts must share for the figures of one to be normal on the other."""

_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Compared:
    """Two baselines beside each other. base, head: what they were read from."""

    base: str
    head: str
    changes: tuple[BaselineChange, ...]


def learn(
    paths: Sequence[Path],
    from_: str | None = None,
    to: str | None = None,
    *,
    allow_different_hosts: bool = False,
) -> Baseline:
    """What is normal over all sessions that are meant (a folder: those in it).

    from_, to: the part of every session, times on its own clock such as `30s`.
    Raises UsageError for a part that is none, UnusableInput where one cannot be read, hosts differ in class (unless allowed), or no
    metric has values enough.
    """
    part = part_of_session(from_, to)
    recordings = [open_recording(path) for path in expand(paths)]
    host = _shared_host(recordings, allow_different_hosts=allow_different_hosts)
    interval_ns = max(one.session.interval_ns for one in recordings)
    # all that any of them has: what one lacks is learned from the others
    chosen = watched({m.name for one in recordings for m in one.metrics}, len(WATCHED))
    learner = Learner(chosen, period_length_ns(interval_ns))
    names = {one.metric for one in chosen}
    together = JointLearner(names, period_length_ns(interval_ns))
    learners = (learner, together)
    sessions = tuple(_learned(learners, one, names, interval_ns, part) for one in recordings)
    metrics = learner.learned()
    if not metrics:
        raise UnusableInput(
            f"{', '.join(printable(str(one.path)) for one in recordings[:3])}: too short to learn "
            "from; a baseline needs twelve periods of a metric at least (12 s at 10 Hz)"
        )
    joint = together.learned()
    detectors = {} if joint is None else {JOINT: joint_to_facts(joint)}
    return Baseline(period_length_ns(interval_ns), metrics, sessions, host, detectors, __version__)


def load_baseline(
    path: Path, *, host: Mapping[str, Any] | None = None, allow_different_hosts: bool = False
) -> Baseline:
    """The baseline in a file, for a session recorded on that host; None asks nothing.

    Raises UnusableInput for a file that is none and, unless allowed, for one of another class of
    host. A host of which nothing is known, as of an imported session, is no other one.
    """
    shown = printable(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a valid path"
        raise UnusableInput(
            f"cannot read the baseline {shown} ({reason}); make one with "
            "`perfkit baseline learn SESSION -o FILE`"
        ) from None
    if len(data) > _MOST_BYTES:
        raise UnusableInput(f"{shown} is too large for a baseline; check the path")
    baseline = baseline_from_json(data, shown)
    if host is not None and not allow_different_hosts:
        differing = host_classes_apart(baseline.host, host)
        if differing:
            raise UnusableInput(
                f"{shown} was learned on another class of host ({', '.join(differing)}); learn "
                "one there, or allow it with --allow-different-hosts"
            )
    return baseline


def write_baseline(path: Path, baseline: Baseline, inputs: Sequence[Path] = ()) -> None:
    """Write the file, whole. Raises OutputRefused."""
    write_report(baseline_to_json(baseline), path, inputs)


def assert_baseline_writable(path: Path, inputs: Sequence[Path] = ()) -> None:
    """Raise OutputRefused if `write_baseline` would; cheap."""
    assert_writable(path, inputs)


def compare(base: Path, head: Path, *, allow_different_hosts: bool = False) -> Compared:
    """How head differs from base, a baseline; head is a baseline, a session or a folder of them.

    Raises UnusableInput where one cannot be read or, unless allowed, is of another class of host.
    """
    known = load_baseline(base)
    if _is_session(head):
        other = learn([head], allow_different_hosts=allow_different_hosts)
    else:
        other = load_baseline(head)
    differing = host_classes_apart(known.host, other.host)
    if differing and not allow_different_hosts:
        raise UnusableInput(
            f"{printable(str(base))} and {printable(str(head))} are of different classes of host "
            f"({', '.join(differing)}); allow it with --allow-different-hosts"
        )
    return Compared(str(base), str(head), changes(known.metrics, other.metrics, WATCHED))


def host_classes_apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """What tells two classes of host apart, in words; () also where one is not known at all."""
    if not one or not other:
        return ()
    return different_hosts(
        {name: one[name] for name in HOST_CLASS if name in one},
        {name: other[name] for name in HOST_CLASS if name in other},
    )


def _shared_host(
    recordings: Sequence[Recording], *, allow_different_hosts: bool
) -> Mapping[str, Any]:
    known = [one for one in recordings if one.session.host]
    for other in known[1:]:
        differing = host_classes_apart(known[0].session.host, other.session.host)
        if differing and not allow_different_hosts:
            raise UnusableInput(
                f"{printable(str(known[0].path))} and {printable(str(other.path))} were recorded "
                f"on different classes of host ({', '.join(differing)}); learn one baseline a "
                "class, or allow it with --allow-different-hosts"
            )
    return dict(known[0].session.host) if known else {}


def _learned(
    learners: Sequence[Learner | JointLearner],
    recording: Recording,
    names: Collection[str],
    interval_ns: int,
    part: Part,
) -> LearnedSession:
    count = 0
    for periods in _periods(recording, names, interval_ns, part):
        for learner in learners:
            learner.add(periods)
        count += len(periods)
    for learner in learners:
        learner.end_session()
    session = recording.told()
    return LearnedSession(
        session.session_id,
        printable(session.target_name, 80),
        session.started_at_us,
        _length_ns(session),
        count,
    )


def _periods(
    recording: Recording, names: Collection[str], interval_ns: int, part: Part
) -> Iterator[Block]:
    periods = Periods([one for one in recording.metrics if one.name in names], interval_ns)
    for block in within(recording.blocks(periods.inputs), *part):
        yield periods.add(block)
    yield periods.finish()


def _length_ns(session: Session) -> int:
    return max(session.duration_ns or 0, 0)


def _is_session(path: Path) -> bool:
    if path.is_dir():
        return True
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except (OSError, ValueError):
        return False
