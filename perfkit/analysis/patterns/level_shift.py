"""Level shifts: when a metric went from one level to another and stayed there, and by how much.

A moving sum statistic (MOSUM: Eichinger and Kirch 2018, "A MOSUM procedure for the estimation of
multiple random change points", Bernoulli 24): the mean of the next w points less that of the last w,
at every place. Load is autocorrelated in ways that nobody knows, so the statistic is measured by
its own spread elsewhere in the series (self-normalised, as Shao and Zhang 2010, JASA 105, put it): a
series that wanders moves as much everywhere, and nothing stands out. A shift must also be quick
(half the width shows as much), last, and leave the levels apart by ranks (Mann and Whitney 1947).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from perfkit.analysis.patterns.history import Views
from perfkit.analysis.patterns.measures import Floats, dense, filled, spread
from perfkit.analysis.patterns.pattern import (
    NS_PER_S,
    Known,
    OneByOne,
    Seen,
    named,
    seconds,
)
from perfkit.analysis.watched import Watched
from perfkit.model.finding import DOWN, UP

_LEAST_POINTS = 60
_WIDEST, _PARTS = 24, 10
_SPREADS = 6.0
_LEAST_SIDE = 24
_MOST_AT_ONCE = 3
_OVER_THE_NEXT = 2.0
_QUICK = 0.7
_APART = 0.95  # of the pairs of a value before and one after
_STAYS = 0.6
_STEADY = 0.35  # of the change: what either side may drift


class LevelShifts(OneByOne):
    """The newest lasting change of level."""

    kind = "level_shift"
    looks = 1
    patience: int | None = None

    def rows(self, views: Views, metrics: Sequence[Watched], /) -> list[int]:
        """Tried where the moving sums reach far, and further than mostly."""
        view = views.recent
        moving = np.flatnonzero((view.counts >= _LEAST_POINTS) & (view.ranges > 0))
        rows: list[int] = []
        if len(moving):
            values = np.array([filled(view.values[row]) for row in moving])
            moved = np.abs(_moves(values, _width(values.shape[1])))
            middle = view.quantile(0.5).tolist()
            least = [metrics[row].least_change(middle[row]) / 2 for row in moving.tolist()]
            top = moved.max(axis=1)
            rows = moving[(top >= least) & (top >= _SPREADS * np.median(moved, axis=1))].tolist()
        return rows

    def judge(self, views: Views, row: int, metric: Watched, known: Known, /) -> Seen | None:
        """The steps of a cycle, of regimes and of warming up are those."""
        if known.any("cycle", "regime"):
            return None
        view = views.recent
        found = dense(view.values[row], _LEAST_POINTS, share=0.1)
        if found is None:
            return None
        values, first = found
        width = _width(len(values))
        moves = _moves(values[None, :], width)[0]
        tops = _tops(np.abs(moves), 2 * width)
        near = np.ones(len(moves), np.bool_)
        for top in tops:
            near[max(0, top - 2 * width) : top + 2 * width + 1] = False
        elsewhere = np.abs(moves[near])
        if len(elsewhere) < width:
            return None
        usual = spread(np.concatenate((elsewhere, -elsewhere)))
        bar = max(_SPREADS * usual, _OVER_THE_NEXT * float(elsewhere.max()))
        bar = max(bar, 1e-9 * float(np.abs(values).max()))
        cuts = sorted(top + width for top in tops if abs(moves[top]) > bar)
        shift = _last_lasting(values, cuts, width, metric)
        if shift is None:
            return None
        cut, before, after = shift
        z = abs(moves[cut - width]) / usual if usual > 0 else math.inf
        chance = min(1.0, len(values) / width * math.erfc(min(z, 38.0) / math.sqrt(2)))
        onset_ns = view.t_ns(first + _exact(values, cut, width))
        up = after > before
        worse = metric.worse == (UP if up else DOWN)
        evidence = {
            "at_s": onset_ns / NS_PER_S,
            "before": before,
            "after": after,
            "change": after - before,
        }
        if before:
            evidence["change_ratio"] = (after - before) / abs(before)
        return Seen(
            onset_ns=onset_ns,
            peak_ns=onset_ns,
            last_ns=view.t_ns(len(view)),
            text=(
                f"{named(metric)} went {'up' if up else 'down'} to another level at "
                f"{seconds(onset_ns / NS_PER_S)}"
            ),
            evidence=evidence,
            telling=("after",),
            severity="low"
            if worse and abs(after - before) >= 4 * metric.least_change(before)
            else "info",
            direction=UP if up else DOWN,
            value=after,
            expected=before,
            probability=chance,
        )


def _width(count: int) -> int:
    return max(6, min(_WIDEST, count // _PARTS))


def _moves(values: Floats, width: int) -> Floats:
    """float64[metrics, n - 2 width + 1]: mean of the next less that of the last, at place + width."""
    start = values[:, :1]
    sums = np.concatenate((np.zeros_like(start), np.cumsum(values - start, axis=1)), axis=1)
    sides = sums[:, width:] - sums[:, :-width]
    moves: Floats = (sides[:, width:] - sides[:, :-width]) / width
    return moves


def _tops(heights: Floats, apart: int) -> list[int]:
    """Places of the highest tops, the highest first, so far apart at least, and not much lower."""
    left = heights.copy()
    tops: list[int] = []
    while len(tops) < _MOST_AT_ONCE:
        top = int(np.argmax(left))
        if not left[top] > (heights[tops[0]] / _OVER_THE_NEXT if tops else 0.0):
            break
        tops.append(top)
        left[max(0, top - apart) : top + apart + 1] = 0.0
    return tops


def _last_lasting(
    values: Floats, cuts: list[int], width: int, metric: Watched
) -> tuple[int, float, float] | None:
    """The newest cut that is quick, large enough and leads to another level that stays."""
    bounds = [0, *cuts, len(values)]
    for place in range(len(cuts) - 1, -1, -1):
        start, cut, stop = bounds[place : place + 3]
        before, after = values[start:cut], values[cut:stop]
        if min(len(before), len(after)) < max(2 * width, _LEAST_SIDE):
            continue
        old, new = float(np.median(before)), float(np.median(after))
        if abs(new - old) < metric.least_change(old):
            continue
        local = float(np.mean(values[cut : cut + width]) - np.mean(values[cut - width : cut]))
        half = max(2, width // 3)
        quick = _moves(values[None, max(0, cut - width) : cut + width], half)[0]
        if np.abs(quick).max() < _QUICK * abs(local):
            continue
        if (new - old) * math.copysign(1.0, local) < _STAYS * abs(local):
            continue
        if _rank_share(before, after) < _APART:
            continue
        if max(_drift(before), _drift(after)) > _STEADY * abs(new - old):
            continue
        return cut, old, new
    return None


def _drift(part: Floats) -> float:
    """By how much the level of the second half differs from that of the first."""
    half = len(part) // 2
    return abs(float(np.median(part[:half]) - np.median(part[half:])))


def _rank_share(before: Floats, after: Floats) -> float:
    """Share of the pairs in which the side with the larger median is larger; ties count half."""
    ordered = np.sort(before)
    below = np.searchsorted(ordered, after, "left") + np.searchsorted(ordered, after, "right")
    share = float(below.sum()) / (2 * len(before) * len(after))
    return max(share, 1 - share)


def _exact(values: Floats, cut: int, width: int) -> int:
    """The place near the cut at which two levels leave the least squares."""
    start = max(0, cut - width)
    part = values[start : cut + width]
    sums = np.cumsum(part - part.mean())
    counts = np.arange(1, len(part))
    gains = sums[:-1] ** 2 / (counts * (len(part) - counts))
    return start + 1 + int(np.argmax(gains))
