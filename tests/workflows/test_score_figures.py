"""What the score is made of: figures of the session's own events."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perfkit.analysis.summary import Summaries
from perfkit.workflows.score_figures import score_figures
from perfkit.workflows.source import open_recording

SAMPLES = Path(__file__).parents[2] / "sample_data"


def figures(name: str) -> dict[str, float | None]:
    recording = open_recording(SAMPLES / f"{name}.parquet")
    summaries = Summaries(recording.metrics)
    for block in recording.blocks([metric.name for metric in recording.metrics]):
        summaries.add(block)
    return score_figures(recording, summaries.finish())


def said(name: str, type: str) -> list[tuple[int, float, float, str]]:
    """(t_ns, duration_ms, hit, operation) of all events of a type, one by one."""
    found = []
    for block in open_recording(SAMPLES / f"{name}.parquet").blocks({"events"}):
        events = block.events
        if events is None:
            continue
        hits, operations = events.number("hit"), events.label("operation")
        for at in np.flatnonzero(events.of_type(type)).tolist():
            code = int(operations[at])
            operation = events.labels.texts[code] if code >= 0 else ""
            found.append(
                (int(events.t_ns[at]), float(events.duration_ms[at]), float(hits[at]), operation)
            )
    return found


def test_the_cache_part_is_hits_over_lookups() -> None:
    """Counted one by one; writes and evictions are no lookups."""
    hits = [hit for _, _, hit, operation in said("cache", "cache_operation") if operation == "get"]
    assert figures("cache")["cache"] == pytest.approx(sum(hits) / len(hits))


def test_the_latency_part_is_the_mean_of_all_operations() -> None:
    """Of the operations that ended."""
    took = [duration for _, duration, _, _ in said("inference", "ml_processing_end")]
    assert figures("inference")["latency"] == pytest.approx(np.mean(took))


def test_the_frame_part_is_frames_over_the_time_between_them() -> None:
    """Gaps of more than five seconds are pauses."""
    times = np.sort([t_ns for t_ns, _, _, _ in said("renderer", "virtual_scroll_render")])
    gaps = np.diff(times)
    gaps = gaps[gaps <= 5_000_000_000]
    assert figures("renderer")["fps"] == pytest.approx(1e9 / gaps.mean())


def test_a_session_without_events_has_memory_alone() -> None:
    """Nothing is asked of events that are not there."""
    assert set(figures("quiet")) == {"memory"}
