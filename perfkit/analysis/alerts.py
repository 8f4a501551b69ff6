"""Alerts: what somebody should be told, once, while it lasts, and why the rest was not told.

Two things ask for an alert: a level beyond its threshold for long enough, and a finding of an
earlier stage that is at least of medium severity. Each cause has one alert at a time. What is held
back is a finding of the kind `suppressed` that says why, so nothing disappears.

The rules are those of classic alarm handling: hold time and dead band (hysteresis) against noise
at the limit, and suppression of chattering alarms (ISA-18.2, IEC 62682).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from perfkit.model.block import Block
from perfkit.model.finding import DOWN, UP, Finding
from perfkit.model.insight import SEVERITIES
from perfkit.model.thresholds import LOWER_IS_WORSE, Threshold, Thresholds

HOLD_NS = 10_000_000_000
"""So long a level must lie beyond a threshold before that is told, and within it before it is over."""

DEAD_BAND = 0.05
"""A level is back when it is within the warning by this share of it."""

COOLDOWN_NS = 60_000_000_000
"""After an alert is over, the same cause does not open another for so long."""

FLAPS = 3
FLAP_WINDOW_NS = 600_000_000_000
"""A cause whose alert opened so often within this time flaps: it is told as open until it rests."""

SILENCE_NS = 60_000_000_000
"""Without a value for so long, an alert ends: nothing is known any more."""

EXPLAINED_SHARE = 0.8
"""Activity that rose by at least this share of what a metric rose explains it."""

ACTIVITY = "activity_level_ratio_mean"

_EXPLAINABLE = {"cpu", "io", "network", "scheduling", "throughput", "processes", "queue"}


@dataclass(frozen=True)
class Limit:
    """One threshold: a column of the periods, and where it becomes a warning and critical.

    worse: UP or DOWN, the direction in which it gets worse.
    """

    column: str
    metric: str
    cause: str
    worse: str
    warning: float
    critical: float


_LIMITED: dict[str, tuple[str, str, str]] = {
    "fps": ("fps", "fps", "frames"),
    "memory": ("memory_pressure_ratio_mean", "memory_pressure_ratio", "memory"),
    "latency_ms": ("latency_ms_mean", "latency_ms_mean", "latency"),
    "cache_hit": ("cache_hit_ratio", "cache_hit_ratio", "cache"),
    "errors": ("error_ratio", "error_ratio", "errors"),
}
"""Every threshold to its column of the periods, its metric and its cause."""


def limits(thresholds: Thresholds) -> list[Limit]:
    """The limits that alerts hold, in the order of the thresholds."""
    found = []
    for name, (column, metric, cause) in _LIMITED.items():
        marks: Threshold = getattr(thresholds, name)
        worse = DOWN if name in LOWER_IS_WORSE else UP
        found.append(Limit(column, metric, cause, worse, marks.warning, marks.critical))
    return found


@dataclass
class _Watch:
    """State of one limit. times are starts of periods; None is "not so"."""

    limit: Limit
    beyond_ns: int | None = None  # since when it lies beyond the warning
    critical_ns: int | None = None
    within_ns: int | None = None  # since when it is back within the dead band
    seen_ns: int = 0
    worst: float = 0.0
    worst_ns: int = 0


@dataclass
class _Cause:
    """State of one cause: its open alert, and what opened it."""

    open: Finding | None = None
    opened_by: str = ""
    ended_ns: int | None = None
    opens_ns: list[int] = field(default_factory=list)
    told: set[tuple[str, str]] = field(default_factory=set)
    resting_ns: int | None = None


class AlertStage:
    """Stage `alert`: kinds `alert` and `suppressed`; see `analysis.stage`."""

    name = "alert"

    def __init__(self, limits: Sequence[Limit], length_ns: int) -> None:
        """limits: thresholds to hold. length_ns: of a period."""
        self.inputs: frozenset[str] = frozenset((*(one.column for one in limits), ACTIVITY))
        self._length_ns = length_ns
        self._watches = [_Watch(limit) for limit in limits]
        self._causes: dict[str, _Cause] = {}
        self._sources: dict[str, str] = {}  # open findings of other stages to their cause
        self._activity = 1.0  # 1 is the application's usual rate of events

    def add(self, periods: Block, earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage."""
        found: list[Finding] = []
        levels = [self._levels(periods, watch) for watch in self._watches]
        activity = periods.floats(ACTIVITY)
        told = iter(earlier)
        coming = next(told, None)
        for row, start_ns in enumerate(periods.t_ns.tolist()):
            now_ns = start_ns + self._length_ns
            if not np.isnan(activity[row]):
                self._activity = float(activity[row])
            for watch, (values, states) in zip(self._watches, levels, strict=True):
                found += self._watched(watch, float(values[row]), int(states[row]), now_ns)
            while coming is not None and coming.known_at_ns <= now_ns:
                found += self._heard(coming)
                coming = next(told, None)
            found += self._rested(now_ns)
        return found

    def finish(self, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage: what is open when the session ends stays open."""
        return []

    # ── thresholds ──

    @staticmethod
    def _levels(
        periods: Block, watch: _Watch
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Values, NaN for none, and states: -1 unknown, 0 well within, 1 between, 2 warning, 3 critical."""
        limit = watch.limit
        values = periods.floats(limit.column)
        sign = 1.0 if limit.worse == UP else -1.0
        signed = sign * values
        warning, critical = sign * limit.warning, sign * limit.critical
        states = np.zeros(len(values), np.int64)
        states[signed > warning - DEAD_BAND * abs(limit.warning)] = 1
        states[signed > warning] = 2
        states[signed > critical] = 3
        states[np.isnan(values)] = -1
        return values, states

    def _watched(self, watch: _Watch, value: float, state: int, now_ns: int) -> Iterator[Finding]:
        start_ns = now_ns - self._length_ns
        limit = watch.limit
        cause = self._causes.setdefault(limit.cause, _Cause())
        ours = cause.open is not None and cause.opened_by == limit.metric
        if state < 0:
            if ours and now_ns - watch.seen_ns >= SILENCE_NS:
                yield from self._close(cause, now_ns, "no value any more")
                watch.beyond_ns = watch.critical_ns = None
            return
        watch.seen_ns = now_ns
        if state >= 2:
            watch.within_ns = None
            if watch.beyond_ns is None:
                watch.beyond_ns, watch.worst, watch.worst_ns = start_ns, value, start_ns
            if (value > watch.worst) == (limit.worse == UP):
                watch.worst, watch.worst_ns = value, start_ns
            if state < 3:
                watch.critical_ns = None
            elif watch.critical_ns is None:
                watch.critical_ns = start_ns
        elif state == 0 or not ours:
            watch.critical_ns = None
            watch.within_ns = watch.within_ns if watch.within_ns is not None else start_ns
            if not ours or now_ns - watch.within_ns >= HOLD_NS:
                watch.beyond_ns = None
                if ours:
                    yield from self._close(cause, now_ns, "back within its threshold")
            return
        if watch.beyond_ns is None or now_ns - watch.beyond_ns < HOLD_NS:
            return
        long_critical = watch.critical_ns is not None and now_ns - watch.critical_ns >= HOLD_NS
        severity = "high" if long_critical else "medium"
        if ours and cause.open is not None:
            if SEVERITIES.index(severity) > SEVERITIES.index(cause.open.severity):
                cause.open = replace(
                    cause.open,
                    known_at_ns=now_ns,
                    severity=severity,
                    value=watch.worst,
                    peak_ns=watch.worst_ns,
                    expected=limit.critical,
                )
                yield cause.open
            return
        yield from self._open(
            cause,
            Finding(
                stage=self.name,
                kind="alert",
                cause=limit.cause,
                metric=limit.metric,
                known_at_ns=now_ns,
                onset_ns=watch.beyond_ns,
                peak_ns=watch.worst_ns,
                end_ns=None,
                severity=severity,
                direction=limit.worse,
                value=watch.worst,
                expected=limit.critical if long_critical else limit.warning,
                evidence={"warning": limit.warning, "critical": limit.critical},
                text=f"{limit.metric} is beyond its threshold",
            ),
            limit.metric,
        )

    # ── findings of other stages ──

    def _heard(self, finding: Finding) -> Iterator[Finding]:
        cause = self._causes.setdefault(finding.cause, _Cause())
        if finding.end_ns is not None:
            if self._sources.pop(finding.id, None) and cause.opened_by == finding.id:
                yield from self._close(cause, finding.known_at_ns, "what raised it has ended")
            return
        if SEVERITIES.index(finding.severity) < SEVERITIES.index("medium"):
            return
        self._sources[finding.id] = finding.cause
        severity, text = finding.severity, finding.text
        evidence: dict[str, float] = dict(finding.evidence)
        risen = self._explained(finding)
        if risen is not None:
            severity = SEVERITIES[max(0, SEVERITIES.index(severity) - 1)]
            evidence["activity_rise_ratio"] = risen
            text += f"; the application's activity rose as much ({risen:.1f} times)"
        if cause.open is not None and cause.opened_by == finding.id:
            if severity != cause.open.severity:
                cause.open = replace(cause.open, known_at_ns=finding.known_at_ns, severity=severity)
                yield cause.open
            return
        yield from self._open(
            cause,
            replace(
                finding,
                stage=self.name,
                kind="alert",
                severity=severity,
                text=text,
                evidence=evidence,
            ),
            finding.id,
        )

    def _explained(self, finding: Finding) -> float | None:
        """By how much activity rose, where that explains that the metric did."""
        if finding.direction != UP or finding.cause not in _EXPLAINABLE:
            return None
        if finding.value is None or not finding.expected or finding.expected <= 0:
            return None
        grown = finding.value / finding.expected - 1
        return self._activity if self._activity - 1 >= EXPLAINED_SHARE * grown > 0 else None

    # ── opening and closing ──

    def _open(self, cause: _Cause, alert: Finding, opened_by: str) -> Iterator[Finding]:
        if cause.open is not None and cause.resting_ns is not None:
            cause.resting_ns, cause.opened_by = None, opened_by  # it flaps: it was told all along
            return
        reason = self._reason_against(cause, alert)
        if reason is not None:
            key = (reason.partition(":")[0], opened_by)
            if key not in cause.told:
                cause.told.add(key)
                yield replace(
                    alert, kind="suppressed", severity="info", text=f"{reason}: {alert.text}"
                )
            return
        now_ns = alert.known_at_ns
        recent = [at for at in cause.opens_ns if now_ns - at < FLAP_WINDOW_NS]
        cause.opens_ns = [*recent, now_ns]
        if len(cause.opens_ns) >= FLAPS:
            alert = replace(
                alert,
                evidence={**alert.evidence, "flaps_count": float(len(cause.opens_ns))},
                text=f"{alert.text}; it comes and goes, and stays told until it rests",
            )
        cause.open, cause.opened_by = alert, opened_by
        cause.resting_ns = None
        cause.told.clear()
        yield alert

    @staticmethod
    def _reason_against(cause: _Cause, alert: Finding) -> str | None:
        if cause.open is not None:
            return f"grouped with the alert on {cause.open.metric or cause.open.cause}"
        cooled = cause.ended_ns is None or alert.known_at_ns - cause.ended_ns >= COOLDOWN_NS
        return None if cooled else "cooldown after the alert before"

    def _close(self, cause: _Cause, now_ns: int, why: str) -> Iterator[Finding]:
        if cause.open is None:
            return
        if len(cause.opens_ns) >= FLAPS and cause.resting_ns is None:
            cause.resting_ns = now_ns  # told as over only once it has rested
            cause.opened_by = ""
            return
        yield from self._ended(cause, now_ns, why)

    def _rested(self, now_ns: int) -> Iterator[Finding]:
        """Close what flapped and has rested for the time of a cooldown."""
        for cause in self._causes.values():
            if cause.resting_ns is not None and now_ns - cause.resting_ns >= COOLDOWN_NS:
                yield from self._ended(cause, now_ns, "at rest")

    @staticmethod
    def _ended(cause: _Cause, now_ns: int, why: str) -> Iterator[Finding]:
        if cause.open is None:
            return
        lasted = now_ns - cause.open.onset_ns
        yield replace(
            cause.open,
            known_at_ns=now_ns,
            end_ns=now_ns,
            evidence={**cause.open.evidence, "duration_s": lasted / 1e9},
            text=f"{cause.open.text}; over: {why}",
        )
        cause.open, cause.opened_by, cause.ended_ns, cause.resting_ns = None, "", now_ns, None
        cause.told.clear()
