"""What a rule says of a session: insights, or why it could not say anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SEVERITIES = ("info", "low", "medium", "high")
"""From the least to the most severe; their order is meaningful."""


@dataclass(frozen=True)
class Insight:
    """One row that a rule returned.

    cause: a key on which reports merge what several rules say of one thing.
    evidence: the row's columns, numbers or text, by name; units are in the names.
    message: the rule's sentence with the evidence filled in.
    """

    rule: str
    title: str
    severity: str
    cause: str
    impact: str
    message: str
    evidence: Mapping[str, float | int | str | None]
    recommendations: tuple[str, ...]


@dataclass(frozen=True)
class NotApplicable:
    """A rule whose inputs the session does not have. Not the same as "fine"."""

    rule: str
    title: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class RuleFailed:
    """A rule that is wrong, ran too long or tried what it may not; reason is one sentence."""

    rule: str
    reason: str


RuleOutcome = Insight | NotApplicable | RuleFailed
