"""How much of a growth the work explains that is done meanwhile: a second signal.

One number cannot tell a burst from a leak before it turns. What grows in step with the work lasts
as long as the work grows; what grows without it is left behind. Many windows at once, elementwise.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_OVER = 8
"""Blocks of the bank that a mean of the work is taken over; at the beginning half of them do."""

_SURELY = 1.645
"""Standard errors by which the work has to have grown, at one side's 5 %."""

_LEAST_GROWTH = 0.05
"""In logarithms: a smaller growth of the metric counts as so much."""


def explained(highs: Floats, seen: Ints, work: Floats, age: Ints) -> Floats:
    """float64[n] from 0 to 1: growth of the work over that of the metric, both in logarithms.

    highs, work: float64[steps, n], a column a window, its first `seen` rows valid; work is what was
    done in each block. age: rows that the growth has lasted (`gate.growing_for`). The noise of the
    work is told by its successive differences (von Neumann, *Ann. Math. Statist.* 12, 1941). 0
    where nobody tells of work, or where the metric is not positive.
    """
    steps, count = highs.shape
    column = np.arange(count)
    last = np.maximum(seen - 1, 0)
    start = last - age
    first, late = (np.maximum(row - _OVER + 1, 0) for row in (start, last))
    end = np.minimum(np.maximum(start, first + _OVER // 2 - 1), last)
    before, now = _mean(work, first, end), _mean(work, late, last)
    there = np.arange(1, steps)[:, None] < seen
    moved = np.where(there, np.diff(work, axis=0), 0.0)
    noise = _sum(moved * moved) / np.maximum(2.0 * (seen - 1), 1.0)
    shares = 1.0 / (end + 1 - first) + 1.0 / (last + 1 - late)
    surely = (now - before) > _SURELY * np.sqrt(noise * shares)
    low, high = highs[start, column], highs[last, column]
    told = surely & (before > 0) & (low > 0) & (high > low)
    grown = np.log(np.where(told, high, 1.0) / np.where(told, low, 1.0))
    worked = np.log(np.where(told, now, 1.0) / np.where(told, before, 1.0))
    share: Floats = np.clip(worked / np.maximum(grown, _LEAST_GROWTH), 0.0, 1.0)
    return share


def _mean(rows: Floats, first: Ints, last: Ints) -> Floats:
    """Over the rows from first to last, both included, in their order."""
    total = np.zeros(rows.shape[1])
    for step, row in enumerate(rows):
        total += np.where((step >= first) & (step <= last), row, 0.0)
    return total / (last + 1 - first)


def _sum(rows: Floats) -> Floats:
    total = np.zeros(rows.shape[1])
    for row in rows:
        total += row
    return total
