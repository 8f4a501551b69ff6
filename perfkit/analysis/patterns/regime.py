"""Regimes: a metric that is at one of a few levels at a time, and how long at each.

Levels are the best grouping of the values (Fisher 1958, "On grouping for maximum homogeneity", JASA
53), found by Lloyd's iteration from evenly spaced levels; the fewest groups win whose gaps are wide
against what is left within them. Levels count only if they are lived on (stretches of several
periods) and come back: two levels, one after the other, are a shift.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from perfkit.analysis.patterns.history import Views
from perfkit.analysis.patterns.measures import Floats
from perfkit.analysis.patterns.pattern import (
    NS_PER_S,
    Known,
    OneByOne,
    Seen,
    named,
    seconds,
)
from perfkit.analysis.watched import Watched

_LEAST_POINTS = 80
_MOST_LEVELS = 4
_GAP = 6.0  # in standard deviations within
_BETWEEN = 0.05  # share of the values that may lie in the middle third of a gap
_LEAST_SHARE = 0.08
_LEAST_STAY = 5.0
_LEAST_CHANGES = 4
_ROUNDS = 20
_EMPTY, _PARTS = 0.015, 16  # of the values in an interval, and of the range that it spans

Groups = npt.NDArray[np.int64]


class Regimes(OneByOne):
    """Two to four levels, each visited again."""

    kind = "regime"
    looks = 2
    patience: int | None = 3

    def rows(self, views: Views, _metrics: Sequence[Watched], /) -> list[int]:
        """Tried where some wide interval amid the values is all but empty."""
        view = views.recent
        rows = []
        for row in np.flatnonzero((view.counts >= _LEAST_POINTS) & (view.ranges > 0)).tolist():
            ordered = view.ordered[row, : view.counts[row]]
            few = 1 + int(_EMPTY * len(ordered))
            amid = ordered[int(0.9 * _LEAST_SHARE * len(ordered)) :]
            amid = amid[: len(amid) - int(0.9 * _LEAST_SHARE * len(ordered))]
            if (amid[few:] - amid[:-few]).max() > view.ranges[row] / _PARTS:
                rows.append(row)
        return rows

    def judge(self, views: Views, row: int, metric: Watched, known: Known, /) -> Seen | None:
        """What changes its level like a clock is a cycle and told as that."""
        if known.any("cycle"):
            return None
        view = views.recent
        places = np.flatnonzero(~np.isnan(view.values[row]))
        values = view.values[row][places]
        least = metric.least_change(float(np.mean(values)))
        for count in range(2, _MOST_LEVELS + 1):
            levels, groups = _grouped(values, count)
            if len(levels) < count or not _apart(values, levels, groups, least):
                continue
            groups = _without_strays(groups)
            starts = np.concatenate(([0], np.flatnonzero(np.diff(groups)) + 1))
            stays = np.diff(starts, append=len(groups))
            if not _lived_on(groups, starts, stays, count):
                continue
            levels = np.array([np.median(values[groups == group]) for group in range(count)])
            shares = np.bincount(groups, minlength=count) / len(groups)
            stay_s = float(np.median(stays)) * view.step_ns / NS_PER_S
            evidence = {
                "levels_count": float(count),
                "changes_count": float(len(starts) - 1),
                "stay_s": stay_s,
            }
            for group, (level, share) in enumerate(zip(levels, shares, strict=True), 1):
                evidence[f"level_{group}"] = float(level)
                evidence[f"share_{group}_ratio"] = float(share)
            told = ", ".join(f"{100 * share:.0f} %" for share in shares)
            return Seen(
                onset_ns=view.t_ns(int(places[0])),
                peak_ns=view.t_ns(int(places[int(np.argmax(values))])),
                last_ns=view.t_ns(int(places[-1]) + 1),
                text=(
                    f"{named(metric)} is at one of {count} levels at a time, from the lowest up "
                    f"{told} of the time, {seconds(stay_s)} a stay"
                ),
                evidence=evidence,
                telling=tuple(name for name in evidence if name[:6] in ("level_", "share_")),
                value=float(levels[groups[-1]]),
            )
        return None


def _grouped(values: Floats, count: int) -> tuple[Floats, Groups]:
    """Levels in order, and the level of each value; no levels where one is empty."""
    low, high = np.percentile(values, (2, 98))
    levels = np.linspace(low, high, count)
    groups = np.zeros(len(values), np.int64)
    for _ in range(_ROUNDS):
        groups = np.searchsorted((levels[1:] + levels[:-1]) / 2, values)
        counts = np.bincount(groups, minlength=count)
        if not counts.all():
            return levels[:0], groups
        moved = np.bincount(groups, values, count) / counts
        if np.array_equal(moved, levels):
            break
        levels = np.sort(moved)
    return levels, groups


def _apart(values: Floats, levels: Floats, groups: Groups, least: float) -> bool:
    gaps = np.diff(levels)
    deviation = float(np.sqrt(np.mean((values - levels[groups]) ** 2)))
    if gaps.min() < max(_GAP * deviation, least):
        return False
    thirds = gaps / 3
    between = sum(
        int(((values > low + third) & (values < low + 2 * third)).sum())
        for low, third in zip(levels[:-1].tolist(), thirds.tolist(), strict=True)
    )
    return between <= _BETWEEN * len(values)


def _without_strays(groups: Groups) -> Groups:
    """Single places between two alike belong to them."""
    calm = groups.copy()
    alike = (groups[:-2] == groups[2:]) & (groups[1:-1] != groups[:-2])
    calm[1:-1][alike] = groups[:-2][alike]
    return calm


def _lived_on(groups: Groups, starts: Groups, stays: Groups, count: int) -> bool:
    shares = np.bincount(groups, minlength=count) / len(groups)
    where = groups[starts]
    visits = np.bincount(where, minlength=count)
    typical = [float(np.median(stays[where == group])) for group in range(count) if visits[group]]
    return (
        float(shares.min()) >= _LEAST_SHARE
        and len(starts) - 1 >= _LEAST_CHANGES
        and min(typical) >= _LEAST_STAY
        and int((visits >= 2).sum()) >= 2
    )
