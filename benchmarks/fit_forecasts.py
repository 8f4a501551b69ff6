"""What calibration a folder of labelled views asks for, on all kinds and without each.

    python benchmarks/fit_forecasts.py DIR

DIR is one of `perfkit lab run-all --only forecast`. A view that is said never to cross and spends a
second beyond its capacity all the same is left out, and named. Nothing is written: the numbers in
use stand in `perfkit/analysis/forecast/calibration.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from perfkit.analysis.forecast.fitting import by_other_kinds, fit, seen
from perfkit.analysis.forecast_scoring import View
from perfkit.workflows.score_forecasts import labelled_views

HORIZON_S, FROM_S, EVERY_S = 10.0, 10.0, 1.0


def main() -> None:
    """Fit and print."""
    views, kinds = labelled_views(Path(sys.argv[1]))
    doubtful = [_doubtful(view) for view in views]
    for view, doubt in zip(views, doubtful, strict=True):
        if doubt:
            print(f"left out, its label is doubtful: {view.name}")
    some = [
        seen(v, HORIZON_S, FROM_S, EVERY_S)
        for v, bad in zip(views, doubtful, strict=True)
        if not bad
    ]
    kept = [kind for kind, bad in zip(kinds, doubtful, strict=True) if not bad]
    print("all kinds:", fit(some))
    for kind, its in by_other_kinds(some, kept).items():
        print(f"without {kind}:", its)


def _doubtful(view: View) -> bool:
    if view.t_cross_s is not None or len(view.t_s) < 2:
        return False
    beyond = view.values <= view.capacity if view.falling else view.values >= view.capacity
    return float(np.diff(view.t_s)[beyond[1:]].sum()) > 1.0


if __name__ == "__main__":
    main()
