"""Values a second of the default detector beside others on the same stream; limit 1,000,000.

    python benchmarks/detectors.py [--values N] [--runs N]

A random walk with noise, given whole. Beside it river's HalfSpaceTrees, which takes value by value
and therefore a thousandth of them, and a rolling z-score of pandas; what is not installed is said.
CPU time, the median of interleaved runs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from perfkit.analysis.detectors.registry import DETECTORS

LIMIT_PER_S = 1_000_000
WINDOW = 64

Values = npt.NDArray[np.float64]


def of_perfkit(values: Values) -> int:
    DETECTORS["default"].start().score(values)
    return len(values)


def of_pandas(values: Values) -> int:
    import pandas

    series = pandas.Series(values)
    rolling = series.rolling(WINDOW)
    ((series - rolling.mean()) / rolling.std()).to_numpy()
    return len(values)


def of_river(values: Values) -> int:
    from river import anomaly

    trees = anomaly.HalfSpaceTrees(seed=1)
    part = values[: max(1, len(values) // 1000)]
    low, high = float(part.min()), float(part.max())
    for value in part.tolist():
        row = {"x": (value - low) / (high - low)}
        trees.score_one(row)
        trees.learn_one(row)
    return len(part)


def per_s(score: Callable[[Values], int], values: Values) -> float:
    began = time.process_time()
    count = score(values)
    return count / max(time.process_time() - began, 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--values", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    values = rng.standard_normal(options.values).cumsum() / 20 + rng.standard_normal(options.values)
    there: dict[str, Callable[[Values], int]] = {"perfkit, default": of_perfkit}
    for name, score, package in (
        ("pandas, rolling z-score", of_pandas, "pandas"),
        ("river, HalfSpaceTrees", of_river, "river"),
    ):
        try:
            __import__(package)
            there[name] = score
        except ImportError:
            print(f"{package} is not installed: not compared")
    found: dict[str, list[float]] = {name: [] for name in there}
    for _ in range(options.runs):
        for name, score in there.items():
            found[name].append(per_s(score, values))
    own = statistics.median(found["perfkit, default"])
    for name, rates in found.items():
        rate = statistics.median(rates)
        print(f"{name:26} {rate:13,.0f} values/s   perfkit is {own / rate:8.2f} times as fast")
    print(f"limit {LIMIT_PER_S:,} values/s on one core: {'ok' if own >= LIMIT_PER_S else 'MISSED'}")


if __name__ == "__main__":
    main()
