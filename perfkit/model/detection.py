"""What a stage found of faults that are known, and what it said where nothing was wrong."""

from __future__ import annotations

from dataclasses import dataclass

from perfkit.model.finding import Finding


@dataclass(frozen=True)
class KnownFault:
    """One fault of a recording. metric: what shows it; times in seconds on the session's clock."""

    kind: str
    metric: str
    from_s: float
    until_s: float


@dataclass(frozen=True)
class Examined:
    """One recording with its truth, and all that was found in it.

    file: its name. strength: of its faults, None where it has none. seconds: its length.
    faults: none in a clean recording. findings: every emission, in order.
    """

    file: str
    program: str
    strength: float | None
    seconds: float
    faults: tuple[KnownFault, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class FaultSeen:
    """What came of one fault.

    found: what detected it first, None if nothing did. delay_s: from its beginning until that was
    known. named: whether anything that detected it speaks of the metric or cause of the truth;
    named_delay_s: until the first such thing was known.
    """

    file: str
    strength: float | None
    fault: KnownFault
    found: Finding | None = None
    delay_s: float | None = None
    named: bool = False
    named_delay_s: float | None = None


@dataclass(frozen=True)
class FalseAlarm:
    """A finding where nothing was wrong. clean: of a clean recording, else from before a fault."""

    file: str
    finding: Finding
    clean: bool


@dataclass(frozen=True)
class Recall:
    """How many faults of one sort were found. kind, strength: None is all of them.

    median_delay_s, late_delay_s: of those found; nine of ten were found within the second.
    named_median_delay_s, named_late_delay_s: the same of those named.
    """

    kind: str | None
    strength: float | None
    faults: int
    found: int
    named: int
    median_delay_s: float | None
    late_delay_s: float | None
    named_median_delay_s: float | None
    named_late_delay_s: float | None

    @property
    def share(self) -> float | None:
        """The recall, 0..1; None without a fault."""
        return self.found / self.faults if self.faults else None


@dataclass(frozen=True)
class AlarmRate:
    """False alarms in so many hours in which nothing was wrong; most_per_hour: the upper bound."""

    alarms: int
    hours: float
    per_hour: float | None
    most_per_hour: float | None


@dataclass(frozen=True)
class DetectionScore:
    """What one stage made of all recordings.

    total, by_strength, by_kind: of the faults; by_kind has a row a kind and strength.
    rate: of false alarms in all hours; clean_rate: in clean recordings alone.
    """

    stage: str
    recordings: int
    seen: tuple[FaultSeen, ...]
    false_alarms: tuple[FalseAlarm, ...]
    total: Recall
    by_strength: tuple[Recall, ...]
    by_kind: tuple[Recall, ...]
    rate: AlarmRate
    clean_rate: AlarmRate

    @property
    def misses(self) -> tuple[FaultSeen, ...]:
        """The faults that nothing detected."""
        return tuple(one for one in self.seen if one.found is None)
