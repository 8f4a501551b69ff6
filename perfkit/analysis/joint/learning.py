"""Learns how metrics go together in sessions in which all was well.

Scaled robustly, by median and quartiles (Huber 1981, "Robust Statistics"), but never finer than a
quarter of what anybody would want to hear of. The covariance is shrunk towards a multiple of the
identity as far as the data ask for it: Ledoit and Wolf (2004), "A well-conditioned estimator for
large-dimensional covariance matrices", J. Multivariate Anal. 88, 365. How far out is rare is told
by sessions that a model was not learned from: each is held against a model of the others (blocks of
time, where there is one session), Stone (1974), "Cross-validatory choice and assessment of
statistical predictions".
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from perfkit.analysis.joint.distance import Distances, softened, tail_of
from perfkit.analysis.joint.rows import JOINT_WATCHED, Rows
from perfkit.analysis.periods import periods_per_day
from perfkit.analysis.watched import Watched
from perfkit.model.block import Block
from perfkit.model.joint import DistanceTail, JointModel
from perfkit.stats.extreme_values import Prior, fit_tails

Array = npt.NDArray[np.float64]

LASTING = 2
"""Rows in a row that have to be far out for an alarm."""

_STRETCH = 16
"""Rows whose farthest is one peak, and that are kept or left out together."""

_MOST_STRETCHES = 640
"""Kept of a session: ten thousand rows, spread over all of it."""

_LEAST_ROWS = 30
_MOST_FOLDS = 10
_TIME_FOLDS = 5
_PRESENT = 0.5
_FLOORS = 4.0
_NUGGET = 1.0 / 64.0
"""Added to each variance: in no direction is anything narrower than an eighth of a scale."""

_PEAKS = 32
_PRIOR = Prior(scale=1.0, shape=0.05, peaks=20.0, shape_peaks=20.0)
_NO_TAIL = DistanceTail(0.0, 1.0, 0.0, 1.0, 0.0)


class JointLearner:
    """Takes the periods of one session after another; keeps at most ten thousand rows of each."""

    def __init__(self, metrics: Collection[str], length_ns: int) -> None:
        """metrics: names that may be learned. length_ns: of a period, the same in all sessions."""
        self._watched = [one for one in JOINT_WATCHED if one.metric in metrics]
        self._length_ns = length_ns
        self._sessions: list[Array] = []
        self._start()
        self.inputs: frozenset[str] = self._rows.inputs

    def _start(self) -> None:
        self._rows = Rows(self._watched, self._length_ns)
        self._open = np.zeros((0, len(self._watched)))
        self._kept: list[Array] = []
        self._every = 1
        self._seen = 0

    def add(self, periods: Block) -> None:
        """Take the next periods of a session."""
        for _, rows in self._rows.add(periods):
            rows = np.concatenate((self._open, rows))
            whole = len(rows) // _STRETCH * _STRETCH
            for start in range(0, whole, _STRETCH):
                self._keep(rows[start : start + _STRETCH])
            self._open = rows[whole:].copy()

    def _keep(self, stretch: Array) -> None:
        if self._seen % self._every == 0:
            self._kept.append(stretch.copy())
        self._seen += 1
        if len(self._kept) > _MOST_STRETCHES:
            self._kept = self._kept[::2]
            self._every *= 2

    def end_session(self) -> None:
        """The session is over; what comes next is another one."""
        if self._kept:
            self._sessions.append(np.array(self._kept))
        self._start()

    def learned(self) -> JointModel | None:
        """The model; None where there was too little to learn from."""
        return joint_model(self._sessions, self._watched, self._length_ns)


def joint_model(
    sessions: Sequence[Array], watched: Sequence[Watched], length_ns: int
) -> JointModel | None:
    """The model of sessions, each of shape (stretches, rows, p); None where that is too little."""
    folds = _folds(sessions)
    model = _fitted(sessions, watched)
    if model is None or len(folds) < 2:
        return None
    maxima: list[float] = []
    exposure = 0
    for at, held_out in enumerate(folds):
        others = _fitted([one for k, one in enumerate(folds) if k != at], watched)
        if others is None:
            continue
        for farthest, rows in _farthest(Distances(others), held_out, watched):
            maxima.append(farthest)
            exposure += rows
    if not maxima:
        return None
    tail = _tail(np.array(maxima), exposure)
    threshold = _level(tail, math.log(periods_per_day(length_ns)))
    return JointModel(
        model.metrics,
        model.middle,
        model.scale,
        model.mean,
        model.covariance,
        tail,
        threshold,
        model.rows,
        len(sessions),
    )


def _folds(sessions: Sequence[Array]) -> list[Array]:
    """What is held out in turn: sessions, or parts of the only one."""
    if len(sessions) == 1:
        return [part for part in np.array_split(sessions[0], _TIME_FOLDS) if len(part)]
    count = min(len(sessions), _MOST_FOLDS)
    return [np.concatenate(sessions[at::count]) for at in range(count)]


def _fitted(parts: Sequence[Array], watched: Sequence[Watched]) -> JointModel | None:
    """Without a tail. parts: shape (stretches, rows, p) each."""
    if not parts:
        return None
    values = np.concatenate([part.reshape(-1, len(watched)) for part in parts])
    values = values[np.isfinite(values).any(axis=1)]
    if len(values) < _LEAST_ROWS:
        return None
    chosen = _chosen(values)
    if len(chosen) < 2:
        return None
    values = values[:, chosen]
    values = values[np.isfinite(values).all(axis=1)]
    low, quarter, middle, three, high = np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95), axis=0)
    least = np.array([watched[at].least for at in chosen])
    share = np.array([watched[at].least_share for at in chosen])
    floor = np.maximum(least, share * np.abs(middle)) / _FLOORS
    scale = np.maximum(floor, np.maximum((three - quarter) / 1.349, (high - low) / 3.290))
    mean, covariance = _shrunk(softened(values, middle, scale))
    return JointModel(
        tuple(watched[at].metric for at in chosen),
        tuple(middle.tolist()),
        tuple(scale.tolist()),
        tuple(mean.tolist()),
        tuple(tuple(row) for row in covariance.tolist()),
        _NO_TAIL,
        0.0,
        len(values),
        len(parts),
    )


def _chosen(values: Array) -> list[int]:
    """Columns that most rows have, and that half of all rows have together."""
    there = np.isfinite(values)
    present = there.mean(axis=0)
    chosen = [at for at in range(values.shape[1]) if present[at] >= _PRESENT]
    while chosen and there[:, chosen].all(axis=1).mean() < _PRESENT:
        chosen.remove(min(chosen, key=lambda at: (present[at], -at)))
    return chosen


def _shrunk(scaled: Array) -> tuple[Array, Array]:
    """Mean and covariance."""
    from sklearn.covariance import LedoitWolf

    fitted = LedoitWolf().fit(scaled)
    covariance = np.asarray(fitted.covariance_, np.float64)
    covariance = (covariance + covariance.T) / 2 + _NUGGET * np.eye(len(covariance))
    return np.asarray(fitted.location_, np.float64), covariance


def _farthest(
    distances: Distances, part: Array, watched: Sequence[Watched]
) -> list[tuple[float, int]]:
    """Of every stretch the farthest that lasted, and how many rows could be told."""
    names = [one.metric for one in watched]
    columns = [names.index(name) for name in distances.model.metrics]
    found = []
    for stretch in part:
        far = distances.of(stretch[:, columns])
        lasted = np.minimum(far[1:], far[:-1])
        lasted = lasted[np.isfinite(lasted)]
        if len(lasted):
            found.append((float(lasted.max()), len(lasted)))
    return found


def _tail(maxima: Array, exposure: int) -> DistanceTail:
    largest = np.full((1, _PEAKS + 1), -np.inf)
    ordered = -np.sort(-maxima)[: _PEAKS + 1]
    largest[0, : len(ordered)] = ordered
    used = max(min(len(maxima) // 4, _PEAKS), 1)
    tails = fit_tails(
        largest,
        np.array([used]),
        np.array([float(exposure)]),
        np.array([float(np.median(maxima))]),
        1.0,
        _PRIOR,
    )
    return DistanceTail(
        float(tails.base[0]),
        float(tails.scale[0]),
        float(tails.shape[0]),
        float(tails.weight[0]),
        float(tails.log_rate[0]),
    )


def _level(tail: DistanceTail, surprise: float) -> float:
    return float(tail_of(tail).level(surprise)[0])
