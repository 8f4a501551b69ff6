"""The patterns of a session for a person: few, those that matter first."""

from __future__ import annotations

from collections.abc import Iterator

from perfkit.model.finding import Finding
from perfkit.model.report import Report
from perfkit.model.text import printable
from perfkit.report.findings import clock
from perfkit.report.units import format_by_name, format_value

MOST = 6

_ORDER = (
    "leak", "level_shift", "regime", "plateau", "sawtooth", "cycle", "burst", "warm_up",
)  # fmt: skip
"""Kinds, what asks for action first; others come last."""

_PASSING = frozenset({"level_shift", "warm_up"})
"""What happens at a moment: told though it is over."""

_EXPLAINED = {"level_shift": ("cycle", "regime"), "plateau": ("sawtooth",)}
"""What is left out where the metric has one of these: they say the same better."""


def lines(report: Report) -> list[tuple[str, str]]:
    """(label, sentence) of what is to be shown, of each cause one of a kind; nothing if nothing."""
    if report.patterns_after_ns is not None:
        needed = format_value(report.patterns_after_ns, "ns")
        return [("unknown", f"too short to judge: patterns take {needed} at least")]
    standing = [
        one
        for one in report.findings
        if one.stage == "pattern" and (one.end_ns is None or one.kind in _PASSING)
    ]
    kinds = {(one.metric, one.kind) for one in standing}
    chosen: dict[tuple[str, str], Finding] = {}
    for one in sorted(standing, key=_rank):
        better = _EXPLAINED.get(one.kind, ())
        if not any((one.metric, kind) in kinds for kind in better):
            chosen.setdefault((one.cause, one.kind), one)
    shown = list(chosen.values())
    found = [(one.kind.replace("_", " "), sentence(one)) for one in shown[:MOST]]
    more = len(standing) - min(len(shown), MOST)
    if more > 0:
        found.append(("more", f"{more}: `SELECT kind, text FROM patterns` with `perfkit query`"))
    return found


def _rank(one: Finding) -> tuple[int, int, float, int]:
    place = _ORDER.index(one.kind) if one.kind in _ORDER else len(_ORDER)
    return one.severity == "info", place, -one.evidence.get("strength_ratio", 0.0), -one.onset_ns


def sentence(one: Finding) -> str:
    """What it says, with its figures in their units."""
    said = "; ".join(_figures(one))
    return printable(one.text) + (f" ({said})" if said else "")


def _figures(one: Finding) -> Iterator[str]:
    name = one.metric or ""
    if "swing" in one.evidence:
        yield f"{format_by_name(name, one.evidence['swing'])} from bottom to top"
    levels = [value for key, value in one.evidence.items() if key.startswith("level_")]
    if one.kind == "regime":
        yield ", ".join(format_by_name(name, value) for value in levels[1:])
    elif one.value is not None:
        shown = format_by_name(name, one.value)
        if one.expected is not None:
            before = format_by_name(name, one.expected)
            steps = {"burst": f"up to {shown} instead of {before}"}
            shown = steps.get(one.kind, f"{before} to {shown}")
        yield shown
    if one.kind == "level_shift" and one.end_ns is not None:
        yield f"until {clock(one.end_ns)}"
