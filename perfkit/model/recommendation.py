"""What to do about one cause, with its reasons and the way to see whether it helped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recommendation:
    """One per cause, whatever number of insights and findings speak of it.

    severity: the worst of them. weight: severity × confidence × what it would bring, by which they
    are ranked. why: sentences of insights and findings. what: things to do, the first one first.
    check: a command that tells whether it helped. conflicts: causes that doing it may worsen.
    """

    cause: str
    severity: str
    weight: float
    why: tuple[str, ...]
    what: tuple[str, ...]
    check: str
    conflicts: tuple[str, ...]
