"""What a history's text and JSON look like, whatever it holds."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from perfkit.model.change_point import ChangePoint, Levels, Seam
from perfkit.model.history import (
    Added,
    History,
    HistoryCheck,
    MetricHistory,
    Point,
    Regression,
    Series,
)
from perfkit.report import Page
from perfkit.report.history import added_text, as_json, as_text, check_json, check_text


def example(commits=12, at=6, sure=1.0, chance=1e-7, at_seam=False):
    step = math.log(1.05)
    points = tuple(
        Point(f"c{k}", step * (k >= at), 8, "v1" if k < at else "v2", "", k * 86_400_000_000)
        for k in range(commits)
    )
    change = ChangePoint(
        index=at,
        earliest=at - (sure < 1),
        latest=at,
        sure=sure,
        chance=chance,
        before=0.0,
        after=step,
        low=step - 0.01,
        high=step + 0.01,
        points_before=at,
        points_after=commits - at,
        at_seam=at_seam,
    )
    seams = (Seam(at, 2),) if at_seam else ()
    series = Series("cpu_s", "s", True, points, seams)
    levels = Levels((change,), 0.004, 0.0, (0, at), (0.0, step))
    return History("perf.parquet", commits, (MetricHistory(series, levels),), ("a note",))


def test_a_change_is_told_in_full():
    """How much, since which commit, how sure."""
    text = as_text(example(sure=0.9), Page(width=200))

    assert "+5.0 % (+4.0 % to +6.1 %) at c6, 1970-01-07, 6 commits ago" in " ".join(text.split())
    assert "this commit in 90 of 100 cases, else from c5 to c6" in " ".join(text.split())
    assert "chance of noise alone 1 in 10 000 000" in " ".join(text.split())
    assert "a note" in text


def test_a_change_at_a_seam_is_told_as_one():
    """Its place is where the anchor changes."""
    text = " ".join(as_text(example(at_seam=True), Page(width=200)).split())

    assert "where the anchor changes" in text
    assert "100 cases" not in text


@pytest.mark.parametrize("width", [30, 80, 200])
def test_no_line_of_the_text_is_wider_than_the_page(width):
    """Within what a sheet keeps to."""
    text = as_text(example(commits=100), Page(width=width, ascii_only=True))

    assert text.isascii()
    assert max(map(len, text.splitlines())) <= max(width, 75)


def test_json_has_every_point_with_its_level():
    """And no number that JSON does not know."""
    told = json.loads(as_json(example()))["metrics"]["cpu_s"]

    assert [point["level"] for point in told["points"]] == pytest.approx([0.0] * 6 + [0.05] * 6)
    assert told["changes"][0]["effect"] == pytest.approx(0.05)
    assert told["points"][0]["added_at"] == "1970-01-01T00:00:00.000000Z"


def test_the_verdicts_are_sentences():
    """Regressed, passed, undecided."""
    history = example()
    change = history.metrics[0].levels.changes[0]
    page = Page(width=120)

    def text(verdict, **other):
        return check_text(HistoryCheck(history, verdict, 10, 0.01, ("cpu_s",), **other), page)

    assert text("regressed", regressions=(Regression("cpu_s", change),)).startswith(
        "regressed: 1 of 1 metrics rose within the newest 10 commits of perf.parquet"
    )
    assert text("passed").startswith("passed: the metric did not rise within the newest 10")
    assert "too few results that can be compared: cpu_s" in text("undecided", too_short=("cpu_s",))
    assert "maybe" in text("passed", suspicions=("maybe",))


def test_the_check_as_json_names_the_change():
    """With the same keys as in the list of changes."""
    history = example()
    change = history.metrics[0].levels.changes[0]
    check = HistoryCheck(history, "regressed", 10, 0.01, ("cpu_s",), (Regression("cpu_s", change),))
    told = json.loads(check_json(check))

    assert told["regressions"] == [{"metric": "cpu_s", **told["metrics"]["cpu_s"]["changes"][0]}]


def test_what_was_added_is_one_line_and_its_notes():
    """Names from strangers made printable."""
    text = added_text(
        Added("h.parquet", "a\x1bb", "v1", ("cpu_s",), 3, ("x has no effect",), ("mind this",)),
        Page(width=100),
    )

    assert text.startswith(
        "a\\x1bb beside v1: 1 metric added to h.parquet, which has 3 commits now"
    )
    assert "x has no effect" in text
    assert "mind this" in text


def test_metrics_that_neither_decide_nor_change_stand_in_one_line():
    """A gate measures a dozen; the eye looks for what changed."""
    (deciding,) = example().metrics
    still = replace(deciding.levels, changes=())
    others = tuple(
        MetricHistory(replace(deciding.series, metric=name, gating=False), still)
        for name in ("minor_faults", "write_calls")
    )
    text = as_text(History("h", 12, (deciding, *others)), Page(width=100))

    assert "no change   minor_faults · write_calls" in text


def test_a_short_series_says_so():
    """Instead of a noise that nobody can know yet."""
    text = as_text(example(commits=7, at=3), Page(width=100))

    assert "changes are looked for from 8 commits on" in text
    assert "noise" not in text


def test_an_empty_history_is_shown():
    """Of a file that holds no row."""
    assert "0 commits" in as_text(History("h", 0, ()), Page())
