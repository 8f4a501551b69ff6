"""Derived columns: numbers by hand, a naive twin, and the same bits for every cut."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from block_examples import CUTS, any_session, block, cut, joined, listed
from hypothesis import given
from hypothesis import strategies as st

from perfkit.analysis.rates import DERIVED, DERIVED_METRICS, Rates
from perfkit.analysis.rounding import WithinHalfPercent
from perfkit.model.block import Block
from perfkit.model.metric import COUNTER, DELTA, FLOAT, GAUGE, SINGLE, SYSTEM, TARGET, Metric

MS = 1_000_000
S = 1_000_000_000

KINDS = {"suspended_ns": DELTA, "sampler_cost_ns": DELTA, "cpu_capacity_cores": GAUGE}
GAUGES = ("memory", "virtual", "rss", "fds_", "limit_bytes")
INPUTS = sorted(
    {
        "suspended_ns",
        *(name for derived in DERIVED for name in (*derived.formula.inputs, *derived.optional)),
    }
)
RAW = [
    Metric(
        name,
        "count",
        KINDS.get(name, GAUGE if any(word in name for word in GAUGES) else COUNTER),
        SYSTEM,
        TARGET,
        "",
        *([FLOAT] if name.endswith("_cores") else []),
    )
    for name in INPUTS
]


def derive(whole: Block, *names: str) -> list[list[float | None]]:
    rates = Rates(RAW, names)
    assert [metric.name for metric in rates.metrics] == [
        metric.name for metric in DERIVED_METRICS if metric.name in names
    ]
    derived = rates.add(whole)
    return [listed(derived.columns[name]) for name in names]


def test_the_rate_of_a_counter_is_its_change_over_time() -> None:
    """30 ms of CPU in 100 ms is 30 % of a core; the first tick has no rate."""
    ticks = block([0, 100 * MS, 200 * MS], cpu_time_ns=[5 * MS, 35 * MS, 235 * MS])

    assert derive(ticks, "cpu_percent") == [[None, 30.0, 200.0]]


def test_a_rate_spans_the_ticks_without_a_value() -> None:
    """The change between consecutive valid values stands at the later one."""
    ticks = block([0, S, 2 * S, 4 * S], read_bytes=[None, 100, None, 400])

    assert derive(ticks, "read_bytes_per_s") == [[None, None, None, 100.0]]


def test_a_counter_that_fell_gives_null_and_goes_on_from_there() -> None:
    """Never negative, never a guess."""
    ticks = block([0, S, 2 * S, 3 * S], read_calls_count=[0, 10, 4, 6])

    assert derive(ticks, "read_calls_per_s") == [[None, 10.0, None, 2.0]]


def test_a_rate_over_sleep_is_null() -> None:
    """Also where the sleep came at a tick that has no value itself."""
    ticks = block(
        [0, S, 2 * S, 3 * S, 4 * S],
        suspended_ns=[0, None, 7, 0, 0],
        write_bytes=[0, 10, None, 30, 40],
        sampler_cost_ns=[1, 10 * MS, 10 * MS, 10 * MS, 10 * MS],
    )

    assert derive(ticks, "write_bytes_per_s", "recorder_cpu_percent") == [
        [None, 10.0, None, None, 10.0],
        [None, 0.0, None, 1.0, 1.0],
    ]


@pytest.mark.parametrize("interval_ns", [MS, 100 * MS])
def test_the_split_of_cpu_never_says_more_than_the_nanosecond_clock(interval_ns: int) -> None:
    """A step of 10 ms in a tick of 1 ms is not ten cores: user and system add up to cpu_percent."""
    count = 5000
    t_ns = np.arange(count) * interval_ns
    used = t_ns // 2
    ticks = block(
        t_ns.tolist(),
        cpu_time_ns=used.tolist(),
        cpu_user_ns=(used * 3 // 4 // (10 * MS) * 10 * MS).tolist(),
        cpu_system_ns=(used // 4 // (10 * MS) * 10 * MS).tolist(),
    )
    cpu, user, system = derive(ticks, "cpu_percent", "cpu_user_percent", "cpu_system_percent")

    assert set(cpu[1:]) == {50.0}
    for total, one, other in zip(cpu, user, system, strict=True):
        if total is not None and one is not None and other is not None:
            assert one + other == pytest.approx(total, abs=0.11)
    settled = 2 * S // interval_ns
    assert all(one == pytest.approx(37.5, abs=1.1) for one in user[settled:])


def test_a_split_that_is_not_known_yet_is_null_and_stays_what_it_was_later() -> None:
    """No step so far: null unless nothing was used; no step for a second: the share before."""
    ticks = block(
        [0, S, 2 * S, 3 * S, 4 * S, 5 * S],
        cpu_time_ns=[0, 0, 5 * MS, 20 * MS, 25 * MS, 30 * MS],
        cpu_user_ns=[0, 0, 0, 10 * MS, 10 * MS, None],
        cpu_system_ns=[0, 0, 0, 0, 0, 0],
    )

    assert derive(ticks, "cpu_user_percent", "cpu_system_percent") == [
        [None, 0.0, None, 1.5, 0.5, None],
        [None, 0.0, None, 0.0, 0.0, None],
    ]


@given(ticks=any_session(RAW))
def test_user_and_system_are_the_whole_wherever_both_are_known(ticks: Block) -> None:
    """Up to the rounding of each; and never is one of them known alone."""
    derived = Rates(RAW).add(ticks)
    if not {"cpu_percent", "cpu_user_percent"} <= set(derived.columns):
        return
    names = ("cpu_percent", "cpu_user_percent", "cpu_system_percent")
    for cpu, user, system in zip(*(listed(derived.columns[n]) for n in names), strict=True):
        assert (user is None) == (system is None)
        if user is not None and system is not None:
            assert user + system == pytest.approx(cpu, rel=1e-6, abs=0.11)


def test_the_recorders_own_share_is_over_the_time_it_was_used_in() -> None:
    """A tick of 6 ms at 1 kHz swallows the five that follow: no six cores."""
    ticks = block(
        [0, MS, 2 * MS, 8 * MS, 9 * MS],
        sampler_cost_ns=[200_000, 200_000, 6 * MS, 200_000, 200_000],
        ticks_missed=[0, 0, 0, 5, 0],
    )

    (found,) = derive(ticks, "recorder_cpu_percent")
    assert found == [None, *(pytest.approx(one) for one in (20.0, 20.0, 80.0, 73.33))]


def test_a_change_beyond_the_range_of_integers_gives_null() -> None:
    """A counter from a damaged file must not wrap around into a rate."""
    ticks = block([0, S, 2 * S], read_bytes=[2**62, -(2**62) - 10, 2**62])

    assert derive(ticks, "read_bytes_per_s") == [[None, None, None]]


def test_shares_of_the_machine_add_up_over_all_cores() -> None:
    """2 cores, 1 s: 0.5 s user, 0.3 s kernel, 0.2 s stolen, 0.6 s waiting for storage."""
    ticks = block(
        [0, S],
        system_cpu_user_ns=[0, 500 * MS],
        system_cpu_kernel_ns=[0, 300 * MS],
        system_cpu_steal_ns=[0, 200 * MS],
        system_cpu_iowait_ns=[0, 600 * MS],
        system_cpu_idle_ns=[0, 400 * MS],
    )

    assert derive(ticks, "system_cpu_percent", "system_iowait_percent", "system_steal_percent") == [
        [None, 50.0],
        [None, 30.0],
        [None, 10.0],
    ]


def test_a_share_of_nothing_is_null() -> None:
    """No quota period passed: not throttled and not unthrottled."""
    ticks = block([0, S, 2 * S], cgroup_periods_count=[5, 5, 15], cgroup_throttled_count=[1, 1, 4])

    assert derive(ticks, "cgroup_throttled_percent") == [[None, None, 30.0]]


def test_pressure_is_a_share_of_time() -> None:
    """The kernel counts microseconds."""
    ticks = block([0, S], psi_io_full_us=[1000, 126_000])

    assert derive(ticks, "psi_io_full_percent") == [[None, 12.5]]


def test_the_cpu_ratio_spans_from_one_known_capacity_to_the_next() -> None:
    """1.5 s of CPU in one second over two cores; ticks between them have none."""
    ticks = block(
        [0, S // 2, S, 2 * S, 3 * S],
        cpu_time_ns=[0, S, S * 3 // 2, 2 * S, 3 * S],
        cpu_capacity_cores=[2.0, None, 2.0, 0.0, 4.0],
    )

    assert derive(ticks, "cpu_capacity_ratio") == [[None, None, 0.75, None, 0.25]]


def test_memory_pressure_is_the_largest_share_of_a_capacity_that_applies() -> None:
    """The cgroup's without what can be dropped, the address space's, the machine's."""
    ticks = block(
        [0, 1, 2, 3, 4],
        rss_bytes=[100, 100, 100, None, 100],
        system_memory_available_bytes=[300, 300, 300, 300, None],
        cgroup_memory_bytes=[90, 90, None, 40, None],
        cgroup_memory_inactive_file_bytes=[30, 30, 30, 50, None],
        cgroup_memory_limit_bytes=[100, None, 100, 100, None],
        virtual_nearest_bytes=[None, 80, None, None, None],
        virtual_limit_bytes=[None, 100, None, None, None],
    )

    assert derive(ticks, "memory_pressure_ratio") == [
        pytest.approx([0.6, 0.8, 0.25, 0.0, None], abs=1e-6)
    ]


def test_descriptors_are_compared_with_their_limit() -> None:
    """Null without a limit."""
    ticks = block([0, 1, 2], fds_nearest_count=[256, 10, 10], fds_limit_count=[1024, None, 0])

    assert derive(ticks, "fds_ratio") == [[0.25, None, None]]


def test_what_has_no_inputs_is_not_derived() -> None:
    """A source that lacks a counter lacks its rate, instead of having it null throughout."""
    rates = Rates([metric for metric in RAW if metric.name == "cpu_time_ns"])

    assert [metric.name for metric in rates.metrics] == ["cpu_percent"]
    assert rates.inputs == {"cpu_time_ns"}
    assert Rates([*RAW, *DERIVED_METRICS]).metrics == ()
    assert Rates(RAW, ()).metrics == ()


def test_the_inputs_of_what_is_wanted_are_told() -> None:
    """So that only those columns are read."""
    assert Rates(RAW, ["fds_ratio"]).inputs == {
        "suspended_ns",
        "fds_nearest_count",
        "fds_limit_count",
    }
    assert "cgroup_memory_bytes" in Rates(RAW, ["memory_pressure_ratio"]).inputs


def test_every_derived_column_has_a_spec_of_its_own() -> None:
    """Names are unique, end in their unit, and are stored in single precision."""
    names = [metric.name for metric in DERIVED_METRICS]
    endings = {
        "percent": "_percent",
        "ratio": "_ratio",
        "bytes/s": "_bytes_per_s",
        "count/s": "_per_s",
        "count": "_count",
    }
    named_by_the_trade = {"fps", "operations_in_flight"}

    assert len(set(names)) == len(names)
    for metric in DERIVED_METRICS:
        if metric.unit == "ms":
            assert "_ms_" in metric.name
        elif metric.name not in named_by_the_trade:
            assert metric.name.endswith(endings[metric.unit])
        assert metric.format == SINGLE
        assert metric.meaning


def test_every_input_is_a_raw_column_of_the_recorder() -> None:
    """A formula cannot speak of a column that nobody records."""
    from perfkit.sampling.metrics import RAW_METRICS

    recorded = {metric.name for metric in RAW_METRICS}

    assert set(INPUTS) <= recorded
    assert Rates(RAW_METRICS).metrics == DERIVED_METRICS


@given(ticks=any_session(RAW), cuts=CUTS)
def test_rates_do_not_depend_on_the_cuts(ticks: Block, cuts: list[int]) -> None:
    """To the last bit, however the ticks come in blocks, empty ones included."""
    rates, whole = Rates(RAW), Rates(RAW).add(ticks)
    pieces = [rates.add(piece) for piece in cut(ticks, cuts)]

    for metric in rates.metrics:
        bits = np.concatenate([p.columns[metric.name].values for p in pieces]).view(np.int64)
        assert bits.tolist() == whole.columns[metric.name].values.view(np.int64).tolist()
        assert joined(pieces, metric.name) == listed(whole.columns[metric.name])


@given(ticks=any_session(RAW))
def test_rates_are_what_a_session_file_keeps(ticks: Block) -> None:
    """Single precision, finite, never negative: live and replayed figures are the same bits."""
    rates = Rates(RAW)
    derived = rates.add(ticks)
    for metric in rates.metrics:
        values = derived.columns[metric.name].values
        assert values.astype(np.float32).astype(np.float64).tolist() == values.tolist()
        assert np.isfinite(values).all()
        assert (values >= 0).all()


# The naive twins: one row after the other, one value after the other.


def naive_per_time(ticks: Block, name: str, scale: float) -> list[float | None]:
    column = ticks.columns.get(name)
    slept = ticks.columns.get("suspended_ns")
    result: list[float | None] = [None] * len(ticks)
    before: tuple[int, int] | None = None
    asleep = False
    for row in range(len(ticks)):
        if slept is not None and slept.valid[row] and slept.values[row] > 0:
            asleep = True
        if column is None or not column.valid[row]:
            continue
        now = (int(ticks.t_ns[row]), int(column.values[row]))
        if before is not None and not asleep and now[1] >= before[1]:
            result[row] = (now[1] - before[1]) / (now[0] - before[0]) * scale
        before, asleep = now, False
    return result


def naive_flow(value: float | None) -> float | None:
    """The nearest number with steps of 1, 2 or 5 in its third digit."""
    if not value:
        return value
    power = 10.0 ** math.floor(math.log10(value))
    lead = value / power
    step = power * (0.01 if lead < 2 else 0.02 if lead < 5 else 0.05)
    return round(value / step) * step


@given(ticks=any_session(RAW))
def test_rates_are_those_of_the_naive_twin(ticks: Block) -> None:
    """Row by row and in plain Python, the same figures come out."""
    derived = Rates(RAW).add(ticks)
    for name, counter, scale in (
        ("cpu_percent", "cpu_time_ns", 100.0),
        ("read_bytes_per_s", "read_bytes", 1e9),
        ("psi_io_full_percent", "psi_io_full_us", 1e5),
    ):
        exact = naive_per_time(ticks, counter, scale)
        got = listed(derived.columns[name])
        assert [value is None for value in got] == [value is None for value in exact]
        for one, other in zip(got, exact, strict=True):
            if one is None or other is None:
                continue
            if name == "read_bytes_per_s":
                assert one == pytest.approx(other, rel=0.005 + 1e-6)
                assert one == pytest.approx(naive_flow(other), rel=0.0101)
            else:
                assert one == pytest.approx(round(other, 1), rel=1e-6, abs=0.1001)


@given(value=st.floats(1e-8, 1e18))
def test_flows_are_rounded_to_half_a_percent(value: float) -> None:
    """And a rounded value stays what it is."""
    rounding = WithinHalfPercent()
    (rounded,) = rounding(np.array([value])).tolist()

    assert abs(rounded - value) <= 0.00501 * value
    assert rounding(np.array([rounded])).tolist() == pytest.approx([rounded], rel=1e-12)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (0, 0),
        (1, 1),
        (12, 12),
        (119.6, 120),
        (237, 236),
        (1234, 1230),
        (3.14159, 3.14),
        (8.87e9, 8.85e9),
    ],
)
def test_flows_are_rounded_to_round_numbers(value: float, rounded: float) -> None:
    """As a person would: 3.14, 236, 8.85 billion."""
    (got,) = WithinHalfPercent()(np.array([float(value)])).tolist()

    assert struct.pack("f", got) == struct.pack("f", rounded)
