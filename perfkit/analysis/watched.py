"""Which metrics the stages look at by default, and what a change in them means.

Ordered by how much they tell; a session is watched on the first MOST_WATCHED that it has.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from perfkit.model.finding import DOWN, EITHER, UP

MOST_WATCHED = 20

_COUNTED = {"error_ratio", "processes_born_per_s"}
"""Not hits of a cache: what expires together misses together."""


@dataclass(frozen=True)
class Watched:
    """One metric under watch.

    metric: its column in the ticks; column: the column of the periods that stages read.
    worse: the direction in which it gets worse, EITHER where neither is. least: the smallest
    absolute change, in the metric's unit, that anybody would want to hear of; least_share: the
    same as a share of the level. Changes below either are ordinary life. cause: the key under which
    reports merge what is said of it, the same as in the SQL rules.
    """

    metric: str
    column: str
    worse: str
    least: float
    least_share: float
    cause: str = ""

    def least_change(self, level: float) -> float:
        """The least change from this level that anybody would want to hear of."""
        return max(self.least, self.least_share * abs(level))

    @property
    def counted(self) -> bool:
        """Whether it counts many things, each with an end of its own: means of it are near normal."""
        return self.metric in _COUNTED


def _ticked(cause: str, metric: str, worse: str, least: float, least_share: float) -> Watched:
    return Watched(metric, f"{metric}_mean", worse, least, least_share, cause)


def _evented(cause: str, metric: str, worse: str, least: float, least_share: float) -> Watched:
    """A metric made of events: its column in the periods is made of the period's own events."""
    return Watched(metric, metric, worse, least, least_share, cause)


MIB = 2.0**20

WATCHED: tuple[Watched, ...] = (
    _ticked("cpu", "cpu_percent", UP, 5.0, 0.1),
    _ticked("memory", "rss_bytes", UP, 4 * MIB, 0.05),
    _evented("latency", "latency_ms_p95", UP, 0.5, 0.2),
    _evented("latency", "latency_ms_mean", UP, 0.5, 0.2),
    _evented("throughput", "throughput_per_s", DOWN, 1.0, 0.2),
    _evented("errors", "error_ratio", UP, 0.01, 0.0),
    _evented("frames", "fps", DOWN, 3.0, 0.1),
    _evented("cache", "cache_hit_ratio", DOWN, 0.03, 0.0),
    _evented("queue", "queue_ms_p95", UP, 1.0, 0.2),
    _ticked("descriptors", "fds_count", UP, 5.0, 0.1),
    _ticked("threads", "threads_count", UP, 2.0, 0.1),
    _ticked("processes", "processes_count", EITHER, 2.0, 0.1),
    _ticked("cpu", "runqueue_wait_percent", UP, 5.0, 0.1),
    _ticked("neighbour", "system_cpu_percent", UP, 10.0, 0.1),
    _ticked("processes", "processes_born_per_s", UP, 2.0, 0.2),
    _ticked("cpu", "cgroup_throttled_percent", UP, 5.0, 0.0),
    _ticked("cpu", "psi_cpu_some_percent", UP, 10.0, 0.0),
    _ticked("io", "read_bytes_per_s", EITHER, MIB, 0.2),
    _ticked("io", "write_bytes_per_s", EITHER, MIB, 0.2),
    _ticked("memory", "major_faults_per_s", UP, 5.0, 0.2),
    _ticked("scheduling", "ctx_switches_involuntary_per_s", UP, 100.0, 0.2),
    _ticked("io", "psi_io_some_percent", UP, 10.0, 0.0),
    _ticked("memory", "psi_memory_some_percent", UP, 5.0, 0.0),
    _evented("frames", "render_ms_p95", UP, 2.0, 0.2),
    _evented("queue", "worker_utilisation_ratio", UP, 0.1, 0.0),
    _ticked("network", "net_receive_bytes_per_s", EITHER, MIB, 0.3),
    _ticked("network", "net_transmit_bytes_per_s", EITHER, MIB, 0.3),
)


def watched(metrics: Collection[str], most: int = MOST_WATCHED) -> tuple[Watched, ...]:
    """The first `most` of WATCHED whose metric is among those of a session."""
    return tuple(one for one in WATCHED if one.metric in metrics)[:most]
