"""What pairs and runs of an unchanged command show: spread, what would be found, and what to do.

Between runs of one program on a shared machine there is more than chance: its speed changes in
spells that outlast a run, so that neighbours resemble each other and runs of another hour do not.
Pairs are judged by the gate's own procedure (perfkit.gate.detectable); stored baselines by the
floor, the largest difference that this host has shown between runs of the same program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from perfkit.gate.decision import Terms
from perfkit.gate.detectable import detectable_effect
from perfkit.gate.metrics import log_ratio
from perfkit.gate.unpaired import largest_shift
from perfkit.model.noise import PAIRS, Floor, MetricNoise, Noise, RunNoise
from perfkit.model.verdict import ALTERNATING, DUET, GateMetric

Array = NDArray[np.float64]

FLOOR_RUNS = (1, 3, 5, 10)
"""Numbers of runs for which a report shows the floor."""

SHORT_RUN_S = 0.1
"""A run of less CPU time is mostly start-up and timer ticks."""

_FEWEST_NEIGHBOURS = 8
_NEVER = 1e-9  # a logarithm of ratios that small is rounding


def pair_noise(
    metric: GateMetric,
    pairs: Sequence[tuple[float, float]],
    *,
    design: str,
    gating: bool,
    terms: Terms,
    family: int,
) -> MetricNoise:
    """What pairs of (base, head) of the same command show of a metric.

    terms: of the gate whose detectable effects are told; its most pairs are replaced by PAIRS.
    family: number of gating metrics among which that gate divides its fail level.
    """
    ratios = np.array([log_ratio(base, head, metric.quantum) for base, head in pairs])
    tolerance = terms.tolerance if metric.tolerance is None else metric.tolerance
    margin = terms.margin if metric.margin is None else metric.margin
    detectable = {
        count: detectable_effect(
            ratios,
            tolerance=tolerance,
            margin=max(margin, tolerance),
            fail_level=terms.fail_level / family,
            pass_level=terms.pass_level,
            max_pairs=count,
        )
        for count in PAIRS
    }
    return MetricNoise(
        metric.name,
        metric.unit,
        design,
        gating,
        len(pairs),
        typical=float(np.median(pairs)) if pairs else None,
        noise=spread(ratios) if len(pairs) > 1 else None,
        largest=float(np.abs(ratios).max()) if pairs else None,
        detectable=detectable,
    )


def run_noise(metric: GateMetric, values: Sequence[float], floors: Mapping[int, float]) -> RunNoise:
    """What runs in the order in which they ran show of a metric; at least one value.

    floors: see `floors_of`.
    """
    logs = logarithms(values, metric.quantum)
    return RunNoise(
        metric.name,
        metric.unit,
        len(values),
        typical=float(np.median(values)),
        noise=spread(logs) if len(values) > 1 else None,
        autocorrelation=autocorrelation(logs),
        floors=floors,
    )


def logarithms(values: Sequence[float], quantum: float) -> Array:
    """Logarithms of figures, those below one quantum counted as one (see gate.metrics)."""
    return np.array([log_ratio(quantum or 1.0, value, quantum) for value in values])


def spread(values: Array) -> float:
    """The robust standard deviation of values: 1.4826 times the median absolute deviation.

    Where more than half are equal the plain one, so that a spread that is there is not called none.
    """
    deviation = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return deviation or float(np.std(values, ddof=1))


def autocorrelation(values: Array) -> float | None:
    """How much neighbours resemble each other, by ranks: -1 to 1.

    Of the values in order; None for fewer than eight and where all are equal. By ranks, so that
    one wild run does not decide it (Spearman's correlation of each value with the next).
    """
    if values.size < _FEWEST_NEIGHBOURS or float(np.ptp(values)) < _NEVER:
        return None
    ranks = _ranks(values)
    centred = ranks - ranks.mean()
    return float(np.sum(centred[1:] * centred[:-1]) / np.sum(centred**2))


def shift_between(series: Sequence[Array], size: int) -> float | None:
    """The largest |shift| between two blocks of `size` values in a row, nothing setting them apart.

    series: values in order, one array a stretch without a break; the blocks are of one stretch, or
    of two as a baseline of another day is. Shifts are those of medians (see gate.unpaired). None
    where there are no two such blocks.
    """
    shifts = [largest_shift(values.tolist(), size) for values in series if values.size >= 2 * size]
    blocks = [
        np.median(np.lib.stride_tricks.sliding_window_view(values, size), axis=1)
        for values in series
        if values.size >= size
    ]
    for one, other in combinations(blocks, 2):
        shifts += [float(one.max() - other.min()), float(other.max() - one.min())]
    return max(shifts, default=None)


def floors_of(floor: Floor, metric: GateMetric, sizes: Sequence[int]) -> dict[int, float]:
    """For each number of runs the floor of a metric; sizes for which too little is known are left out."""
    known = [one.runs[metric.name] for one in floor.series if metric.name in one.runs]
    series = [logarithms(values, metric.quantum) for values in known if values]
    shifts = {size: shift_between(series, size) for size in sizes}
    return {size: shift for size, shift in shifts.items() if shift is not None}


def floor_for(floor: Floor, metrics: Sequence[GateMetric], runs: int) -> dict[str, float]:
    """Metric to the largest |log ratio| that so many runs showed against as many others.

    Where the floor knows too few runs for that, fewer are taken, whose floor is higher.
    """
    found = {}
    for metric in metrics:
        for size in range(max(1, runs), 0, -1):
            shift = floors_of(floor, metric, (size,)).get(size)
            if shift is not None:
                found[metric.name] = shift
                break
    return found


def advice(noise: Noise, margin: float) -> tuple[str, ...]:
    """What to do about the noise, most useful first; nothing where a gate works as it is.

    margin: what a gate of CPU time is to rule out.
    """
    return tuple(_advice(noise, margin))


def _advice(noise: Noise, margin: float) -> Iterator[str]:
    cpu = _of(noise, "cpu_s", DUET)
    apart = _of(noise, "cpu_s", ALTERNATING)
    wall = _of(noise, "wall_s", ALTERNATING)
    most = PAIRS[-1]
    if cpu is None or not cpu.pairs:
        yield (
            "Two copies at once do not work here: give each its own port, file or database with "
            "{side} in CMD, or a gate has to compare runs one after the other."
        )
    else:
        yield from _about_duets(noise, cpu, margin)
        if apart is not None and apart.noise and cpu.noise and apart.noise > 2 * cpu.noise:
            yield (
                f"Keep the duet for CPU time: its pairs are {apart.noise / cpu.noise:.0f} times as "
                "steady as two runs one after the other."
            )
    if wall is not None and wall.pairs:
        found = wall.detectable.get(most)
        if found is None or found > 0.25:
            yield (
                f"Wall time finds {_found(found)} in {most} pairs: gate on CPU time and memory, "
                "and take wall time for what is much slower, such as a wait or a lost thread"
                + ("." if noise.pinned else "; --cpu N keeps runs from moving between cores.")
            )
    neighbours = [
        one.autocorrelation
        for one in noise.runs
        if one.metric in ("cpu_s", "wall_s") and one.autocorrelation is not None
    ]
    if neighbours and max(neighbours) >= 0.3:
        yield (
            "Neighbouring runs resemble each other: the machine has slow and fast spells, so ten "
            "runs of base and then ten of head differ by themselves; always take turns."
        )
    yield from _about_the_machine(noise)


def _about_duets(noise: Noise, cpu: MetricNoise, margin: float) -> Iterator[str]:
    found = [(count, cpu.detectable.get(count)) for count in PAIRS]
    enough = [count for count, effect in found if effect is not None and effect <= 2 * margin]
    most, last = found[-1]
    if enough:
        yield (
            f"A gate on CPU time works here: {enough[0]} pairs find "
            f"{_found(cpu.detectable.get(enough[0]))}."
        )
    else:
        yield (
            f"CPU time finds {_found(last)} even with {most} pairs: take more pairs "
            "(--max-pairs), or do the work several times in one run."
        )
        steadier = [
            one.metric
            for one in noise.metrics
            if one.design == DUET
            and one.metric in ("peak_rss_bytes", "instructions", "minor_faults")
            and (effect := one.detectable.get(PAIRS[0])) is not None
            and effect <= 2 * margin
        ]
        if steadier:
            yield f"Steadier here, and decided in {PAIRS[0]} pairs: {', '.join(steadier)}."
    if cpu.typical is not None and cpu.typical < SHORT_RUN_S:
        yield (
            f"A run takes {1000 * cpu.typical:.0f} ms of CPU time: much of that is start-up; "
            "repeat the work within a run until it takes 200 ms or more."
        )


def _about_the_machine(noise: Noise) -> Iterator[str]:
    cores = noise.host.get("cores")
    if noise.others_cores is not None and noise.others_cores >= 0.5:
        total = f" of {cores}" if isinstance(cores, int) else ""
        yield (
            f"Others used {noise.others_cores:.1f}{total} cores meanwhile: stop them, or pin to a "
            "core that they leave alone (--cpu N)."
        )
    if noise.stolen_cores is not None and noise.stolen_cores >= 0.02:
        yield (
            f"The hypervisor took away {100 * noise.stolen_cores:.0f} % of a core: other guests "
            "share this host, and only a duet or another host helps."
        )
    governor = noise.host.get("governor")
    if isinstance(governor, str) and governor not in ("", "performance"):
        yield f"The clock rate follows the load (governor {governor}): set it to performance."


def _found(effect: float | None) -> str:
    return (
        "no difference of any size" if effect is None else f"a difference of {100 * effect:.1f} %"
    )


def _of(noise: Noise, metric: str, design: str) -> MetricNoise | None:
    return next(
        (one for one in noise.metrics if one.metric == metric and one.design == design), None
    )


def _ranks(values: Array) -> Array:
    """Ranks from 1, those of equal values being their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: Array = (last - (counts - 1) / 2)[inverse]
    return means
