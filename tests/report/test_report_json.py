"""The report for programs: every key always there, null where nothing is known."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from report_examples import EXAMPLES, empty_report, hostile_report, plain_report

from perfkit.model.finding import Finding
from perfkit.report import Page
from perfkit.report.json import SCHEMA_VERSION, render

PAGE = Page()

KEYS = {
    "schema_version": None,
    "session": None,
    "monitoring": {"active", "duration_s", "own_cost", "holes"},
    "performance": {"current", "baseline", "trend", "score", "status"},
    "analysis": {"latest", "insights", "patterns", "anomalies", "forecasts", "alerts"},
    "optimization": {"last", "recommendations", "plans", "predictions", "history"},
    "accuracy": None,
}


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def parsed(*reports):
    return json.loads(render(reports, PAGE), parse_constant=refuse)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_top_level_is_always_the_same(name):
    """Exactly these keys, with these beneath them, whatever the session holds."""
    found = parsed(EXAMPLES[name])

    assert list(found) == list(KEYS)
    assert found["schema_version"] == SCHEMA_VERSION
    for key, beneath in KEYS.items():
        assert beneath is None or beneath <= set(found[key])


@pytest.mark.parametrize("name", EXAMPLES)
def test_there_is_no_nan_and_no_character_that_needs_care(name):
    """Pure ASCII without markup, so that it can be printed, logged and embedded."""
    text = render([EXAMPLES[name]], PAGE)

    parsed(EXAMPLES[name])
    assert text.isascii()
    assert not re.search(r"[<>&\x00-\x09\x0b-\x1f\x7f]", text)


def test_one_session_is_an_object_and_several_are_an_array_in_order():
    """The shape follows the number of sessions."""
    first, second = hostile_report("first"), hostile_report("second")

    assert parsed(first)["session"]["session_id"] == "first"
    assert [one["session"]["session_id"] for one in parsed(second, first)] == ["second", "first"]


def test_what_this_version_does_not_know_is_null():
    """The keys of later stages are there, without a value."""
    found = parsed(plain_report())

    assert found["accuracy"] is None
    assert [found["optimization"][key] for key in ("last", "predictions", "history")] == [None] * 3


def test_findings_stand_with_their_stage():
    """Each as an object; a stage that said nothing has an empty list."""
    one = Finding("alert", "alert", "cpu", "cpu_percent", 100, 50, 90, None, "high", "up", 99.0)
    found = parsed(replace(plain_report(), findings=(one,)))

    (alert,) = found["analysis"]["alerts"]
    assert (alert["id"], alert["metric"], alert["value"]) == (one.id, "cpu_percent", 99)
    assert found["performance"]["trend"] == found["analysis"]["anomalies"] == []


def test_a_metric_carries_its_unit_and_its_figures():
    """Numbers are in the unit that stands beside them, whole ones without a fraction."""
    current = parsed(plain_report())["performance"]["current"]

    assert current["rss_bytes"] == {
        "unit": "bytes", "kind": "gauge", "scope": "target", "count": 3, "first": 2**20,
        "last": 2**22, "min": 2**20, "mean": 7 * 2**20 / 3, "p95": 2**22, "max": 2**22,
        "total": None,
    }  # fmt: skip
    assert current["swap_bytes"]["count"] == 0
    assert current["swap_bytes"]["mean"] is None


def test_times_and_lengths_have_their_unit_in_the_name():
    """Moments are ISO 8601 in UTC, lengths seconds or milliseconds."""
    found = parsed(plain_report())

    assert found["session"]["started_at"] == "2026-03-01T12:00:00.000000Z"
    assert found["session"]["duration_s"] == 60
    assert found["session"]["interval_ms"] == 100
    assert found["monitoring"]["own_cost"] == {
        "cpu_s": 0.21, "cpu_percent": 0.35, "cpu_us_per_tick": 351,
    }  # fmt: skip
    assert found["monitoring"]["holes"] == [
        {"from_s": 12.3, "until_s": 12.5, "ticks": 2, "kind": "missed"}
    ]


def test_a_recommendation_comes_once_with_what_it_answers():
    """Two rules of one cause that recommend the same say it once; the most pressing is first."""
    found = parsed(plain_report())["optimization"]["recommendations"]

    assert [one["text"] for one in found] == [
        "Look at what is kept.",
        "Set a limit.",
        "Close what you open.",
    ]
    assert found[0]["severity"] == "high"
    assert found[0]["rules"] == ["memory-growth", "memory-capacity"]


def test_an_empty_session_says_what_it_cannot_tell():
    """No tick: the figures are null, the sentence is there."""
    found = parsed(empty_report())

    assert found["monitoring"]["own_cost"]["cpu_percent"] is None
    assert found["analysis"]["latest"]["cannot_tell"] == ["There is no tick in this session."]
