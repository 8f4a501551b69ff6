"""Which metrics the stages look at by default, and what a change in them means.

Ordered by how much they tell; a session is watched on the first MOST_WATCHED that it has.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from perfkit.model.finding import DOWN, EITHER, UP

MOST_WATCHED = 20


@dataclass(frozen=True)
class Watched:
    """One metric under watch.

    metric: its column in the ticks; column: the column of the periods that stages read.
    worse: the direction in which it gets worse, EITHER where neither is. least: the smallest
    absolute change, in the metric's unit, that anybody would want to hear of; least_share: the
    same as a share of the level. Changes below either are ordinary life.
    """

    metric: str
    column: str
    worse: str
    least: float
    least_share: float


def _ticked(metric: str, worse: str, least: float, least_share: float) -> Watched:
    return Watched(metric, f"{metric}_mean", worse, least, least_share)


def _evented(metric: str, worse: str, least: float, least_share: float) -> Watched:
    """A metric made of events: its column in the periods is made of the period's own events."""
    return Watched(metric, metric, worse, least, least_share)


MIB = 2.0**20

WATCHED: tuple[Watched, ...] = (
    _ticked("cpu_percent", UP, 5.0, 0.1),
    _ticked("rss_bytes", UP, 4 * MIB, 0.05),
    _evented("latency_ms_p95", UP, 0.5, 0.2),
    _evented("throughput_per_s", DOWN, 1.0, 0.2),
    _evented("error_ratio", UP, 0.01, 0.0),
    _evented("fps", DOWN, 3.0, 0.1),
    _evented("cache_hit_ratio", DOWN, 0.03, 0.0),
    _evented("queue_ms_p95", UP, 1.0, 0.2),
    _ticked("fds_count", UP, 5.0, 0.1),
    _ticked("threads_count", UP, 2.0, 0.1),
    _ticked("processes_count", EITHER, 2.0, 0.1),
    _ticked("runqueue_wait_percent", UP, 5.0, 0.1),
    _ticked("read_bytes_per_s", EITHER, MIB, 0.2),
    _ticked("write_bytes_per_s", EITHER, MIB, 0.2),
    _ticked("major_faults_per_s", UP, 5.0, 0.2),
    _ticked("ctx_switches_involuntary_per_s", UP, 100.0, 0.2),
    _ticked("processes_born_per_s", UP, 2.0, 0.2),
    _ticked("cgroup_throttled_percent", UP, 5.0, 0.0),
    _ticked("psi_cpu_some_percent", UP, 10.0, 0.0),
    _ticked("psi_io_some_percent", UP, 10.0, 0.0),
    _ticked("psi_memory_some_percent", UP, 5.0, 0.0),
    _ticked("system_cpu_percent", UP, 10.0, 0.1),
    _evented("render_ms_p95", UP, 2.0, 0.2),
    _evented("worker_utilisation_ratio", UP, 0.1, 0.0),
    _ticked("net_receive_bytes_per_s", EITHER, MIB, 0.3),
    _ticked("net_transmit_bytes_per_s", EITHER, MIB, 0.3),
)


def watched(metrics: Collection[str], most: int = MOST_WATCHED) -> tuple[Watched, ...]:
    """The first `most` of WATCHED whose metric is among those of a session."""
    return tuple(one for one in WATCHED if one.metric in metrics)[:most]
