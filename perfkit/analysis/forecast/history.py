"""The past of one capacity, in bounded memory: greatest and least of blocks of time.

Blocks lie on a grid. Those without a value lie on a line from the one before to the first value
after them (a slow column has one now and then); a long time without any
counts as one block (the machine slept, nothing was recorded: nothing grew meanwhile). The past
begins anew with a fall to less than a tenth (a restart, a counter that was reset), and where the
whole that the metric is part of becomes another (the target writes to another file system).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perfkit.analysis.forecast.capacities import Series

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_RESTARTS_BELOW = 0.1
_SAME_WHOLE = 0.05
"""A whole that changes by more, as a share, is another one. Some file systems grow with their use."""


class Moments(NamedTuple):
    """What was known at n moments: value, limit float64[n], NaN where there was none yet; seen_ns
    int64[n], end of the period of that value; highs, lows float64[n, kept], NaN before the first
    block of this past; blocks int64[n], how many of them; done float64[n, kept], work done by the
    end of each block, all NaN where nobody tells."""

    value: Floats
    limit: Floats
    seen_ns: Ints
    highs: Floats
    lows: Floats
    blocks: Ints
    done: Floats


_GREATEST_LEAST = (np.maximum, np.minimum)


class History:
    """Fed periods, it tells what was known at some of them."""

    def __init__(self, kept: int, long_gap: int, *, restarts: bool, works: bool = False) -> None:
        """kept: blocks; long_gap: more without a value count as one; restarts: it may fall anew;
        works: series tell how much work was done."""
        self._kept, self._long_gap, self._restarts = kept, long_gap, restarts
        self._best = (*_GREATEST_LEAST, np.maximum) if works else _GREATEST_LEAST
        # greatest and least of each block, and the work done by its end
        self._tails = [np.zeros(0) for _ in self._best]
        self._number = self._place = self._first = 0
        self._value = self._limit = self._whole = np.nan
        self._seen_ns = 0

    def take(self, series: Series, numbers: Ints, ends_ns: Ints, moments: Ints) -> Moments:
        """Periods with the numbers of their blocks and their ends; moments: rows of them.

        A block has at most one moment within it.
        """
        rows = np.flatnonzero(series.valid)
        values = series.values[rows]
        whole = np.full(len(rows), np.nan) if series.whole is None else series.whole[rows]
        place, first = self._places(values, whole, numbers[rows])
        last = np.searchsorted(rows, moments, side="right") - 1
        known = np.append(np.flatnonzero(series.capacity_valid), -1)[:-1]
        told = np.searchsorted(known, moments, side="right") - 1
        channels = [values, values, *(() if series.done is None else (series.done[rows],))]
        grids, runs = self._grid(channels, place, rows, moments, last)
        at = _ints_at(place, last, self._place)
        since = _ints_at(first, last, self._first)
        start = (int(place[-1]) if len(place) else self._place) + 1 - len(grids[0])
        columns = at[:, None] - np.arange(self._kept - 1, -1, -1)
        absent = (columns < since[:, None]) | (len(grids[0]) == 0)
        inside = np.clip(columns - start, 0, max(len(grids[0]) - 1, 0))
        kept = [np.where(absent, np.nan, one[inside] if len(one) else np.nan) for one in grids]
        if len(grids[0]):
            for some, run in zip(kept, runs, strict=True):
                some[:, -1] = run
        found = Moments(
            value=_floats_at(values, last, self._value),
            limit=_floats_at(series.capacity[known], told, self._limit),
            seen_ns=_ints_at(ends_ns[rows], last, self._seen_ns),
            highs=kept[0],
            lows=kept[1],
            blocks=np.where(np.isfinite(kept[0][:, -1]), np.minimum(at - since + 1, self._kept), 0),
            done=kept[2] if len(kept) > 2 else np.full(kept[0].shape, np.nan),
        )
        self._tails = [one[-self._kept :] for one in grids]
        if len(rows):
            self._number, self._place = int(numbers[rows[-1]]), int(place[-1])
            self._first = int(first[-1])
            self._value, self._seen_ns = float(values[-1]), int(ends_ns[rows[-1]])
            self._whole = _last_known(whole, self._whole)
        if len(known):
            self._limit = float(series.capacity[known[-1]])
        return found

    def now(self) -> Moments:
        """As it stands."""
        count = min(self._place - self._first + 1, self._kept) if len(self._tails[0]) else 0
        kept = [np.full((1, self._kept), np.nan) for _ in range(3)]
        for some, tail in zip(kept, self._tails, strict=False):
            if count:
                some[0, -count:] = tail[-count:]
        return Moments(
            np.array([self._value]),
            np.array([self._limit]),
            np.array([self._seen_ns]),
            kept[0],
            kept[1],
            np.array([count]),
            kept[2],
        )

    def _places(self, values: Floats, whole: Floats, numbers: Ints) -> tuple[Ints, Ints]:
        """(place of each value's block on the grid, first place of its past)."""
        if not len(values):
            return numbers, numbers
        begun = len(self._tails[0]) > 0
        moved = np.diff(numbers, prepend=self._number if begun else numbers[0])
        moved = np.where(moved > self._long_gap, 1, np.maximum(moved, 0))
        fresh: list[int] = []
        if self._restarts:
            before = np.append(self._tails[1][-1] if begun else np.inf, values[:-1])
            grid = np.cumsum(moved)
            falls = np.flatnonzero((values >= 0) & (values < _RESTARTS_BELOW * before))
            for row in falls.tolist():
                if not row:
                    fresh += [row] if begun else []
                    continue
                # the least so far of the block that the value before is in
                start = int(np.searchsorted(grid, grid[row - 1]))
                start = max(start, fresh[-1] if fresh else 0)
                least = values[start:row].min()
                if begun and not start and not moved[0] and fresh[:1] != [0]:
                    least = min(least, self._tails[1][-1])
                if values[row] < _RESTARTS_BELOW * least:
                    fresh.append(row)
        fresh = sorted({*fresh, *other_wholes(whole, self._whole)})
        moved[fresh] = np.maximum(moved[fresh], 1)
        place = self._place + np.cumsum(moved)
        first = np.full(len(values), self._first if begun else self._place, np.int64)
        for row in fresh:
            first[row:] = place[row]
        return place, first

    def _grid(
        self, channels: Sequence[Floats], place: Ints, rows: Ints, moments: Ints, last: Ints
    ) -> tuple[list[Floats], list[Floats]]:
        """Of each channel: every block; the block of each moment, as far as it had come."""
        carried = [tail[-1] if len(tail) else np.nan for tail in self._tails]
        if not len(rows):
            return self._tails, [np.full(len(moments), one) for one in carried]
        part = np.searchsorted(moments, rows)
        cuts = np.flatnonzero((np.diff(place, prepend=-1) != 0) | (np.diff(part, prepend=-1) != 0))
        of = place[cuts]
        grids: list[Floats] = []
        runs: list[Floats] = []
        for best, values, tail, old in zip(self._best, channels, self._tails, carried, strict=True):
            run = best.reduceat(values, cuts)
            if len(tail) and of[0] == self._place:
                run[0] = best(run[0], tail[-1])
            same = np.flatnonzero(of[1:] == of[:-1]) + 1
            run[same] = best(run[same], run[same - 1])
            ends = np.flatnonzero(np.diff(of, append=of[-1] + 1))
            whole, blocks = run[ends], of[ends]
            firsts = values[cuts[np.searchsorted(of, blocks)]]
            first = self._place + 1 if len(tail) else int(blocks[0])
            if len(tail) and of[0] == self._place:
                tail = np.append(tail[:-1], whole[0])
            wanted = np.arange(first, int(blocks[-1]) + 1)
            grids.append(np.append(tail, self._filled(wanted, blocks, whole, firsts, tail)))
            which = np.searchsorted(cuts, np.maximum(last, 0), side="right") - 1
            runs.append(np.where(last >= 0, run[which], old))
        return grids, runs

    def _filled(
        self, wanted: Ints, blocks: Ints, whole: Floats, firsts: Floats, tail: Floats
    ) -> Floats:
        """The wanted blocks: those that there are, and lines towards the first value of the next."""
        after = np.searchsorted(blocks, wanted)
        held = tail[-1] if len(tail) else np.nan
        since = np.where(after > 0, blocks[np.maximum(after - 1, 0)], self._place)
        begins = np.where(after > 0, whole[np.maximum(after - 1, 0)], held)
        passed = np.maximum(blocks[after] - since, 1)
        share = (wanted - since) / passed
        line = begins * (1.0 - share) + firsts[after] * share
        found: Floats = np.where(blocks[after] == wanted, whole[after], line)
        return found


def other_wholes(whole: Floats, before: float) -> list[int]:
    """Rows from which on the metric is part of another whole than before; NaN tells nothing."""
    rows = np.flatnonzero(np.isfinite(whole))
    now = whole[rows]
    earlier = np.append(before, now[:-1])
    with np.errstate(invalid="ignore"):
        changed = np.abs(now - earlier) > _SAME_WHOLE * np.maximum(np.abs(now), np.abs(earlier))
    others: list[int] = rows[changed].tolist()
    return others


def _last_known(values: Floats, before: float) -> float:
    """The last one that is a number."""
    known = np.flatnonzero(np.isfinite(values))
    return float(values[known[-1]]) if len(known) else before


def _floats_at(values: Floats, places: Ints, before: float) -> Floats:
    """The value at each place, `before` where the place is -1."""
    if not len(values):
        return np.full(len(places), before)
    return np.where(places >= 0, values[np.maximum(places, 0)], before)


def _ints_at(values: Ints, places: Ints, before: int) -> Ints:
    """The same of whole numbers."""
    if not len(values):
        return np.full(len(places), before, np.int64)
    return np.where(places >= 0, values[np.maximum(places, 0)], before)
