"""What became of one finding when the analysis was run with other settings."""

from __future__ import annotations

from dataclasses import dataclass

from perfkit.model.finding import Finding

RAISED = "raised"
MISSED = "missed"
EARLIER = "earlier"
LATER = "later"


@dataclass(frozen=True)
class Difference:
    """kind: RAISED (only after), MISSED (only before), EARLIER or LATER (both, known at another time)."""

    kind: str
    before: Finding | None
    after: Finding | None
