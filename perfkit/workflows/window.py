"""The newest part of a recording in progress, held in memory: what rules are asked over, live."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from perfkit.analysis.rates import Rates
from perfkit.model.block import Block
from perfkit.model.session import Session
from perfkit.workflows.source import LIVE, Recording, only

if TYPE_CHECKING:
    import pyarrow as pa

    from perfkit.session.follow import Follower


class Window(Recording):
    """The last `length_ns` of a recording, raw and derived columns, as a recording of its own."""

    def __init__(self, follower: Follower, length_ns: int) -> None:
        self.path = follower.path
        self.session = follower.session
        self.kind = LIVE
        self.metrics = (*follower.metrics, *Rates(follower.metrics).metrics)
        self._follower = follower
        self._length_ns = length_ns
        self._blocks: deque[Block] = deque()

    def add(self, block: Block) -> None:
        """Take in further ticks, all columns derived; what is too old goes."""
        if not len(block):
            return
        self._blocks.append(block)
        oldest_ns = int(block.t_ns[-1]) - self._length_ns
        while int(self._blocks[0].t_ns[-1]) <= oldest_ns:
            self._blocks.popleft()

    @property
    def damaged(self) -> int:
        """See Recording: what cannot be read of a journal that grows is not known yet."""
        return 0

    @property
    def problems(self) -> tuple[str, ...]:
        """See Recording."""
        return ()

    def told(self) -> Session:
        """See Recording."""
        return self._follower.session

    def blocks(self, columns: Collection[str] | None = None) -> Iterator[Block]:
        """See Recording."""
        for block in self._blocks:
            yield block if columns is None else only(block, columns)

    def table(self, columns: Collection[str] | None = None) -> pa.Table:
        """See Recording."""
        from perfkit.session.parquet import arrow_table

        return arrow_table(self.blocks(columns), self.metrics, columns)

    def events(self, columns: Collection[str]) -> pa.RecordBatchReader:
        """See Recording."""
        from perfkit.session.event_table import events_of

        return events_of(self.blocks({"time", "events"}), columns)
