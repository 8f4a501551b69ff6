"""False alarms of the anomaly stage over days in which nothing is wrong, with the limits beside them.

    python benchmarks/anomaly_budget.py                     100 days of the kinds it was made with
    python benchmarks/anomaly_budget.py --kinds held-out    100 days of kinds it was not made with
    python benchmarks/anomaly_budget.py --seeds 0:20        other seeds: below 1000 is development

A day is 86,400 periods of a second of twenty metrics (`loads.py`), the budget one alarm a day.
`claimed` asks whether probabilities hold: of all days, how many had an alarm that claimed to come
so seldom.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from loads import HELD_OUT, TUNED, WATCHED_HERE, clean_day

from perfkit.analysis.anomaly import Anomalies
from perfkit.model.finding import Finding, latest

SECOND_NS = 1_000_000_000
MEAN_LIMITS = (0.5, 2.0)
WORST_LIMIT = 5
BLOCK = 3600


def alarms(day: tuple[str, int]) -> list[Finding]:
    """What the stage says of a day, each as it stood last."""
    kind, seed = day
    load = clean_day(kind, seed)
    stage = Anomalies(WATCHED_HERE, SECOND_NS)
    told: list[Finding] = []
    for start in range(0, len(load), BLOCK):
        told += stage.add(load[start : start + BLOCK], [])
    return latest(told + stage.finish([]))


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print, and exit with 1 if a limit is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="1000:1100", help="FROM:TO")
    parser.add_argument("--kinds", choices=("made-with", "held-out"), default="made-with")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args(words)
    kinds = list(TUNED if asked.kinds == "made-with" else HELD_OUT)
    first, last = map(int, asked.seeds.split(":"))
    days = [(kinds[seed % len(kinds)], seed) for seed in range(first, last)]
    started = time.monotonic()
    with ProcessPoolExecutor(asked.processes) as pool:
        found = list(pool.map(alarms, days))
    counts = np.array([len(told) for told in found])
    for kind in kinds:
        own = counts[[one == kind for one, _ in days]]
        print(f"{kind:>16}: {own.mean():5.2f} a day, worst {own.max()}   {np.bincount(own)}")
    early = [sum(one.known_at_ns < 8640 * SECOND_NS for one in told) for told in found]
    metrics = Counter(one.metric for told in found for one in told)
    print("by metric:", ", ".join(f"{name} {count}" for name, count in metrics.most_common()))
    for claim in (0.5, 0.1, 0.01):
        share = np.mean([any((one.probability or 0) <= claim for one in told) for told in found])
        print(f"claimed {claim}: {share:.2f} of all days")
    print(f"in the first 2.4 h: {np.mean(early):.2f} (budget 0.1)")
    print(
        f"all: {counts.mean():.2f} alarms a day (limits {MEAN_LIMITS[0]} to {MEAN_LIMITS[1]}), "
        f"worst {counts.max()} (limit {WORST_LIMIT}), {len(days)} days in "
        f"{time.monotonic() - started:.0f} s"
    )
    held = MEAN_LIMITS[0] <= counts.mean() <= MEAN_LIMITS[1] and counts.max() <= WORST_LIMIT
    sys.exit(not held)


if __name__ == "__main__":
    main()
