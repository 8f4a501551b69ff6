"""The calibration of the default forecaster: plain numbers, fitted on recordings of the laboratory.

`python benchmarks/fit_forecasts.py DIR` prints what a folder gives, on all families of program and
without each (docs/forecast.md). A logistic regression (Platt, *Advances in Large Margin
Classifiers*, 1999), whose terms `passage.terms` names.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Calibration:
    """weights: of the terms; worked: of the same where it is told how much work was done. pace:
    times are multiplied by it, which is chosen by hand: the bank's medians came late by so much.
    spread: intervals of time are so many times as wide, in logarithms."""

    weights: tuple[float, ...]
    worked: tuple[float, ...]
    pace: float
    spread: float


CHOSEN = Calibration(
    weights=(-3.865, 0.592, 2.363, 0.275, 0.787),
    worked=(-3.395, 0.703, 2.48, 0.33, 0.717),
    pace=0.87,
    spread=1.5,
)
