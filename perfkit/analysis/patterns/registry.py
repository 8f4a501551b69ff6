"""Every kind of pattern, in the order in which they are looked for: a later one knows the earlier.

A new one is a file beside these with a class as `pattern.Pattern` has it, and a line here.
"""

from __future__ import annotations

from perfkit.analysis.patterns.burst import Bursts
from perfkit.analysis.patterns.cycle import Cycles
from perfkit.analysis.patterns.leak import Leaks
from perfkit.analysis.patterns.level_shift import LevelShifts
from perfkit.analysis.patterns.pattern import Pattern
from perfkit.analysis.patterns.plateau import Plateaus
from perfkit.analysis.patterns.regime import Regimes
from perfkit.analysis.patterns.sawtooth import Sawteeth
from perfkit.analysis.patterns.warm_up import WarmUps

PATTERNS: tuple[Pattern, ...] = (
    Cycles(),
    Regimes(),
    Bursts(),
    WarmUps(),
    LevelShifts(),
    Sawteeth(),
    Leaks(),
    Plateaus(),
)
