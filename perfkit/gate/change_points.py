"""Lasting changes of level in a series of results, one a commit, told from noise and strays.

How it decides, each part with its source and its reason:

1. Strays are pulled in: a value farther than 3 spreads from the median of every seven neighbours
   that it belongs to (of five at either end) is moved to that distance, so wild results are never a
   change, not even three in a row, unless they are the newest three (bounded influence: Fearnhead
   and Rigaill 2019, "Changepoint Detection in the Presence of Outliers", JASA 114).
2. Candidate sets of changes are the optimal partitions by squared error for a ladder of penalties
   (Jackson et al. 2005; Haynes, Eckley and Fearnhead 2017, "Computationally Efficient Changepoint
   Detection for a Range of Penalties"), every stretch being five results or longer, the first and
   the newest three.
3. Among them that one is taken which explains the series best **as levels plus autocorrelated
   noise**: n log of the squared error that is left after a first-order autoregression within the
   stretches, plus a price for each change (Chakar et al. 2017, "A robust approach for estimating
   change-points in the mean of an AR(1) process", Bernoulli 23). A slow machine stays slow for some
   runs; whoever takes neighbouring results for independent reads a change into that.
4. Each change must be worth its price by itself: the least one is dropped until all are.

The price was found by simulation (benchmarks/change_points.py shows it): no change at all in 99 of
100 series without one, give or take, of 8 to 300 results, whose noise is Gaussian, heavy-tailed, autocorrelated
by 0.5, or jumps between two speeds. Nothing is drawn at random here: same series, same answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from perfkit.model.change_point import LEAST_POINTS, ChangePoint, Levels, Seam

LEAST_STRETCH = 5
"""Results that a level between two changes consists of at least: fewer are an episode."""

LEAST_END = 3
"""Results that the first and the newest level consist of at least."""

LEVEL = 0.01
"""Share of series without a change in which one is seen all the same."""

_STRAY_SPREADS = 3.0
_NEIGHBOURS, _NEIGHBOURS_AT_END = 7, 5
# a window of seven hides some of the spread around its median: 75 of 100 Gaussian values lie this
# many standard deviations from it
_SPREAD_QUANTILE, _SPREAD_FACTOR = 0.75, 1.06
_LADDER_STEP = 1.6
_LADDER_END = 4.0  # times the noise: finer partitions than that only follow the noise
_MOST_CHANGES = 6  # results for each change that is considered
# The price at LEVEL, and by how much it rises where the chance of a false one is to be e times
# less: see the calibration in benchmarks/change_points.py.
_PRICE, _PRICE_PER_LOG_POINT, _PRICE_OF_FEW, _PRICE_PER_E = 17.0, 1.0, 50.0, 4.0
_NOISELESS = 1e-5  # differences of that size are none: no figure of a run is as exact
_GREATEST_AUTOCORRELATION = 0.95
_RANGE = 0.95

Values = NDArray[np.float64]


def find_levels(
    values: Sequence[float] | Values, *, seams: Iterable[Seam] = (), level: float = LEVEL
) -> Levels:
    """The stretches of one level in a series, and the changes between them.

    values: n finite numbers in order, such as the log ratio of each commit to an anchor. n² / 2
    comparisons are made: a second for 2,000.
    seams: where the measure changed; a step there is a change only when it is larger than what the
    joining left unknown.
    level: share of series without a change in which one may be seen, 0 to 0.05.
    Raises ValueError for values that are not finite, for seams outside and for another level.
    """
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or not np.isfinite(series).all():
        raise ValueError("a series is finite numbers in one dimension")
    if not 0 < level <= 0.05:
        raise ValueError(f"a level lies between 0 and 0.05, {level} does not")
    joints = {seam.index: seam for seam in seams}
    if any(not 0 < index < series.size for index in joints):
        raise ValueError("a seam lies between two results of the series")
    if not series.size:
        return Levels((), 0.0, 0.0, (), ())
    model = _Model(pull_in_strays(series), frozenset(joints))
    price = _price(series.size) + _PRICE_PER_E * math.log(LEVEL / level)
    cuts = model.choose(price) if series.size >= LEAST_POINTS else ()
    cuts = model.settle(cuts)
    noise, correlation = model.noise(cuts)
    starts = model.starts(cuts)
    bounds = [*starts, series.size]
    means = tuple(float(model.values[start:stop].mean()) for start, stop in pairwise(bounds))
    # all seams together: half the level, so that what lies between them hardly adds to it
    at_seams = level / 2 / max(1, len(joints))
    changes = []
    for at in range(1, len(starts)):
        shift = _Shift(bounds[at - 1], bounds[at], bounds[at + 1], means[at - 1], means[at])
        seam = joints.get(starts[at])
        found = (
            model.change(shift, cuts, noise, correlation)
            if seam is None
            else model.change_at_seam(shift, seam, noise, correlation, len(starts), at_seams)
        )
        if found is not None:
            changes.append(found)
    return Levels(tuple(changes), noise, correlation, tuple(starts), means)


def pull_in_strays(series: Values) -> Values:
    """The series with values that stand alone moved to 3 spreads from where their neighbours are.

    What belongs to four alike among seven, or to three among the first or last five, stays.
    """
    size = series.size
    if size < _NEIGHBOURS:
        return series
    medians = np.median(np.lib.stride_tricks.sliding_window_view(series, _NEIGHBOURS), axis=1)
    places = np.arange(size)
    centred = medians[np.clip(places - _NEIGHBOURS // 2, 0, medians.size - 1)]
    spread = float(np.quantile(np.abs(series - centred), _SPREAD_QUANTILE)) / _SPREAD_FACTOR
    # every window that a value lies in; the nearest median decides
    windows = np.clip(places[:, None] - np.arange(_NEIGHBOURS)[None, :], 0, medians.size - 1)
    around = np.column_stack((medians[windows], centred))
    around[:_NEIGHBOURS_AT_END, -1] = np.median(series[:_NEIGHBOURS_AT_END])
    around[-_NEIGHBOURS_AT_END:, -1] = np.median(series[-_NEIGHBOURS_AT_END:])
    nearest = around[places, np.argmin(np.abs(around - series[:, None]), axis=1)]
    reach = _STRAY_SPREADS * spread
    return np.asarray(nearest + np.clip(series - nearest, -reach, reach), dtype=np.float64)


def chance_of(gain: float, points: int) -> float:
    """How likely the clearest change of a series without any gains this much."""
    return min(1.0, LEVEL * math.exp((_price(points) - gain) / _PRICE_PER_E))


def _price(points: int) -> float:
    return _PRICE + _PRICE_PER_LOG_POINT * math.log(points) + _PRICE_OF_FEW / points


class _Shift:
    """A step between two neighbouring stretches [start, at) and [at, stop)."""

    def __init__(self, start: int, at: int, stop: int, before: float, after: float) -> None:
        self.start, self.at, self.stop = start, at, stop
        self.before, self.after = before, after

    def spread(self, noise: float, correlation: float) -> float:
        """Standard error of the step: neighbours that resemble each other count for less."""
        inflation = (1 + correlation) / (1 - correlation)
        pieces = 1 / (self.at - self.start) + 1 / (self.stop - self.at)
        return noise * math.sqrt(inflation * pieces)


class _Model:
    """A series without strays, to be cut into stretches; seams are cuts that cost nothing."""

    def __init__(self, values: Values, seams: frozenset[int]) -> None:
        self.values = values
        self.seams = seams

    def starts(self, cuts: Iterable[int]) -> list[int]:
        """The first index of every stretch."""
        return sorted({0, *self.seams, *cuts})

    def choose(self, price: float) -> tuple[int, ...]:
        """The changes that are worth their price."""
        most = max(1, self.values.size // _MOST_CHANGES)
        sets = {cuts for cuts in self._candidates() if len(cuts) <= most} | {()}
        best = min(sorted(sets), key=lambda cuts: self._misfit(cuts) + price * len(cuts))
        while best:
            gains = [self._gain(best, cut) for cut in best]
            if min(gains) >= price:
                break
            best = _without(best, best[int(np.argmin(gains))])
        return best

    def settle(self, cuts: tuple[int, ...]) -> tuple[int, ...]:
        """Each cut where it fits best between its neighbours."""
        for cut in cuts:
            places, errors = self._places(cuts, cut)
            cuts = tuple(sorted({*_without(cuts, cut), places[int(np.argmin(errors))]}))
        return cuts

    def noise(self, cuts: Iterable[int]) -> tuple[float, float]:
        """Standard deviation around the levels, and the autocorrelation of neighbours."""
        left, correlation = self._left(cuts)
        freedom = max(1, self.values.size - len(self.starts(cuts)))
        return math.sqrt(left / freedom), correlation

    def change(
        self, shift: _Shift, cuts: tuple[int, ...], noise: float, correlation: float
    ) -> ChangePoint:
        """What is known of the cut at shift.at."""
        places, errors = self._places(cuts, shift.at)
        inflation = (1 + correlation) / (1 - correlation)
        scale = 2 * inflation * max(noise, _NOISELESS) ** 2
        likelihoods = np.exp((errors.min() - errors) / scale)
        likelihoods /= likelihoods.sum()
        order = np.argsort(-likelihoods, kind="stable")
        needed = int(np.searchsorted(np.cumsum(likelihoods[order]), _RANGE)) + 1
        held = [places[at] for at in order[:needed]]
        reach = self._reach(len(cuts)) * shift.spread(noise, correlation)
        return ChangePoint(
            index=shift.at,
            earliest=min(held),
            latest=max(held),
            sure=float(likelihoods[places.index(shift.at)]),
            chance=chance_of(self._gain(cuts, shift.at), self.values.size),
            before=shift.before,
            after=shift.after,
            low=shift.after - shift.before - reach,
            high=shift.after - shift.before + reach,
            points_before=shift.at - shift.start,
            points_after=shift.stop - shift.at,
        )

    def change_at_seam(
        self,
        shift: _Shift,
        seam: Seam,
        noise: float,
        correlation: float,
        stretches: int,
        level: float,
    ) -> ChangePoint | None:
        """The step at a seam if it is beyond what joining the two measures left unknown."""
        if not seam.links:
            return None
        from scipy.special import stdtr

        # each link is the difference of two results
        joined = max(noise, _NOISELESS) * math.sqrt(2 / seam.links)
        spread = math.hypot(joined, shift.spread(max(noise, _NOISELESS), correlation))
        freedom = max(1, self.values.size - stretches)
        chance = 2 * float(stdtr(freedom, -abs(shift.after - shift.before) / spread))
        if chance > level or self.values.size < LEAST_POINTS:
            return None
        reach = self._reach(stretches) * spread
        return ChangePoint(
            index=shift.at,
            earliest=shift.at,
            latest=shift.at,
            sure=1.0,
            chance=min(1.0, chance * len(self.seams)),
            before=shift.before,
            after=shift.after,
            low=shift.after - shift.before - reach,
            high=shift.after - shift.before + reach,
            points_before=shift.at - shift.start,
            points_after=shift.stop - shift.at,
            at_seam=True,
        )

    def _reach(self, stretches: int) -> float:
        from scipy.special import stdtrit

        freedom = max(1, self.values.size - stretches - 1)
        return float(stdtrit(freedom, (1 + _RANGE) / 2))

    def _misfit(self, cuts: Iterable[int]) -> float:
        """What n log squared error is left, the part that neighbours explain taken off."""
        left, correlation = self._left(cuts)
        size = self.values.size
        return size * math.log(left * (1 - correlation**2) / size + _NOISELESS**2)

    def _gain(self, cuts: tuple[int, ...], cut: int) -> float:
        return self._misfit(_without(cuts, cut)) - self._misfit(cuts)

    def _left(self, cuts: Iterable[int]) -> tuple[float, float]:
        """Squared error around the levels, and the autocorrelation of what is left."""
        starts = self.starts(cuts)
        lengths = np.diff([*starts, self.values.size])
        means = np.add.reduceat(self.values, starts) / lengths
        rest = self.values - np.repeat(means, lengths)
        left = float(rest @ rest)
        if left <= self.values.size * _NOISELESS**2:
            return left, 0.0
        correlation = float(rest[1:] @ rest[:-1]) / left
        # each mean that was taken off made neighbours look less alike (Marriott and Pope 1954)
        correlation += (1 + 3 * max(correlation, 0.0)) * len(starts) / self.values.size
        return left, min(max(correlation, 0.0), _GREATEST_AUTOCORRELATION)

    def _places(self, cuts: tuple[int, ...], cut: int) -> tuple[list[int], Values]:
        """Where between its neighbours a cut could lie, and the squared error left by each."""
        bounds = [*self.starts(cuts), self.values.size]
        at = bounds.index(cut)
        start, stop = bounds[at - 1], bounds[at + 1]
        places = np.arange(start + self._least(start), stop - self._least(stop) + 1)
        if not places.size:
            return [cut], np.zeros(1)
        part = self.values[start:stop] - self.values[start:stop].mean()
        sums = np.cumsum(part)[places - start - 1]
        # the sum over both sides is 0: what the split explains
        explained = sums**2 * (1 / (places - start) + 1 / (stop - places))
        return places.tolist(), -explained

    def _least(self, bound: int) -> int:
        """Results that a stretch has at least that begins or ends there."""
        at_end = bound in (0, self.values.size) or bound in self.seams
        return LEAST_END if at_end else LEAST_STRETCH

    def _candidates(self) -> Iterable[tuple[int, ...]]:
        """Optimal partitions for penalties from one that allows no change to one at the noise."""
        steps = np.delete(np.diff(self.values), [seam - 1 for seam in self.seams])
        if not steps.size:
            return
        finest = max(float(np.mean(steps**2)) / 2 * _LADDER_END, _NOISELESS**2)
        penalty = self._left(())[0]
        while penalty > finest:
            yield self._partition(penalty)
            penalty /= _LADDER_STEP

    def _partition(self, penalty: float) -> tuple[int, ...]:
        """The cuts with the least squared error plus penalty for each that is no seam."""
        values = self.values - self.values.mean()
        size = values.size
        sums = np.concatenate(([0.0], np.cumsum(values)))
        squares = np.concatenate(([0.0], np.cumsum(values**2)))
        fixed = sorted({0, *self.seams, size})
        costs = np.full(size + 1, np.inf)
        costs[0] = 0.0
        prices = np.full(size + 1, penalty)
        prices[fixed] = 0.0
        origin = np.zeros(size + 1, dtype=np.int64)
        for begin, end in pairwise(fixed):
            for stop in range(begin + 1, end + 1):
                if stop - begin < LEAST_END and stop != end:
                    continue  # only from seam to seam may a stretch be as short as it is
                least = LEAST_END if stop == end else LEAST_STRETCH
                from_ = np.arange(begin, max(begin, stop - least) + 1)
                error = (
                    squares[stop]
                    - squares[from_]
                    - (sums[stop] - sums[from_]) ** 2 / (stop - from_)
                )
                total = costs[from_] + prices[from_] + error
                best = int(np.argmin(total))
                costs[stop], origin[stop] = total[best], from_[best]
        cuts = []
        at = size
        while at > 0:
            at = int(origin[at])
            if at not in fixed:
                cuts.append(at)
        return tuple(reversed(cuts))


def _without(cuts: tuple[int, ...], cut: int) -> tuple[int, ...]:
    return tuple(one for one in cuts if one != cut)
