"""How seldom something as large comes, judged by the largest peaks seen so far.

Peaks over a threshold follow a generalised Pareto distribution (Pickands 1975; Balkema and de Haan
1974). Shape and scale come from probability-weighted moments (Hosking and Wallis 1987,
Technometrics 29, 339), drawn towards a prior that counts as so many peaks. What is asked of the
tail is its predictive probability: with an exponential tail whose scale is known from n peaks alone,
the next one goes past t scales with chance (1 + t / n)^-n, not exp(-t) (Aitchison and Dunsmore 1975,
Statistical Prediction Analysis, section 2.4), which is what makes the promise hold after a minute
as well as after a day. SPOT (Siffer et al. 2017, Anomaly Detection in Streams with Extreme Value
Theory) has the first of these and not the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LEAST_SHAPE = 0.0
"""An end of the tail that a few peaks seem to show is not to be relied upon."""

MOST_SHAPE = 0.7


@dataclass(frozen=True)
class Prior:
    """What is assumed of a tail before a peak was seen.

    scale: mean of a peak's excess; shape: of the generalised Pareto distribution, 0 is exponential;
    peaks, shape_peaks: how many peaks the assumption of scale and of shape is worth.
    """

    scale: float
    shape: float
    peaks: float
    shape_peaks: float


@dataclass(frozen=True)
class Tails:
    """Tails of s streams, arrays of shape (s,).

    base: from where the tail holds. log_rate: of the chance that one unit of time goes past base.
    weight: the peaks that scale is known from, those of the prior among them.
    """

    base: Array
    scale: Array
    shape: Array
    weight: Array
    log_rate: Array

    def surprise(self, values: Array) -> Array:
        """Minus the natural logarithm of the expected number a unit of time of peaks beyond.

        values: shape (s,) or (s, n). Below the base the answer is that of the base.
        """
        base, scale, shape, weight, log_rate = self._shaped(values.ndim)
        over = np.maximum(values - base, 0.0) / scale
        return weight * np.log1p(_plain(over, shape) / weight) - log_rate

    def level(self, surprise: Array | float) -> Array:
        """The value from which on the surprise is at least so much; the inverse, shape (s,)."""
        nats = np.maximum(surprise + self.log_rate, 0.0)
        plain = self.weight * np.expm1(np.minimum(nats / self.weight, 50.0))
        bent = np.where(np.abs(self.shape) < 1e-6, 1.0, self.shape)
        curved = np.expm1(np.clip(bent * plain, -50.0, 50.0)) / bent
        over = np.where(np.abs(self.shape) < 1e-6, plain, curved)
        return self.base + self.scale * over

    def _shaped(self, dimensions: int) -> tuple[Array, Array, Array, Array, Array]:
        wide = (slice(None),) + (None,) * (dimensions - 1)
        return (
            self.base[wide],
            self.scale[wide],
            self.shape[wide],
            self.weight[wide],
            self.log_rate[wide],
        )


def _plain(over: Array, shape: Array) -> Array:
    """The excess, in scales, as an exponential tail with the same probability would have it."""
    bent = np.where(np.abs(shape) < 1e-6, 1.0, shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.maximum(1.0 + bent * over, 1e-20)
        return np.where(np.abs(shape) < 1e-6, over, np.log(inside) / bent)


def pareto_shape(mean: Array, weighted: Array) -> Array:
    """The shape of a generalised Pareto distribution by its moments; above 0 the tail is heavy.

    mean: of the excesses. weighted: the mean of excesses times the share of them that is larger.
    """
    gap = mean - 2.0 * weighted
    return np.where(gap > 1e-12 * mean, 2.0 - mean / np.where(gap > 0, gap, 1.0), 0.0)


def fit_tails(
    peaks: Array,
    count: npt.NDArray[np.int64],
    exposure: Array,
    lowest: Array,
    scale: Array | float,
    prior: Prior,
) -> Tails:
    """The tail of every stream.

    peaks: shape (s, k), the largest peaks of each stream from the largest down, minus infinity
    where there are fewer. count: how many of them to use, fewer than k. exposure: units of time
    that they were taken from, above 0. lowest: a base is never below it. scale: that of the prior,
    one a stream, in place of the prior's own.
    """
    rows = np.arange(len(peaks))
    # The next peak below those that are used is the base: conditional on it they are excesses.
    base = np.maximum(peaks[rows, np.minimum(count, peaks.shape[1] - 1)], lowest)
    over = peaks - base[:, None]
    used = (over > 0) & (np.arange(peaks.shape[1]) < count[:, None])
    over = np.where(used, over, 0.0)
    n = used.sum(axis=1)
    total = over.sum(axis=1)
    some = np.maximum(n, 1)
    mean = total / some
    ranks = np.arange(peaks.shape[1]) / np.maximum(n - 1, 1)[:, None]
    weighted = (over * ranks).sum(axis=1) / some
    shape = np.where(n > 4, pareto_shape(mean, weighted), 0.0)
    trust = np.where(n > 4, n, 0)
    shape = (trust * shape + prior.shape_peaks * prior.shape) / (trust + prior.shape_peaks)
    shape = np.clip(shape, LEAST_SHAPE, MOST_SHAPE)
    weight = n + prior.peaks
    scales: Array = (total + prior.peaks * scale) / weight * (1.0 - shape)
    return Tails(base, scales, shape, weight, np.log((n + 0.5) / exposure))


class Peaks:
    """The largest peaks of s streams, kept one stretch of time at a time.

    Neighbouring stretches whose maxima both lie over a stream's base are one peak, the larger of
    them: bursts and slow swings count once (runs declustering, Ferro and Segers 2003, J. R.
    Statist. Soc. B 65, 545).
    """

    def __init__(self, streams: int, most: int) -> None:
        """most: peaks kept of each stream."""
        self.exposure = np.zeros(streams)
        self.stretches = np.zeros(streams, np.int64)
        self._top = np.full((streams, most), -np.inf)
        self._last = np.full(streams, -np.inf)

    @property
    def largest(self) -> Array:
        """Shape (s, most + 1), from the largest down; minus infinity where there are fewer."""
        return -np.sort(-np.concatenate((self._top, self._last[:, None]), axis=1), axis=1)

    def replace(
        self, which: npt.NDArray[np.bool_], maxima: Array, exposure: npt.NDArray[np.int64]
    ) -> None:
        """Let the peaks of some streams be those of these stretches, shape (s, stretches), alone."""
        most = self._top.shape[1]
        largest = -np.sort(-maxima, axis=1)[:, :most]
        top = np.full(self._top.shape, -np.inf)
        top[:, : largest.shape[1]] = largest
        self._top[which] = top[which]
        self._last[which] = -np.inf
        self.exposure = np.where(which, exposure.sum(axis=1), self.exposure)
        self.stretches = np.where(which, (exposure > 0).sum(axis=1), self.stretches)

    def add(self, maxima: Array, exposure: Array, base: Array) -> None:
        """The largest values of the next stretch, minus infinity where there is none.

        exposure: units of time in it, 0 where the stream was away. base: where tails begin.
        """
        here = exposure > 0
        joined = here & (self._last > base) & (maxima > base)
        new = here & ~joined
        done = np.where(new, self._last, -np.inf)
        place = self._top[:, -1]
        if (done > place).any():
            self._top[:, -1] = np.maximum(done, place)
            self._top = -np.sort(-self._top, axis=1)
        self._last = np.where(joined, np.maximum(self._last, maxima), self._last)
        self._last = np.where(new, maxima, self._last)
        self.exposure = self.exposure + exposure
        self.stretches = self.stretches + here
