"""The recorded sessions of sample_data/: real, small, and each shows what its README says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perfkit.model.report import Report
from perfkit.workflows.analyze import analyze

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "sample_data"
SESSIONS = sorted(path.stem for path in FOLDER.glob("*.parquet"))
MAX_BYTES = 300_000

SHOWN = {
    "leak": {"memory-growth"},
    "pinned": {"cpu-core-pinned"},
    "descriptors": {"descriptor-growth", "descriptor-limit"},
    "quiet": set(),
    "short_lived": set(),
    "postgres": set(),
}
"""Rules that must speak of each; others may, since the machine was a real one."""

HEALTHY = {"quiet"}


@pytest.fixture(scope="module", params=SESSIONS)
def report(request: pytest.FixtureRequest) -> Report:
    """The report of each session in turn."""
    return analyze(FOLDER / f"{request.param}.parquet")


def test_every_session_is_described_and_can_be_made_anew() -> None:
    """Files, the README's table and the script's catalogue name the same sessions."""
    described = re.findall(
        r"^\| `(\w+)\.parquet`", (FOLDER / "README.md").read_text(), re.MULTILINE
    )
    made = re.findall(
        r'^    "(\w+)": record_\w+,$', (FOLDER / "record.py").read_text(), re.MULTILINE
    )

    assert sorted(described) == sorted(made) == SESSIONS == sorted(SHOWN)


def test_a_session_is_small(report: Report) -> None:
    """Under 300 kB each."""
    assert Path(report.source).stat().st_size < MAX_BYTES


def test_a_session_is_whole(report: Report) -> None:
    """Hundreds of ticks, ended as meant, no hole."""
    assert report.monitoring.ticks > 300
    assert report.monitoring.ticks_missed <= 2
    assert report.session.stop_reason in ("the target exited", "--duration was reached")
    assert report.failed_rules == ()


def test_a_session_shows_what_its_readme_says(report: Report) -> None:
    """The rules named above speak; of the healthy one none does."""
    name = Path(report.source).stem
    spoken = {insight.rule for insight in report.insights}

    assert spoken >= SHOWN[name]
    if name in HEALTHY:
        assert spoken == set()


def test_a_session_names_no_place_of_the_machine_that_made_it(report: Report) -> None:
    """The command was run from the folder itself; only PostgreSQL has a path, the distribution's."""
    assert not re.search(r"/(home|root|work|Users)/", report.session.command)


def test_short_processes_are_counted_though_no_tick_saw_most_of_them() -> None:
    """The CPU time of the tree is that of the kernel's account at the end."""
    report = analyze(FOLDER / "short_lived.parquet")
    counted = {summary.metric.name: summary for summary in report.summaries}["cpu_time_ns"]
    kernel_ns = int(report.session.notes["exit_cpu_ns"])

    assert counted.last is not None
    assert abs(counted.last - kernel_ns) <= max(0.03 * kernel_ns, 40_000_000)
