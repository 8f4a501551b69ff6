"""What two runs of the analysis over one session say differently."""

from __future__ import annotations

from collections.abc import Iterable

from perfkit.model.difference import EARLIER, LATER, MISSED, RAISED, Difference
from perfkit.model.finding import Finding

_FOREVER = 2**63 - 1


def differences(before: Iterable[Finding], after: Iterable[Finding]) -> list[Difference]:
    """What was raised, missed, known earlier or later, ordered by time.

    before, after: streams of emissions, as the pipeline gives them. Two findings are the same if
    stage, kind and metric agree and their intervals overlap; of several the closest onset counts.
    """
    old, new = _whole(before), _whole(after)
    matched: dict[int, int] = {}
    pairs = sorted(
        (abs(one.onset_ns - other.onset_ns), i, j)
        for i, (one, _) in enumerate(old)
        for j, (other, _) in enumerate(new)
        if _overlap(old[i], new[j])
    )
    taken: set[int] = set()
    for _, i, j in pairs:
        if i not in matched and j not in taken:
            matched[i] = j
            taken.add(j)
    found = []
    for i, (one, _) in enumerate(old):
        if i not in matched:
            found.append(Difference(MISSED, one, None))
            continue
        other = new[matched[i]][0]
        if other.known_at_ns < one.known_at_ns:
            found.append(Difference(EARLIER, one, other))
        elif other.known_at_ns > one.known_at_ns:
            found.append(Difference(LATER, one, other))
    found += [Difference(RAISED, None, one) for j, (one, _) in enumerate(new) if j not in taken]
    return sorted(found, key=lambda difference: (_first(difference).order, difference.kind))


def _whole(stream: Iterable[Finding]) -> list[tuple[Finding, int]]:
    """Every finding as it was first said, and where it ended in the end."""
    first: dict[str, Finding] = {}
    ends: dict[str, int] = {}
    for one in stream:
        first.setdefault(one.id, one)
        ends[one.id] = _FOREVER if one.end_ns is None else one.end_ns
    return [(one, ends[id]) for id, one in first.items()]


def _overlap(one: tuple[Finding, int], other: tuple[Finding, int]) -> bool:
    (a, a_end), (b, b_end) = one, other
    same = (a.stage, a.kind, a.metric) == (b.stage, b.kind, b.metric)
    return same and a.onset_ns <= b_end and b.onset_ns <= a_end


def _first(difference: Difference) -> Finding:
    finding = difference.before or difference.after
    if finding is None:
        raise ValueError("a difference of nothing")
    return finding
