"""What sharing a core does to a duet's ratio when one side's use of memory slows the other down.

    python benchmarks/duet_company.py [--seconds 20] [--pairs 20]

Base and head work in small pieces, each with its own CPU time, on one core. In turn base goes alone,
head goes alone, and both go at once as in a duet, each for less than a tenth of a second: the
noise of the machine lasts longer than that, and cancels. Told are, as medians over the turns with
their intervals of 95 %:

- the tax on base and on head: CPU time a piece in company over that alone;
- head over base alone, which is the truth, and by how much the duet's ratio differs from it.

Before that whole runs: head does a fifth more of what base does, and the longer side finishes alone,
in caches that nobody else fills. Told is the duet's ratio, which would be a fifth without that.

docs/gate.md holds figures of it.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from perfkit.model.run import Run
from perfkit.stats.intervals import signed_rank_interval
from perfkit.workflows.duet import Side, run_pair, run_sides

PHASE_S = 0.05
SKIPPED_NS = 10_000_000  # of each phase: caches that the phase before has filled with other things
LEAST_PIECES = 4
CONFIDENCE = 0.95
STARTS = 4

BASES = {
    "json": """
import json
text = json.dumps({str(i): [i, i / 7, "x" * 40] for i in range(200)})
def work():
    for _ in range(8): json.loads(text)
""",
    # places in random order, one to a cache line on average
    **{
        f"random reads in {kib} KiB": f"""
size = {kib} * 128
array = numpy.arange(size)
places = numpy.resize(numpy.random.default_rng(1).permutation(size)[:60000], 60000)
def work():
    for _ in range({rounds}): array[places].sum()
"""
        for kib, rounds in ((256, 4), (1024, 4), (8192, 1))
    },
}
"""What base does, and head as well."""

ADDITIONS = {
    "the same": "def more(): pass\n",
    "and a loop": """
def more():
    for _ in range(6000): pass
""",
    "and copying 2 MiB": """
source, target = numpy.ones(1 << 18), numpy.ones(1 << 18)
def more():
    target[:] = source
""",
    "and 2,000 random reads in 64 MiB": """
large = numpy.arange(1 << 23)
spots = numpy.random.default_rng(2).integers(0, 1 << 23, (50, 2000))
turn = 0
def more():
    global turn
    turn += 1
    large[spots[turn % 50]].sum()
""",
    "only copying 64 MiB": """
source, target = numpy.ones(1 << 23), numpy.ones(1 << 23)
def work():
    target[: 1 << 20] = source[: 1 << 20]
    target[1 << 22 :][: 1 << 20] = source[1 << 22 :][: 1 << 20]
def more(): pass
""",
}
"""What head does beside; the last does something else altogether."""

PIECES = """
import signal, sys, time
clock, cpu = time.monotonic_ns, time.thread_time_ns
rows, told = [], []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
for _ in range(3): work(); more()
sys.stdout.write("ready\\n"); sys.stdout.flush()
while not told:
    start, began = clock(), cpu()
    work(); more()
    used, end = cpu() - began, clock()
    rows.append(f"{start} {end} {used}")
sys.stdout.write("\\n".join(rows))
"""

Phase = tuple[str, int, int]
"""Who went on ("base", "head" or "both"), and from when to when."""


@contextlib.contextmanager
def stopped(code: str, core: int) -> Iterator[subprocess.Popen[str]]:
    """An interpreter on the core that works until SIGTERM, but is stopped; ended afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import numpy\n" + code + PIECES],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    try:
        os.sched_setaffinity(process.pid, {core})
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise SystemExit("a workload did not start")
        process.send_signal(signal.SIGSTOP)
        yield process
    finally:
        process.kill()
        process.communicate()


def take_turns(
    base: str, head: str, core: int, seconds: float, chance: random.Random
) -> tuple[list[Phase], list[list[tuple[int, ...]]]]:
    """The phases, and for each side its pieces: start, end, CPU time, all in nanoseconds."""
    phases: list[Phase] = []
    with stopped(base, core) as one, stopped(head, core) as other:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            turn = [("base", [one]), ("head", [other]), ("both", [one, other])]
            chance.shuffle(turn)  # what goes first finds caches that the turn before has left
            for name, going in turn:
                begin = time.monotonic_ns()
                for process in going:
                    process.send_signal(signal.SIGCONT)
                time.sleep(PHASE_S * len(going))
                for process in going:
                    process.send_signal(signal.SIGSTOP)
                phases.append((name, begin, time.monotonic_ns()))
        pieces = []
        for process in (one, other):
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)
            text = process.stdout.read() if process.stdout else ""
            pieces.append([tuple(map(int, line.split())) for line in text.splitlines()])
    return phases, pieces


def costs(phases: Sequence[Phase], pieces: Sequence[tuple[int, ...]]) -> list[float | None]:
    """Log of the mean CPU time a piece in each phase, None where there were too few."""
    logs: list[float | None] = []
    at = 0
    for _, begin, end in phases:
        used = []
        while at < len(pieces) and pieces[at][0] < end:
            start, stop, cost = pieces[at]
            if start > begin + SKIPPED_NS and stop < end:
                used.append(cost)
            at += 1
        logs.append(math.log(statistics.fmean(used)) if len(used) >= LEAST_PIECES else None)
    return logs


def compare(base: str, head: str, core: int, seconds: float) -> dict[str, list[float]]:
    """Log ratios turn by turn: tax on base, tax on head, truth, and the duet's ratio over it."""
    found: dict[str, list[float]] = {"base": [], "head": [], "truth": [], "apart": []}
    chance = random.Random(1)
    for _ in range(STARTS):  # where in the caches its memory lies is settled when a process starts
        phases, pieces = take_turns(base, head, core, seconds / STARTS, chance)
        logs = [costs(phases, side) for side in pieces]
        for at in range(0, len(phases) - 2, 3):
            place = {phases[number][0]: number for number in range(at, at + 3)}
            alone = [logs[0][place["base"]], logs[1][place["head"]]]
            both = [side[place["both"]] for side in logs]
            if None in alone or None in both:
                continue
            taxes = [within - before for within, before in zip(both, alone, strict=True)]
            found["base"].append(taxes[0])
            found["head"].append(taxes[1])
            found["truth"].append(alone[1] - alone[0])
            found["apart"].append(taxes[1] - taxes[0])
    return found


def ratios_of_duets(
    base: tuple[str, ...], head: tuple[str, ...], core: int, pairs: int, start_s: float
) -> list[float]:
    """Log ratios of the CPU time beyond `start_s`, which an interpreter takes to begin."""
    chance = random.Random(1)
    logs = []
    for _ in range(pairs):
        pair = run_pair((Side("base", base), Side("head", head)), chance, core=core)
        runs = pair.measured()
        if runs is None:
            raise SystemExit("a run failed")
        logs.append(math.log((runs["head"].cpu_s - start_s) / (runs["base"].cpu_s - start_s)))
    return logs


def whole_run(base: str, rounds: int) -> tuple[str, ...]:
    """The words of a run that does base's work so many times."""
    code = "import numpy\n" + base + f"\nfor _ in range({rounds}): work()"
    return (sys.executable, "-c", code)


def rounds_of(base: str, core: int) -> tuple[int, float]:
    """Rounds of base's work that take half a second alone, and what the start takes before them."""
    took = []
    for rounds in (0, 100):
        words = whole_run(base, rounds)
        runs = [run_sides([Side("a", words)], core=core)["a"] for _ in range(5)]
        took.append(statistics.median(run.cpu_s for run in runs if isinstance(run, Run)))
    return max(20, round(0.5 / ((took[1] - took[0]) / 100))), took[0]


def shown(logs: list[float]) -> str:
    """The middle and its interval, in percent."""
    if not logs:
        return "no turn was long enough"
    found = signed_rank_interval(logs, CONFIDENCE)
    middle, low, high = (100 * math.expm1(x) for x in (found.estimate, found.low, found.high))
    return f"{middle:+7.1f} % ({low:+.1f} to {high:+.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each combination")
    parser.add_argument("--pairs", type=int, default=20, help="of whole runs; 0: none")
    options = parser.parse_args()
    core = max(os.sched_getaffinity(0))
    for base_name, base in BASES.items() if options.pairs else ():
        rounds, start_s = rounds_of(base, core)
        words, more = whole_run(base, rounds), whole_run(base, round(1.2 * rounds))
        logs = ratios_of_duets(words, more, core, options.pairs, start_s)
        print(
            f"base: {base_name}; head: a fifth more of it, whole duets   {shown(logs)}", flush=True
        )
    for base_name, base in BASES.items() if options.seconds else ():
        for name, addition in ADDITIONS.items():
            found = compare(base + ADDITIONS["the same"], base + addition, core, options.seconds)
            print(f"base: {base_name}; head: {name} ({len(found['base'])} turns)")
            for key, label in (
                ("base", "tax on base"),
                ("head", "tax on head"),
                ("truth", "head over base, alone"),
                ("apart", "  the duet's ratio over it"),
            ):
                print(f"  {label:<28} {shown(found[key])}", flush=True)


if __name__ == "__main__":
    main()
