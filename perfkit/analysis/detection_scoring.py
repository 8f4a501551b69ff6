"""How well a stage finds faults that are known, and how often it cries wolf.

A fault is detected by a finding that is first known while it is on, or up to five seconds later,
and whose onset is not more than five seconds before it. A false alarm is a finding first known in
a recording without a fault, or before the first fault of one. What is first known from a fault's
beginning on and detects nothing counts for nothing: there is no telling what it speaks of, and
what follows a fault is its recovery.

The upper bound of the rate of false alarms is the exact one of a Poisson count, Garwood (1936),
"Fiducial limits for the Poisson distribution", Biometrika 28, 437.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from perfkit.analysis.watched import WATCHED
from perfkit.model.detection import (
    AlarmRate,
    DetectionScore,
    Examined,
    FalseAlarm,
    FaultSeen,
    KnownFault,
    Recall,
)
from perfkit.model.finding import Finding

LATE_S = 5.0
"""So long after its end a fault may still be found."""

EARLY_S = 5.0
"""So long before a fault the onset of what detects it may lie."""

SURE = 0.95
"""How sure the upper bound of the rate of false alarms is, one-sided."""

HELD_BACK = "suppressed"
"""Findings of this kind say why nobody was told: they are none here."""

_CAUSES = {one.metric: one.cause for one in WATCHED}


def score(recordings: Sequence[Examined], stage: str) -> DetectionScore:
    """What the findings of one stage are worth on these recordings."""
    seen: list[FaultSeen] = []
    alarms: list[FalseAlarm] = []
    clean_s = before_s = 0.0
    for one in recordings:
        opened = list(_opened(one.findings, stage))
        seen += [_seen(one, fault, opened) for fault in one.faults]
        quiet_s = min((fault.from_s for fault in one.faults), default=math.inf)
        alarms += [
            FalseAlarm(one.file, finding, not one.faults)
            for finding in opened
            if finding.known_at_ns / 1e9 < quiet_s
        ]
        if one.faults:
            before_s += min(max(quiet_s, 0.0), one.seconds)
        else:
            clean_s += one.seconds
    strengths = sorted({one.strength for one in seen}, key=_order)
    kinds = sorted({(one.fault.kind, one.strength) for one in seen}, key=_kind_order)
    in_clean = sum(one.clean for one in alarms)
    return DetectionScore(
        stage,
        len(recordings),
        tuple(seen),
        tuple(alarms),
        _recall(seen, None, None, lambda _: True),
        tuple(
            _recall(seen, None, strength, lambda one, s=strength: one.strength == s)  # type: ignore[misc]
            for strength in strengths
        ),
        tuple(
            _recall(
                seen,
                kind,
                strength,
                lambda one, k=kind, s=strength: (one.fault.kind, one.strength) == (k, s),  # type: ignore[misc]
            )
            for kind, strength in kinds
        ),
        alarm_rate(len(alarms), (clean_s + before_s) / 3600),
        alarm_rate(in_clean, clean_s / 3600),
    )


def alarm_rate(alarms: int, hours: float) -> AlarmRate:
    """The rate of so many in so many hours; None where no hour was looked at."""
    from scipy.special import gammaincinv

    if hours <= 0:
        return AlarmRate(alarms, 0.0, None, None)
    return AlarmRate(alarms, hours, alarms / hours, float(gammaincinv(alarms + 1, SURE)) / hours)


def _opened(findings: Iterable[Finding], stage: str) -> Iterator[Finding]:
    """The first emission of every finding of the stage."""
    known: set[str] = set()
    for one in findings:
        if one.stage == stage and one.kind != HELD_BACK and one.id not in known:
            known.add(one.id)
            yield one


def _seen(recording: Examined, fault: KnownFault, opened: Sequence[Finding]) -> FaultSeen:
    found = [
        one
        for one in opened
        if fault.from_s <= one.known_at_ns / 1e9 <= fault.until_s + LATE_S
        and one.onset_ns / 1e9 >= fault.from_s - EARLY_S
    ]
    if not found:
        return FaultSeen(recording.file, recording.strength, fault)
    first = min(found, key=lambda one: one.order)
    cause = _CAUSES.get(fault.metric)
    naming = [
        one.known_at_ns / 1e9 - fault.from_s
        for one in found
        if one.metric == fault.metric or (cause is not None and one.cause == cause)
    ]
    return FaultSeen(
        recording.file,
        recording.strength,
        fault,
        first,
        first.known_at_ns / 1e9 - fault.from_s,
        bool(naming),
        min(naming, default=None),
    )


def _recall(
    seen: Sequence[FaultSeen],
    kind: str | None,
    strength: float | None,
    chosen: Callable[[FaultSeen], bool],
) -> Recall:
    those = [one for one in seen if chosen(one)]
    delays = sorted(one.delay_s for one in those if one.delay_s is not None)
    naming = sorted(one.named_delay_s for one in those if one.named_delay_s is not None)
    return Recall(
        kind,
        strength,
        len(those),
        len(delays),
        len(naming),
        _at(delays, 0.5),
        _at(delays, 0.9),
        _at(naming, 0.5),
        _at(naming, 0.9),
    )


def _at(ordered: Sequence[float], share: float) -> float | None:
    """The smallest that is at least as large as that share of them."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else None


def _order(strength: float | None) -> float:
    return -1.0 if strength is None else strength


def _kind_order(named: tuple[str, float | None]) -> tuple[str, float]:
    return (named[0], _order(named[1]))
