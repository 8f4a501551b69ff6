"""The views of what the stages say: a stage runs when a query names its view, and not before."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from perfkit.analysis.periods import Periods, period_length_ns
from perfkit.analysis.pipeline import Settings
from perfkit.analysis.trend import TrendStage
from perfkit.analysis.watched import watched
from perfkit.model.trend import Trend
from perfkit.workflows.findings import findings
from perfkit.workflows.source import Recording

if TYPE_CHECKING:
    from perfkit.sql.engine import Table


def finding_tables(recording: Recording, settings: Settings) -> dict[str, Table]:
    """`trends` and every view of findings over a recording."""
    from perfkit.sql.engine import Table
    from perfkit.sql.finding_views import STAGES_OF_VIEW, TREND_TYPES, finding_types

    tables = {
        view: Table(tuple(finding_types(view)), _loader(recording, settings, view, stages))
        for view, stages in STAGES_OF_VIEW.items()
    }
    return tables | {"trends": Table(tuple(TREND_TYPES), _trend_loader(recording))}


def _loader(recording: Recording, settings: Settings, view: str, stages: Collection[str]) -> Any:
    def load(columns: Collection[str]) -> Any:
        from perfkit.sql.finding_views import finding_rows

        return finding_rows(view, findings(recording, settings, stages), columns)

    return load


def _trend_loader(recording: Recording) -> Any:
    def load(columns: Collection[str]) -> Any:
        from perfkit.sql.finding_views import trend_rows

        return trend_rows(trends(recording), columns)

    return load


def trends(recording: Recording) -> Iterator[Trend]:
    """Every judgement of every watched metric, by time."""
    interval_ns = recording.session.interval_ns
    under_watch = watched({metric.name for metric in recording.metrics})
    names = {one.metric for one in under_watch}
    periods = Periods([m for m in recording.metrics if m.name in names], interval_ns)
    stage = TrendStage(under_watch, period_length_ns(interval_ns))
    for block in recording.blocks(periods.inputs):
        yield from stage.assess(periods.add(block))
    yield from stage.assess(periods.finish())
