"""A row of numbers as a row of blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
GAP = " "

FLAT_SHARE = 0.01
"""A movement below this share of the level is drawn flat: noise should not look like a mountain."""


def sparkline(values: Sequence[float | None], width: int = 0) -> str:
    """One character a value, from the lowest (a low block) to the highest (a full one).

    values: None (or NaN) is a gap. width: at most so many characters, each the mean of its
    neighbours' values; 0 keeps all. A level that does not move is a line of low blocks.
    """
    cells = [None if value is None or not math.isfinite(value) else value for value in values]
    if 0 < width < len(cells):
        cells = _narrowed(cells, width)
    known = [value for value in cells if value is not None]
    if not known:
        return GAP * len(cells)
    lowest, highest = min(known), max(known)
    span = highest - lowest
    if not math.isfinite(span) or span <= FLAT_SHARE * max(abs(lowest), abs(highest)):
        return "".join(GAP if value is None else BLOCKS[0] for value in cells)
    top = len(BLOCKS) - 1
    return "".join(
        GAP if value is None else BLOCKS[min(top, int((value - lowest) / span * len(BLOCKS)))]
        for value in cells
    )


def _narrowed(cells: Sequence[float | None], width: int) -> list[float | None]:
    narrowed: list[float | None] = []
    for cell in range(width):
        start = cell * len(cells) // width
        stop = (cell + 1) * len(cells) // width
        known = [value for value in cells[start:stop] if value is not None]
        # Each is divided before the sum, so that huge values do not overflow.
        narrowed.append(sum(value / len(known) for value in known) if known else None)
    return narrowed
