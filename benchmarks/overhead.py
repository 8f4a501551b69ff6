"""What recording costs, with the limits beside the figures, and other tools beside perfkit.

    python benchmarks/overhead.py [--rounds N] [--quick]

At 10 Hz the median of several rounds; at 100 Hz a minute and at 1000 Hz twenty seconds, for the
slots that the recorder misses and a bare clock loop in the same run does not; trees, slow-down,
sums and other tools once. Takes about fifteen minutes, and wants the machine for itself. --quick
takes about two minutes and shows less.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from perfkit.model.overhead import PARTS, Overhead
from perfkit.report.overhead import as_text
from perfkit.workflows.overhead import measure

ROUND_S = 20.0
PAIRS = 90
LIMITS = (
    # what, figure, rate, limit, unit
    ("CPU per tick at 10 Hz", "cpu_us_per_tick", 10, 350.0, "µs"),
    ("  ratio to the same files by bare pread", "ratio_to_bare", 10, 1.7, ""),
    ("resident set while recording", "rss_mib", 10, 11.5, "MiB"),
    ("missed at 100 Hz, beyond the clock loop's", "missed_beyond_clock_percent", 100, 0.1, "%"),
    ("missed at 1000 Hz, beyond the clock loop's", "missed_beyond_clock_percent", 1000, 1.0, "%"),
)
OF_WHOLE = (
    ("CPU per tick, tree of 10", "cpu_us_per_tick_of_tree_10", 750.0, "µs"),
    ("CPU per tick, tree of 100", "cpu_us_per_tick_of_tree_100", 4000.0, "µs"),
    ("  each further process", "us_per_further_process", 40.0, "µs"),
    ("slow-down, upper bound, cpu", "slowdown_high_percent_cpu", 0.5, "%"),
    ("slow-down, upper bound, io", "slowdown_high_percent_io", 0.5, "%"),
    ("slow-down, upper bound, forks", "slowdown_high_percent_forks", 0.5, "%"),
    ("CPU against wait4, off by, cpu", "cpu_off_percent_cpu", 3.0, "%"),
    ("CPU against wait4, off by, forks", "cpu_off_percent_forks", 3.0, "%"),
    ("to psrecord with children and I/O", "ratio_to_psrecord_tree", 0.15, ""),
    ("to pidstat", "ratio_to_pidstat", 1.0, ""),
)


def say(what: str) -> None:
    print(what, file=sys.stderr)


def median_of(rounds: list[Overhead], figure: str) -> tuple[float, float, float]:
    """(least, median, greatest) of a figure at its first rate."""
    values = [getattr(measured.rates[0], figure) for measured in rounds]
    return min(values), statistics.median(values), max(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    at_10 = [
        measure(
            5.0 if options.quick else ROUND_S,
            (10,),
            parts=PARTS if number == 0 else ("ticks",),
            pairs=6 if options.quick else PAIRS,
            say=say,
        )
        for number in range(rounds)
    ]
    at_100 = [measure(5.0 if options.quick else 60.0, (100,), parts=("ticks",), say=say)]
    at_1000 = [measure(5.0 if options.quick else 20.0, (1000,), parts=("ticks",), say=say)]
    measured = {10: at_10, 100: at_100, 1000: at_1000}

    print(as_text(at_10[0], ()))
    print(f"{'figure':<44}{'limit':>10}{'measured':>12}   least to greatest of {rounds}")
    over = False
    for what, figure, rate, limit, unit in LIMITS:
        least, median, greatest = median_of(measured[rate], figure)
        over = over or median > limit
        spread = f"{least:.3g} to {greatest:.3g}" if len(measured[rate]) > 1 else ""
        verdict = "OVER" if median > limit else ""
        print(
            f"{what:<44}{f'{limit:g} {unit}':>10}{f'{median:.3g} {unit}':>12}   {spread} {verdict}"
        )
    figures = at_10[0].figures()
    for what, figure, limit, unit in OF_WHOLE:
        value = figures[figure]
        broken = value is not None and value > limit
        over = over or broken
        shown = "–" if value is None else f"{value:.3g} {unit}"
        print(f"{what:<44}{f'{limit:g} {unit}':>10}{shown:>12}   {'OVER' if broken else ''}")
    raise SystemExit(3 if over else 0)


if __name__ == "__main__":
    main()
