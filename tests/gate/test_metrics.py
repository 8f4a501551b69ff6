"""The registry of gate metrics, and log ratios."""

from __future__ import annotations

import math

import pytest

from perfkit.gate.metrics import GATE_METRICS, log_ratio
from perfkit.model.run import Run

RUN = Run(0, 1, 1.0, 1.0, 1, 1, 1, 1, 1, 1, 1)


def test_every_metric_is_a_figure_of_a_run() -> None:
    """By the same name, once."""
    names = [metric.name for metric in GATE_METRICS]

    assert len(set(names)) == len(names)
    assert all(hasattr(RUN, name) for name in names)


def test_what_gates_by_default_is_cpu_memory_and_wall_time() -> None:
    """Wall time against a margin of its own."""
    gating = {metric.name: metric for metric in GATE_METRICS if metric.gating}

    assert set(gating) == {"cpu_s", "peak_rss_bytes", "wall_s"}
    assert gating["wall_s"].margin == 0.25


def test_less_than_a_quantum_is_one() -> None:
    """None against none is no difference, none against some a finite one."""
    assert log_ratio(0, 0, 1.0) == 0.0
    assert log_ratio(0, 8192, 4096.0) == pytest.approx(math.log(2))
    assert log_ratio(2.0, 3.0) == pytest.approx(math.log(1.5))
    assert log_ratio(0.0, 0.0) == 0.0


@pytest.mark.parametrize("values", [(0.0, 1.0), (1.0, 0.0), (math.nan, 1.0), (1.0, -2.0)])
def test_what_has_no_ratio_is_refused(values: tuple[float, float]) -> None:
    """Without a quantum zero has none."""
    with pytest.raises(ValueError, match=r"ratio|a figure"):
        log_ratio(*values)
