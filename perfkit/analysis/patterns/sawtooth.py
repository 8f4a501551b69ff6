"""Sawtooth: what rises bit by bit and falls at once, again and again, as garbage collection has it.

Teeth are what lies between two falls; a fall is most of the usual range within two points (the
segmentation of Keogh, Chu, Hart and Pazzani 2001, "An online algorithm for segmenting time series",
ICDM, with falls as its only borders). A tooth counts if it rises in the order of its points
(Spearman 1904) and in no single jump. Whether its floor stays tells it from a leak.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from perfkit.analysis.patterns.history import Views
from perfkit.analysis.patterns.measures import Floats, dense
from perfkit.analysis.patterns.pattern import (
    NS_PER_S,
    Known,
    OneByOne,
    Seen,
    named,
    seconds,
)
from perfkit.analysis.watched import Watched

_LEAST_POINTS = 60
_LEAST_TEETH = 3
_SHORTEST = 5  # points of a tooth
_FALL = 0.4  # of the usual range, within two points
_SMALL = 0.15  # of the usual range, most steps are
_STEEPEST = 0.5  # of a tooth's height, within two points
_IN_ORDER = 0.85
_MOST = 0.7


class Sawteeth(OneByOne):
    """Slow up, quickly down."""

    kind = "sawtooth"
    looks = 2
    patience: int | None = 3

    def rows(self, views: Views, _metrics: Sequence[Watched], /) -> list[int]:
        """Tried where enough falls are deep, and steps are small beside them."""
        view = views.recent
        if len(view) < _LEAST_POINTS:
            return []
        span = (view.quantile(0.95) - view.quantile(0.05))[:, None]
        values = view.values
        steps = values[:, 2:] - values[:, :-2]
        falls, rises = (steps <= -_FALL * span).sum(axis=1), (steps >= _FALL * span).sum(axis=1)
        deep = (falls >= _LEAST_TEETH) & (rises <= falls / 2)
        small = (np.abs(np.diff(values, axis=1)) <= _SMALL * span).mean(axis=1) >= 0.5
        found: list[int] = np.flatnonzero((deep & small) | (view.counts < len(view))).tolist()
        return found

    def judge(self, views: Views, row: int, metric: Watched, _known: Known, /) -> Seen | None:
        """See Pattern."""
        view = views.recent
        found = dense(view.values[row], _LEAST_POINTS)
        if found is None:
            return None
        values, first = found
        low, high = np.percentile(values, (5, 95)).tolist()
        if high - low < metric.least_change(low):
            return None
        teeth, judged = _teeth(values, high - low)
        if len(teeth) < _LEAST_TEETH or len(teeth) < _MOST * judged:
            return None
        lengths = np.array([stop - start for start, stop in teeth])
        if lengths.sum() < len(values) / 2:
            return None
        floors = np.array([values[start] for start, _ in teeth])
        heights = np.array([values[stop - 1] - values[start] for start, stop in teeth])
        every_s = float(np.median(lengths)) * view.step_ns / NS_PER_S
        half = len(floors) // 2
        floor_rise = float(np.median(floors[-half:]) - np.median(floors[:half]))
        back = "comes back to the same floor"
        if abs(floor_rise) > 0.5 * float(np.median(heights)):
            back = "its floor rises" if floor_rise > 0 else "its floor falls"
        return Seen(
            onset_ns=view.t_ns(first + teeth[0][0]),
            peak_ns=view.t_ns(first + int(np.argmax(values))),
            last_ns=view.t_ns(first + len(values)),
            text=(
                f"{named(metric)} is a sawtooth: it rises for about {seconds(every_s)}, falls at "
                f"once, and {back}"
            ),
            evidence={
                "period_s": every_s,
                "teeth_count": float(len(teeth)),
                "height": float(np.median(heights)),
                "floor": float(np.median(floors)),
                "floor_rise": floor_rise,
            },
            telling=("period_s", "height"),
            value=high,
            expected=low,
        )


def _teeth(values: Floats, span: float) -> tuple[list[tuple[int, int]], int]:
    """(start, stop) of what rises as a tooth does, and how many stretches between falls there are."""
    steps = values[2:] - values[:-2]
    deep = np.flatnonzero(steps <= -_FALL * span)
    if not len(deep):
        return [], 0
    # of falls that follow one another the deepest point is the border
    groups = np.split(deep, np.flatnonzero(np.diff(deep) > 2) + 1)
    if len(groups) <= _LEAST_TEETH:
        return [], 0
    bottoms = [
        int(group[0]) + 1 + int(np.argmin(values[group[0] + 1 : group[-1] + 3])) for group in groups
    ]
    teeth: list[tuple[int, int]] = []
    for start, end in pairwise(bottoms):
        stop = start + int(np.argmax(values[start:end])) + 1
        part = values[start:stop]
        if len(part) < _SHORTEST:
            continue
        height = float(part[-1] - part[0])
        steepest = float((part[2:] - part[:-2]).max())
        if height >= _FALL * span and steepest <= _STEEPEST * height and _order(part) >= _IN_ORDER:
            teeth.append((start, stop))
    return teeth, len(bottoms) - 1


def _order(part: Floats) -> float:
    """Correlation of the values' ranks with their places."""
    ranks = np.argsort(np.argsort(part, kind="stable"), kind="stable")
    places = np.arange(len(part))
    apart = float(np.sum((ranks - places) ** 2))
    return 1 - 6 * apart / (len(part) * (len(part) ** 2 - 1))
