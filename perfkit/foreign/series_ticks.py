"""Rows of a foreign file as ticks: time that goes on, and how far apart they are.

A row with the time of the one before replaces it (who writes a row anew means the later one). Time
that goes back is refused: which of two orders is true, nobody can know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from perfkit.foreign.measurements import unusable
from perfkit.foreign.series import Layout, Rows, SeriesFile
from perfkit.model.block import Block, Column

LEAST_INTERVAL_NS = 1_000_000
LONE_INTERVAL_NS = 1_000_000_000
"""The interval of a session with a single tick, of which none is known."""

_LATEST_T_S = 1e8  # three years: a larger number is a time of day
_SPACINGS_KEPT = 2**18

Integers = npt.NDArray[np.int64]


class Ticks:
    """Turns rows into blocks; what it knows of them is complete once all were taken.

    count: ticks. replaced: rows that another row of the same time replaced. last_ns: the last tick.
    first_us: the time of day at t_ns = 0, None where it is not known.
    """

    def __init__(self, series: SeriesFile, layout: Layout) -> None:
        self._series = series
        self._layout = layout
        self._spacings = Spacings()
        self._start_us: int | None = None
        self.count = 0
        self.replaced = 0
        self.first_us: int | None = None
        self.last_ns = 0

    @property
    def interval_ns(self) -> int:
        """The median time between ticks."""
        return max(self._spacings.median() or LONE_INTERVAL_NS, LEAST_INTERVAL_NS)

    @property
    def longest_gap_ns(self) -> int:
        """The longest time between two ticks."""
        return self._spacings.longest

    def blocks(self) -> Iterator[Block]:
        """The ticks in time order. Raises UnusableInput."""
        for block in _distinct(self._timed(), self):
            self._spacings.add(block.t_ns)
            self.count += len(block)
            self.last_ns = int(block.t_ns[-1])
            yield block
        if not self.count:
            raise unusable(self._series.path, "holds no row below its names")

    def _timed(self) -> Iterator[Block]:
        before: int | None = None
        for rows in self._series.rows(self._layout):
            t_ns = self._clock(rows)
            steps = np.diff(t_ns, prepend=t_ns[0] if before is None else before)
            if (steps < 0).any():
                place = int(rows.places[np.flatnonzero(steps < 0)[0]])
                raise unusable(
                    self._series.path,
                    f"goes back in time at {self._series.place} {place}; sort its rows by time",
                )
            before = int(t_ns[-1])
            yield Block(t_ns, {**self._time(rows, t_ns), **rows.columns})

    def _clock(self, rows: Rows) -> Integers:
        place = self._series.place
        if rows.clock_ns is None:
            wall = rows.wall_us
            if wall is None:
                raise unusable(self._series.path, "has no time")
            if self._start_us is None:
                self._start_us = self.first_us = int(wall[0])
            since = wall - self._start_us
            if (np.abs(since) > 2**62 // 1000).any():
                raise unusable(self._series.path, "spans more than 146 years; check its times")
            return since * 1000
        t_ns = rows.clock_ns
        if (t_ns < 0).any():
            at = int(rows.places[np.flatnonzero(t_ns < 0)[0]])
            raise unusable(
                self._series.path,
                f"has a time before the start in {place} {at}; session time begins at 0",
            )
        if self._start_us is None:
            if t_ns[0] > _LATEST_T_S * 1e9:
                column = self._layout.clock.column if self._layout.clock else ""
                raise unusable(
                    self._series.path,
                    f"begins at {t_ns[0] / 1e9:.0f} s of session time, which is a time of day; "
                    f"say so by --map {column}=time",
                )
            self._start_us = 0
            if rows.wall_us is not None:
                self.first_us = int(rows.wall_us[0]) - int(t_ns[0]) // 1000
        return t_ns

    def _time(self, rows: Rows, t_ns: Integers) -> dict[str, Column]:
        if rows.wall_us is None:
            nothing = np.zeros(len(t_ns), np.bool_)
            return {"time": Column(np.zeros(len(t_ns), np.int64), nothing)}
        return {"time": Column(rows.wall_us, np.ones(len(t_ns), np.bool_))}


def _distinct(blocks: Iterable[Block], ticks: Ticks) -> Iterator[Block]:
    """The same without all but the last row of each time; the last row waits for the next block."""
    held: Block | None = None
    for block in blocks:
        if held is not None:
            if held.t_ns[0] == block.t_ns[0]:
                ticks.replaced += 1
            else:
                yield held
        last = np.append(np.diff(block.t_ns) > 0, True)
        if not last.all():
            ticks.replaced += int((~last).sum())
            columns = {
                name: Column(one.values[last], one.valid[last])
                for name, one in block.columns.items()
            }
            block = Block(block.t_ns[last], columns)
        held = block[len(block) - 1 :]
        if len(block) > 1:
            yield block[: len(block) - 1]
    if held is not None:
        yield held


class Spacings:
    """The median of many distances in bounded memory: all at first, later every 2nd, 4th, 8th …"""

    def __init__(self) -> None:
        self._kept = np.zeros(0, np.int64)
        self._every = 1
        self._seen = 0
        self._before: int | None = None
        self.longest = 0

    def add(self, t_ns: Integers) -> None:
        """Take the next times."""
        steps = np.diff(t_ns) if self._before is None else np.diff(t_ns, prepend=self._before)
        self._before = int(t_ns[-1])
        if not len(steps):
            return
        self.longest = max(self.longest, int(steps.max()))
        chosen = steps[-self._seen % self._every :: self._every]
        self._seen += len(steps)
        self._kept = np.concatenate((self._kept, chosen))
        while len(self._kept) > _SPACINGS_KEPT:
            self._kept = self._kept[::2]
            self._every *= 2

    def median(self) -> int | None:
        """The median (the lower one of two), None where there is no distance."""
        if not len(self._kept):
            return None
        return int(np.sort(self._kept)[(len(self._kept) - 1) // 2])
