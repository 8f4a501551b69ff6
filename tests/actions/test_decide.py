"""Plans: from what is foreseen to what to consider, by a fixed table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfkit.actions.decide import REMEDIES, decide
from perfkit.analysis.forecast.capacities import capacities
from perfkit.model.decision import PRIORITIES
from perfkit.model.forecast import CROSSING, NOTICE, WATCH, Forecast
from perfkit.model.thresholds import Thresholds


def forecast(kind: str, median_s: float = 60.0, level: str = NOTICE) -> Forecast:
    """One that is sure and near."""
    return Forecast(
        kind=kind,
        cause="some",
        metric="some_bytes",
        against="its limit",
        falling=False,
        at_ns=5_000_000_000,
        horizon_s=300.0,
        state=CROSSING,
        level=level,
        probability=0.9,
        median_s=median_s,
        low_s=median_s / 2,
        high_s=median_s * 2,
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "memory_exhaustion",
            [
                ("clear_cache", "high", {"level": "aggressive"}),
                ("reduce_batch_size", "medium", {"factor": 0.5}),
            ],
        ),
        (
            "fps_degradation",
            [
                ("adjust_quality", "medium", {"step": -1.0}),
                ("defer_operations", "low", {"which": "non_critical"}),
            ],
        ),
        ("worker_saturation", [("scale_workers", "high", {"factor": 1.5})]),
    ],
)
def test_a_sure_forecast_asks_for_its_remedies(
    kind: str, expected: list[tuple[str, str, dict[str, object]]]
) -> None:
    """In the order of their priority, with the parameters of the table."""
    decisions = decide([forecast(kind)])
    assert [(one.action, one.priority, one.parameters) for one in decisions] == expected
    assert all("in about 60 s (80 %: 30 to 120 s)" in one.reason for one in decisions)


def test_a_forecast_under_watch_asks_for_nothing() -> None:
    """Plans go by what is sure and near."""
    assert decide([forecast("memory_exhaustion", level=WATCH)]) == ()
    assert decide([forecast("memory_exhaustion", level="")]) == ()


def test_every_kind_of_forecast_has_a_remedy() -> None:
    """And no remedy answers a kind that nobody forecasts."""
    assert {one.kind for one in capacities(Thresholds())} == set(REMEDIES)
    assert all(one.priority in PRIORITIES for all_ in REMEDIES.values() for one in all_)


def test_more_workers_are_withheld_where_cpu_runs_out_too() -> None:
    """They would bring that nearer; it is said, and stands last."""
    decisions = decide([forecast("worker_saturation"), forecast("cpu_saturation")])
    assert decisions[-1].action == "scale_workers"
    assert "cpu_saturation" in decisions[-1].withheld
    assert all(not one.withheld for one in decisions[:-1])


def test_one_act_for_two_forecasts_is_asked_for_once() -> None:
    """With both reasons, the nearer one first."""
    far = replace(forecast("swap_thrash", 200.0), metric="system_swap_free_bytes")
    decisions = decide([far, forecast("memory_exhaustion", 50.0)])
    assert [one.action for one in decisions] == ["clear_cache", "reduce_batch_size"]
    reason = decisions[0].reason
    assert reason.index("memory_exhaustion") < reason.index("swap_thrash")


def test_two_capacities_of_one_kind_are_both_told() -> None:
    """Memory may meet its control group's limit and the machine's."""
    other = replace(forecast("memory_exhaustion", 100.0), metric="other_bytes")
    decisions = decide([forecast("memory_exhaustion"), other])
    assert len(decisions) == 2
    assert "other_bytes" in decisions[0].reason


def test_the_order_of_forecasts_does_not_matter() -> None:
    """The same set, the same plan."""
    some = [forecast(kind, 10.0 * place) for place, kind in enumerate(REMEDIES)]
    assert decide(some) == decide(some[::-1])
