"""What went on around the target while its slow operations ran, beside what did while others ran.

An operation is an event with a duration; slow is one that took more than twice the median of its
type. Each is exposed to what the machine did between its start and its end: page faults, throttling,
pressure, other processes. Slow operations also coincide with things by chance, the more so as both
come in clusters. So each cluster of slow ones is moved to the moments of other operations, again and
again, and counted how often they would have met as much as they did: a permutation test that keeps
clusters whole (Good, Permutation, Parametric and Bootstrap Tests of Hypotheses, 2005, chapter 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perfkit.analysis.event_series import is_own
from perfkit.model.block import Block
from perfkit.model.events import Events

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LEAST_OPERATIONS = 20
LEAST_SLOW = 5
SLOW_FACTOR = 2.0
NORMAL_FACTOR = 1.5
LEAST_EXCESS_MS = 1.0
"""Slow is beyond SLOW_FACTOR times the median and by so much; normal up to NORMAL_FACTOR times."""

START_UP_NS = 5_000_000_000
START_UP_SHARE = 0.1
"""Start-up, the longer of both, is left out: everything is slow then, for reasons of its own."""

CLUSTER_NS = 2_000_000_000
"""Slow operations no further apart than this are moved together."""

MOST_TYPES = 8
_MOST_OF_A_KIND = 500
_ROUNDS = 999
_FIRST_ROUNDS = 99
_LEAST_NS = 10_000_000  # what happened at a shorter moment is what happened around it
_NAMED_BY = {"timer": "name", "request": "route", "request_end": "route"}
"""Types of which each value of one label is work of its own, with a usual duration of its own."""
_MOST_NAMES = 1000
"""Names told apart; the operations of further ones are left out, as those of a name that is rare."""


@dataclass(frozen=True)
class SlowExposure:
    """One type of operation and one thing that went on.

    exposure: its name, see EXPOSURES. slow_ms, normal_ms: median durations.
    slow_amount, normal_amount: mean of what went on while such operations ran, in the exposure's
    unit. exposed_ratio: share of the slow ones that met at least half of slow_amount and twice
    normal_amount: it is not one of them that makes the mean.
    incidents_count: separate stretches of at least half of slow_amount that slow ones fell into.
    chance_ratio: how often slow operations at random moments would have met as much; None where
    slow ones met little more than others anyway.
    """

    type: str
    exposure: str
    operations_count: int
    slow_count: int
    slow_ms: float
    normal_ms: float
    slow_amount: float
    normal_amount: float
    exposed_ratio: float
    incidents_count: int
    chance_ratio: float | None


@dataclass(frozen=True)
class _Course:
    """Something that adds up: t_ns int64[n], and total float64[n], which never falls."""

    t_ns: Integers
    total: Floats

    def amounts(self, start_ns: Floats, end_ns: Floats) -> Floats:
        """What was added between two moments, a second."""
        t_ns = self.t_ns.astype(np.float64)
        added = np.interp(end_ns, t_ns, self.total) - np.interp(start_ns, t_ns, self.total)
        a_second: Floats = added / (end_ns - start_ns) * 1e9
        return a_second

    def stretches(self, least: float, moments_ns: Floats) -> int:
        """How many separate stretches in which so much was added a second hold such a moment."""
        high = np.diff(self.total) / np.diff(self.t_ns) * 1e9 >= least
        number = np.cumsum(high & ~np.concatenate(([False], high[:-1])))
        place = np.searchsorted(self.t_ns[1:-1], moments_ns)
        return len(np.unique(number[place[high[place]]]))


@dataclass(frozen=True)
class _Adding:
    """How something that adds up is read: the columns it needs, and its sum in the unit."""

    columns: tuple[str, ...]
    total: Callable[[Mapping[str, Floats]], Floats]


def _of(column: str, unit: float) -> _Adding:
    return _Adding((column,), lambda values: values[column] / unit)


_OTHERS = ("system_cpu_user_ns", "system_cpu_kernel_ns", "cpu_time_ns", "system_cores_count")


def _others(values: Mapping[str, Floats]) -> Floats:
    busy_ns = values["system_cpu_user_ns"] + values["system_cpu_kernel_ns"]
    return _growth(busy_ns - values["cpu_time_ns"]) / _cores(values) / 1e7


def _stolen(values: Mapping[str, Floats]) -> Floats:
    return values["system_cpu_steal_ns"] / _cores(values) / 1e7


def _cores(values: Mapping[str, Floats]) -> float:
    return max(1.0, float(values["system_cores_count"].max()))


EXPOSURES: Mapping[str, _Adding] = {
    "major faults": _of("major_faults_count", 1),
    "throttling": _of("cgroup_throttled_ns", 1e7),
    "waiting for a core": _of("psi_cpu_some_us", 1e4),
    "waiting for memory": _of("psi_memory_some_us", 1e4),
    "waiting for storage": _of("psi_io_some_us", 1e4),
    "other processes": _Adding(_OTHERS, _others),
    "other guests": _Adding(("system_cpu_steal_ns", "system_cores_count"), _stolen),
}
"""What can go on. Major faults are counted a second, all else is percent: of time (throttling: of
one core's time) or, for other processes and guests, of the machine's cores."""

INPUTS = tuple(dict.fromkeys(name for one in EXPOSURES.values() for name in one.columns))


def slow_exposures(blocks: Iterable[Block]) -> list[SlowExposure]:
    """Every pair of a type with slow operations and a thing that was recorded.

    blocks: of one session, in time order, with their events and with INPUTS as far as there are.
    The result does not depend on how they are cut.
    """
    operations = _Operations()
    columns: dict[str, list[tuple[Integers, Floats]]] = {name: [] for name in EXPOSURES}
    first_ns = last_ns = None
    for block in blocks:
        if not len(block):
            continue
        first_ns = int(block.t_ns[0]) if first_ns is None else first_ns
        last_ns = int(block.t_ns[-1])
        if block.events is not None:
            operations.add(block.events)
        for name, one in EXPOSURES.items():
            if all(column in block.columns for column in one.columns):
                columns[name].append(_read(block, one.columns))
    if first_ns is None or last_ns is None:
        return []
    settled_ns = first_ns + max(START_UP_NS, START_UP_SHARE * (last_ns - first_ns))
    types = operations.slow_types(settled_ns)
    courses = {
        name: course
        for name, pieces in (columns.items() if types else ())
        if (course := _course(EXPOSURES[name], pieces)) is not None
    }
    return [
        found
        for type in types
        for name, course in courses.items()
        if (found := _exposure(type, name, course)) is not None
    ]


class _Operations:
    """Operations by type, as they are read."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[Integers, Floats]]] = {}

    def add(self, events: Events) -> None:
        """Take in those events that took time."""
        duration_ms = events.duration_ms
        for key in ("render_ms", "response_ms"):
            if key in events.numbers.names:
                given = events.number(key)
                duration_ms = np.where(np.isnan(duration_ms), given, duration_ms)
        with np.errstate(invalid="ignore"):
            timed = np.isfinite(duration_ms) & (duration_ms >= 0)
        for code, type in enumerate(events.types):
            if is_own(type):
                continue
            chosen = np.flatnonzero(timed & (events.codes == code))
            if not len(chosen):
                continue
            for name, members in _by_name(events, type, chosen):
                if name in self._found or len(self._found) < _MOST_NAMES:
                    piece = (events.t_ns[members], duration_ms[members])
                    self._found.setdefault(name, []).append(piece)

    def slow_types(self, settled_ns: float) -> list[_SlowType]:
        """Those with slow ones among enough, the ones that lost most time to them first."""
        types = []
        for name, pieces in self._found.items():
            t_ns = np.concatenate([piece[0] for piece in pieces])
            duration_ms = np.concatenate([piece[1] for piece in pieces])
            settled = t_ns >= settled_ns
            order = np.argsort(t_ns[settled], kind="stable")
            found = _SlowType.of(name, t_ns[settled][order], duration_ms[settled][order])
            if found is not None:
                types.append(found)
        types.sort(key=lambda one: (-one.lost_ms, one.name))
        return types[:MOST_TYPES]


def _by_name(events: Events, type: str, chosen: Integers) -> Iterable[tuple[str, Integers]]:
    shown = type.removesuffix("_end")
    if type not in _NAMED_BY:
        return [(shown, chosen)]
    codes = events.label(_NAMED_BY[type])[chosen]
    order = np.argsort(codes, kind="stable")
    found, starts = np.unique(codes[order], return_index=True)
    members = np.split(chosen[order], starts[1:])
    return [
        (f"{shown} {events.labels.texts[code]}" if code >= 0 else shown, of_name)
        for code, of_name in zip(found.tolist(), members, strict=True)
    ]


@dataclass(frozen=True)
class _SlowType:
    """The operations of one type, by their end; which of them were slow and which normal."""

    name: str
    end_ns: Floats
    duration_ms: Floats
    slow: Bools
    normal: Bools

    @classmethod
    def of(cls, name: str, end_ns: Integers, duration_ms: Floats) -> _SlowType | None:
        """None where there are too few to tell, or none is slow."""
        if len(duration_ms) < LEAST_OPERATIONS:
            return None
        median = float(np.median(duration_ms))
        slow = duration_ms > max(SLOW_FACTOR * median, median + LEAST_EXCESS_MS)
        normal = duration_ms <= NORMAL_FACTOR * median
        if int(slow.sum()) < LEAST_SLOW:
            return None
        return cls(name, end_ns.astype(np.float64), duration_ms, slow, normal)

    @property
    def lost_ms(self) -> float:
        """How much longer the slow ones took than a normal one does, in sum."""
        return float(np.sum(self.duration_ms[self.slow] - np.median(self.duration_ms)))

    def moments(self, wanted: Bools) -> tuple[Floats, Floats]:
        """Start and end of those wanted, at most so many, evenly chosen."""
        chosen = np.flatnonzero(wanted)
        if len(chosen) > _MOST_OF_A_KIND:
            chosen = chosen[np.linspace(0, len(chosen) - 1, _MOST_OF_A_KIND).astype(np.int64)]
        lasted_ns = np.maximum(self.duration_ms[chosen] * 1e6, _LEAST_NS)
        return self.end_ns[chosen] - lasted_ns, self.end_ns[chosen]


def _exposure(type: _SlowType, name: str, course: _Course) -> SlowExposure | None:
    within = type.end_ns <= course.t_ns[-1]
    start_ns, end_ns = type.moments(type.slow & within)
    others_start_ns, others_end_ns = type.moments(type.normal & within)
    if len(end_ns) < LEAST_SLOW or len(others_end_ns) < LEAST_SLOW:
        return None
    met = course.amounts(start_ns, end_ns)
    amount = float(met.mean())
    others_amount = float(course.amounts(others_start_ns, others_end_ns).mean())
    chance = None
    if amount > NORMAL_FACTOR * others_amount:
        chance = _chance(course, start_ns, end_ns, type.end_ns[within], amount)
    return SlowExposure(
        type=type.name,
        exposure=name,
        operations_count=len(type.end_ns),
        slow_count=int(type.slow.sum()),
        slow_ms=float(np.median(type.duration_ms[type.slow])),
        normal_ms=float(np.median(type.duration_ms[type.normal])),
        slow_amount=amount,
        normal_amount=others_amount,
        exposed_ratio=float(np.mean(met >= max(0.5 * amount, 2 * others_amount))),
        incidents_count=course.stretches(0.5 * amount, (start_ns + end_ns) / 2),
        chance_ratio=chance,
    )


def _chance(
    course: _Course, start_ns: Floats, end_ns: Floats, moments_ns: Floats, met: float
) -> float:
    """How often clusters of operations at moments chosen at random meet as much, on average."""
    rng = np.random.default_rng(0)
    cluster = np.cumsum(np.diff(end_ns, prepend=end_ns[0]) > CLUSTER_NS)
    anchors = np.searchsorted(cluster, np.arange(cluster[-1] + 1))
    least, most = float(course.t_ns[0]), float(course.t_ns[-1])
    reached = rounds = 0
    for more in (_FIRST_ROUNDS, _ROUNDS - _FIRST_ROUNDS):
        to_ns = rng.choice(moments_ns, (more, len(anchors)))
        # Any member of a cluster may be the one that comes to stand there.
        sizes = np.diff(anchors, append=len(end_ns))
        members = anchors + (rng.random(to_ns.shape) * sizes).astype(np.int64)
        moved_ns = (to_ns - end_ns[members])[:, cluster]
        # What would leave the recording at one end comes in again at the other.
        lasted_ns = np.minimum(end_ns - start_ns, most - least)
        ends = least + np.mod(end_ns + moved_ns - least, most - least)
        ends = np.maximum(ends, least + lasted_ns)
        amounts = course.amounts(ends - lasted_ns, ends).mean(axis=1)
        reached += int(np.count_nonzero(amounts >= met * (1 - 1e-9)))
        rounds += more
        if reached > 0.05 * rounds:
            break
    return (1 + reached) / (1 + rounds)


def _read(block: Block, names: tuple[str, ...]) -> tuple[Integers, Floats]:
    """The moments at which all these columns have a value, and the values, a row a column."""
    columns = [block.columns[name] for name in names]
    valid = np.logical_and.reduce([column.valid for column in columns])
    values = np.array([column.values[valid] for column in columns], np.float64)
    return block.t_ns[valid], values


def _course(adding: _Adding, pieces: list[tuple[Integers, Floats]]) -> _Course | None:
    """None where there is nothing to tell: fewer than two readings, or nothing was added."""
    if not pieces:
        return None
    t_ns = np.concatenate([piece[0] for piece in pieces])
    if len(t_ns) < 2:
        return None
    values = np.concatenate([piece[1] for piece in pieces], axis=1)
    total = _growth(adding.total(dict(zip(adding.columns, values, strict=True))))
    return _Course(t_ns, total) if total[-1] > 0 else None


def _growth(values: Floats) -> Floats:
    """The sum of what was added, falls left out: a counter that falls has begun anew."""
    total: Floats = np.cumsum(np.maximum(np.diff(values, prepend=values[:1]), 0.0))
    return total
