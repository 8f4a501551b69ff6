"""What is known of the recording itself: its cost, its lateness and its holes."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from perfkit.analysis.sketch import Quantiles
from perfkit.model.block import Block
from perfkit.model.report import Hole, Monitoring
from perfkit.model.session import Session

MONITORING_COLUMNS = (
    "suspended_ns",
    "tick_late_ns",
    "ticks_missed",
    "sampler_cost_ns",
    "events_dropped",
)
_SINCE_THE_TICK_BEFORE = tuple(name for name in MONITORING_COLUMNS if name != "tick_late_ns")
HOLES_KEPT = 20


def monitoring(blocks: Iterable[Block], session: Session, *, active: bool) -> Monitoring:
    """The figures of a recording.

    blocks: in time order, with MONITORING_COLUMNS as far as the session has them.
    active: whether a recorder is still writing.
    The cost in percent is that of one core over the whole recording; null for one without length.
    A hole lies between two ticks; of two causes, sleep is the one named.
    Of a flight recorder's session the figures are those of what was kept: they begin at its first
    tick, whose own amounts belong to the time before.
    """
    ticks = 0
    first_ns = last_ns = 0
    kept_only = session.ticks_dropped > 0
    sums = dict.fromkeys(MONITORING_COLUMNS, 0)
    cost_count = 0
    late = Quantiles()
    late_max: int | None = None
    holes: list[tuple[int, int, Hole]] = []
    for block in blocks:
        if not len(block):
            continue
        amounts = {name: _amounts(block, name) for name in MONITORING_COLUMNS}
        if kept_only and not ticks:
            first_ns = last_ns = int(block.t_ns[0])
            for name in _SINCE_THE_TICK_BEFORE:
                for array in amounts[name]:
                    array[0] = 0
        for name, (values, _) in amounts.items():
            sums[name] += int(values.sum())
        cost_count += int(amounts["sampler_cost_ns"][1].sum())
        values, valid = amounts["tick_late_ns"]
        if valid.any():
            late.add(values[valid].astype(np.float64))
            late_max = max(late_max or 0, int(values[valid].max()))
        before = np.concatenate(([last_ns], block.t_ns[:-1]))
        slept, missed = amounts["suspended_ns"][0], amounts["ticks_missed"][0]
        for row in np.flatnonzero((slept > 0) | (missed > 0)).tolist():
            hole = Hole(
                int(before[row]),
                int(block.t_ns[row]),
                int(missed[row]),
                "suspended" if slept[row] > 0 else "missed",
            )
            # The longest; of equally long ones the earliest.
            heapq.heappush(holes, (hole.until_ns - hole.from_ns, -hole.from_ns, hole))
            if len(holes) > HOLES_KEPT:
                heapq.heappop(holes)
        ticks += len(block)
        last_ns = int(block.t_ns[-1])
    duration_ns = (last_ns if session.duration_ns is None else session.duration_ns) - first_ns
    cost_ns = sums["sampler_cost_ns"]
    measured = cost_count > 0
    return Monitoring(
        active=active,
        ticks=ticks,
        ticks_dropped=session.ticks_dropped,
        duration_ns=duration_ns,
        cost_cpu_ns=cost_ns,
        cost_percent=100 * cost_ns / duration_ns if measured and duration_ns > 0 else None,
        cost_per_tick_ns=cost_ns / cost_count if measured else None,
        late_p99_ns=late.at(0.99),
        late_max_ns=late_max,
        ticks_missed=sums["ticks_missed"],
        suspended_ns=sums["suspended_ns"],
        events_dropped=sums["events_dropped"],
        holes=tuple(sorted((hole for _, _, hole in holes), key=lambda hole: hole.from_ns)),
    )


def with_damage(found: Monitoring, session: Session) -> Monitoring:
    """The same with what the session's notes say of ticks that cannot be read any more."""
    holes = [*found.holes, *(Hole(*damage, kind="damaged") for damage in session.damage)]
    longest = sorted(holes, key=lambda hole: (hole.from_ns - hole.until_ns, hole.from_ns))
    return replace(
        found,
        ticks_damaged=session.ticks_damaged,
        holes=tuple(sorted(longest[:HOLES_KEPT], key=lambda hole: hole.from_ns)),
    )


def _amounts(block: Block, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The column's values, 0 where null, and where it is valid."""
    column = block.columns.get(name)
    if column is None:
        return np.zeros(len(block), np.int64), np.zeros(len(block), np.bool_)
    return np.where(column.valid, column.values, 0).astype(np.int64), column.valid.copy()
