"""Blocks: columns of numbers over time, the only form in which ticks travel to the analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from perfkit.model.events import Events

Values = npt.NDArray[np.int64] | npt.NDArray[np.float64]
ProcessEntry = Mapping[str, Any]
"""One process at one tick: the names of PROCESS_FIELDS to int, None or str (names and commands
decoded with `backslashreplace`)."""


@dataclass(frozen=True)
class Column:
    """values: int64[n] or float64[n]; valid: bool[n]. Where not valid, the value means nothing."""

    values: Values
    valid: npt.NDArray[np.bool_]

    def __getitem__(self, rows: slice) -> Column:
        return Column(self.values[rows], self.valid[rows])


@dataclass(frozen=True)
class Block:
    """Consecutive ticks.

    t_ns: int64[n], strictly increasing: CLOCK_BOOTTIME since the start of the recording.
    columns: metric name to Column of n values; `time` is microseconds since 1970, UTC.
    processes: (row, entries) for the rows that carry a list of processes, rows increasing.
    events: what arrived during these ticks; None if nothing did, or nobody asked.
    """

    t_ns: npt.NDArray[np.int64]
    columns: Mapping[str, Column]
    processes: Sequence[tuple[int, Sequence[ProcessEntry]]] = field(default=())
    events: Events | None = None

    def __len__(self) -> int:
        return len(self.t_ns)

    def floats(self, name: str) -> npt.NDArray[np.float64]:
        """float64[n]: the column, NaN where it has no value, and throughout where there is none."""
        values = np.full(len(self), np.nan)
        column = self.columns.get(name)
        if column is not None:
            values[column.valid] = column.values[column.valid]
        return values

    def with_columns(self, more: Mapping[str, Column]) -> Block:
        """The same ticks with further columns."""
        return replace(self, columns={**self.columns, **more})

    def __getitem__(self, rows: slice) -> Block:
        """The ticks of a slice (step 1), with their processes and events renumbered."""
        start, stop, _ = rows.indices(len(self))
        events = None if self.events is None else self.events.of_rows(start, stop)
        return Block(
            self.t_ns[start:stop],
            {name: column[start:stop] for name, column in self.columns.items()},
            tuple((row - start, entries) for row, entries in self.processes if start <= row < stop),
            events if events else None,
        )
