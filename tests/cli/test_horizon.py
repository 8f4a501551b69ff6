"""How far forecasts look is a setting that every command goes by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perfkit.cli import run
from perfkit.errors import EXIT_OK, EXIT_USAGE

DESCRIPTORS = str(Path(__file__).parents[2] / "sample_data" / "descriptors.parquet")
NEAR = ["--set", "horizon=15s"]


def test_a_replay_ends_with_the_forecasts_as_they_stand(capfd: pytest.CaptureFixture[str]) -> None:
    """And what to consider; in JSON with all their numbers."""
    assert run(["replay", DESCRIPTORS, *NEAR, "--json"]) == EXIT_OK
    said = json.loads(capfd.readouterr().out)
    first = said["forecasts"][0]
    assert (first["kind"], first["level"]) == ("descriptor_exhaustion", "notice")
    assert said["decisions"][0]["action"] == "force_gc"
    assert run(["replay", DESCRIPTORS, *NEAR]) == EXIT_OK
    text = capfd.readouterr().out
    assert "is on its way to the limit on open descriptors" in text
    assert "in about" in text
    assert "Forecasts, as they stood at the end:" in text


def test_the_view_has_what_the_horizon_lets_see(capfd: pytest.CaptureFixture[str]) -> None:
    """Within the usual five minutes nothing can be said of a session of 40 s."""
    words = ["query", DESCRIPTORS, "SELECT kind FROM forecasts", "--format", "csv"]
    assert run(words) == EXIT_OK
    assert capfd.readouterr().out.split() == ["kind"]
    assert run([*words, *NEAR]) == EXIT_OK
    assert set(capfd.readouterr().out.split()[1:]) == {"descriptor_exhaustion"}


def test_an_analysis_says_which_horizon_would_do(capfd: pytest.CaptureFixture[str]) -> None:
    """And with it says what is foreseen; a wrong one is a sentence."""
    assert run(["analyze", DESCRIPTORS]) == EXIT_OK
    assert "enough for --set horizon=1m" in " ".join(capfd.readouterr().out.split())
    assert run(["analyze", DESCRIPTORS, "--set", "horizon=1m"]) == EXIT_OK
    assert "not enough data" not in capfd.readouterr().out
    assert run(["analyze", DESCRIPTORS, "--set", "horizon=soon"]) == EXIT_USAGE
    assert "such as 5m, not 'soon'" in capfd.readouterr().err
