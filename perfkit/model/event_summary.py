"""What an application said over a session, as figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class EventType:
    """The events of one type, or of one name of a type that has names (gauges, timers, …).

    count, per_s: over the whole session. errors: how many said that they failed, of `outcomes`
    that said how they went. duration_…_ms: of those that took time, None where none did.
    """

    type: str
    name: str | None
    count: int
    per_s: float | None
    outcomes: int
    errors: int
    duration_count: int
    duration_p50_ms: float | None
    duration_p95_ms: float | None
    duration_p99_ms: float | None
    duration_max_ms: float | None


@dataclass(frozen=True)
class EventValue:
    """What a gauge, a counter or another event with a name and a `value` held."""

    type: str
    name: str
    count: int
    last: float
    mean: float
    least: float
    greatest: float


@dataclass(frozen=True)
class EventError:
    """Failures of one type with one class of error, None where they did not say which."""

    type: str
    error: str | None
    count: int


@dataclass(frozen=True)
class Operation:
    """Something that took time. start_ns: on the session's clock. ok, error: None if not said."""

    type: str
    operation_id: str | None
    start_ns: int | None
    duration_ms: float
    ok: bool | None
    error: str | None


@dataclass(frozen=True)
class OpenOperation:
    """A span that began and did not end while it was recorded. open_ms: until the last tick."""

    type: str
    operation_id: str
    start_ns: int
    open_ms: float


@dataclass(frozen=True)
class EventSummary:
    """Everything that `perfkit events` shows.

    source, source_kind: as in `perfkit.model.report.Report`. duration_s: of the session.
    count: of all events; types, values, errors: the commonest of types_count, values_count and
    errors_count; slowest: of operations_count; open: the longest of open_count.
    dropped: events that were sent and not stored; None where that is not known.
    problems: what could not be kept as it was sent, key to count. missing: why there are none.
    """

    source: str
    source_kind: str
    duration_s: float | None
    count: int
    types_count: int
    types: tuple[EventType, ...]
    values_count: int
    values: tuple[EventValue, ...]
    errors_count: int
    errors: tuple[EventError, ...]
    operations_count: int
    slowest: tuple[Operation, ...]
    open_count: int
    open: tuple[OpenOperation, ...]
    dropped: int | None
    problems: Mapping[str, int]
    missing: str | None
