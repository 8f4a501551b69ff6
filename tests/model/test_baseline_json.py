"""A baseline as JSON: what goes out comes in again, and nothing else does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.errors import UnusableInput
from perfkit.model.baseline import (
    SHARES,
    Baseline,
    LearnedSession,
    MetricBaseline,
    baseline_from_json,
    baseline_to_json,
)

_FIGURES = st.floats(allow_nan=False, allow_infinity=False)
_COUNTS = st.integers(0, 2**62)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | _FIGURES | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def _metrics(draw: st.DrawFn) -> MetricBaseline:
    ordered = sorted(draw(st.lists(_FIGURES, min_size=11, max_size=11)))
    low, high = sorted(draw(st.lists(_FIGURES, min_size=2, max_size=2)))
    return MetricBaseline(
        draw(st.text()),
        draw(_COUNTS),
        draw(_COUNTS),
        draw(_FIGURES),
        abs(draw(_FIGURES)),
        abs(draw(_FIGURES)),
        low,
        high,
        ordered[0],
        ordered[-1],
        tuple(ordered[1:-1]),
    )


_SESSIONS = st.builds(
    LearnedSession, st.text(), st.text(), st.integers(-(2**60), 2**60), _COUNTS, _COUNTS
)
_BASELINES = st.builds(
    lambda length_ns, metrics, sessions, host, detectors, version: Baseline(
        length_ns, {one.metric: one for one in metrics}, tuple(sessions), host, detectors, version
    ),
    st.integers(1, 2**62),
    st.lists(_metrics(), max_size=3),
    st.lists(_SESSIONS, max_size=2),
    st.dictionaries(st.text(), _JSON, max_size=3),
    st.dictionaries(st.text(), _JSON, max_size=3),
    st.text(),
)


def _example() -> Baseline:
    one = MetricBaseline(
        "cpu_percent",
        60,
        300,
        50.0,
        2.0,
        0.5,
        49.0,
        51.0,
        40.0,
        60.0,
        tuple(map(float, range(45, 54))),
    )
    return Baseline(10**9, {"cpu_percent": one}, (LearnedSession("x", "job", 1, 2, 3),))


@given(_BASELINES)
def test_what_goes_out_comes_in_again(baseline: Baseline) -> None:
    """Every figure to the last bit, every text to the last character."""
    text = baseline_to_json(baseline)
    assert baseline_from_json(text, "b.json") == baseline
    assert text.isascii()


def test_each_metric_has_its_line() -> None:
    """So that two baselines can be compared by `diff`."""
    text = baseline_to_json(_example())
    assert sum('"cpu_percent"' in line for line in text.splitlines()) == 1
    assert json.loads(text)["perfkit_baseline"] == "1.0"


@given(st.binary(max_size=60) | _JSON.map(json.dumps) | st.text(max_size=60))
def test_any_other_text_is_refused_in_one_sentence(text: str | bytes) -> None:
    """Bytes, other JSON, nothing at all."""
    with pytest.raises(UnusableInput, match=r"b\.json .*baseline"):
        baseline_from_json(text, "b.json")


@given(st.data())
def test_a_baseline_with_any_part_replaced_is_read_or_refused(data: st.DataObject) -> None:
    """No replaced value ends in anything but a baseline or the one error."""
    facts: Any = json.loads(baseline_to_json(_example()))
    node, path = facts, []
    while isinstance(node, dict | list) and node:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        path.append((node, key))
        node = node[key]
    holder, key = data.draw(st.sampled_from(path))
    holder[key] = data.draw(_JSON)
    try:
        read = baseline_from_json(json.dumps(facts), "b.json")
    except UnusableInput:
        return
    baseline_to_json(read)


def test_a_newer_major_version_is_refused_and_a_newer_minor_one_read() -> None:
    """One sentence says which versions there are."""
    facts = json.loads(baseline_to_json(_example()))
    facts["perfkit_baseline"] = "1.7"
    facts["something_new"] = {"metrics": 1}
    assert baseline_from_json(json.dumps(facts), "b.json") == _example()
    facts["perfkit_baseline"] = "2.0"
    with pytest.raises(UnusableInput, match=r"version 2\.0, this perfkit reads 1\.0; upgrade"):
        baseline_from_json(json.dumps(facts), "b.json")


def test_numbers_that_json_has_not_are_refused_both_ways() -> None:
    """NaN and infinities are neither written nor read."""
    with pytest.raises(ValueError, match="JSON"):
        baseline_to_json(Baseline(1, {}, host={"x": float("nan")}))
    text = baseline_to_json(_example()).replace("50.0", "NaN")
    with pytest.raises(UnusableInput):
        baseline_from_json(text, "b.json")


def test_deep_nesting_is_refused() -> None:
    """Ten thousand brackets are a damaged file, not a crash."""
    with pytest.raises(UnusableInput):
        baseline_from_json("[" * 100_000, "b.json")


def test_a_quantile_is_found_by_its_share() -> None:
    """`at` gives the figure that stands at the share's place."""
    one = _example().metrics["cpu_percent"]
    assert [one.at(share) for share in SHARES] == list(one.quantiles)
