"""A service that starts a process for every job, and gets many more jobs."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import time
from collections.abc import Sequence

from perfkit.lab.noise import jitter
from perfkit.lab.rig import Fault, Rig
from perfkit.lab.service import Outcome, serve

CLEAN_PER_S = 4.0
# Long enough to be seen by a recorder ten times a second.
CHILD_S = "0.25"


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("fork_storm", words)
    fault = Fault(rig, "fork_storm", "processes_born_per_s", CLEAN_PER_S)
    program = shutil.which("sleep") or "/bin/sleep"
    rng = rig.stream("jobs")

    def handle(chance: random.Random, _now_s: float) -> Outcome:
        time.sleep(0.006 * jitter(chance))
        return Outcome()

    serve(rig, handle, per_s=10)
    due_s = 0.0
    while rig.running:
        rate = CLEAN_PER_S * fault.factor(rig.now_s())
        wait_s = rng.uniform(0.7, 1.3) / rate
        due_s = max(due_s + wait_s, rig.now_s() - wait_s)
        rig.sleep_until(due_s)
        os.posix_spawn(program, [program, CHILD_S], os.environ)
        fault.see(rate, wait_s)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    rig.finish()


if __name__ == "__main__":
    main()
