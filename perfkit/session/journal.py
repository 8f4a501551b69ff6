"""The journal: where ticks live while a recording runs, and what survives when it is killed.

`NAME.parquet.partial/` holds numbered segments, two append-only files each:

`NNNNNN.ticks`
    A JSON header line (padded with spaces to a multiple of 8 bytes, newline included), then
    records of one width, little-endian, 8 bytes a field:

        sequence u64 | frames_end u64 | fields (int64 or float64) … | crc32 u32 | 0 u32

    The header names each field's name, format and offset, and repeats everything that is known
    of the session, so each segment can be read without the others.
`NNNNNN.frames`
    What has no fixed width: process lists, notes, and events verbatim as received.

        kind (1 byte) | 3 zero bytes | length u32 | payload | crc32 u32 of all before

`header`
    The first segment's header once more, and on a second line its crc32 in hexadecimal: a header
    has no checksum of its own, and the one of a journal of one segment has no sister.

The tick is the commit. Frames are written first; then the tick, in one `write`, says up to
which offset of its segment's frames it reaches (`frames_end`). Whatever lies behind the last
intact tick never happened, with one exception: notes (facts about the recording itself, such as
why it stopped) stand by their own checksum. So any prefix of the two files is a valid journal,
and a killed recorder loses the tick in flight and nothing else. A power cut may lose what the
kernel had not yet written to the disk: nothing is synced while recording.

A record whose checksum is wrong is skipped, and since records have one width the next one is
found without searching.

While a recorder is alive it holds an exclusive `flock` on the directory; the kernel lets go of
it however the recorder ends, so a lock that can be had means that the journal is orphaned.

Writing needs the standard library alone, and little of it: this module is part of the small
recorder.
"""

from __future__ import annotations

import fcntl
import os
from binascii import crc32
from struct import Struct

from perfkit.errors import OutputRefused, RecordingStopped
from perfkit.model.metric import NULL_INTEGER, Metric
from perfkit.model.text import printable
from perfkit.model.tick import BYTES, PROCESS_FIELDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

JOURNAL_VERSION = 1
# History, newest first:
# 1  the layout described above
MAGIC = "perfkit-journal"
SUFFIX = ".partial"
HEADER_COPY = "header"

PROCESSES_FRAME = b"P"
NOTE_FRAME = b"N"
EVENT_FRAME = b"E"

FRAME_HEAD = Struct("<c3xI")
CHECKSUM = Struct("<I")
TICK_HEAD = Struct("<QQ")
TICK_TAIL = Struct("<II")
PROCESS_COUNT = Struct("<H")
PROCESS_INTEGERS = Struct("<" + "".join(kind for _, kind, _ in PROCESS_FIELDS if kind != BYTES))
PROCESS_BYTES = tuple(
    position for position, (_, kind, _) in enumerate(PROCESS_FIELDS) if kind == BYTES
)
_LENGTH = Struct("<H")

# Segments end after about 4 MiB of ticks: small enough that a reader holds one in memory.
SEGMENT_BYTES = 4 * 2**20
# And after so much of frames, where an application says much: no file grows without bound.
SEGMENT_FRAMES_BYTES = 32 * 2**20

_SEGMENT_NUMBER = '"segment": "%06d"'


def journal_path(session_path: str) -> str:
    """Where the journal of a session file lies: beside it."""
    return session_path + SUFFIX


def create_journal(directory: str, metrics: Sequence[Metric], session: Mapping[str, Any]) -> int:
    """Make the journal's directory and its first segment; take the recorder's lock.

    directory: must not exist yet. session: the facts known at the start, JSON values.
    Returns the descriptor of the locked directory; whoever holds it is the recorder.
    Raises OutputRefused if the directory exists or cannot be made.
    """
    import json  # only the launching command comes here; the small recorder never does

    try:
        os.mkdir(directory, 0o755)
    except FileExistsError:
        raise OutputRefused(
            f"{printable(directory)} exists: another recording writes there, or one was cut off; "
            f"seal it with `perfkit recover {printable(directory)}` or choose another file with -o"
        ) from None
    except OSError as error:
        raise OutputRefused(
            f"cannot write {printable(directory)} ({error.strerror}); "
            "choose another place with -o FILE"
        ) from None
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fields = []
    offset = TICK_HEAD.size
    for metric in metrics:
        fields.append([metric.name, metric.format, offset, *metric.as_tuple()[1:6]])
        offset += 8
    header = {
        "magic": MAGIC,
        "version": JOURNAL_VERSION,
        "segment": "000000",
        "record_size": offset + TICK_TAIL.size,
        "fields": fields,
        "session": dict(session),
    }
    line = json.dumps(header).encode()
    line += b" " * (-(len(line) + 1) % 8) + b"\n"
    try:
        with open(f"{directory}/{HEADER_COPY}", "xb") as file:
            file.write(line + f"{crc32(line):08x}\n".encode())
        with open(_segment_path(directory, 0, "ticks"), "xb") as file:
            file.write(line)
    except OSError as error:
        os.close(lock)
        remove_journal(directory)
        raise OutputRefused(
            f"cannot write {printable(directory)} ({error.strerror}); "
            "choose another place with -o FILE"
        ) from None
    return lock


def is_live(directory: str) -> bool:
    """Whether a recorder is writing this journal now."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def remove_journal(directory: str, strangers: Sequence[int] = ()) -> None:
    """Remove the journal's files and its directory; files that are not the journal's stay.

    strangers: numbers of segments of another recording; they stay, and so does the directory.
    """
    theirs = tuple(f"{number:06d}." for number in strangers)
    for name in os.listdir(directory):
        ours = name == HEADER_COPY or name.endswith((".ticks", ".frames"))
        if ours and not name.startswith(theirs):
            os.unlink(f"{directory}/{name}")
    if not theirs:
        os.rmdir(directory)


class JournalWriter:
    """Appends ticks to a journal that `create_journal` made.

    front: how many columns, from the first, a tick fills that is not `whole`.
    segment_bytes, frames_bytes: a segment ends with the tick by which its ticks or its frames
    have grown to so much.
    segment: the number of the one that is written now. sequence: that of the next tick.
    append() is one `write` for a tick without frames. Raises RecordingStopped when the journal
    cannot be written any further; what was appended before stays intact.
    """

    def __init__(
        self,
        directory: str,
        metrics: Sequence[Metric],
        segment_bytes: int = SEGMENT_BYTES,
        front: int = 0,
        frames_bytes: int = SEGMENT_FRAMES_BYTES,
    ) -> None:
        self.directory = directory
        # a current folder whose disk is unmounted goes on to exist for whoever is in it
        self._place = os.path.abspath(directory)
        self.blank: list[int | float] = [
            NULL_INTEGER if metric.format == "q" else float("nan") for metric in metrics
        ]
        self.sequence = 0
        formats = "".join(metric.format for metric in metrics)
        self._pack = Struct("<QQ" + formats).pack
        # most ticks have nothing behind the fast columns: their nulls are packed once
        self._pack_front = Struct("<QQ" + formats[:front]).pack
        self._null_rest = Struct("<" + formats[front:]).pack(*self.blank[front:])
        self.segment = 0
        self._notes: dict[bytes, bytes] = {}
        self._segment_bytes = segment_bytes
        self._frames_bytes = frames_bytes
        self._frames_end = 0
        self._ticks = os.open(
            _segment_path(directory, 0, "ticks"), os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        )
        self._ticks_end = os.fstat(self._ticks).st_size
        self._header = os.pread(self._ticks, self._ticks_end, 0)
        self._frames = self._open_new(0, "frames")

    def append(
        self, row: Sequence[int | float], frames: Sequence[bytes] = (), *, whole: bool = True
    ) -> None:
        """Write one tick: row in the order of the metrics, frames made by the functions below.

        whole: False where all columns behind the first `front` are null and not in the row.
        """
        if frames:
            for frame in frames:
                if frame[:1] == NOTE_FRAME:
                    self._remember(frame)
            self._write_frames(b"".join(frames))
        if whole:
            body = self._pack(self.sequence, self._frames_end, *row)
        else:
            body = self._pack_front(self.sequence, self._frames_end, *row) + self._null_rest
        record = body + crc32(body).to_bytes(TICK_TAIL.size, "little")
        self._ticks_end += self._write(self._ticks, record, self._ticks_end)
        self.sequence += 1
        if self._ticks_end >= self._segment_bytes or self._frames_end >= self._frames_bytes:
            self.next_segment()

    def write_ahead(self, frames: Sequence[bytes]) -> None:
        """Write frames, no notes, that the next tick commits: what gets too large to be held."""
        self._write_frames(b"".join(frames))

    def note(self, key: str, value: str) -> None:
        """Write a fact about the recording itself; it stands without a tick."""
        self._remember(frame := note_frame(key, value))
        self._write_frames(frame)

    def drop_segment(self, number: int) -> None:
        """Remove an earlier segment; the notes in it were repeated in the later ones."""
        for kind in ("ticks", "frames"):
            try:
                os.unlink(_segment_path(self.directory, number, kind))
            except FileNotFoundError:
                pass  # somebody removed it before

    def is_lost(self) -> bool:
        """Whether the journal is no longer where it was: removed, moved, or its disk unmounted."""
        ours = os.fstat(self._ticks)
        try:
            there = os.stat(_segment_path(self._place, self.segment, "ticks"))
        except PermissionError:
            return ours.st_nlink == 0  # the way to it is closed to this user, not the descriptor
        except OSError:
            return True
        return (there.st_ino, there.st_dev) != (ours.st_ino, ours.st_dev)

    def close(self) -> None:
        """Let go of the files; the journal stays."""
        os.close(self._ticks)
        os.close(self._frames)

    def _remember(self, frame: bytes) -> None:
        key = frame[FRAME_HEAD.size :].partition(b"\t")[0]
        self._notes[key] = frame

    def _write_frames(self, frames: bytes) -> None:
        self._frames_end += self._write(self._frames, frames, self._frames_end)

    def _write(self, descriptor: int, data: bytes, end: int) -> int:
        try:
            written = os.write(descriptor, data)
        except OSError as error:
            raise self._stopped(error.strerror) from None
        if written != len(data):
            # A disk that filled in the middle of a record: cut the torn part off, so that the
            # last words (why it stopped) can still follow an intact record.
            os.ftruncate(descriptor, end)
            raise self._stopped("No space left on device")
        return written

    def _stopped(self, reason: str | None) -> RecordingStopped:
        return RecordingStopped(
            f"recording stopped: cannot write {printable(self.directory)} any further ({reason}); "
            "what was recorded before is safe in it"
        )

    def next_segment(self) -> None:
        """End the segment and begin the next one, which repeats all notes so far."""
        # Both files exist before the old ones are closed: a reader that finds the next segment
        # knows that this one is complete.
        number = self.segment + 1
        frames = self._open_new(number, "frames")
        ticks = self._open_new(number, "ticks")
        header = self._header.replace(
            (_SEGMENT_NUMBER % 0).encode(), (_SEGMENT_NUMBER % number).encode(), 1
        )
        self.close()
        self.segment, self._ticks, self._frames, self._frames_end = number, ticks, frames, 0
        self._ticks_end = 0
        self._ticks_end = self._write(ticks, header, 0)
        if self._notes:
            self._write_frames(b"".join(self._notes.values()))

    def _open_new(self, number: int, kind: str) -> int:
        try:
            return os.open(
                _segment_path(self.directory, number, kind),
                os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC,
                0o644,
            )
        except OSError as error:
            raise self._stopped(error.strerror) from None


def note_frame(key: str, value: str) -> bytes:
    """A fact about the recording, as a frame: `missing.pss_bytes`, `stop`, `exit_code`, …"""
    return _frame(NOTE_FRAME, f"{key}\t{value}".encode("utf-8", "backslashreplace"))


def event_frame(payload: bytes) -> bytes:
    """Events that came together: when (CLOCK_BOOTTIME, int64), then their lines as received."""
    return _frame(EVENT_FRAME, payload)


def processes_frame(entries: Sequence[Sequence[Any]]) -> bytes:
    """The list of processes at one tick; each entry has the values of PROCESS_FIELDS in order."""
    parts = [PROCESS_COUNT.pack(min(len(entries), 0xFFFF))]
    integers = PROCESS_BYTES[0]
    for entry in entries[:0xFFFF]:
        parts.append(PROCESS_INTEGERS.pack(*entry[:integers]))
        for text in entry[integers:]:
            text = text[:0xFFFF]
            parts.append(_LENGTH.pack(len(text)) + text)
    return _frame(PROCESSES_FRAME, b"".join(parts))


def _frame(kind: bytes, payload: bytes) -> bytes:
    data = FRAME_HEAD.pack(kind, len(payload)) + payload
    return data + CHECKSUM.pack(crc32(data))


def _segment_path(directory: str, number: int, kind: str) -> str:
    return f"{directory}/{number:06d}.{kind}"
