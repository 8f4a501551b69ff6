"""What normal is: figures of each metric over earlier sessions, as plain numbers.

A baseline is stored as JSON: people look into it, keep it beside their code and compare it by
`diff`. Nothing in it is ever executed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from perfkit.errors import UnusableInput
from perfkit.model.finding import EITHER
from perfkit.model.joint import JOINT, joint_from_facts
from perfkit.model.text import printable

# History, newest first; a change that old readers would misread raises the first number.
# 1.0  figures a metric over periods, the sessions they are of, their host, states of detectors
BASELINE_VERSION = "1.0"

SHARES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
"""Which quantiles are kept."""

_REMEDY = "make one with `perfkit baseline learn SESSION -o FILE`"
_MARK = "perfkit_baseline"
_FIGURES = ("level", "spread", "drift", "level_low", "level_high", "least", "greatest")


@dataclass(frozen=True)
class MetricBaseline:
    """One metric over all periods of the baseline; figures in the metric's unit.

    periods: how many had a value. ticks: how many values those were made of.
    level: the median. spread: robust standard deviation of single periods. drift: how far the
    second half lies from the first, the largest such distance of a session; never negative.
    level_low, level_high: between which the level over a minute moved, save for one in a hundred
    at either end. least, greatest: of all periods. quantiles: at SHARES.
    """

    metric: str
    periods: int
    ticks: int
    level: float
    spread: float
    drift: float
    level_low: float
    level_high: float
    least: float
    greatest: float
    quantiles: tuple[float, ...]

    def at(self, share: float) -> float:
        """The quantile at one of SHARES."""
        return self.quantiles[SHARES.index(share)]


@dataclass(frozen=True)
class LearnedSession:
    """A session that a baseline was learned from; text from strangers."""

    session_id: str
    target_name: str
    started_at_us: int
    duration_ns: int
    periods: int


@dataclass(frozen=True)
class Baseline:
    """What normal is.

    length_ns: of the periods. metrics: by name. sessions: what it was learned from. host: the
    fingerprint of where that was. detectors: states of detectors that learn, plain JSON by name.
    """

    length_ns: int
    metrics: Mapping[str, MetricBaseline]
    sessions: tuple[LearnedSession, ...] = ()
    host: Mapping[str, Any] = field(default_factory=dict)
    detectors: Mapping[str, Any] = field(default_factory=dict)
    perfkit_version: str = ""


@dataclass(frozen=True)
class BaselineChange:
    """One metric in two baselines; one of them may not have it.

    direction: where its level left the range of the first, EITHER where it is within. worse:
    whether that is for the worse. probability: the share of
    base's periods that lie as far out; None where it is within.
    """

    metric: str
    base: MetricBaseline | None
    head: MetricBaseline | None
    direction: str = EITHER
    worse: bool = False
    probability: float | None = None


def baseline_to_json(baseline: Baseline) -> str:
    """The baseline as JSON text, one metric a line.

    Raises ValueError where it holds a number that JSON has not.
    """
    parts = {
        _MARK: BASELINE_VERSION,
        "perfkit_version": baseline.perfkit_version,
        "length_ns": baseline.length_ns,
        "host": dict(baseline.host),
        "sessions": [asdict(one) for one in baseline.sessions],
        "detectors": dict(baseline.detectors),
    }
    lines = [f"{json.dumps(key)}: {_dump(value)}" for key, value in parts.items()]
    rows = [
        f"  {json.dumps(name)}: {_dump(_metric_facts(one))}"
        for name, one in baseline.metrics.items()
    ]
    metrics = "{\n" + ",\n".join(rows) + "\n}" if rows else "{}"
    return "{\n" + ",\n".join([*lines, f'"metrics": {metrics}']) + "\n}\n"


def baseline_from_json(text: str | bytes, source: str) -> Baseline:
    """The baseline of `baseline_to_json`. source: what to call the file in an error, printable.

    Facts of a later minor version are passed over. Raises UnusableInput for anything else.
    """
    try:
        facts = json.loads(text)
        version = facts[_MARK]
        major = int(str(version).partition(".")[0])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UnusableInput(f"{source} is no baseline, or a damaged one; {_REMEDY}") from None
    if major > int(BASELINE_VERSION.partition(".")[0]):
        raise UnusableInput(
            f"{source} is a baseline of version {printable(str(version), 20)}, this perfkit reads "
            f"{BASELINE_VERSION}; upgrade perfkit"
        )
    try:
        baseline = Baseline(
            _count(facts["length_ns"], least=1),
            {name: _metric(name, one) for name, one in facts["metrics"].items()},
            tuple(_session(one) for one in facts.get("sessions", [])),
            _mapping(facts.get("host", {})),
            _mapping(facts.get("detectors", {})),
            _text(facts.get("perfkit_version", "")),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise UnusableInput(f"{source} is a damaged baseline; {_REMEDY}") from None
    if JOINT in baseline.detectors:
        try:
            joint_from_facts(baseline.detectors[JOINT])
        except ValueError as error:
            raise UnusableInput(
                f"{source} is a damaged baseline, its joint model {error}; {_REMEDY}"
            ) from None
    return baseline


def _dump(value: object) -> str:
    return json.dumps(value, allow_nan=False)


def _metric_facts(one: MetricBaseline) -> dict[str, Any]:
    facts = asdict(one)
    del facts["metric"]
    shares = map(str, SHARES)
    return {**facts, "quantiles": dict(zip(shares, one.quantiles, strict=True))}


def _metric(name: str, facts: Mapping[str, Any]) -> MetricBaseline:
    quantiles = tuple(_figure(facts["quantiles"][str(share)]) for share in SHARES)
    one = MetricBaseline(
        name,
        periods=_count(facts["periods"]),
        ticks=_count(facts["ticks"]),
        **{figure: _figure(facts[figure]) for figure in _FIGURES},
        quantiles=quantiles,
    )
    ordered = pairwise((one.least, *quantiles, one.greatest))
    if one.spread < 0 or one.drift < 0 or any(low > high for low, high in ordered):
        raise ValueError
    if one.level_low > one.level_high:
        raise ValueError
    return one


def _session(facts: Mapping[str, Any]) -> LearnedSession:
    return LearnedSession(
        _text(facts["session_id"]),
        _text(facts["target_name"]),
        _whole(facts["started_at_us"]),
        _count(facts["duration_ns"]),
        _count(facts["periods"]),
    )


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise TypeError
    return value


def _count(value: object, least: int = 0) -> int:
    number = _whole(value)
    if number < least:
        raise ValueError
    return number


def _figure(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value
