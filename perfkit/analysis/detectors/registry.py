"""The catalogue of detectors for single metrics, the default one first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from perfkit.analysis.detectors.combined import Combined
from perfkit.analysis.detectors.ewma import Ewma
from perfkit.analysis.detectors.extremes import Extremes
from perfkit.analysis.detectors.level import Level
from perfkit.analysis.detectors.once import Once
from perfkit.analysis.detectors.protocol import DetectorSpec
from perfkit.analysis.detectors.spot import Spot

_ALL = (
    DetectorSpec(
        "default",
        "anything: new extremes, shifted levels and sudden residuals together, an event told once",
        "Fisher (1925), combining evidence, over the parts below",
        lambda: Once(Combined()),
        1.72,
    ),
    DetectorSpec(
        "extremes",
        "values beyond everything seen before; blind to what stays within the past range",
        "Chandler (1952), The distribution and frequency of record values",
        Extremes,
        0.005,
    ),
    DetectorSpec(
        "ewma",
        "sudden jumps and drops; blind to what comes slowly",
        "Roberts (1959), Control chart tests based on geometric moving averages",
        lambda: Once(Ewma()),
        1.5,
    ),
    DetectorSpec(
        "level",
        "levels that shift and stay; late by some rows, blind to single spikes",
        "Gustafsson (2000), Adaptive Filtering and Change Detection, section 3.4",
        lambda: Once(Level()),
        1.6,
    ),
    DetectorSpec(
        "spot",
        "rare departures from the last values, as a tail probability in decades",
        "Siffer et al. (2017), Anomaly Detection in Streams with Extreme Value Theory",
        lambda: Once(Spot()),
        2.75,
    ),
)

DETECTORS: Mapping[str, DetectorSpec] = MappingProxyType({spec.name: spec for spec in _ALL})
"""By name."""
