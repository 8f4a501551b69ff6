"""The forecasters, by name: all answer `foresee(t, highs, lows, level)` as `passage.foresee` does.

The simple ones are there to be measured against: what is not better than them is not worth having.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perfkit.analysis.forecast.bank import rises
from perfkit.analysis.forecast.passage import (
    LEAST_POINTS,
    LEAST_SEEN,
    Passage,
    Passages,
    Windows,
    as_met,
    foresee,
    foresee_all,
    mann_kendall,
    passage_of,
    single,
    windows,
)

Floats = npt.NDArray[np.float64]
Foresee = Callable[[Floats, Floats, Floats, float], Passage | None]

_BOOTSTRAPS = 60
_LINEAR_WINDOW = 0.5
_MOST_PAIRS = 60


@dataclass(frozen=True)
class ForecasterSpec:
    """name; summary: what it does; source: where it comes from; foresee: see `passage.foresee`;
    many: the same of many windows at once, where it can; second: whether it goes by a second
    signal too (`work`, `driver`)."""

    name: str
    summary: str
    source: str
    foresee: Foresee
    many: Callable[[Windows], Passages] | None = None
    second: bool = False

    def judge(
        self,
        highs: Floats,
        lows: Floats,
        level: Floats,
        step: float,
        done: Floats | None = None,
    ) -> list[Passage | None]:
        """Of blocks of `step` horizons, a row a past, NaN before its first block; done: work done
        by the end of each."""
        if self.many is not None:
            said = self.many(windows(highs, lows, level, step, done if self.second else None))
            return [passage_of(said, place) for place in range(len(level))]
        found: list[Passage | None] = []
        for high, low, one in zip(highs, lows, level.tolist(), strict=True):
            seen = np.isfinite(high)
            t = np.flatnonzero(seen).astype(np.float64) * step
            found.append(self.foresee(t, high[seen], low[seen], one))
        return found


def _enough(t: Floats) -> bool:
    return len(t) >= LEAST_POINTS and t[-1] - t[0] >= LEAST_SEEN * (1 - 1e-9)


def _sure(distance: float, slope: float) -> Passage:
    """What a straight line without any doubt says: it is met within the horizon, or it is not."""
    if distance <= 0:
        return Passage(1.0, 1.0, 0.0, 0.0, 0.0)
    if slope <= 0:
        return Passage(0.0, 0.0, None, None, None)
    time = distance / slope
    return Passage(float(time <= 1), float(time <= 1), time, time, time)


def persistence(t: Floats, highs: Floats, _lows: Floats, level: float) -> Passage | None:
    """As often as the past rose as far within a horizon as is left now."""
    if not _enough(t):
        return None
    rises = []
    for place in range(len(t) - 1):
        later = (t > t[place]) & (t <= t[place] + 1.0)
        rises.append(highs[later].max() - highs[place])
    met = float(np.mean(np.array(rises) >= level - highs[-1]))
    return Passage(met, met, None, None, None)


def linear(t: Floats, highs: Floats, _lows: Floats, level: float) -> Passage | None:
    """A line by least squares over half a horizon, prolonged."""
    if not _enough(t):
        return None
    chosen = t >= t[-1] - _LINEAR_WINDOW
    since, values = t[chosen] - t[-1], highs[chosen]
    if len(since) < 2 or since[0] == since[-1]:
        return None
    slope, now = np.polyfit(since, values, 1)
    return _sure(level - float(now), float(slope))


def two_windows(t: Floats, highs: Floats, _lows: Floats, level: float) -> Passage | None:
    """The rate over a quarter of a horizon and over a whole one have to agree."""
    if not _enough(t):
        return None
    rates = []
    for width in (0.25, 1.0):
        first = int(np.searchsorted(t, t[-1] - width))
        if first >= len(t) - 1:
            return None
        rates.append((highs[-1] - highs[first]) / (t[-1] - t[first]))
    return _sure(level - float(highs[-1]), float(min(rates)))


def robust(t: Floats, highs: Floats, lows: Floats, level: float) -> Passage | None:
    """The median of all slopes, with the doubt of resampled pairs; none without a rise of minima."""
    if not _enough(t):
        return None
    chosen = np.flatnonzero(t >= t[-1] - 1.0)
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), _MOST_PAIRS)).astype(int)]
    since, values = t[chosen] - t[-1], highs[chosen]
    one, other = np.triu_indices(len(since), 1)
    passed = since[other] - since[one]
    slopes = (values[other] - values[one])[passed > 0] / passed[passed > 0]
    if not len(slopes):
        return None
    rng = np.random.default_rng(len(t))
    resampled = np.median(rng.choice(slopes, (_BOOTSTRAPS, max(len(since), 2))), axis=1)
    distance = level - float(np.median(values - np.median(slopes) * since))
    times = np.sort(np.where(resampled > 0, distance / np.where(resampled > 0, resampled, 1), 1e9))
    risk = 1.0 if distance <= 0 else float(np.mean(times <= 1.0))
    blocks = np.array_split(lows, min(12, len(lows)))
    rising = mann_kendall(np.array([block.min() for block in blocks])) > 1.645
    low, median, high = (
        float(time) if time < 1e8 else None for time in np.quantile(times, (0.1, 0.5, 0.9))
    )
    return Passage(risk if rising else 0.0, risk, median, low, high)


def state_space_all(past: Windows) -> Passages:
    """The bank of local linear trends as it is: no gate, nothing fitted."""
    return as_met(rises(past.highs, past.seen, past.level))


def state_space(t: Floats, highs: Floats, lows: Floats, level: float) -> Passage | None:
    """See `state_space_all`."""
    past = single(t, highs, lows, level)
    return None if past is None else passage_of(state_space_all(past), 0)


FORECASTERS: Mapping[str, ForecasterSpec] = {
    one.name: one
    for one in (
        ForecasterSpec(
            "default",
            "bank of local linear trends, first passage, leak gate, age of growth, calibrated",
            "Harvey (1989), Raftery et al. (2010), Mann (1945), Lomax (1954), Platt (1999)",
            foresee,
            foresee_all,
            second=True,
        ),
        ForecasterSpec(
            "state_space", "the bank of local linear trends alone", "Harvey (1989)", state_space,
            state_space_all,
        ),
        ForecasterSpec(
            "persistence", "as often as the past rose as far", "the usual baseline", persistence
        ),
        ForecasterSpec(
            "predict_linear", "a line over half a horizon", "Prometheus, predict_linear()", linear
        ),
        ForecasterSpec(
            "two_windows", "the lesser of a short and a long rate", "netdata, disk_fill_rate",
            two_windows,
        ),
        ForecasterSpec(
            "theil_sen", "median of slopes, resampled; Mann-Kendall on minima",
            "Theil (1950), Sen (1968), Mann (1945)", robust,
        ),
    )
}  # fmt: skip
