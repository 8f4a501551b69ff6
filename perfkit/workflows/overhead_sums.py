"""Whether a recording's sums are true: against what wait4 says of the same process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from perfkit.errors import PerfkitError
from perfkit.model.overhead import BASE_RATE_HZ, SumCheck
from perfkit.model.run import FailedRun
from perfkit.workflows.duet import Side, other_core, run_sides
from perfkit.workflows.overhead_processes import NS, cpu_ns
from perfkit.workflows.overhead_targets import recorder_of, workload
from perfkit.workflows.source import open_recording

SIZE = 500
# three intervals: what a process does after the last look at it, no recorder of it can know
LINGER_S = 3 / BASE_RATE_HZ
LEAST_WRITTEN_BYTES = 2**20

_SEALING_S = 60.0


class Attached:
    """A recorder beside the workload, from before its start until the session is sealed.

    used_before_s: CPU time of the process before the recorder came.
    """

    def __init__(self, session: Path, core: int | None) -> None:
        self._session, self._core = session, core
        self.used_before_s = 0.0

    @contextlib.contextmanager
    def __call__(self, pids: Mapping[str, int]) -> Iterator[None]:
        """See workflows.duet.Beside."""
        (pid,) = pids.values()
        self.used_before_s = (cpu_ns(pid) or 0) / NS
        with recorder_of(pid, NS // BASE_RATE_HZ, self._session, self._core) as recorder:
            yield
            try:
                recorder.wait(_SEALING_S)
            except subprocess.TimeoutExpired:
                raise PerfkitError(f"the recorder did not end in {_SEALING_S:g} s") from None


def check_sums(kind: str, *, size: int = SIZE) -> SumCheck:
    """Record a workload from its first instruction to its end and compare the sums."""
    core = max(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="perfkit-sums-") as folder:
        session = Path(folder) / "session.parquet"
        attached = Attached(session, other_core(core))
        side = Side(kind, workload(kind, size, LINGER_S))
        run = run_sides([side], core=core, beside=attached)[kind]
        if isinstance(run, FailedRun):
            return SumCheck(kind, absent=str(run))
        sums = _last_values(session, ("cpu_time_ns", "write_bytes"))
    truth_s = run.cpu_s - attached.used_before_s
    cpu_ns_seen, written = sums["cpu_time_ns"], sums["write_bytes"]
    return SumCheck(
        kind,
        cpu_s=truth_s,
        cpu_off_percent=_off(None if cpu_ns_seen is None else cpu_ns_seen / NS, truth_s),
        written_bytes=run.written_bytes,
        written_off_percent=_off(written, run.written_bytes)
        if run.written_bytes >= LEAST_WRITTEN_BYTES
        else None,
    )


def _last_values(session: Path, names: tuple[str, ...]) -> dict[str, int | None]:
    found: dict[str, int | None] = dict.fromkeys(names)
    for block in open_recording(session).blocks({"t_ns", *names}):
        for name in names:
            column = block.columns[name]
            if column.valid.any():
                found[name] = int(column.values[column.valid][-1])
    return found


def _off(seen: float | None, truth: float) -> float | None:
    return None if seen is None or truth <= 0 else 100 * (seen / truth - 1)
