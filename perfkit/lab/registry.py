"""Every program of the laboratory, and what is true of it: one row a program."""

from __future__ import annotations

import random
from dataclasses import dataclass

FAULT = "fault"
CLEAN = "clean"
FORECAST = "forecast"
PURPOSES = (FAULT, CLEAN, FORECAST)

STRENGTHS = (1.25, 1.5, 2.0, 4.0)
"""How many times its clean level a fault reaches."""

FAULT_SECONDS = 120.0
CLEAN_SECONDS = 720.0
# A run to forecast is time compressed: ten seconds of it stand for five minutes.
_FORECAST_SECONDS = (40.0, 90.0)


@dataclass(frozen=True)
class Program:
    """One program.

    name: what `perfkit lab` calls it. purpose: FAULT, CLEAN or FORECAST. kind: of fault, of load,
    or the family of what is to be forecast; programs of one kind are not independent of each other.
    summary: what it does, a few words. metrics: columns that show it. module: in `lab.programs`;
    shape: the course it is asked to take, empty where it knows only one.
    leaks: whether something grows without ever being given back (FORECAST).
    looks: whether it only looks as if it got to its capacity, and does not (FORECAST).
    neighbour: it needs a process outside the recorded tree. quota: it wants a control group of
    its own. loud: it disturbs the whole machine, so nothing is recorded beside it.
    """

    name: str
    purpose: str
    kind: str
    summary: str
    metrics: tuple[str, ...]
    module: str = ""
    shape: str = ""
    leaks: bool = False
    looks: bool = False
    neighbour: bool = False
    quota: bool = False
    loud: bool = False

    @property
    def runs(self) -> str:
        """The module that is run, `perfkit.lab.programs.…`."""
        return f"perfkit.lab.programs.{self.module or self.name}"

    def seconds(self, seed: int) -> float:
        """How long a run is unless told; of forecasts it differs by seed, the same for all."""
        if self.purpose == FAULT:
            return FAULT_SECONDS
        if self.purpose == CLEAN:
            return CLEAN_SECONDS
        return float(round(random.Random(f"seconds {seed}").uniform(*_FORECAST_SECONDS)))


def _fault(
    name: str,
    metric: str,
    summary: str,
    *,
    neighbour: bool = False,
    quota: bool = False,
    loud: bool = False,
) -> Program:
    return Program(
        name, FAULT, name, summary, (metric,), neighbour=neighbour, quota=quota, loud=loud
    )


FAULTS = (
    _fault("cpu_hog", "system_cpu_percent", "a neighbour takes the machine's CPU", neighbour=True, loud=True),
    _fault("memory_leak", "rss_bytes", "memory is kept that should be dropped"),
    _fault("descriptor_leak", "fds_count", "connections are never closed"),
    _fault("lock_convoy", "latency_ms_mean", "one thread holds the lock that all need"),
    _fault("latency_step", "latency_ms_mean", "answers take longer from one moment on"),
    _fault("cache_collapse", "cache_hit_ratio", "callers ask for what is not in the cache"),
    _fault("error_burst", "error_ratio", "more calls fail"),
    _fault("fork_storm", "processes_born_per_s", "many more processes are started"),
    _fault("disk_stall", "latency_ms_mean", "writes block: a FIFO whose reader stalls"),
    _fault("throttling", "latency_ms_mean", "less CPU: a cgroup's quota, or stopped at a duty cycle", quota=True),
)  # fmt: skip


def _clean(name: str, metrics: str, summary: str) -> Program:
    return Program(name, CLEAN, name, summary, tuple(metrics.split()))


CLEAN_LOADS = (
    _clean("bursty_load", "throughput_per_s", "callers come in crowds"),
    _clean(
        "periodic_load", "throughput_per_s cpu_percent rss_bytes", "load in a period, which is told"
    ),
    _clean("warm_up", "rss_bytes cache_hit_ratio", "starts cold, then stays"),
    _clean("gc_sawtooth", "rss_bytes", "garbage is collected now and then"),
    _clean("wandering_load", "throughput_per_s cpu_percent", "load drifts over minutes"),
    _clean("batch_phases", "cpu_percent rss_bytes", "reads, computes, writes, over and over"),
    _clean("quiet_daemon", "cpu_percent", "mostly has nothing to do"),
    _clean("connection_churn", "fds_count", "clients come and stay for a while"),
    _clean("log_rotation", "write_call_bytes_per_s", "a log is written, moved and compressed"),
    _clean("cron_jobs", "processes_count", "a few short jobs every half minute"),
    _clean("frame_loop", "fps", "sixty frames a second, some of them slow"),
    _clean("worker_pool", "queue_ms_p95", "tasks wait for each other now and then"),
    _clean("elastic_threads", "threads_count", "threads come and go with the load"),
    _clean("expiring_cache", "cache_hit_ratio", "all entries run out at once, in a period"),
)

PROGRAMS: tuple[Program, ...] = (*FAULTS, *CLEAN_LOADS)
"""In the order of `perfkit lab list`."""


def chosen(only: str) -> tuple[Program, ...]:
    """The programs of a purpose, of a kind, or the one of this name; none if nothing is called so."""
    return tuple(one for one in PROGRAMS if only in (one.purpose, one.kind, one.name))
