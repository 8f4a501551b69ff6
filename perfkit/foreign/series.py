"""A series over time in a foreign file: what every reader of one gives, and which columns count.

A reader knows names and cells. Which of them are metrics, and which is the time, is settled here:
columns with perfkit's names are taken, others where the user says so (`COLUMN=METRIC*FACTOR`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from perfkit.errors import UnusableInput, UsageError
from perfkit.foreign.measurements import listed, unusable
from perfkit.model.block import Column
from perfkit.model.metric import FAST, FLOAT, GAUGE, INTEGER, TARGET, Metric
from perfkit.model.text import printable

T_NS = "t_ns"
T_S = "t_s"
TIME = "time"
SESSION_CLOCKS: Mapping[str, float] = {T_NS: 1.0, T_S: 1e9}
"""Columns of seconds or nanoseconds since the start: name to nanoseconds a unit."""

WALL_CLOCKS = (TIME, "timestamp")
"""Columns of the time of day, the first that is there counts."""

GRAMMAR = "COLUMN=METRIC, COLUMN=METRIC*FACTOR or COLUMN=METRIC/DIVISOR"

_METRIC_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MOST_NS = 2.0**62
_OWN_MEANING = "imported; perfkit has no metric of this name"


@dataclass(frozen=True)
class Mapped:
    """One column and what it is: a metric's name, `time`, `t_s` or `t_ns`; factor: its unit's worth."""

    column: str
    metric: str
    factor: float = 1.0


@dataclass(frozen=True)
class Taken:
    """One column that is taken: values times factor are the metric's."""

    column: str
    metric: Metric
    factor: float


@dataclass(frozen=True)
class Layout:
    """Which columns of a file are what.

    clock: nanoseconds since the start, or None where only the time of day is known. wall: the time
    of day, or None. own: metrics that perfkit does not know. left_out: columns nobody asked for.
    """

    clock: Mapped | None
    wall: Mapped | None
    taken: tuple[Taken, ...]
    own: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that must be read, each once."""
        clocks = [one.column for one in (self.clock, self.wall) if one is not None]
        return tuple(dict.fromkeys([*clocks, *(one.column for one in self.taken)]))


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of a file.

    places: int64[n], where each stands: a line or a row, counted from 1. clock_ns: int64[n], the
    session's clock, None where the layout has none. wall_us: int64[n] since 1970 UTC, likewise.
    columns: metric name to its values.
    """

    places: npt.NDArray[np.int64]
    clock_ns: npt.NDArray[np.int64] | None
    wall_us: npt.NDArray[np.int64] | None
    columns: Mapping[str, Column]


class SeriesFile(Protocol):
    """A file whose first part was read. kind: what it is, for people. place: `line` or `row`."""

    kind: str
    place: str
    path: Path

    @property
    def names(self) -> Sequence[str]:
        """Its columns, as they are called there."""
        ...

    @property
    def presets(self) -> Sequence[Mapped]:
        """What the columns of this format are known to be."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What was passed over, a sentence each; complete once all rows were read."""
        ...

    def rows(self, layout: Layout) -> Iterator[Rows]:
        """All rows in their order. Raises UnusableInput, naming the place, where one is no row."""
        ...


@dataclass
class Trouble:
    """Makes the refusals of one file. place: `line` or `row`."""

    path: Path
    place: str
    notes: list[str] = field(default_factory=list)

    def cell(self, text: str, at: int, column: str, wanted: str) -> UnusableInput:
        """A cell that is not what belongs there."""
        shown = printable(text, 40)
        return unusable(
            self.path,
            f"holds {shown!r} in {self.place} {at}, column {printable(column, 80)}, where {wanted}",
        )


def parse_mapping(text: str) -> Mapped:
    """One `--map`: COLUMN=METRIC, COLUMN=METRIC*FACTOR or COLUMN=METRIC/DIVISOR.

    The last `=` counts, so that a column's name may hold one. Raises UsageError.
    """
    column, equals, rest = text.rpartition("=")
    metric, sign, number = rest.partition("*")
    if not sign:
        metric, sign, number = rest.partition("/")
    factor = 1.0
    if sign:
        try:
            factor = float(number)
        except ValueError:
            factor = math.nan
        if sign == "/" and factor:
            factor = 1 / factor
    name = metric.strip()
    if not (equals and column and _METRIC_NAME.fullmatch(name)):
        raise UsageError(
            f"--map {printable(text, 80)} is none of {GRAMMAR}; for instance mem_mb=rss_bytes*1048576"
        )
    if not math.isfinite(factor) or factor == 0:
        raise UsageError(f"--map {printable(text, 80)} has no number behind {sign}")
    return Mapped(column, name, factor)


def layout(series: SeriesFile, maps: Sequence[Mapped], known: Mapping[str, Metric]) -> Layout:
    """What each column of the file is.

    What the user maps comes first, then what the format says, then perfkit's own names.
    Raises UnusableInput where there is no time, no metric, or one column too many of a kind, and
    UsageError for a mapped column that is not there.
    """
    names = list(series.names)
    _check_maps(series, names, maps)
    given = {one.column: one for one in series.presets if one.column in names}
    given |= {one.column: one for one in maps}
    found = {name: given.get(name) or _by_name(name, known) for name in names}
    asked = {one.metric for one in maps}
    chosen: dict[str, Mapped] = {}
    for column, one in found.items():
        if one is None or (one.metric in asked and one not in maps):
            found[column] = None
            continue
        if one.metric in chosen:
            both = listed([chosen[one.metric].column, column])
            raise unusable(
                series.path, f"has two columns for {one.metric}: {both}; name one by --map"
            )
        if names.count(column) > 1:
            raise unusable(series.path, f"names the column {listed([column])} more than once")
        chosen[one.metric] = one
    clock = next((chosen[name] for name in SESSION_CLOCKS if name in chosen), None)
    wall = chosen.get(TIME)
    if clock is None and wall is None:
        raise unusable(
            series.path,
            "has no column of time (t_s in seconds, or time); name it by --map COLUMN=t_s or "
            "--map COLUMN=time",
        )
    clocks = {*SESSION_CLOCKS, TIME}
    taken = tuple(
        Taken(one.column, known.get(one.metric) or own_metric(one.metric), one.factor)
        for one in chosen.values()
        if one.metric not in clocks
    )
    left_out = tuple(
        dict.fromkeys(
            column
            for column in names
            if (one := found[column]) is None or (one.metric in clocks and one not in (clock, wall))
        )
    )
    if not taken:
        raise unusable(
            series.path,
            f"has no column that perfkit knows ({listed(left_out)}); say what they are, for "
            "instance --map COLUMN=rss_bytes",
        )
    own = tuple(one.metric.name for one in taken if one.metric.name not in known)
    return Layout(clock, wall, taken, own, left_out)


def own_metric(name: str) -> Metric:
    """A metric that perfkit does not know: a level in the unit that its name ends in."""
    return Metric(name, _unit(name), GAUGE, FAST, TARGET, _OWN_MEANING, FLOAT)


def clock_ns(
    values: npt.NDArray[np.float64] | npt.NDArray[np.int64], clock: Mapped
) -> npt.NDArray[np.int64] | int:
    """A session clock's column as nanoseconds, or the row of the first that is no time at all."""
    worth = clock.factor * SESSION_CLOCKS[clock.metric]
    with np.errstate(over="ignore"):
        usable = np.isfinite(values) & (np.abs(values * worth) < _MOST_NS)
    if not usable.all():
        return int(np.flatnonzero(~usable)[0])
    if values.dtype.kind == "i" and worth == 1:
        return values.astype(np.int64, copy=False)
    return np.rint(values * worth).astype(np.int64)


def stored(
    values: npt.NDArray[np.float64] | npt.NDArray[np.int64],
    valid: npt.NDArray[np.bool_],
    one: Taken,
) -> Column | int:
    """The column of the metric, or the row of the first value that it cannot hold."""
    whole = one.metric.format == INTEGER
    if values.dtype.kind == "i" and one.factor == 1:
        return Column(values if whole else values.astype(np.float64), valid)
    with np.errstate(over="ignore"):
        scaled = np.asarray(values * one.factor, np.float64)
    usable = np.isfinite(scaled) & (np.abs(scaled) < 2.0**63 if whole else True)
    if not usable[valid].all():
        return int(np.flatnonzero(valid & ~usable)[0])
    scaled = np.where(valid, scaled, 0.0)
    return Column(np.rint(scaled).astype(np.int64) if whole else scaled, valid)


def _check_maps(series: SeriesFile, names: Sequence[str], maps: Sequence[Mapped]) -> None:
    for one in maps:
        if one.column not in names:
            raise UsageError(
                f"--map names the column {printable(one.column, 80)}, which "
                f"{printable(str(series.path))} does not have; its columns are {listed(names, 12)}"
            )
    for what, of in (("column", [m.column for m in maps]), ("metric", [m.metric for m in maps])):
        twice = sorted({name for name in of if of.count(name) > 1})
        if twice:
            raise UsageError(f"--map names the {what} {listed(twice, 1)} more than once")


def _by_name(name: str, known: Mapping[str, Metric]) -> Mapped | None:
    plain = name.strip().lower()
    if plain in WALL_CLOCKS:
        return Mapped(name, TIME)
    if plain in known or plain in SESSION_CLOCKS:
        return Mapped(name, plain)
    return None


_UNITS = ("ns", "us", "ms", "s", "bytes", "count", "percent", "ratio", "cores")


def _unit(name: str) -> str:
    if name.endswith("_per_s"):
        amount = name.removesuffix("_per_s").rpartition("_")[2]
        return f"{amount if amount in ('bytes', 'percent') else 'count'}/s"
    words = name.split("_")[1:]
    return next((word for word in reversed(words) if word in _UNITS), "number")
