"""Where in a run the difference between base and head lies, as far as recordings know.

A recording is cut in three: start-up lasts until resident memory first reaches nine tenths of its
level in the middle of the run, the end begins when it falls below that for good, and between them
is the steady state. Each is at most three tenths of the run, so that memory which only grows does
not make all of it a start-up. A program whose memory is there at once has no start-up to speak of.

These figures are sampled: they say where to look, and no verdict rests on them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perfkit.model.block import Block, ProcessEntry
from perfkit.model.verdict import Difference

START_UP = "start-up"
STEADY = "steady state"
END = "end"
PHASES = (START_UP, STEADY, END)

COUNTERS: Mapping[str, tuple[str, str, float]] = {
    # column to what it is called here, its unit, and what one of the column's is worth in it
    "cpu_time_ns": ("cpu_s", "s", 1e-9),
    "minor_faults_count": ("minor_faults", "count", 1.0),
    "major_faults_count": ("major_faults", "count", 1.0),
    "read_call_bytes": ("read_call_bytes", "bytes", 1.0),
    "write_call_bytes": ("write_call_bytes", "bytes", 1.0),
    "read_bytes": ("read_bytes", "bytes", 1.0),
    "write_bytes": ("written_bytes", "bytes", 1.0),
    "processes_born_count": ("processes", "count", 1.0),
}
COLUMNS = ("t_ns", "rss_bytes", *COUNTERS, "processes", "events")
"""What a profile is made from."""

UNITS = {name: unit for name, unit, _ in COUNTERS.values()} | {"wall_s": "s", "rss_bytes": "bytes"}

_PLATEAU = 0.9
_LONGEST = 0.3
_FEWEST_TICKS = 10

_NOTABLE_SHARE = 0.01  # of the base's whole: smaller differences are not worth a line
_ALONE_SHARE = 0.05  # the same where a side has one run and nothing is known of its spread
_MEMORY_SHARE = 0.05
_SPREADS = 2.5
_LEAST = {"s": 0.02, "bytes": 65_536.0, "count": 20.0}  # below it there is nothing to explain

_UNEQUAL = 0.1

_EVENTS: Mapping[str, tuple[str, float]] = {
    # what is told of the events of a type, its unit, and how small a difference needs no word
    "count": ("count", 20.0),
    "failed_count": ("count", 5.0),
    "duration_p50_ms": ("ms", 0.05),
    "duration_p95_ms": ("ms", 0.05),
}
_MOST_TYPES = 50  # names are the application's: one that makes them up must not fill the report


@dataclass(frozen=True)
class Profile:
    """What one recording says of its course.

    program: the root's name. totals: metric to its sum over the run. phases: phase to metric to
    its part, empty for a run too short to be cut. processes: name to CPU seconds of its own, what
    its children used left out; empty where no list was recorded. events: type to what is told of
    it: count, failed_count, and percentiles of the durations where there were any.
    memory_bytes: median of its resident memory. tick_s: median time between ticks, which is how
    exact the phases are.
    """

    program: str
    totals: Mapping[str, float] = field(default_factory=dict)
    phases: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    processes: Mapping[str, float] = field(default_factory=dict)
    events: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    memory_bytes: float | None = None
    tick_s: float = 0.0


def profile(blocks: Iterable[Block], program: str) -> Profile:
    """The course of one recording. blocks: its ticks in order, at least COLUMNS of them."""
    parts = list(blocks)
    lists = [entries for part in parts for _, entries in part.processes]
    t_ns = np.concatenate([part.t_ns for part in parts]) if parts else np.empty(0, np.int64)
    if t_ns.size < 2:
        return Profile(program, processes=_own_cpu(lists), events=_events(parts))
    counters = {
        name: counter
        for column, (name, _, worth) in COUNTERS.items()
        if (counter := _counter(parts, column, worth)) is not None
    }
    memory = _gauge(parts, "rss_bytes")
    seconds = (t_ns - t_ns[0]) / 1e9
    totals = {name: float(counter[-1]) for name, counter in counters.items()}
    totals["wall_s"] = float(seconds[-1])
    return Profile(
        program,
        totals,
        _phases(seconds, counters, memory) if seconds.size >= _FEWEST_TICKS else {},
        _own_cpu(lists),
        _events(parts),
        float(np.nanmedian(memory)) if memory is not None and np.isfinite(memory).any() else None,
        float(np.median(np.diff(seconds))),
    )


def differences(base: Sequence[Profile], head: Sequence[Profile]) -> tuple[Difference, ...]:
    """Where base and head differ by more than their own runs do, the largest of a kind first."""
    found: list[tuple[float, Difference]] = []
    for metric, unit in UNITS.items():
        whole = _median([one.totals.get(metric, 0.0) for one in base])
        if metric == "rss_bytes":
            # a level and no sum; where a phase is cut, it is on its way from one to another
            whole = _MEMORY_SHARE / _NOTABLE_SHARE * _median([_largest_memory(one) for one in base])
        for phase in PHASES:
            least = _LEAST[unit]
            if metric == "wall_s":
                least = max([least, *(2 * one.tick_s for one in (*base, *head))])
            pair = (_part(base, phase, metric), _part(head, phase, metric))
            found += _compare("phase", phase, metric, unit, pair, whole, least)
    whole = _median([one.totals.get("cpu_s", 0.0) for one in base])
    for name in sorted({name for one in (*base, *head) for name in one.processes}):
        pair = (_of_process(base, name), _of_process(head, name))
        found += _compare("process", f"process {name}", "cpu_s", "s", pair, whole, _LEAST["s"])
    for name in _common_types(base, head):
        for metric, (unit, least) in _EVENTS.items():
            pair = (_of_event(base, name, metric), _of_event(head, name, metric))
            whole = _median(pair[0])
            found += _compare("events", f"events {name}", metric, unit, pair, whole, least)
    kinds = ("phase", "process", "events")
    found.sort(key=lambda one: (kinds.index(one[1].kind), -one[0]))
    return tuple(difference for _, difference in found)


def unequal_workloads(base: Sequence[Profile], head: Sequence[Profile]) -> tuple[str, ...]:
    """Why base and head may not have done the same work, a sentence each; () where they have."""
    return tuple(_unequal(base, head))


def _unequal(base: Sequence[Profile], head: Sequence[Profile]) -> Iterator[str]:
    if not base or not head:
        return
    programs = [sorted({one.program for one in side}) for side in (base, head)]
    if programs[0] != programs[1]:
        yield (
            f"Base ran {_listed(programs[0])} and head {_listed(programs[1])}: unless these are "
            "versions of one program, the ratio means little."
        )
    for metric, words, say in (
        ("read_call_bytes", "read", _bytes_words),
        ("write_call_bytes", "wrote", _bytes_words),
        ("processes", "started", _processes_words),
    ):
        values = [_total(side, metric) for side in (base, head)]
        if not all(values):
            continue
        middle = [_median(value) for value in values]
        least = 2.0 if metric == "processes" else _LEAST["bytes"]
        if abs(middle[1] - middle[0]) < max(least, _UNEQUAL * max(middle)) or _overlap(*values):
            continue
        yield (
            f"Base {words} {say(middle[0])} and head {say(middle[1])}: "
            "their workloads may differ, and then the ratio means little."
        )
    for name in _common_types(base, head):
        values = [_of_event(side, name, "count") for side in (base, head)]
        middle = [_median(value) for value in values]
        least = max(_EVENTS["count"][1], _UNEQUAL * max(middle))
        if abs(middle[1] - middle[0]) >= least and not _overlap(*values):
            yield (
                f"Base told of {middle[0]:.0f} events {name!r} and head of {middle[1]:.0f}: "
                "their workloads may differ, and then the ratio means little."
            )


def _compare(
    kind: str,
    where: str,
    metric: str,
    unit: str,
    pair: tuple[list[float], list[float]],
    whole: float,
    least: float,
) -> Iterator[tuple[float, Difference]]:
    base, head = pair
    if not base or not head:
        return
    middle = _median(base), _median(head)
    change = middle[1] - middle[0]
    alone = len(base) < 2 or len(head) < 2
    spread = 0.0
    if not alone:
        spread = _SPREADS * math.sqrt(sum(np.var(side, ddof=1) / len(side) for side in pair))
    share = _ALONE_SHARE if alone else _NOTABLE_SHARE
    if abs(change) < max(least, spread, share * whole):
        return
    effect = middle[1] / middle[0] - 1 if middle[0] > 0 else None
    weight = abs(change) / whole if whole else math.inf
    yield weight, Difference(kind, where, metric, unit, middle[0], middle[1], effect)


def _phases(
    seconds: NDArray[np.float64],
    counters: Mapping[str, NDArray[np.float64]],
    memory: NDArray[np.float64] | None,
) -> dict[str, dict[str, float]]:
    bounds = _bounds(seconds, memory)
    if bounds is None or memory is None:
        return {}
    edges = (0, *bounds, seconds.size - 1)
    found: dict[str, dict[str, float]] = {}
    for phase, first, last in zip(PHASES, edges, edges[1:], strict=False):
        values = {name: float(line[last] - line[first]) for name, line in counters.items()}
        values["wall_s"] = float(seconds[last] - seconds[first])
        there = memory[first : last + 1]
        if np.isfinite(there).any():
            values["rss_bytes"] = float(np.nanmedian(there))
        found[phase] = values
    return found


def _bounds(
    seconds: NDArray[np.float64], memory: NDArray[np.float64] | None
) -> tuple[int, int] | None:
    """The ticks at which start-up ends and the end begins."""
    if memory is None:
        return None
    span = seconds[-1]
    middle = memory[(seconds >= span / 4) & (seconds <= span * 3 / 4)]
    middle = middle[np.isfinite(middle)]
    if not middle.size:
        return None
    high = np.flatnonzero(np.nan_to_num(memory, nan=0.0) >= _PLATEAU * np.median(middle))
    if not high.size:
        return None
    latest_start = int(np.searchsorted(seconds, _LONGEST * span, side="right")) - 1
    earliest_end = int(np.searchsorted(seconds, (1 - _LONGEST) * span))
    # the last tick finds no process any more: what came after the one before it has not fallen
    last = int(high[-1])
    if last >= np.flatnonzero(np.isfinite(memory))[-1]:
        last = seconds.size - 1
    return min(int(high[0]), latest_start), max(last, earliest_end)


def _counter(parts: Sequence[Block], column: str, worth: float) -> NDArray[np.float64] | None:
    """A counter from the first tick on, its gaps filled with what came before."""
    values = _gauge(parts, column)
    if values is None:
        return None
    known = np.isfinite(values)
    if not known.any():
        return None
    at = np.maximum.accumulate(np.where(known, np.arange(values.size), -1))
    first = values[np.flatnonzero(known)[0]]
    filled = np.where(at >= 0, values[at], first)
    return np.asarray(filled * worth, np.float64)


def _gauge(parts: Sequence[Block], column: str) -> NDArray[np.float64] | None:
    if not parts or any(column not in part.columns for part in parts):
        return None
    return np.concatenate(
        [
            np.where(part.columns[column].valid, part.columns[column].values, np.nan)
            for part in parts
        ]
    ).astype(np.float64)


def _own_cpu(lists: Sequence[Sequence[ProcessEntry]]) -> dict[str, float]:
    """CPU seconds by process name, each process without what it took over from reaped children.

    A process that vanished while its parent was seen again was reaped by it, and its time is in
    the parent's from then on.
    """
    cpu_ns: dict[tuple[int, int], int] = {}
    names: dict[tuple[int, int], str] = {}
    parents: dict[tuple[int, int], tuple[int, int] | None] = {}
    seen: dict[tuple[int, int], int] = {}
    for number, entries in enumerate(lists):
        living = {
            entry["pid"]: (entry["pid"], entry.get("started_ns") or 0)
            for entry in entries
            if entry.get("pid") is not None
        }
        for entry in entries:
            if entry.get("pid") is None or entry.get("cpu_time_ns") is None:
                continue
            key = living[entry["pid"]]
            cpu_ns[key] = entry["cpu_time_ns"]
            names[key] = str(entry.get("name") or "")
            parents[key] = living.get(entry.get("ppid"))
            seen[key] = number
    own = dict(cpu_ns)
    for key, parent in parents.items():
        if parent in own and seen[parent] > seen[key]:
            own[parent] -= cpu_ns[key]
    by_name: dict[str, float] = {}
    for key, used in own.items():
        by_name[names[key]] = by_name.get(names[key], 0.0) + max(0, used) / 1e9
    return by_name


def _events(parts: Sequence[Block]) -> dict[str, dict[str, float]]:
    """What the application said, by type: perfkit's own words apart."""
    counts: dict[str, int] = {}
    failed: dict[str, int] = {}
    durations: dict[str, list[NDArray[np.float64]]] = {}
    for part in parts:
        if part.events is None:
            continue
        for code, name in enumerate(part.events.types):
            wanted = part.events.codes == code
            if name.startswith("perfkit.") or not wanted.any():
                continue
            counts[name] = counts.get(name, 0) + int(wanted.sum())
            failed[name] = failed.get(name, 0) + int((part.events.ok[wanted] == 0).sum())
            given = part.events.duration_ms[wanted]
            durations.setdefault(name, []).append(given[np.isfinite(given)])
    told: dict[str, dict[str, float]] = {}
    for name in sorted(counts, key=lambda one: (-counts[one], one))[:_MOST_TYPES]:
        told[name] = {"count": float(counts[name]), "failed_count": float(failed[name])}
        all_durations = np.concatenate(durations[name])
        if all_durations.size:
            told[name]["duration_p50_ms"] = float(np.median(all_durations))
            told[name]["duration_p95_ms"] = float(np.quantile(all_durations, 0.95))
    return told


def _common_types(base: Sequence[Profile], head: Sequence[Profile]) -> list[str]:
    """The types of which either side told; none where a side has recorded no event at all."""
    sides = [{name for one in side for name in one.events} for side in (base, head)]
    return sorted(sides[0] | sides[1]) if all(sides) else []


def _of_event(side: Sequence[Profile], name: str, metric: str) -> list[float]:
    """A figure of each recording with events; how many there were is 0 where there were none."""
    nothing = 0.0 if metric.endswith("count") else None
    figures = [one.events.get(name, {}).get(metric, nothing) for one in side if one.events]
    return [figure for figure in figures if figure is not None]


def _part(side: Sequence[Profile], phase: str, metric: str) -> list[float]:
    return [one.phases[phase][metric] for one in side if metric in one.phases.get(phase, {})]


def _largest_memory(one: Profile) -> float:
    return max((part.get("rss_bytes", 0.0) for part in one.phases.values()), default=0.0)


def _of_process(side: Sequence[Profile], name: str) -> list[float]:
    return [one.processes.get(name, 0.0) for one in side if one.processes]


def _total(side: Sequence[Profile], metric: str) -> list[float]:
    return [one.totals[metric] for one in side if metric in one.totals]


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else 0.0


def _overlap(base: Sequence[float], head: Sequence[float]) -> bool:
    return max(base) >= min(head) and max(head) >= min(base)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(repr(name) for name in names[:3])


def _bytes_words(value: float) -> str:
    for size, word in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= size:
            return f"{value / size:.3g} {word}"
    return f"{value:.0f} bytes"


def _processes_words(value: float) -> str:
    return f"{value:.0f} process{'' if value == 1 else 'es'}"
