"""Warm-up: a start that differs from what comes after, and how long it takes to settle.

What the second half of what was seen looks like is taken for the steady state, as Kalibera and
Jones 2013 ("Rigorous benchmarking in reasonable time", ISMM) and Barrett et al. 2017 ("Virtual
machine warmup blows hot and cold", OOPSLA) do; the transient ends where the running median enters
its band for good (the truncation of Welch 1983). The steady half must be steady, or there is none,
and the way there must lead there by degrees: a single step is a level shift.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perfkit.analysis.patterns.history import BIN, View, Views
from perfkit.analysis.patterns.measures import Floats, dense, spread
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
_SPREADS = 6.0
_OVER_STEADY = 4.0  # how many times the steady half's own range the start lies off
_SHORTEST = 5
_JUMP = 0.7  # of the way at most within two points


class WarmUps(OneByOne):
    """The way from the start to the steady state; once a session."""

    kind = "warm_up"
    looks = 2
    patience: int | None = None

    def rows(self, views: Views, _metrics: Sequence[Watched], /) -> list[int]:
        """Tried where the start lies off what comes after."""
        view = _from_start(views)
        if len(view) < _LEAST_POINTS or views.whole.step > BIN:
            return []
        found: list[int] = np.flatnonzero(view.ranges > 0).tolist()
        return found

    def judge(self, views: Views, row: int, metric: Watched, known: Known, /) -> Seen | None:
        """See Pattern."""
        if known.any("cycle", "regime"):
            return None
        view = _from_start(views)
        found = dense(view.values[row], _LEAST_POINTS)
        if found is None or found[1] > _SHORTEST:
            return None
        values, first = found
        half = len(values) // 2
        steady = values[half:]
        level = float(np.median(steady))
        low, high = np.percentile(steady, (5, 95)).tolist()
        begun = float(np.median(values[:3]))
        away = begun - level
        if abs(away) < max(
            metric.least_change(level), _SPREADS * spread(steady), _OVER_STEADY * (high - low)
        ):
            return None
        quarters = [float(np.median(part)) for part in np.array_split(steady, 4)]
        if max(quarters) - min(quarters) > 0.2 * abs(away):
            return None
        smooth = _running_median(values)
        band = max(0.15 * abs(away), high - low)
        outside = np.flatnonzero(np.abs(smooth - level) > band)
        # of a start of two points the running median shows nothing
        settled = int(outside[-1]) + 1 if len(outside) else 0
        if not _SHORTEST <= settled <= half:
            return None
        way = np.sign(away) * (smooth[: settled + 1] - level)
        if float(way.min()) < -band or float((way[:-2] - way[2:]).max()) > _JUMP * abs(away):
            return None
        lasted_s = settled * view.step_ns / NS_PER_S
        up = away < 0
        return Seen(
            onset_ns=view.t_ns(first),
            peak_ns=view.t_ns(first + int(np.argmax(way))),
            last_ns=view.t_ns(first + settled),
            text=(
                f"{named(metric)} warmed up for {seconds(lasted_s)}: it went "
                f"{'up' if up else 'down'} from its start and then stayed"
            ),
            evidence={"warm_up_s": lasted_s, "before": begun, "after": level},
            telling=("warm_up_s",),
            direction=UP if up else DOWN,
            value=level,
            expected=begun,
        )


def _from_start(views: Views) -> View:
    """The finest view that still has the session's beginning."""
    return views.recent if views.recent.first <= views.begins else views.whole


def _running_median(values: Floats) -> Floats:
    """Of five points each, those at the ends repeated."""
    around = np.pad(values, 2, mode="edge")
    smooth: Floats = np.median(np.lib.stride_tricks.sliding_window_view(around, 5), axis=1)
    return smooth
