"""Write docs/columns.md from the tables of metrics: `python docs/columns.py`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from perfkit.analysis.rates import DERIVED_METRICS
from perfkit.model.metric import FAST, SLOW, SYSTEM, TICK, Metric
from perfkit.model.tick import PROCESS_FIELDS
from perfkit.sampling.metrics import RAW_METRICS

HEAD = """\
# The columns of a session

One row is one tick.
Every column carries its unit, kind and meaning in the Parquet field metadata; `perfkit info SESSION` shows them.
Names end in their unit, and 100 `_percent` of CPU is one core.

Counters are cumulative since the start of the recording and never fall.
Gauges are levels at the tick, deltas belong to the tick alone, rates are derived when a session is sealed.
What could not be read is null, never zero; a column of a slower group is null between its readings, and in `perfkit query` the view `ticks` also offers `NAME_last` and `NAME_age_ms` for it.
"""

EVENTS = """
## `events`

What the application said during the tick, a list of `t_ns`, `type`, `duration_ms`, `ok`, `numbers` and `labels`; [events.md](events.md) says how it gets here.
In `perfkit query` the view `events` has one row for each.
Columns made of events (`fps`, `latency_ms_p95`, …) are made of those that arrived in the ticks of the last second.
In the view `periods` they have one column of the same name, made of the period's own events, and `events_count` beside them.
"""

GROUPS = {
    TICK: "The tick itself",
    FAST: "Read at every tick",
    SYSTEM: "Read once a second",
    SLOW: "Read every five seconds",
}


def table(metrics: Iterable[Metric]) -> str:
    lines = ["| column | unit | kind | of | meaning |", "|---|---|---|---|---|"]
    lines += [
        f"| `{m.name}` | {m.unit} | {m.kind} | {m.scope} | {m.meaning.replace('|', chr(92) + '|')} |"
        for m in metrics
    ]
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole page; tests compare it with the file."""
    parts = [HEAD]
    for group, title in GROUPS.items():
        parts.append(f"\n## {title}\n\n{table(m for m in RAW_METRICS if m.group == group)}")
    parts.append(f"\n## Derived from these\n\n{table(DERIVED_METRICS)}")
    parts.append(
        "\n## `processes`\n\nA list of the tree's processes, read every five seconds; "
        "in `perfkit query` the view `processes` has one row for each.\n\n"
        "| field | meaning |\n|---|---|\n"
        + "".join(f"| `{name}` | {meaning} |\n" for name, _, meaning in PROCESS_FIELDS)
    )
    parts.append(EVENTS)
    return "".join(parts)


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), "utf-8")
