"""Hints of a cycle: peaks of a spectrum over its own background, and of the autocorrelation.

AUTOPERIOD (Vlachos, Yu and Castelli 2005, "On periodicity detection and structural periodic
similarity", SDM): the periodogram hints, the autocorrelation confirms. Noise is red, so a peak
counts only against the frequencies around it (Torrence and Compo 1998, "A practical guide to
wavelet analysis"; Percival and Walden 1993, "Spectral analysis for physical applications"); medians
of bands instead of a fitted AR(1), since load is neither Gaussian nor autoregressive.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SHORTEST = 2.5
"""Points a cycle has at least: below, it cannot be told from one that is faster (aliasing)."""

_BANDS = 14
_FEW = 64  # points up to which every peak is worth a trial
_PEAK = 10.0  # periodogram over background
_RIDGE = 4.2  # autocorrelation, in its standard deviations
_CANDIDATES = 4


def hints(values: Floats) -> list[list[float]]:
    """Numbers of cycles in each series worth a trial, none where nothing speaks for a cycle.

    values: float64[m, n], without NaN.
    """
    size = values.shape[1]
    few = size <= _FEW
    ratios, ridges = _spectra(values)
    where = (ratios.max(axis=1) >= _PEAK) | (ridges.max(axis=1) >= _RIDGE)
    found: list[list[float]] = []
    for row, stands_out in enumerate(where.tolist()):
        chosen: list[float] = []
        if stands_out or few:
            peaks = [
                place * size / (2 * (ratios.shape[1] - 1))
                for place in _peaks(ratios[row], 2.0 if few else _PEAK)
            ]
            # a peak may be the second or third harmonic of what repeats
            tried = [peak / part for peak in peaks for part in (1, 2, 3)]
            tried += [size / lag for lag in _peaks(ridges[row], 1.0 if few else _RIDGE)]
            for cycles in tried:
                if all(abs(cycles - other) > 0.4 for other in chosen):
                    chosen.append(cycles)
        found.append(chosen)
    return found


def _spectra(values: Floats) -> tuple[Floats, Floats]:
    """float64[metrics, frequencies] over the background, float64[metrics, lags] in deviations."""
    steps = np.diff(values, axis=1)
    steps = steps - steps.mean(axis=1, keepdims=True)
    size = steps.shape[1]
    padded = 1 << (2 * size - 1).bit_length()
    power = np.abs(np.fft.rfft(steps, padded, axis=1)) ** 2
    first = max(1, 3 * padded // size)
    last = int(padded / SHORTEST) + 1
    bands_count = max(3, min(_BANDS, size // 16))
    edges = np.unique(np.geomspace(first, last, bands_count + 1).astype(np.int64))
    middles = np.sqrt(edges[:-1] * (edges[1:] - 1.0).clip(1))
    bands = np.stack(
        [_middle(power[:, start:stop]) for start, stop in pairwise(edges.tolist())],
        axis=1,
    )
    floor = 1e-12 * power.max(axis=1, keepdims=True) + 1e-300
    bands = np.log(np.maximum(bands, floor))
    smooth = bands.copy()
    smooth[:, 1:-1] = np.median(np.stack((bands[:, :-2], bands[:, 1:-1], bands[:, 2:])), axis=0)
    # linear in the logarithm of the frequency between the bands' middles
    places = np.log(np.arange(first, last))
    knots = np.log(middles)
    right = np.searchsorted(knots, places).clip(1, len(knots) - 1)
    share = ((places - knots[right - 1]) / (knots[right] - knots[right - 1])).clip(0, 1)
    background = np.exp(smooth[:, right - 1] * (1 - share) + smooth[:, right] * share)
    ratio = np.zeros_like(power)
    ratio[:, first:last] = power[:, first:last] / background * math.log(2)
    # whitened: each frequency in units of its background, and none of them without bound
    whitened = np.minimum(ratio, 40.0)
    lags = np.fft.irfft(whitened, axis=1)[:, : size // 2]
    correlation = lags / np.maximum(lags[:, :1], 1e-300)
    used = (last - first) / (padded / 2)
    ridge = correlation * math.sqrt(size * used)
    ridge[:, :3] = 0
    return ratio, ridge


def _middle(values: Floats) -> Floats:
    """The upper median of each row."""
    place = values.shape[1] // 2
    middle: Floats = np.partition(values, place, axis=1)[:, place]
    return middle


def _peaks(heights: Floats, least: float) -> list[float]:
    """The highest local tops, in places between samples (a parabola through three of them)."""
    middle = heights[1:-1]
    tops = np.flatnonzero((middle > least) & (middle >= heights[:-2]) & (middle > heights[2:])) + 1
    order = np.argsort(-heights[tops], kind="stable")[:_CANDIDATES]
    places = []
    for top in tops[order].tolist():
        left, centre, right = heights[top - 1 : top + 2].tolist()
        bend = left - 2 * centre + right
        places.append(top + (0.5 * (left - right) / bend if bend < 0 else 0.0))
    return places
