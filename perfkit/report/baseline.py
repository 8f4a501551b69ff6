"""What is normal, and what differs from it, for a person and for a program."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from perfkit.model.baseline import Baseline, BaselineChange, MetricBaseline
from perfkit.model.finding import DOWN, UP
from perfkit.model.joint import JOINT, joint_from_facts
from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.facts import host_sentence, moment
from perfkit.report.sheet import HEADING, QUIET, Sheet, ink
from perfkit.report.units import UNKNOWN, format_by_name, format_value

_NAME_WIDTH = 32
_FIGURE_WIDTH = 12
_MOST_SESSIONS = 20


def as_table(baseline: Baseline, source: str, page: Page) -> str:
    """Level, spread and range of every metric, and what it was learned from."""
    sheet = Sheet.of(page)
    count = len(baseline.sessions)
    sheet.paragraph(printable(source), HEADING, indent=0)
    sheet.paragraph(
        f"baseline of {len(baseline.metrics)} metrics over periods of "
        f"{format_value(baseline.length_ns, 'ns')}, learned from {count} "
        f"session{'' if count == 1 else 's'}",
        indent=0,
    )
    host = host_sentence(baseline.host)
    if host:
        sheet.paragraph(f"host: {host}", indent=0)
    sheet.heading("Normal")
    titles = ("level", "spread", "5 %", "95 %", "periods")
    sheet.line((_row("metric", titles), QUIET))
    for name, one in baseline.metrics.items():
        figures = (one.level, one.spread, one.at(0.05), one.at(0.95))
        texts = [format_by_name(name, figure) for figure in figures]
        sheet.line((_row(name, [*texts, format_value(one.periods, "count")]), ""))
    if JOINT in baseline.detectors:
        sheet.heading("Judged together")
        model = joint_from_facts(baseline.detectors[JOINT])
        sheet.paragraph(
            f"{len(model.metrics)} metrics over {format_value(model.rows, 'count')} periods, an "
            f"alarm from a distance of {model.threshold:.1f} on (one a day): "
            + ", ".join(printable(name, 60) for name in model.metrics)
        )
    if baseline.sessions:
        sheet.heading("Learned from")
    for session in baseline.sessions[:_MOST_SESSIONS]:
        sheet.paragraph(
            f"{printable(session.target_name, 60)}, {moment(session.started_at_us or None)}, "
            f"{format_value(session.duration_ns, 'ns')} ({printable(session.session_id, 40)})"
        )
    if count > _MOST_SESSIONS:
        sheet.paragraph(f"and {count - _MOST_SESSIONS} more")
    return ink(sheet.lines, page)


def difference_table(base: str, head: str, changes: Sequence[BaselineChange], page: Page) -> str:
    """Every metric of either: first those whose level left the range of base."""
    sheet = Sheet.of(page)
    sheet.paragraph(f"{printable(head)} against {printable(base)}", HEADING, indent=0)
    outside = sum(bool(one.direction) for one in changes)
    both = sum(one.base is not None and one.head is not None for one in changes)
    sheet.paragraph(
        f"{outside} of {both} metrics left the range of the baseline"
        if both
        else "no metric is in both",
        indent=0,
    )
    sheet.heading("Levels")
    sheet.line((_row("metric", ("baseline", "here", "change")) + "  verdict", QUIET))
    for one in changes:
        levels = [_level(one.metric, one.base), _level(one.metric, one.head)]
        sheet.line((f"{_row(one.metric, [*levels, _change(one)])}  {_verdict(one)}", ""))
    return ink(sheet.lines, page)


def difference_json(base: str, head: str, changes: Sequence[BaselineChange]) -> str:
    """The same for a program: an object a metric."""
    return (
        json.dumps(
            {
                "base": base,
                "head": head,
                "metrics": {
                    one.metric: {
                        "base": None if one.base is None else one.base.level,
                        "head": None if one.head is None else one.head.level,
                        "direction": one.direction or None,
                        "worse": one.worse,
                        "probability": one.probability,
                    }
                    for one in changes
                },
            },
            indent=1,
            allow_nan=False,
        )
        + "\n"
    )


def _row(name: str, figures: Sequence[str]) -> str:
    cells = "".join(f"{figure:>{_FIGURE_WIDTH}}" for figure in figures)
    return f"  {printable(name, _NAME_WIDTH):<{_NAME_WIDTH}}{cells}"


def _level(name: str, one: MetricBaseline | None) -> str:
    return UNKNOWN if one is None else format_by_name(name, one.level)


def _change(one: BaselineChange) -> str:
    if one.base is None or one.head is None or not one.base.level:
        return UNKNOWN
    share = (one.head.level - one.base.level) / abs(one.base.level)
    return f"{share * 100:+.1f} %" if math.isfinite(share) and abs(share) < 10 else UNKNOWN


def _verdict(one: BaselineChange) -> str:
    if one.base is None:
        return "only here"
    if one.head is None:
        return "only in the baseline"
    words = {UP: "above it", DOWN: "below it"}
    worse = ", for the worse" if one.worse else ""
    return words[one.direction] + worse if one.direction in words else "within"
