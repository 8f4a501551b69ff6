"""Stage `joint`: metrics in a combination that the learned baseline never had.

The distance of every row has to be beyond a threshold for two rows in a row. The threshold is set
by the tail of the distances of what was not learned from, so that false alarms keep to a budget;
each alarm beyond it makes the next one harder. Before anything is raised half a minute of the
session is held against the baseline: where most of it lies outside, the session is of something
else, and that is said once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from perfkit.analysis.joint.distance import Distances, tail_of
from perfkit.analysis.joint.episode import STAGE, Episode, Peak
from perfkit.analysis.joint.rows import JOINT_WATCHED, Rows
from perfkit.analysis.periods import periods_per_day
from perfkit.analysis.watched import Watched
from perfkit.model.baseline import Baseline
from perfkit.model.block import Block
from perfkit.model.finding import Finding
from perfkit.model.joint import JOINT, JointModel, joint_from_facts

Array = npt.NDArray[np.float64]

DOES_NOT_FIT = "baseline_does_not_fit"

TRIAL = 30
"""Rows of a session that are held against the baseline before anything is raised."""

QUIET = 5
"""An anomaly is over once it was quiet for so many rows."""

_MISFIT = 0.5
_BACK = 0.7
"""Nearer than so much of the threshold's distance is back."""

_TIGHTER = 1.5
"""Of each alarm beyond what the budget had for the time so far: the next has to be so many times as
far out."""

_MOST_TIGHTER = 50.0


class JointStage:
    """Findings of the kinds `joint_anomaly` and `baseline_does_not_fit`; see `analysis.stage`."""

    name = STAGE

    def __init__(
        self, length_ns: int, learned: Baseline | None = None, budget_per_day: float = 1.0
    ) -> None:
        """length_ns: of a period. learned: a baseline; without a joint model in it nothing is done.
        budget_per_day: false alarms a day that one puts up with, above 0."""
        self.inputs: frozenset[str] = frozenset()
        self._judge: _Judge | None = None
        facts = None if learned is None else learned.detectors.get(JOINT)
        if learned is not None and facts is not None:
            model = joint_from_facts(facts)
            self._judge = _Judge(model, length_ns, learned.length_ns, budget_per_day)
            self.inputs = self._judge.inputs

    def add(self, periods: Block, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage."""
        return [] if self._judge is None else list(self._judge.add(periods))

    def finish(self, _earlier: Sequence[Finding], /) -> list[Finding]:
        """See Stage: what lasts to the end ends with it."""
        return [] if self._judge is None else list(self._judge.finish())


class _Judge:
    """The stage with a model."""

    def __init__(
        self, model: JointModel, length_ns: int, learned_ns: int, budget_per_day: float
    ) -> None:
        known = {one.metric: one for one in JOINT_WATCHED}
        # a metric that is no longer watched has no values
        self._watched = [
            known.get(name, Watched(name, name, "", 0.0, 0.0)) for name in model.metrics
        ]
        self._rows = Rows(self._watched, length_ns)
        self.inputs: frozenset[str] = self._rows.inputs
        self._distances = Distances(model)
        self._tail = tail_of(model.tail)
        self._sessions = model.sessions
        self._length_ns, self._learned_ns = length_ns, learned_ns
        self._periods_per_day = periods_per_day(length_ns)
        self._budget = budget_per_day
        self._alarms = 0
        self._first: int | None = None
        self._last = 0
        self._seen = 0
        self._told = 0
        self._outside = 0
        self._with_value = np.zeros(len(self._watched), np.bool_)
        self._misfit = False
        self._farthest = (-math.inf, np.zeros(len(self._watched)))
        self._run = 0
        self._run_start = 0
        self._before = math.nan
        self._episode: Episode | None = None
        self._set_threshold(0)

    def _set_threshold(self, number: int) -> None:
        days = (number - (self._first or 0)) / self._periods_per_day
        excess = max(0.0, self._alarms - max(1.0, self._budget * days))
        surprise = math.log(self._periods_per_day / self._budget)
        self._threshold = float(self._tail.level(surprise)[0]) * _TIGHTER ** min(
            excess, _MOST_TIGHTER
        )

    def _per_day(self, far: float) -> float:
        surprise = float(self._tail.surprise(np.array([far]))[0])
        return math.exp(math.log(self._periods_per_day) - surprise)

    def add(self, periods: Block) -> Iterator[Finding]:
        if self._misfit:
            return
        for numbers, rows in self._rows.add(periods):
            if self._seen < TRIAL:
                early = rows[: TRIAL - self._seen]
                self._with_value |= np.isfinite(early).any(axis=0)
            distances = self._distances.of(rows).tolist()
            for at, number in enumerate(numbers.tolist()):
                yield from self._step(number, distances[at], rows[at])
                if self._misfit:
                    return

    def finish(self) -> Iterator[Finding]:
        if self._episode is not None:
            known_ns = (self._last + 1) * self._length_ns
            yield self._said(self._episode, known_ns, known_ns)
            self._episode = None

    def _step(self, number: int, far: float, row: Array) -> Iterator[Finding]:
        if self._first is None:
            self._first = number
        self._last = number
        if self._seen < TRIAL:
            yield from self._tried(number, far, row)
            if self._misfit:
                return
        before, self._before = self._before, far
        if not far >= _BACK * self._threshold:
            self._run = 0
        else:
            if not self._run:
                # a median turns when half of its periods have
                self._run_start = max(number - 1, self._first)
            self._run += 1
        if self._episode is not None:
            yield from self._followed(self._episode, number, far, row)
        elif self._seen >= TRIAL and min(before, far) >= self._threshold and not math.isnan(before):
            yield self._opened(number, far, row)

    def _tried(self, number: int, far: float, row: Array) -> Iterator[Finding]:
        """One of the first rows; after the last of them it is known whether the session fits."""
        self._seen += 1
        self._told += not math.isnan(far)
        self._outside += far >= self._threshold
        if far > self._farthest[0]:
            self._farthest = (far, self._distances.shares(row))
        if self._seen < TRIAL:
            return
        common, all_ = int(self._with_value.sum()), len(self._watched)
        if self._length_ns != self._learned_ns:
            why = (
                f"its periods are of {self._length_ns / 1e9:g} s, "
                f"those of the baseline of {self._learned_ns / 1e9:g} s"
            )
        elif not common:
            why = "baseline and session have nothing in common"
        elif 2 * common < all_:
            why = f"it has {common} of the {all_} metrics that the baseline judges together"
        elif self._told and self._outside > _MISFIT * self._told:
            order = np.argsort(-self._farthest[1], kind="stable")[:3]
            named = ", ".join(self._watched[int(at)].metric for at in order)
            why = f"from its start it is nothing like what was learned, {named} most of all"
        else:
            return
        self._misfit = True
        onset_ns = (self._first or 0) * self._length_ns
        yield Finding(
            stage=STAGE,
            kind=DOES_NOT_FIT,
            cause="baseline",
            metric=None,
            known_at_ns=(number + 1) * self._length_ns,
            onset_ns=onset_ns,
            peak_ns=onset_ns,
            end_ns=None,
            severity="low",
            evidence={
                "metrics_in_common_count": float(common),
                "metrics_of_baseline_count": float(all_),
                "outside_ratio": self._outside / self._told if self._told else 0.0,
            },
            text=f"the learned baseline does not fit the session: {why}; its metrics are not "
            "judged together",
        )

    def _opened(self, number: int, far: float, row: Array) -> Finding:
        peak = self._peak(number, far, row)
        now_ns = number * self._length_ns
        self._episode = Episode(
            self._watched,
            int(np.argmax(peak.shares)),
            self._run_start * self._length_ns,
            self._threshold,
            peak,
            now_ns,
        )
        self._episode.changed()
        self._alarms += 1
        return self._said(self._episode, now_ns + self._length_ns, None)

    def _followed(self, open_: Episode, number: int, far: float, row: Array) -> Iterator[Finding]:
        now_ns = number * self._length_ns
        if far >= _BACK * open_.threshold:
            open_.quiet = 0
            open_.last_out_ns = now_ns
            if far > open_.peak.far:
                open_.peak = self._peak(number, far, row)
        else:
            open_.quiet += 1
        news = open_.changed()
        if open_.quiet >= QUIET:
            # the last row that was out is a median that reaches back
            end_ns = open_.last_out_ns + self._length_ns
            yield self._said(open_, now_ns + self._length_ns, end_ns)
            self._episode = None
            self._set_threshold(number)
        elif news:
            yield self._said(open_, now_ns + self._length_ns, None)

    def _peak(self, number: int, far: float, row: Array) -> Peak:
        return Peak(
            far,
            number * self._length_ns,
            row.copy(),
            self._distances.usual(),
            self._distances.shares(row),
        )

    def _said(self, one: Episode, known_ns: int, end_ns: int | None) -> Finding:
        return one.finding(known_ns, end_ns, self._per_day(one.peak.far))
