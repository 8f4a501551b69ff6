"""Why it got slower, as far as the runs and their recordings tell; and whether both did the same.

A reason is a sentence about medians over the pairs that count. It names what goes along with the
regression; that it is the cause is for the reader to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from perfkit.model.run import Run

Format = Callable[[float, str], str]
"""A value and its unit as text."""


@dataclass(frozen=True)
class RunFacts:
    """One run and what its recording holds; None is not known.

    processes: CPU seconds by the name of the process. throttled_s: time its cgroup was held back
    for its quota. elsewhere_cores: cores that neither side of the pair kept busy, on average;
    stolen_cores: cores that other guests of the host took.
    """

    run: Run
    processes: Mapping[str, float] = field(default_factory=dict)
    throttled_s: float | None = None
    elsewhere_cores: float | None = None
    stolen_cores: float | None = None


FactPair = tuple[RunFacts, RunFacts]
"""Base and head."""

_COUNTS = (
    # what, unit, attribute of Run, least difference that is told
    ("takes more minor page faults", "count", "minor_faults", 200.0),
    ("takes more major page faults", "count", "major_faults", 5.0),
    ("reads more from storage", "bytes", "read_bytes", float(1 << 20)),
    ("writes more towards storage", "bytes", "written_bytes", float(1 << 20)),
    ("waits more often (voluntary context switches)", "count", "voluntary_switches", 50.0),
    ("makes more read calls", "count", "read_calls", 200.0),
    ("makes more write calls", "count", "write_calls", 200.0),
)
_TOLD_FROM = 1.05  # times as much
_WORK_DIFFERS_FROM = 1.02
_LEAST_WORK_BYTES = 4096
_BUSY_ELSEWHERE = 0.5  # cores
_LEAST_SHARE = 0.5  # of the difference in CPU time, for a process to be named


def reasons(
    together: Sequence[FactPair],
    apart: Sequence[FactPair],
    regressed: Sequence[str],
    format_value: Format,
) -> tuple[str, ...]:
    """Sentences on what head does more of, most telling first.

    together, apart: the pairs that ran as duets and one after the other; CPU time and counts are
    told of duets where there are any, waiting of the others. regressed: the metrics that did.
    """
    pairs = together or apart
    if not pairs:
        return ()
    found: list[str] = []
    if {"cpu_s", "cpu_user_s", "cpu_system_s", "wall_s", "instructions"} & set(regressed):
        found += _of_cpu(pairs, format_value)
    elif "peak_rss_bytes" in regressed:
        found += _of_memory(pairs, format_value)
    found += _of_waiting(apart, regressed, format_value)
    for words, unit, name, least in _COUNTS:
        base, head = (_median(pairs, name, side) for side in (0, 1))
        if base is None or head is None or head - base < least or head < _TOLD_FROM * base:
            continue
        found.append(f"head {words}: {_instead(base, head, unit, format_value)}")
    found += _of_the_machine([*together, *apart], format_value)
    return tuple(dict.fromkeys(found))


def work_notes(pairs: Sequence[FactPair], format_value: Format) -> tuple[str, ...]:
    """Sentences on what makes the two unequal work, since then the ratio means little."""
    if not pairs:
        return ()
    notes = []
    names = [_common(facts[side].processes for facts in pairs) for side in (0, 1)]
    for mine, others, side, other in (
        (names[0], names[1], "base", "head"),
        (names[1], names[0], "head", "base"),
    ):
        only = sorted(mine - others)
        if only and others:
            notes.append(f"only {side} runs {', '.join(only[:3])}, {other} does not")
    for words, name in (("read", "read_call_bytes"), ("write", "written_call_bytes")):
        base, head = (_median(pairs, name, side) for side in (0, 1))
        if base is None or head is None or abs(head - base) < _LEAST_WORK_BYTES:
            continue
        if max(base, head) > _WORK_DIFFERS_FROM * min(base, head):
            notes.append(
                f"the work differs: {_instead(base, head, 'bytes', format_value)} "
                f"passed through {words} calls"
            )
    return tuple(notes)


def _of_cpu(pairs: Sequence[FactPair], format_value: Format) -> list[str]:
    more = _difference(pairs, lambda facts: facts.run.cpu_s)
    if more <= 0:
        return []
    found = []
    names = sorted({name for pair in pairs for facts in pair for name in facts.processes})
    by_name = {
        name: _difference(pairs, lambda facts, name=name: facts.processes.get(name, 0.0))  # type: ignore[misc]
        for name in names
    }
    name = max(by_name, key=lambda name: by_name[name], default="")
    if name and len(names) > 1 and by_name[name] >= _LEAST_SHARE * more:
        base = median(facts.processes.get(name, 0.0) for facts, _ in pairs)
        more_here = _instead(base, base + by_name[name], "s", format_value)
        found.append(f"more CPU in process {name}: {more_here}")
    user = _difference(pairs, lambda facts: facts.run.cpu_user_s)
    system = _difference(pairs, lambda facts: facts.run.cpu_system_s)
    where = "in user mode" if user >= system else "in the kernel"
    share = max(user, system) / more
    base = _median(pairs, "cpu_s", 0) or 0.0
    found.append(
        f"head uses more CPU: {_instead(base, base + more, 's', format_value)}"
        + (
            f", {100 * min(1.0, share):.0f} % of the difference {where}"
            if user > 0 or system > 0
            else ""
        )
    )
    return found


def _of_memory(pairs: Sequence[FactPair], format_value: Format) -> list[str]:
    known = [
        (base.run.peak_rss_bytes, head.run.peak_rss_bytes)
        for base, head in pairs
        if base.run.peak_rss_bytes is not None and head.run.peak_rss_bytes is not None
    ]
    if not known:
        return []
    base, head = (float(median(pair[side] for pair in known)) for side in (0, 1))
    return [f"the largest process of head is larger: {_instead(base, head, 'bytes', format_value)}"]


def _of_waiting(
    pairs: Sequence[FactPair], regressed: Sequence[str], format_value: Format
) -> list[str]:
    if not pairs or "wall_s" not in regressed or "cpu_s" in regressed:
        return []
    idle = _difference(pairs, lambda facts: facts.run.wall_s - facts.run.cpu_s)
    if idle <= 0:
        return []
    return [
        f"head waits longer, or computes less at once: {format_value(idle, 's')} more of its time "
        "is not CPU time"
    ]


def _of_the_machine(pairs: Sequence[FactPair], format_value: Format) -> list[str]:
    found = []
    throttled = _difference(pairs, lambda facts: facts.throttled_s or 0.0)
    if throttled > 0.01:
        found.append(
            f"head was throttled by its cgroup's CPU quota for {format_value(throttled, 's')} more"
        )
    busy = sum(
        any((facts.elsewhere_cores or 0.0) > _BUSY_ELSEWHERE for facts in pair) for pair in pairs
    )
    if busy:
        found.append(
            f"a noisy neighbour: in {busy} of {len(pairs)} pairs other processes kept more than "
            "half a core busy"
        )
    stolen = sum(any((facts.stolen_cores or 0.0) > 0.1 for facts in pair) for pair in pairs)
    if stolen:
        found.append(
            f"in {stolen} of {len(pairs)} pairs other guests of the host took CPU time from "
            "this machine"
        )
    return found


def _median(pairs: Sequence[FactPair], name: str, side: int) -> float | None:
    values = [getattr(pair[side].run, name) for pair in pairs]
    known = [float(value) for value in values if value is not None]
    return median(known) if known else None


def _difference(pairs: Sequence[FactPair], of: Callable[[RunFacts], float]) -> float:
    return median(of(head) - of(base) for base, head in pairs)


def _common(sets: object) -> set[str]:
    """What is in more than half of them: a short process may be missed by a recording."""
    every = [set(one) for one in sets]  # type: ignore[attr-defined]
    names = {name for one in every for name in one}
    return {name for name in names if 2 * sum(name in one for one in every) > len(every)}


def _instead(base: float, head: float, unit: str, format_value: Format) -> str:
    change = f" ({head / base - 1:+.1%})".replace("%", " %") if base > 0 else ""
    return f"{format_value(head, unit)} instead of {format_value(base, unit)}{change}"
