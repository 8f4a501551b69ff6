"""What a stage of the analysis says of a session: one value, whatever the stage.

Part of what stages, reports and files of findings share; needs the standard library alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

UP = "up"
DOWN = "down"
EITHER = ""
"""Directions: which way the metric moved; EITHER where that means nothing."""


@dataclass(frozen=True)
class Finding:
    """One thing that a stage says, known from `known_at_ns` on.

    stage: name of the stage (`trend`, `baseline`, `joint`, `anomaly`, `pattern`, `forecast`, `alert`).
    kind: what sort of thing it is, snake case; fixed vocabulary of the stage.
    cause: key on which reports merge what several stages and rules say of one thing.
    metric: the column it speaks of, None where it speaks of several or none.
    known_at_ns, onset_ns, peak_ns, end_ns: on the session's clock; known_at_ns is the end of the
    period that showed it, end_ns is None while it lasts. Onset is fixed when it opens; the same id
    is emitted again, with that emission's known_at_ns, whenever severity, peak or end changes.
    severity: one of `perfkit.model.insight.SEVERITIES`. direction: UP, DOWN or EITHER.
    value, expected: in the metric's unit. probability: of its kind's meaning, 0..1.
    evidence: numbers by name, units in the names. text: one sentence, printable.
    """

    stage: str
    kind: str
    cause: str
    metric: str | None
    known_at_ns: int
    onset_ns: int
    peak_ns: int
    end_ns: int | None
    severity: str
    direction: str = EITHER
    value: float | None = None
    expected: float | None = None
    probability: float | None = None
    evidence: Mapping[str, float] = field(default_factory=dict)
    text: str = ""

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits, the same for every emission of one finding."""
        named = f"{self.stage}\0{self.kind}\0{self.metric or ''}\0{self.onset_ns}"
        return hashlib.blake2b(named.encode(), digest_size=6).hexdigest()

    @property
    def order(self) -> tuple[int, str, str, str, int]:
        """What findings are sorted by; no two of one emission time share it."""
        return (self.known_at_ns, self.stage, self.kind, self.metric or "", self.onset_ns)


def latest(findings: Iterable[Finding]) -> list[Finding]:
    """The last emission of every finding, in the order in which they first appeared."""
    last: dict[str, Finding] = {}
    for one in findings:
        last[one.id] = one
    return list(last.values())
