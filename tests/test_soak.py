"""A twentieth of benchmarks/soak.py: memory, descriptors and disk hold steady over many ticks."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

SOAK: dict[str, Any] = runpy.run_path(
    str(Path(__file__).resolve().parent.parent / "benchmarks" / "soak.py")
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small recorder is for Linux")


@pytest.mark.parametrize("name", SOAK["SCENARIOS"])
def test_a_twentieth_of_a_long_recording_holds_steady(name: str) -> None:
    """Growth after the first tenth within a mebibyte, not one descriptor more, disk bounded."""
    one = SOAK["soak"](name, 0.05)
    ticks, _, keep_ns = SOAK["SCENARIOS"][name]

    assert one.ticks == ticks // 20
    assert one.growth_bytes <= SOAK["GROWTH_LIMIT_BYTES"]
    assert one.descriptors[0] == one.descriptors[1] == one.descriptors_most
    if keep_ns is not None:
        assert one.disk_most <= 1.5 * max(one.disk)
        assert max(one.disk) < 400_000
    else:
        # a record a tick, and a list of processes every five seconds
        assert one.disk[1] == pytest.approx(10 * one.disk[0], rel=0.1)
    assert one.is_steady()
