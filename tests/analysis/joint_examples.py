"""An application whose requests drive its CPU and latency, and models learned of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from perfkit.analysis.joint.learning import JointLearner
from perfkit.analysis.joint.stage import JointStage
from perfkit.analysis.watched import WATCHED
from perfkit.model.baseline import Baseline
from perfkit.model.block import Block, Column
from perfkit.model.finding import Finding
from perfkit.model.joint import JOINT, JointModel, joint_to_facts

SECOND = 1_000_000_000
Array = npt.NDArray[np.float64]
NAMES = ("cpu_percent", "rss_bytes", "latency_ms_mean", "throughput_per_s", "threads_count")


def load(seed: int, count: int = 600) -> dict[str, Array]:
    """Requests go up and down; CPU follows them, latency a little."""
    rng = np.random.default_rng(seed)
    slow = np.cumsum(rng.normal(0, 0.1, count))
    busy = 1.0 + 0.5 * np.sin(np.arange(count) / 40 + seed) + 0.2 * np.tanh(slow)
    return {
        "cpu_percent": 40 * busy * np.exp(0.05 * rng.normal(size=count)),
        "rss_bytes": 2e8 * np.exp(0.005 * rng.normal(size=count)),
        "latency_ms_mean": 10 + 3 * busy + 0.3 * rng.normal(size=count),
        "throughput_per_s": rng.poisson(200 * np.maximum(busy, 0.1)).astype(np.float64),
        "threads_count": np.full(count, 8.0),
    }


def block(
    values: Mapping[str, Array],
    numbers: npt.NDArray[np.int64] | None = None,
    alive: Array | None = None,
) -> Block:
    """Periods of a second; NaN is no value."""
    names = {one.metric: one.column for one in WATCHED}
    count = len(next(iter(values.values())))
    columns = {names[name]: Column(one, np.isfinite(one)) for name, one in values.items()}
    living = np.ones(count) if alive is None else alive
    columns["processes_count_last"] = Column(living, np.ones(count, np.bool_))
    t_ns = (np.arange(count) if numbers is None else numbers) * SECOND
    return Block(t_ns, columns)


@cache
def model(sessions: int = 3, count: int = 1200) -> JointModel:
    """Learned of calm sessions of the application."""
    learner = JointLearner(NAMES, SECOND)
    for seed in range(100, 100 + sessions):
        learner.add(block(load(seed, count)))
        learner.end_session()
    found = learner.learned()
    if found is None:
        raise AssertionError("nothing was learned")
    return found


def baseline(of: JointModel | None = None) -> Baseline:
    """A baseline that holds the model and nothing else."""
    return Baseline(SECOND, {}, detectors={JOINT: joint_to_facts(of or model())})


def said(
    periods: Block, cuts: Sequence[int] = (), learned: Baseline | None = None
) -> list[Finding]:
    """All emissions over these periods, cut where asked."""
    stage = JointStage(SECOND, learned or baseline())
    bounds = [0, *sorted(cut for cut in cuts if 0 < cut < len(periods)), len(periods)]
    found: list[Finding] = []
    for start, stop in pairwise(bounds):
        found += stage.add(periods[start:stop], [])
    return found + stage.finish([])
