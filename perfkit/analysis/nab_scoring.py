"""How well scores find labelled windows: the scoring of the Numenta Anomaly Benchmark (NAB).

A row whose score reaches the threshold is a detection. Of a window the earliest detection counts,
the more the earlier; a detection outside costs, the less the closer it follows a window; a missed
window costs. Rows of the probation at a file's beginning are not scored. The sum is put between
that of a detector that never speaks (0) and one that finds the first row of every window (100).

Source: Lavin and Ahmad (2015), "Evaluating Real-time Anomaly Detection Algorithms - the Numenta
Anomaly Benchmark", section II, and version 1.1 of its scorer, which is followed in every detail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

OUTSIDE = -1
PROBATION = -2
"""What `Judged.window` holds where a row lies in no window, and where it is not scored."""

_PROBATION_SHARE = 0.15
_PROBATION_OF_AT_MOST = 5000
_FAR = 3.0  # windows behind a window: from there on a false row costs its full weight


@dataclass(frozen=True)
class Profile:
    """What matters to somebody: the weight of a hit, of a false row and of a missed window."""

    name: str
    hit: float
    false_row: float
    miss: float


STANDARD = Profile("standard", 1.0, 0.11, 1.0)
LOW_FP = Profile("reward_low_FP_rate", 1.0, 0.22, 1.0)
LOW_FN = Profile("reward_low_FN_rate", 1.0, 0.11, 2.0)


@dataclass(frozen=True)
class Judged:
    """The rows of one file as its labels judge them.

    window: int64[n], the number of the window that a row lies in, OUTSIDE or PROBATION.
    worth: float64[n], what a detection there is worth before the profile's weight: in a window
    1 at its first row and falling, outside between 0 (right behind a window) and -1.
    windows: how many the file has, those wholly within the probation among them.
    """

    window: npt.NDArray[np.int64]
    worth: npt.NDArray[np.float64]
    windows: int


@dataclass(frozen=True)
class Outcome:
    """What a threshold brings in one file or in several.

    gained: what hits and false rows are worth under the profile, misses taken off. null: the same
    of a detector that never speaks. perfect: of one that finds every window at its first row.
    found: windows with a detection. false_rows: detections outside. rows: those scored and outside
    any window. all_rows: every row, of the probation too.
    """

    gained: float
    null: float
    perfect: float
    found: int
    windows: int
    false_rows: int
    all_rows: int

    @property
    def normalised(self) -> float | None:
        """0 for the detector that never speaks, 100 for the perfect one; None without windows."""
        if self.perfect == self.null:
            return None
        return 100.0 * (self.gained - self.null) / (self.perfect - self.null)


def probation(rows: int) -> int:
    """How many rows at the beginning of a file are not scored."""
    # a float product and a floor as in the original, so that the same row is the first
    return math.ceil(
        min(math.floor(_PROBATION_SHARE * rows), _PROBATION_SHARE * _PROBATION_OF_AT_MOST)
    )


def judge(rows: int, windows: Sequence[tuple[int, int]]) -> Judged:
    """The rows of a file under its labels.

    windows: number of the first and of the last row of each, in order, not overlapping.
    Raises ValueError where they are not.
    """
    ends = [-1, *(row for window in windows for row in window)]
    if any(last < first for first, last in windows) or any(
        second <= first for first, second in zip(ends[::2], ends[1::2], strict=False)
    ):
        raise ValueError("windows do not follow one another")
    if windows and windows[-1][1] >= rows:
        raise ValueError("a window ends behind the last row")
    window = np.full(rows, OUTSIDE, np.int64)
    worth = np.full(rows, -1.0)
    for number, (first, last) in enumerate(windows):
        width = last - first + 1
        until = windows[number + 1][0] if number + 1 < len(windows) else rows
        window[first : last + 1] = number
        inside = -(last - np.arange(first, last + 1) + 1) / width
        worth[first : last + 1] = _sigmoid(inside) / _sigmoid(np.array([-1.0]))
        behind = np.arange(1, until - last)
        # a window of a single row has no width to measure by: whatever follows is far away
        position = behind / (width - 1) if width > 1 else np.full(len(behind), _FAR)
        worth[last + 1 : until] = np.where(position >= _FAR, -1.0, _sigmoid(position))
    window[: probation(rows)] = PROBATION
    return Judged(window, worth, len(windows))


def outcome(
    judged: Sequence[Judged],
    scores: Sequence[npt.NDArray[np.float64]],
    threshold: float,
    profile: Profile = STANDARD,
) -> Outcome:
    """What the rows with `score >= threshold` of these files are worth together."""
    gained = null = 0.0
    found = false_rows = 0
    for file, of_file in zip(judged, scores, strict=True):
        hit = of_file >= threshold
        outside = hit & (file.window == OUTSIDE)
        false_rows += int(np.count_nonzero(outside))
        gained += profile.false_row * float(file.worth[outside].sum())
        scored = np.unique(file.window[file.window >= 0])
        null -= profile.miss * len(scored)
        best = _best(file, hit)
        detected = np.isfinite(best)
        found += int(np.count_nonzero(detected))
        gained += profile.hit * float(best[detected].sum())
        gained -= profile.miss * (len(scored) - int(np.count_nonzero(detected)))
    windows = sum(file.windows for file in judged)
    rows = sum(len(file.window) for file in judged)
    return Outcome(gained, null, profile.hit * windows, found, windows, false_rows, rows)


def best_threshold(
    judged: Sequence[Judged],
    scores: Sequence[npt.NDArray[np.float64]],
    profile: Profile = STANDARD,
) -> float:
    """The threshold with the greatest sum over these files: the highest one where several have it.

    It is one of the scores, or infinite where no detection pays.
    """
    gains: list[npt.NDArray[np.float64]] = [np.zeros(0)]
    levels: list[npt.NDArray[np.float64]] = [np.zeros(0)]
    for file, of_file in zip(judged, scores, strict=True):
        outside = file.window == OUTSIDE
        levels.append(of_file[outside])
        gains.append(profile.false_row * file.worth[outside])
        for number in range(file.windows):
            rows = np.flatnonzero(file.window == number)
            if not len(rows):
                continue
            # only a row that beats all before it in its window ever counts, earlier ones first
            top = np.maximum.accumulate(of_file[rows])
            new = np.concatenate(([True], top[1:] > top[:-1]))
            level, worth = of_file[rows[new]], profile.hit * file.worth[rows[new]]
            levels.append(level)
            gains.append(np.concatenate((worth[:-1] - worth[1:], worth[-1:] + profile.miss)))
    level, gain = np.concatenate(levels), np.concatenate(gains)
    if not len(level):
        return math.inf
    order = np.argsort(-level, kind="stable")
    level, total = level[order], np.cumsum(gain[order])
    last_of_level = np.append(level[1:] != level[:-1], True)
    level, total = level[last_of_level], total[last_of_level]
    best = int(np.argmax(total))
    return float(level[best]) if total[best] > 0 else math.inf


def _sigmoid(position: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 at far left, 0 at 0, -1 at far right; position in widths of the window."""
    return 2.0 / (1.0 + np.exp(5.0 * position)) - 1.0


def _best(file: Judged, hit: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """The worth of each window's best detection, minus infinity where there is none."""
    best = np.full(file.windows, -np.inf)
    rows = np.flatnonzero(hit & (file.window >= 0))
    np.maximum.at(best, file.window[rows], file.worth[rows])
    return best
