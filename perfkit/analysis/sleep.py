"""Where the machine slept: nothing that is told by time can be told across it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perfkit.model.block import Block

SLEEP = "suspended_ns"


class Sleep:
    """Counts the ticks that had sleep before them, block by block in time order."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, block: Block) -> npt.NDArray[np.int64]:
        """int64[n]: how many ticks up to and including each one had sleep before them."""
        column = block.columns.get(SLEEP)
        if column is None:
            return np.full(len(block), self._count)
        slept = self._count + np.cumsum(column.valid & (column.values > 0), dtype=np.int64)
        if len(block):
            self._count = int(slept[-1])
        return slept
