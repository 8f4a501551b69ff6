"""Cycles: what repeats itself, and how long it takes. Method: `perfkit.stats.periodicity`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from perfkit.analysis.patterns.history import BIN, RECENT_POINTS, View, Views
from perfkit.analysis.patterns.measures import Floats, filled
from perfkit.analysis.patterns.pattern import NS_PER_S, Known, Seen, named, seconds
from perfkit.analysis.watched import Watched
from perfkit.stats.periodicity import LEAST_CYCLES, Cycle, find, shortest_whole
from perfkit.stats.spectra import SHORTEST, hints

_LEVEL = 1e-4
_LEVEL_AGAIN = 1e-2
_LEAST_STRENGTH = 0.15
_LEAST_POINTS = 24
_DENSE = 0.75  # share of the points that must be known; where fewer are, points are joined
_SETTLED = 30  # cycles after which it is no more asked whether they are parts of a longer one
_FAMILY = (1, 2, 3, 5, 1 / 2, 1 / 3)
"""Multiples of what is told that are tried again: at first only a part of it may have been seen."""


class Cycles:
    """The cycle of a metric, in the newest periods or further back."""

    kind = "cycle"
    looks = 2
    patience: int | None = 3

    def sights(
        self, views: Views, metrics: Sequence[Watched], known: Sequence[Known], /
    ) -> dict[int, Seen]:
        """See Pattern. What is told already is looked for where it was, and believed sooner."""
        found: dict[int, list[tuple[Cycle, View]]] = {}
        recent = views.recent
        seen_s = (recent.t_ns(len(recent)) - views.begins * recent.length_ns) / NS_PER_S
        told = {
            row: one.seen[self.kind].evidence["period_s"]
            for row, one in enumerate(known)
            if one.any(self.kind)
        }
        settled = {row for row, period_s in told.items() if seen_s >= _SETTLED * period_s}
        for view, shortest, longest in _looks(views):
            series = _series(view, settled & set(found))
            hinted = _hinted({row: one for row, one in series.items() if row not in told})
            for row, (values, step, first) in series.items():
                point_s = view.step_ns * step / NS_PER_S
                again = row in told
                tried = hinted.get(row, [])
                if again:
                    tried = [len(values) * point_s / told[row]]
                    if row not in settled:
                        tried = [part * tried[0] for part in _FAMILY]
                cycle = tried and find(
                    values,
                    tried,
                    shortest=shortest / step,
                    longest=longest / step,
                    level=_LEVEL_AGAIN if again else _LEVEL,
                    least=_LEAST_STRENGTH / 2 if again else _LEAST_STRENGTH,
                )
                if not cycle:
                    continue
                least = metrics[row].least_change(float(np.median(values)))
                if cycle.swing >= (least / 2 if again else least):
                    # the middle of a point stands for it
                    peak_s = view.t_ns(first + (cycle.peak + 0.5) * step) / NS_PER_S
                    timed = replace(
                        cycle,
                        period=cycle.period * point_s,
                        low=cycle.low * point_s,
                        high=cycle.high * point_s,
                        peak=peak_s,
                    )
                    found.setdefault(row, []).append((timed, view))
        return {row: _seen(metrics[row], sights) for row, sights in found.items()}


def _looks(views: Views) -> Iterator[tuple[View, float, float]]:
    """Each view and the bounds of the cycles sought in it, in its points.

    They overlap: a binned view has more cycles of those that just fit the one before.
    """
    recent, middle, whole = views.recent, views.middle, views.whole
    yield recent, SHORTEST, len(recent) / LEAST_CYCLES
    if middle.first + len(middle) * BIN - views.begins > RECENT_POINTS:
        yield middle, RECENT_POINTS / LEAST_CYCLES / BIN / 2, len(middle) / LEAST_CYCLES
    if whole.step > BIN:
        shortest = len(middle) / LEAST_CYCLES / (whole.step / BIN) / 2
        yield whole, shortest, len(whole) / LEAST_CYCLES


_Series = tuple[Floats, int, int]
"""Values without gaps, how many points were joined to one, and the first point used."""


def _series(view: View, without: Collection[int]) -> dict[int, _Series]:
    """The rows in which a cycle could be."""
    moving = (view.counts >= _LEAST_POINTS) & (view.ranges > 0)
    dense = view.counts >= _DENSE * len(view)
    whole = view.counts == len(view)
    found: dict[int, _Series] = {}
    for row in np.flatnonzero(moving).tolist():
        if row not in without:
            values = view.values[row]
            if whole[row]:
                found[row] = values, 1, 0
            elif dense[row]:
                found[row] = filled(values), 1, 0
            elif (joined := _joined(values)) is not None:
                found[row] = joined
    return found


def _hinted(series: Mapping[int, _Series]) -> dict[int, list[float]]:
    """Cycles worth a trial; series of one length are looked at together."""
    found: dict[int, list[float]] = {}
    for size in {len(values) for values, _, _ in series.values()}:
        rows = [row for row, (values, _, _) in series.items() if len(values) == size]
        together = np.array([series[row][0] for row in rows])
        found |= dict(zip(rows, hints(together), strict=True))
    return found


def _joined(values: Floats) -> _Series | None:
    """A metric read every few periods only: points are joined until most of them are known.

    None where that leaves too few.
    """
    known = np.flatnonzero(~np.isnan(values))
    step, first = 1, int(known[0])
    part = values[first : known[-1] + 1]
    while np.isnan(part).mean() > 1 - _DENSE:
        if len(part) < 2 * _LEAST_POINTS:
            return None
        first += step * (len(part) % 2)
        pairs = part[len(part) % 2 :].reshape(-1, 2)
        there = ~np.isnan(pairs)
        part = np.full(len(pairs), np.nan)
        sums = np.where(there, pairs, 0.0).sum(axis=1)
        np.divide(sums, there.sum(axis=1), out=part, where=there.any(axis=1))
        step *= 2
    return filled(part), step, first


def _seen(metric: Watched, sights: list[tuple[Cycle, View]]) -> Seen:
    cycle = shortest_whole([cycle for cycle, _ in sights]) or sights[0][0]
    view = next(view for one, view in sights if one is cycle)
    peak_ns = min(max(round(cycle.peak * NS_PER_S), view.t_ns(0)), view.t_ns(len(view)))
    return Seen(
        onset_ns=view.t_ns(0),
        peak_ns=peak_ns,
        last_ns=view.t_ns(len(view)),
        text=(
            f"{named(metric)} repeats itself every {seconds(cycle.period)} ({seconds(cycle.low)} "
            f"to {seconds(cycle.high)}), {100 * cycle.strength:.0f} % of its variation"
        ),
        evidence={
            "period_s": cycle.period,
            "period_low_s": cycle.low,
            "period_high_s": cycle.high,
            "strength_ratio": cycle.strength,
            "phase_s": peak_ns / NS_PER_S % cycle.period,
            "swing": cycle.swing,
            "cycles_count": cycle.cycles,
        },
        telling=("period_s", "swing"),
        probability=cycle.probability,
    )
