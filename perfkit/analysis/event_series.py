"""Which events a figure is made of: from all that an application said to a few series of numbers.

A series holds, in the order of arrival, the tick in which an event arrived and one number of it.
Events of type `perfkit.*` are perfkit's own and in none of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perfkit.model.events import OTHER_TYPE, Events

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Picked = tuple[Integers, Floats]
"""Which events, increasing, and the number of each."""

MOST_OPEN = 10_000
"""Operations that are remembered as begun and not ended; beyond it the oldest are forgotten."""

MOST_WORKERS = 10_000
"""Workers that are told apart."""

_OWN = "perfkit."
_START, _END = "_start", "_end"


def _and_spans(*types: str) -> frozenset[str]:
    """The types and the ends of spans of that name."""
    return frozenset((*types, *(f"{type}{_END}" for type in types)))


OPERATIONS = _and_spans("request", "ml_processing")
FRAMES = _and_spans("virtual_scroll_render", "frame")
_CACHE = frozenset(("cache_operation",))
_TASKS = frozenset(("worker_task_completed",))


def is_own(type: str) -> bool:
    """Whether events of this type are perfkit's; what it calls `other` is an application's."""
    return type.startswith(_OWN) and type != OTHER_TYPE


@dataclass(frozen=True)
class Series:
    """n events. t_ns: int64[n], never falling: the tick of arrival. values: float64[n], finite."""

    t_ns: Integers
    values: Floats

    def followed_by(self, other: Series) -> Series:
        """This one and then the other."""
        if not len(other.t_ns):
            return self
        return Series(
            np.concatenate((self.t_ns, other.t_ns)), np.concatenate((self.values, other.values))
        )

    def after(self, t_ns: int) -> Series:
        """Without what arrived up to t_ns, apart from the last of it."""
        first = max(int(np.searchsorted(self.t_ns, t_ns, "right")) - 1, 0)
        return Series(self.t_ns[first:], self.values[first:]) if first else self


NO_EVENTS = Series(np.zeros(0, np.int64), np.zeros(0))

Picker = Callable[[Events], Picked]
"""Takes the events of a session in order, piece by piece."""


def _of(events: Events, types: frozenset[str]) -> Integers:
    wanted = np.array([type in types for type in events.types], np.bool_)
    return np.flatnonzero(wanted[events.codes])


def _sane(chosen: Integers, values: Floats) -> Picked:
    """Those whose number is one that a measurement can give."""
    with np.errstate(invalid="ignore"):
        kept = np.isfinite(values) & (values >= 0)
    return chosen[kept], values[kept]


def _everything(events: Events) -> Picked:
    wanted = np.array([not is_own(type) for type in events.types], np.bool_)
    chosen = np.flatnonzero(wanted[events.codes])
    return chosen, np.ones(len(chosen))


def _operations(events: Events) -> Picked:
    chosen = _of(events, OPERATIONS)
    return chosen, np.ones(len(chosen))


def _latencies(events: Events) -> Picked:
    chosen = _of(events, OPERATIONS)
    return _sane(chosen, events.duration_ms[chosen])


def _failures(events: Events) -> Picked:
    """1 for an operation that failed, 0 for one that did not; not those that did not say."""
    chosen = _of(events, OPERATIONS)
    ok = events.ok[chosen]
    return chosen[ok >= 0], (ok[ok >= 0] == 0).astype(np.float64)


def _frames(events: Events) -> Picked:
    chosen = _of(events, FRAMES)
    return chosen, np.ones(len(chosen))


def _renders(events: Events) -> Picked:
    chosen = _of(events, FRAMES)
    render_ms = events.number("render_ms")[chosen]
    return _sane(chosen, np.where(np.isnan(render_ms), events.duration_ms[chosen], render_ms))


def _hits(events: Events) -> Picked:
    """1 for a hit, 0 for a miss, of look-ups that say so."""
    chosen = _of(events, _CACHE)
    hit = events.number("hit")[chosen]
    operation = events.label("operation")[chosen]
    texts = events.labels.texts
    is_get = operation == (texts.index("get") if "get" in texts else -1)
    kept = ~np.isnan(hit) & (is_get | (operation < 0))
    return chosen[kept], (hit[kept] > 0).astype(np.float64)


def _busy(events: Events) -> Picked:
    chosen = _of(events, _TASKS)
    return _sane(chosen, events.duration_ms[chosen])


def _queues(events: Events) -> Picked:
    chosen = _of(events, _TASKS)
    return _sane(chosen, events.number("queue_ms")[chosen])


class _Workers:
    """How many workers have completed a task so far; tasks of no named worker are one worker's."""

    def __init__(self) -> None:
        self._known: set[str | None] = set()

    def __call__(self, events: Events) -> Picked:
        chosen = _of(events, _TASKS)
        codes, firsts = np.unique(events.label("worker_id")[chosen], return_index=True)
        before = len(self._known)
        is_new = np.zeros(len(chosen), np.int64)
        for first, code in sorted(zip(firsts.tolist(), codes.tolist(), strict=True)):
            name = None if code < 0 else events.labels.texts[code]
            if name not in self._known and len(self._known) < MOST_WORKERS:
                self._known.add(name)
                is_new[first] = 1
        return chosen, (before + np.cumsum(is_new)).astype(np.float64)


class _Open:
    """How many operations have begun and not ended, after each beginning and end.

    An operation is X_start and X_end with one operation_id; an end without a start changes nothing.
    """

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, str], None] = OrderedDict()

    def __call__(self, events: Events) -> Picked:
        bounds = [type.endswith((_START, _END)) and not is_own(type) for type in events.types]
        if not any(bounds):
            return NO_EVENTS.t_ns, NO_EVENTS.values
        ids = events.label("operation_id")
        chosen = np.flatnonzero(np.array(bounds)[events.codes] & (ids >= 0))
        starts = [type.endswith(_START) for type in events.types]
        names = [
            type.removesuffix(_END if type.endswith(_END) else _START) for type in events.types
        ]
        texts, known = events.labels.texts, self._open
        counts = []
        for code, id in zip(events.codes[chosen].tolist(), ids[chosen].tolist(), strict=True):
            key = (names[code], texts[id])
            if starts[code]:
                known[key] = None
                if len(known) > MOST_OPEN:
                    known.popitem(last=False)
            else:
                known.pop(key, None)
            counts.append(len(known))
        return chosen, np.array(counts, np.float64)


PICKERS: Mapping[str, Callable[[], Picker]] = {
    "everything": lambda: _everything,
    "operations": lambda: _operations,
    "latencies": lambda: _latencies,
    "failures": lambda: _failures,
    "frames": lambda: _frames,
    "renders": lambda: _renders,
    "hits": lambda: _hits,
    "busy": lambda: _busy,
    "queues": lambda: _queues,
    "workers": _Workers,
    "open": _Open,
}
"""Name of a series to what starts a picker of it: with durations and waits in milliseconds."""
