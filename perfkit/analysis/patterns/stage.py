"""The stage: periods in, patterns out.

Every so often, on the session's clock, all metrics are looked at for every pattern of the registry.
What several looks in a row show is told, again when it has changed, and once more when it is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfkit.analysis.patterns.history import BIN, History
from perfkit.analysis.patterns.pattern import Known, Pattern, Seen
from perfkit.analysis.patterns.registry import PATTERNS
from perfkit.analysis.watched import Watched
from perfkit.model.block import Block
from perfkit.model.finding import Finding

LEAST_PERIODS = 60
"""Periods before which no pattern can be told from chance."""

EVERY = 2 * BIN
"""Periods between two looks at first; later more, up to SELDOM times as many."""

SELDOM = 13
_YOUNG = 320  # periods until which looks come as often as at first

_MATERIAL = 0.1
"""Share by which a telling number has to change for a pattern to be told again."""

_SAME = 20
"""Periods within which two onsets are that of the same thing."""


@dataclass
class _Track:
    """One kind in one metric: the last sight of it, in how many looks in a row it was seen or
    missed, and what is told of it."""

    seen: Seen | None = None
    sights: int = 0
    misses: int = 0
    told: Finding | None = None
    figures: dict[str, float] | None = None


class Patterns:
    """Stage `pattern`; its kinds are those of the registry. See `analysis.stage`."""

    name = "pattern"

    def __init__(self, watched: Sequence[Watched], length_ns: int) -> None:
        """watched: metrics to look at. length_ns: of a period."""
        self.inputs: frozenset[str] = frozenset(one.column for one in watched)
        self._watched = tuple(watched)
        self._length_ns = length_ns
        self._history = History(len(self._watched), length_ns)
        self._tracks = [{p.kind: _Track() for p in PATTERNS} for _ in self._watched]
        self._begins: int | None = None
        self._last = -1
        self._next = 0
        self._looked = -1

    @property
    def enough_ns(self) -> int | None:
        """How long a session has to be for patterns to be told, None where this one was."""
        seen = 0 if self._begins is None else self._last + 1 - self._begins
        return LEAST_PERIODS * self._length_ns if seen < LEAST_PERIODS else None

    def add(self, periods: Block, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage."""
        if not len(periods) or not self._watched:
            return []
        numbers = periods.t_ns // self._length_ns
        values = np.array([periods.floats(one.column) for one in self._watched])
        if self._begins is None:
            self._begins = int(numbers[0])
            self._next = _following(self._begins, self._begins)
        found: list[Finding] = []
        start = 0
        while start < len(numbers):
            if numbers[start] >= self._next:
                # the periods up to the look were never closed by one right before it: a gap
                found += self._look(self._next)
                self._next = _following(int(numbers[start]), self._begins)
            stop = int(np.searchsorted(numbers, self._next))
            self._history.add(numbers[start:stop], values[:, start:stop])
            self._last = int(numbers[stop - 1])
            start = stop
            if self._last + 1 == self._next:
                found += self._look(self._next)
                self._next = _following(self._next, self._begins)
        return found

    def finish(self, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage: a last look, which is believed by itself; what lasts to the end stays open."""
        if self._begins is None or self._looked > self._last:
            return []
        return self._look(self._last + 1, last=True)

    def _look(self, until: int, *, last: bool = False) -> list[Finding]:
        if self._looked > self._last or self._begins is None:
            return []
        self._looked = until
        if until - self._begins < LEAST_PERIODS:
            return []
        views = self._history.look(until)
        found: list[Finding] = []
        for pattern in PATTERNS:
            sights = pattern.sights(views, self._watched, [_known(one) for one in self._tracks])
            for row, metric in enumerate(self._watched):
                track, seen = self._tracks[row][pattern.kind], sights.get(row)
                if seen is not None or track.seen is not None:
                    looks = 1 if last else pattern.looks
                    found += self._told(
                        pattern, metric, track, seen, looks, until * self._length_ns
                    )
        return sorted(found, key=lambda one: one.order)

    def _told(
        self,
        pattern: Pattern,
        metric: Watched,
        track: _Track,
        seen: Seen | None,
        looks: int,
        known_ns: int,
    ) -> Iterator[Finding]:
        """What a look makes of one kind in one metric; looks: so many must have shown it."""
        if seen is None:
            track.sights, track.misses = 0, track.misses + 1
            if track.told is None:
                track.seen = None
            elif pattern.patience is not None and track.misses >= pattern.patience:
                last_ns = track.told.onset_ns if track.seen is None else track.seen.last_ns
                track.seen = None
                ended, track.told = track.told, None
                end_ns = max(last_ns, ended.onset_ns)
                yield replace(ended, known_at_ns=known_ns, end_ns=end_ns)
            return
        track.sights, track.misses = track.sights + 1, 0
        track.seen = seen
        told = track.told
        if told is not None and pattern.patience is None:
            apart_ns = seen.onset_ns - told.onset_ns
            same = seen.direction == told.direction and abs(apart_ns) <= _SAME * self._length_ns
            if not same and apart_ns <= 0:
                return
            if not same:
                if told.end_ns is None:
                    yield replace(told, known_at_ns=known_ns, end_ns=seen.onset_ns)
                told = None
        if told is None:
            if track.sights < looks:
                return
            onset_ns = min(seen.onset_ns, known_ns)
        else:
            onset_ns = told.onset_ns
            if told.severity == seen.severity and not _changed(track.figures or {}, seen):
                return
        track.figures = {name: seen.evidence[name] for name in seen.telling}
        track.told = self._finding(pattern, metric, seen, onset_ns, known_ns)
        yield track.told

    def _finding(
        self, pattern: Pattern, metric: Watched, seen: Seen, onset_ns: int, known_ns: int
    ) -> Finding:
        over = pattern.patience is None and seen.last_ns < known_ns
        return Finding(
            stage=self.name,
            kind=pattern.kind,
            cause=metric.cause or metric.metric,
            metric=metric.metric,
            known_at_ns=known_ns,
            onset_ns=onset_ns,
            peak_ns=min(max(seen.peak_ns, onset_ns), known_ns),
            end_ns=max(seen.last_ns, onset_ns) if over else None,
            severity=seen.severity,
            direction=seen.direction,
            value=seen.value,
            expected=seen.expected,
            probability=seen.probability,
            evidence=dict(seen.evidence),
            text=seen.text,
        )


def _known(tracks: Mapping[str, _Track]) -> Known:
    seen = {k: one.seen for k, one in tracks.items() if one.seen is not None and one.told}
    return Known(seen)


def _following(number: int, begins: int) -> int:
    """The first look after a period: multiples of EVERY, of more of them in an old session."""
    often = min(SELDOM, 1 + (number - begins) // _YOUNG)
    step = EVERY * often
    return (number // step + 1) * step


def _changed(before: dict[str, float], seen: Seen) -> bool:
    return set(before) != set(seen.telling) or any(
        abs(seen.evidence[name] - value) > _MATERIAL * abs(value) for name, value in before.items()
    )
