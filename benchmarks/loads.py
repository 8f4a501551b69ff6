"""Clean loads made up from seeds: what the budget of the anomaly stage is judged on.

A load is one hidden stream of activity, a row a second, and twenty metrics that follow it, each
with noise of its own kind: memory that lags behind, latency with heavy tails, descriptors and
threads in whole numbers, rare errors, reads and writes that come in flushes. TUNED kinds are those
that were looked at while the stage was made; it is judged by HELD_OUT kinds as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from perfkit.analysis.watched import WATCHED, Watched
from perfkit.model.block import Block, Column

Array = NDArray[np.float64]
Rng = np.random.Generator

SECOND_NS = 1_000_000_000
MIB = 2.0**20

METRICS = (
    "cpu_percent",
    "rss_bytes",
    "latency_ms_p95",
    "throughput_per_s",
    "error_ratio",
    "fds_count",
    "threads_count",
    "runqueue_wait_percent",
    "write_bytes_per_s",
    "ctx_switches_involuntary_per_s",
    "latency_ms_mean",
    "cache_hit_ratio",
    "queue_ms_p95",
    "fps",
    "processes_count",
    "processes_born_per_s",
    "system_cpu_percent",
    "psi_cpu_some_percent",
    "read_bytes_per_s",
    "major_faults_per_s",
)
WATCHED_HERE: tuple[Watched, ...] = tuple(one for one in WATCHED if one.metric in METRICS)


def rng_of(*numbers: int) -> Rng:
    return np.random.default_rng(numbers)


def ar1(rng: Rng, n: int, correlation: float) -> Array:
    """First-order autocorrelated, standard normal at every moment."""
    noise = rng.normal(size=n) * np.sqrt(1 - correlation**2)
    noise[0] = rng.normal()
    return np.asarray(lfilter([1.0], [1.0, -correlation], noise))


def _events(
    rng: Rng, n: int, apart: float, lasting: float, height: Callable[[int], Array]
) -> Array:
    """Rectangles that begin at random, so far apart, lasting so long on average."""
    count = int(rng.poisson(n / apart))
    starts = rng.integers(0, n, count)
    stops = np.minimum(starts + rng.geometric(1 / lasting, count), n)
    heights = height(count)
    steps = np.zeros(n + 1)
    np.add.at(steps, starts, heights)
    np.add.at(steps, stops, -heights)
    return np.maximum(np.cumsum(steps)[:n], 0.0)


def autocorrelated(rng: Rng, n: int) -> Array:
    return np.exp(rng.uniform(0.1, 0.4) * ar1(rng, n, rng.choice([0.5, 0.8, 0.95, 0.98])))


def bursts(rng: Rng, n: int) -> Array:
    """Bursts with heavy tails on a calm load."""
    shape = rng.uniform(2.0, 4.0)
    extra = _events(
        rng, n, rng.uniform(40, 600), rng.uniform(1.5, 15), lambda k: rng.pareto(shape, k) + 0.5
    )
    return np.exp(0.1 * ar1(rng, n, 0.5)) + extra


def daily(rng: Rng, n: int) -> Array:
    t = np.arange(n)
    cycle = 1 + rng.uniform(0.3, 0.8) * np.sin(2 * np.pi * (t / 86_400 + rng.random()))
    return np.asarray(cycle * np.exp(0.2 * ar1(rng, n, 0.9)))


def quantised(rng: Rng, n: int) -> Array:
    jobs = rng.uniform(1, 6)
    return rng.poisson(jobs * np.exp(0.2 * ar1(rng, n, 0.95))) / jobs


def regimes(rng: Rng, n: int) -> Array:
    """Jumps between three levels of load, each kept for minutes to an hour."""
    turns = rng.random(n) < 1 / rng.uniform(300, 3000)
    levels = rng.choice([0.5, 1.0, 1.7], n)[np.cumsum(turns)]
    return np.asarray(levels * np.exp(0.15 * ar1(rng, n, 0.8)))


def long_memory(rng: Rng, n: int) -> Array:
    """Swings at every time scale from seconds to an hour."""
    swings = [ar1(rng, n, float(np.exp(-1 / scale))) for scale in (3, 30, 300, 3000)]
    return np.exp(rng.uniform(0.1, 0.25) * np.sum(swings, axis=0))


def jobs(rng: Rng, n: int) -> Array:
    """A job every few minutes, not quite on time and never of the same size."""
    every = rng.choice([60, 300, 900])
    starts = np.arange(rng.integers(every), n, every)
    starts = starts + rng.integers(0, 10, len(starts))
    load = np.zeros(n + 200)
    for start in starts:
        load[start : start + rng.integers(5, 40)] += rng.lognormal(0.5, 0.5)
    noise = 0.08 * rng.standard_t(3, n)
    return np.maximum(load[:n] + 1 + noise, 0.05)


def queue(rng: Rng, n: int) -> Array:
    """What waits at a server that is busy seven to nine tenths of the time (Lindley 1952)."""
    work = rng.gamma(2.0, rng.uniform(0.35, 0.45), n) * np.exp(0.1 * ar1(rng, n, 0.97))
    walk = np.cumsum(work - 1.0)
    waiting = walk - np.minimum.accumulate(np.minimum(walk, 0.0))
    return np.asarray(0.3 + work * 0.5 + 0.3 * waiting)


def mixed(rng: Rng, n: int) -> Array:
    """Two kinds at once."""
    one, other = rng.choice(len(_PLAIN), 2, replace=False)
    return 0.5 * (_PLAIN[one](rng, n) + _PLAIN[other](rng, n))


Kind = Callable[[Rng, int], Array]
_PLAIN: tuple[Kind, ...] = (autocorrelated, bursts, daily, regimes, long_memory, jobs, queue)
TUNED: Mapping[str, Kind] = {
    "autocorrelated": autocorrelated,
    "bursts": bursts,
    "daily": daily,
    "quantised": quantised,
}
HELD_OUT: Mapping[str, Kind] = {
    "regimes": regimes,
    "long memory": long_memory,
    "jobs": jobs,
    "queue": queue,
    "mixed": mixed,
}
KINDS: Mapping[str, Kind] = {**TUNED, **HELD_OUT}


def metrics_of(rng: Rng, activity: Array) -> dict[str, Array]:
    """The twenty metrics of a load with this activity, 1 being its usual one."""
    n = len(activity)

    def around(spread: float) -> Array:
        return np.exp(spread * rng.normal(size=n))

    slow = np.asarray(lfilter([0.05], [1.0, -0.95], activity - activity[0])) + activity[0]
    live = np.exp(0.03 * ar1(rng, n, 0.99))
    requests = rng.poisson(100 * activity)
    flush = rng.random(n) < rng.uniform(0.03, 0.3)
    return {
        "cpu_percent": np.minimum(40 * activity * around(0.08), 400.0),
        "rss_bytes": 200 * MIB * live * (1 + 0.1 * slow),
        "latency_ms_p95": 5
        + 15 * activity ** rng.uniform(0.5, 1.5) * around(rng.uniform(0.1, 0.4)),
        "throughput_per_s": requests.astype(np.float64),
        "error_ratio": rng.binomial(requests, 0.003) / np.maximum(requests, 1),
        "fds_count": 40.0 + rng.poisson(5 * activity),
        "threads_count": 8.0 + np.round(activity),
        "runqueue_wait_percent": 3 * activity * rng.exponential(size=n),
        "write_bytes_per_s": flush * rng.lognormal(13, 1.2, n),
        "ctx_switches_involuntary_per_s": 300 * activity * around(0.25),
        "latency_ms_mean": 4 + 8 * activity ** rng.uniform(0.5, 1.5) * around(0.1),
        "cache_hit_ratio": 1 - rng.binomial(200, 0.08, n) / 200,
        "queue_ms_p95": 10 * activity**2 * rng.exponential(size=n),
        "fps": 60.0 - rng.poisson(0.5 * activity),
        "processes_count": 6.0 + (rng.random(n) < 0.05),
        "processes_born_per_s": rng.poisson(2.0, n).astype(np.float64),
        "system_cpu_percent": np.minimum(15 + 20 * activity * around(0.1), 100.0),
        "psi_cpu_some_percent": np.minimum(5 * activity * rng.gamma(2.0, 0.5, n), 100.0),
        "read_bytes_per_s": (rng.random(n) < 0.1) * rng.lognormal(12, 1.5, n),
        "major_faults_per_s": rng.poisson(0.2, n).astype(np.float64),
    }


def block_of(values: Mapping[str, Array]) -> Block:
    """Periods of a second with these metrics, under the names of their columns."""
    column = {one.metric: one.column for one in WATCHED_HERE}
    n = len(next(iter(values.values())))
    columns = {
        column[name]: Column(numbers, np.isfinite(numbers)) for name, numbers in values.items()
    }
    return Block(np.arange(n, dtype=np.int64) * SECOND_NS, columns)


def clean_day(kind: str, seed: int, n: int = 86_400) -> Block:
    """A day without faults."""
    rng = rng_of(seed, list(KINDS).index(kind))
    return block_of(metrics_of(rng, KINDS[kind](rng, n)))
