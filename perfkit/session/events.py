"""Reading what applications said: lines that anybody may have written become columns.

A recorder stores lines as they come; here they are looked at for the first time. Whatever a line
holds, reading never fails and its memory is bounded: what cannot be read is counted, names beyond
a limit are counted and left out, long texts are cut. `EventParser.notes` says so.

What a line gives (design of the wire: docs/events.md): `type`, `t_ns`, `duration_ms` and `success`
become columns where they are what they should be, and are fields like any other where they are
not. Numbers and truth values are `numbers`; texts are `labels`, and so are lists and objects, as
JSON, numbers that no double holds, and whole numbers that name something (`worker_id`,
`status_code`): nobody adds those up.

Lines are taken by the thousand and their fields laid end to end, so that each step is one call over
all of them: a loop over fields would take as long again as reading the JSON does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, compress
from json.decoder import JSONDecoder
from operator import methodcaller
from typing import Any

import numpy as np
import numpy.typing as npt

from perfkit.model.events import OTHER_TYPE, Bools, Events, Fields, concatenated
from perfkit.model.wire import DROPPED_KEY, MAX_LINE_BYTES

LATE_NS = 60 * 10**9
"""An event's own time counts if it lies no further back than this; else its arrival does."""

MOST_TYPES = 1000
MOST_NAMES = 1000
MOST_FIELDS = 256
LONGEST_NAME = 200
LONGEST_TEXT = 1000

_LOT = 1000  # lines read at a time: more, and their objects leave the processor's cache
ARRIVAL_BYTES = 8
_DROPPED_TYPE = "perfkit.dropped"

# Positions of these names; where a value is what it should be, it is a column and no field.
_SPECIAL = ("type", "t_ns", "duration_ms", "success", DROPPED_KEY)
_TYPE, _T_NS, _DURATION, _SUCCESS, _DROPPED = range(len(_SPECIAL))
_REFUSED = -1

_TEXT, _INTEGER, _FLOAT, _TRUTH, _NULL, _NESTED = range(6)
_KIND_OF = {
    str: _TEXT,
    int: _INTEGER,
    float: _FLOAT,
    bool: _TRUTH,
    type(None): _NULL,
    dict: _NESTED,
    list: _NESTED,
}

_IDENTITIES = ("id", "pid")
_IDENTITY_ENDINGS = ("_id", "_pid", "_code")

# A NaN becomes its own name and so a label. Control characters in a text are no reason to refuse it.
_scan: Callable[[str, int], tuple[Any, int]] = JSONDecoder(  # type: ignore[attr-defined]
    strict=False, parse_constant=str
).scan_once

_WORD = os.urandom(8).hex()
_BETWEEN = f',"{_WORD}",'

_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

_SPACE = " \t\r"
_stripped = methodcaller("strip", _SPACE)

_Ints = npt.NDArray[np.int64]


class EventParser:
    """Reads the event frames of one journal, in their order, as many at a time as one likes.

    start_ns: CLOCK_BOOTTIME at the session's t_ns = 0.
    What comes out does not depend on how the frames were cut into calls, apart from the numbers
    by which names and texts are referred to.
    """

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._names = _Names(MOST_NAMES + len(_SPECIAL))
        for name in _SPECIAL:
            self._names[name]
        self._types = _Types(MOST_TYPES)
        self._unreadable = 0
        self._times_replaced = 0
        self._texts_cut = 0
        self._fields_left_out = 0

    def parse(self, frames: Iterable[tuple[int, bytes]]) -> Events | None:
        """The events of some frames; None if there is none in them.

        frames: (row, payload), rows never falling; payload: the arrival, then whole lines.
        """
        texts = _Codes()
        pieces = [self._lot(*lot, texts) for lot in _lots(frames)]
        pieces = [piece for piece in pieces if len(piece)]
        if not pieces:
            return None
        events = concatenated(pieces)
        known = tuple(texts)
        labels = events.labels
        return Events(
            events.rows,
            events.t_ns,
            events.codes,
            events.types,
            events.duration_ms,
            events.ok,
            events.numbers,
            Fields(labels.starts, labels.keys, labels.names, labels.values, known),
        )

    def notes(self) -> dict[str, str]:
        """What was left out, replaced or cut so far; nothing where all is as it was sent."""
        counts = {
            "events_unreadable": self._unreadable,
            "events_other_types": self._types.refused,
            "events_fields_left_out": self._fields_left_out,
            "events_texts_cut": self._texts_cut,
            "events_times_replaced": self._times_replaced,
        }
        return {key: str(count) for key, count in counts.items() if count}

    def _lot(self, lines: list[str], rows: _Ints, arrivals: _Ints, texts: _Codes) -> Events:
        objects, places = _objects(lines)
        if len(objects) < len(lines):
            self._unreadable += sum(map(bool, map(_stripped, lines))) - len(objects)
        return self._columns(objects, rows[places], arrivals[places], texts)

    def _columns(
        self, objects: list[dict[str, Any]], rows: _Ints, arrivals: _Ints, texts: _Codes
    ) -> Events:
        flat = _Flat(objects, self._names)
        is_type = (flat.keys == _TYPE) & (flat.kinds == _TEXT)
        if np.count_nonzero(is_type) != len(objects):
            has_type = np.zeros(len(objects), np.bool_)
            has_type[flat.events[is_type]] = True
            self._unreadable += len(objects) - int(np.count_nonzero(has_type))
            objects = list(compress(objects, has_type))
            return self._columns(objects, rows[has_type], arrivals[has_type], texts)
        codes = flat.coded(is_type, self._types)
        t_ns = self._times(flat, arrivals)
        duration_ms, is_duration = _durations(flat)
        ok, is_ok = _outcomes(flat)

        is_field = ~(is_duration | is_ok | flat.is_time) & (flat.keys != _DROPPED)
        is_field &= ~is_type | (codes == self._types.other)[flat.events]
        is_field &= flat.kinds != _NULL
        is_kept = is_field & flat.is_admitted()
        self._fields_left_out += int(np.count_nonzero(is_field & ~is_kept))
        flat.name_what_names(is_kept, self._names)
        is_number = is_kept & (flat.kinds != _TEXT) & (flat.kinds != _NESTED)
        values = flat.numbers(is_number)
        if not np.isfinite(values).all():
            flat.put_into_words(np.flatnonzero(is_number)[~np.isfinite(values)])
            is_number &= flat.kinds != _TEXT
            values = values[np.isfinite(values)]
        is_label = is_kept & ~is_number
        said, cut = flat.texts(is_label)
        self._texts_cut += cut
        names = tuple(self._names)
        events = Events(
            rows,
            t_ns - self._start_ns,
            codes,
            tuple(self._types.texts),
            duration_ms,
            ok,
            Fields(flat.starts(is_number), flat.keys[is_number], names, values),
            Fields(flat.starts(is_label), flat.keys[is_label], names, _coded(said, texts)),
        )
        dropped = self._types.get(_DROPPED_TYPE)
        # not said by the application, but by what carries its events: only the count mattered
        return events if dropped is None else events.chosen(codes != dropped)

    def _times(self, flat: _Flat, arrivals: _Ints) -> _Ints:
        """When each event was."""
        t_ns = arrivals.copy()
        places = np.flatnonzero(flat.is_time)
        if len(places):
            own = flat.integers(places)
            events = flat.events[places]
            # both sides are far from the ends of 64 bits, or else the difference is absurd as well
            is_near = (own <= arrivals[events]) & (own >= arrivals[events] - LATE_NS)
            t_ns[events[is_near]] = own[is_near]
            self._times_replaced += int(np.count_nonzero(~is_near))
        return t_ns


class _Names(dict[str, int]):
    """Names of fields to their numbers; beyond `most`, and for names unfit to be one, -1."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._identities: list[bool] = []

    def __missing__(self, name: str) -> int:
        if len(self) >= self._most or len(name) > LONGEST_NAME or _presentable(name) != name:
            return _REFUSED
        self[name] = len(self)
        self._identities.append(name in _IDENTITIES or name.endswith(_IDENTITY_ENDINGS))
        return len(self) - 1

    def is_identity(self) -> Bools:
        """bool[names + 1]: whose numbers name something; the last stands for refused names."""
        return np.array([*self._identities, False], np.bool_)


class _Types(dict[str, int]):
    """Types as they were sent to their numbers; beyond `most`, that of `perfkit.other`.

    texts: what they are called, by number. other: the number of `perfkit.other`, or -1.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self.texts: list[str] = []
        self.other = -1
        self.refused = 0

    def __missing__(self, type: str) -> int:
        if len(self) < self._most:
            self[type] = len(self.texts)
            self.texts.append(_presentable(type[:LONGEST_NAME]))
            return len(self.texts) - 1
        if self.other < 0:
            self.other = len(self.texts)
            self.texts.append(OTHER_TYPE)
        self.refused += 1
        return self.other


class _Codes(dict[str, int]):
    """Texts to the order in which they came."""

    def __missing__(self, text: str) -> int:
        self[text] = code = len(self)
        return code


class _Flat:
    """The fields of `count` objects, end to end. keys, kinds, events: one for each field."""

    def __init__(self, objects: list[dict[str, Any]], names: _Names) -> None:
        self.count = len(objects)
        self._sizes = np.fromiter(map(len, objects), np.int64, len(objects))
        self._values: list[Any] = list(chain.from_iterable(map(dict.values, objects)))
        fields = len(self._values)
        self.keys = np.fromiter(
            map(names.__getitem__, chain.from_iterable(objects)), np.int32, fields
        )
        self.kinds = np.fromiter(
            map(_KIND_OF.__getitem__, map(type, self._values)), np.int8, fields
        )
        self.events = np.repeat(np.arange(len(objects)), self._sizes)
        self.is_time = (self.keys == _T_NS) & (self.kinds == _INTEGER)

    def starts(self, chosen: Bools) -> _Ints:
        """Where the chosen fields of each event begin among the chosen ones."""
        found = np.zeros(len(self._sizes) + 1, np.int64)
        np.cumsum(np.bincount(self.events[chosen], minlength=len(self._sizes)), out=found[1:])
        return found

    def is_admitted(self) -> Bools:
        """Which fields have a name that is known, and not too many before them in their event."""
        admitted: Bools = self.keys != _REFUSED
        if len(self._sizes) and self._sizes.max() > MOST_FIELDS:
            first = np.cumsum(self._sizes) - self._sizes
            admitted &= np.arange(len(self.keys)) - first[self.events] < MOST_FIELDS
        return admitted

    def coded(self, chosen: Bools, codes: dict[str, int]) -> npt.NDArray[np.int32]:
        """The numbers of the chosen texts, one in each event."""
        return _coded(list(compress(self._values, chosen)), codes)

    def integers(self, places: _Ints) -> _Ints:
        """Whole numbers; those beyond 64 bits as the least there is."""
        values = [self._values[place] for place in places.tolist()]
        try:
            return np.array(values, np.int64)
        except OverflowError:
            fit = [value if -(2**62) < value < 2**62 else -(2**62) for value in values]
            return np.array(fit, np.int64)

    def numbers(self, chosen: Bools) -> npt.NDArray[np.float64]:
        """The chosen numbers and truth values; those beyond a double as infinity."""
        values = list(compress(self._values, chosen))
        try:
            return np.array(values, np.float64)
        except OverflowError:
            return np.array([_float(value) for value in values], np.float64)

    def name_what_names(self, chosen: Bools, names: _Names) -> None:
        """Make texts of the chosen numbers that are not amounts."""
        is_identity = names.is_identity()[self.keys]
        is_identity &= chosen & ((self.kinds == _INTEGER) | (self.kinds == _FLOAT))
        self.put_into_words(np.flatnonzero(is_identity))

    def put_into_words(self, places: _Ints) -> None:
        """Make texts of numbers: a whole one without its point, an infinite one as JSON has it."""
        for place in places.tolist():
            value = self._values[place]
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            self._values[place] = str(value) if type(value) is int else json.dumps(value)
        self.kinds[places] = _TEXT

    def texts(self, chosen: Bools) -> tuple[list[str], int]:
        """The chosen texts, what is nested as JSON, and how many had to be cut."""
        for place in np.flatnonzero(chosen & (self.kinds == _NESTED)).tolist():
            self._values[place] = _as_json(self._values[place])
        texts: list[str] = list(compress(self._values, chosen))
        cut = 0
        if texts and max(map(len, texts)) > LONGEST_TEXT:
            cut = sum(len(text) > LONGEST_TEXT for text in texts)
            texts = [
                text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
                for text in texts
            ]
        try:
            "".join(texts).encode()
        except UnicodeEncodeError:
            texts = [_presentable(text) for text in texts]
        return texts, cut


def _lots(frames: Iterable[tuple[int, bytes]]) -> Iterator[tuple[list[str], _Ints, _Ints]]:
    """Lines, and the row and arrival of each, some thousands at a time."""
    lines: list[str] = []
    rows: list[int] = []
    arrivals: list[int] = []
    counts: list[int] = []

    def lot() -> tuple[list[str], _Ints, _Ints]:
        return (
            lines,
            np.repeat(np.array(rows, np.int64), counts),
            np.repeat(np.array(arrivals, np.int64), counts),
        )

    for row, payload in frames:
        if len(payload) <= ARRIVAL_BYTES:
            continue
        said = payload[ARRIVAL_BYTES:].decode("utf-8", "replace").split("\n")
        if not said[-1]:
            said.pop()
        arrival = int.from_bytes(payload[:ARRIVAL_BYTES], "little", signed=True)
        for start in range(0, len(said), _LOT):  # a frame may hold sixty thousand empty ones
            part = said[start : start + _LOT]
            lines += part
            rows.append(row)
            arrivals.append(max(arrival, 0))
            counts.append(len(part))
            if len(lines) >= _LOT:
                yield lot()
                lines, rows, arrivals, counts = [], [], [], []
    if lines:
        yield lot()


def _objects(lines: Sequence[str]) -> tuple[list[dict[str, Any]], _Ints]:
    """The objects that lines hold, and which lines those are."""
    found = _at_once(lines)
    if found is None:
        found = [_patiently(line) for line in lines]
    if lines and max(map(len, lines)) >= MAX_LINE_BYTES:  # the recorder takes none of them
        found = [
            None if len(line) >= MAX_LINE_BYTES else value
            for line, value in zip(lines, found, strict=True)
        ]
    if set(map(type, found)) == {dict}:
        return found, np.arange(len(found))
    is_object = np.array([type(value) is dict for value in found], np.bool_)
    return list(compress(found, is_object)), np.flatnonzero(is_object)


def _at_once(lines: Sequence[str]) -> list[Any] | None:
    """What all lines hold, read as one array: twice as fast; None if it must be one by one.

    Lines that are wrong each by itself could be right together (`{"a": [1` and `2]}`). Between
    them stands a word that nobody can have known when the lines were written, so it is found
    between all values exactly if each line is one value, and whole.
    """
    text = f"[{_BETWEEN[1:]}{_BETWEEN.join(lines)}{_BETWEEN}0]"
    try:
        values, end = _scan(text, 0)
    except (StopIteration, ValueError, RecursionError):
        return None
    found = values[1::2]
    words = values[0::2]
    is_whole = len(found) == len(lines) + 1 and words.count(_WORD) == len(words) == len(found)
    return found[:-1] if is_whole and end == len(text) else None


def _patiently(line: str) -> Any:
    """The value of a line that has space around it; None for one that cannot be read."""
    line = line.strip(_SPACE)
    try:
        value, end = _scan(line, 0)
    except (StopIteration, ValueError, RecursionError):
        return None
    return value if end == len(line) else None


def _durations(flat: _Flat) -> tuple[npt.NDArray[np.float64], Bools]:
    """How long each event took, and which fields say so."""
    found = np.full(flat.count, np.nan)
    chosen = (flat.keys == _DURATION) & ((flat.kinds == _INTEGER) | (flat.kinds == _FLOAT))
    values = flat.numbers(chosen)
    is_sane = np.isfinite(values) & (values >= 0)
    chosen[chosen] = is_sane
    found[flat.events[chosen]] = values[is_sane]
    return found, chosen


def _outcomes(flat: _Flat) -> tuple[npt.NDArray[np.int8], Bools]:
    """How each event went, and which fields say so."""
    found = np.full(flat.count, -1, np.int8)
    chosen = (flat.keys == _SUCCESS) & (flat.kinds == _TRUTH)
    found[flat.events[chosen]] = flat.numbers(chosen)
    return found, chosen


def _coded(texts: list[str], codes: dict[str, int]) -> npt.NDArray[np.int32]:
    return np.fromiter(map(codes.__getitem__, texts), np.int32, len(texts))


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _presentable(text: str) -> str:
    """The text with halves of characters, which no file takes, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _as_json(value: Any) -> str:
    try:
        return _write(value)
    except ValueError:  # an infinity from 1e999: its name instead
        return _write(json.loads(json.dumps(value), parse_constant=str))
    except RecursionError:
        return "(nested too deeply)"
