"""Whether a series repeats itself, how long a cycle takes and how sure that is.

1. Candidates: `perfkit.stats.spectra`.
2. Proof: the level (a moving mean of a cycle) is taken off and the rest cut into K windows of whole
   cycles. Fourier coefficients of the windows, at the frequency and its multiples, point in the same
   direction if there is a cycle; in noise of any smooth spectrum they are independent complex
   normal values, and the share of their energy that is aligned, A = |Σ z|² / (K Σ |z|²), has a
   Beta(1, K - 1) distribution (the F test for a spectral line: Thomson 1982, "Spectrum estimation
   and harmonic analysis", Proc. IEEE 70). So the noise is measured at the cycle's own frequency,
   and nothing is assumed of its colour. Cycles whose pace wanders are aligned within m
   stretches only: Beta(m, K - m). Harmonics are combined as Fisher 1925 does it.
3. The number of frequencies tried is paid for, those of many cycles dearer: P · K^1.5 / KEPT
   must lie below the level, where Σ K^-1.5 < KEPT.
4. Cycles must be there one by one: most of them must resemble the mean of the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from perfkit.stats.spectra import SHORTEST, Floats

LEAST_CYCLES = 4
"""Fewer prove nothing."""

_HARMONICS = 3
_WINDOW = 6.0  # points that a window has at least
_STRETCHES = (6, 3)  # windows over which a wandering pace counts as even
_FINE = 5  # steps of the frequency within the resolution of the series
_RESEMBLES = 0.3
_MOST_CYCLES_DO = 0.7
_EXPLAINS = 0.75  # of what the best explains
_SHAPE = 8  # harmonics of the mean cycle
_PHASES = 32  # places of a cycle at which its top is looked for


@dataclass(frozen=True)
class Cycle:
    """What repeats.

    period, low, high: in points, low to high being a 95 % interval. probability: chance that noise
    looks as regular, the frequencies tried paid for. strength: share of the variance around the
    level that the cycle explains. peak: place (in points, fractional) of the newest top. swing:
    from the bottom to the top of the mean cycle. energy: variance that it explains. cycles: how many
    were seen.
    """

    period: float
    low: float
    high: float
    probability: float
    strength: float
    peak: float
    swing: float
    energy: float
    cycles: float


def find(
    values: Floats,
    tried: Iterable[float],
    *,
    shortest: float,
    longest: float,
    level: float,
    least: float,
) -> Cycle | None:
    """The cycle of a series, if it has one.

    values: float64[n], without NaN, evenly spaced. tried: numbers of cycles in it, each of which
    is looked around. shortest, longest: bounds of the period in points. level: chance of seeing one
    in noise, at one look. least: strength that is worth telling.
    """
    size = len(values)
    longest = min(longest, size / LEAST_CYCLES)
    shortest = max(shortest, SHORTEST)
    values = _tame(values)
    if longest < shortest or not values.min() < values.max():
        return None
    found: list[Cycle] = []
    for cycles in tried:
        if 0.97 * size <= longest * cycles and shortest * cycles <= 1.03 * size:
            cycle = _judge(values, cycles, level)
            if cycle is not None and cycle.strength >= least:
                found.append(cycle)
    return shortest_whole([one for one in found if shortest <= one.period <= longest])


def shortest_whole(found: Sequence[Cycle]) -> Cycle | None:
    """The shortest that explains as much as any: multiples of a cycle repeat as well, parts may.

    Of several sights of it the most exact one.
    """
    most = max((one.energy for one in found), default=0.0)
    whole = [one for one in found if one.energy >= _EXPLAINS * most]
    if not whole:
        return None
    shortest = min(one.period for one in whole)
    alike = [one for one in whole if one.period <= 1.05 * shortest]
    return min(alike, key=lambda one: one.high - one.low)


def _tame(values: Floats) -> Floats:
    """The series with what lies far outside of nearly all values pulled in."""
    ordered = np.sort(values)
    low, high = ordered[len(values) // 20], ordered[-1 - len(values) // 20]
    reach = 6 * (high - low)
    if not reach > 0:
        return values
    tamed: Floats = np.clip(values, low - reach, high + reach)
    return tamed


@dataclass(frozen=True)
class _Windows:
    """Fourier coefficients: complex128[frequencies tried, harmonics, windows]."""

    frequencies: Floats
    coefficients: npt.NDArray[np.complex128]
    length: float  # of a window, in points


def _judge(values: Floats, cycles: float, level: float) -> Cycle | None:
    size = len(values)
    period = size / cycles
    rest = without_level(values, period)
    windows = _windows(rest, cycles, period)
    count = windows.coefficients.shape[2]
    if count < 3:
        return None
    lengths = [count, *(length for length in _STRETCHES if count >= 2 * length)]
    choices = [_aligned(windows, _stretches(count, length)) for length in lengths]
    chances = [chance for _, chance in choices]
    way = int(np.argmin(chances))
    chosen = choices[way][0]
    price = len(choices) * max(1.0, cycles) ** 1.5 / 1.1
    probability = min(1.0, chances[way] * price)
    if probability > level:
        return None
    frequency = float(windows.frequencies[chosen])
    frequency, deviation = _refined(windows, chosen, frequency, way == 0)
    period = 1 / frequency
    stretch = size if way == 0 else round(max(lengths[way] * windows.length, 3 * period))
    strength, swing, top, alike = _folded(rest, period, stretch)
    energy = strength * float(np.mean(rest**2))
    if alike < _MOST_CYCLES_DO:
        return None
    reach = (2 + 4 / count) * deviation
    low = 1 / (frequency + reach)
    high = 1 / max(frequency - reach, frequency / 2)
    return Cycle(period, low, high, probability, strength, top, swing, energy, size / period)


def without_level(values: Floats, period: float) -> Floats:
    """The series less its moving mean over a cycle; beyond the ends it is mirrored at the end points."""
    width = max(3, round(period))
    half = width // 2
    if len(values) <= half + 1:
        centred: Floats = values - values.mean()
        return centred
    before = 2 * values[0] - values[half:0:-1]
    after = 2 * values[-1] - values[-2 : -half - 2 : -1]
    sums = np.concatenate(([0.0], np.cumsum(np.concatenate((before, values, after)))))
    mean: Floats
    if width % 2:
        mean = (sums[width:] - sums[:-width]) / width
    else:
        inner = sums[width:-1] - sums[1:-width]  # width - 1 points each
        outer = sums[width + 1 :] - sums[: -width - 1]  # width + 1 points each
        mean = (inner + outer) / (2 * width)
    return values - mean


def _windows(rest: Floats, cycles: float, period: float) -> _Windows:
    """Coefficients around the number of cycles, half the resolution to either side."""
    size = len(rest)
    tried = (cycles + np.arange(-_FINE, _FINE + 1) * (0.6 / _FINE)) / size
    together = 1 if period >= _WINDOW else math.ceil(_WINDOW / period)
    length = together * period
    count = int(size / length + 1e-9)
    harmonics = max(1, min(_HARMONICS, int(period / 2.2)))
    if count < 3:
        return _Windows(tried, np.zeros((len(tried), harmonics, count), np.complex128), length)
    edges = np.rint(size - count * length + np.arange(count + 1) * length).astype(np.int64)
    edges = edges.clip(0, size)
    places = np.arange(edges[0], edges[-1])
    wave = np.exp(-2j * np.pi * tried[:, None] * places)
    part = rest[edges[0] : edges[-1]]
    starts = edges[:-1] - edges[0]
    turned = part * wave
    found = []
    for _ in range(harmonics):
        found.append(np.add.reduceat(turned, starts, axis=1))
        turned = turned * wave
    return _Windows(tried, np.stack(found, axis=1), length)


@lru_cache(maxsize=1024)
def _stretches(count: int, length: int) -> tuple[int, ...]:
    """The windows in stretches of about so many, the sizes in order."""
    stretches = max(1, round(count / length))
    edges = np.rint(np.linspace(0, count, stretches + 1)).astype(np.int64)
    return tuple(np.diff(edges).tolist())


def _aligned(windows: _Windows, sizes: tuple[int, ...]) -> tuple[int, float]:
    """The frequency (its place) at which the windows of each stretch agree best, and the chance."""
    from scipy.special import betaincc, chdtrc

    coefficients = windows.coefficients
    count = coefficients.shape[2]
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64)
    sums = np.abs(np.add.reduceat(coefficients, starts, axis=2)) ** 2 / np.array(sizes)
    energy = np.sum(np.abs(coefficients) ** 2, axis=2)
    best = int(np.argmax(np.sum(sums, axis=(1, 2))))
    own, aligned = energy[best], sums[best].sum(axis=1)
    there = own > 1e-9 * own.sum()
    stretches = len(sizes)
    if count <= stretches or not there.any():
        return best, 1.0
    share = np.minimum(aligned[there] / own[there], 1 - 1e-12)
    chances = np.maximum(betaincc(stretches, count - stretches, share), 1e-300)
    return best, float(chdtrc(2 * len(chances), -2 * np.log(chances).sum()))


def _refined(windows: _Windows, chosen: int, frequency: float, steady: bool) -> tuple[float, float]:
    """The frequency and its standard deviation, from how the phase moves from window to window.

    The phases err in two ways: each for itself (then n of them tell the frequency to n^-1.5), and by
    a pace that wanders (n^-0.5). How much of each there is shows in the phase differences over one
    window and over several.
    """
    coefficients = windows.coefficients[chosen]
    count = coefficients.shape[1]
    energy = np.sum(np.abs(coefficients) ** 2, axis=1)
    aligned = np.abs(np.sum(coefficients[:, 1:] * np.conj(coefficients[:, :-1]), axis=1))
    harmonic = int(
        np.argmax(aligned**2 / np.maximum(energy, 1e-300) * np.arange(1, len(energy) + 1))
    )
    own = coefficients[harmonic]
    turn = 2 * math.pi * (harmonic + 1) * windows.length
    moves = own[1:] * np.conj(own[:-1])
    mean_move = complex(np.sum(moves))
    drift = math.atan2(mean_move.imag, mean_move.real)
    far = max(2, min(count // 3, _STRETCHES[0]))
    one = _scatter(moves, drift)
    several = _scatter(own[far:] * np.conj(own[:-far]), drift * far)
    wander = max(0.0, (several - one) / (far - 1))
    each = max(0.0, (one - wander) / 2)
    variance = 12 * each / count**3 + 1.2 * wander / count
    if not steady:
        frequency += drift / turn
    else:
        # a straight line through the phases of the sums up to each window would do the same
        halves = own[: count // 2].sum(), own[count - count // 2 :].sum()
        move = complex(halves[1] * np.conj(halves[0]))
        frequency += math.atan2(move.imag, move.real) / (turn * (count - count // 2))
    return frequency, math.sqrt(variance) / turn


def _scatter(moves: npt.NDArray[np.complex128], mean: float) -> float:
    """Mean square of the angles around their mean, strong windows counting more."""
    if not len(moves):
        return 0.0
    angles = np.angle(moves * np.exp(-1j * mean))
    weights = np.abs(moves)
    total = float(np.sum(weights))
    return float(np.sum(weights * angles**2)) / total if total > 0 else 0.0


def _folded(rest: Floats, period: float, stretch: int) -> tuple[float, float, float, float]:
    """Strength, swing, place of the newest top, share of the cycles that resemble the others.

    The mean cycle of each stretch, from the end backwards: its Fourier series of as many harmonics
    as the points can carry. Strength is its share of the variance, less what as many free
    coefficients explain of noise.
    """
    size = len(rest)
    harmonics = max(1, min(_SHAPE, math.ceil(period / 2) - 1, min(size, stretch) // 8))
    explained = total = 0.0
    free = used = 0
    alike: list[bool] = []
    swing = top = 0.0
    stop = size
    while stop > 0:
        start = stop - stretch
        if start < stretch // 2:
            start = 0
        part = rest[start:stop] - rest[start:stop].mean()
        # the newest point has phase 0
        turns = np.arange(start - size + 1, stop - size + 1) / period
        waves = np.exp(2j * np.pi * np.arange(1, harmonics + 1)[:, None] * turns)
        coefficients = 2 / len(part) * (waves.conj() * part).sum(axis=1)[:, None]
        shape = (coefficients * waves).real.sum(axis=0)
        explained += float(np.sum(part**2) - np.sum((part - shape) ** 2))
        total += float(np.sum(part**2))
        free += 2 * harmonics
        used += stop - start
        number = ((size - 1 - np.arange(start, stop)) / period).astype(np.int64)
        number -= number[-1]
        for_one = np.bincount(number, part * shape)
        shapes = np.bincount(number, shape**2)
        # what a cycle itself gave to the mean is taken out again
        seen = max(1.0, (stop - start) / period)
        own = np.bincount(number, part**2) / seen
        whole = np.bincount(number) > 0.7 * period
        alike += ((for_one - own) > _RESEMBLES * shapes * (1 - 1 / seen))[whole].tolist()
        if stop == size:
            phases = np.arange(_PHASES) / _PHASES
            waves = np.exp(2j * np.pi * np.arange(1, harmonics + 1)[:, None] * phases)
            cycle = (coefficients * waves).real.sum(axis=0)
            swing = float(cycle.max() - cycle.min())
            back = (_PHASES - int(np.argmax(cycle))) % _PHASES
            top = size - 1 - period * back / _PHASES
        stop = start
    if total <= 0 or used <= free + 1:
        return 0.0, swing, top, 0.0
    left = (total - explained) / total
    strength = 1 - left * (used - 1) / (used - free - 1)
    return max(0.0, strength), swing, top, float(np.mean(alike)) if alike else 0.0
