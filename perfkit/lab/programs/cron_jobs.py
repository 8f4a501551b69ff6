"""A scheduler that starts a handful of short jobs every half minute or so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import perfkit
from perfkit.lab.rig import Rig

JOB = "import sys, time; kept = bytearray(2**22); time.sleep(float(sys.argv[1]))"


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    rig, _ = Rig.of("cron_jobs", words, seconds=720.0)
    rng = rig.stream("jobs")
    jobs: list[subprocess.Popen[bytes]] = []
    due_s = rng.uniform(5, 15)
    while rig.running:
        rig.sleep(0.5)
        jobs = [job for job in jobs if job.poll() is None]
        if rig.now_s() < due_s:
            continue
        due_s += rng.uniform(25, 35)
        with perfkit.span("schedule"):
            for _ in range(rng.randrange(2, 5)):
                words_of_job = [sys.executable, "-S", "-c", JOB, str(rng.uniform(0.5, 2.5))]
                jobs.append(subprocess.Popen(words_of_job))
                rig.sleep(rng.uniform(0.1, 0.4))
    for job in jobs:
        job.terminate()
        job.wait()
    rig.finish()


if __name__ == "__main__":
    main()
