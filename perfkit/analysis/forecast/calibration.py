"""The calibration of the default forecaster: three plain numbers.

Chosen by hand between watches and notices, where the Brier score on the laboratory's recordings is
flat; `python benchmarks/fit_forecasts.py DIR` prints what a fit to a folder gives (docs/forecast.md).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Calibration:
    """ends: growth comes to an end of itself at this rate, so many times a horizon. odds: of the
    probability are divided by this. spread: intervals of time are so many times as wide, in
    logarithms."""

    ends: float
    odds: float
    spread: float


CHOSEN = Calibration(ends=1.25, odds=0.4, spread=1.6)
