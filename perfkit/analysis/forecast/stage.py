"""The forecast stage: what will run out or degrade, told every tenth of the horizon.

Values are kept as greatest and least of blocks of a fiftieth of the horizon, over two horizons, so
memory is bounded and every window scales with the horizon. Time in which the machine slept, or
nothing was recorded for long, is cut out: nothing grows meanwhile. A fall of the metric to less
than half of what it was a block before begins it anew (a restart, a counter that was reset).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfkit.analysis.forecast.capacities import Capacity
from perfkit.analysis.forecast.passage import LEAST_POINTS, LEAST_SEEN, foresee
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

KEPT = 2 * BLOCKS
EVERY = BLOCKS // 10
"""Forecasts are made anew after so many blocks."""

_CLOSES_BELOW = 0.4
_MOVED_SHARE = 0.25
_LONG_GAP = 5
"""Blocks without a value that count as one: longer and the time between is cut out."""


@dataclass
class _Track:
    """What is known of one capacity: blocks (number, greatest, least), and the last of all."""

    capacity: Capacity
    numbers: list[int]
    highs: list[float]
    lows: list[float]
    cut: int = 0
    value: float | None = None
    limit: float | None = None
    seen_ns: int = 0
    evidence: dict[str, float] | None = None
    told: Finding | None = None
    median_s: float | None = None
    likely: int = 0


class ForecastStage:
    """Stage `forecast`; its kinds are those of the capacities. See `analysis.stage`."""

    name = "forecast"

    def __init__(self, capacities: Sequence[Capacity], length_ns: int, horizon_ns: int) -> None:
        """capacities: what may run out. length_ns: of a period."""
        self.inputs: frozenset[str] = frozenset().union(
            *(one.inputs | set(one.evidence) for one in capacities)
        )
        self._length_ns = length_ns
        self._horizon_ns = horizon_ns
        # a block is no shorter than a period
        self._block_ns = max(horizon_ns // BLOCKS, length_ns, 1)
        self._tracks = [_Track(one, [], [], []) for one in capacities]
        self._now_ns = 0
        self._made = 0

    @property
    def standing(self) -> tuple[Forecast, ...]:
        """The forecast of every capacity as it stands now, in their order."""
        return tuple(self._forecast(track) for track in self._tracks)

    def add(self, periods: Block, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage."""
        found: list[Finding] = []
        if not len(periods):
            return found
        series = [track.capacity.series(periods) for track in self._tracks]
        told = [
            {name: periods.floats(name) for name in track.capacity.evidence}
            for track in self._tracks
        ]
        for row, start_ns in enumerate(periods.t_ns.tolist()):
            self._now_ns = start_ns + self._length_ns
            number = start_ns // self._block_ns
            for track, one, more in zip(self._tracks, series, told, strict=True):
                if one.capacity_valid[row]:
                    track.limit = float(one.capacity[row])
                if one.valid[row]:
                    self._take(track, number, float(one.values[row]))
                if more:
                    track.evidence = track.evidence or {}
                    for name, values in more.items():
                        if np.isfinite(values[row]):
                            track.evidence[name] = float(values[row])
            made = self._now_ns // (EVERY * self._block_ns)
            if made > self._made:
                self._made = made
                for track in self._tracks:
                    found += self._said(track)
        return sorted(found, key=lambda one: one.order)

    def finish(self, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage: what is foreseen when the session ends stays open."""
        return []

    def _take(self, track: _Track, number: int, value: float) -> None:
        track.value, track.seen_ns = value, self._now_ns
        if track.numbers:
            gap = number - track.cut - track.numbers[-1]
            if gap > _LONG_GAP:
                track.cut += gap - 1
            if self._is_restart(track, value):
                track.numbers, track.highs, track.lows = [], [], []
        place = number - track.cut
        if track.numbers and track.numbers[-1] == place:
            track.highs[-1] = max(track.highs[-1], value)
            track.lows[-1] = min(track.lows[-1], value)
            return
        track.numbers.append(place)
        track.highs.append(value)
        track.lows.append(value)
        if len(track.numbers) > KEPT:
            del track.numbers[0], track.highs[0], track.lows[0]

    def _is_restart(self, track: _Track, value: float) -> bool:
        """Whether a metric that rises to its capacity has fallen to less than a tenth at once."""
        return not track.capacity.falling and 0 <= value < 0.1 * track.lows[-1]

    def _forecast(self, track: _Track) -> Forecast:
        capacity = track.capacity
        horizon_s = self._horizon_ns / 1e9
        base = Forecast(
            kind=capacity.kind,
            cause=capacity.cause,
            metric=capacity.metric,
            against=capacity.against,
            falling=capacity.falling,
            at_ns=self._now_ns,
            horizon_s=horizon_s,
            state=UNKNOWN,
            value=track.value,
            capacity=track.limit,
            evidence=dict(track.evidence or {}),
        )
        if track.value is None:
            return replace(base, reason="no values")
        if track.limit is None:
            return replace(base, reason="capacity unknown")
        if self._now_ns - track.seen_ns > self._horizon_ns:
            return replace(base, reason="no value for longer than the horizon")
        sign = -1.0 if capacity.falling else 1.0
        if sign * track.value >= sign * track.limit:
            return replace(base, state=BEYOND)
        t = np.array(track.numbers, np.float64) * (self._block_ns / self._horizon_ns)
        ends = (track.highs, track.lows) if sign > 0 else (track.lows, track.highs)
        highs, lows = (sign * np.array(end, np.float64) for end in ends)
        passage = foresee(t, highs, lows, sign * track.limit)
        if passage is None:
            seen_s = (t[-1] - t[0]) * horizon_s if len(t) else 0.0
            least_s = max(LEAST_SEEN * horizon_s, (LEAST_POINTS - 1) * self._block_ns / 1e9)
            return replace(
                base, state=TOO_LITTLE, reason=f"{seen_s:.0f} s seen, {least_s:.0f} s needed"
            )
        sure = passage.probability
        near = passage.median is not None and passage.median <= 1.0
        level = NOTICE if sure > NOTICE_FROM and near else WATCH if sure >= WATCH_FROM else ""
        likely = sure >= WATCH_FROM
        times = (passage.median, passage.low, passage.high)
        median_s, low_s, high_s = (
            None if time is None or not likely else time * horizon_s for time in times
        )
        return replace(
            base,
            state=CROSSING if likely else CLEAR,
            level=level,
            probability=sure,
            surge_risk=passage.surge_risk,
            median_s=median_s,
            low_s=low_s,
            high_s=high_s,
        )

    # ── findings ──

    def _said(self, track: _Track) -> Iterator[Finding]:
        """A finding where a forecast opens (two in a row say so), changes or closes."""
        one = self._forecast(track)
        track.likely = track.likely + 1 if one.level else 0
        told = track.told
        if told is None:
            if track.likely >= 2:
                track.told, track.median_s = self._finding(one, self._now_ns), one.median_s
                yield track.told
            return
        over = one.state != CROSSING and (one.probability or 0.0) < _CLOSES_BELOW
        if over:
            why = "its capacity is met" if one.state == BEYOND else "no crossing in sight any more"
            yield replace(
                told,
                known_at_ns=self._now_ns,
                end_ns=self._now_ns,
                value=one.value,
                text=f"{told.text}; over: {one.reason or why}",
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
            known_at_ns=self._now_ns,
            onset_ns=onset_ns,
            peak_ns=self._now_ns,
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
            text=f"{one.metric} will meet {one.against}",
        )


def _moved(before_s: float | None, now_s: float | None) -> bool:
    if before_s is None or now_s is None:
        return before_s is not now_s
    return abs(now_s - before_s) > _MOVED_SHARE * before_s
