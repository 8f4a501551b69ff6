"""What recording costs, for a person and for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from perfkit.model.overhead import BASE_RATE_HZ, BudgetOutcome, Overhead

SCHEMA_VERSION = "2.0"
# 2.0: parts that were not asked for are empty lists, peers have a key and `ratio`; `trees`,
#      `slowdowns`, `sums` and how late ticks came are new.
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
    ("late_us", "behind its deadline, median", 0, "µs"),
    ("clock_late_us", "  the clock loop", 0, "µs"),
    ("late_p99_us", "behind its deadline, 99th percent", 0, "µs"),
    ("clock_late_p99_us", "  the clock loop", 0, "µs"),
    ("jitter_us", "standard deviation of that", 0, "µs"),
    ("clock_jitter_us", "  the clock loop", 0, "µs"),
    ("late_percent", "later than a tenth of the slot", 2, "%"),
    ("clock_late_percent", "  the clock loop", 2, "%"),
)
_TREE_LINES = (
    ("cpu_us_per_tick", "CPU per tick, all told", 0, "µs"),
    ("fast_us", "  the fast group, each time", 0, "µs"),
    ("system_us", "  the system group, once a second", 0, "µs"),
    ("slow_us", "  the slow group, every 5 s", 0, "µs"),
)
_NAME_WIDTH = 34
_COLUMN_WIDTH = 11
_NONE = "–"


def as_text(overhead: Overhead, outcomes: Sequence[BudgetOutcome]) -> str:
    """A table for each part that was measured, and a line for each budget."""
    tables = [
        _rates(overhead),
        _trees(overhead),
        _slowdowns(overhead),
        _sums(overhead),
        _peers(overhead),
        [_judgement(outcome) for outcome in outcomes],
    ]
    return (
        "\n\n".join("\n".join(line.rstrip() for line in table) for table in tables if table) + "\n"
    )


def _rates(overhead: Overhead) -> list[str]:
    if not overhead.rates:
        return []
    return [
        f"What recording one busy process costs, {overhead.seconds:g} s a rate "
        f"after {overhead.warm_up_s:g} s of warm-up.",
        "",
        _row("", [f"{rate.rate_hz} Hz" for rate in overhead.rates]),
        *(
            _row(name, [_figure(getattr(rate, key), digits, unit) for rate in overhead.rates])
            for key, name, digits, unit in _LINES
        ),
    ]


def _trees(overhead: Overhead) -> list[str]:
    if not overhead.trees:
        return []
    lines = [
        f"A tree of idle processes at {BASE_RATE_HZ} Hz:",
        "",
        _row("", [f"{tree.processes}" for tree in overhead.trees]),
        *(
            _row(name, [_figure(getattr(tree, key), digits, unit) for tree in overhead.trees])
            for key, name, digits, unit in _TREE_LINES
        ),
    ]
    added = overhead.us_per_further_process
    if added is not None:
        lines.append(_row("CPU per tick, each further process", [_figure(added, 1, "µs")]))
    return lines


def _slowdowns(overhead: Overhead) -> list[str]:
    if not overhead.slowdowns:
        return []
    lines = [
        f"More CPU time for a target that is recorded at {BASE_RATE_HZ} Hz (recorded and "
        "unrecorded",
        "copies at once on one core, the recorder on another):",
        "",
        _row("", ["cpu", "from", "to", "recorder", "pairs"]),
    ]
    for slowdown in overhead.slowdowns:
        if slowdown.absent:
            lines.append(f"{slowdown.workload:<10}  {slowdown.absent}")
            continue
        lines.append(
            _row(
                slowdown.workload,
                [
                    _signed(slowdown.percent),
                    _signed(slowdown.low_percent),
                    _signed(slowdown.high_percent),
                    _figure(slowdown.recorder_percent, 2, "%"),
                    f"{slowdown.pairs}",
                ],
            )
        )
        if slowdown.failed_pairs:
            lines.append(f"{'':<10}  {slowdown.failed_pairs} pairs failed and are left out")
    lines += [
        "",
        f"From … to: the interval of {overhead.slowdowns[0].confidence:.0%}. Recorder: its own "
        "CPU, of a core.",
    ]
    return lines


def _sums(overhead: Overhead) -> list[str]:
    if not overhead.sums:
        return []
    lines = [
        "Sums of a recording against wait4:",
        "",
        _row("", ["CPU", "off by", "written", "off by"]),
    ]
    for check in overhead.sums:
        if check.absent:
            lines.append(f"{check.workload:<10}  {check.absent}")
            continue
        written = None if check.written_bytes is None else check.written_bytes / 2**20
        lines.append(
            _row(
                check.workload,
                [
                    _figure(check.cpu_s, 2, "s"),
                    _signed(check.cpu_off_percent),
                    _figure(written, 0, "MiB"),
                    _signed(check.written_off_percent),
                ],
            )
        )
    return lines


def _peers(overhead: Overhead) -> list[str]:
    if not overhead.peers:
        return []
    lines = [
        "Others on the same target in the same run; ratio: perfkit's CPU over theirs,",
        "left out where the machine was much busier under one of the two.",
        "",
        _row("", ["every", "CPU", "of a core", "ratio"]),
    ]
    for peer in overhead.peers:
        name = f"{peer.name}, {peer.processes}" if peer.processes else peer.name
        if peer.absent:
            lines.append(f"{name:<{_NAME_WIDTH}}  {peer.absent}")
            continue
        lines.append(
            _row(
                name,
                [
                    f"{peer.interval_s:g} s",
                    _figure(peer.cpu_us_per_tick, 0, "µs"),
                    _figure(peer.cpu_percent, 2, "%"),
                    _figure(peer.ratio, 2, ""),
                ],
            )
        )
    return lines


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


def _signed(percent: float | None) -> str:
    return _NONE if percent is None else f"{percent:+.2f} %"


def _row(name: str, cells: Sequence[str]) -> str:
    # a name or many columns: what has more than four is narrow
    width = _NAME_WIDTH if len(cells) <= 4 else _NAME_WIDTH - _COLUMN_WIDTH
    return f"{name:<{width}}" + "".join(f"{cell:>{_COLUMN_WIDTH}}" for cell in cells)


def _figure(value: float | None, digits: int, unit: str) -> str:
    return _NONE if value is None else f"{value:.{digits}f} {unit}".rstrip()
