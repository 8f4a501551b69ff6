"""Blocks of any numbers, and any cuts of them, for the properties of streams."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from perfkit.model.block import Block, Column
from perfkit.model.metric import COUNTER, DELTA, FLOAT, INTEGER, Metric


def block(t_ns: Sequence[int], **columns: Sequence[float | None]) -> Block:
    """A block of hand-written numbers; None is null, a float anywhere makes a float column."""
    return Block(
        np.array(t_ns, np.int64), {name: column(values) for name, values in columns.items()}
    )


def column(values: Sequence[float | None]) -> Column:
    """One column of hand-written numbers."""
    dtype = np.float64 if any(isinstance(value, float) for value in values) else np.int64
    return Column(
        np.array([0 if value is None else value for value in values], dtype),
        np.array([value is not None for value in values], np.bool_),
    )


def listed(column: Column) -> list[float | None]:
    """The column's values, None for null."""
    pairs = zip(column.values.tolist(), column.valid.tolist(), strict=True)
    return [value if valid else None for value, valid in pairs]


def joined(blocks: Sequence[Block], name: str) -> list[float | None]:
    """One column of consecutive blocks; `t_ns` too."""
    if name == "t_ns":
        return [t for one in blocks for t in one.t_ns.tolist()]
    return [value for one in blocks for value in listed(one.columns[name])]


def cut(whole: Block, cuts: Sequence[int]) -> list[Block]:
    """The block in pieces; empty ones too."""
    bounds = [0, *sorted(min(at, len(whole)) for at in cuts), len(whole)]
    return [whole[start:stop] for start, stop in pairwise(bounds)]


@st.composite
def any_session(draw: st.DrawFn, metrics: Sequence[Metric], most: int = 60) -> Block:
    """A session: time goes on by anything from 1 ns to hours, counters mostly grow, any nulls."""
    count = draw(st.integers(0, most))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    span = draw(st.sampled_from([10, 10**6, 10**8, 10**9, 10**13]))
    t_ns = np.cumsum(rng.integers(1, span, count)) - 1
    columns = {}
    for metric in metrics:
        if draw(st.integers(0, 9)) == 0:
            continue
        scale = 10.0 ** draw(st.integers(-3, 15))
        values = rng.normal(0.2, 1, count) * scale
        if metric.kind == COUNTER:
            falls = draw(st.sampled_from([0.0, 0.1]))
            values = np.cumsum(np.abs(values) * np.where(rng.random(count) < falls, -1, 1))
        elif metric.kind == DELTA:
            values = np.abs(values) * (rng.random(count) < 0.5)
        else:
            values = np.abs(values)
        valid = rng.random(count) < draw(st.sampled_from([1.0, 1.0, 0.7, 0.1]))
        if metric.format == INTEGER:
            columns[metric.name] = Column(values.astype(np.int64), valid)
        else:
            assert metric.format == FLOAT
            columns[metric.name] = Column(values, valid)
    return Block(t_ns.astype(np.int64), columns)


CUTS = st.lists(st.integers(0, 60), max_size=8)
