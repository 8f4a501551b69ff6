"""The calibration of the default forecaster: plain numbers, fitted on recordings of the laboratory.

`python benchmarks/fit_forecasts.py DIR` prints what a folder gives, on all families of program and
without each (docs/forecast.md). A logistic regression (Platt, *Advances in Large Margin
Classifiers*, 1999), whose terms `passage.terms` names.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Calibration:
    """weights: of the terms. pace: times are multiplied by it, which is chosen by hand: the bank's
    medians came late by so much. spread: intervals of time are so many times as wide, in
    logarithms."""

    weights: tuple[float, ...]
    pace: float
    spread: float


CHOSEN = Calibration(weights=(-3.724, 0.267, 2.026, 0.758, 0.971), pace=0.87, spread=1.5)
