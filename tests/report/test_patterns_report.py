"""Patterns in a report: few lines, those that matter first, one where the session is too short."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from report_examples import plain_report

from perfkit.model.finding import Finding
from perfkit.model.report import Report
from perfkit.report import Format, Page, renderer
from perfkit.report.patterns import MOST, lines


def finding(kind: str, cause: str, severity: str = "info", **more: object) -> Finding:
    """A pattern that lasts."""
    base = Finding(
        "pattern", kind, cause, f"{cause}_percent", 100 * 10**9, 10**9, 2 * 10**9, None, severity,
        text=f"{cause} has a {kind}",
    )  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


def cycle(cause: str, period_s: float) -> Finding:
    """One of so many seconds, known within a tenth."""
    figures = {"period_low_s": 0.95 * period_s, "period_high_s": 1.05 * period_s, "swing": 12.5}
    return finding("cycle", cause, evidence=figures)


def test_what_asks_for_action_comes_first_and_the_rest_is_counted() -> None:
    """A leak before cycles; never more than a few lines."""
    cycles = [cycle(f"c{at}", 10.0 * (at + 1)) for at in range(9)]
    said = lines(replace(plain_report(), findings=(*cycles, finding("leak", "memory", "low"))))
    assert said[0] == ("leak", "memory has a leak")
    assert len(said) == MOST + 1
    assert said[-1][0] == "more" and said[-1][1].startswith("4: ")


def test_what_shows_one_thing_is_one_line() -> None:
    """Metrics that repeat themselves in the same time, and levels that shifted together."""
    alike = (cycle("cpu", 20.0), cycle("io", 20.5), cycle("gpu", 31.0))
    shifts = (finding("level_shift", "cpu"), finding("level_shift", "network"))
    said = lines(replace(plain_report(), findings=(alike[2], shifts[1])))
    assert [label for label, _ in said] == ["level shift", "cycle"]
    said = lines(replace(plain_report(), findings=alike))
    assert [text.partition("; ")[2] for _, text in said] == ["also io_percent", ""]
    said = lines(replace(plain_report(), findings=shifts))
    assert [text.partition("; ")[2] for _, text in said] == ["also network_percent"]


def test_figures_are_in_the_metrics_unit() -> None:
    """What it was and is, and the swing."""
    shift = finding("level_shift", "cpu", value=80.0, expected=20.0)
    said = dict(lines(replace(plain_report(), findings=(shift, cycle("io", 9.0)))))
    assert said["level shift"] == "cpu has a level_shift (20.0 % to 80.0 %)"
    assert said["cycle"] == "io has a cycle (12.5 % from bottom to top)"


def test_what_is_over_and_what_is_said_better_is_left_out() -> None:
    """A cycle that has stopped; the steps of a metric that changes between levels."""
    over = finding("cycle", "io", end_ns=50 * 10**9)
    steps = (finding("level_shift", "cpu"), finding("regime", "cpu"))
    said = lines(replace(plain_report(), findings=(over, *steps)))
    assert [label for label, _ in said] == ["regime"]


@pytest.mark.parametrize("format", [Format.TERMINAL, Format.MARKDOWN])
def test_a_short_session_has_one_line(format: Format) -> None:
    """Too short to judge, and how long it takes; without patterns there is no section."""
    short = replace(plain_report(), patterns_after_ns=60 * 10**9)
    said = renderer(format)([short], Page(width=100))
    assert said.count("too short to judge: patterns take") == 1
    assert "Patterns" not in renderer(format)([plain_report()], Page(width=100))


def test_json_has_findings_or_null() -> None:
    """Null where the session is too short, an empty list where nothing was found."""

    def patterns(report: Report) -> Any:
        return json.loads(renderer(Format.JSON)([report], Page(width=80)))["analysis"]["patterns"]

    assert patterns(replace(plain_report(), patterns_after_ns=1)) is None
    assert patterns(plain_report()) == []
    (one,) = patterns(replace(plain_report(), findings=(finding("leak", "memory"),)))
    assert one["kind"] == "leak"
