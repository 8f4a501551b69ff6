"""What a tick costs for a tree of idle processes, its groups apart."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from perfkit.model.overhead import BASE_RATE_HZ, TreeCost
from perfkit.workflows.overhead_processes import NS, figures_of, loop, microseconds, target

# All wait for one pipe, so that all of them end with whoever holds its other end.
IDLE_TREE = """
import os, sys
for _ in range(int(sys.argv[1]) - 1):
    if not os.fork():
        break
else:
    print("ready", flush=True)
os.read(0, 1)
"""


@contextlib.contextmanager
def idle_tree(processes: int) -> Iterator[int]:
    """A process with so many children less one, all asleep; yields its pid."""
    with target(IDLE_TREE, str(processes)) as pid:
        yield pid


def measure_tree(processes: int, seconds: float, warm_up_s: float, folder: Path) -> TreeCost:
    """Record a tree at the base rate by the recorder's own parts, each of them timed.

    The recorder's clock is read a few times more for that, which costs it a hundredth.
    """
    with (
        idle_tree(processes) as pid,
        loop(
            "parts",
            NS // BASE_RATE_HZ,
            seconds,
            pid,
            warm_up_s=warm_up_s,
            journal=folder / f"tree-{processes}",
        ) as parts,
    ):
        figures = figures_of(parts).named
    ticks = int(figures["ticks"])
    return TreeCost(
        processes,
        ticks,
        cpu_us_per_tick=figures["cpu_ns"] / ticks / 1000 if ticks else None,
        fast_us=microseconds(figures.get("fast_ns")),
        system_us=microseconds(figures.get("system_ns")),
        slow_us=microseconds(figures.get("slow_ns")),
    )
