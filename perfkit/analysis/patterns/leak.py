"""Leaks: what is held (memory, descriptors, threads) and never comes back, whatever load and collector do.

The floor is what counts: the least value of each of twelve stretches (a collector's sawtooth and
bursts of load stand above it). Its rises from stretch to stretch are tested against none by
Student's t: for a random walk, which rises for a while by chance, they are independent around zero,
so this is the test of a walk with drift against one without (Dickey and Fuller 1979, JASA 74, have
the model). It has to go on to the end: what settles was warming up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from perfkit.analysis.patterns.history import Views
from perfkit.analysis.patterns.measures import dense
from perfkit.analysis.patterns.pattern import (
    NS_PER_S,
    Known,
    OneByOne,
    Seen,
    named,
    seconds,
)
from perfkit.analysis.watched import Watched
from perfkit.model.finding import UP

HELD = frozenset({"rss_bytes", "fds_count", "threads_count"})
"""Metrics of what is taken and should be given back."""

_LEAST_POINTS = 120
_LEAST_BINS = 40
_STRETCHES, _LEAST_STRETCHES = 12, 7
_LEAST_T = 3.5
_LATE = 4  # stretches at the end that must go on
_GOES_ON = 0.4  # of the mean rise


class Leaks(OneByOne):
    """A floor that rises to the end."""

    kind = "leak"
    looks = 2
    patience: int | None = 2

    def rows(self, views: Views, metrics: Sequence[Watched], /) -> list[int]:
        """Tried where something is held and moves."""
        moves = (views.whole.ranges > 0) | (views.recent.ranges > 0)
        return [row for row in np.flatnonzero(moves).tolist() if metrics[row].metric in HELD]

    def judge(self, views: Views, row: int, metric: Watched, known: Known, /) -> Seen | None:
        """Over the whole session, the first tenth left out: starting up."""
        view = views.whole if len(views.whole) >= _LEAST_BINS else views.recent
        least = _LEAST_BINS if view is views.whole else _LEAST_POINTS
        found = dense(view.values[row], least, share=0.1)
        if found is None:
            return None
        values, first = found
        start = len(values) // 10
        count = _STRETCHES
        if known.any("sawtooth"):
            tooth = known.seen["sawtooth"].evidence["period_s"] * NS_PER_S / view.step_ns
            # a stretch shorter than a tooth has no floor
            count = int(min(count, max(_LEAST_STRETCHES, (len(values) - start) / (1.2 * tooth))))
        edges = np.linspace(start, len(values), count + 1).astype(np.int64)
        floors = np.minimum.reduceat(values, edges[:-1])
        rises = np.diff(floors)
        rise, scatter = float(rises.mean()), float(rises.std(ddof=1))
        total = float(floors[-1] - floors[0])
        if not rise > 0 or total < metric.least_change(float(floors[0])):
            return None
        t = rise / (scatter / math.sqrt(len(rises))) if scatter > 0 else math.inf
        if t < _LEAST_T or float(rises[-_LATE:].mean()) < _GOES_ON * rise:
            return None
        stretch_s = float(np.mean(np.diff(edges))) * view.step_ns / NS_PER_S
        rate = rise / stretch_s
        seen_s = (len(values) - start) * view.step_ns / NS_PER_S
        return Seen(
            onset_ns=view.t_ns(first + start),
            peak_ns=view.t_ns(first + int(np.argmax(values))),
            last_ns=view.t_ns(first + len(values)),
            text=(
                f"{named(metric)} looks like a leak: for {seconds(seen_s)} its floor has risen and "
                "nothing was given back"
            ),
            evidence={
                "rate_per_s": rate,
                "floor_rise": total,
                "t_score": min(t, 1e6),
                "seen_s": seen_s,
            },
            telling=("rate_per_s",),
            severity="low",
            direction=UP,
            value=float(floors[-1]),
            expected=float(floors[0]),
        )
