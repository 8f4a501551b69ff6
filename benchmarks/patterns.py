"""How well patterns are found: cycles, false cycles, every other kind, and recordings of known period.

    python benchmarks/patterns.py [--series N] [--seed N] [--recordings DIR] [--only PART]

All series are made up, from seeds; the default seed was not used while the method was made. Each
flows through the stage as a session of its own would, a period a second, every look included.

cycles      sine, square, sawtooth, pulses, two humps, a decaying kick; periods of 4 s to a seventh of
            the session, sessions of 150 s to 3 h; noise of up to .6 of the cycle's deviation, white
            or red; cycles that differ in length by up to 5 %; trends; missing periods. Found if what
            is told last has the period within 5 %.
noise       white, AR(1) of .5, .9, .99, random walks: any cycle told at any time is a false one.
kinds       series of each kind, and of none; recall is what was told of the series that have it,
            precision the share of the series told of that do. A shift must be within 5 s and a quarter of its size.
recordings  what `perfkit lab run-all --only clean` makes: how many of the periods in the truth beside
            them were found in a metric of the target.

Ends in 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perfkit.analysis.patterns import Patterns
from perfkit.analysis.watched import WATCHED, Watched
from perfkit.model.block import Block, Column
from perfkit.model.finding import Finding, latest

HELD_OUT = 770_021
"""The seed of series that no constant of the method was chosen on."""

SECOND = 1_000_000_000
WITHIN = 0.05

LEAST_FOUND, MOST_FALSE = 0.95, 0.01
LEAST_RECALL, LEAST_PRECISION = 0.9, 0.9
MOST_CPU_S = 2.0
DAY = 86_400

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator

ANY = Watched("value", "value", "up", 0.01, 0.02)
HELD = Watched("rss_bytes", "value", "up", 0.01, 0.02)


def told(values: Floats, metric: Watched = ANY) -> list[Finding]:
    """What the stage says of a session of these periods, NaN being null."""
    valid = np.isfinite(values)
    block = Block(
        np.arange(len(values), dtype=np.int64) * SECOND,
        {metric.column: Column(np.where(valid, values, 0.0), valid)},
    )
    stage = Patterns((metric,), SECOND)
    return stage.add(block, ()) + stage.finish(())


def red(rng: Rng, points: int, phi: float) -> Floats:
    """AR(1) of deviation 1; a random walk for 1, of deviation 1 over its length."""
    shocks = rng.normal(size=points + 400)
    values = np.empty(len(shocks))
    before = 0.0
    for at, shock in enumerate(shocks.tolist()):
        before = phi * before + shock
        values[at] = before
    values = values[400:]
    return np.asarray((values - values.mean()) / values.std())


@dataclass(frozen=True)
class Truth:
    """values: of a session, deviation of the cycle 1. period: mean length of its cycles."""

    values: Floats
    period: float
    what: str


def phases(rng: Rng, points: int, period: float, jitter: float) -> tuple[Floats, float]:
    """Place within the cycle of each point, and the mean length of the cycles seen."""
    lengths = period * (1 + jitter * rng.normal(size=int(2 * points / period) + 20)).clip(0.5, 1.5)
    ends = np.cumsum(lengths) - rng.uniform(0, lengths[0])
    starts = ends - lengths
    places = np.arange(points) + 0.5
    cycle = np.searchsorted(ends, places)
    seen = lengths[: cycle[-1] + 1]
    return (places - starts[cycle]) / lengths[cycle], float(seen.mean())


def _pulse(phase: Floats, period: float) -> Floats:
    return np.where(phase < max(0.12, 1.5 / period), 1.0, 0.0)


WAVES: dict[str, Callable[[Floats, float], Floats]] = {
    "sine": lambda phase, _: np.sin(2 * np.pi * phase),
    "square": lambda phase, _: np.where(phase < 0.5, 1.0, 0.0),
    "sawtooth": lambda phase, _: phase,
    "pulses": _pulse,
    "two humps": lambda phase, _: np.sin(2 * np.pi * phase) + 0.7 * np.sin(4 * np.pi * phase + 1),
    "kick": lambda phase, _: np.exp(-5 * phase),
}


def cycle(rng: Rng, wave: str) -> Truth:
    """One session with a cycle."""
    points = int(rng.choice([150, 300, 600, 1200, 3600, 10_800]))
    period = float(np.exp(rng.uniform(np.log(4), np.log(points / 7))))
    jitter = float(rng.choice([0, 0, 0.02, 0.05]))
    phase, mean = phases(rng, points, period, jitter)
    shape = WAVES[wave](phase, period)
    shape = (shape - shape.mean()) / shape.std()
    phi, noise = float(rng.choice([0, 0.5, 0.9])), float(rng.choice([0.1, 0.3, 0.6]))
    trend = float(rng.choice([0, 0, 3, 10])) * np.linspace(0, 1, points)
    values = 100 + 10 * (shape + noise * red(rng, points, phi) + trend)
    if rng.random() < 0.2:
        values[rng.random(points) < 0.05] = np.nan
    what = f"{wave}, {points} s, period {period:.1f} s, jitter {jitter}, noise {noise} of AR {phi}"
    return Truth(values, mean, f"{what}, trend {trend[-1]:.0f}")


def cycles(seed: int, series: int) -> bool:
    """Recall of periods, by wave form and in all."""
    right: Counter[str] = Counter()
    misses: list[str] = []
    for place, wave in enumerate(WAVES):
        for number in range(series):
            truth = cycle(np.random.default_rng([seed, 1, place, number]), wave)
            found = [one for one in latest(told(truth.values)) if one.kind == "cycle"]
            period = found[-1].evidence["period_s"] if found else None
            if period is not None and abs(period / truth.period - 1) <= WITHIN:
                right[wave] += 1
            else:
                misses.append(f"{truth.what}: {'nothing' if period is None else f'{period:.1f} s'}")
    for wave in WAVES:
        print(f"  {wave:<12} {right[wave] / series:6.1%} of {series}")
    for miss in misses[:12]:
        print(f"    missed: {miss}")
    return figure("period within 5 %", right.total() / (series * len(WAVES)), LEAST_FOUND)


def noise(seed: int, series: int) -> bool:
    """False cycles, by the noise's colour; the worst colour counts."""
    worst = 0.0
    for place, phi in enumerate((0.0, 0.5, 0.9, 0.99, 1.0)):
        false = 0
        for number in range(series):
            rng = np.random.default_rng([seed, 2, place, number])
            points = int(rng.choice([150, 300, 600, 1200, 3600]))
            values = 100 + 10 * red(rng, points, phi)
            false += any(one.kind == "cycle" for one in told(values))
        worst = max(worst, false / series)
        name = {0.0: "white", 1.0: "random walk"}.get(phi, f"AR(1) {phi}")
        print(f"  {name:<12} {false / series:6.2%} of {series}")
    return figure("series of noise with a cycle, worst colour", worst, MOST_FALSE, most=True)


@dataclass(frozen=True)
class Case:
    """A series of one kind: what must be told of it, what may be, and the shift's truth if any."""

    values: Floats
    kind: str
    may: frozenset[str] = frozenset()
    metric: Watched = ANY
    at: float = 0.0
    change: float = 0.0


def case(rng: Rng, kind: str) -> Case:
    """One session that shows this kind, or nothing."""
    points = int(rng.choice([240, 400, 720, 1500]))
    phi = float(rng.choice([0.0, 0.5, 0.9]))
    base = 100 + red(rng, points, phi)
    time_s = np.arange(points)
    if kind == "nothing":
        phi = float(rng.choice([0.0, 0.5, 0.9, 0.99, 1.0]))
        drift = float(rng.choice([0, 0, 5])) * np.linspace(0, 1, points)
        return Case(100 + red(rng, points, phi) + drift, kind)
    if kind == "burst":
        at = np.sort(rng.choice(points, rng.integers(4, 4 + points // 40), replace=False))
        for start in at.tolist():
            base[start : start + rng.integers(1, 5)] += rng.uniform(15, 30)
        return Case(base, kind)
    if kind == "level_shift":
        turn = int(rng.uniform(0.3, 0.7) * points)
        change = float(rng.uniform(5, 15) * rng.choice([-1, 1]))
        base[turn:] += change
        return Case(base, kind, at=turn, change=change)
    if kind == "sawtooth":
        phase, _ = phases(rng, points, rng.uniform(8, 50), rng.choice([0.0, 0.15]))
        return Case(base + 20 * phase, kind, frozenset({"cycle"}), HELD)
    if kind == "leak":
        base += rng.uniform(15, 60) * np.linspace(0, 1, points)
        if rng.random() < 0.5:
            base += 10 * phases(rng, points, rng.uniform(8, 30), 0.1)[0]
        return Case(base, kind, frozenset({"cycle", "sawtooth"}), HELD)
    if kind == "warm_up":
        scale = rng.uniform(0.02, 0.08) * points
        base += rng.uniform(15, 40) * rng.choice([-1, 1]) * np.exp(-time_s / scale)
        return Case(base, kind, metric=HELD if rng.random() < 0.5 else ANY)
    if kind == "plateau":
        base = 100 + 10 * red(rng, points, 0.9)
        return Case(np.minimum(base, np.quantile(base, rng.uniform(0.5, 0.75))), kind)
    levels = np.array([0.0, 15.0, 30.0])[: rng.integers(2, 4)]
    stays = rng.exponential(points / 14, 60).astype(int) + 8
    steps = np.cumsum(rng.integers(1, len(levels), 60)) % len(levels)
    return Case(
        base + np.repeat(levels[steps], stays)[:points], kind, frozenset({"plateau", "level_shift"})
    )


KINDS = (
    "nothing", "burst", "level_shift", "sawtooth", "leak", "warm_up", "plateau", "regime",
)  # fmt: skip


def kinds(seed: int, series: int) -> bool:
    """Recall and precision of every kind over series of all kinds."""
    hits: Counter[str] = Counter()
    said: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    confused: Counter[tuple[str, str]] = Counter()
    for place, kind in enumerate(KINDS):
        for number in range(series):
            one = case(np.random.default_rng([seed, 3, place, number]), kind)
            found = latest(told(one.values, one.metric))
            names = {each.kind for each in found}
            hits[kind] += kind in names and _is_right(one, found)
            for name in names - one.may:
                said[name] += 1
                wrong[name] += name != kind
                confused[kind, name] += name != kind
    good = True
    for kind in KINDS[1:]:
        recall = hits[kind] / series
        precision = 1 - wrong[kind] / max(1, said[kind])
        print(f"  {kind:<12} recall {recall:6.1%}  precision {precision:6.1%}")
        good &= recall >= LEAST_RECALL and precision >= LEAST_PRECISION
    for (kind, name), times in confused.most_common():
        if times:
            print(f"    of {series} series of kind {kind}, {times} were told to have: {name}")
    print(
        f"  {'ok' if good else 'MISSED'}: recall and precision of each at least {LEAST_RECALL:.0%}"
    )
    return good


def _is_right(truth: Case, found: Sequence[Finding]) -> bool:
    if truth.kind != "level_shift":
        return True
    return any(
        abs(one.onset_ns / SECOND - truth.at) <= 5
        and abs(one.evidence["change"] / truth.change - 1) <= 0.25
        for one in found
        if one.kind == "level_shift"
    )


def cost(seed: int) -> bool:
    """CPU of the stage for a day of 20 metrics, every fourth of them with a cycle."""
    rng = np.random.default_rng([seed, 4])
    metrics = WATCHED[:20]
    columns = {}
    for place, metric in enumerate(metrics):
        values = 100 + 10 * red(rng, DAY, (0.0, 0.5, 0.9, 0.99)[place % 4])
        if place % 4 == 1:
            values += 15 * np.sin(2 * np.pi * np.arange(DAY) / (10 * place))
        columns[metric.column] = Column(values * metric.least, np.ones(DAY, np.bool_))
    block = Block(np.arange(DAY, dtype=np.int64) * SECOND, columns)
    stage = Patterns(metrics, SECOND)
    began = time.process_time()
    stage.add(block, ())
    stage.finish(())
    return figure(
        "CPU seconds for a day of 20 metrics", time.process_time() - began, MOST_CPU_S, most=True
    )


def recordings(folder: Path) -> None:
    """The periods of recorded workloads, and the cycles told of those that have none."""
    from perfkit.lab.truth import SUFFIX

    found = known = 0
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        truth = json.loads(path.read_text("utf-8"))
        facts = truth["facts"]
        period = facts.get("period_s") or facts.get("collects_every_s")
        said = list(_of_recording(path.with_name(path.name.removesuffix(SUFFIX))))
        texts = [f"{one.metric} {one.kind} {one.evidence['period_s']:.2f} s" for one in said]
        if period is None:
            print(
                f"  {truth['program']}-s{truth['seed']}: no period known; told: {', '.join(texts) or '-'}"
            )
            continue
        known += 1
        right = [t for t, one in zip(texts, said, strict=True)
                 if abs(one.evidence["period_s"] / period - 1) <= WITHIN]  # fmt: skip
        found += bool(right)
        word = "found " if right else "MISSED"
        print(
            f"  {word} {truth['program']}-s{truth['seed']}: {period} s; told: {', '.join(texts) or '-'}"
        )
    print(f"  found {found} of {known} known periods")


def _of_recording(path: Path) -> Iterator[Finding]:
    """Cycles and sawteeth in metrics of the target, as they were told last."""
    from perfkit.workflows.findings import findings
    from perfkit.workflows.source import open_recording

    said = latest(findings(open_recording(path), stages={"pattern"}))
    for one in said:
        own = not (one.metric or "").startswith(("system_", "psi_"))
        if one.kind in ("cycle", "sawtooth") and own:
            yield one


def figure(name: str, value: float, limit: float, *, most: bool = False) -> bool:
    """Print a figure against its limit, and whether it holds."""
    holds = value <= limit if most else value >= limit
    sign = "at most" if most else "at least"
    print(f"  {'ok' if holds else 'MISSED'}: {name} {value:.4g}, {sign} {limit:.4g}")
    return holds


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=200, help="of each kind")
    parser.add_argument("--seed", type=int, default=HELD_OUT)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--only", choices=("cycles", "noise", "kinds", "cost", "recordings"))
    words = parser.parse_args()
    parts: dict[str, Callable[[], bool]] = {
        "cycles": lambda: cycles(words.seed, words.series),
        "noise": lambda: noise(words.seed, 5 * words.series),
        "kinds": lambda: kinds(words.seed, words.series),
        "cost": lambda: cost(words.seed),
    }
    good = True
    for name, part in parts.items():
        if words.only in (None, name):
            print(name)
            good &= part()
    if words.recordings is not None:
        print("recordings")
        recordings(words.recordings)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
