"""What a history says: a series a metric, its changes, and the verdict over the newest commits."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from perfkit.model.change_point import LEAST_POINTS, ChangePoint
from perfkit.model.history import Added, History, HistoryCheck, MetricHistory, Series
from perfkit.model.text import printable
from perfkit.model.verdict import PASSED, REGRESSED
from perfkit.report import Page
from perfkit.report.json import dump, iso_time
from perfkit.report.sheet import HEADING, QUIET, Sheet, ink
from perfkit.report.sparkline import sparkline
from perfkit.report.units import THIN_SPACE

SCHEMA_VERSION = "1.0"
# 1.0: the first. A key that is added raises the second number, a changed meaning the first.

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COMMIT_LIMIT = 40
_LINE_WIDTH = 60
_NEVER = 1e-9
_COMMAND = re.compile(r"^(\s*)::", re.MULTILINE)


def added_text(added: Added, page: Page) -> str:
    """What was added, in a line, and what is to be said of it."""
    sheet = Sheet.of(page)
    count = len(added.metrics)
    sheet.paragraph(
        f"{printable(added.commit, _COMMIT_LIMIT)} beside {printable(added.anchor, _COMMIT_LIMIT)}: "
        f"{count} {'metric' if count == 1 else 'metrics'} added to {printable(added.source)}, "
        f"which has {_commits(added.commits)} now",
        indent=0,
    )
    for said in (*added.skipped, *added.notes):
        sheet.paragraph(printable(said), QUIET)
    return _harmless(ink(sheet.lines, page))


def as_text(history: History, page: Page) -> str:
    """Every series with its changes; in one line those that neither decide nor change."""
    sheet = Sheet.of(page)
    sheet.paragraph(f"{printable(history.source)}: {_commits(history.commits)}", HEADING, indent=0)
    still = [one for one in history.metrics if not one.series.gating and not one.levels.changes]
    for one in history.metrics:
        if one not in still or one is history.metrics[0]:
            _write_metric(sheet, one)
    quiet = [printable(one.series.metric) for one in still if one is not history.metrics[0]]
    if quiet:
        sheet.blank()
        sheet.flow("no change   ", quiet, 14)
    _write_notes(sheet, history.notes)
    return _harmless(ink(sheet.lines, page))


def check_text(check: HistoryCheck, page: Page) -> str:
    """The verdict, what it rests on, and what cannot be told."""
    sheet = Sheet.of(page)
    sheet.paragraph(f"{check.verdict}: {_summary(check)}", HEADING, indent=0)
    series = {one.series.metric: one.series for one in check.history.metrics}
    for one in check.regressions:
        sheet.paragraph(
            f"{printable(one.metric)} {_change(one.change, series[one.metric])}", indent=2
        )
    for suspicion in check.suspicions:
        sheet.paragraph(printable(suspicion))
    if check.too_short:
        names = ", ".join(printable(name) for name in check.too_short)
        sheet.paragraph(f"too few results that can be compared: {names}")
    _write_notes(sheet, check.history.notes)
    return _harmless(ink(sheet.lines, page))


def as_json(history: History) -> str:
    """The history as one JSON object; documented in docs/history.md."""
    return _dumped(_history(history))


def _dumped(value: object) -> str:
    # a runner looks for `##[` anywhere in a line; it occurs in text only
    return dump(value).replace("##[", "#\\u0023[")


def check_json(check: HistoryCheck) -> str:
    """The check as one JSON object: that of the history and the verdict."""
    series = {one.series.metric: one.series for one in check.history.metrics}
    return _dumped(
        {
            **_history(check.history),
            "verdict": check.verdict,
            "newest": check.newest,
            "tolerance": check.tolerance,
            "checked": list(check.checked),
            "regressions": [
                {"metric": one.metric, **_change_object(one.change, series[one.metric])}
                for one in check.regressions
            ],
            "too_short": list(check.too_short),
            "suspicions": list(check.suspicions),
        }
    )


def _harmless(text: str) -> str:
    """The text without what a GitHub runner, which reads along, would take for a command."""
    return _COMMAND.sub(r"\1: :", text).replace("##[", "# #[")


def _write_metric(sheet: Sheet, one: MetricHistory) -> None:
    series, levels = one.series, one.levels
    points = series.points
    sheet.heading(printable(series.metric))
    now = f"now {_percent(levels.values[-1])} against {printable(points[-1].anchor, 60)}"
    if one.comparable_from == 0:
        now = f"now {_percent(levels.values[-1])} against {printable(points[0].anchor, 60)}"
    sheet.line(
        ("  ", ""),
        (sparkline([math.exp(point.value) for point in points], _LINE_WIDTH), ""),
        (f"  {_commits(len(points))}", QUIET),
    )
    if len(points) < LEAST_POINTS:
        sheet.paragraph(f"{now}; changes are looked for from {LEAST_POINTS} commits on", QUIET)
        return
    alike = f", neighbours alike by {levels.autocorrelation:.1f}"
    sheet.paragraph(
        f"{now}; noise of a commit {math.expm1(levels.noise) * 100:.2f} %"
        + (alike if levels.autocorrelation >= 0.05 else ""),
        QUIET,
    )
    for change in levels.changes:
        sheet.paragraph(_change(change, series), indent=4, head=("  ·", QUIET))
    if not levels.changes:
        sheet.paragraph("no change of level", QUIET)


def _write_notes(sheet: Sheet, notes: Sequence[str]) -> None:
    if notes:
        sheet.blank()
    for note in notes:
        sheet.paragraph(note, QUIET)


def _summary(check: HistoryCheck) -> str:
    within = f"within the newest {_commits(check.newest)} of {printable(check.history.source)}"
    count = len({one.metric for one in check.regressions})
    if check.verdict == REGRESSED:
        return f"{count} of {len(check.checked)} metrics rose {within}"
    if check.verdict == PASSED:
        metrics = (
            "the metric" if len(check.checked) == 1 else f"none of {len(check.checked)} metrics"
        )
        return f"{metrics} {'did not rise' if len(check.checked) == 1 else 'rose'} {within}"
    return f"{printable(check.history.source)} is too short to tell"


def _change(change: ChangePoint, series: Series) -> str:
    points = series.points
    commit = printable(points[change.index].commit, _COMMIT_LIMIT)
    since = len(points) - change.index
    text = (
        f"{_percent(change.shift)} ({_percent(change.low)} to {_percent(change.high)}) at {commit}, "
        f"{_day(points[change.index].added_at_us)}, {_commits(since)} ago"
    )
    if change.at_seam:
        return f"{text}; where the anchor changes; chance of noise alone {_chance(change.chance)}"
    sure = min(99, round(change.sure * 100))
    if change.earliest == change.latest:
        place = f"this commit in {sure} of 100 cases"
    else:
        place = (
            f"this commit in {sure} of 100 cases, else from "
            + printable(points[change.earliest].commit, _COMMIT_LIMIT)
            + " to "
            + printable(points[change.latest].commit, _COMMIT_LIMIT)
        )
    return f"{text}; {place}; chance of noise alone {_chance(change.chance)}"


def _chance(chance: float) -> str:
    if chance < _NEVER:
        return "below 1 in a billion"
    return f"1 in {float(f'{1 / chance:.2g}'):,.0f}".replace(",", THIN_SPACE)


def _percent(shift: float) -> str:
    return f"{math.expm1(shift) * 100:+.1f} %" if shift < 5 else f"{math.exp(shift):.3g} times"


def _commits(count: int) -> str:
    return "1 commit" if count == 1 else f"{count} commits"


def _day(microseconds: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).date().isoformat()
    except OverflowError:
        return "at an unknown time"


def _history(history: History) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "source": history.source,
        "commits": history.commits,
        "metrics": {one.series.metric: _metric(one) for one in history.metrics},
        "notes": list(history.notes),
    }


def _metric(one: MetricHistory) -> dict[str, Any]:
    series, levels = one.series, one.levels
    return {
        "unit": series.unit,
        "gating": series.gating,
        "noise": math.expm1(levels.noise),
        "autocorrelation": levels.autocorrelation,
        "comparable_from": one.comparable_from,
        "changes": [_change_object(change, series) for change in levels.changes],
        "points": [
            {
                "commit": point.commit,
                "effect": math.expm1(point.value),
                "level": math.expm1(level),
                "pairs": point.pairs,
                "anchor": point.anchor,
                "added_at": iso_time(point.added_at_us),
            }
            for point, level in zip(series.points, _level_of_each(one), strict=True)
        ],
    }


def _level_of_each(one: MetricHistory) -> list[float]:
    starts = [*one.levels.starts, len(one.series.points)]
    return [
        value
        for at, value in enumerate(one.levels.values)
        for _ in range(starts[at], starts[at + 1])
    ]


def _change_object(change: ChangePoint, series: Series) -> dict[str, Any]:
    points = series.points
    return {
        "commit": points[change.index].commit,
        "index": change.index,
        "effect": math.expm1(change.shift),
        "ci_low": math.expm1(change.low),
        "ci_high": math.expm1(change.high),
        "chance": change.chance,
        "sure": change.sure,
        "earliest": points[change.earliest].commit,
        "latest": points[change.latest].commit,
        "points_before": change.points_before,
        "points_after": change.points_after,
        "at_seam": change.at_seam,
    }
