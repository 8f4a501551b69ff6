"""The rig: when a fault is on, when a capacity is reached, and what is noted of both."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from perfkit.lab import rig as rig_module
from perfkit.lab.rig import NOTES_VARIABLE, Fault, Rig, Watch


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that notes go to."""
    path = tmp_path / "notes"
    monkeypatch.setenv(NOTES_VARIABLE, str(path))
    return path


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch, clock):
    """A clock of the rig's that moves only when told."""
    monkeypatch.setattr(rig_module, "now_ns", clock)
    return clock


def noted(path: Path, what: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [line for line in lines if line["note"] == what]


def test_a_fault_of_two_minutes_begins_after_sixty_to_ninety_seconds(notes, now) -> None:
    """And lasts twenty to thirty, whatever the seed."""
    for seed in range(50):
        fault = Fault(Rig("x", seed, 2.0, 120.0), "x", "m", 1.0)

        assert 60 <= fault.from_s <= 90
        assert 20 <= fault.until_s - fault.from_s <= 30
        assert fault.until_s <= 120


def test_a_fault_is_told_where_it_is_and_how_high(notes, now) -> None:
    """On the clock of sessions, as absolute time."""
    rig = Rig("x", 1, 4.0, 120.0)
    fault = Fault(rig, "leak", "rss_bytes", 10.0)
    (note,) = noted(notes, "fault")

    assert note["from_ns"] == rig.began_ns + round(fault.from_s * 1e9)
    assert (note["clean_level"], note["fault_level"]) == (10.0, 40.0)


def test_a_program_that_is_out_of_descriptors_still_tells_so(notes) -> None:
    """What it notes goes to a file that is open already."""
    code = (
        "import os, resource\n"
        "from perfkit.lab.rig import Rig\n"
        "rig = Rig('x', 1, 2.0, 1.0)\n"
        "held = os.dup(0)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (held + 1, held + 1))\n"
        "try:\n"
        "    while True:\n"
        "        os.dup(0)\n"
        "except OSError:\n"
        "    rig.note('cross')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

    assert len(noted(notes, "cross")) == 1


def test_a_step_is_there_at_once_and_a_ramp_at_its_end(notes, now) -> None:
    """Outside the fault both are at the clean level."""
    step = Fault(Rig("x", 1, 4.0, 120.0), "x", "m", 1.0)
    ramp = Fault(Rig("x", 1, 4.0, 120.0), "x", "m", 1.0, ramp=True)
    middle = (ramp.from_s + ramp.until_s) / 2

    assert step.factor(step.from_s - 0.1) == ramp.factor(ramp.until_s) == 1.0
    assert step.factor(step.from_s) == 4.0
    assert ramp.factor(middle) == pytest.approx(2.5)


def test_what_was_measured_is_told_for_before_and_during(notes, now) -> None:
    """Not for afterwards, when things recover."""
    rig = Rig("x", 1, 2.0, 120.0)
    fault = Fault(rig, "x", "m", 1.0)
    for at_s, value in ((1, 1.0), (2, 2.0), (fault.from_s + 1, 8.0), (fault.until_s + 1, 99.0)):
        now.now_ns = rig.began_ns + round(at_s * 1e9)
        fault.see(value)
    now.now_ns = rig.ends_ns
    rig.finish()

    (note,) = noted(notes, "measured")
    assert (note["clean"], note["fault"]) == (1.5, 8.0)


def test_a_capacity_counts_as_reached_when_it_stays_so(notes, now) -> None:
    """The moment noted is the first of those, and only once."""
    rig = Rig("x", 1, 2.0, 120.0)
    watch = Watch(rig, "m", 10.0, hold_s=1.0)
    for tenth, value in enumerate([9, 11, 9, 10, 11, *[12] * 30]):
        now.now_ns = rig.began_ns + tenth * 100_000_000
        watch.see(value)

    (note,) = noted(notes, "cross")
    assert note["t_ns"] == rig.began_ns + 300_000_000


def test_a_falling_level_reaches_its_capacity_from_above(notes, now) -> None:
    """Frames a second get worse by getting fewer."""
    watch = Watch(Rig("x", 1, 2.0, 120.0), "fps", 30.0, falling=True)
    watch.see(31.0)
    assert noted(notes, "cross") == []

    watch.see(30.0)
    assert len(noted(notes, "cross")) == 1


def test_the_same_seed_plans_the_same_run(notes, now) -> None:
    """And another seed another."""
    first, again, other = (Fault(Rig("x", seed, 2.0, 120.0), "x", "m", 1.0) for seed in (1, 1, 2))

    assert first.from_s == again.from_s != other.from_s
