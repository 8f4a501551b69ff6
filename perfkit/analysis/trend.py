"""Trends: where each metric is heading, judged every 30 s over the last 60 s.

Level, robust slope and its interval are those of `perfkit.stats.slopes`. A trend is one only if
the interval of its slope excludes zero, what it moves over the window is worth hearing of, and two
judgements in a row say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from perfkit.analysis.watched import Watched
from perfkit.model.block import Block
from perfkit.model.finding import DOWN, EITHER, UP, Finding
from perfkit.model.trend import DEGRADING, FALLING, IMPROVING, RISING, STABLE, Trend
from perfkit.stats.slopes import slopes

WINDOW_NS = 60_000_000_000
WINDOW_PERIODS = 12
STEP_NS = 30_000_000_000
STEP_PERIODS = 6
CONFIDENCE = 0.99
"""Of each slope's interval."""

LEAST_SHARE = 0.5
"""A window is judged if at least this share of its periods has a value."""

_LEAST_POINTS = 6
_IN_A_ROW = 2

Floats = npt.NDArray[np.float64]


class TrendStage:
    """Stage `trend`: findings of the kinds `degradation` and `improvement`; see `analysis.stage`."""

    name = "trend"

    def __init__(self, watched: Sequence[Watched], length_ns: int) -> None:
        """watched: metrics to judge. length_ns: of a period."""
        self.inputs: frozenset[str] = frozenset(one.column for one in watched)
        self._watched = tuple(watched)
        self._causes = {one.metric: one.cause or one.metric for one in watched}
        self._length_ns = length_ns
        self._window = max(round(WINDOW_NS / length_ns), WINDOW_PERIODS)
        self._step = max(round(STEP_NS / length_ns), STEP_PERIODS)
        self._numbers = np.zeros(0, np.int64)
        self._values = np.zeros((len(self._watched), 0))
        self._next = 0
        self._seen: dict[str, tuple[str, int]] = {}
        self._open: dict[str, Finding] = {}

    def add(self, periods: Block, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage."""
        return [found for trend in self.assess(periods) for found in self._told(trend)]

    def finish(self, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage: a trend that lasts to the end stays open."""
        return []

    def assess(self, periods: Block) -> Iterator[Trend]:
        """The judgements that fall due within these periods, by time and then as watched."""
        if not len(periods):
            return
        numbers = np.concatenate((self._numbers, periods.t_ns // self._length_ns))
        values = np.concatenate((self._values, self._columns(periods)), axis=1)
        if not self._next:
            # on the session's clock, whatever block comes first
            self._next = (int(numbers[0]) // self._step + 1) * self._step
        last = int(numbers[-1])
        while self._next <= last + 1:
            yield from self._judged(numbers, values, self._next)
            self._next += self._step
        kept = int(np.searchsorted(numbers, self._next - self._window))
        self._numbers, self._values = numbers[kept:].copy(), values[:, kept:].copy()

    def _columns(self, periods: Block) -> Floats:
        """float64[metrics, periods], NaN where there is no value."""
        rows = [periods.floats(one.column) for one in self._watched]
        return np.array(rows).reshape(len(self._watched), len(periods))

    def _judged(
        self, numbers: npt.NDArray[np.int64], values: Floats, until: int
    ) -> Iterator[Trend]:
        """Judge the window of periods [until - window, until)."""
        start, stop = np.searchsorted(numbers, (until - self._window, until)).tolist()
        seconds = (numbers[start:stop] - (until - self._window)) * (self._length_ns / 1e9)
        window = values[:, start:stop]
        there = np.isfinite(window)
        enough = max(_LEAST_POINTS, round(LEAST_SHARE * self._window))
        counts = there.sum(axis=1)
        known_at_ns = until * self._length_ns
        found: dict[int, Trend] = {}
        # metrics that miss the same periods are judged together, most often all of them
        masks: dict[bytes, list[int]] = {}
        for row in np.flatnonzero(counts >= enough).tolist():
            masks.setdefault(there[row].tobytes(), []).append(row)
        for rows in masks.values():
            mask = there[rows[0]]
            found |= self._lines(rows, seconds[mask], window[rows][:, mask], known_at_ns)
        for row in sorted(found):
            yield found[row]

    def _lines(
        self, rows: Sequence[int], seconds: Floats, values: Floats, known_at_ns: int
    ) -> dict[int, Trend]:
        moving = np.flatnonzero(values.min(axis=1) < values.max(axis=1))
        found = {
            rows[at]: self._trend(rows[at], known_at_ns, float(values[at, 0]), 0.0, 0.0, 0.0)
            for at in range(len(rows))
            if at not in moving
        }
        if len(moving):
            lines = slopes(seconds, values[moving], CONFIDENCE)
            for at, row in enumerate(moving.tolist()):
                found[rows[row]] = self._trend(
                    rows[row],
                    known_at_ns,
                    float(lines.middle[at]),
                    float(lines.slope[at]),
                    float(lines.low[at]),
                    float(lines.high[at]),
                )
        return found

    def _trend(
        self, row: int, known_at_ns: int, level: float, slope: float, low: float, high: float
    ) -> Trend:
        watched = self._watched[row]
        window_s = self._window * self._length_ns / 1e9
        verdict = STABLE
        if (low > 0 or high < 0) and abs(slope) * window_s >= watched.least_change(level):
            direction = UP if slope > 0 else DOWN
            if watched.worse == EITHER:
                verdict = RISING if slope > 0 else FALLING
            else:
                verdict = DEGRADING if direction == watched.worse else IMPROVING
        return Trend(
            watched.metric,
            known_at_ns - self._window * self._length_ns,
            known_at_ns,
            level,
            slope,
            low,
            high,
            verdict,
        )

    def _told(self, trend: Trend) -> Iterator[Finding]:
        """The findings that a judgement opens, updates or closes."""
        verdict, times = self._seen.get(trend.metric, (STABLE, 0))
        times = times + 1 if verdict == trend.verdict else 1
        self._seen[trend.metric] = trend.verdict, times
        opened = self._open.get(trend.metric)
        kind = _KINDS.get(trend.verdict)
        if opened is not None and opened.kind != kind:
            del self._open[trend.metric]
            yield replace(
                opened,
                known_at_ns=trend.until_ns,
                end_ns=trend.until_ns,
                text=f"{opened.metric} no longer {_verb(opened.direction)}s",
            )
            opened = None
        if kind is None:
            return
        if opened is None:
            if times >= _IN_A_ROW:
                onset_ns = trend.until_ns - (trend.until_ns - trend.from_ns) - self._step_ns
                found = self._finding(kind, trend, max(0, onset_ns))
                self._open[trend.metric] = found
                yield found
            return
        found = self._finding(kind, trend, opened.onset_ns)
        if found.severity != opened.severity:
            self._open[trend.metric] = found
            yield found

    @property
    def _step_ns(self) -> int:
        return self._step * self._length_ns

    def _finding(self, kind: str, trend: Trend, onset_ns: int) -> Finding:
        direction = UP if trend.slope_per_s > 0 else DOWN
        moved = abs(trend.slope_per_s) * (trend.until_ns - trend.from_ns) / 1e9
        share = moved / abs(trend.level) if trend.level else float("inf")
        severity = "info" if kind == "improvement" else "medium" if share >= 0.5 else "low"
        return Finding(
            stage=self.name,
            kind=kind,
            cause=self._causes[trend.metric],
            metric=trend.metric,
            known_at_ns=trend.until_ns,
            onset_ns=onset_ns,
            peak_ns=trend.until_ns,
            end_ns=None,
            severity=severity,
            direction=direction,
            value=trend.level,
            evidence={
                "slope_per_s": trend.slope_per_s,
                "slope_low_per_s": trend.slope_low_per_s,
                "slope_high_per_s": trend.slope_high_per_s,
            },
            text=f"{trend.metric} {_verb(direction)}s steadily",
        )


_KINDS = {DEGRADING: "degradation", IMPROVING: "improvement"}


def _verb(direction: str) -> str:
    return "rise" if direction == UP else "fall"
