"""Reading a journal: one that is being written now, or one that a killed recorder left.

What is written in `perfkit.session.journal` is read here in the same terms. Nothing that is intact
is given up: a record with a wrong checksum is skipped and counted, a missing segment leaves a gap,
a damaged header is replaced by its copy or by the one its sisters repeat, and after a damaged frame the search
goes on at the next intact one. What lies behind the last intact tick never happened, notes apart.

A journal may grow while it is read; a reader sees the ticks that were there when it came to them.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import re
import struct
from binascii import crc32
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from perfkit.errors import UnusableInput
from perfkit.model.block import Block, Column, ProcessEntry
from perfkit.model.metric import FLOAT, INTEGER, NULL_INTEGER, Metric
from perfkit.model.session import DROPPED_NOTE, Session
from perfkit.model.text import printable
from perfkit.model.tick import BYTES, PROCESS_FIELDS
from perfkit.session.events import ARRIVAL_BYTES, EventParser
from perfkit.session.journal import (
    CHECKSUM,
    EVENT_FRAME,
    FRAME_HEAD,
    HEADER_COPY,
    JOURNAL_VERSION,
    MAGIC,
    NOTE_FRAME,
    PROCESS_COUNT,
    PROCESS_INTEGERS,
    PROCESSES_FRAME,
    TICK_HEAD,
    TICK_TAIL,
    is_live,
)
from perfkit.session.schema import (
    METRIC_FACTS,
    metric_from_facts,
    session_from_facts,
    with_notes,
)

if TYPE_CHECKING:
    import pyarrow as pa

_HEADER_LIMIT = 2**20
_HOLES_KEPT = 20
_WORD = 8
_TRANSPOSE_ROWS = 256  # rows copied at a time, so that a stripe stays in the processor's cache
_FRAMES_AT_ONCE = 4 * 2**20  # what is read of events before a block of them is made
_PIECE = 2**18
_LONGEST_FRAME = 2**26
_FRAME_START = re.compile(b"[PNE]\0\0\0")
_DAMAGED = b""  # the kind of what is no intact frame
_TEXT_FIELDS = tuple(name for name, kind, _ in PROCESS_FIELDS if kind == BYTES)
_INTEGER_FIELDS = tuple(name for name, kind, _ in PROCESS_FIELDS if kind != BYTES)
_PROCESS_NAMES = (*_INTEGER_FIELDS, *_TEXT_FIELDS)

_Words = npt.NDArray[np.int64]


Damage = tuple[int, int, int]
"""t_ns of the intact ticks around a hole (one of them twice at an end), and how many it swallowed."""


@dataclass(frozen=True)
class Layout:
    """What a header says. words: metric name to the position of its 8 bytes in a record."""

    size: int
    record_size: int
    metrics: tuple[Metric, ...]
    words: dict[str, int]
    session: Session


@dataclass(frozen=True)
class _Segment:
    number: int
    ticks: Path
    frames: Path
    layout: Layout


class JournalSource:
    """The ticks of a journal, raw: nothing is derived here.

    path, session (notes so far included), metrics; live: whether a recorder is writing it now;
    last_tick: t_ns and wall clock in microseconds of the last intact tick that was read so far;
    layout, first_segment: where its records lie, and the number of its oldest segment;
    problems: a sentence for each thing that is damaged, as far as it is known on opening and, of
    events, once they were read to the end;
    strangers: numbers of segments that belong to another recording, and are not read;
    event_notes: what was left out of the events when they were last read to the end.
    """

    def __init__(self, path: Path, *, live: bool | None = None) -> None:
        """Read headers and notes. Raises UnusableInput if path is no journal that can be read.

        live: what whoever holds the recorder's lock knows; by default the lock is looked at.
        """
        self.path = path
        self._source = printable(str(path))
        self.live: bool = is_live(str(path)) if live is None else live
        self.last_tick: tuple[int, int | None] | None = None
        self._damaged: int | None = None
        self._damage: tuple[Damage, ...] = ()
        self.event_notes: dict[str, str] = {}
        problems: list[str] = []
        self.strangers: tuple[int, ...] = ()
        self._segments = self._find_segments(problems)
        layout = self.layout = self._segments[0].layout
        self.first_segment: int = self._segments[0].number
        self.metrics: tuple[Metric, ...] = layout.metrics
        notes = self._notes()
        # a flight recorder drops what is old, and says from where on it has kept everything
        kept_segment, self._first = _kept_from(notes.pop("kept_from", ""))
        if self._first:
            notes[DROPPED_NOTE] = str(self._first)
        numbers = {segment.number for segment in self._segments}
        if self.live:
            # dropped while the folder was listed, and said so in a segment that came after that
            kept_segment = max(kept_segment, min(numbers))
        problems += [
            f"Segment {number:06d} of the journal is missing; its ticks are lost."
            for number in range(kept_segment, max(numbers))
            if number not in numbers
        ]
        self.session: Session = with_notes(layout.session, notes)
        self.problems: tuple[str, ...] = tuple(problems)
        self._problems_on_opening = self.problems

    @property
    def damaged(self) -> int:
        """Ticks that were written and cannot be read; reads the journal unless that was done."""
        if self._damaged is None:
            for _ in self.blocks(()):
                pass
        return self._damaged or 0

    @property
    def damage(self) -> tuple[Damage, ...]:
        """Where ticks cannot be read, in time order, the longest 20; reads as `damaged` does."""
        return self._damage if self.damaged else ()

    def blocks(self, columns: Collection[str] | None = None) -> Iterator[Block]:
        """The intact ticks in time order, one block a segment, more where there are many events.

        columns: names of metrics, `processes` and `events`; all by default. Unknown names are
        passed over.
        Raises UnusableInput if the journal cannot be read any more.
        """
        damaged = 0
        unreadable = 0  # records since the last intact one
        dropped = self.live  # meanwhile, by a flight recorder: that is no damage
        expected = self._first
        latest = -(2**63)
        holes: list[Damage] = []
        parser = None
        if columns is None or "events" in columns:
            parser = EventParser(self.session.start_boottime_ns)
        lost = Lost()
        for segment in self._segments:
            words, behind = self._records(segment)
            words = _in_order(words, segment.layout.words["t_ns"], expected, latest)
            if len(words):
                # The sequence tells what is lost before it, a missing segment included.
                first, last = int(words[0, 0]), int(words[-1, 0])
                before = 0 if dropped else first - expected
                damaged += before + (last - first + 1 - len(words))
                t_ns = words[:, segment.layout.words["t_ns"]]
                if before:
                    holes.append((max(latest, 0), int(t_ns[0]), before))
                holes = _longest(holes + _holes(words[:, 0], t_ns))
                dropped = False
                expected = last + 1
                latest = int(t_ns[-1])
                self.last_tick = latest, _wall_clock(segment.layout, words[-1])
                unreadable = 0
                yield from self._blocks(segment, words, columns, parser, lost)
            elif self.live and not segment.ticks.exists():
                dropped = True
            unreadable += behind
            # behind its last intact tick a segment has events only if ticks are lost there
            if parser is not None and (behind or segment is not self._segments[-1]):
                committed = int(words[:, 1].max()) if len(words) else 0
                with self._opened_frames(segment) as file:
                    lost.read(file, committed)
        if unreadable:
            holes = _longest([*holes, (max(latest, 0), max(latest, 0), unreadable)])
        self._damaged, self._damage = damaged + unreadable, tuple(holes)
        if parser is not None:
            self.event_notes = {**parser.notes(), **lost.notes()}
            self.problems = (*self._problems_on_opening, *lost.problems())

    def table(self, columns: Collection[str] | None = None) -> pa.Table:
        """The columns asked for (all by default) as an Arrow table, as in a session file."""
        from perfkit.session.parquet import arrow_table

        return arrow_table(self.blocks(columns), self.metrics, columns)

    def _find_segments(self, problems: list[str]) -> list[_Segment]:
        heads = self._first_lines()
        paths = [path for path, _ in heads]
        lines = [line for _, line in heads]
        if not paths:
            raise UnusableInput(
                f"{self._source} is a folder without the segments of a journal; "
                "name a session file or the .partial folder of a recording"
            )
        headers: list[str | None] = []
        layouts: dict[str, Layout] = {}
        refusal: UnusableInput | None = None
        for line in (self._header_copy(), *lines):
            text = None
            try:
                header = json.loads(line)
                text = json.dumps({**header, "segment": ""}, sort_keys=True)
                if text not in layouts:
                    layouts[text] = _layout(header, len(line), self._source)
            except UnusableInput as error:
                refusal, text = refusal or error, None
            except (ValueError, TypeError, KeyError, RecursionError):
                text = None
            headers.append(text)
        copy, *headers = headers
        if not layouts:
            raise refusal or UnusableInput(
                f"{self._source} has no readable header, nor a copy of it: the recorder was cut "
                "off before its first tick, or the files are damaged; record into another file"
            )
        # All segments of a recording have the same header; where one differs, it is damaged.
        known = collections.Counter(text for text in headers if text is not None)
        agreed = known.most_common(1)[0][0] if known else copy or ""
        if copy and not _differ(layouts[copy].session, layouts[agreed].session):
            agreed = copy  # it alone has a checksum
        segments = []
        numbers = [int(path.stem) for path in paths]
        for number, path, line, text in zip(numbers, paths, lines, headers, strict=True):
            layout = layouts[agreed]
            if text is not None and _differ(layout.session, layouts[text].session):
                self.strangers += (number,)
                problems.append(
                    f"Segment {number:06d} belongs to another recording; it was left out and stays "
                    "in the journal's folder."
                )
                continue
            if text is not None and len(line) != layout.size:
                layout = layouts[text]
            if text != agreed and (text is not None or number != numbers[-1]):
                problems.append(
                    f"The header of segment {number:06d} of the journal is damaged; "
                    f"{'its copy' if agreed == copy else 'that of another segment'} was used."
                )
            segments.append(_Segment(number, path, path.with_suffix(".frames"), layout))
        return segments

    def _header_copy(self) -> bytes:
        """The header that was kept beside the segments; empty if it is absent or damaged."""
        try:
            line, _, checksum = (self.path / HEADER_COPY).read_bytes().partition(b"\n")
        except OSError:
            return b""
        line += b"\n"
        return line if checksum == f"{crc32(line):08x}\n".encode() else b""

    def _first_lines(self) -> list[tuple[Path, bytes]]:
        """Every segment that is there, in order, with the line that is its header."""
        try:
            while True:
                found = sorted(
                    p for p in self.path.iterdir() if re.fullmatch(r"\d{6,}\.ticks", p.name)
                )
                heads = [(path, line) for path in found if (line := _first_line(path)) is not None]
                # a flight recorder may have dropped the first of them since they were listed;
                # where it has dropped all, there are others by now
                if heads or not found:
                    return heads
        except OSError as error:
            raise self._unreadable(error) from None

    def _notes(self) -> dict[str, str]:
        notes: dict[str, str] = {}
        for segment in self._segments:
            with self._opened_frames(segment) as file:
                for kind, payload in _frames(file, 0, os.fstat(file).st_size):
                    if kind == NOTE_FRAME:
                        key, _, value = payload.decode("utf-8", "backslashreplace").partition("\t")
                        notes[key] = value
        return notes

    def _records(self, segment: _Segment) -> tuple[_Words, int]:
        """The intact records as rows of 64-bit words, and how many whole ones lie behind them."""
        layout = segment.layout
        return intact_records(memoryview(self._read(segment.ticks))[layout.size :], layout)

    def _blocks(
        self,
        segment: _Segment,
        words: _Words,
        columns: Collection[str] | None,
        parser: EventParser | None,
        lost: Lost,
    ) -> Iterator[Block]:
        """The records as blocks: one, or with events as many as keep each within bounds."""
        if parser is None and columns is not None and "processes" not in columns:
            yield block_of(segment.layout, words, -1, 0, columns, parser)
            return
        with self._opened_frames(segment) as file:
            size = os.fstat(file).st_size
            ends = np.maximum.accumulate(words[:, 1])
            if ends[-1] > size and not (self.live and not segment.frames.exists()):
                lost.frames.append((segment.number, int(ends[-1]) - size))
            ends = np.minimum(ends, size)
            start, read = 0, 0
            while start < len(words):
                stop = len(words)
                if parser is not None:
                    within = int(np.searchsorted(ends, read + _FRAMES_AT_ONCE, "right"))
                    stop = max(within, start + 1)
                part = words[start:stop]
                yield block_of(segment.layout, part, file, read, columns, parser, lost)
                start, read = stop, int(ends[stop - 1])

    @contextlib.contextmanager
    def _opened_frames(self, segment: _Segment) -> Iterator[int]:
        """A descriptor of the segment's frames; an empty file's where they are lost."""
        try:
            file = os.open(segment.frames, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            if not self.path.is_dir():
                raise self._unreadable(error) from None
            file = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise self._unreadable(error) from None
        try:
            yield file
        except OSError as error:
            raise self._unreadable(error) from None
        finally:
            os.close(file)

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            if self.path.is_dir():
                return b""
            raise self._unreadable(error) from None
        except OSError as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: OSError) -> UnusableInput:
        if isinstance(error, FileNotFoundError):
            return UnusableInput(
                f"{self._source} is gone: it was sealed or removed meanwhile; "
                "read the session file beside it"
            )
        return UnusableInput(
            f"cannot read {self._source} ({error.strerror}); check its permissions"
        )


def _holes(sequence: _Words, t_ns: _Words) -> list[Damage]:
    """The gaps between records that follow each other."""
    rows = np.flatnonzero(np.diff(sequence) > 1)
    return [
        (int(t_ns[row]), int(t_ns[row + 1]), int(sequence[row + 1] - sequence[row]) - 1)
        for row in rows.tolist()
    ]


def _longest(holes: list[Damage]) -> list[Damage]:
    """Those to be kept, in time order; of equally long ones the earliest."""
    return sorted(sorted(holes, key=lambda hole: (hole[0] - hole[1], hole))[:_HOLES_KEPT])


def _wall_clock(layout: Layout, record: _Words) -> int | None:
    time = int(record[layout.words["time"]]) if "time" in layout.words else NULL_INTEGER
    return None if time == NULL_INTEGER else time


def _kept_from(note: str) -> tuple[int, int]:
    """(segment, sequence) of the oldest tick that a flight recorder has kept; (0, 0) for others."""
    try:
        segment, sequence = json.loads(note)
        return int(segment), int(sequence)
    except (TypeError, ValueError):
        return 0, 0


def _first_line(path: Path) -> bytes | None:
    """The header's line, or None if the file is gone."""
    try:
        with open(path, "rb") as file:
            return file.readline(_HEADER_LIMIT)
    except FileNotFoundError:
        return None


def _differ(one: Session, other: Session) -> bool:
    """Whether these are two recordings, and not one whose id has a damaged letter."""
    ids = (one.session_id, other.session_id)
    return len(ids[0]) != len(ids[1]) or sum(a != b for a, b in zip(*ids, strict=True)) > 1


def _layout(header: Any, size: int, source: str) -> Layout:
    """Raises UnusableInput for a newer journal; ValueError, TypeError or KeyError for damage."""
    if header["magic"] != MAGIC:
        raise ValueError
    if header["version"] > JOURNAL_VERSION:
        raise UnusableInput(f"{source} was written by a newer perfkit; upgrade perfkit to read it")
    record_size = header["record_size"]
    last = record_size // _WORD - 1
    if size % _WORD or record_size % _WORD or not 0 < last < 2**16:
        raise ValueError
    metrics: list[Metric] = []
    words: dict[str, int] = {}
    for name, format, offset, *facts in header["fields"]:
        metric = metric_from_facts(name, dict(zip(METRIC_FACTS, facts, strict=True)), format)
        word = offset // _WORD
        if (
            metric is None
            or format not in (INTEGER, FLOAT)
            or name in words
            or offset % _WORD
            or not TICK_HEAD.size // _WORD <= word < last
        ):
            raise ValueError
        metrics.append(metric)
        words[name] = word
    if "t_ns" not in words:
        raise ValueError
    if not isinstance(header["session"], dict):
        raise ValueError
    return Layout(
        size, record_size, tuple(metrics), words, session_from_facts(header["session"], source)
    )


def _in_order(words: _Words, time: int, expected: int, latest: int) -> _Words:
    """The records that continue what came before; anything else was not written by a recorder."""
    sequence, t_ns = words[:, 0], words[:, time]
    if len(words) and (
        sequence[0] < expected
        or t_ns[0] <= latest
        or (np.diff(sequence) <= 0).any()
        or (np.diff(t_ns) <= 0).any()
    ):
        keep = []
        for row, (number, t) in enumerate(zip(sequence.tolist(), t_ns.tolist(), strict=True)):
            if number >= expected and t > latest:
                keep.append(row)
                expected, latest = number + 1, t
        words = words[keep]
    return words


def _transposed(words: _Words, columns: list[int]) -> _Words:
    out = np.empty((len(columns), len(words)), np.int64)
    for start in range(0, len(words), _TRANSPOSE_ROWS):
        stripe = words[start : start + _TRANSPOSE_ROWS]
        out[:, start : start + _TRANSPOSE_ROWS] = stripe[:, columns].T
    return out


def intact_records(data: bytes | memoryview, layout: Layout) -> tuple[_Words, int]:
    """The intact records as rows of 64-bit words, and how many whole ones lie behind the last.

    data: records one behind the other; what lies behind the last whole one is passed over.
    """
    size = layout.record_size
    data = memoryview(data)[: len(data) // size * size]
    words = np.frombuffer(data, "<i8").reshape(-1, size // _WORD)
    count = len(words)
    covered = size - TICK_TAIL.size
    sums = words[:, covered // _WORD].astype(np.uint64) & 0xFFFFFFFF
    bodies = np.dtype({"names": ["body"], "formats": [f"V{covered}"], "itemsize": size})
    computed = list(map(crc32, np.frombuffer(data, bodies)["body"].tolist()))
    intact = sums == np.array(computed, np.uint64)
    if intact.all():  # as nearly always: no copy of the segment then
        return words, 0
    rows = np.flatnonzero(intact)
    return words[rows], count - (int(rows[-1]) + 1 if len(rows) else 0)


def block_of(
    layout: Layout,
    words: _Words,
    file: int,
    frames_from: int,
    columns: Collection[str] | None,
    parser: EventParser | None,
    lost: Lost | None = None,
) -> Block:
    """Records of a segment as a block.

    words: int64[n, record size / 8], intact and in order. file: descriptor of the segment's
    frames, -1 for none; frames_from: where those of the first record begin. columns, parser: what
    is wanted, as in JournalSource.blocks. lost: counts what is damaged.
    """
    wanted = [
        metric
        for metric in layout.metrics
        if metric.name != "t_ns" and (columns is None or metric.name in columns)
    ]
    values = _transposed(words, [layout.words["t_ns"], *(layout.words[m.name] for m in wanted)])
    found = {}
    for metric, row in zip(wanted, values[1:], strict=True):
        if metric.format == INTEGER:
            found[metric.name] = Column(row, row != NULL_INTEGER)
        else:
            numbers = row.view(np.float64)
            found[metric.name] = Column(numbers, ~np.isnan(numbers))
    block = Block(values[0], found)
    with_processes = columns is None or "processes" in columns
    if file < 0 or (parser is None and not with_processes):
        return block
    ends = np.minimum(np.maximum.accumulate(words[:, 1]), os.fstat(file).st_size)
    starts = np.concatenate(([frames_from], ends[:-1]))
    return _filled(block, file, starts, ends, parser, with_processes, lost or Lost())


def _filled(
    block: Block,
    file: int,
    starts: _Words,
    ends: _Words,
    parser: EventParser | None,
    with_processes: bool,
    lost: Lost,
) -> Block:
    """The block with the frames between starts and ends of each of its ticks."""
    processes: list[tuple[int, list[ProcessEntry]]] = []

    def said() -> Iterator[tuple[int, bytes]]:
        """The events, one frame at a time; leaves the process lists behind."""
        for row in np.flatnonzero(ends > starts).tolist():
            entries = None
            for kind, payload in _frames(file, int(starts[row]), int(ends[row])):
                if kind == PROCESSES_FRAME and with_processes:
                    entries = _process_entries(payload)
                elif kind == EVENT_FRAME:
                    yield row, payload
                elif kind == _DAMAGED:
                    lost.add(payload)
            if entries is not None:
                processes.append((row, entries))

    events = None
    if parser is not None:
        events = parser.parse(said())
    else:
        collections.deque(said(), 0)
    return replace(block, processes=tuple(processes), events=events)


class Lost:
    """What is lost of the frames. lines: of events, counted in what is left of damaged frames.

    frames: (segment, bytes) where the file ends before what its ticks say.
    """

    def __init__(self) -> None:
        self.lines = 0
        self.frames: list[tuple[int, int]] = []

    def add(self, damaged: bytes) -> None:
        """Count the lines in bytes that hold no intact frame, apart from lists and notes."""
        start = 0
        if damaged[:1] in (PROCESSES_FRAME, NOTE_FRAME) and len(damaged) >= FRAME_HEAD.size:
            _, length = FRAME_HEAD.unpack_from(damaged)
            start = FRAME_HEAD.size + length + CHECKSUM.size
        self.lines += damaged.count(b"\n", start if start <= len(damaged) else 0)

    def read(self, file: int, start: int) -> None:
        """Count what lies behind the last intact tick."""
        for kind, payload in _frames(file, start, os.fstat(file).st_size):
            if kind == EVENT_FRAME:
                self.lines += payload.count(b"\n", ARRIVAL_BYTES)
            elif kind == _DAMAGED:
                self.add(payload)

    def notes(self) -> dict[str, str]:
        """As those of EventParser."""
        return {"events_damaged": str(self.lines)} if self.lines else {}

    def problems(self) -> list[str]:
        """A sentence for each thing."""
        found = [
            f"The frames of segment {number:06d} of the journal end {missing} bytes early; "
            "the lists of processes and the events in them are lost."
            for number, missing in self.frames
        ]
        if self.lines:
            were = "line of events is" if self.lines == 1 else "lines of events are"
            found.append(f"About {self.lines} {were} lost in damaged parts of the journal.")
        return found


def _frames(file: int, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """The intact frames between two offsets, and what is damaged, in pieces of no size in particular.

    After damage it goes on with the next intact frame.
    """
    data = b""
    at = start  # offset of data
    while start + FRAME_HEAD.size + CHECKSUM.size <= end:
        if start + FRAME_HEAD.size > at + len(data):
            data, at = os.pread(file, min(_PIECE, end - start), start), start
            if len(data) < FRAME_HEAD.size:
                return  # it became shorter meanwhile
        kind, length = FRAME_HEAD.unpack_from(data, start - at)
        stop = start + FRAME_HEAD.size + length + CHECKSUM.size
        likely = (
            stop <= end
            and length <= _LONGEST_FRAME
            and kind in (PROCESSES_FRAME, NOTE_FRAME, EVENT_FRAME)
        )
        if likely and stop > at + len(data):
            data, at = os.pread(file, min(max(_PIECE, stop - start), end - start), start), start
            likely = stop <= at + len(data)
        if likely:
            payload, after = start - at + FRAME_HEAD.size, stop - at - CHECKSUM.size
            covered = memoryview(data)[start - at : after]
            if CHECKSUM.unpack_from(data, after)[0] == crc32(covered):
                yield kind, data[payload:after]
                start = stop
                continue
        following = _FRAME_START.search(data, start + 1 - at)
        if following is not None:
            further = at + following.start()
        else:  # a start may lie across the end of the piece
            further = max(at + len(data) - FRAME_HEAD.size + 1, start + 1)
        yield _DAMAGED, data[start - at : further - at]
        start = further
    if start < end:
        yield _DAMAGED, os.pread(file, end - start, start)


def _process_entries(payload: bytes) -> list[ProcessEntry] | None:
    """See `journal.processes_frame`; None for a payload of another shape."""
    entries: list[ProcessEntry] = []
    try:
        (count,) = PROCESS_COUNT.unpack_from(payload)
        at = PROCESS_COUNT.size
        for _ in range(count):
            values: list[Any] = list(PROCESS_INTEGERS.unpack_from(payload, at))
            at += PROCESS_INTEGERS.size
            if NULL_INTEGER in values:
                values = [None if value == NULL_INTEGER else value for value in values]
            for _ in _TEXT_FIELDS:
                end = at + 2 + (payload[at] | payload[at + 1] << 8)
                values.append(payload[at + 2 : end].decode("utf-8", "backslashreplace"))
                at = end
            entries.append(dict(zip(_PROCESS_NAMES, values, strict=True)))
    except (struct.error, IndexError):
        return None
    return entries
