"""The score of forecasts, on courses whose figures can be told by hand; every forecaster's contract."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.analysis.forecast.passage import Passage, mann_kendall
from perfkit.analysis.forecast.registry import FORECASTERS
from perfkit.analysis.forecast_scoring import Told, View, forecasts, score

T = np.arange(0.0, 60.0, 0.1)
LEAK = View("leak", T, 10 + T, 60.0, False, 50.0, 60.0)
CALM = View("calm", T, np.full(len(T), 10.0), 60.0, False, None, 60.0)
FALLING = View("falling", T, 60 - T, 10.0, True, 50.0, 60.0)
SURE = Passage(1.0, 1.0, 0.5, 0.1, 0.9)


def its(view: View, probability_at: object, left: bool = True) -> list[Told]:
    """Forecasts each second from 10 s, of a probability that depends on the time."""
    until = int(50 if view.t_cross_s else view.end_s - 10)
    return [
        Told(view.name, float(t), probability_at(t), 50.0 - t if left else None, 0.0, 100.0)  # type: ignore[operator]
        for t in range(10, until)
    ]


def test_who_knows_the_truth_has_full_marks() -> None:
    """Warned all along the last horizon, never elsewhere, at the right time."""
    told = [its(LEAK, lambda t: float(t >= 40)), its(CALM, lambda _t: 0.0)]
    figures = score([LEAK, CALM], told, 10.0)
    assert figures == {
        "recall": 1.0, "precision": 1.0, "false_per_negative": 0.0, "brier_skill": 1.0,
        "ece": 0.0, "lead_s_median": 9.0, "interval_coverage": 1.0, "tte_error_90": 0.0,
        "notice_precision": 1.0, "notice_recall": 1.0,
    }  # fmt: skip


def test_who_never_warns_recalls_nothing() -> None:
    """And has no precision to speak of; without a time the error is 1."""
    told = [its(LEAK, lambda _t: 0.0, left=False), its(CALM, lambda _t: 0.0)]
    figures = score([LEAK, CALM], told, 10.0)
    assert (figures["recall"], figures["precision"], figures["tte_error_90"]) == (0.0, None, 1.0)
    assert figures["brier_skill"] is not None
    assert figures["brier_skill"] < 0


def test_one_forecast_alone_is_no_warning_and_gaps_join() -> None:
    """Two in a row make one; what is not more than .3 horizon apart is one episode."""
    lone = score([CALM], [its(CALM, lambda t: float(t == 20))], 10.0)
    assert lone["false_per_negative"] == 0.0
    joined = score([CALM], [its(CALM, lambda t: float(t in (20, 21, 23, 24)))], 10.0)
    assert joined["false_per_negative"] == 1.0
    apart = score([CALM], [its(CALM, lambda t: float(t in (20, 21, 30, 31)))], 10.0)
    assert apart["false_per_negative"] == 2.0


def test_a_warning_at_the_last_moment_does_not_count() -> None:
    """Less than .2 horizon ahead there is nothing left to do."""
    late = score([LEAK], [its(LEAK, lambda t: float(t >= 48))], 10.0)
    assert (late["recall"], late["precision"]) == (0.0, 1.0)


def test_a_warning_far_too_early_is_false() -> None:
    """An episode that begins more than two horizons before."""
    early = score([LEAK], [its(LEAK, lambda t: float(t >= 20))], 10.0)
    assert (early["recall"], early["precision"]) == (1.0, 0.0)


def test_forecasts_see_the_past_alone() -> None:
    """What comes later changes nothing; they stop at the crossing, or a horizon before the end."""
    seen: list[float] = []

    def look(t: np.ndarray, highs: np.ndarray, _lows: np.ndarray, _level: float) -> Passage:
        seen.append(float(highs[-1]))
        assert t[-1] - t[0] <= 4.0 + 1e-9
        return SURE

    told = list(forecasts(LEAK, look, 10.0, 10.0, 1.0))
    assert [one.t_s for one in told] == [float(t) for t in range(10, 50)]
    assert all(value <= 10 + one.t_s + 1e-9 for value, one in zip(seen, told, strict=True))
    assert told[0].median_s == 5.0
    assert [one.t_s for one in forecasts(CALM, look, 10.0, 10.0, 1.0)][-1] == 49.0


@pytest.mark.parametrize("name", FORECASTERS)
def test_every_forecaster_knows_a_leak_from_calm(name: str) -> None:
    """Near its end a straight line is likelier to cross than what never moves; falling as rising."""
    foresee = FORECASTERS[name].foresee
    near = list(forecasts(LEAK, foresee, 10.0, 10.0, 1.0))[-1].probability
    assert near > max(one.probability for one in forecasts(CALM, foresee, 10.0, 10.0, 1.0))
    down = list(forecasts(FALLING, foresee, 10.0, 10.0, 1.0))[-1].probability
    assert down == pytest.approx(near, abs=0.05)


@pytest.mark.parametrize("name", FORECASTERS)
@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(st.floats(-1e4, 1e4), st.sampled_from([0.0, 1e300, -1e300, 5e-324])),
        min_size=1,
        max_size=60,
    ),
    st.one_of(st.floats(1.0, 1e6), st.sampled_from([1e-300, 1e300])),
)
def test_every_forecaster_bears_any_numbers(name: str, values: list[float], level: float) -> None:
    """A probability between 0 and 1, times in their order, the same again; or nothing."""
    highs = np.array(values)
    t = np.arange(len(highs)) / 20
    with np.errstate(all="ignore"):
        found = FORECASTERS[name].foresee(t, highs, highs, level)
        assert repr(found) == repr(FORECASTERS[name].foresee(t, highs, highs, level))
    if found is None:
        return
    assert 0.0 <= found.probability <= 1.0
    times = [time for time in (found.low, found.median, found.high) if time is not None]
    assert times == sorted(times)


def test_the_trend_test_agrees_with_pairs_counted_by_hand() -> None:
    """Six of six pairs rise; equal values are ties."""
    assert mann_kendall(np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(5 / (156 / 18) ** 0.5)
    assert mann_kendall(np.array([2.0, 2.0, 2.0, 2.0])) == 0.0
    assert mann_kendall(np.array([4.0, 3.0, 2.0, 1.0])) < 0


@pytest.mark.parametrize("name", [name for name, spec in FORECASTERS.items() if spec.many])
def test_many_windows_at_once_are_told_as_one_by_one(name: str) -> None:
    """To the last bit, and nothing where too little was seen."""
    spec = FORECASTERS[name]
    t_s = np.arange(600) / 10
    values = 100 + t_s + np.random.default_rng(2).normal(0, 0.5, 600)
    one = View("one", t_s, values, 150.0, False, 50.0, 60.0)
    singly = list(forecasts(one, spec.foresee, 10.0, 2.0, 1.0))
    assert list(forecasts(one, spec.foresee, 10.0, 2.0, 1.0, spec.many)) == singly
    assert singly[0].probability == 0.0
    assert max(told.probability for told in singly) > 0.5
