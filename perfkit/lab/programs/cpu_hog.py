"""A service beside a neighbour that takes the machine's CPU.

The neighbour is no part of the service: the laboratory runs it outside what is recorded (`--neighbour`);
without a laboratory it is a child of the service. It has work of its own at all times, and the
fault is that it gets more.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from perfkit.lab.noise import Wander, jitter
from perfkit.lab.rig import END_VARIABLE, NEIGHBOUR_VARIABLE, NOTES_VARIABLE, Fault, Rig, now_ns
from perfkit.lab.service import Outcome, burn, serve

CLEAN_PERCENT = 20.0
SLICE_S = 0.02
_PATIENCE_S = 60.0


def hog(cores: int, ends_ns: int, from_ns: int, until_ns: int, strength: float, seed: int) -> None:
    """Use a share of every core: the clean one, and strength times that while the fault is on.

    Returns in the parent once all cores are done.
    """
    children = []
    for core in range(cores):
        child = os.fork()
        if child:
            children.append(child)
            continue
        try:
            rng = random.Random(f"neighbour {seed} {core}")
            wander = Wander(rng, (ends_ns - now_ns()) / 1e9, 0.05, 10.0)
            began = now_ns()
            while (now := now_ns()) < ends_ns:
                share = CLEAN_PERCENT / 100 * wander((now - began) / 1e9)
                if from_ns <= now < until_ns:
                    share *= strength
                burn(min(share, 1.0) * SLICE_S)
                time.sleep(max(0.0, SLICE_S - (now_ns() - now) / 1e9))
        finally:
            os._exit(0)
    for child in children:
        os.waitpid(child, 0)


def be_neighbour() -> None:
    """Wait for the service's notes to say when, then follow them."""
    notes = Path(os.environ[NOTES_VARIABLE])
    give_up = time.monotonic() + _PATIENCE_S
    plan: dict[str, dict[str, float]] = {}
    while "fault" not in plan or "run" not in plan:
        time.sleep(0.02)
        if time.monotonic() > give_up:
            raise SystemExit("the service has not begun")
        lines = notes.read_text("utf-8").splitlines(keepends=True) if notes.exists() else []
        plan = {(note := json.loads(line))["note"]: note for line in lines if line.endswith("\n")}
    run, fault = plan["run"], plan["fault"]
    hog(
        len(os.sched_getaffinity(0)),
        int(run["ends_ns"]),
        int(fault["from_ns"]),
        int(fault["until_ns"]),
        run["strength"],
        int(run["seed"]),
    )


def busy_ns() -> tuple[int, int]:
    """CPU time the whole machine has used, and had, since it started, in ticks."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def main(words: Sequence[str] | None = None) -> None:
    """Run it."""
    words = sys.argv[1:] if words is None else words
    if list(words) == ["--neighbour"]:
        be_neighbour()
        return
    rig, _ = Rig.of("cpu_hog", words)
    fault = Fault(rig, "cpu_hog", "system_cpu_percent", CLEAN_PERCENT)
    rig.note("run", ends_ns=rig.ends_ns, strength=rig.strength, seed=rig.seed)
    child = 0
    if NEIGHBOUR_VARIABLE not in os.environ:
        child = os.fork()
        if child == 0:
            os.environ[END_VARIABLE] = str(rig.ends_ns)
            try:
                cores = len(os.sched_getaffinity(0))
                begins, ends = (
                    rig.began_ns + round(t * 1e9) for t in (fault.from_s, fault.until_s)
                )
                hog(cores, rig.ends_ns, begins, ends, rig.strength, rig.seed)
            finally:
                os._exit(0)

    def handle(rng: random.Random, _now_s: float) -> Outcome:
        burn(0.003 * jitter(rng))
        time.sleep(0.005 * jitter(rng))
        return Outcome()

    serve(rig, handle, per_s=15)
    before = busy_ns()
    while rig.running:
        rig.sleep(1.0)
        after = busy_ns()
        if after[1] > before[1]:
            fault.see(100 * (after[0] - before[0]) / (after[1] - before[1]), after[1] - before[1])
        before = after
    rig.finish()
    if child:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
