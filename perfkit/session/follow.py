"""Following a journal while it is written: its ticks as they come, to the last one.

The descriptors of the segment that is read are kept, so what a flight recorder drops or a sealing
process removes meanwhile can still be read to its end; a segment is left only for one that is
there. Once the journal is gone, the rest is read from the session file that was made of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perfkit.errors import UnusableInput
from perfkit.model.block import Block
from perfkit.model.metric import Metric
from perfkit.model.session import Session
from perfkit.model.text import printable
from perfkit.session.events import EventParser
from perfkit.session.journal import SUFFIX, is_live
from perfkit.session.journal_reader import JournalSource, Layout, block_of, intact_records
from perfkit.session.reader import open_source

_ONCE = 4 * 2**20


@dataclass
class _Open:
    """A segment that is being read.

    ticks, frames: descriptors; frames is -1 where there are none. offset: of its next record,
    frames_end: of what belongs to that one in its frames.
    """

    number: int
    ticks: int
    frames: int
    offset: int
    frames_end: int = 0

    def close(self) -> None:
        os.close(self.ticks)
        if self.frames >= 0:
            os.close(self.frames)


class Follower:
    """One recording in progress.

    path: of its journal; metrics: as of JournalSource; session: as when it was opened, from the
    first tick on as it was then.
    """

    def __init__(self, path: Path) -> None:
        """path: the journal, or the session file that it will become.

        Raises UnusableInput if there is no journal that can be read.
        """
        folder = path if path.name.endswith(SUFFIX) else path.with_name(path.name + SUFFIX)
        if not folder.exists():
            raise UnusableInput(
                f"there is no recording in progress at {printable(str(folder))}: it has not begun, "
                "or is over"
            )
        source = JournalSource(folder)
        self.path = folder
        self.sealed_path = folder.with_name(folder.name.removesuffix(SUFFIX))
        self.session: Session = source.session
        self.metrics: tuple[Metric, ...] = source.metrics
        self.gap_ticks = 0
        """Ticks that were dropped before they could be read."""
        self._layout: Layout = source.layout
        self._number = source.first_segment
        self._expected = 0
        self._latest_ns = -1
        self._parser: EventParser | None = None

    def blocks(self, columns: Collection[str], pause: Callable[[], None]) -> Iterator[Block]:
        """All raw ticks in time order; ends when the recording has.

        columns: names of raw metrics, `processes` and `events`. pause: called whenever there is
        nothing new, to wait a while.
        Raises UnusableInput if the journal cannot be read any more.
        """
        opened = None
        try:
            while True:
                # asked before reading: what a recorder that is gone has written is complete
                live = is_live(str(self.path))
                opened = opened or self._open(self._number)
                found = False
                if opened is not None:
                    for block in self._new(opened, columns):
                        found = True
                        yield block
                    following = None if found else self._open_after(opened.number)
                    if following is not None:
                        # it may have grown between the last look and the birth of its successor
                        yield from self._new(opened, columns)
                        opened.close()
                        opened, found = following, True
                elif not live:
                    yield from self._rest(columns)
                    return
                if not found:
                    if not live:
                        if not self.path.is_dir():
                            yield from self._rest(columns)
                        return
                    pause()
        except OSError as error:
            raise UnusableInput(
                f"cannot read {printable(str(self.path))} ({error.strerror}); check its permissions"
            ) from None
        finally:
            if opened is not None:
                opened.close()

    def _new(self, segment: _Open, columns: Collection[str]) -> Iterator[Block]:
        """What has been appended to the segment since it was last read."""
        size = self._layout.record_size
        while True:
            data = os.pread(segment.ticks, _ONCE // size * size, segment.offset)
            words, behind = intact_records(data, self._layout)
            if not len(words):
                return  # nothing new, or torn and perhaps whole at the next look
            if self._latest_ns < 0:
                self._begun(columns)
            taken = len(data) // size - behind
            start, starts_at = segment.frames_end, segment.offset
            segment.offset = starts_at + taken * size
            segment.frames_end = int(words[-1, 1])
            t_ns = words[:, self._layout.words["t_ns"]]
            fresh = (words[:, 0] >= self._expected) & (t_ns > self._latest_ns)
            if not fresh.all():
                words, t_ns = words[fresh], t_ns[fresh]
            if not len(words):
                continue
            if self._latest_ns >= 0:
                self.gap_ticks += int(words[0, 0]) - self._expected
            self._expected = int(words[-1, 0]) + 1
            self._latest_ns = int(t_ns[-1])
            yield block_of(self._layout, words, segment.frames, start, columns, self._parser)

    def _begun(self, columns: Collection[str]) -> None:
        """Take over the facts that were written down after the journal was made: its true start."""
        try:
            self.session = JournalSource(self.path).session
        except UnusableInput:  # sealed by now, and gone
            self.session = open_source(self.sealed_path).session
        if "events" in columns:
            self._parser = EventParser(self.session.start_boottime_ns)

    def _open(self, number: int) -> _Open | None:
        """The segment of this number or, where it was dropped, the first one after it."""
        try:
            ticks = os.open(self._segment(number, "ticks"), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return self._open_after(number)
        try:
            frames = os.open(self._segment(number, "frames"), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            frames = -1
        return _Open(number, ticks, frames, self._layout.size)

    def _open_after(self, number: int) -> _Open | None:
        try:
            names = [path.name for path in self.path.iterdir()]
        except FileNotFoundError:
            return None
        numbers = sorted(
            int(name[:-6]) for name in names if name.endswith(".ticks") and name[:-6].isdigit()
        )
        following = next((one for one in numbers if one > number), None)
        return None if following is None else self._open(following)

    def _segment(self, number: int, ending: str) -> Path:
        return self.path / f"{number:06d}.{ending}"

    def _rest(self, columns: Collection[str]) -> Iterator[Block]:
        """The ticks of the sealed session that were not read from the journal."""
        for block in open_source(self.sealed_path).blocks(columns):
            first = int(np.searchsorted(block.t_ns, self._latest_ns, "right"))
            if first < len(block):
                yield block[first:]
