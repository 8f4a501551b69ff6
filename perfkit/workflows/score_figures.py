"""What the score is made of: figures of the whole session, of its own events where there are any."""

from __future__ import annotations

from collections.abc import Iterable

from perfkit.analysis.event_series import FRAMES, OPERATIONS
from perfkit.analysis.events import SILENCE_NS
from perfkit.model.report import MetricSummary
from perfkit.workflows.insights import database
from perfkit.workflows.source import Recording

_OF_EVENTS = {
    # frames over the time between them; where it was longer than that, nothing was to be drawn
    "fps": (
        "fps",
        "SELECT count(*) / sum(gap_ns) * 1e9 FROM (SELECT t_ns - lag(t_ns) OVER (ORDER BY t_ns) "
        f"AS gap_ns FROM events WHERE type IN {tuple(sorted(FRAMES))}) WHERE gap_ns <= {SILENCE_NS}",
    ),
    "latency": (
        "latency_ms_mean",
        f"SELECT avg(duration_ms) FROM events WHERE type IN {tuple(sorted(OPERATIONS))}",
    ),
    "cache": (
        "cache_hit_ratio",
        "SELECT avg(numbers['hit']) FROM events WHERE type = 'cache_operation' "
        "AND coalesce(labels['operation'], 'get') = 'get'",
    ),
}
"""Part of the score to the column that tells whether there is any, and the query for it."""


def score_figures(
    recording: Recording, summaries: Iterable[MetricSummary]
) -> dict[str, float | None]:
    """The figures of `perfkit.analysis.score.score_parts`.

    A session without events costs nothing here. One that has such columns but no events, as
    imported ones do, gives their means.
    """
    mean = {one.metric.name: one.mean for one in summaries if one.count}
    figures: dict[str, float | None] = {"memory": mean.get("memory_pressure_ratio")}
    said = {part: query for part, (column, query) in _OF_EVENTS.items() if column in mean}
    if not said:
        return figures
    views = database(recording)
    try:
        for part, query in said.items():
            value = views.query(query).rows[0][0]
            figures[part] = mean[_OF_EVENTS[part][0]] if value is None else float(value)
    finally:
        views.close()
    return figures
