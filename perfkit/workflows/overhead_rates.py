"""What a tick costs at one rate, and how punctual it is: the recorder beside bare loops.

A recorder that is asked for its figures in a hot loop flatters itself three to four times: caches
stay warm that are cold after a sleep. So everything here sleeps between ticks, at the same
interval, on the same target, one after the other in one run.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perfkit.model.overhead import LATE_SHARE, Lateness, RateCost
from perfkit.workflows.overhead_processes import (
    NS,
    LoopFigures,
    ended,
    figures_of,
    finish,
    loop,
    microseconds,
    record,
    rss_mib,
    us_per_tick,
)
from perfkit.workflows.source import open_recording

# Busy enough that every reading differs from the last, so that nothing is saved by not parsing;
# far from filling a core.
BUSY_TARGET = """
import os, time
null = os.open(os.devnull, os.O_WRONLY)
print("ready", flush=True)
while True:
    until = time.process_time() + 0.0005
    while time.process_time() < until:
        pass
    os.write(null, b"x" * 100)
    time.sleep(0.005)
"""


@dataclass(frozen=True)
class Ticks:
    """What a recording says of its own ticks after the warm-up.

    cost_us: CPU per tick, all told. late_ns: of each tick behind its deadline.
    """

    count: int
    missed: int
    cost_us: float | None
    late_ns: NDArray[np.int64]


def measure_rate(
    rate_hz: int, seconds: float, warm_up_s: float, pid: int, folder: Path
) -> RateCost:
    """The recorder, then the loops: never two that read the same files at the same time.

    Who reads a file right after somebody else finds the kernel's code and data for it in the
    caches and looks a third cheaper. The clock loop reads nothing; it runs beside both sides of the
    ratio, and beside the recorder for the slots that nobody could have kept.
    """
    interval_ns = NS // rate_hz
    session = folder / f"{rate_hz}.parquet"
    recording = record(pid, interval_ns, warm_up_s + seconds, session)
    with (
        ended(recording) as recorder,
        loop("clock", interval_ns, seconds, pid, warm_up_s=warm_up_s) as clock,
    ):
        time.sleep(warm_up_s + seconds)
        rss = rss_mib(recorder.pid)
        figures = {"clock": figures_of(clock)}
        finish(recorder, "the recorder")
    # the loops read the slow group at their start and every five seconds: no longer warm-up needed
    short_s = min(1.0, warm_up_s)
    with (
        loop("bare", interval_ns, seconds, pid, warm_up_s=short_s) as bare,
        loop("clock", interval_ns, seconds, pid, warm_up_s=short_s) as clock,
    ):
        figures["bare"] = figures_of(bare)
        figures_of(clock)
    journal = folder / f"{rate_hz}.parts"
    with loop("parts", interval_ns, seconds, pid, warm_up_s=short_s, journal=journal) as parts:
        figures["parts"] = figures_of(parts)
    return rate_cost(rate_hz, ticks_of(session, warm_up_s), rss, figures)


def recorder_us_per_tick(
    rate_hz: int, seconds: float, warm_up_s: float, pid: int, folder: Path
) -> tuple[float | None, float | None]:
    """What the recorder uses for a tick of a process, and the clock loop beside it; in µs."""
    interval_ns = NS // rate_hz
    session = folder / f"{rate_hz}-{pid}.parquet"
    recording = record(pid, interval_ns, warm_up_s + seconds, session)
    with (
        ended(recording) as recorder,
        loop("clock", interval_ns, seconds, pid, warm_up_s=warm_up_s) as clock,
    ):
        clock_figures = figures_of(clock).named
        finish(recorder, "the recorder")
    return ticks_of(session, warm_up_s).cost_us, us_per_tick(clock_figures)


def rate_cost(
    rate_hz: int, ticks: Ticks, rss: float | None, loops: dict[str, LoopFigures]
) -> RateCost:
    """Put the figures of the recorder and the loops together."""
    clock, bare, parts = (loops[kind].named for kind in ("clock", "bare", "parts"))
    cpu_us, bare_us = ticks.cost_us, us_per_tick(bare)
    missed_percent = _missed_percent(ticks.count, ticks.missed)
    clock_missed = _missed_percent(clock["ticks"], clock["missed"])
    beyond = None
    if missed_percent is not None and clock_missed is not None:
        beyond = max(0.0, missed_percent - clock_missed)
    return RateCost(
        rate_hz=rate_hz,
        ticks=ticks.count,
        cpu_us_per_tick=cpu_us,
        cpu_percent=None if cpu_us is None else cpu_us * rate_hz / 1e4,
        wall_us_per_tick=parts["wall_ns"] / 1000,
        fast_us=microseconds(parts.get("fast_ns")),
        system_us=microseconds(parts.get("system_ns")),
        slow_us=microseconds(parts.get("slow_ns")),
        write_us=microseconds(parts.get("write_ns")),
        clock_us_per_tick=us_per_tick(clock),
        bare_us_per_tick=bare_us,
        ratio_to_bare=None if cpu_us is None or not bare_us else cpu_us / bare_us,
        rss_mib=rss,
        missed_percent=missed_percent,
        missed_beyond_clock_percent=beyond,
        **_lateness("", ticks.late_ns, NS // rate_hz),
        **_lateness("clock_", np.asarray(loops["clock"].late_ns, np.int64), NS // rate_hz),
    )


def ticks_of(session: Path, warm_up_s: float) -> Ticks:
    """What a session says of its ticks after the warm-up."""
    columns = {"t_ns", "sampler_cost_ns", "ticks_missed", "tick_late_ns"}
    cost_ns = missed = ticks = 0
    late: list[NDArray[np.int64]] = []
    for block in open_recording(session).blocks(columns):
        counted = block.t_ns > (warm_up_s + 0.05) * NS
        ticks += int(np.count_nonzero(counted))
        cost_ns += int(block.columns["sampler_cost_ns"].values[counted].sum())
        missed += int(block.columns["ticks_missed"].values[counted].sum())
        late.append(block.columns["tick_late_ns"].values[counted].astype(np.int64))
    return Ticks(ticks, missed, cost_ns / ticks / 1000 if ticks else None, np.concatenate(late))


def lateness_of(late_ns: NDArray[np.int64], interval_ns: int) -> Lateness:
    """How far behind their deadlines the ticks came."""
    if not late_ns.size:
        return Lateness()
    return Lateness(
        late_us=float(np.median(late_ns)) / 1000,
        late_p99_us=float(np.quantile(late_ns, 0.99)) / 1000,
        jitter_us=float(np.std(late_ns)) / 1000,
        late_percent=100 * float(np.mean(late_ns > LATE_SHARE * interval_ns)),
    )


def _lateness(prefix: str, late_ns: NDArray[np.int64], interval_ns: int) -> dict[str, float | None]:
    lateness = lateness_of(late_ns, interval_ns)
    return {prefix + name: value for name, value in asdict(lateness).items()}


def _missed_percent(ticks: float, missed: float) -> float | None:
    return 100 * missed / (ticks + missed) if ticks else None
