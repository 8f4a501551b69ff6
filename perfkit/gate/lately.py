"""Whether a history got worse lately: a gate over the newest commits of every series."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from perfkit.gate.change_points import LEAST_END, LEVEL
from perfkit.model.change_point import LEAST_POINTS
from perfkit.model.history import History, HistoryCheck, MetricHistory, Regression
from perfkit.model.verdict import PASSED, REGRESSED, UNDECIDED

_SUSPICIOUS = 4.0  # spreads of one result beyond the level


def level_for(metrics: int) -> float:
    """The level of each of so many metrics, so that all together are mistaken as LEVEL says."""
    return LEVEL / max(1, metrics)


def look_lately(
    history: History, *, newest: int, tolerance: float, metrics: Collection[str]
) -> HistoryCheck:
    """The verdict over the newest commits.

    newest: how many commits count as new. tolerance: a change that may be as small is none. metrics:
    the names of those that decide.
    REGRESSED: a metric rose within the newest commits, the whole interval of the change is beyond
    the tolerance, and it has not come back since. UNDECIDED: a metric has too few results that can
    be compared. Else PASSED.
    """
    least = math.log1p(tolerance)
    checked = [one for one in history.metrics if one.series.metric in metrics]
    regressions = [
        Regression(one.series.metric, change)
        for one in checked
        for change in one.levels.changes
        if change.index >= len(one.series.points) - newest
        and change.low > least
        and one.levels.values[-1] - change.before > least
    ]
    too_short = tuple(
        one.series.metric
        for one in checked
        if len(one.series.points) - one.comparable_from < LEAST_POINTS
    )
    verdict = UNDECIDED if too_short or not checked else PASSED
    if regressions:
        verdict = REGRESSED
    return HistoryCheck(
        history=history,
        verdict=verdict,
        newest=newest,
        tolerance=tolerance,
        checked=tuple(one.series.metric for one in checked),
        regressions=tuple(regressions),
        too_short=too_short,
        suspicions=tuple(
            said for one in checked for said in [_suspicion(one, least)] if said is not None
        ),
    )


def _suspicion(one: MetricHistory, least: float) -> str | None:
    """What the last one or two commits may be the beginning of."""
    points, levels = one.series.points, one.levels
    if len(points) < LEAST_POINTS or len(points) - levels.starts[-1] < LEAST_END:
        return None
    beyond = max(_SUSPICIOUS * levels.noise, least)
    over = [point.value - levels.values[-1] for point in points[-LEAST_END:]]
    high = 0
    while high < LEAST_END and over[-1 - high] > beyond:
        high += 1
    if not high:
        return None
    rise = math.expm1(float(np.mean(over[-high:])))
    newest = "the newest commit is" if high == 1 else f"the newest {high} commits are"
    return (
        f"{one.series.metric}: {newest} {rise:.1%} above the level before; "
        f"whether that stays is known after {LEAST_END} commits"
    )
