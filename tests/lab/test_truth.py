"""The truth is what the program noted, on the session's clock."""

from __future__ import annotations

import pytest

from perfkit.lab.registry import PROGRAMS
from perfkit.lab.truth import assemble, read_notes

START_NS = 1_000_000_000_000
LEAK = next(one for one in PROGRAMS if one.name == "memory_leak")
PLATEAU = next(one for one in PROGRAMS if one.name == "plateau")


def at(seconds: float) -> int:
    return START_NS + round(seconds * 1e9)


def told(program, *notes):
    notes = [
        {"note": "begin", "t_ns": at(0.2), "seconds": 10},
        *notes,
        {"note": "end", "t_ns": at(10.2)},
    ]
    return assemble(
        program, notes, start_boottime_ns=START_NS, seed=3, strength=2.0, machine={"load": 1}
    )


def test_times_are_seconds_of_the_session() -> None:
    """The program knows CLOCK_BOOTTIME, the session when that was zero for it."""
    fault = {"note": "fault", "t_ns": at(0.2), "kind": "memory_leak", "metric": "rss_bytes",
             "from_ns": at(6.5), "until_ns": at(8), "clean_level": 10, "fault_level": 20}  # fmt: skip
    truth = told(LEAK, fault, {"note": "measured", "t_ns": at(10), "clean": 11, "fault": 19})

    assert (truth["begins_s"], truth["seconds"], truth["clean"]) == (0.2, 10.2, False)
    assert truth["strength"] == 2.0
    (one,) = truth["faults"]
    assert (one["from_s"], one["until_s"]) == (6.5, 8.0)
    assert (one["measured_clean_level"], one["measured_fault_level"]) == (11, 19)


def test_a_view_crosses_where_the_program_noted_that_very_capacity() -> None:
    """Two capacities of one run are two truths."""
    views = [{"note": "view", "t_ns": at(1), "metric": "rss_bytes", "capacity": capacity,
              "falling": False, "limit": ""} for capacity in (100, 120)]  # fmt: skip
    truth = told(
        PLATEAU,
        *views,
        {"note": "cross", "t_ns": at(7.25), "metric": "rss_bytes", "capacity": 100},
    )

    assert [(one["crosses"], one["t_cross_s"]) for one in truth["views"]] == [
        (True, 7.25),
        (False, None),
    ]
    assert truth["strength"] is None


def test_a_program_that_did_not_end_has_no_truth() -> None:
    """What it would have said is unknown."""
    with pytest.raises(ValueError, match="did not come to its end"):
        assemble(LEAK, [], start_boottime_ns=0, seed=1, strength=2.0, machine={})


def test_a_note_that_was_cut_off_is_left_out() -> None:
    """Its writer was killed."""
    assert read_notes('{"note": "begin"}\n{"note": "e') == [{"note": "begin"}]
