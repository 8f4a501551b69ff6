"""What is true of a recording: a program's notes, put on the session's own clock."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from perfkit.lab.registry import CLEAN, FAULT, Program

SUFFIX = ".truth.json"
"""Of the file beside a recording: `x.parquet` has `x.parquet.truth.json`."""

VERSION = 1

Note = Mapping[str, Any]


def read_notes(text: str) -> list[dict[str, Any]]:
    """The notes of one run; a last line that was cut off is left out."""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def assemble(
    program: Program,
    notes: Iterable[Note],
    *,
    start_boottime_ns: int,
    seed: int,
    strength: float,
    machine: Mapping[str, Any],
) -> dict[str, Any]:
    """The truth of one recording, as it is written beside it.

    notes: as the program wrote them, times being CLOCK_BOOTTIME. start_boottime_ns: the session's.
    machine: what else went on. docs/lab.md explains every key.
    Raises ValueError if the program did not come to its end.
    """

    def seconds(t_ns: int) -> float:
        return round((t_ns - start_boottime_ns) / 1e9, 3)

    kept: dict[str, list[Note]] = {}
    for note in notes:
        kept.setdefault(note["note"], []).append(note)
    if "begin" not in kept or "end" not in kept:
        raise ValueError("the program did not come to its end")
    measured = kept.get("measured", [{}])[-1]
    faults = [
        {
            "kind": one["kind"],
            "metric": one["metric"],
            "from_s": seconds(one["from_ns"]),
            "until_s": seconds(one["until_ns"]),
            "clean_level": one["clean_level"],
            "fault_level": one["fault_level"],
            "measured_clean_level": measured.get("clean"),
            "measured_fault_level": measured.get("fault"),
            "means": one.get("means", ""),
        }
        for one in kept.get("fault", [])
    ]
    ends_s = seconds(kept["end"][-1]["t_ns"])
    crossed = {(one["metric"], one["capacity"]): one["t_ns"] for one in kept.get("cross", [])}
    views = [
        {
            "metric": one["metric"],
            "capacity": one["capacity"],
            "falling": one["falling"],
            "limit": one["limit"],
            "crosses": (one["metric"], one["capacity"]) in crossed,
            "t_cross_s": seconds(crossed[key])
            if (key := (one["metric"], one["capacity"])) in crossed
            else None,
            "end_s": ends_s,
        }
        for one in kept.get("view", [])
    ]
    facts = {
        name: value
        for note in kept.get("fact", [])
        for name, value in note.items()
        if name not in ("note", "t_ns")
    }
    return {
        "truth_version": VERSION,
        "program": program.name,
        "purpose": program.purpose,
        "kind": program.kind,
        "seed": seed,
        "strength": strength if program.purpose == FAULT else None,
        "clean": program.purpose == CLEAN,
        "seconds": ends_s,
        "begins_s": seconds(kept["begin"][0]["t_ns"]),
        "faults": faults,
        "leaks": program.leaks,
        "looks": program.looks,
        "views": views,
        "facts": facts,
        "machine": dict(machine),
    }
