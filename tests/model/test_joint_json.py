"""The joint model as JSON: read as it was written, and refused where it is damaged."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from perfkit.errors import UnusableInput
from perfkit.model.baseline import Baseline, baseline_from_json, baseline_to_json
from perfkit.model.joint import DistanceTail, JointModel, joint_from_facts, joint_to_facts

MODEL = JointModel(
    ("cpu_percent", "rss_bytes"),
    (40.0, 2e8),
    (5.0, 1e6),
    (0.1, 0.0),
    ((1.0, 0.5), (0.5, 2.0)),
    DistanceTail(2.0, 1.0, 0.1, 52.0, -4.0),
    11.5,
    1200,
    3,
)


def test_a_model_is_read_as_it_was_written() -> None:
    """Through JSON, within a baseline; one without it is read too."""
    baseline = Baseline(1, {}, detectors={"joint": joint_to_facts(MODEL)})
    read = baseline_from_json(baseline_to_json(baseline), "b.json")
    assert read == baseline
    assert joint_from_facts(read.detectors["joint"]) == MODEL
    assert baseline_from_json(baseline_to_json(Baseline(1, {})), "b.json").detectors == {}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("version", "2.0", "not of version"),
        ("metrics", ["cpu_percent"], "too few"),
        ("metrics", ["a", "a"], "one twice"),
        ("metrics", [1, 2], "name its metrics"),
        ("middle", [1.0], "needs 2 numbers as middle"),
        ("middle", [1.0, math.nan], "no finite number as middle"),
        ("mean", [1.0, True], "no number as mean"),
        ("mean", [1.0, 10**400], "no finite number as mean"),
        ("scale", [1.0, 0.0], "scale that is not above 0"),
        ("covariance", [[1.0, 0.5]], "covariance of 2 rows"),
        ("covariance", [[1.0], [0.5]], "2 numbers as covariance"),
        ("covariance", [[1.0, 0.5], [0.4, 1.0]], "positive definite"),
        ("covariance", [[1.0, 1.0], [1.0, 1.0]], "positive definite"),
        ("covariance", [[1.0, 2.0], [2.0, 1.0]], "positive definite"),
        ("covariance", [[-1.0, 0.0], [0.0, 1.0]], "positive definite"),
        ("tail", None, "no tail"),
        ("tail", {}, "no number as base"),
        ("threshold", "x", "no number as threshold"),
        ("rows", -1, "no count as rows"),
    ],
)
def test_a_damaged_model_is_refused_in_a_sentence(name: str, value: Any, why: str) -> None:
    """It names the file, what is wrong, and how to mend it."""
    facts = {**joint_to_facts(MODEL), name: value}
    text = baseline_to_json(Baseline(1, {}))
    text = json.dumps({**json.loads(text), "detectors": {"joint": facts}})
    with pytest.raises(UnusableInput, match=rf"b\.json .*joint model.*{why}.*baseline learn"):
        baseline_from_json(text, "b.json")


def test_what_is_no_object_is_no_model() -> None:
    """And a tail has a width."""
    with pytest.raises(ValueError, match="no object"):
        joint_from_facts([1])
    facts = joint_to_facts(MODEL)
    facts["tail"]["scale"] = 0.0
    with pytest.raises(ValueError, match="without a width"):
        joint_from_facts(facts)
