"""What the application said, as columns: the form in which events travel with their ticks.

Names and texts are kept once and referred to by number, so that a million events are a handful of
arrays: what holds for a type or a label is asked once for its name and then of all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

OTHER_TYPE = "perfkit.other"
"""The type of an event whose own type came when too many others were known already."""


@dataclass(frozen=True)
class Fields:
    """The fields of n events, m in all, in the order of the events.

    starts: int64[n + 1]; those of event i are the ones from starts[i] to starts[i + 1].
    keys: int32[m] into `names`. An event has no two fields of one name.
    values: float64[m], finite; for labels int32[m] into `texts`.
    """

    starts: Integers
    keys: Codes
    names: tuple[str, ...]
    values: Floats | Codes
    texts: tuple[str, ...] = ()

    def of(self, name: str) -> tuple[Integers, Floats | Codes]:
        """(events, values): which events have a field of this name, increasing, and its values."""
        if name not in self.names:
            return np.zeros(0, np.int64), self.values[:0]
        places = np.flatnonzero(self.keys == self.names.index(name))
        return np.searchsorted(self.starts, places, "right") - 1, self.values[places]

    def chosen(self, events: Integers) -> Fields:
        """Those of some events, in the order given."""
        sizes = np.diff(self.starts)[events]
        starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
        places = np.arange(starts[-1]) + np.repeat(self.starts[:-1][events] - starts[:-1], sizes)
        return Fields(starts, self.keys[places], self.names, self.values[places], self.texts)

    def __getitem__(self, events: slice) -> Fields:
        """Those of consecutive events."""
        start, stop, _ = events.indices(len(self.starts) - 1)
        stop = max(start, stop)
        first, last = int(self.starts[start]), int(self.starts[stop])
        return Fields(
            self.starts[start : stop + 1] - first,
            self.keys[first:last],
            self.names,
            self.values[first:last],
            self.texts,
        )


@dataclass(frozen=True)
class Events:
    """n events in the order in which they arrived.

    rows: int64[n], never falling: the row of the block during whose tick each arrived.
    t_ns: int64[n], on the session's clock, in no order: when it was, as far as its sender said so.
    codes: int32[n] into `types`.
    duration_ms: float64[n], NaN where none was given. ok: int8[n], 1 yes, 0 no, -1 not said.
    numbers, labels: all other fields; truth values are the numbers 0 and 1.
    """

    rows: Integers
    t_ns: Integers
    codes: Codes
    types: tuple[str, ...]
    duration_ms: Floats
    ok: npt.NDArray[np.int8]
    numbers: Fields
    labels: Fields

    def __len__(self) -> int:
        return len(self.rows)

    def of_type(self, *types: str) -> Bools:
        """bool[n]: which events are of one of these types."""
        wanted = [code for code, type in enumerate(self.types) if type in types]
        return np.isin(self.codes, wanted)

    def number(self, name: str) -> Floats:
        """float64[n]: the number of this name, NaN for events without it."""
        found = np.full(len(self), np.nan)
        events, values = self.numbers.of(name)
        found[events] = values
        return found

    def label(self, name: str) -> Codes:
        """int32[n] into `labels.texts`: the label of this name, -1 for events without it."""
        found = np.full(len(self), -1, np.int32)
        events, values = self.labels.of(name)
        found[events] = values
        return found

    def chosen(self, wanted: Bools) -> Events:
        """The events for which wanted, bool[n], is true."""
        events = np.flatnonzero(wanted)
        return Events(
            self.rows[events],
            self.t_ns[events],
            self.codes[events],
            self.types,
            self.duration_ms[events],
            self.ok[events],
            self.numbers.chosen(events),
            self.labels.chosen(events),
        )

    def of_rows(self, start: int, stop: int) -> Events:
        """Those that arrived in rows start to stop of the block, numbered from start."""
        first, last = np.searchsorted(self.rows, (start, stop)).tolist()
        if first == 0 and last == len(self) and start == 0:
            return self
        kept = slice(first, last)
        return Events(
            self.rows[kept] - start,
            self.t_ns[kept],
            self.codes[kept],
            self.types,
            self.duration_ms[kept],
            self.ok[kept],
            self.numbers[kept],
            self.labels[kept],
        )


def concatenated(pieces: Sequence[Events]) -> Events:
    """Events that follow each other, one piece; the last one's names begin with all the others'."""
    last = pieces[-1]
    if len(pieces) == 1:
        return last

    def joined(fields: Sequence[Fields]) -> Fields:
        ends = np.cumsum([0, *(one.starts[-1] for one in fields)])
        starts = [one.starts[:-1] + end for one, end in zip(fields, ends.tolist(), strict=False)]
        return Fields(
            np.concatenate([*starts, ends[-1:]]),
            np.concatenate([one.keys for one in fields]),
            fields[-1].names,
            np.concatenate([one.values for one in fields]),
            fields[-1].texts,
        )

    return Events(
        np.concatenate([piece.rows for piece in pieces]),
        np.concatenate([piece.t_ns for piece in pieces]),
        np.concatenate([piece.codes for piece in pieces]),
        last.types,
        np.concatenate([piece.duration_ms for piece in pieces]),
        np.concatenate([piece.ok for piece in pieces]),
        joined([piece.numbers for piece in pieces]),
        joined([piece.labels for piece in pieces]),
    )
