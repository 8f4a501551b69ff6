"""The patterns of a session for a person: few, those that matter first."""

from __future__ import annotations

from collections.abc import Iterator

from perfkit.model.finding import Finding
from perfkit.model.report import Report
from perfkit.model.text import printable
from perfkit.report.units import clock, format_by_name, format_value

MOST = 6

_ORDER = (
    "leak", "level_shift", "regime", "plateau", "sawtooth", "cycle", "burst", "warm_up",
)  # fmt: skip
"""Kinds, what asks for action first; others come last."""

_PASSING = frozenset({"level_shift", "warm_up"})
"""What happens at a moment: told though it is over."""

_TOGETHER_NS = 5_000_000_000

_EXPLAINED = {"level_shift": ("cycle", "regime"), "plateau": ("sawtooth",), "cycle": ("sawtooth",)}
"""What is left out where the metric has one of these: they say the same better."""


def lines(report: Report) -> list[tuple[str, str]]:
    """(label, sentence) of what is to be shown; what shows one thing is one line."""
    if report.patterns_after_ns is not None:
        needed = format_value(report.patterns_after_ns, "ns")
        return [("unknown", f"too short to judge: patterns take {needed} at least")]
    standing = [
        one
        for one in report.findings
        if one.stage == "pattern" and (one.end_ns is None or one.kind in _PASSING)
    ]
    kinds = {(one.metric, one.kind) for one in standing}
    groups: list[list[Finding]] = []
    for one in sorted(standing, key=_rank):
        if any((one.metric, kind) in kinds for kind in _EXPLAINED.get(one.kind, ())):
            continue
        group = next((group for group in groups if _alike(group[0], one)), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    found = []
    for first, *others in groups[:MOST]:
        also = ", ".join(dict.fromkeys(printable(one.metric or "", 60) for one in others))
        text = sentence(first) + (f"; also {also}" if also else "")
        found.append((first.kind.replace("_", " "), text))
    if len(groups) > MOST:
        more = f"{len(groups) - MOST}: `SELECT kind, text FROM patterns` with `perfkit query`"
        found.append(("more", more))
    return found


def _alike(one: Finding, other: Finding) -> bool:
    """Whether two findings show one thing: cycles of one length, the same at the same time."""
    if one.kind != other.kind or one.direction != other.direction:
        return False
    if one.kind == "cycle":
        return (
            one.evidence["period_low_s"] <= other.evidence["period_high_s"]
            and other.evidence["period_low_s"] <= one.evidence["period_high_s"]
        )
    return one.metric != other.metric and (
        one.cause == other.cause
        or (one.kind in _PASSING and abs(one.onset_ns - other.onset_ns) <= _TOGETHER_NS)
    )


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
