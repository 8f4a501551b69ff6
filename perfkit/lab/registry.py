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
    or how what is to be forecast ends. summary: what it does, a few words. metrics: columns that
    show it. module: in `lab.programs`, which is the family of what is to be forecast; shape: the
    course it is asked to take, empty where it knows only one.
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


def _forecast(
    name: str,
    kind: str,
    runs: str,
    metrics: str,
    summary: str,
    *,
    leaks: bool = False,
    looks: bool = False,
) -> Program:
    module, shape = runs.split()
    return Program(
        name,
        FORECAST,
        kind,
        summary,
        tuple(metrics.split()),
        module=module,
        shape=shape,
        leaks=leaks,
        looks=looks,
    )


FORECASTS = (
    _forecast("leak_steady", "leak", "memory steady", "rss_bytes", "memory grows in a straight line", leaks=True),
    _forecast("leak_late", "leak", "memory late", "rss_bytes", "nothing, and then it leaks", leaks=True),
    _forecast("leak_accelerating", "leak", "memory accelerating", "rss_bytes", "faster and faster", leaks=True),
    _forecast("leak_steps", "leak", "memory steps", "rss_bytes", "a piece at a time", leaks=True),
    _forecast("leak_sawtooth", "leak", "memory under-a-sawtooth", "rss_bytes", "a little less comes back each time", leaks=True),
    _forecast("leak_spurts", "leak", "memory spurts", "rss_bytes", "in spurts with rests", leaks=True),
    _forecast("leak_limit", "leak", "memory limit", "virtual_nearest_bytes", "into its RLIMIT_AS", leaks=True),
    _forecast("leak_slow", "leak", "memory slow", "rss_bytes", "far from its end when the run is over", leaks=True),
    _forecast("fill_descriptors", "fill", "descriptors steady", "fds_count", "into its RLIMIT_NOFILE", leaks=True),
    _forecast("fill_threads", "fill", "threads steady", "threads_count", "threads that are never ended", leaks=True),
    _forecast("fill_disk", "fill", "disk steady", "disk_free_bytes", "into a disk of its own that gets full", leaks=True),
    _forecast("descriptors_late", "leak", "descriptors late", "fds_count", "connections are lost from one moment on", leaks=True),
    _forecast("threads_spurts", "leak", "threads spurts", "threads_count", "threads that are lost in spurts", leaks=True),
    _forecast("load_fills", "fill", "memory with-more-load", "rss_bytes", "grows with its work, which goes on growing"),
    _forecast("saturate_workers", "saturate", "workers steady", "queue_ms_p95", "more tasks than the workers can do"),
    _forecast("saturate_cpu", "saturate", "cpu steady", "cpu_percent", "up to its share of a core"),
    _forecast("degrade_latency", "degrade", "latency steady", "latency_ms_p95", "slower and slower"),
    _forecast("latency_accelerating", "degrade", "latency accelerating", "latency_ms_p95", "slower, faster and faster"),
    _forecast("degrade_fps", "degrade", "frames steady", "fps", "from sixty frames a second to thirty"),
    _forecast("leak_recovers", "recover", "memory recovers", "rss_bytes", "a leak that is mended in time", looks=True),
    _forecast("latency_recovers", "recover", "latency recovers", "latency_ms_p95", "slower, until it is mended", looks=True),
    _forecast("cpu_recovers", "recover", "cpu recovers", "cpu_percent", "busier and busier, until it is mended", looks=True),
    _forecast("sawtooth_below", "seeming", "memory sawtooth-below", "rss_bytes", "up to just below its limit and down", looks=True),
    _forecast("plateau", "seeming", "memory plateau", "rss_bytes", "grows to where it stays", looks=True),
    _forecast("transient_burst", "seeming", "memory burst", "rss_bytes", "a sudden rise, and back", looks=True),
    _forecast("warm_up_growth", "seeming", "memory warm-up", "rss_bytes", "grows until all it needs is there", looks=True),
    _forecast("load_growth", "seeming", "memory with-the-load", "rss_bytes", "grows with its work, which ends", looks=True),
    _forecast("descriptors_plateau", "seeming", "descriptors plateau", "fds_count", "fills a pool of connections", looks=True),
    _forecast("threads_burst", "seeming", "threads burst", "threads_count", "many threads for a moment", looks=True),
    _forecast("descriptors_burst", "seeming", "descriptors burst", "fds_count", "many connections for a moment", looks=True),
    _forecast("threads_with_load", "seeming", "threads with-the-load", "threads_count", "as many threads as there is work, which ends", looks=True),
    _forecast("disk_rotation", "seeming", "disk sawtooth-below", "disk_free_bytes", "a log that is cut before the disk is full", looks=True),
    _forecast("workers_burst", "seeming", "workers burst", "queue_ms_p95", "a crowd that is dealt with", looks=True),
    _forecast("workers_near", "seeming", "workers warm-up", "queue_ms_p95", "more and more tasks, until workers are nearly all busy or just too few"),
    _forecast("cpu_burst", "seeming", "cpu burst", "cpu_percent", "busy for a moment", looks=True),
    _forecast("fps_plateau", "seeming", "frames plateau", "fps", "slower, but not too slow", looks=True),
    _forecast("memory_flat", "calm", "memory flat", "rss_bytes", "stays where it is"),
    _forecast("memory_wave", "calm", "memory wave", "rss_bytes", "up and down with a period"),
)  # fmt: skip

PROGRAMS: tuple[Program, ...] = (*FAULTS, *CLEAN_LOADS, *FORECASTS)
"""In the order of `perfkit lab list`."""


def chosen(only: str) -> tuple[Program, ...]:
    """The programs of a purpose, of a kind, or the one of this name; none if nothing is called so."""
    return tuple(one for one in PROGRAMS if only in (one.purpose, one.kind, one.name))
