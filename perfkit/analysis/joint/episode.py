"""A stretch of time in which metrics go together as they never did: what to say of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perfkit.analysis.watched import Watched
from perfkit.model.finding import DOWN, UP, Finding
from perfkit.model.insight import SEVERITIES

Array = npt.NDArray[np.float64]

STAGE = "joint"
KIND = "joint_anomaly"

_FAR_AGAIN = 2.0
"""A peak is told again when it is so many times as far out as the one told last."""

_FACTORS = (2.0, 6.0)
"""From so many times the threshold's distance, severity is medium, and high."""

_MOST_NAMED = 3
_LEAST_NAMED = 0.1
"""Of the squared distance, what a metric has to contribute to be named."""


_LEAST_TOLD = 0.001
"""The same for the evidence."""


@dataclass
class Peak:
    """The farthest row so far. values, usual: in the metrics' units, shape (p,), as shares."""

    far: float
    t_ns: int
    values: Array
    usual: Array
    shares: Array


@dataclass
class Episode:
    """One joint anomaly while it lasts. main: the metric that contributed most when it opened."""

    watched: Sequence[Watched]
    main: int
    onset_ns: int
    threshold: float
    peak: Peak
    last_out_ns: int
    quiet: int = 0
    severity: str = ""
    told_far: float = 0.0

    def changed(self) -> bool:
        """Whether there is something new to tell: a higher severity, or a much higher peak."""
        severity = max(self.severity or SEVERITIES[0], self._severity(), key=SEVERITIES.index)
        news = severity != self.severity or self.peak.far >= _FAR_AGAIN * self.told_far
        self.severity = severity
        return news

    def _severity(self) -> str:
        """By distance; where what stands out most got better it is low."""
        top = int(np.argmax(self.peak.shares))
        if self.watched[top].worse not in ("", self._direction(top)):
            return SEVERITIES[1]
        factor = self.peak.far / self.threshold if self.threshold > 0 else _FACTORS[0]
        return SEVERITIES[1 + sum(factor >= one for one in _FACTORS)]

    def _direction(self, at: int) -> str:
        return UP if self.peak.values[at] >= self.peak.usual[at] else DOWN

    def finding(self, known_ns: int, end_ns: int | None, expected_per_day: float) -> Finding:
        """What to say of it now. expected_per_day: of as far a distance, by itself."""
        self.told_far = self.peak.far
        one, peak = self.watched[self.main], self.peak
        here = bool(np.isfinite(peak.values[self.main]))
        return Finding(
            stage=STAGE,
            kind=KIND,
            cause=one.cause or one.metric,
            metric=one.metric,
            known_at_ns=known_ns,
            onset_ns=self.onset_ns,
            peak_ns=peak.t_ns,
            end_ns=end_ns,
            severity=self.severity,
            direction=self._direction(self.main) if here else "",
            value=float(peak.values[self.main]) if here else None,
            expected=float(peak.usual[self.main]),
            probability=min(expected_per_day, 1.0),
            evidence=dict(self._evidence(expected_per_day)),
            text=f"{_listed(self._named())} as the baseline never had them together",
        )

    def _order(self) -> list[int]:
        """Those that contribute something worth telling, most first."""
        shares = self.peak.shares
        order = np.argsort(-shares, kind="stable").tolist()
        return [at for at in order if shares[at] >= _LEAST_TOLD]

    def _named(self) -> list[str]:
        order = self._order()[:_MOST_NAMED]
        return [
            f"{self.watched[at].metric} {'high' if self._direction(at) == UP else 'low'}"
            for at in order
            if at == order[0] or self.peak.shares[at] >= _LEAST_NAMED
        ]

    def _evidence(self, expected_per_day: float) -> Iterator[tuple[str, float]]:
        yield "expected_per_day", expected_per_day
        yield "distance", self.peak.far
        yield "threshold_distance", self.threshold
        for at in self._order():
            name = self.watched[at].metric
            yield f"{name}_contribution_ratio", float(self.peak.shares[at])
            yield f"was_{name}", float(self.peak.values[at])
            yield f"usual_{name}", float(self.peak.usual[at])


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
