"""How often the gate is wrong, and how soon it is right, with the limits beside the figures.

    python benchmarks/gate_calibration.py --make-pool DIR [--pairs N] [--minutes M] [--repeat R]
    python benchmarks/gate_calibration.py [--pools DIR]

The first records pairs of one program beside itself, both at once on the last core (about 0.27 s a
pair; three times --repeat 3), and wants that core for itself. The second prints the figures: on the
pools, where true effects are multiplied into recorded runs, and on simulated noise; beside them
what other rules do with the same runs. It takes about two minutes and exits with 1 where a figure
is beyond its limit.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gate_pools import Pool, make_pools, read_pools
from numpy.typing import NDArray

from perfkit.gate.decision import Gate, Terms
from perfkit.gate.detectable import detectable_effect, simulate
from perfkit.gate.metrics import GATE_METRICS
from perfkit.gate.unpaired import largest_shift, unpaired_shift
from perfkit.model.verdict import REGRESSED, UNDECIDED
from perfkit.stats.betting import scales, wealth
from perfkit.stats.intervals import signed_rank_interval

Array = NDArray[np.float64]
Draw = Callable[[int], Array]
"""Log ratios without a true effect, shape (gates, MOST)."""

MOST = Terms().max_pairs
ONE = {"tolerance": 0.01, "margin": 0.03, "fail_level": 0.01, "pass_level": 0.05}
GATES = 4000
QUIET = 0.013  # the spread of a pair up to which finding +3 % and +5 % is promised
DUET_METRICS = ("peak_rss_bytes", "cpu_s")


@dataclass
class Table:
    """Prints figures beside their limits and remembers whether one was beyond."""

    over: bool = False

    def title(self, text: str) -> None:
        """What the rows below are about."""
        print(f"\n{text}\n{'figure':<72}{'limit':>12}{'measured':>10}")

    def row(
        self, what: str, value: float, *, least: float | None = None, most: float | None = None
    ) -> None:
        """A row; without least and most it has no limit."""
        broken = (least is not None and value < least) or (most is not None and value > most)
        self.over = self.over or broken
        limits = [f">= {least:g}"] if least is not None else []
        limits += [f"<= {most:g}"] if most is not None else []
        print(f"{what:<72}{' '.join(limits):>12}{value:>10.4g}{'  OVER' if broken else ''}")


def upper_95(hits: int, trials: int) -> float:
    """The upper end of the exact one-sided 95 % interval of a share, in percent."""
    from scipy.stats import beta

    return 100.0 if hits == trials else 100 * float(beta.ppf(0.95, hits + 1, trials - hits))


def fresh_gates(pools: list[Pool]) -> tuple[int, int, int, int, list[int]]:
    """(gates, regressed, undecided, pairs used, pairs each took); each pair in one gate."""
    metrics = [metric for metric in GATE_METRICS if metric.name in DUET_METRICS]
    gates = regressed = undecided = used = 0
    lengths = []
    for pool in pools:
        place = 0
        while True:
            gate, start = Gate(metrics, Terms()), place
            while place < pool.pairs and place - start < MOST and not gate.decided:
                values = {
                    name: (float(pool.base[name][place]), float(pool.head[name][place]))
                    for name in DUET_METRICS
                }
                gate.add(values)
                place += 1
            if place == pool.pairs and not gate.decided:
                break  # cut off by the pool's end
            gates += 1
            used += place - start
            lengths.append(place - start)
            verdict = gate.verdict(final=True)
            regressed += verdict == REGRESSED
            undecided += verdict == UNDECIDED
    return gates, regressed, undecided, used, lengths


def flipped(pools: list[Pool], tolerance: float, generator: np.random.Generator) -> float:
    """Share of invocations of both duet metrics that ever fail, over 30 pairs, without passes.

    Every invocation takes 30 recorded pairs in a row and gives them signs by chance, the same for
    both metrics: what chance order does to runs that do not differ.
    """
    level = Terms().fail_level / len(DUET_METRICS)
    hits = trials = 0
    for pool in pools:
        rows = pool.pairs // MOST
        signs = generator.choice([-1.0, 1.0], (GATES // 4, rows, MOST)).reshape(-1, MOST)
        ever = np.zeros(len(signs), dtype=bool)
        for name in DUET_METRICS:
            recorded = pool.ratios(name)[: rows * MOST].reshape(rows, MOST)
            ratios = signs * np.tile(recorded, (GATES // 4, 1))
            grown = wealth(ratios, math.log1p(tolerance), scales(ratios))
            ever |= (grown >= 1 / level).any(axis=1)
        hits += int(ever.sum())
        trials += len(ever)
    return 100 * hits / trials


def power(table: Table, name: str, draw: Draw, *, promised: bool) -> None:
    """Rows on one metric's gate: +5 %, +3 %, nothing, and the sides swapped."""
    limit = (lambda value: value) if promised else (lambda _value: None)
    found = simulate(draw(GATES) + math.log(1.05), **ONE)
    table.row(f"{name}: +5 %, found, %", 100 * found.regressed.mean(), least=limit(99))
    table.row(f"{name}: +5 %, pairs", found.pairs.mean(), most=limit(8))
    found = simulate(draw(GATES) + math.log(1.03), **ONE)
    within = found.regressed & (found.pairs <= 15)
    table.row(f"{name}: +3 %, found, %", 100 * found.regressed.mean(), least=limit(95))
    table.row(f"{name}: +3 %, pairs", found.pairs.mean(), most=limit(12))
    table.row(f"{name}: +3 %, found within 15 pairs, %", 100 * within.mean(), least=limit(95))
    same = simulate(draw(GATES), **ONE)
    table.row(f"{name}: A/A, passes, %", 100 * same.unchanged.mean())
    table.row(f"{name}: A/A, pairs", same.pairs.mean(), most=limit(6.5))
    swapped = simulate(-(draw(GATES) + math.log(1.05)), **ONE)
    table.row(f"{name}: swapped +5 %, regressed, %", 100 * swapped.regressed.mean(), most=0)
    table.row(f"{name}: swapped +5 %, improved, %", 100 * swapped.improved.mean(), least=limit(99))


def detectable(table: Table, name: str, draw: Draw, margin: float = ONE["margin"]) -> None:
    """40 printed effects of 30 pairs each, each tried on 50 fresh gates."""
    terms = ONE | {"margin": margin}
    shares, effects = [], []
    for number in range(40):
        effect = detectable_effect(draw(1)[0], max_pairs=MOST, seed=number, **terms)
        if effect is None:
            raise SystemExit(f"{name}: no effect was detectable")
        effects.append(effect)
        shares.append(simulate(draw(50) + math.log1p(effect), **terms).regressed.mean())
    table.row(
        f"{name}: printed effect (median {100 * np.median(effects):.2g} %), found, %",
        100 * float(np.mean(shares)),
        least=75,
        most=85,
    )


def resampling(ratios: Array, generator: np.random.Generator) -> Draw:
    """Recorded pairs by chance, their own centre taken away."""
    centred = ratios - np.median(ratios)
    return lambda gates: generator.choice(centred, (gates, MOST))


def shared_machine(generator: np.random.Generator) -> Draw:
    """Ratios of alternating runs: coefficient of variation 20 %, two speeds, autocorrelation .5."""

    def draw(gates: int) -> Array:
        runs = 2 * MOST
        # a speed lasts four runs on average, which gives neighbours a correlation of a half
        changes = np.cumsum(generator.random((gates, runs)) < 0.25, axis=1)
        speed = (changes + generator.integers(0, 2, (gates, 1))) % 2
        wander = np.zeros((gates, runs))
        wander[:, 0] = generator.normal(0, 1, gates)
        for place in range(1, runs):
            fresh = generator.normal(0, math.sqrt(0.75), gates)
            wander[:, place] = 0.5 * wander[:, place - 1] + fresh
        times = 0.36 * (speed - 0.5) + 0.085 * wander
        first = generator.choice([-1.0, 1.0], (gates, MOST))
        ratios: Array = first * (times[:, 1::2] - times[:, ::2])
        return ratios

    return draw


def rules(base: Array, head: Array) -> dict[str, bool]:
    """What others would say of runs of one metric, given in order of time."""
    from scipy.stats import mannwhitneyu

    change = head.mean() / base.mean() - 1
    p_value = mannwhitneyu(base, head, alternative="two-sided").pvalue
    slower = bool(np.median(head) > np.median(base))
    paired = signed_rank_interval(np.log(head / base), 0.98)
    return {
        "mean > 5 %": bool(change > 0.05),
        "Mann-Whitney p < .05": bool(p_value < 0.05) and slower,
        "p < .002 and > 10 %": bool(p_value < 0.002) and bool(change > 0.10),
        "paired Hodges-Lehmann, 99 % above 1 %": paired.low > math.log(1.01),
    }


def peers(pools: list[Pool], generator: np.random.Generator) -> None:
    """Every rule on the same recorded CPU times; base and head from neighbouring pairs."""
    print(
        "\nrules on recorded CPU times, runs of neighbouring pairs, not duets: found, %, "
        "n = 5/10/20 a side"
    )
    print(f"{'rule':<44}{'A/A':>14}{'true +5 %':>16}{'true +10 %':>16}")
    cells: dict[str, dict[tuple[float, int], list[bool]]] = {}
    for effect in (0.0, 0.05, 0.10):
        for size in (5, 10, 20):
            for pool in pools:
                times = pool.base["cpu_s"]
                for start in generator.integers(0, len(times) - 2 * size, 100):
                    runs = times[start : start + 2 * size].reshape(size, 2)
                    order = generator.integers(0, 2, size)
                    base = runs[np.arange(size), order]
                    head = runs[np.arange(size), 1 - order] * (1 + effect)
                    for rule, hit in rules(base, head).items():
                        cells.setdefault(rule, {}).setdefault((effect, size), []).append(hit)
    for rule, found in cells.items():
        columns = [
            "/".join(f"{100 * np.mean(found[effect, size]):.2g}" for size in (5, 10, 20))
            for effect in (0.0, 0.05, 0.10)
        ]
        print(f"{rule:<44}{columns[0]:>14}{columns[1]:>16}{columns[2]:>16}")
    columns = []
    for effect in (0.0, 0.05, 0.10):
        shares = []
        for most in (5, 10, 20):
            found_here = [
                simulate(
                    resampling(pool.ratios("cpu_s"), generator)(600)[:, :most] + math.log1p(effect),
                    **ONE,
                ).regressed.mean()
                for pool in pools
            ]
            shares.append(f"{100 * np.mean(found_here):.2g}")
        columns.append("/".join(shares))
    print(
        f"{'perfkit gate, duets, at most n pairs':<44}{columns[0]:>14}{columns[1]:>16}{columns[2]:>16}"
    )


def stored_baselines(table: Table, pools: list[Pool], generator: np.random.Generator) -> None:
    """Ten runs of base and ten of head far later in the same pool, without a true difference.

    The floor is recorded in the half of the pool that neither comes from.
    """
    recorded: list[bool] = []
    own: list[bool] = []
    for pool in pools:
        times = np.log(pool.base["cpu_s"])
        half = len(times) // 2
        floor = largest_shift(list(times[:half]), 10)
        for _ in range(100):
            first, second = sorted(generator.integers(half, len(times) - 10, 2))
            base, head = (list(times[start : start + 10]) for start in (first, second))
            if second - first < 10:
                continue
            for known, hits in ((floor, recorded), (None, own)):
                shift = unpaired_shift(
                    base, head, floor=known, tolerance=0.01, fail_level=0.01, pass_level=0.05
                )
                hits.append(shift.low > math.log(1.01))
    what = "stored baseline, 10 runs a side, A/A: regressed, %"
    table.row(f"{what}, recorded floor", 100 * float(np.mean(recorded)), most=1)
    table.row(f"{what}, base's own floor", 100 * float(np.mean(own)))


def on_pools(table: Table, pools: list[Pool], generator: np.random.Generator) -> None:
    table.title(f"recorded pools, {sum(pool.pairs for pool in pools)} duet pairs")
    for pool in pools:
        ratios = pool.ratios("cpu_s")
        spread = 148.26 * float(np.median(np.abs(ratios - np.median(ratios))))
        table.row(f"{pool.workload}: {pool.pairs} pairs, spread of one, %", spread)
    gates, regressed, undecided, used, lengths = fresh_gates(pools)
    what = f"A/A, {gates} gates of CPU and peak memory on {used} fresh pairs"
    table.row(f"{what}: regressed", regressed)
    table.row("  upper bound of that share, 95 %, %", upper_95(regressed, gates), most=1.5)
    table.row("  undecided after 30 pairs, %", 100 * undecided / gates)
    table.row("  pairs", float(np.mean(lengths)))
    table.row("A/A by sign flips, tolerance 0, 30 pairs, %", flipped(pools, 0.0, generator), most=1)
    table.row("A/A by sign flips, tolerance 1 %, %", flipped(pools, 0.01, generator), most=1)
    for pool in pools:
        ratios = pool.ratios("cpu_s")
        spread = 1.4826 * float(np.median(np.abs(ratios - np.median(ratios))))
        draw = resampling(ratios, generator)
        power(table, pool.workload, draw, promised=spread <= QUIET)
        detectable(table, pool.workload, draw)
        memory = resampling(pool.ratios("peak_rss_bytes"), generator)(GATES) + math.log(1.05)
        for share, of in ((1, "one gating metric"), (3, "three")):
            found = simulate(memory, **(ONE | {"fail_level": ONE["fail_level"] / share}))
            within = 100 * (found.regressed & (found.pairs <= 10)).mean()
            table.row(
                f"{pool.workload}: +5 % peak memory within 10 pairs, {of}, %", within, least=100
            )
    stored_baselines(table, pools, generator)


def on_simulation(table: Table, generator: np.random.Generator) -> None:
    table.title(f"simulated noise, {GATES} gates a figure")
    power(
        table,
        "normal, 1.3 %",
        lambda gates: generator.normal(0, QUIET, (gates, MOST)),
        promised=True,
    )

    def disturbed(gates: int) -> Array:
        wild = generator.random((gates, MOST)) < 0.05
        calm = generator.normal(0, QUIET, (gates, MOST))
        noise: Array = calm + wild * generator.choice([-0.5, 0.5], (gates, MOST))
        return noise

    power(table, "one wild pair in 20", disturbed, promised=False)
    detectable(table, "normal, 1.3 %", lambda gates: generator.normal(0, QUIET, (gates, MOST)))
    shared = shared_machine(generator)
    terms = ONE | {"margin": 0.25, "fail_level": ONE["fail_level"] / 3}
    what = "wall time, 20 %, two speeds, autocorrelated, margin 25 %"
    same = simulate(shared(GATES), **terms)
    table.row(f"{what}: A/A fails, %", 100 * same.regressed.mean(), most=1)
    table.row(f"{what}: A/A passes, %", 100 * same.unchanged.mean())
    table.row("  pairs", same.pairs.mean())
    for effect in (0.3, 0.5):
        found = simulate(shared(GATES) + math.log1p(effect), **terms)
        table.row(f"  +{100 * effect:g} %, found, %", 100 * found.regressed.mean())
        table.row("    pairs", found.pairs.mean())
    plain = simulate(shared(GATES), **ONE)
    table.row("the same noise, margin 3 %: A/A fails, %", 100 * plain.regressed.mean(), most=1)
    detectable(table, "  wall time, margin 25 %", shared, margin=0.25)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--make-pool", type=Path, metavar="DIR")
    parser.add_argument("--pairs", type=int, default=3000)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--repeat", type=int, default=1, help="how often a side runs its program")
    parser.add_argument("--pools", type=Path, metavar="DIR")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.make_pool:
        make_pools(
            options.make_pool, options.pairs, 60 * options.minutes, options.repeat, options.seed
        )
        return
    table = Table()
    generator = np.random.default_rng(options.seed)
    on_simulation(table, generator)
    if options.pools:
        pools = read_pools(options.pools)
        on_pools(table, pools, generator)
        peers(pools, generator)
    raise SystemExit(1 if table.over else 0)


if __name__ == "__main__":
    main()
