"""Where ticks come from: a session file or a journal, told apart here and nowhere later.

Derived columns that a source lacks (all of a journal's; those that are newer than a file) are made
here from the raw ones, by the code that made them when the file was sealed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from perfkit.analysis.rates import Rates
from perfkit.model.block import Block
from perfkit.model.metric import Metric
from perfkit.model.session import DAMAGE_NOTE, DAMAGED_NOTE, Session
from perfkit.session.journal_reader import JournalSource
from perfkit.session.reader import open_source

if TYPE_CHECKING:
    import pyarrow as pa

    from perfkit.session.parquet import SessionFile

SESSION = "session"
LIVE = "live journal"
ORPHANED = "orphaned journal"

COPY_REASON = "this is a copy; the recording went on"
_PROBLEMS_NOTE = "journal_problems"


class Recording:
    """One session, whatever it is stored in.

    path; kind: `session`, `live journal` or `orphaned journal`; session; metrics: raw columns and
    then derived ones.
    """

    def __init__(self, source: SessionFile | JournalSource) -> None:
        self._source = source
        self.path: Path = source.path
        self.session: Session = source.session
        self.kind: str = SESSION
        if isinstance(source, JournalSource):
            self.kind = LIVE if source.live else ORPHANED
        self.metrics: tuple[Metric, ...] = (*source.metrics, *Rates(source.metrics).metrics)

    @property
    def live(self) -> bool:
        """Whether a recorder was writing it when it was opened."""
        return self.kind == LIVE

    @property
    def damaged(self) -> int:
        """Ticks that were recorded and cannot be read any more."""
        source = self._source
        return source.damaged if isinstance(source, JournalSource) else self.session.ticks_damaged

    @property
    def problems(self) -> tuple[str, ...]:
        """What is, or was when it was sealed, wrong with the journal, in sentences."""
        if isinstance(self._source, JournalSource):
            return self._source.problems
        return tuple(filter(None, [self.session.notes.get(_PROBLEMS_NOTE)]))

    def told(self) -> Session:
        """The facts with what only the ticks tell, see `told`; reads a journal that was not yet."""
        if isinstance(self._source, JournalSource):
            return told(self._source, recorded=self.kind == ORPHANED)
        return self.session

    def blocks(self, columns: Collection[str] | None = None) -> Iterator[Block]:
        """The ticks in time order; only what the columns asked for need is read.

        columns: names of metrics, `processes` and `events`; all by default. Unknown names are
        passed over.
        Raises UnusableInput where the source turns out to be damaged.
        """
        rates = Rates(self._source.metrics, columns)
        if not rates.metrics:
            yield from self._source.blocks(columns)
            return
        needed = None if columns is None else {*columns, *rates.inputs}
        for block in self._source.blocks(needed):
            derived = rates.add(block)
            yield derived if columns is None else only(derived, columns)

    def table(self, columns: Collection[str] | None = None) -> pa.Table:
        """The columns asked for (all by default) as an Arrow table.

        Unknown names are passed over. Raises UnusableInput where the source is damaged.
        """
        if not Rates(self._source.metrics, columns).metrics:
            return self._source.table(columns)
        from perfkit.session.parquet import arrow_table

        return arrow_table(self.blocks(columns), self.metrics, columns)

    def events(self, columns: Collection[str]) -> pa.RecordBatchReader:
        """The columns asked for of all events, see `perfkit.session.event_table`."""
        from perfkit.session.event_table import event_table

        return event_table(self._source, columns)


def told(source: JournalSource, *, recorded: bool = True) -> Session:
    """The facts of a journal, completed by its ticks: its length, and what is damaged in notes.

    recorded: False leaves the end open. Of a recording that goes on it is that of a copy.
    Reads the journal unless that was done.
    """
    session = source.session
    notes = {**session.notes, **source.event_notes}
    if source.damaged:
        notes[DAMAGED_NOTE] = str(source.damaged)
        notes[DAMAGE_NOTE] = json.dumps(source.damage)
    if source.problems:
        notes[_PROBLEMS_NOTE] = " ".join(source.problems)
    session = replace(session, notes=notes)
    if session.duration_ns is None and source.last_tick is not None:
        t_ns, time_us = source.last_tick
        session = replace(session, duration_ns=t_ns)
        if recorded and session.ended_at_us is None:
            session = replace(session, ended_at_us=time_us)
    if recorded and source.live and session.stop_reason is None:
        session = replace(session, stop_reason=COPY_REASON)
    return session


def open_recording(path: Path) -> Recording:
    """The session file or journal at path. Raises UnusableInput if it is neither, or damaged."""
    return Recording(open_source(path))


def only(block: Block, columns: Collection[str]) -> Block:
    """The block with the columns asked for and no other."""
    kept = {name: column for name, column in block.columns.items() if name in columns}
    return replace(block, columns=kept, events=block.events if "events" in columns else None)
