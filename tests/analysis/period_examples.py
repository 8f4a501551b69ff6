"""Periods as stages get them, made of plain lists, and streams cut at will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from perfkit.analysis.stage import Stage
from perfkit.model.block import Block, Column
from perfkit.model.finding import Finding

SECOND = 1_000_000_000


def periods(
    columns: Mapping[str, Sequence[float | None]], numbers: Sequence[int] | None = None
) -> Block:
    """Periods of a second; None is a period without a value. numbers: those there are, default all."""
    count = len(next(iter(columns.values())))
    t_ns = np.array(range(count) if numbers is None else numbers, np.int64) * SECOND
    made = {}
    for name, values in columns.items():
        valid = np.array([value is not None for value in values], np.bool_)
        filled = np.array([0.0 if value is None else value for value in values])
        made[name] = Column(filled, valid)
    return Block(t_ns, made)


def run(stage: Stage, block: Block, cuts: Sequence[int] = ()) -> list[Finding]:
    """What a stage says of a block that is given to it in pieces."""
    bounds = [0, *sorted(cut for cut in cuts if 0 < cut < len(block)), len(block)]
    found: list[Finding] = []
    for start, stop in pairwise(bounds):
        found += stage.add(block[start:stop], ())
    return found + stage.finish(())
