"""What recording costs, for a person and for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from perfkit.model.overhead import BudgetOutcome, Overhead

SCHEMA_VERSION = "1.0"
# 1.0: the first. A key that is added raises the second number, a changed meaning the first.

_LINES = (
    # figure, how it is called, decimals, unit
    ("cpu_us_per_tick", "CPU per tick, all told", 0, "µs"),
    ("fast_us", "  the fast group, each time", 0, "µs"),
    ("system_us", "  the system group, once a second", 0, "µs"),
    ("slow_us", "  the slow group, every 5 s", 0, "µs"),
    ("write_us", "  the write", 0, "µs"),
    ("clock_us_per_tick", "  a loop that only wakes up", 0, "µs"),
    ("bare_us_per_tick", "the same files by bare pread", 0, "µs"),
    ("ratio_to_bare", "ratio to that", 2, ""),
    ("cpu_percent", "share of one core", 2, "%"),
    ("wall_us_per_tick", "wall time per tick", 0, "µs"),
    ("rss_mib", "resident set", 1, "MiB"),
    ("missed_percent", "slots missed", 2, "%"),
    ("missed_beyond_clock_percent", "  beyond a bare clock loop's", 2, "%"),
)
_NAME_WIDTH = 33
_COLUMN_WIDTH = 11
_NONE = "–"


def as_text(overhead: Overhead, outcomes: Sequence[BudgetOutcome]) -> str:
    """Tables of the figures by rate, of the peers, and a line for each budget."""
    lines = [
        f"What recording one busy process costs, {overhead.seconds:g} s a rate "
        f"after {overhead.warm_up_s:g} s of warm-up.",
        "",
        _row("", [f"{rate.rate_hz} Hz" for rate in overhead.rates]),
    ]
    lines += [
        _row(name, [_figure(getattr(rate, key), digits, unit) for rate in overhead.rates])
        for key, name, digits, unit in _LINES
    ]
    if overhead.peers:
        lines += [
            "",
            "Others on the same target, in the same run:",
            "",
            _row("", ["every", "CPU", "of a core", "resident"]),
        ]
        for peer in overhead.peers:
            if peer.absent:
                lines.append(f"{peer.name:<{_NAME_WIDTH}}  {peer.absent}")
                continue
            lines.append(
                _row(
                    peer.name,
                    [
                        f"{peer.interval_s:g} s",
                        _figure(peer.cpu_us_per_tick, 0, "µs"),
                        _figure(peer.cpu_percent, 2, "%"),
                        _figure(peer.rss_mib, 1, "MiB"),
                    ],
                )
            )
    if outcomes:
        lines.append("")
        lines += [_judgement(outcome) for outcome in outcomes]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def as_json(overhead: Overhead, outcomes: Sequence[BudgetOutcome]) -> str:
    """The same as one JSON object; figures that could not be measured are null."""
    return (
        json.dumps(
            {
                "schema_version": SCHEMA_VERSION,
                **asdict(overhead),
                "figures": overhead.figures(),
                "budgets": [
                    {"budget": str(outcome.budget), "value": outcome.value, "kept": outcome.kept}
                    for outcome in outcomes
                ],
            },
            indent=2,
            allow_nan=False,
        )
        + "\n"
    )


def _judgement(outcome: BudgetOutcome) -> str:
    if outcome.value is None:
        return f"undecided: {outcome.budget} could not be measured"
    return f"{'kept' if outcome.kept else 'OVER'}: {outcome.budget}, measured {outcome.value:.4g}"


def _row(name: str, cells: Sequence[str]) -> str:
    return f"{name:<{_NAME_WIDTH}}" + "".join(f"{cell:>{_COLUMN_WIDTH}}" for cell in cells)


def _figure(value: float | None, digits: int, unit: str) -> str:
    return _NONE if value is None else f"{value:.{digits}f} {unit}".rstrip()
