"""Anomalies: stretches in which metrics are as they hardly ever are, within a budget of alarms."""

from perfkit.analysis.anomaly.stage import Anomalies

__all__ = ["Anomalies"]
