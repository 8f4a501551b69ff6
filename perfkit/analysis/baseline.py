"""What normal is, and where a metric has left it for good.

Normal is learned from earlier sessions, or is what the session itself did at its start: the first
fifth of what has been seen so far, at least 30 periods, frozen once it spans ten minutes. Against
it stands the level of the last minute, the median of its periods. A level is outside where it lies
beyond the range of the baseline (quantiles 0.05 and 0.95 of its periods, and whatever its levels
over a minute reached) by more than its spread and twice its drift, and beyond what anybody would
want to hear of. A change is told once that has held for a while: a session that knows only its own
first minute waits longer than one that was learned.

Robust level and spread: median and interquartile range, Huber (1981), "Robust Statistics". When
it began is the start of the strongest run of periods beyond the range, Page (1954), "Continuous
inspection schemes". Probabilities fall off exponentially beyond the 0.99 quantile, Pickands (1975),
"Statistical inference using extreme order statistics", with the shape at 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perfkit.analysis.sketch import Quantiles
from perfkit.analysis.watched import Watched
from perfkit.model.baseline import SHARES, Baseline, BaselineChange, MetricBaseline
from perfkit.model.block import Block
from perfkit.model.finding import DOWN, EITHER, UP, Finding

WINDOW_NS = 60_000_000_000
WINDOW_PERIODS = 12
"""A level is that of the last minute, or of 12 periods where those are longer."""

STEP_NS = 15_000_000_000
STEP_PERIODS = 3
"""How often a level is looked at."""

OWN_SHARE = 5
OWN_PERIODS = 30
OWN_MOST_NS = 600_000_000_000
"""A session's own baseline is its first fifth: so many periods at least, ten minutes at most."""

KIND = "change_from_baseline"
TOO_SHORT = "too short to judge"

_LEAST_IN_BASELINE = 12
_LEAST_IN_WINDOW = 6
_HOLD_LEARNED_NS = 30_000_000_000
_HOLD_OWN_MOST_NS = 120_000_000_000
_BACK_SHARE = 0.75  # of the way out: nearer than that to the level is back
_BACK_STEPS = 2
_WORSE_AGAIN = 2.0  # a peak is told again when it is so many times as far out as the one told last
_MEDIUM_SHARE = 0.5
_MEDIUM_MARGINS = 5.0
_BATCH = 256
_MOST = 1e300  # beyond it a spread would be no number

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Limits:
    """Between which a metric's level over a minute is called normal; margin: what would be heard."""

    low: float
    high: float
    margin: float


def limits(known: MetricBaseline, watched: Watched) -> Limits:
    """What the baseline of a metric allows its level over a minute."""
    margin = watched.least_change(known.level)
    allowed = known.spread + 2 * known.drift
    high = max(known.at(0.95), known.level_high) + allowed
    low = min(known.at(0.05), known.level_low) - allowed
    return Limits(min(low, known.level - margin), max(high, known.level + margin), margin)


def tail_probability(known: MetricBaseline, margin: float, value: float) -> float:
    """The share of single periods that would lie as far out as value were the baseline still true.

    Beyond the 0.99 quantile (the 0.01 quantile below) it falls off exponentially, as fast as from
    0.95 to 0.99, but no faster than by the metric's spread and margin: fewer periods than a
    hundred do not promise more.
    """
    up = value >= known.level
    edge = known.at(0.99) if up else known.at(0.01)
    inner = known.at(0.95) if up else known.at(0.05)
    beyond = value - edge if up else edge - value
    if beyond <= 0:
        return 0.05 if (value > inner if up else value < inner) else 1.0
    scale = max(abs(edge - inner) / math.log(5), known.spread, margin)
    base = max(0.01, 1 / (known.periods + 1))
    return base * math.exp(-beyond / scale) if scale > 0 else 0.0


def level_periods(length_ns: int) -> int:
    """How many periods of that length the level of the last minute is made of."""
    return max(round(WINDOW_NS / length_ns), WINDOW_PERIODS)


class Learner:
    """Learns baselines from the periods of one session after another, in bounded memory.

    Of a session only sketches stay, and a level a minute until it has ended.
    """

    def __init__(self, watched: Sequence[Watched], length_ns: int) -> None:
        """watched: metrics to learn. length_ns: of a period, the same in all sessions."""
        self.inputs: frozenset[str] = frozenset(
            name for one in watched for name in (one.column, f"{one.metric}_count")
        )
        self._watched = tuple(watched)
        self._length_ns = length_ns
        self._window = level_periods(length_ns)
        self._sketches = [_Sketch() for _ in self._watched]
        self._start()

    def _start(self) -> None:
        self._numbers = np.zeros(0, np.int64)
        self._values = np.zeros((0, len(self._watched)))
        self._levels: list[Floats] = []

    def add(self, periods: Block) -> None:
        """Take the next periods of a session."""
        if not len(periods):
            return
        values = _matrix(periods, self._watched)
        for at, one in enumerate(self._watched):
            column = values[:, at]
            there = column[np.isfinite(column)]
            counts = periods.columns.get(f"{one.metric}_count")
            ticks = len(there) if counts is None else int(counts.values[counts.valid].sum())
            self._sketches[at].add(there, ticks)
        numbers = np.concatenate((self._numbers, periods.t_ns // self._length_ns))
        values = np.concatenate((self._values, values))
        windows = numbers // self._window
        starts = np.concatenate(([0], np.flatnonzero(np.diff(windows)) + 1))
        for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            self._levels.append(_level(values[start:stop]))
        self._numbers, self._values = numbers[starts[-1] :].copy(), values[starts[-1] :].copy()

    def end_session(self) -> None:
        """The session is over; what comes next is another one."""
        if len(self._numbers):
            self._levels.append(_level(self._values))
        if self._levels:
            levels = np.array(self._levels)
            for at, sketch in enumerate(self._sketches):
                column = levels[:, at]
                sketch.end_session(column[np.isfinite(column)])
        self._start()

    def learned(self) -> dict[str, MetricBaseline]:
        """The baselines of the metrics that had values enough, in the order of watched."""
        return {
            one.metric: sketch.learned(one.metric)
            for one, sketch in zip(self._watched, self._sketches, strict=True)
            if sketch.count >= _LEAST_IN_BASELINE
        }


def learn(
    sessions: Iterable[Iterable[Block]], watched: Sequence[Watched], length_ns: int
) -> dict[str, MetricBaseline]:
    """Baselines by metric. sessions: of each its periods, one after the other."""
    learner = Learner(watched, length_ns)
    for session in sessions:
        for periods in session:
            learner.add(periods)
        learner.end_session()
    return learner.learned()


class BaselineStage:
    """Stage `baseline`: findings of the kind `change_from_baseline`; see `analysis.stage`.

    Without a learned baseline the session's own start serves; `said` tells which.
    """

    name = "baseline"

    def __init__(
        self, watched: Sequence[Watched], length_ns: int, learned: Baseline | None = None
    ) -> None:
        """watched: metrics to judge. length_ns: of a period."""
        self.inputs: frozenset[str] = frozenset(one.column for one in watched)
        self._watched = tuple(watched)
        self._length_ns = length_ns
        self._window = level_periods(length_ns)
        self._step = max(round(STEP_NS / length_ns), STEP_PERIODS)
        self._learned = learned
        self._own = _OwnStart(self._watched, length_ns, self._step) if learned is None else None
        self._range = _Range.of(learned.metrics if learned else {}, self._watched)
        self._numbers = np.zeros(0, np.int64)
        self._values = np.zeros((0, len(self._watched)))
        self._step_seen: int | None = None
        self._metrics = [_Watch(one) for one in self._watched]

    @property
    def said(self) -> str:
        """What the session is compared with, in words; TOO_SHORT where there is nothing yet."""
        if self._learned is not None:
            number = len(self._learned.sessions)
            return f"a baseline learned from {number} session{'' if number == 1 else 's'}"
        if self._own is None or not self._own.span:
            return TOO_SHORT
        return f"the session's own first {self._own.span * self._length_ns / 1e9:.0f} s"

    @property
    def known(self) -> Mapping[str, MetricBaseline]:
        """The baselines in force, by metric: learned ones, or the session's own start so far."""
        return self._range.known

    def add(self, periods: Block, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage."""
        if not len(periods):
            return []
        new = periods.t_ns // self._length_ns
        values = _matrix(periods, self._watched)
        if self._own is not None:
            self._own.add(new, values)
        due = self._due(new) + len(self._numbers)
        numbers = np.concatenate((self._numbers, new))
        values = np.concatenate((self._values, values))
        found: list[Finding] = []
        for start in range(0, len(due), _BATCH):
            found += self._judged(numbers, values, due[start : start + _BATCH])
        kept = int(np.searchsorted(numbers, numbers[-1] + 1 - self._window))
        self._numbers, self._values = numbers[kept:].copy(), values[kept:].copy()
        return found

    def finish(self, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage: a change that lasts to the end stays open."""
        return []

    def _due(self, numbers: Integers) -> Integers:
        """The rows at which a level is looked at: the first period to reach each step."""
        steps = (numbers + 1) // self._step
        before = int(numbers[0]) // self._step if self._step_seen is None else self._step_seen
        self._step_seen = int(steps[-1])
        return np.flatnonzero(np.diff(steps, prepend=before) > 0)

    def _judged(self, numbers: Integers, values: Floats, due: Integers) -> Iterator[Finding]:
        firsts = np.searchsorted(numbers, numbers[due] + 1 - self._window)
        levels = _levels(values, firsts, due, self._window)
        if self._own is None:
            outside = self._range.outside(levels)
        for place, row in enumerate(due.tolist()):
            until = int(numbers[row]) + 1
            hold_ns = _HOLD_LEARNED_NS
            if self._own is not None:
                changed = self._own.at(until, self._window)
                if changed is not None:
                    self._range = changed
                out = self._range.outside(levels[place])
                half_ns = self._own.span * self._length_ns // 2
                hold_ns = min(max(half_ns, _HOLD_LEARNED_NS), _HOLD_OWN_MOST_NS)
            else:
                out = outside[place]
            hold = 1 + max(2, math.ceil(hold_ns / (self._step * self._length_ns)))
            window = slice(int(firsts[place]), row + 1)
            for at, watch in enumerate(self._metrics):
                side = int(out[at])
                if not side and watch.resting:
                    continue
                limit = self._range.limits[at]
                known = self._range.metrics[at]
                level = float(levels[place, at])
                if limit is None or known is None or math.isnan(level):
                    watch.rest()
                    continue
                moment = _Moment(
                    until * self._length_ns, level, side, known, limit, hold, self._sure
                )
                if side and watch.begins(side):
                    column = values[window, at]
                    beyond = column > limit.high if side > 0 else column < limit.low
                    first = _onset(beyond, np.isfinite(column))
                    watch.onset_ns = int(numbers[window][first]) * self._length_ns
                yield from watch.told(moment)

    @property
    def _sure(self) -> bool:
        """Whether the baseline is worth a severity beyond low."""
        return self._own is None or self._own.span >= self._window


@dataclass(frozen=True)
class _Moment:
    """One look at one metric. side: 1 above the range, -1 below it, 0 within."""

    known_at_ns: int
    level: float
    side: int
    known: MetricBaseline
    limit: Limits
    hold: int
    sure: bool


class _Watch:
    """What is going on with one metric."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._side = 0
        self._steps = 0
        self._back = 0
        self._open: Finding | None = None
        self._opened: _Moment | None = None
        self._farthest = 0.0
        self._peak: tuple[float, int] = (0.0, 0)
        self.onset_ns = 0

    @property
    def resting(self) -> bool:
        """Whether nothing is open or about to be."""
        return self._open is None and not self._steps

    def rest(self) -> None:
        """Nothing can be told at this moment: what was about to open must begin anew."""
        self._steps = 0

    def begins(self, side: int) -> bool:
        """Whether a level on that side is the first of its kind."""
        return self._open is None and (not self._steps or side != self._side)

    def told(self, now: _Moment) -> Iterator[Finding]:
        """What this moment opens, updates or closes."""
        if self._open is not None and self._opened is not None:
            yield from self._followed(self._open, self._opened, now)
            return
        if now.side != self._side:
            self._side, self._steps = now.side, 0
        if not now.side:
            return
        self._steps += 1
        if self._steps == 1 or now.level * now.side > self._peak[0] * now.side:
            self._peak = (now.level, now.known_at_ns)
        if self._steps >= now.hold:
            self._opened, self._back = now, 0
            yield self._emitted(self._finding(now, now, None))

    def _followed(self, told: Finding, opened: _Moment, now: _Moment) -> Iterator[Finding]:
        # Against what was normal when it opened; and where the session's own start has come to
        # hold such levels, against that.
        self._back = self._back + 1 if _is_back(opened, now, self._side) else 0
        if self._back >= _BACK_STEPS:
            yield replace(
                self._finding(opened, now, now.known_at_ns),
                text=f"{told.metric} is back within its baseline",
            )
            self._open, self._side, self._steps = None, 0, 0
            return
        if now.level * self._side > self._peak[0] * self._side:
            self._peak = (now.level, now.known_at_ns)
        found = self._finding(opened, now, None)
        distance = abs(self._peak[0] - opened.known.level)
        if found.severity != told.severity or distance >= _WORSE_AGAIN * self._farthest:
            yield self._emitted(found)

    def _emitted(self, found: Finding) -> Finding:
        self._open = found
        self._farthest = abs((found.value or 0.0) - (found.expected or 0.0))
        return found

    def _finding(self, opened: _Moment, now: _Moment, end_ns: int | None) -> Finding:
        known, limit = opened.known, opened.limit
        value, peak_ns = self._peak
        direction = UP if self._side > 0 else DOWN
        change = value - known.level
        return Finding(
            stage=BaselineStage.name,
            kind=KIND,
            cause=self._watched.cause or self._watched.metric,
            metric=self._watched.metric,
            known_at_ns=now.known_at_ns,
            onset_ns=self.onset_ns,
            peak_ns=peak_ns,
            end_ns=end_ns,
            severity=self._severity(direction, abs(change), known, limit, now.sure),
            direction=direction,
            value=value,
            expected=known.level,
            probability=tail_probability(known, limit.margin, value),
            evidence={
                "change": change,
                **({"change_ratio": change / abs(known.level)} if known.level else {}),
                "baseline_low": limit.low,
                "baseline_high": limit.high,
                "baseline_spread": known.spread,
                "baseline_periods_count": known.periods,
            },
            text=f"{self._watched.metric} {_how(change, known.level)} its baseline",
        )

    def _severity(
        self, direction: str, change: float, known: MetricBaseline, limit: Limits, sure: bool
    ) -> str:
        if self._watched.worse not in (EITHER, direction):
            return "info"
        told = self._open.severity if self._open is not None else "low"
        far = change >= _MEDIUM_SHARE * abs(known.level) and change >= _MEDIUM_MARGINS * max(
            limit.margin, known.spread
        )
        # what was medium once stays so: a severity that goes up and down tells nothing
        worse = sure and far and self._watched.worse == direction
        return "medium" if worse or told == "medium" else "low"


def _is_back(opened: _Moment, now: _Moment, side: int) -> bool:
    for moment in (opened, now):
        limit = moment.limit.high if side > 0 else moment.limit.low
        way = abs(limit - moment.known.level) * _BACK_SHARE
        if (now.level - moment.known.level) * side <= way:
            return True
    return False


def _how(change: float, level: float) -> str:
    side = "above" if change > 0 else "below"
    if not level or abs(change / level) >= 10:
        return f"is far {side}"
    return f"is {abs(change / level) * 100:.0f} % {side}"


class _Range:
    """The baselines in force, as arrays over the watched metrics, NaN where there is none."""

    def __init__(
        self, metrics: Sequence[MetricBaseline | None], watched: Sequence[Watched]
    ) -> None:
        self.metrics = tuple(metrics)
        self.limits = tuple(
            None if known is None else limits(known, one)
            for known, one in zip(metrics, watched, strict=True)
        )
        self._low = np.array([np.nan if one is None else one.low for one in self.limits])
        self._high = np.array([np.nan if one is None else one.high for one in self.limits])

    @classmethod
    def of(cls, known: Mapping[str, MetricBaseline], watched: Sequence[Watched]) -> _Range:
        return cls([known.get(one.metric) for one in watched], watched)

    @property
    def known(self) -> dict[str, MetricBaseline]:
        return {one.metric: one for one in self.metrics if one is not None}

    def outside(self, levels: Floats) -> npt.NDArray[np.int8]:
        """1 above, -1 below, 0 within, or where level or range is unknown."""
        above = (levels > self._high).astype(np.int8)
        return above - (levels < self._low).astype(np.int8)


class _OwnStart:
    """The first periods of a session as its own baseline; at most ten minutes of them are kept."""

    def __init__(self, watched: Sequence[Watched], length_ns: int, step: int) -> None:
        self._watched = watched
        self._window = level_periods(length_ns)
        self._step = step
        self._most = max(round(OWN_MOST_NS / length_ns), OWN_PERIODS)
        self._origin: int | None = None
        self._numbers = np.zeros(0, np.int64)
        self._values = np.zeros((0, len(watched)))
        self.span = 0

    def add(self, numbers: Integers, values: Floats) -> None:
        """Take the next periods, as far as they are still part of it."""
        if self._origin is None:
            self._origin = int(numbers[0])
        early = int(np.searchsorted(numbers, self._origin + self._most))
        if early:
            self._numbers = np.concatenate((self._numbers, numbers[:early]))
            self._values = np.concatenate((self._values, values[:early]))

    def at(self, until: int, window: int) -> _Range | None:
        """The range once all periods before `until` have been seen; None where it is as before.

        Its last window is what is judged, and never part of the baseline.
        """
        origin = self._origin or 0
        seen = until - origin
        # in whole steps, so that it need not be learned anew at each of them
        fifth = seen // OWN_SHARE // self._step * self._step
        span = min(max(fifth, OWN_PERIODS), self._most)
        if seen < span + window or span == self.span:
            return None
        self.span = span
        rows = int(np.searchsorted(self._numbers, origin + span))
        values, numbers = self._values[:rows], self._numbers[:rows]
        return _Range(
            [
                _described(one.metric, values[:, at], numbers, self._window)
                for at, one in enumerate(self._watched)
            ],
            self._watched,
        )


def _described(
    metric: str, column: Floats, numbers: Integers, window: int
) -> MetricBaseline | None:
    """The baseline of consecutive periods, or None where too few have a value."""
    there = np.isfinite(column)
    values = column[there]
    count = len(values)
    if count < _LEAST_IN_BASELINE:
        return None
    ordered = np.sort(values)
    half = count // 2
    drift = abs(_median(values[:half]) - _median(values[half:]))
    windows = numbers[there] // window
    starts = np.concatenate(([0], np.flatnonzero(np.diff(windows)) + 1, [count]))
    levels = [
        _median(values[start:stop])
        for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
        if stop - start >= max(_LEAST_IN_WINDOW, window // 2)
    ]
    return _baseline(
        metric,
        count,
        count,
        lambda share: float(ordered[max(0, math.ceil(share * count) - 1)]),
        float(ordered[0]),
        float(ordered[-1]),
        drift,
        levels,
    )


class _Sketch:
    """One metric over all periods of all sessions so far."""

    def __init__(self) -> None:
        self._quantiles = Quantiles()
        self._ticks = 0
        self._low = math.inf
        self._high = -math.inf
        self._drift = 0.0
        self._levels = Quantiles()

    @property
    def count(self) -> int:
        return self._quantiles.count

    def add(self, values: Floats, ticks: int) -> None:
        self._ticks += ticks
        if len(values):
            self._low = min(self._low, float(values.min()))
            self._high = max(self._high, float(values.max()))
            self._quantiles.add(values)

    def end_session(self, levels: Floats) -> None:
        self._levels.add(levels)
        half = len(levels) // 2
        if half:
            drift = abs(_median(levels[:half]) - _median(levels[half:]))
            self._drift = max(self._drift, drift)

    def learned(self, metric: str) -> MetricBaseline:
        levels = (self._levels.at(0.01), self._levels.at(0.99))
        return _baseline(
            metric,
            self.count,
            self._ticks,
            lambda share: self._quantiles.at(share) or 0.0,
            self._low,
            self._high,
            self._drift,
            [level for level in levels if level is not None],
        )


def _baseline(
    metric: str,
    periods: int,
    ticks: int,
    at: Callable[[float], float],
    least: float,
    greatest: float,
    drift: float,
    levels: Sequence[float],
) -> MetricBaseline:
    quantiles = tuple(at(share) for share in SHARES)
    by_share = dict(zip(SHARES, quantiles, strict=True))
    # of a normal distribution both are its standard deviation; where more than half of all values
    # are one and the same the first is 0
    middle = (by_share[0.75] - by_share[0.25]) / 1.349
    wide = (by_share[0.95] - by_share[0.05]) / 3.290
    level = by_share[0.5]
    return MetricBaseline(
        metric,
        periods,
        ticks,
        level,
        max(middle, wide),
        drift,
        min([*levels, level]),
        max([*levels, level]),
        least,
        greatest,
        quantiles,
    )


def _matrix(periods: Block, watched: Sequence[Watched]) -> Floats:
    """float64[periods, metrics], NaN where there is no value, or none to reckon with."""
    values = np.empty((len(periods), len(watched)))
    for at, one in enumerate(watched):
        values[:, at] = periods.floats(one.column)
    values[~(np.abs(values) <= _MOST)] = np.nan
    return values


def _median(values: Floats) -> float:
    ordered = np.sort(values)
    # halves: the sum of two of the largest floats is none
    return float(ordered[(len(ordered) - 1) // 2] / 2 + ordered[len(ordered) // 2] / 2)


def _level(values: Floats) -> Floats:
    """float64[metrics], the medians of values[periods, metrics]; NaN where too few are there."""
    rows = np.array([len(values) - 1])
    levels: Floats = _levels(values, np.zeros(1, np.int64), rows, len(values))[0]
    return levels


def _levels(values: Floats, firsts: Integers, lasts: Integers, most: int) -> Floats:
    """float64[windows, metrics]: the median of the rows from each of firsts to each of lasts.

    most: rows in a window at most.
    """
    rows = firsts[:, np.newaxis] + np.arange(most)
    inside = rows <= lasts[:, np.newaxis]
    windows = values[np.minimum(rows, len(values) - 1)]
    windows[~inside] = np.nan
    windows.sort(axis=1)
    counts = np.isfinite(windows).sum(axis=1)
    enough = counts >= _LEAST_IN_WINDOW
    counts = np.maximum(counts, 1)[:, np.newaxis, :]
    low = np.take_along_axis(windows, (counts - 1) // 2, axis=1)[:, 0, :]
    high = np.take_along_axis(windows, counts // 2, axis=1)[:, 0, :]
    return np.where(enough, low / 2 + high / 2, np.nan)


def _onset(beyond: npt.NDArray[np.bool_], there: npt.NDArray[np.bool_]) -> int:
    """The first period of the strongest run to the end: each beyond counts 1, each within -1.

    Of equally strong ones the shortest.
    """
    steps = np.where(there, np.where(beyond, 1, -1), 0)
    sums = np.cumsum(steps[::-1])
    return len(sums) - 1 - int(np.argmax(sums))


def changes(
    base: Mapping[str, MetricBaseline],
    head: Mapping[str, MetricBaseline],
    watched: Sequence[Watched],
) -> tuple[BaselineChange, ...]:
    """Every metric of either, those that left the range of base first, in the order of watched."""
    order = {one.metric: (place, one) for place, one in enumerate(watched)}
    names = sorted({*base, *head}, key=lambda name: (order.get(name, (len(order), None))[0], name))
    found = [_change(name, base.get(name), head.get(name), order.get(name)) for name in names]
    return tuple(sorted(found, key=lambda one: one.direction == EITHER))


def _change(
    name: str,
    base: MetricBaseline | None,
    head: MetricBaseline | None,
    known: tuple[int, Watched] | None,
) -> BaselineChange:
    if base is None or head is None:
        return BaselineChange(name, base, head)
    watched = known[1] if known else Watched(name, name, EITHER, 0.0, 0.05)
    allowed = limits(base, watched)
    direction = UP if head.level > allowed.high else DOWN if head.level < allowed.low else EITHER
    if direction == EITHER:
        return BaselineChange(name, base, head)
    return BaselineChange(
        name,
        base,
        head,
        direction,
        direction == watched.worse,
        tail_probability(base, allowed.margin, head.level),
    )
