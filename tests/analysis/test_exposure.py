"""What slow operations met, beside what others did: amounts, chance, and what is not judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfkit.analysis.exposure import EXPOSURES, INPUTS, MOST_TYPES, SlowExposure, slow_exposures
from perfkit.model.block import Block, Column
from perfkit.model.events import Events, Fields

TICKS = 600
TICK_NS = 100_000_000
INCIDENTS = ((12, 14), (21, 23), (33, 35), (41, 43), (52, 54))
ELSEWHERE = ((9, 11), (17, 19), (28, 30), (46, 48), (56, 58))

Windows = Sequence[tuple[float, float]]
Operation = tuple[float, str, float]
"""When it ended (s), its type, how long it took (ms)."""


def fields(names: Sequence[str], values: Sequence[float] = (), texts: Sequence[str] = ()) -> Fields:
    """One field of each event, the same name for all; none where names are empty."""
    count = len(values)
    kind = np.int32 if texts else np.float64
    found: Any = np.array(values, kind)
    return Fields(
        np.arange(count + 1), np.zeros(count, np.int32), tuple(names), found, tuple(texts)
    )


def none_of(count: int) -> Fields:
    return Fields(np.zeros(count + 1, np.int64), np.zeros(0, np.int32), (), np.zeros(0))


def events(operations: Sequence[Operation], t_ns: npt.NDArray[np.int64]) -> Events | None:
    """The operations as events that arrive in the tick after their end."""
    if not operations:
        return None
    ordered = sorted(operations)
    ends = np.array([round(end * 1e9) for end, _, _ in ordered], np.int64)
    types = sorted({type for _, type, _ in ordered})
    count = len(ordered)
    return Events(
        np.minimum(np.searchsorted(t_ns, ends), len(t_ns) - 1),
        ends,
        np.array([types.index(type) for _, type, _ in ordered], np.int32),
        tuple(types),
        np.array([took for _, _, took in ordered]),
        np.full(count, -1, np.int8),
        none_of(count),
        none_of(count),
    )


def block(operations: Sequence[Operation], **counters: Callable[[float], float]) -> Block:
    """A minute at 10 Hz with these operations and counters of the second."""
    t_ns = np.arange(TICKS, dtype=np.int64) * TICK_NS
    columns = {
        name: Column(np.array([round(of(at / 1e9)) for at in t_ns]), np.ones(TICKS, np.bool_))
        for name, of in counters.items()
    }
    return Block(t_ns, columns, (), events(operations, t_ns))


def within(windows: Windows, at_s: float) -> bool:
    return any(start <= at_s < end for start, end in windows)


def adding(windows: Windows, per_s: float) -> Callable[[float], float]:
    return lambda at_s: per_s * sum(max(0.0, min(at_s, end) - start) for start, end in windows)


def requests(windows: Windows, type: str = "request") -> list[Operation]:
    """Ten a second; those that lie in a window take 100 ms, the others 10."""
    ends = np.arange(0.1, 59.9, 0.1)
    return [(end, type, 100 if within(windows, end - 0.05) else 10) for end in ends.tolist()]


def only(found: list[SlowExposure]) -> SlowExposure:
    (one,) = found
    return one


def test_what_slow_ones_met_is_told_beside_what_others_did() -> None:
    """Five hundred faults a second while slow ones ran, next to none otherwise."""
    one = only(
        slow_exposures([block(requests(INCIDENTS), major_faults_count=adding(INCIDENTS, 500))])
    )

    assert (one.type, one.exposure, one.slow_ms, one.normal_ms) == (
        "request",
        "major faults",
        100,
        10,
    )
    assert one.slow_count == 100
    assert one.slow_amount == pytest.approx(500, rel=0.05)
    assert one.normal_amount < 25
    assert one.exposed_ratio > 0.9
    assert one.incidents_count == 5
    assert one.chance_ratio == 0.001


def test_what_happens_at_other_moments_is_no_exposure() -> None:
    """Then chance is not even asked."""
    one = only(
        slow_exposures([block(requests(INCIDENTS), major_faults_count=adding(ELSEWHERE, 500))])
    )

    assert one.slow_amount < one.normal_amount
    assert one.chance_ratio is None


def test_one_incident_may_be_chance() -> None:
    """However well it fits: it is told that it was one."""
    once = ((30.0, 32.0),)
    one = only(slow_exposures([block(requests(once), major_faults_count=adding(once, 500))]))

    assert one.slow_amount > 400
    assert one.incidents_count == 1


def test_chance_meetings_are_as_rare_as_they_claim() -> None:
    """Of independent incidents, hardly one in twenty has a chance below one in twenty."""
    rng = np.random.default_rng(7)

    def incidents() -> list[tuple[float, float]]:
        length = rng.uniform(0.3, 3)
        return [
            (start, start + length) for start in rng.uniform(6, 60 - length, rng.integers(1, 8))
        ]

    chances = [
        one.chance_ratio or 1.0
        for _ in range(60)
        for one in slow_exposures(
            [block(requests(incidents()), major_faults_count=adding(incidents(), 500))]
        )
    ]

    assert len(chances) > 40
    assert np.mean(np.array(chances) <= 0.05) <= 0.1
    assert min(chances) > 0.003


def test_each_thing_that_goes_on_has_its_unit() -> None:
    """Percent of time or of cores, faults a second."""
    cores = {"system_cores_count": lambda _: 4}
    rate = {
        "major faults": {"major_faults_count": adding(INCIDENTS, 500)},
        "throttling": {"cgroup_throttled_ns": adding(INCIDENTS, 5e9)},
        "waiting for a core": {"psi_cpu_some_us": adding(INCIDENTS, 5e6)},
        "waiting for memory": {"psi_memory_some_us": adding(INCIDENTS, 5e6)},
        "waiting for storage": {"psi_io_some_us": adding(INCIDENTS, 5e6)},
        "other processes": {
            "system_cpu_user_ns": lambda s: adding(INCIDENTS, 20e9)(s) + 2e9 * s,
            "system_cpu_kernel_ns": lambda s: 1e9 * s,
            "cpu_time_ns": lambda s: 3e9 * s,
            **cores,
        },
        "other guests": {"system_cpu_steal_ns": adding(INCIDENTS, 20e9), **cores},
    }
    assert rate.keys() == EXPOSURES.keys()
    for name, counters in rate.items():
        one = only(slow_exposures([block(requests(INCIDENTS), **counters)]))

        assert one.exposure == name
        assert one.slow_amount == pytest.approx(500, rel=0.05)


@pytest.mark.parametrize(
    "operations",
    [
        [],
        requests(()),
        requests(((0, 5),)),
        requests(INCIDENTS)[::50],
        [(end, type, took / 100) for end, type, took in requests(INCIDENTS)],
        [(end, "perfkit.decision", took) for end, _, took in requests(INCIDENTS)],
        [(end, "x", float("nan")) for end, _, _ in requests(INCIDENTS)],
    ],
    ids=[
        "none",
        "none slow",
        "start-up",
        "too few",
        "microseconds",
        "perfkit's own",
        "no duration",
    ],
)
def test_what_is_not_judged(operations: list[Operation]) -> None:
    """Too little, too early, too small, or nothing of the application's."""
    assert slow_exposures([block(operations, major_faults_count=adding(INCIDENTS, 500))]) == []


def test_without_ticks_or_counters_there_is_nothing() -> None:
    """An empty session, one block without columns, counters that stand still."""
    assert slow_exposures([]) == []
    assert slow_exposures([block(requests(INCIDENTS))]) == []
    assert slow_exposures([block(requests(INCIDENTS), major_faults_count=lambda _: 7)]) == []


def test_only_types_that_lost_most_are_compared() -> None:
    """An application may name its operations as it likes."""
    operations = [
        one for kind in range(12) for one in requests(INCIDENTS[: kind % 5 + 1], f"kind{kind}_end")
    ]
    found = slow_exposures([block(operations, major_faults_count=adding(INCIDENTS, 500))])

    assert len(found) == MOST_TYPES
    assert found[0].type == "kind4"


def test_render_and_response_times_are_durations_too() -> None:
    """And timers are told apart by their names."""
    operations = requests(INCIDENTS)
    plain = block(operations, major_faults_count=adding(INCIDENTS, 500))
    assert plain.events is not None
    took = [took for _, _, took in operations]
    count = len(took)
    nothing = np.full(count, np.nan)
    drawn = Events(
        plain.events.rows, plain.events.t_ns, plain.events.codes, ("frame",), nothing,
        plain.events.ok, fields(["render_ms"], took), none_of(count),
    )  # fmt: skip
    named = Events(
        plain.events.rows, plain.events.t_ns, plain.events.codes, ("timer",), plain.events.duration_ms,
        plain.events.ok, none_of(count), fields(["name"], [k % 2 for k in range(count)], ["a", "b"]),
    )  # fmt: skip

    def types(events: Events) -> list[tuple[str, int]]:
        one = Block(plain.t_ns, plain.columns, (), events)
        return [(found.type, found.operations_count) for found in slow_exposures([one])]

    total = only(slow_exposures([plain])).operations_count
    assert types(drawn) == [("frame", total)]
    assert [type for type, _ in sorted(types(named))] == ["timer a", "timer b"]
    assert sum(count for _, count in types(named)) == total


@settings(max_examples=20)
@given(st.lists(st.integers(0, TICKS), max_size=6))
def test_it_does_not_matter_how_ticks_are_cut(cuts: list[int]) -> None:
    """The same to the last bit."""
    whole = block(requests(INCIDENTS), major_faults_count=adding(INCIDENTS, 500))
    bounds = [0, *sorted(cuts), TICKS]
    pieces = [whole[start:stop] for start, stop in pairwise(bounds)]

    assert slow_exposures(pieces) == slow_exposures([whole])


def test_absurd_durations_and_falling_counters_do_no_harm() -> None:
    """Nothing fails and no figure is infinite."""
    operations = [*requests(INCIDENTS), (30.0, "request", 1e300), (31.0, "request", 0.0)]
    falling = block(
        operations,
        major_faults_count=lambda s: 10 * (s % 7),
        system_cpu_steal_ns=lambda s: 1e9 * s,
        system_cores_count=lambda _: 0,
    )

    found = slow_exposures([falling])

    assert {one.exposure for one in found} == {"major faults", "other guests"}
    assert all(np.isfinite(one.slow_amount) and one.slow_amount >= 0 for one in found)
    assert {*INPUTS} >= {"major_faults_count", "system_cpu_steal_ns"}


def test_requests_are_told_apart_by_their_routes() -> None:
    """A page that always takes long is not a slow request; each is held against its own kind."""
    operations = requests(INCIDENTS)
    plain = block(operations, major_faults_count=adding(INCIDENTS, 500))
    assert plain.events is not None
    count = len(operations)
    routed = Events(
        plain.events.rows, plain.events.t_ns, plain.events.codes, ("request",),
        plain.events.duration_ms, plain.events.ok, none_of(count),
        fields(["route"], [k % 2 for k in range(count)], ["/cart", "/"]),
    )  # fmt: skip

    found = slow_exposures([Block(plain.t_ns, plain.columns, (), routed)])

    assert sorted(one.type for one in found) == ["request /", "request /cart"]


def test_only_so_many_routes_are_told_apart() -> None:
    """What a stranger may invent does not grow without bound: the first thousand have a place."""
    operations = requests(INCIDENTS)
    columns = {"major_faults_count": adding(INCIDENTS, 500)}

    def found(strangers: int) -> list[str]:
        early: list[Operation] = [(0.001, "request_end", 1.0)] * strangers
        plain = block([*early, *operations], **columns)
        assert plain.events is not None
        routes = [*range(strangers), *[strangers] * len(operations)]
        texts = [*(f"/{k}" for k in range(strangers)), "/late"]
        routed = Events(
            plain.events.rows, plain.events.t_ns, np.zeros(len(routes), np.int32), ("request",),
            plain.events.duration_ms, plain.events.ok, none_of(len(routes)),
            fields(["route"], routes, texts),
        )  # fmt: skip
        return [one.type for one in slow_exposures([Block(plain.t_ns, plain.columns, (), routed)])]

    assert found(999) == ["request /late"]
    assert found(1000) == []
