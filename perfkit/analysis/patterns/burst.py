"""Bursts: short stretches far above what is usual, with little in between.

Two levels with hysteresis, the two-state view of Kleinberg 2002 ("Bursty and hierarchical structure
in streams", KDD): a burst begins beyond the upper and ends below the lower. The usual is the median,
its spread that of the half that bursts do not touch (Iglewicz and Hoaglin 1993, modified z scores).
A long tail is not bursts: the zone between the levels must be emptier than the bursts. How evenly
they come is Goh and Barabási's burstiness (2008, EPL 81): -1 like a clock, 0 at random, towards 1
in clusters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perfkit.analysis.patterns.history import Views
from perfkit.analysis.patterns.measures import runs
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
_LEAST_BURSTS = 3
_SPREADS = 8.0
_MOST_OF_TIME = 0.25
_LONGEST = 0.1
_NEAR = 0.4  # of the way to a burst, where it should be empty


class Bursts(OneByOne):
    """A metric that comes in bursts; in the direction in which it gets worse, else upwards."""

    kind = "burst"
    looks = 2
    patience: int | None = 2

    def rows(self, views: Views, metrics: Sequence[Watched], /) -> list[int]:
        """Tried where the range is wide against the lower middle half."""
        view = views.recent
        quarter, middle, top = (view.quantile(share) for share in (0.25, 0.5, 1.0))
        bottom, upper = view.quantile(0.0), view.quantile(0.75)
        down = np.array([one.worse == DOWN for one in metrics], np.bool_)
        far = np.where(down, middle - bottom, top - middle)
        # below (or above) the middle, .67 spreads hold the next quarter of the values
        near = np.where(down, upper - middle, middle - quarter)
        found: list[int] = np.flatnonzero(
            (view.counts >= _LEAST_POINTS) & (far > _SPREADS * near)
        ).tolist()
        return found

    def judge(self, views: Views, row: int, metric: Watched, known: Known, /) -> Seen | None:
        """What comes like a clock is a cycle and told as that."""
        if known.any("cycle", "regime"):
            return None
        view = views.recent
        places = np.flatnonzero(~np.isnan(view.values[row]))
        sign = -1.0 if metric.worse == DOWN else 1.0
        values = sign * view.values[row][places]
        usual = float(np.median(values))
        below = values[values <= usual]
        spread = 1.4826 * float(np.median(usual - below))
        reach = max(_SPREADS * spread, metric.least_change(usual))
        starts, stops = runs(values > usual + reach / 2)
        tops = np.array([values[a:b].max() for a, b in zip(starts, stops, strict=True)])
        high = tops > usual + reach
        if int(high.sum()) < _LEAST_BURSTS:
            return None
        starts, stops, tops = starts[high], stops[high], tops[high]
        lengths = stops - starts
        inside = int(lengths.sum())
        between = int((values > usual + _NEAR * reach).sum()) - inside
        if inside > _MOST_OF_TIME * len(values) or between > inside / 2:
            return None
        if float(np.median(lengths)) > max(2.0, _LONGEST * len(values)):
            return None
        begins = places[starts]
        lasted_s = (places[stops - 1] + 1 - begins) * view.step_ns / NS_PER_S
        gaps_s = np.diff(begins) * view.step_ns / NS_PER_S
        scatter, every_s = float(gaps_s.std()), float(gaps_s.mean())
        burst_s = float(np.median(lasted_s))
        height = float(np.median(tops)) - usual
        strongest = int(np.argmax(tops))
        down = metric.worse == DOWN
        seen_s = (int(places[-1]) + 1 - int(places[0])) * view.step_ns / NS_PER_S
        return Seen(
            onset_ns=view.t_ns(int(begins[0])),
            peak_ns=view.t_ns(int(begins[strongest])),
            last_ns=view.t_ns(int(places[stops[-1] - 1]) + 1),
            text=(
                f"{named(metric)} comes in bursts {'downwards' if down else 'upwards'}: {len(starts)} "
                f"in {seconds(seen_s)}, {seconds(burst_s)} long"
            ),
            evidence={
                "bursts_count": float(len(starts)),
                "burst_s": burst_s,
                "every_s": every_s,
                "height": height,
                "share_ratio": float(lasted_s.sum()) / seen_s,
                "burstiness_ratio": (scatter - every_s) / (scatter + every_s),
            },
            telling=("bursts_count",),
            direction=DOWN if down else UP,
            value=sign * float(tops[strongest]),
            expected=sign * usual,
        )
