"""Plateaus: a metric that keeps running into one level, as if it could not get beyond it.

A ceiling (of quota, pool or queue) cuts the distribution off: many values lie in a narrow band at
the very top (or, where less is worse, at the bottom), while all others are spread widely. That is
the picture of a censored variable (Tobin 1958, "Estimation of relationships for limited dependent
variables", Econometrica 26); the band is dense against the spread of what lies below it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perfkit.analysis.patterns.history import Views
from perfkit.analysis.patterns.measures import dense, runs
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
_BAND = 0.03  # of the range
_LEAST_SHARE, _MOST_SHARE = 0.15, 0.9
_LONGEST = 8  # points of the longest stay, at least
_BELOW = 0.25  # of the range, within which the next band must not be crowded too
_CROWDED = 0.2
_LEAST_STAYS = 2


class Plateaus(OneByOne):
    """Stays at the worst level that it has."""

    kind = "plateau"
    looks = 2
    patience: int | None = 3

    def rows(self, views: Views, metrics: Sequence[Watched], /) -> list[int]:
        """Tried where many values lie in the band."""
        view = views.recent
        down = np.array([one.worse == DOWN for one in metrics], np.bool_)
        low, high = view.quantile(_LEAST_SHARE), view.quantile(1 - _LEAST_SHARE)
        past = np.where(down, low - view.quantile(0.0), view.quantile(1.0) - high)
        near = past <= _BAND * view.ranges
        found: list[int] = np.flatnonzero((view.ranges > 0) & near).tolist()
        return found

    def judge(self, views: Views, row: int, metric: Watched, known: Known, /) -> Seen | None:
        """Levels that are told in another way are not told again."""
        view = views.recent
        shift = known.seen.get("level_shift")
        if known.any("cycle", "regime", "warm_up", "leak") or (
            shift is not None and shift.onset_ns >= view.t_ns(0)
        ):
            return None
        found = dense(view.values[row], _LEAST_POINTS)
        if found is None:
            return None
        sign = -1.0 if metric.worse == DOWN else 1.0
        values, first = sign * found[0], found[1]
        top, span = float(values.max()), float(values.max() - values.min())
        if span < metric.least_change(top):
            return None
        at_top = values >= top - _BAND * span
        below = (values < top - _BAND * span) & (values >= top - _BELOW * span)
        share = float(at_top.mean())
        starts, stops = runs(at_top)
        stays = stops - starts
        if not _LEAST_SHARE <= share <= _MOST_SHARE or stays.max() < _LONGEST:
            return None
        long_stays = int((stays >= 3).sum())
        if long_stays < _LEAST_STAYS or float(below.sum()) < _CROWDED * float(at_top.sum()) * 0.1:
            return None
        longest = int(np.argmax(stays))
        longest_s = float(stays[longest]) * view.step_ns / NS_PER_S
        level = sign * float(np.median(values[at_top]))
        return Seen(
            onset_ns=view.t_ns(first + int(starts[0])),
            peak_ns=view.t_ns(first + int(starts[longest])),
            last_ns=view.t_ns(first + int(stops[-1])),
            text=(
                f"{named(metric)} keeps running into one level and gets no "
                f"{'lower' if sign < 0 else 'higher'}: {100 * share:.0f} % of the time, up to "
                f"{seconds(longest_s)} at a stretch"
            ),
            evidence={
                "level": level,
                "share_ratio": share,
                "stays_count": float(long_stays),
                "longest_s": longest_s,
            },
            telling=("level", "share_ratio"),
            direction=DOWN if sign < 0 else UP,
            value=level,
        )
