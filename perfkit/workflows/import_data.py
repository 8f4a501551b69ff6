"""From what other tools have recorded to a session that everything downstream reads.

What the file does not say stays unknown: no host, no exit code, no cost of recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from perfkit.analysis.events import TICK_METRICS as EVENT_TICK_METRICS
from perfkit.analysis.rates import DERIVED_METRICS, Rates
from perfkit.errors import OutputRefused
from perfkit.foreign.series import Layout, parse_mapping
from perfkit.foreign.series import layout as layout_of
from perfkit.foreign.series_formats import open_series
from perfkit.foreign.series_ticks import Ticks
from perfkit.model.metric import CLOCK, FLOAT, SINGLE, Metric
from perfkit.model.session import IMPORTED, Session
from perfkit.model.text import printable
from perfkit.sampling.metrics import RAW_METRICS, TICK_METRICS
from perfkit.session.schema import SCHEMA_VERSION
from perfkit.version import __version__
from perfkit.workflows.session_id import uuid7

STOP_REASON = "the imported file ends there"

_CLOCKS = tuple(metric for metric in TICK_METRICS if metric.kind == CLOCK)
_LONGEST_LIST = 1000


@dataclass(frozen=True)
class Imported:
    """What became of a file.

    metrics, own, left_out: names of what was taken, of metrics that perfkit does not know among
    them, and of columns nobody asked for. replaced: rows that gave way to another of the same time.
    notes: further sentences.
    """

    path: Path
    format: str
    ticks: int
    interval_ns: int
    duration_ns: int
    longest_gap_ns: int
    metrics: tuple[str, ...]
    own: tuple[str, ...]
    left_out: tuple[str, ...]
    replaced: int
    notes: tuple[str, ...]


def import_data(
    source: Path, output: Path, maps: Sequence[str] = (), *, force: bool = False
) -> Imported:
    """Write a session of what the file holds. maps: COLUMN=METRIC, as `foreign.series` reads them.

    Read and written in blocks, however long the file is.
    Raises UnusableInput if the file cannot be used, UsageError for a map that is none, and
    OutputRefused if output exists (unless force), is the file itself or cannot be written.
    """
    from perfkit.session.parquet import write_session

    mapped = [parse_mapping(text) for text in maps]
    series = open_series(source)
    layout = layout_of(series, mapped, _known())
    _assert_apart(source, output)
    ticks = Ticks(series, layout)
    chosen = {one.metric.name: one.metric for one in layout.taken}
    order = {name: place for place, name in enumerate(_known())}
    names = sorted(chosen, key=lambda name: (order.get(name, len(order)), name))
    raw = (*_CLOCKS, *(chosen[name] for name in names))
    rates = Rates(raw)
    blocks = (rates.add(block) for block in ticks.blocks())

    def facts() -> Session:
        return _session(source, series.kind, layout, ticks)

    count = write_session(output, blocks, (*raw, *rates.metrics), facts, force=force)
    return Imported(
        output,
        series.kind,
        count,
        ticks.interval_ns,
        ticks.last_ns,
        ticks.longest_gap_ns,
        tuple(names),
        layout.own,
        layout.left_out,
        ticks.replaced,
        tuple(series.notes),
    )


def _known() -> dict[str, Metric]:
    """Every metric that perfkit has, as imported sessions keep it: rates just as they were given."""
    derived = (_exact(metric) for metric in (*EVENT_TICK_METRICS, *DERIVED_METRICS))
    return {metric.name: metric for metric in (*derived, *RAW_METRICS) if metric.kind != CLOCK}


def _exact(metric: Metric) -> Metric:
    stored = FLOAT if metric.format == SINGLE else metric.format
    return Metric(
        metric.name, metric.unit, metric.kind, metric.group, metric.scope, metric.meaning, stored
    )


def _assert_apart(source: Path, output: Path) -> None:
    try:
        same = source.samefile(output)
    except (OSError, ValueError):
        return
    if same:
        raise OutputRefused(
            f"{printable(str(output))} is the file to import; choose another name with -o"
        )


def _session(source: Path, format: str, layout: Layout, ticks: Ticks) -> Session:
    started_at_us = ticks.first_us
    maps = [f"{one.column}={one.metric.name}" for one in layout.taken]
    notes: Mapping[str, str] = {
        "imported_from": source.name,
        "imported_columns": _listed(maps),
        "columns_left_out": _listed(layout.left_out),
        "rows_replaced": str(ticks.replaced) if ticks.replaced else "",
    }
    return Session(
        session_id=uuid7(),
        perfkit_version=__version__,
        schema_version=SCHEMA_VERSION,
        mode=IMPORTED,
        sampler=format,
        target_pid=0,
        target_name=source.stem,
        command="",
        interval_ns=ticks.interval_ns,
        started_at_us=started_at_us or 0,
        start_boottime_ns=0,
        ended_at_us=None if started_at_us is None else started_at_us + ticks.last_ns // 1000,
        duration_ns=ticks.last_ns,
        stop_reason=STOP_REASON,
        notes={key: printable(text) for key, text in notes.items() if text},
    )


def _listed(texts: Sequence[str]) -> str:
    return printable(", ".join(texts), _LONGEST_LIST)
