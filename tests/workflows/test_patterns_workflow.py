"""Patterns from a file to the reader: the report, its JSON and the view."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from perfkit.cli import run
from perfkit.errors import EXIT_OK


@pytest.fixture
def periodic(tmp_path: Path) -> Path:
    """A session of 300 s, imported, whose CPU comes and goes every 20 s."""
    rows = [f"{at / 5},{50 + 20 * math.sin(math.tau * at / 100):.3f}" for at in range(1500)]
    table = tmp_path / "load.csv"
    table.write_text("\n".join(["t_s,cpu_percent", *rows, ""]), "utf-8")
    session = tmp_path / "load.parquet"
    assert run(["import", str(table), "-o", str(session)]) == EXIT_OK
    return session


def test_the_view_has_period_strength_and_phase(
    periodic: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As columns of their own, beside those of every finding."""
    capfd.readouterr()
    query = "SELECT kind, metric, onset_ns, period_s, strength_ratio, phase_s, after FROM patterns"
    assert run(["query", str(periodic), query, "--format", "json"]) == EXIT_OK
    (row,) = json.loads(capfd.readouterr().out)
    assert (row["kind"], row["metric"], row["after"]) == ("cycle", "cpu_percent", None)
    assert row["period_s"] == pytest.approx(20, rel=0.02)
    assert row["strength_ratio"] > 0.9
    assert 0 <= row["phase_s"] < 20.5


def test_the_report_has_a_section_and_json_the_findings(
    periodic: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same cycle in both."""
    assert run(["analyze", str(periodic)]) == EXIT_OK
    said = capfd.readouterr().out
    assert "Patterns" in said
    assert "cpu_percent repeats itself every 20 s" in said
    assert run(["analyze", str(periodic), "--format", "json"]) == EXIT_OK
    (one,) = json.loads(capfd.readouterr().out)["analysis"]["patterns"]
    assert one["evidence"]["period_s"] == pytest.approx(20, rel=0.02)


def test_a_short_session_says_so_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever the number of its metrics."""
    table = tmp_path / "short.csv"
    rows = [f"{at},{at % 5},{at % 7}" for at in range(20)]
    table.write_text("\n".join(["t_s,cpu_percent,rss_bytes", *rows, ""]), "utf-8")
    session = tmp_path / "short.parquet"
    assert run(["import", str(table), "-o", str(session)]) == EXIT_OK
    capfd.readouterr()
    assert run(["analyze", str(session)]) == EXIT_OK
    assert capfd.readouterr().out.count("too short to judge: patterns") == 1
