"""What could be done about something foreseen, with its reason: nothing is done by saying so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PRIORITIES = ("high", "medium", "low")


@dataclass(frozen=True)
class Decision:
    """One act to consider.

    action: its kind, such as `clear_cache`. priority: one of PRIORITIES. parameters: of the act.
    at_ns: when it was decided, on the session's clock. kind, cause, metric: of the forecast that
    asks for it. reason: a sentence. withheld: why it had better not be done after all, as the end of
    a sentence; empty where nothing speaks against it.
    """

    action: str
    priority: str
    at_ns: int
    kind: str
    cause: str
    metric: str
    reason: str
    parameters: Mapping[str, float | str] = field(default_factory=dict)
    withheld: str = ""
