"""Forecasts: when something will run out or degrade, with a probability that means what it says."""
