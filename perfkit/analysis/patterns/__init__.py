"""Patterns: what repeats itself, comes in bursts, changes its level, leaks, warms up or rests."""

from perfkit.analysis.patterns.stage import Patterns

__all__ = ["Patterns"]
