"""Asking the rules: joins a recording with the database they run in."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from perfkit.analysis.events import EVENT_METRICS, EVENTS_COUNT
from perfkit.analysis.periods import PERIOD_STATISTICS, Periods, period_length_ns
from perfkit.analysis.pipeline import Settings
from perfkit.analysis.rates import DERIVED_METRICS
from perfkit.model.block import Block, Column
from perfkit.model.insight import RuleOutcome
from perfkit.model.metric import CLOCK, RECORDER, SLOW, SYSTEM, TICK, Metric
from perfkit.model.text import printable
from perfkit.report.units import format_by_name
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.sql.rulebook import load_rules, run_rules
from perfkit.workflows.finding_views import finding_tables
from perfkit.workflows.rule_tables import slow_exposures_table, threshold_table
from perfkit.workflows.source import Recording

if TYPE_CHECKING:
    from perfkit.sql.engine import Database

_END = Metric("end_ns", "ns", CLOCK, TICK, RECORDER, "end of the period on the session's clock")
_PERIOD_COLUMNS = ("t_ns", "end_ns", "period", "ticks_count")


def insights(
    recording: Recording,
    rules_dir: Path | None = None,
    settings: Settings | None = None,
) -> list[RuleOutcome]:
    """What every rule says of the recording, in the order of the rules.

    rules_dir: a folder of rules beside perfkit's own. settings: the default ones by default.
    Raises UnusableInput if the folder or the recording cannot be read; a rule that is wrong is a
    RuleFailed among the others.
    """
    rules = load_rules(rules_dir)
    known = {metric.name for metric in (*RAW_METRICS, *DERIVED_METRICS)}
    given = {"session": shlex.quote(printable(str(recording.path)))}
    views = database(recording, settings)
    try:
        return run_rules(views, rules, known, format_by_name, given)
    finally:
        views.close()


def database(recording: Recording, settings: Settings | None = None) -> Database:
    """The views over a recording; nothing is read or computed before a query names it."""
    from perfkit.sql.engine import Database, Table
    from perfkit.sql.event_views import EVENT_TYPES
    from perfkit.sql.views import SESSION_COLUMNS, session_row

    settings = settings or Settings()
    names = tuple(metric.name for metric in recording.metrics)
    sparse = (metric.name for metric in recording.metrics if metric.group in (SYSTEM, SLOW))

    def session(columns: Collection[str]) -> Any:
        return session_row(recording.told(), columns)

    return Database(
        {
            "ticks": Table(names, recording.table, frozenset(sparse)),
            "periods": _periods(recording),
            "processes": Table(
                (*(name for name in ("t_ns", "time") if name in names), "processes"),
                recording.table,
            ),
            "session": Table(SESSION_COLUMNS, session),
            "events": Table(tuple(EVENT_TYPES), recording.events),
            **finding_tables(recording, settings),
            "thresholds": threshold_table(settings.thresholds),
            "slow_exposures": slow_exposures_table(recording),
        }
    )


def _periods(recording: Recording) -> Any:
    """The table of periods: computed only for the metrics whose statistics a query names."""
    from perfkit.sql.engine import Table

    metrics = [metric for metric in recording.metrics if metric.kind != CLOCK]
    said = {metric.name for metric in EVENT_METRICS}
    columns = {
        f"{metric.name}_{statistic}": metric
        for metric in metrics
        if metric.name not in said
        for statistic in PERIOD_STATISTICS
    }
    made = {metric.name: metric for metric in metrics if metric.name in said}
    if made:
        columns |= {EVENTS_COUNT.name: EVENTS_COUNT, **made}

    length_ns = period_length_ns(recording.session.interval_ns)

    def load(wanted: Collection[str]) -> Any:
        from perfkit.session.parquet import arrow_table

        chosen = {columns[name].name: columns[name] for name in wanted if name in columns}
        periods = Periods(list(chosen.values()), recording.session.interval_ns)
        blocks = [periods.add(block) for block in recording.blocks(periods.inputs)]
        given = [_with_end(block, length_ns) for block in (*blocks, periods.finish())]
        specs = [spec for spec in (*periods.metrics, _END) if spec.name in wanted]
        return arrow_table(given, specs).select([spec.name for spec in specs])

    return Table((*_PERIOD_COLUMNS, *columns), load)


def _with_end(periods: Block, length_ns: int) -> Block:
    ends = Column(periods.t_ns + length_ns, np.ones(len(periods), np.bool_))
    return periods.with_columns({_END.name: ends})
