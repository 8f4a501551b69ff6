"""How unusual every stream of every side is, and from where on that is worth an alarm.

Two steps. Each stream has a tail of its own, fitted to the largest of its peaks. What all of them
together hold for surprising is a stream too, the family, with its own tail: that is where the
budget is kept, since it counts what really happens with many metrics that move together, whatever
is wrong with the single tails.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from perfkit.analysis.anomaly.past import ROWS, Past
from perfkit.analysis.anomaly.streams import LASTING, LONG, SCORE, SHORT, STREAMS, VALUE
from perfkit.stats.extreme_values import Peaks, Prior, Tails, fit_tails

Array = npt.NDArray[np.float64]

_PEAKS = 32
_SCALE = 0.3
"""A tail's mean excess before anything was seen, in spreads: about that of a normal distribution."""

_AS_VALUE = {LASTING: 0.5, SHORT: 0.5, LONG: 0.25}
"""The same of a lasting figure, in scales of the value's own tail: values with a heavy tail make a
pair of high ones some day, whatever pairs were seen so far."""

_SHARE_OF_BASE = 0.15
"""A tail's mean excess is at least so much of where it begins: who comes in spikes of one size comes
in larger ones some day."""

_LAG = 3
"""Stretches wait so long until they count, so that what begins slowly does not become usual."""

_PRIOR = Prior(scale=1.0, shape=0.0, peaks=10.0, shape_peaks=20.0)
_FAMILY = Prior(scale=1.0, shape=0.0, peaks=10.0, shape_peaks=20.0)

_SEEDED_ROWS = 5

_STILL = 0.7

_TIGHTER = math.log(10.0)
"""Of each alarm beyond what the budget had for the time so far: the next has to be so much rarer."""

_TIGHTEST = 10.0

_TRUSTED_ROWS = 7200.0
"""After about so many rows the family has shown how many of its members say the same."""

_MARGIN = 3.0
"""Nats that a short past is not to be trusted with: its tails know nothing of what comes seldom."""

_SURE = 0.12
"""What of each nat beyond once a day is claimed on no past: so it was on days made up for that."""

_LEAST_SHARE = 0.5
"""Of the surprise that the budget asks for, what a stream has to say by itself at least."""


class Judge:
    """Tails of all streams of s sides and of the family that they make.

    thresholds: shape (STREAMS, s), from where on a stream alarms, infinite where it cannot.
    """

    def __init__(
        self,
        lasting: Sequence[int],
        counted: Sequence[bool],
        periods_per_day: float,
        budget: float,
    ) -> None:
        """lasting: of each side, as of `Streams`; counted: as of `Watched`. budget: alarms a day."""
        sides = len(lasting)
        self._normal = np.zeros((STREAMS, sides), np.bool_)
        self._normal[[SHORT, LONG]] = counted
        self._sides = sides
        self._lasting = np.array(lasting, np.float64)
        self._shape = (STREAMS, sides)
        self._periods_per_day = periods_per_day
        self._budget = budget
        self._peaks = Peaks(STREAMS * sides, _PEAKS)
        self._family_peaks = Peaks(1, _PEAKS)
        self._tails: Tails | None = None
        self._family: Tails | None = None
        self._known = np.zeros(sides, np.bool_)
        self._alarms = 0
        self._least_surprise = math.inf
        self._ratio = np.ones(sides)
        self._apart = np.zeros(sides)
        self.thresholds = np.full(self._shape, np.inf)
        self._waiting: list[tuple[Array, Array, int]] = []
        self._start_stretch()

    def _start_stretch(self) -> None:
        self._maxima = np.full(self._shape, -np.inf)
        self._exposure = np.zeros(self._sides)
        self._rows = 0

    def unusual(self, rows: Array, past: Past) -> Array:
        """Distance from the middle in spreads, minus infinity where too small to be heard of.

        Means of what is counted are normal: half the square of that, which is nats, as an exponential
        tail has them.

        rows: shape (STREAMS, s, n), as is what is returned.
        """
        with np.errstate(invalid="ignore"):
            away = (rows - past.middle[:, :, None]) / past.spread[:, :, None]
            far = rows - past.level[:, None]
            floor = past.floor[:, None]
            heard = np.empty(rows.shape, np.bool_)
            heard[VALUE] = far[VALUE] >= floor
            heard[LASTING] = far[LASTING] >= floor
            heard[SCORE] = heard[LASTING]
            half = far[LASTING] >= floor / 2
            for stream in (SHORT, LONG):
                heard[stream] = (far[stream] >= floor) & half
            # a mean is old news where what came last is not as far out
            heard[LONG] &= far[SHORT] >= _STILL * far[LONG]
            heard &= past.known[:, None] & ~np.isnan(away)
        return np.where(heard, self._in_nats(away), -np.inf)

    def _in_nats(self, away: Array) -> Array:
        """Spreads as nats where the stream is normal, as they are elsewhere."""
        normal = self._normal[:, :, None] if away.ndim == 3 else self._normal
        return np.where(normal & (away > 0), away * away / 2.0, away)

    def saw(self, unusual: Array, judged: npt.NDArray[np.bool_]) -> None:
        """Take in what was seen: shape (STREAMS, s, n), and bool (s, n), what to count."""
        self._maxima = np.maximum(
            self._maxima, np.where(judged, unusual, -np.inf).max(axis=2, initial=-np.inf)
        )
        self._exposure = self._exposure + judged.sum(axis=1)
        self._rows += judged.shape[1]

    def alarmed(self, side: int, *, learn: bool) -> None:
        """An alarm was raised over a side; learn: as if it had been none."""
        if not learn and self._tails is not None:
            most = self._tails.base.reshape(self._shape)[:, side]
            for maxima in (self._maxima, *(one for one, _, _ in self._waiting)):
                maxima[:, side] = np.minimum(maxima[:, side], most)

    def learn(self, side: int, unusual: Array) -> None:
        """What an alarm over a side was about, shape (STREAMS,), is part of its life after all."""
        self._maxima[:, side] = np.maximum(self._maxima[:, side], unusual)

    def count_alarm(self) -> None:
        """One more alarm: thresholds rise where there were more than the budget had."""
        self._alarms += 1
        self._set_thresholds()

    def surprise(self, unusual: Array) -> Array:
        """Shape (STREAMS, s): of values at one moment, nats; minus infinity where unheard of."""
        if self._tails is None:
            return np.full(self._shape, -np.inf)
        flat = unusual.reshape(-1)
        nats = np.where(flat > -np.inf, self._tails.surprise(flat), -np.inf).reshape(self._shape)
        nats[VALUE] = -np.inf  # a single value says nothing: what is wrong lasts
        return nats

    def per_day(self, surprise: float) -> float:
        """How many alarms a day would come by themselves if so little was enough."""
        if self._family is None:
            return math.inf
        own = max(surprise - self._together, 0.0)
        nats = float(self._family.surprise(np.array([surprise]))[0])
        nats = self._doubt * own + (1.0 - self._doubt) * nats
        beyond = nats - math.log(self._periods_per_day)
        # far beyond what was ever seen a short past promises too much
        sure = _SURE + (1.0 - _SURE) * (1.0 - self._doubt) ** 4
        return math.exp(-beyond * (sure if beyond > 0 else 1.0))

    def turn(self, past: Past, *, young: bool) -> None:
        """A stretch is over: tails take in its maxima, and middle and spread are read afresh.

        young: the past still holds all there ever was, so that peaks are told anew in its spreads.
        """
        if self._tails is not None and self._family is not None:
            self._waiting.append((self._maxima, self._exposure, self._rows))
            if len(self._waiting) > _LAG:
                maxima, exposure, rows = self._waiting.pop(0)
                family = np.max(self.surprise(maxima))
                if not young:
                    exposures = np.tile(exposure, STREAMS)
                    self._peaks.add(maxima.reshape(-1), exposures, self._tails.base)
                self._family_peaks.add(
                    np.array([family]), np.array([float(rows)]), self._family.base
                )
        self._start_stretch()
        past.refresh()
        new = past.known & ~self._known
        if young or new.any():
            self._seed(past, past.known if young else new)
            self._known = past.known
        if self._known.any():
            self._fit(past)

    def _seed(self, past: Past, which: npt.NDArray[np.bool_]) -> None:
        """The peaks of these sides are those of their past."""
        rows = past.counted()
        parts = (STREAMS * self._sides, ROWS // _SEEDED_ROWS, _SEEDED_ROWS)
        maxima = self.unusual(rows, past).reshape(parts).max(axis=2)
        seen = np.tile(~np.isnan(rows[VALUE]), (STREAMS, 1)).reshape(parts).sum(axis=2)
        self._peaks.replace(np.tile(which, STREAMS), maxima, seen)

    def _fit(self, past: Past) -> None:
        largest = self._peaks.largest
        count = _used(self._peaks)
        exposure = np.maximum(self._peaks.exposure, 1.0)
        # what is too small to be heard of is no peak: tails begin where that ends
        lowest = np.maximum((past.level + past.floor - past.middle) / past.spread, 0.0)
        lowest[SCORE] = 0.0
        lowest = self._in_nats(lowest).reshape(-1)
        normal = self._normal.reshape(-1)
        scale = np.maximum(np.where(normal, 1.0, _SCALE), _SHARE_OF_BASE * _bases(largest, count))
        first = fit_tails(largest, count, exposure, lowest, scale, _PRIOR)
        # the value's own tail, in its unit
        of_value = first.scale.reshape(self._shape)[VALUE] * past.spread[VALUE]
        scales = scale.reshape(self._shape)
        for stream, share in _AS_VALUE.items():
            as_value = np.maximum(scales[stream], share * of_value / past.spread[stream])
            scales[stream] = np.where(self._normal[stream], scales[stream], as_value)
        self._tails = fit_tails(largest, count, exposure, lowest, scales.reshape(-1), _PRIOR)
        self._family = fit_tails(
            self._family_peaks.largest,
            _used(self._family_peaks),
            np.maximum(self._family_peaks.exposure, float(_SEEDED_ROWS)),
            np.zeros(1),
            1.0,
            _FAMILY,
        )

        self._ratio = past.spread[VALUE] / past.spread[LASTING]
        self._apart = (past.middle[VALUE] - past.middle[LASTING]) / past.spread[LASTING]
        self._set_thresholds()

    @property
    def _doubt(self) -> float:
        return 1.0 / (1.0 + float(self._family_peaks.exposure[0]) / _TRUSTED_ROWS)

    @property
    def _together(self) -> float:
        """What so many sides add to the surprise of the largest, were they independent."""
        return math.log(max(int(self._known.sum()), 1)) + _MARGIN

    def _set_thresholds(self) -> None:
        if self._family is None or self._tails is None:
            return
        rows = float(self._family_peaks.exposure[0])
        expected = self._budget * rows / self._periods_per_day
        rarer = min(_TIGHTER * max(self._alarms - expected, 0.0), _TIGHTEST)
        nats = max(math.log(self._periods_per_day / self._budget), 0.0) + rarer
        level = max(float(self._family.level(nats)[0]), _LEAST_SHARE * nats)
        doubt = self._doubt
        self._least_surprise = doubt * (nats + self._together) + (1.0 - doubt) * level
        thresholds = self._tails.level(self._least_surprise).reshape(self._shape)
        # what lasts is so many values in a row: no more surprising than all of them by themselves
        share = self._least_surprise / np.tile(self._lasting, STREAMS)
        single = self._tails.level(share).reshape(self._shape)[VALUE] * self._ratio + self._apart
        thresholds[LASTING] = np.maximum(thresholds[LASTING], single)
        thresholds[VALUE] = np.inf
        self.thresholds = np.where(self._known, thresholds, np.inf)


def _bases(largest: Array, count: npt.NDArray[np.int64]) -> Array:
    """Which peak tails begin at, 0 where there are too few."""
    place = np.minimum(count, largest.shape[1] - 1)
    bases: Array = np.maximum(largest[np.arange(len(largest)), place], 0.0)
    return bases


def _used(peaks: Peaks) -> npt.NDArray[np.int64]:
    """How many of the largest peaks make the tail: of many a quarter, of few half of those there."""
    there = (peaks.largest > -np.inf).sum(axis=1)
    few = np.minimum(there // 2, 8)
    used: npt.NDArray[np.int64] = np.maximum(few, np.minimum(peaks.stretches // 8, there // 2))
    return np.clip(used, 1, _PEAKS)
