"""Every kind of forecast on an imported session that runs into it, and the plan that goes with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfkit.model.forecast import BEYOND, CROSSING, NOTICE, Forecast
from perfkit.workflows.forecast import outlook
from perfkit.workflows.import_data import import_data

SECONDS, HORIZON = 400, "100s"
GIB = 2**30

# kind, metric, its value at the start and where it would be at 430 s, other columns, what to consider
KINDS = [
    ("memory_exhaustion", "cgroup_memory_bytes", 0.2 * GIB, GIB, {"cgroup_memory_limit_bytes": GIB}, "clear_cache"),
    ("memory_exhaustion", "virtual_nearest_bytes", 0.2 * GIB, GIB, {"virtual_limit_bytes": GIB}, "clear_cache"),
    ("memory_exhaustion", "rss_bytes", 0.2 * GIB, GIB, {"memory_capacity_bytes": GIB}, "reduce_batch_size"),
    ("descriptor_exhaustion", "fds_nearest_count", 50, 1024, {"fds_limit_count": 1024}, "force_gc"),
    ("thread_exhaustion", "tasks_nearest_count", 50, 1024, {"tasks_limit_count": 1024}, "scale_workers"),
    ("disk_exhaustion", "disk_free_bytes", 9 * GIB, 0, {"disk_total_bytes": 10 * GIB}, "clear_cache"),
    ("worker_saturation", "worker_utilisation_ratio", 0.2, 0.95, {}, "scale_workers"),
    ("worker_saturation", "queue_ms_p95", 100, 2000, {}, "scale_workers"),
    ("latency_degradation", "latency_ms_p95", 100, 2000, {}, "scale_workers"),
    ("fps_degradation", "fps", 120, 30, {}, "adjust_quality"),
    ("cpu_saturation", "cpu_capacity_ratio", 0.1, 0.95, {}, "defer_operations"),
    ("swap_thrash", "system_swap_free_bytes", 4 * GIB, 0, {"system_swap_total_bytes": 4 * GIB}, "clear_cache"),
    ("swap_thrash", "psi_memory_full_percent", 0.5, 10, {"system_swap_total_bytes": 4 * GIB}, "clear_cache"),
]  # fmt: skip


def foreseen(
    folder: Path, metric: str, first: float, last: float, others: dict[str, float], until: float
) -> tuple[list[Forecast], set[str]]:
    """Of a session in which the metric goes from first to last in a straight line over 430 s."""
    table = folder / "course.csv"
    lines = [",".join(("t_s", metric, *others))]
    for t in range(round(until)):
        value = first + (last - first) * t / 430
        lines.append(",".join(map(str, (t, value, *others.values()))))
    table.write_text("\n".join(lines) + "\n")
    session = folder / "course.parquet"
    import_data(table, session)
    found = outlook(session, horizon=HORIZON)
    return list(found.forecasts), {one.action for one in found.decisions if not one.withheld}


@pytest.mark.parametrize(
    ("kind", "metric", "first", "last", "others", "action"), KINDS, ids=[one[1] for one in KINDS]
)
def test_each_kind_is_foreseen_with_its_time_and_its_plan(
    tmp_path: Path,
    kind: str,
    metric: str,
    first: float,
    last: float,
    others: dict[str, float],
    action: str,
) -> None:
    """30 s before it is met, surely enough for a plan; nothing else is said to cross."""
    forecasts, actions = foreseen(tmp_path, metric, first, last, others, SECONDS)
    (crossing,) = [one for one in forecasts if one.state in (CROSSING, BEYOND)]
    assert (crossing.kind, crossing.metric, crossing.level) == (kind, metric, NOTICE)
    assert crossing.median_s is not None
    assert crossing.low_s is not None
    assert 15 < crossing.median_s < 45
    assert crossing.low_s <= crossing.median_s
    assert action in actions


def test_a_machine_without_swap_cannot_thrash(tmp_path: Path) -> None:
    """Free swap of 0 is what it has, not what is left."""
    forecasts, actions = foreseen(
        tmp_path, "psi_memory_full_percent", 0.5, 10, {"system_swap_total_bytes": 0.0}, SECONDS
    )
    assert {one.reason for one in forecasts if one.metric == "psi_memory_full_percent"} == {
        "capacity unknown"
    }
    assert not actions
