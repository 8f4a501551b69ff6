"""What several metrics do together when all is well: a learned model, as plain numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

JOINT = "joint"
"""Under which name a baseline keeps it among its detectors."""

# History, newest first; a change that old readers would misread raises the first number.
# 1.0  middle and scale a metric, mean and covariance of what is scaled, the tail of distances
JOINT_VERSION = "1.0"

_MOST_METRICS = 200
_MOST = 1e300
_TAIL = ("base", "scale", "shape", "weight", "log_rate")


@dataclass(frozen=True)
class DistanceTail:
    """From where on distances are rare: a generalised Pareto tail, as `stats.extreme_values.Tails`."""

    base: float
    scale: float
    shape: float
    weight: float
    log_rate: float


@dataclass(frozen=True)
class JointModel:
    """p metrics and how they go together, over medians of a few periods.

    middle, scale: in each metric's unit; scaled is (value - middle) / scale. mean, covariance: of
    what is scaled, p and p x p numbers. rows: periods that it was learned from. sessions: how many
    those are of. threshold: the distance from which on there is an alarm at one a day. tail: of the
    distances of what was not learned from.
    """

    metrics: tuple[str, ...]
    middle: tuple[float, ...]
    scale: tuple[float, ...]
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    tail: DistanceTail
    threshold: float
    rows: int
    sessions: int


def joint_to_facts(model: JointModel) -> dict[str, Any]:
    """The model as JSON has it."""
    return {
        "version": JOINT_VERSION,
        "metrics": list(model.metrics),
        "middle": list(model.middle),
        "scale": list(model.scale),
        "mean": list(model.mean),
        "covariance": [list(row) for row in model.covariance],
        "tail": {name: getattr(model.tail, name) for name in _TAIL},
        "threshold": model.threshold,
        "rows": model.rows,
        "sessions": model.sessions,
    }


def joint_from_facts(facts: object) -> JointModel:
    """The model of `joint_to_facts`; facts of a later minor version are passed over.

    Raises ValueError, with what is wrong as the end of a sentence, for anything else.
    """
    if not isinstance(facts, Mapping):
        raise ValueError("is no object")
    version = str(facts.get("version"))
    if version.partition(".")[0] != JOINT_VERSION.partition(".")[0]:
        raise ValueError(f"is not of version {JOINT_VERSION}")
    names = facts.get("metrics")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("does not name its metrics")
    if not 2 <= len(names) <= _MOST_METRICS or len(set(names)) != len(names):
        raise ValueError("names too few or too many metrics, or one twice")
    size = len(names)
    rows = facts.get("covariance")
    if not isinstance(rows, list) or len(rows) != size:
        raise ValueError(f"needs a covariance of {size} rows")
    tail = facts.get("tail")
    if not isinstance(tail, Mapping):
        raise ValueError("has no tail")
    model = JointModel(
        tuple(names),
        _numbers(facts, "middle", size),
        _numbers(facts, "scale", size),
        _numbers(facts, "mean", size),
        tuple(_numbers({"covariance": row}, "covariance", size) for row in rows),
        DistanceTail(*(_number(tail.get(name), name) for name in _TAIL)),
        _number(facts.get("threshold"), "threshold"),
        _count(facts.get("rows"), "rows"),
        _count(facts.get("sessions"), "sessions"),
    )
    if min(model.scale) <= 0:
        raise ValueError("has a scale that is not above 0")
    if min(model.tail.scale, model.tail.weight) <= 0:
        raise ValueError("has a tail without a width")
    if not _positive_definite(model.covariance):
        raise ValueError("has a covariance that is not symmetric and positive definite")
    return model


def _numbers(facts: Mapping[str, Any], name: str, size: int) -> tuple[float, ...]:
    values = facts.get(name)
    if not isinstance(values, list) or len(values) != size:
        raise ValueError(f"needs {size} numbers as {name}")
    return tuple(_number(value, name) for value in values)


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"has no number as {name}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) <= _MOST:
        raise ValueError(f"has no finite number as {name}")
    return number


def _count(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError(f"has no count as {name}")
    return value


def _positive_definite(matrix: Sequence[Sequence[float]]) -> bool:
    """By Cholesky's factorisation: each of its pivots is above 0."""
    size = len(matrix)
    if any(matrix[i][j] != matrix[j][i] for i in range(size) for j in range(i)):
        return False
    factor = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j] - sum(factor[i][k] * factor[j][k] for k in range(j))
            if i == j:
                if not rest > 1e-12 * matrix[i][i]:
                    return False
                factor[i][i] = math.sqrt(rest)
            else:
                factor[i][j] = rest / factor[j][j]
    return True
