"""The applications in examples/ that speak: each, recorded for a moment, says what it is there for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from perfkit.session.reader import open_source
from perfkit.workflows.events import events

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small recorder is for Linux")

SECONDS = "2"
SAID = {
    "inference": {"ml_processing_start", "ml_processing_end", "worker_task_completed"},
    "web": {"request", "query_start", "query_end"},
    "cache": {"cache_operation", "compute_start", "compute_end"},
    "renderer": {"virtual_scroll_render"},
}
"""Types that each must say; others may come, since a checkout fails only now and then."""

FIELDS = {
    "ml_processing_end": {"batch_size", "worker_count", "throughput", "complexity"},
    "worker_task_completed": {"queue_ms", "worker_id", "complexity"},
    "request": {"route", "status_code"},
    "cache_operation": {"operation", "level", "response_ms", "hit", "size_bytes"},
    "virtual_scroll_render": {"items_rendered", "total_items", "render_ms", "quality_level"},
}


@pytest.mark.parametrize("name", SAID)
def test_an_example_says_what_it_is_there_for(
    name: str, project_root: Path, tmp_path: Path
) -> None:
    """Its types come, with their fields; nothing is dropped, left open or unreadable."""
    session = tmp_path / "s.parquet"
    code = "from perfkit.cli import main; main()"
    record = [sys.executable, "-c", code, "record", "-q", "-o", str(session), "--"]
    program = [sys.executable, "-W", "error", str(project_root / "examples" / f"{name}.py")]
    done = subprocess.run(
        [*record, *program, SECONDS, "7"],
        env={**os.environ, "PYTHONPATH": str(project_root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")

    summary = events(session)
    assert {said.type for said in summary.types} >= SAID[name]
    assert (summary.dropped, summary.problems, summary.open_count) == (0, {}, 0)
    fields = _fields(session)
    for type in SAID[name] & FIELDS.keys():
        assert fields[type] >= FIELDS[type]


def test_an_example_runs_as_well_when_nobody_records(project_root: Path) -> None:
    """It says things to nobody, and does not mind."""
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": str(project_root)}
    environment.pop("PERFKIT_SOCKET", None)
    for name in ("cache", "renderer"):
        program = [sys.executable, str(project_root / "examples" / f"{name}.py"), "0.3"]
        subprocess.run(program, env=environment, capture_output=True, check=True)


def _fields(session: Path) -> dict[str, set[str]]:
    """The names of what was said, by type."""
    found: dict[str, set[str]] = {}
    for block in open_source(session).blocks(["events"]):
        said = block.events
        if said is None:
            continue
        for kind in said.types:
            chosen = said.chosen(said.of_type(kind))
            for fields in (chosen.numbers, chosen.labels):
                names = {fields.names[key] for key in set(fields.keys.tolist())}
                found.setdefault(kind, set()).update(names)
    return found
