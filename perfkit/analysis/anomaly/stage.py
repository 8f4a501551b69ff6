"""The stage: periods in, anomalies out.

Every watched metric is judged in the direction in which it gets worse. Middle and spread come from
its last 600 ordinary periods; on top of them stand the tails of the largest peaks (`judge`). What
is fitted is fitted anew at the end of each stretch of the session's time, and holds for the next.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from perfkit.analysis.anomaly.episode import HELD, QUIET, TOGETHER, Episode, Member
from perfkit.analysis.anomaly.judge import Judge
from perfkit.analysis.anomaly.past import ROWS, Past
from perfkit.analysis.anomaly.streams import LONG, LONG_ROWS, SHORT, VALUE, Streams
from perfkit.analysis.detectors.registry import DETECTORS
from perfkit.analysis.periods import periods_per_day
from perfkit.analysis.watched import Watched
from perfkit.model.block import Block
from perfkit.model.finding import DOWN, EITHER, UP, Finding

Array = npt.NDArray[np.float64]

GAP = 10
"""Periods that may be missing before what comes next no longer follows on what was before."""

_ALIVE = "processes_count_last"
_EVENTS = "events_count"

_ABSENT_IS_ZERO = {"cgroup_throttled_percent"}
"""Without a quota nothing is throttled: the metric comes into being with its first trouble."""

_STARTING = 3
"""Periods of starting up that are passed over."""

_LEARNING_NS = 3_600_000_000_000
"""From then on an alarm counts among the peaks: it is as likely chance as not."""

_BRIEF_NS = 10_000_000_000
"""Of shorter periods one alone says nothing: a change has to last for two, a fall and what hangs on a few events for more."""
_RISE_LASTS = 2
_FALL_LASTS = 3
_PERCENTILE_LASTS = 4

_SPIKE = 5
"""What lasts for so few periods is taken into the tails once it is over: spikes come again."""

_FREE = 1.25
"""Activity up to so many times the usual explains nothing."""

_CLEAR = 3.0

_EXPLAINED = {
    "cpu",
    "io",
    "network",
    "scheduling",
    "processes",
    "queue",
    "latency",
    "threads",
}
"""Causes whose metrics rise with what is asked of the application."""


class Anomalies:
    """Stage `anomaly`: findings of the kind `anomaly`; see `analysis.stage`."""

    name = "anomaly"

    def __init__(
        self,
        watched: Sequence[Watched],
        length_ns: int,
        detector: str = "default",
        budget_per_day: float = 1.0,
    ) -> None:
        """watched: metrics to judge. length_ns: of a period. detector: a name of the registry.
        budget_per_day: false alarms a day that one puts up with, over all metrics, above 0."""
        self.inputs: frozenset[str] = frozenset({one.column for one in watched} | {_ALIVE, _EVENTS})
        self._metrics = tuple(watched)
        self._length_ns = length_ns
        sides = [(m, sign) for m, one in enumerate(watched) for sign in _signs(one)]
        self._of = np.array([m for m, _ in sides], np.int64)
        self._signs = np.array([sign for _, sign in sides], np.int64)
        self._sides = [watched[m] for m, _ in sides]
        self._explained = np.array(
            [sign > 0 and watched[m].cause in _EXPLAINED for m, sign in sides], np.bool_
        )
        brief = length_ns < _BRIEF_NS
        self._lasting = [_lasting(watched[m], sign) if brief else 1 for m, sign in sides]
        spec = DETECTORS[detector]
        self._detectors = [spec.start() for _ in watched]
        self._streams = Streams(self._lasting)
        self._past = Past(
            np.array([one.least for one in self._sides]),
            np.array([one.least_share for one in self._sides]),
        )
        self._judge = Judge(
            self._lasting,
            [one.counted for one in self._sides],
            periods_per_day(length_ns),
            budget_per_day,
        )
        self._activity = np.full(ROWS, np.nan)
        self._usual = 0.0
        self._busy_before = 0.0
        self._seen = 0
        self._open: list[Episode] = []
        self._resting = np.zeros(len(sides), np.int64)  # until which period
        self._muted = np.zeros(len(sides), np.bool_)  # until the stretch is over
        self._first: int | None = None
        self._last = 0
        self._stretch = 0

    def add(self, periods: Block, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage."""
        alive = periods.floats(_ALIVE)
        living = alive != 0  # no number counts as alive
        if not (self._sides and living.any()):
            return []
        numbers = (periods.t_ns // self._length_ns)[living]
        values = np.array([periods.floats(one.column)[living] for one in self._metrics])
        values[~np.isfinite(values)] = np.nan
        for m, one in enumerate(self._metrics):
            if one.metric in _ABSENT_IS_ZERO:
                values[m] = np.nan_to_num(values[m])
        events = periods.floats(_EVENTS)[living]
        if self._first is None:
            self._first = int(numbers[0])
            self._last = self._first - 1
        ages = numbers - self._first
        values[:, ages < _STARTING] = np.nan
        scores = self._scores(values)
        stretches = _stretches(ages)
        steps = np.diff(numbers, prepend=self._last)
        cuts = np.flatnonzero((np.diff(stretches, prepend=self._stretch) > 0) | (steps > GAP + 1))
        told: list[Finding] = []
        for start, stop in itertools.pairwise(sorted({0, *cuts.tolist(), len(numbers)})):
            if stretches[start] != self._stretch:
                self._turn()
                self._stretch = int(stretches[start])
            if steps[start] > GAP + 1:
                self._streams.restart()
            part = slice(start, stop)
            told += self._judged(values[:, part], scores[:, part], events[part], numbers[part])
        self._last = int(numbers[-1])
        return sorted(told, key=lambda one: one.order)

    def finish(self, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage: what lasts to the end ends with it."""
        known_ns = (self._last + 1) * self._length_ns
        told = [one.finding(self.name, known_ns, known_ns) for one in self._open]
        self._open.clear()
        return sorted(told, key=lambda one: one.order)

    def _scores(self, values: Array) -> Array:
        """The detectors' scores, shape as of values, NaN where there is no value."""
        scores = np.full(values.shape, np.nan)
        for m, detector in enumerate(self._detectors):
            here = ~np.isnan(values[m])
            if here.any():
                scores[m, here] = detector.score(values[m, here])
        return scores

    def _turn(self) -> None:
        self._muted[:] = False
        self._judge.turn(self._past, young=self._seen <= ROWS)
        seen = self._activity[~np.isnan(self._activity)]
        self._usual = float(np.median(seen)) if len(seen) else 0.0

    def _busy(self, events: Array) -> Array:
        """By what rises are divided: how much more than usual was asked, of this period or the last."""
        counts = np.where(np.isnan(events), 0.0, events)
        more = np.maximum(counts, np.concatenate(([self._busy_before], counts[:-1])))
        self._busy_before = float(counts[-1])
        self._activity = np.concatenate((self._activity, events))[-ROWS:]
        if self._usual < 1:
            return np.ones(len(events))
        # more than chance makes of as many events (Poisson)
        clear = max(_FREE * self._usual, self._usual + _CLEAR * math.sqrt(self._usual))
        busy: Array = np.where(more > clear, more / self._usual, 1.0)
        return busy

    def _judged(
        self, values: Array, scores: Array, events: Array, numbers: npt.NDArray[np.int64]
    ) -> list[Finding]:
        """Rows of one stretch without a gap; values, scores: shape (metrics, n)."""
        raw = values[self._of] * self._signs[:, None]
        sides = np.where(self._explained[:, None], raw / self._busy(events), raw)
        rows = self._streams.add(sides, scores[self._of])
        unusual = self._judge.unusual(rows, self._past)
        here = ~np.isnan(rows[VALUE])
        self._seen += len(numbers)
        self._rest(unusual, numbers)
        told: list[Finding] = []
        at, n = 0, len(numbers)
        while at < n:
            if self._open:
                told += self._step(rows[:, :, at], unusual[:, :, at], raw[:, at], int(numbers[at]))
                at += 1
                if at < n:
                    self._rest(unusual[:, :, at:], numbers[at:])
                continue
            hits = (unusual[:, :, at:] >= self._judge.thresholds[:, :, None]).any(axis=(0, 1))
            stop = at + int(np.argmax(hits)) if hits.any() else n
            if stop > at:
                self._past.add(rows[:, :, at:stop], here[:, at:stop])
                self._judge.saw(unusual[:, :, at:stop], here[:, at:stop])
            if stop < n:
                told += self._step(
                    rows[:, :, stop], unusual[:, :, stop], raw[:, stop], int(numbers[stop])
                )
            at = stop + 1
        return told

    def _step(self, row: Array, unusual: Array, raw: Array, number: int) -> Iterator[Finding]:
        """One row while something is out of the ordinary, or about to be. row: (STREAMS, s)."""
        known_ns, now_ns = (number + 1) * self._length_ns, number * self._length_ns
        here = ~np.isnan(row[VALUE])
        free = here.copy()
        for episode in self._open:
            free[list(episode.members)] = False
        self._past.add(row[:, :, None], free[:, None])
        self._judge.saw(unusual[:, :, None], free[:, None])
        nats = self._judge.surprise(unusual).max(axis=0)
        hits = (unusual >= self._judge.thresholds).any(axis=0) & free
        for episode in self._open:
            self._follow(episode, row[VALUE], raw, nats, now_ns)
        new = np.flatnonzero(hits).tolist()
        if new:
            self._enter(new, nats, raw, number)
        for episode in self._open:
            episode.see(unusual)
        for episode in list(self._open):
            yield from self._tell(episode, known_ns)

    def _enter(self, new: Sequence[int], nats: Array, raw: Array, number: int) -> None:
        """These sides alarm now: they join what is open, or open an anomaly together."""
        learn = (number - (self._first or 0)) * self._length_ns >= _LEARNING_NS
        members = {side: self._member(side, float(nats[side]), raw, number) for side in new}
        for side in new:
            self._judge.alarmed(side, learn=learn)
        for episode in self._open:
            if episode.rows < TOGETHER or not episode.quiet_rows:
                episode.members.update(members)
                return
        main = max(new, key=lambda side: (members[side].surprise, -side))
        lasted = self._lasted(main, members[main].back)
        self._open.append(Episode(main, (number + 1 - lasted) * self._length_ns, members))

    def _member(self, side: int, nats: float, raw: Array, number: int) -> Member:
        floor = float(self._past.floor[side])
        back = max(floor, 2.0 * float(self._past.spread[VALUE, side])) / 2
        lasted = self._lasted(side, back)
        self._past.exclude(side, lasted)
        recent = self._past.last(side, lasted)
        furthest = int(np.nanargmax(recent)) if np.isfinite(recent).any() else 0
        sign = int(self._signs[side])
        now_ns = number * self._length_ns
        value = float(raw[side]) if furthest == 0 else float(recent[furthest])
        return Member(
            self._sides[side],
            sign,
            sign * float(self._past.level[side]),
            floor,
            back,
            nats,
            sign * value,
            now_ns - furthest * self._length_ns,
            now_ns,
        )

    def _lasted(self, side: int, back: float) -> int:
        """Rows up to now, this one among them, in which a side was out of the ordinary."""
        recent = self._past.last(side, TOGETHER)
        inside = ~(recent - self._past.level[side] >= back) & ~np.isnan(recent)
        return max(int(np.argmax(inside)) if inside.any() else TOGETHER, 1)

    def _follow(
        self, episode: Episode, values: Array, raw: Array, nats: Array, now_ns: int
    ) -> None:
        """Take a further row into an open anomaly; values: with activity taken into account."""
        out = False
        for side, member in episode.members.items():
            if np.isnan(values[side]):
                continue
            member.surprise = max(member.surprise, float(nats[side]))
            explained = values[side] - self._past.level[side] < member.back
            value = float(values[side] if explained else raw[side])
            out |= member.follow(member.sign * value, now_ns)
        episode.rows += 1
        episode.quiet_rows = 0 if out else episode.quiet_rows + 1

    def _tell(self, episode: Episode, known_ns: int) -> Iterator[Finding]:
        """Say what has changed of an open anomaly; close it when it is over."""
        episode.expected_per_day = self._judge.per_day(episode.surprise)
        news = episode.changed()
        if episode.quiet_rows >= QUIET:
            self._close(episode, known_ns)
            yield episode.finding(self.name, known_ns, episode.last_out_ns + self._length_ns)
        elif episode.rows >= HELD:
            for side in episode.members:
                self._past.adopt(side, ROWS)
                self._muted[side] = True
            self._close(episode, known_ns)
            note = "; it has stayed so for long and counts as usual from now on"
            yield episode.finding(self.name, known_ns, known_ns, note)
        elif news:
            yield episode.finding(self.name, known_ns, None)

    def _close(self, episode: Episode, known_ns: int) -> None:
        self._open.remove(episode)
        # not sooner: what joins it needs no alarm of its own
        self._judge.count_alarm()
        lasted = (episode.last_out_ns - episode.onset_ns) // self._length_ns + 1
        for side in episode.members:
            # means still hold what is over
            self._resting[side] = known_ns // self._length_ns + LONG_ROWS
            if lasted <= _SPIKE:
                self._past.include(side, lasted + QUIET)
                self._judge.learn(side, episode.farthest[side])

    def _rest(self, unusual: Array, numbers: npt.NDArray[np.int64]) -> None:
        """Means that hold what is over count as nothing, nor does what has just become usual."""
        unusual[:, self._muted] = -np.inf
        if numbers[0] < self._resting.max():
            resting = numbers < self._resting[:, None]
            for stream in (SHORT, LONG):
                unusual[stream][resting] = -np.inf


def _signs(one: Watched) -> tuple[int, ...]:
    """The directions to look at: 1 up, -1 down."""
    return {UP: (1,), DOWN: (-1,), EITHER: (1, -1)}[one.worse]


def _lasting(one: Watched, sign: int) -> int:
    """How many brief periods in a row have to be unusual."""
    if one.metric.endswith("_p95"):
        return _PERCENTILE_LASTS
    return _RISE_LASTS if sign > 0 else _FALL_LASTS


def _stretches(ages: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Number of the stretch that a period so many after the first lies in: ever longer ones."""
    return np.where(
        ages < 600,
        ages // 5,
        np.where(ages < 3600, 120 + (ages - 600) // 30, 220 + (ages - 3600) // 120),
    )
