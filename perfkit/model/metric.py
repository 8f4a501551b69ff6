"""What a metric is: its name, unit, kind and meaning, written once and carried into the file.

Part of what the small recorder loads: plain classes, no `dataclasses`, no numpy.
"""

from __future__ import annotations

# Kinds: how a column's numbers may be read.
COUNTER = "counter"  # cumulative since the start of the recording; never falls
GAUGE = "gauge"  # a level at the moment of the tick
DELTA = "delta"  # an amount that belongs to this tick alone; sums are meaningful
CLOCK = "clock"  # a point in time
RATE = "rate"  # derived from a counter: change over time

# Groups: how often a column is read. Between its ticks a column is null.
TICK = "tick"  # the tick itself: clocks, lateness, cost
FAST = "fast"  # every tick
SYSTEM = "system"  # every second
SLOW = "slow"  # every five seconds

# Scopes: what a column speaks of.
TARGET = "target"
MACHINE = "machine"
CGROUP = "cgroup"
RECORDER = "recorder"

# Storage formats (letters of the `struct` module).
INTEGER = "q"
FLOAT = "d"
SINGLE = "f"  # derived columns only: rounded to what is meaningful, half the bytes

NULL_INTEGER = -(2**63)
"""How the journal writes a missing integer; a missing float is NaN. Readers turn both into null."""


class Metric:
    """One column of a session.

    name: snake case, ends in its unit (`_bytes`, `_ns`, `_percent`, `_per_s`, `_count`, `_ratio`).
    unit: `ns`, `us`, `ms`, `bytes`, `bytes/s`, `count`, `count/s`, `percent`, `ratio` or `cores`.
    kind, group, scope, format: the constants of this module.
    meaning: one sentence, written into the Parquet field metadata.
    """

    __slots__ = ("format", "group", "kind", "meaning", "name", "scope", "unit")

    def __init__(
        self,
        name: str,
        unit: str,
        kind: str,
        group: str,
        scope: str,
        meaning: str,
        format: str = INTEGER,
    ) -> None:
        self.name = name
        self.unit = unit
        self.kind = kind
        self.group = group
        self.scope = scope
        self.meaning = meaning
        self.format = format

    def __repr__(self) -> str:
        return f"Metric({self.name!r}, {self.unit!r}, {self.kind!r}, {self.group!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Metric) and self.as_tuple() == other.as_tuple()

    def __hash__(self) -> int:
        return hash(self.as_tuple())

    def as_tuple(self) -> tuple[str, str, str, str, str, str, str]:
        """Everything that is stored of the metric, in the order of the constructor."""
        return (
            self.name,
            self.unit,
            self.kind,
            self.group,
            self.scope,
            self.meaning,
            self.format,
        )
