"""The verdict on a session: its score, its status, and where the status comes from."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.analysis.score import WEIGHTS, score_parts, verdict, weighted_score
from perfkit.model.insight import SEVERITIES, Insight

PART = st.none() | st.floats(0, 100)
PARTS = st.fixed_dictionaries(dict.fromkeys(WEIGHTS, PART))


def insight(severity: str) -> Insight:
    return Insight("a-rule", "A rule", severity, "memory", "impact", "message", {}, ("act",))


def asked(severities: tuple[str, ...]) -> int:
    return sum(severity != "info" for severity in severities)


class TestScore:
    def test_half_of_the_weight_is_just_enough(self) -> None:
        """Memory and latency are .25 each: their mean is the score."""
        parts = {"fps": None, "memory": 60.0, "latency": 80.0, "cache": None}

        assert weighted_score(parts) == pytest.approx(70.0)

    def test_less_than_half_gives_no_score(self) -> None:
        """Memory and cache together weigh .45."""
        assert weighted_score({"fps": None, "memory": 100.0, "latency": None, "cache": 9.0}) is None

    def test_the_whole_is_the_plain_weighted_mean(self) -> None:
        """.3 * 100 + .25 * 80 + .25 * 60 + .2 * 40 = 73, by hand."""
        parts = {"fps": 100.0, "memory": 80.0, "latency": 60.0, "cache": 40.0}

        assert weighted_score(parts) == pytest.approx(73.0)

    @given(PARTS)
    def test_a_score_lies_between_its_parts(self, parts: dict[str, float | None]) -> None:
        """Renormalising never leaves the range of what was measured."""
        score = weighted_score(parts)
        known = [value for value in parts.values() if value is not None]

        if score is not None:
            assert min(known) - 1e-9 <= score <= max(known) + 1e-9

    @given(st.floats(0, 2), st.floats(0, 2))
    def test_more_memory_pressure_is_never_better(self, one: float, other: float) -> None:
        """The memory part falls, or stays, as pressure rises."""
        low = score_parts({"memory": min(one, other)})["memory"]
        high = score_parts({"memory": max(one, other)})["memory"]

        assert low is not None and high is not None
        assert 0 <= high <= low <= 100

    @pytest.mark.parametrize(
        ("part", "figure", "value"),
        [
            ("fps", 60, 100), ("fps", 120, 100), ("fps", 30, 50), ("fps", 0, 0),
            ("memory", 0, 100), ("memory", 0.75, 25), ("memory", 1.2, 0),
            ("latency", 0, 100), ("latency", 1500, 50), ("latency", 9000, 0),
            ("cache", 1, 100), ("cache", 0.25, 25),
            ("fps", None, None), ("latency", float("nan"), None),
        ],
    )  # fmt: skip
    def test_a_part_at_its_corners(
        self, part: str, figure: float | None, value: float | None
    ) -> None:
        """The formulas of the design, and unknown stays unknown."""
        assert score_parts({part: figure})[part] == (
            value if value is None else pytest.approx(value)
        )


class TestStatusWithoutScore:
    @pytest.mark.parametrize(
        ("severities", "status"),
        [
            ((), "good"),
            (("info", "low"), "good"),
            (("low", "medium"), "fair"),
            (("medium", "high", "info"), "poor"),
        ],
    )
    def test_it_comes_from_the_worst_insight_and_says_so(
        self, severities: tuple[str, ...], status: str
    ) -> None:
        """Memory alone is a quarter of the weight, so there is no score to go by."""
        found = verdict(
            {"memory": 0.2}, [insight(severity) for severity in severities], asked(severities)
        )

        assert found.score is None
        assert found.status == status
        assert "comes from the insights" in found.reason
        assert found.parts["memory"] == pytest.approx(80)

    def test_a_session_without_any_part_is_judged_too(self) -> None:
        """No summaries at all: still a status and a sentence."""
        found = verdict({}, [], 0)

        assert (found.score, found.status) == (None, "good")
        assert "were not recorded" in found.reason
        assert found.parts == dict.fromkeys(WEIGHTS)


class TestStatusWithScore:
    @pytest.mark.parametrize(
        ("value", "severities", "status"),
        [
            (95, (), "excellent"),
            (95, ("info",), "excellent"),
            (95, ("low",), "good"),
            (85, ("low", "medium"), "good"),
            (85, ("low", "low", "low"), "fair"),
            (95, ("high",), "fair"),
            (70, (), "fair"),
            (59, (), "poor"),
            (59, ("high",), "poor"),
        ],
    )
    def test_it_follows_score_and_insights(
        self,
        monkeypatch: pytest.MonkeyPatch,
        value: float,
        severities: tuple[str, ...],
        status: str,
    ) -> None:
        """The table of the design, row by row."""
        monkeypatch.setattr(
            "perfkit.analysis.score.score_parts", lambda _: dict.fromkeys(WEIGHTS, float(value))
        )

        found = verdict({}, [insight(severity) for severity in severities], asked(severities))

        assert found.score == pytest.approx(value)
        assert found.status == status

    def test_one_more_insight_never_improves_the_status(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """For every score and every pair of severities."""
        order = ("poor", "fair", "good", "excellent")
        for value, first, second in product((10, 60, 80, 90, 100), SEVERITIES, SEVERITIES):
            parts = dict.fromkeys(WEIGHTS, float(value))
            monkeypatch.setattr("perfkit.analysis.score.score_parts", lambda _, parts=parts: parts)
            statuses = [
                verdict({}, [insight(one) for one in found], asked(found)).status
                for found in ((first,), (first, second))
            ]

            assert order.index(statuses[1]) <= order.index(statuses[0])
