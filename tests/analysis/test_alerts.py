"""Alerts: told once, while it lasts; what is held back says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from period_examples import SECOND, periods, run

from perfkit.analysis.alerts import ACTIVITY, AlertStage, limits
from perfkit.model.finding import UP, Finding
from perfkit.model.thresholds import Threshold, Thresholds


def stage() -> AlertStage:
    """Latency above 1000 ms warns, above 2000 ms is critical."""
    return AlertStage(limits(Thresholds()), SECOND)


def column() -> str:
    return next(limit.column for limit in limits(Thresholds()) if limit.cause == "latency")


def said(values: Sequence[float | None]) -> list[Finding]:
    return run(stage(), periods({column(): list(values)}))


def kinds(found: Sequence[Finding]) -> list[tuple[str, str, bool]]:
    return [(one.kind, one.severity, one.end_ns is not None) for one in found]


def test_a_short_excursion_raises_nothing() -> None:
    """Nine seconds are less than the hold time."""
    assert said([100.0] * 30 + [1500.0] * 9 + [100.0] * 30) == []


def test_an_alert_opens_rises_and_resolves_with_its_duration() -> None:
    """Warning, then critical, then back: one id throughout."""
    found = said([100.0] * 30 + [1500.0] * 15 + [2500.0] * 15 + [100.0] * 30)
    assert kinds(found) == [
        ("alert", "medium", False),
        ("alert", "high", False),
        ("alert", "high", True),
    ]
    assert len({one.id for one in found}) == 1
    assert found[0].onset_ns == 30 * SECOND
    assert found[0].known_at_ns == 40 * SECOND
    assert found[-1].evidence["duration_s"] == 40.0


def test_a_level_within_the_dead_band_does_not_resolve() -> None:
    """Just below the warning is not yet back."""
    found = said([1500.0] * 20 + [980.0] * 60)
    assert kinds(found) == [("alert", "medium", False)]


def test_soon_after_an_alert_the_next_one_is_held_back_and_says_so() -> None:
    """The cooldown is recorded as its reason."""
    found = said([1500.0] * 20 + [100.0] * 20 + [1500.0] * 20)
    assert kinds(found)[-1] == ("suppressed", "info", False)
    assert found[-1].text.startswith("cooldown")


def test_what_flaps_is_told_as_open_until_it_rests() -> None:
    """The third time within ten minutes it stays open."""
    once = [1500.0] * 20 + [100.0] * 90
    found = said(once * 3 + [1500.0] * 20 + [100.0] * 20 + [1500.0] * 20 + [100.0] * 100)
    opened = [one for one in found if one.kind == "alert" and one.end_ns is None]
    assert len(opened) == 4
    assert "comes and goes" in opened[-1].text
    assert found[-1].text.endswith("at rest")


def test_silence_ends_an_alert() -> None:
    """Nothing is known any more."""
    found = said([1500.0] * 20 + [None] * 100)
    assert found[-1].text.endswith("no value any more")


def moved(known_s: int, **changes: object) -> Finding:
    """What the anomaly stage may say of CPU."""
    one = Finding(
        "anomaly", "anomaly", "cpu", "cpu_percent", known_s * SECOND, (known_s - 2) * SECOND,
        known_s * SECOND, None, "medium", UP, 90.0, 30.0,
    )  # fmt: skip
    return replace(one, **changes)  # type: ignore[arg-type]


def test_a_finding_of_medium_severity_is_an_alert_until_it_ends() -> None:
    """What is less severe raises none."""
    block = periods({ACTIVITY: [1.0] * 40})
    ended = moved(30, onset_ns=8 * SECOND, end_ns=30 * SECOND)
    found = stage().add(block, [moved(10), moved(12, severity="low", cause="io"), ended])
    assert kinds(found) == [("alert", "medium", False), ("alert", "medium", True)]


def test_a_second_finding_of_one_cause_is_grouped() -> None:
    """One alert a cause; the other names it."""
    block = periods({ACTIVITY: [1.0] * 40})
    found = stage().add(block, [moved(10), moved(15, metric="runqueue_wait_percent")])
    assert kinds(found) == [("alert", "medium", False), ("suppressed", "info", False)]
    assert "grouped with the alert on cpu_percent" in found[1].text


def test_a_rise_that_activity_explains_is_said_so_and_lowered() -> None:
    """Three times the CPU with three times the work."""
    block = periods({ACTIVITY: [1.0] * 30 + [3.0] * 10})
    (found,) = stage().add(block, [moved(35)])
    assert found.severity == "low"
    assert "activity rose as much" in found.text
    (other,) = stage().add(periods({ACTIVITY: [1.0] * 40}), [moved(35)])
    assert other.severity == "medium"


def test_thresholds_are_those_of_the_settings() -> None:
    """Moved marks move the alert."""
    changed = Thresholds(latency_ms=Threshold(100.0, 200.0))
    found = run(AlertStage(limits(changed), SECOND), periods({column(): [150.0] * 20}))
    assert kinds(found) == [("alert", "medium", False)]


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    cuts=st.lists(st.integers(1, 400), max_size=10),
)
def test_cuts_change_nothing(lengths: list[int], cuts: list[int]) -> None:
    """Good, bad and unknown stretches in any blocks, and period by period."""
    levels = (100.0, 1500.0, 2500.0, None, 980.0)
    values = [levels[at % 5] for at, length in enumerate(lengths) for _ in range(length)]
    block = periods({column(): values})
    whole = run(stage(), block)
    assert run(stage(), block, cuts) == whole
    assert run(stage(), block, range(len(values))) == whole
