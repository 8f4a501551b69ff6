"""The pipeline: ticks in, findings out, live and in replay alike.

Every stage in its order, fed with the same periods; which stages there are is the table STAGES.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from perfkit.analysis.alerts import AlertStage, limits
from perfkit.analysis.anomaly import Anomalies
from perfkit.analysis.baseline import BaselineStage
from perfkit.analysis.forecast.capacities import capacities
from perfkit.analysis.forecast.stage import ForecastStage
from perfkit.analysis.joint.stage import JointStage
from perfkit.analysis.patterns import Patterns
from perfkit.analysis.periods import PERIOD_STATISTICS, Periods, period_length_ns
from perfkit.analysis.stage import Stage
from perfkit.analysis.trend import TrendStage
from perfkit.analysis.watched import MOST_WATCHED, Watched, watched
from perfkit.model.baseline import Baseline
from perfkit.model.block import Block
from perfkit.model.finding import Finding
from perfkit.model.forecast import HORIZON_NS
from perfkit.model.metric import Metric
from perfkit.model.thresholds import Thresholds


@dataclass(frozen=True)
class Settings:
    """What a user may choose of the analysis.

    most_watched: metrics under watch at most. thresholds: what alerts hold to. baseline:
    what was learned of earlier sessions; None has the session's own start serve. detector: a name
    of `analysis.detectors.registry`. budget_per_day: false alarms a day that one puts up with.
    horizon_ns: how far ahead forecasts look.
    """

    most_watched: int = MOST_WATCHED
    thresholds: Thresholds = field(default_factory=Thresholds)
    baseline: Baseline | None = None
    detector: str = "default"
    budget_per_day: float = 1.0
    horizon_ns: int = HORIZON_NS


Make = Callable[[Sequence[Watched], int, Settings], Stage]

STAGES: tuple[tuple[str, Make], ...] = (
    ("trend", lambda watched, length_ns, _settings: TrendStage(watched, length_ns)),
    (
        "baseline",
        lambda watched, length_ns, settings: BaselineStage(watched, length_ns, settings.baseline),
    ),
    (
        "joint",
        lambda _watched, length_ns, settings: JointStage(
            length_ns, settings.baseline, settings.budget_per_day
        ),
    ),
    (
        "anomaly",
        lambda watched, length_ns, settings: Anomalies(
            watched, length_ns, settings.detector, settings.budget_per_day
        ),
    ),
    ("pattern", lambda watched, length_ns, _settings: Patterns(watched, length_ns)),
    (
        "forecast",
        lambda _watched, length_ns, settings: ForecastStage(
            capacities(settings.thresholds), length_ns, settings.horizon_ns
        ),
    ),
    (
        "alert",
        lambda _watched, length_ns, settings: AlertStage(limits(settings.thresholds), length_ns),
    ),
)
"""Name and maker of every stage, in the order in which they run: each sees what those before it said."""


class Pipeline:
    """The stages over one session, fed block by block.

    inputs: the columns of ticks that blocks should carry.
    """

    def __init__(
        self,
        metrics: Sequence[Metric],
        interval_ns: int,
        settings: Settings | None = None,
        wanted: Collection[str] | None = None,
    ) -> None:
        """metrics: those of the session. wanted: stages whose findings are asked for, default all;
        those before the last of them run too, since it may build on what they say."""
        settings = settings or Settings()
        under_watch = watched({metric.name for metric in metrics}, settings.most_watched)
        names = [name for name, _ in STAGES]
        self._wanted = frozenset(names if wanted is None else wanted)
        last = max((names.index(name) for name in self._wanted if name in names), default=-1)
        length_ns = period_length_ns(interval_ns)
        self._stages = [make(under_watch, length_ns, settings) for _, make in STAGES[: last + 1]]
        columns = frozenset().union(*(stage.inputs for stage in self._stages))
        self._periods = Periods(
            [metric for metric in metrics if not columns.isdisjoint(_columns(metric.name))],
            interval_ns,
        )
        self.inputs: frozenset[str] = self._periods.inputs

    def stage(self, name: str) -> Stage | None:
        """The stage of that name as it runs, None where it does not."""
        return next((stage for stage in self._stages if stage.name == name), None)

    def add(self, block: Block) -> list[Finding]:
        """What these ticks show: the findings of the periods that they close, in order."""
        return self._told(self._periods.add(block), last=False)

    def finish(self) -> list[Finding]:
        """What can be said now that no further tick comes."""
        return self._told(self._periods.finish(), last=True)

    def _told(self, periods: Block, *, last: bool) -> list[Finding]:
        if not len(periods) and not last:
            return []
        found: list[Finding] = []
        for stage in self._stages:
            said = stage.add(periods, found) if len(periods) else []
            if last:
                said = said + stage.finish(sorted([*found, *said], key=_order))
            found = sorted([*found, *said], key=_order)
        return [one for one in found if one.stage in self._wanted]


def _order(finding: Finding) -> tuple[int, str, str, str, int]:
    return finding.order


def _columns(name: str) -> list[str]:
    """The columns of periods that a metric may give."""
    return [name, *(f"{name}_{statistic}" for statistic in PERIOD_STATISTICS)]
