"""A service that is given less CPU than it asks for: each call takes as much longer.

By the CPU quota of a control group where the laboratory could make one; else the program is
stopped and continued at a duty cycle, and the truth says so.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from perfkit.lab.noise import jitter
from perfkit.lab.rig import CGROUP_VARIABLE, Fault, Rig
from perfkit.lab.service import Outcome, burn, serve

# Work long enough to meet several of the kernel's quota periods.
CLEAN_MS = 24.0
PERIOD_US = 10_000
RUN_S = 0.006


def set_quota(group: Path, share: float | None) -> bool:
    """Give the control group this share of one core; returns whether it took it."""
    try:
        if (group / "cpu.max").exists():
            quota = "max" if share is None else str(round(share * PERIOD_US))
            (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            quota = "-1" if share is None else str(round(share * PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(quota)
    except OSError:
        return False
    return True


def stop_and_go(target: int, rig: Rig, fault: Fault) -> None:
    """Let a process run only part of the time while the fault is on."""
    stopped_s = RUN_S * (rig.strength - 1)
    rig.sleep_until(fault.from_s)
    with contextlib.suppress(ProcessLookupError):
        try:
            while stopped_s > 0 and rig.running and fault.active(rig.now_s()):
                os.kill(target, signal.SIGSTOP)
                time.sleep(stopped_s)
                os.kill(target, signal.SIGCONT)
                time.sleep(RUN_S)
        finally:
            os.kill(target, signal.SIGCONT)


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("throttling", words)
    named = os.environ.get(CGROUP_VARIABLE)
    group = Path(named) if named else None
    by_quota = group is not None and set_quota(group, None)
    fault = Fault(
        rig,
        "throttling",
        "latency_ms_mean",
        CLEAN_MS,
        means="CPU quota of a cgroup" if by_quota else "SIGSTOP and SIGCONT at a duty cycle",
    )
    stopper = 0
    if not by_quota:
        target = os.getpid()
        stopper = os.fork()
        if stopper == 0:
            try:
                stop_and_go(target, rig, fault)
            finally:
                os._exit(0)

    def handle(rng: random.Random, _now_s: float) -> Outcome:
        burn(CLEAN_MS / 1000 * jitter(rng, 0.1))
        return Outcome()

    serve(rig, handle, per_s=4, workers=1, seen=fault.see, bursts=False)
    if group is not None and by_quota:
        rig.sleep_until(fault.from_s)
        if rig.strength > 1:
            set_quota(group, 1 / rig.strength)
        rig.sleep_until(fault.until_s)
        set_quota(group, None)
    rig.finish()
    if stopper:
        os.waitpid(stopper, 0)


if __name__ == "__main__":
    main()
