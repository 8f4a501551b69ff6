"""What can run out: the series and capacities that forecasts are made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.analysis.forecast.capacities import FULL, Capacity, Series, capacities
from perfkit.model.block import Block, Column
from perfkit.model.thresholds import Threshold, Thresholds

SECOND = 1_000_000_000
ALL = capacities(Thresholds())
NAMES = sorted({name for one in ALL for name in one.inputs})


def block(columns: dict[str, list[float | None]]) -> Block:
    """Periods of a second; None is null."""
    size = len(next(iter(columns.values())))
    return Block(
        np.arange(size, dtype=np.int64) * SECOND,
        {
            name: Column(
                np.array([0.0 if one is None else one for one in values]),
                np.array([one is not None for one in values]),
            )
            for name, values in columns.items()
        },
    )


def of(metric: str, thresholds: Thresholds | None = None) -> Capacity:
    """The capacity of this metric."""
    return next(one for one in capacities(thresholds or Thresholds()) if one.metric == metric)


def plain(series: Series) -> tuple[list[float | None], list[float | None]]:
    """Values and capacities, None where not valid."""
    pairs = ((series.values, series.valid), (series.capacity, series.capacity_valid))
    values, capacity = (
        [float(one) if good else None for one, good in zip(numbers, valid, strict=True)]
        for numbers, valid in pairs
    )
    return values, capacity


def test_no_two_capacities_share_kind_and_metric() -> None:
    """A finding is named by both."""
    named = [(one.kind, one.metric) for one in ALL]
    assert len(set(named)) == len(named)
    assert all(one.column in one.inputs for one in ALL)


def test_a_session_is_asked_only_for_what_it_has() -> None:
    """Without frames there is none about frames."""
    chosen = capacities(Thresholds(), {"rss_bytes", "fds_nearest_count"})
    assert [one.metric for one in chosen] == ["rss_bytes", "fds_nearest_count"]


def test_memory_of_a_control_group_leaves_out_what_can_be_dropped() -> None:
    """As memory_pressure_ratio has it; without that column all of it counts."""
    columns: dict[str, list[float | None]] = {
        "cgroup_memory_bytes_last": [100.0, 120.0],
        "cgroup_memory_inactive_file_bytes_last": [30.0, None],
        "cgroup_memory_limit_bytes_last": [200.0, 200.0],
    }
    series = of("cgroup_memory_bytes").series(block(columns))
    assert plain(series) == ([70.0, 120.0], [200.0, 200.0])


def test_memory_of_the_machine_is_what_it_holds_and_what_is_available() -> None:
    """Where what is available is not recorded, the capacity of the session's column."""
    columns: dict[str, list[float | None]] = {
        "rss_bytes_max": [10.0, 12.0],
        "rss_bytes_last": [9.0, 11.0],
        "system_memory_available_bytes_last": [90.0, None],
        "memory_capacity_bytes_last": [500.0, 500.0],
    }
    assert plain(of("rss_bytes").series(block(columns))) == ([10.0, 12.0], [99.0, None])
    del columns["system_memory_available_bytes_last"]
    assert plain(of("rss_bytes").series(block(columns))) == ([10.0, 12.0], [500.0, 500.0])


@pytest.mark.parametrize("metric", ["rss_bytes", "fds_nearest_count", "virtual_nearest_bytes"])
def test_without_its_column_a_capacity_is_unknown(metric: str) -> None:
    """The values are there all the same."""
    one = of(metric)
    series = one.series(block({one.column: [1.0, 2.0]}))
    assert plain(series) == ([1.0, 2.0], [None, None])


def test_a_limit_of_nothing_is_unknown() -> None:
    """Zero and below mean that there is none, or that somebody is wrong."""
    columns: dict[str, list[float | None]] = {
        "fds_nearest_count_last": [5.0, 5.0, 5.0],
        "fds_limit_count_last": [0.0, -1.0, 1024.0],
    }
    assert plain(of("fds_nearest_count").series(block(columns)))[1] == [None, None, 1024.0]


def test_room_on_disk_falls_to_nothing() -> None:
    """Its capacity is 0, and always known."""
    one = of("disk_free_bytes")
    assert one.falling
    assert plain(one.series(block({"disk_free_bytes_last": [5.0, None]}))) == (
        [5.0, None],
        [0.0, 0.0],
    )


def test_swap_needs_swap_space() -> None:
    """A machine without any has none to run out of."""
    columns: dict[str, list[float | None]] = {
        "system_swap_free_bytes_last": [0.0, 7.0],
        "system_swap_total_bytes_last": [0.0, 10.0],
        "psi_memory_full_percent_mean": [0.0, 1.0],
    }
    assert plain(of("system_swap_free_bytes").series(block(columns)))[1] == [None, 0.0]
    assert plain(of("psi_memory_full_percent").series(block(columns)))[1] == [None, 10.0]


def test_marks_of_the_user_are_the_capacities() -> None:
    """`--set latency_ms.critical=500` moves them."""
    moved = Thresholds(fps=Threshold(40.0, 20.0), latency_ms=Threshold(100.0, 500.0))
    series = of("latency_ms_p95", moved).series(block({"latency_ms_p95": [3.0]}))
    assert plain(series) == ([3.0], [500.0])
    assert plain(of("fps", moved).series(block({"fps": [60.0]}))) == ([60.0], [20.0])
    assert plain(of("cpu_capacity_ratio").series(block({"cpu_capacity_ratio_mean": [0.5]}))) == (
        [0.5],
        [FULL],
    )


cells = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, -1.0, 1.0, 1e300, -1e300, 9.3e18]),
)


@given(
    st.dictionaries(st.sampled_from(NAMES), st.lists(cells, min_size=6, max_size=6), min_size=1),
    st.integers(0, 6),
)
def test_cuts_do_not_matter_and_valid_numbers_are_finite(
    columns: dict[str, list[float | None]], cut: int
) -> None:
    """To the last bit, whatever the columns hold; nothing raises."""
    whole = block(columns)
    with np.errstate(all="ignore"):
        for one in ALL:
            series = one.series(whole)
            parts = [one.series(whole[:cut]), one.series(whole[cut:])]
            for place, array in enumerate(series):
                pieces = [part[place] for part in parts]
                if array is None:
                    assert pieces == [None, None]
                    continue
                assert np.array_equal(array, np.concatenate(pieces), equal_nan=True)
            assert np.isfinite(series.values).all()
            assert np.isfinite(series.capacity).all()
            if not one.falling:
                assert (series.capacity[series.capacity_valid] > 0).all()
