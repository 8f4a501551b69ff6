"""Recommendations: one a cause, the most pressing first."""

from __future__ import annotations

import pytest

from perfkit.analysis.rates import DERIVED_METRICS
from perfkit.analysis.recommend import ADVICE, recommendations
from perfkit.analysis.watched import WATCHED
from perfkit.model.finding import UP, Finding
from perfkit.model.insight import Insight
from perfkit.sampling.metrics import RAW_METRICS


def insight(cause: str, severity: str, what: str = "do this") -> Insight:
    return Insight(
        f"{cause}-rule", "title", severity, cause, "impact", f"{cause} is bad", {}, (what,)
    )


def finding(cause: str, severity: str, stage: str = "anomaly") -> Finding:
    return Finding(stage, "kind", cause, None, 9, 1, 5, None, severity, UP, text=f"{cause} moved")


def test_what_speaks_of_one_cause_is_one_recommendation() -> None:
    """With all its reasons, the worst severity and what the insight says to do."""
    (one,) = recommendations([insight("cpu", "low")], [finding("cpu", "medium")])
    assert (one.cause, one.severity, one.what) == ("cpu", "medium", ("do this",))
    assert one.why == ("cpu is bad", "cpu moved")
    assert one.conflicts == ADVICE["cpu"].conflicts


def test_severity_goes_before_gain_and_witnesses_add_to_it() -> None:
    """High before medium; of two equal ones, that which two stages saw."""
    found = [finding("network", "high"), finding("latency", "medium")]
    assert [one.cause for one in recommendations([], found)] == ["network", "latency"]
    found = [finding("cpu", "medium"), finding("throughput", "medium")]
    twice = [*found, finding("throughput", "medium", "baseline")]
    assert recommendations([], twice)[0].cause == "throughput"
    # an alert is no witness of its own
    again = [*found, finding("cpu", "medium", "alert")]
    first, second = recommendations([], again)
    assert first.weight == second.weight


def test_remarks_ask_for_nothing() -> None:
    """Neither do findings of causes against which nothing is known."""
    assert recommendations([insight("cpu", "info")], [finding("cpu", "info")]) == []
    assert recommendations([], [finding("weather", "high")]) == []


@pytest.mark.parametrize("cause", sorted(ADVICE))
def test_every_advice_is_about_a_metric_that_exists(cause: str) -> None:
    """The command that checks it would else fail."""
    assert ADVICE[cause].metric in {one.name for one in (*RAW_METRICS, *DERIVED_METRICS)}
    assert set(ADVICE[cause].conflicts) <= set(ADVICE)


def test_every_watched_metric_has_advice() -> None:
    """A finding without a way out helps nobody."""
    assert {one.cause for one in WATCHED} <= set(ADVICE)
