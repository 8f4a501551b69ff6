"""The forecast stage: what will run out or degrade, told every tenth of the horizon.

The past of every capacity is kept by `history` in blocks of a fiftieth of the horizon, so memory is
bounded and every window scales with the horizon. All moments of a block of periods are judged at
once; findings are made only where something is said, so a quiet day costs little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from perfkit.analysis.forecast.capacities import Capacity, Series
from perfkit.analysis.forecast.driver import LONG_MET, driven
from perfkit.analysis.forecast.history import History, Moments
from perfkit.analysis.forecast.passage import (
    LEAST_POINTS,
    LEAST_SEEN,
    PAST,
    Passage,
)
from perfkit.analysis.forecast.registry import FORECASTERS, ForecasterSpec
from perfkit.model.block import Block
from perfkit.model.finding import DOWN, UP, Finding
from perfkit.model.forecast import (
    BEYOND,
    CLEAR,
    CROSSING,
    NOTICE,
    NOTICE_FROM,
    TOO_LITTLE,
    UNKNOWN,
    WATCH,
    WATCH_FROM,
    Forecast,
)

BLOCKS = 50
"""Blocks a horizon."""

KEPT = round(PAST * BLOCKS)
MADE = 10
"""Forecasts a horizon; no more than one a block."""

_OVER = {BEYOND: "its capacity is met", TOO_LITTLE: "it fell and begins anew"}
_CLOSES_BELOW = 0.4
_MOVED_SHARE = 0.25
_LONG_GAP = 15
"""More blocks than that without a value and the time between is cut out."""

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass
class _Track:
    """What is known of one capacity, and what was last said of it.

    latest: the last value of every column that bears on it; evidence: the same as it was when the
    metric itself had its last value: a process may be ending, and is torn down meanwhile.
    """

    capacity: Capacity
    history: History
    evidence: dict[str, float] = field(default_factory=dict)
    latest: dict[str, float] = field(default_factory=dict)
    done: float = 0.0
    told: Finding | None = None
    median_s: float | None = None
    likely: int = 0

    def series(self, periods: Block) -> Series:
        """Its series, with the work done by the end of each period."""
        found = self.capacity.series(periods)
        if not self.capacity.work:
            return found
        # summed up one by one: however periods come, it is the same to the last bit
        rates = np.nan_to_num(periods.floats(self.capacity.work), nan=0.0)
        done = np.cumsum(np.append(self.done, rates))[1:]
        self.done = float(done[-1])
        return found._replace(done=done)


class ForecastStage:
    """Stage `forecast`; its kinds are those of the capacities. See `analysis.stage`."""

    name = "forecast"

    def __init__(
        self,
        capacities: Sequence[Capacity],
        length_ns: int,
        horizon_ns: int,
        forecaster: ForecasterSpec = FORECASTERS["default"],
    ) -> None:
        """capacities: what may run out. length_ns: of a period. forecaster: one of the registry."""
        self.inputs: frozenset[str] = frozenset().union(
            *(one.inputs | set(one.evidence) for one in capacities)
        )
        self._length_ns = length_ns
        self._horizon_ns = horizon_ns
        self._forecaster = forecaster
        # a block is no shorter than a period
        self._block_ns = max(horizon_ns // BLOCKS, length_ns, 1)
        # whole blocks, so that each of them ends one forecast at most
        self._every_ns = self._block_ns * max(round(horizon_ns / MADE / self._block_ns), 1)
        self._tracks = [
            _Track(
                one,
                History(KEPT, _LONG_GAP, restarts=not one.falling, works=bool(one.work)),
            )
            for one in capacities
        ]
        metrics = [one.metric for one in capacities]
        self._drivers = {
            place: metrics.index(one.driver)
            for place, one in enumerate(capacities)
            if one.driver in metrics
        }
        self._now_ns = 0
        self._made = 0

    @property
    def standing(self) -> tuple[Forecast, ...]:
        """The forecast of every capacity as it stands now, in their order."""
        known = [track.history.now() for track in self._tracks]
        now_ns = np.array([self._now_ns])
        passages = self._foreseen(known, now_ns)
        return tuple(
            self._forecast(track, its, 0, self._now_ns, passage, track.evidence)
            for track, its, (passage,) in zip(self._tracks, known, passages, strict=True)
        )

    def add(self, periods: Block, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage."""
        if not len(periods):
            return []
        ends_ns = periods.t_ns + self._length_ns
        made = np.maximum.accumulate(ends_ns // self._every_ns)
        moments = np.flatnonzero(np.diff(made, prepend=self._made) > 0)
        self._made = max(self._made, int(made[-1]))
        numbers = periods.t_ns // self._block_ns
        series = [track.series(periods) for track in self._tracks]
        known = [
            track.history.take(one, numbers, ends_ns, moments)
            for track, one in zip(self._tracks, series, strict=True)
        ]
        passages = self._foreseen(known, ends_ns[moments])
        found: list[Finding] = []
        for track, one, its, some in zip(self._tracks, series, known, passages, strict=True):
            found += self._said(track, one, its, some, periods, moments)
            last = len(periods) - 1
            track.evidence = _evidence(track, one, periods, last)
            track.latest = _known_by(track, periods, last)
        self._now_ns = int(ends_ns[-1])
        return sorted(found, key=lambda one: one.order)

    def finish(self, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage: what is foreseen when the session ends stays open."""
        return []

    def _foreseen(self, known: Sequence[Moments], now_ns: Ints) -> list[list[Passage | None]]:
        """The passage of every capacity at every moment; None where nothing can be said."""
        least = max(LEAST_POINTS, int(np.ceil(LEAST_SEEN * self._horizon_ns / self._block_ns)) + 1)
        step = self._block_ns / self._horizon_ns
        places, met, highs, lows, levels, done = [], [], [], [], [], []
        drivers = set(self._drivers.values())
        for number, (track, its) in enumerate(zip(self._tracks, known, strict=True)):
            sign = -1.0 if track.capacity.falling else 1.0
            fresh = now_ns - its.seen_ns <= self._horizon_ns
            there = track.capacity.met(its.value, its.limit)
            known_both = np.isfinite(its.value) & np.isfinite(its.limit)
            able = fresh & known_both & ~there & (its.blocks >= least)
            if number in drivers:
                there &= ~self._long_met(track.capacity, its)
            met.append(fresh & there)
            places.append(np.flatnonzero(able))
            ends = (its.highs, its.lows) if sign > 0 else (-its.lows, -its.highs)
            highs.append(ends[0][able])
            lows.append(ends[1][able])
            levels.append(sign * its.limit[able])
            done.append(its.done[able])
        passages: list[list[Passage | None]] = [[None] * len(now_ns) for _ in known]
        level = np.concatenate(levels) if levels else np.zeros(0)
        if not len(level):
            return passages
        judged = self._forecaster.judge(
            np.concatenate(highs), np.concatenate(lows), level, step, np.concatenate(done)
        )
        at = 0
        for some, where in zip(passages, places, strict=True):
            for place in where.tolist():
                some[place] = judged[at]
                at += 1
        if self._forecaster.second:
            self._drive(passages, met)
        return passages

    def _long_met(self, capacity: Capacity, its: Moments) -> Bools:
        """Whether it has been met for most of a whole horizon by now."""
        ends = its.lows if capacity.falling else its.highs
        past = ends[:, -max(round(self._horizon_ns / self._block_ns), 1) :]
        share = capacity.met(past, its.limit[:, None]).mean(axis=1)
        found: Bools = (share >= LONG_MET) & np.isfinite(past[:, 0])
        return found

    def _drive(self, passages: list[list[Passage | None]], met: Sequence[Bools]) -> None:
        """Let what has a driver be foreseen by it too, in place; met: of every capacity, when."""
        for driven_one, driver in self._drivers.items():
            for place, own in enumerate(passages[driven_one]):
                if own is not None:
                    passages[driven_one][place] = driven(
                        own, passages[driver][place], met=bool(met[driver][place])
                    )

    def _forecast(
        self,
        track: _Track,
        its: Moments,
        place: int,
        now_ns: int,
        passage: Passage | None,
        evidence: Mapping[str, float],
    ) -> Forecast:
        capacity = track.capacity
        horizon_s = self._horizon_ns / 1e9
        value, limit = (
            None if np.isnan(one[place]) else float(one[place]) for one in (its.value, its.limit)
        )
        base = Forecast(
            kind=capacity.kind,
            cause=capacity.cause,
            metric=capacity.metric,
            against=capacity.against,
            falling=capacity.falling,
            at_ns=now_ns,
            horizon_s=horizon_s,
            state=UNKNOWN,
            value=value,
            capacity=limit,
            evidence=dict(evidence),
        )
        if value is None:
            return replace(base, reason="no values")
        if limit is None:
            return replace(base, reason="capacity unknown")
        if now_ns - int(its.seen_ns[place]) > self._horizon_ns:
            return replace(base, reason="no value for longer than the horizon")
        if capacity.met(its.value, its.limit)[place]:
            return replace(base, state=BEYOND)
        if passage is None:
            seen_s = min(int(its.blocks[place]) * self._block_ns, now_ns) / 1e9
            least_s = max(LEAST_SEEN * horizon_s, (LEAST_POINTS - 1) * self._block_ns / 1e9)
            # what is seen of a block that is not yet over does not count
            shown = min(int(seen_s), int(np.ceil(least_s)) - 1)
            points = seen_s >= LEAST_POINTS * self._length_ns / 1e9
            # half of it, and the block that goes on
            longest_s = shown / (LEAST_SEEN + 1 / BLOCKS) if points else 0.0
            return replace(
                base,
                state=TOO_LITTLE,
                reason=f"{shown} s seen, {least_s:.0f} s needed",
                evidence={"longest_horizon_s": longest_s, **evidence},
            )
        sure = passage.probability
        # what drives it is met: how soon is not known, but not that it is soon
        near = passage.driven if passage.median is None else passage.median <= 1.0
        level = NOTICE if sure > NOTICE_FROM and near else WATCH if sure >= WATCH_FROM else ""
        likely = sure >= WATCH_FROM
        times = (passage.median, passage.low, passage.high)
        median_s, low_s, high_s = (
            None if time is None or not likely else time * horizon_s for time in times
        )
        return replace(
            base,
            evidence={**_signs(passage, horizon_s), **evidence},
            state=CROSSING if likely else CLEAR,
            level=level,
            probability=sure,
            surge_risk=passage.surge_risk,
            median_s=median_s,
            low_s=low_s,
            high_s=high_s,
        )

    # ── findings ──

    def _said(
        self,
        track: _Track,
        series: Series,
        its: Moments,
        passages: Sequence[Passage | None],
        periods: Block,
        moments: Ints,
    ) -> Iterator[Finding]:
        """A finding where a forecast opens (two in a row say so), changes or closes."""
        for place, row in enumerate(moments.tolist()):
            passage = passages[place]
            if track.told is None and (passage is None or passage.probability < WATCH_FROM):
                track.likely = 0
                continue
            now_ns = int(periods.t_ns[row]) + self._length_ns
            evidence = _evidence(track, series, periods, row)
            yield from self._next(
                track, self._forecast(track, its, place, now_ns, passage, evidence)
            )

    def _next(self, track: _Track, one: Forecast) -> Iterator[Finding]:
        track.likely = track.likely + 1 if one.level else 0
        told = track.told
        if told is None:
            if track.likely >= 2:
                track.told, track.median_s = self._finding(one, one.at_ns), one.median_s
                yield track.told
            return
        over = one.state != CROSSING and (one.probability or 0.0) < _CLOSES_BELOW
        if over:
            why = _OVER.get(one.state) or one.reason or "no crossing in sight any more"
            yield replace(
                told,
                known_at_ns=one.at_ns,
                end_ns=one.at_ns,
                value=one.value,
                text=f"{told.text}; over: {why}",
            )
            track.told = track.median_s = None
            return
        now = self._finding(one, told.onset_ns)
        if one.level and (now.severity != told.severity or _moved(track.median_s, one.median_s)):
            track.told, track.median_s = now, one.median_s
            yield now

    def _finding(self, one: Forecast, onset_ns: int) -> Finding:
        times = {"median_s": one.median_s, "low_s": one.low_s, "high_s": one.high_s}
        numbers = {**times, "surge_risk": one.surge_risk, "horizon_s": one.horizon_s}
        severity = "low"
        if one.level == NOTICE:
            soon = one.median_s is not None and one.median_s <= one.horizon_s / 3
            severity = "high" if soon else "medium"
        return Finding(
            stage=self.name,
            kind=one.kind,
            cause=one.cause,
            metric=one.metric,
            known_at_ns=one.at_ns,
            onset_ns=onset_ns,
            peak_ns=one.at_ns,
            end_ns=None,
            severity=severity,
            direction=DOWN if one.falling else UP,
            value=one.value,
            expected=one.capacity,
            probability=one.probability,
            evidence={
                **one.evidence,
                **{name: float(value) for name, value in numbers.items() if value is not None},
            },
            text=f"{one.metric} is on its way to {one.against}",
        )


def _signs(passage: Passage, horizon_s: float) -> dict[str, float]:
    """What a passage rests on, by name."""
    signs = {
        "growing_s": None if passage.age is None else passage.age * horizon_s,
        "lasting": passage.lasting,
        "explained_by_work_ratio": passage.explained,
        "driven": 1.0 if passage.driven else None,
    }
    return {name: number for name, number in signs.items() if number is not None}


def _moved(before_s: float | None, now_s: float | None) -> bool:
    if before_s is None or now_s is None:
        return before_s is not now_s
    return abs(now_s - before_s) > _MOVED_SHARE * before_s


def _evidence(track: _Track, series: Series, periods: Block, row: int) -> dict[str, float]:
    """What bore on the metric when it had its last value, by this row."""
    valid = np.flatnonzero(series.valid[: row + 1])
    return _known_by(track, periods, int(valid[-1])) if len(valid) else track.evidence


def _known_by(track: _Track, periods: Block, row: int) -> dict[str, float]:
    """The last value of each column by this row, in the order of the table."""
    found = dict(track.latest)
    for name in track.capacity.evidence:
        values = periods.floats(name)[: row + 1]
        finite = np.flatnonzero(np.isfinite(values))
        if len(finite):
            found[name] = float(values[finite[-1]])
    return {name: found[name] for name in track.capacity.evidence if name in found}
