"""What calibration a folder of labelled views asks for, and how good it is on what it was not fitted on.

    python benchmarks/fit_forecasts.py DIR [COLUMN]

DIR is one of `perfkit lab run-all --only forecast`; COLUMN of its views.csv names the groups that
are left out in turn: family unless told, shape (of the course), program or kind. Prints the calibration
of all and without each, a verdict "leak or not" at 75 % of each run, then every figure of the
forecasts of each group by the calibration of the others, with its 90 % interval by bootstrap over
recordings: by the metric alone, with second signals, and of `predict_linear` and the two windows.
Nothing is written: the numbers in use stand in `perfkit/analysis/forecast/calibration.py`.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from perfkit.analysis.forecast.fitting import alone, by_others, fit, lessons, seen, told
from perfkit.analysis.forecast.gate import growing_for, lasts
from perfkit.analysis.forecast.passage import PAST, single
from perfkit.analysis.forecast.registry import FORECASTERS
from perfkit.analysis.forecast.work import explained
from perfkit.analysis.forecast_scoring import Told, View, forecasts, pasts, score
from perfkit.workflows.labelled_views import VIEWS_FILE, labelled_views

HORIZON_S, FROM_S, EVERY_S = 10.0, 10.0, 1.0
HELD = ("memory", "descriptors", "threads", "disk")
VERDICT_AT = 0.75
DRAWS = 200


def main() -> None:
    """Fit, score and print."""
    folder = Path(sys.argv[1])
    column = sys.argv[2] if len(sys.argv) > 2 else "family"
    views, _ = labelled_views(folder)
    with (folder / VIEWS_FILE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    groups, files = [row[column] for row in rows], [row["file"] for row in rows]
    print(f"{len(views)} views of {len(set(files))} runs, of which", end=" ")
    print(f"{sum(view.t_cross_s is not None for view in views)} cross")
    both = [seen(view, HORIZON_S, FROM_S, EVERY_S) for view in views]
    learned = lessons(views, groups, HORIZON_S)
    print("all:", fit(learned))
    print("by the metric alone, " + _verdicts(rows, [view.alone() for view in views]))
    print("with second signals, " + _verdicts(rows, views))
    fitted = by_others(learned)
    for group, its in fitted.items():
        print(f"without {group}:", its)
    for name, some in (
        ("the metric alone", [alone(one) for one in both]),
        ("with second signals", both),
    ):
        said = [told(one, fitted[its], HORIZON_S) for one, its in zip(some, groups, strict=True)]
        _print(name, views, said, files)
    for name in ("predict_linear", "two_windows"):
        foresee = FORECASTERS[name].foresee
        _print(
            name,
            views,
            [list(forecasts(view, foresee, HORIZON_S, FROM_S, EVERY_S)) for view in views],
            files,
        )


def _print(name: str, views: Sequence[View], said: Sequence[list[Told]], files: list[str]) -> None:
    print(f"\n{name}")
    figures = score(views, said, HORIZON_S)
    for name, (low, high) in _intervals(views, said, files).items():
        value = figures[name]
        print(f"{name:20} {'-' if value is None else f'{value:.3f}':>7}  {low:.3f} to {high:.3f}")


def _verdicts(rows: Sequence[Mapping[str, str]], views: Sequence[View]) -> str:
    """Of what is held, memory say, and not of rates: once a recording."""
    right = said = leaks = 0
    wrong: list[str] = []
    judged: set[str] = set()
    for row, view in zip(rows, views, strict=True):
        if row["file"] in judged or row["family"] not in HELD:
            continue
        judged.add(row["file"])
        leaking = _leaking(view)
        leaks += row["leaks"] == "1"
        said += leaking
        right += leaking and row["leaks"] == "1"
        if leaking != (row["leaks"] == "1"):
            wrong.append(view.name)
    return (
        f"leak or not at {VERDICT_AT:.0%} of {len(judged)} runs: precision {right / max(said, 1):.2f},"
        f" recall {right / max(leaks, 1):.2f}; wrong: {', '.join(wrong)}"
    )


def _leaking(view: View) -> bool:
    """The gate over all that was seen by then is open, work explains less than half of the growth,
    and it has gone on for a quarter of it: a burst is over by then."""
    at_s = VERDICT_AT * view.end_s
    (_, past), *_ = pasts(view, at_s / PAST, at_s, view.end_s, to_end=True)
    window = None if past is None else single(*past)
    if window is None:
        return False
    age = growing_for(window.highs, window.seen)
    own = explained(window.highs, window.seen, window.work, age)[0] < 0.5
    old = age[0] >= window.seen[0] / 4
    return bool(lasts(window.lows, window.seen)[0] and own and old)


def _intervals(
    views: Sequence[View], said: Sequence[list[Told]], files: Sequence[str]
) -> dict[str, tuple[float, float]]:
    rng = np.random.default_rng(1)
    by_file: dict[str, list[int]] = {}
    for place, name in enumerate(files):
        by_file.setdefault(name, []).append(place)
    names = list(by_file)
    drawn = []
    for _ in range(DRAWS):
        places = [
            place
            for one in rng.integers(len(names), size=len(names))
            for place in by_file[names[one]]
        ]
        drawn.append(score([views[i] for i in places], [said[i] for i in places], HORIZON_S))
    found = {}
    for name in drawn[0]:
        values = [np.nan if one[name] is None else one[name] for one in drawn]
        low, high = np.nanquantile(np.array(values, np.float64), (0.05, 0.95))
        found[name] = (float(low), float(high))
    return found


if __name__ == "__main__":
    main()
