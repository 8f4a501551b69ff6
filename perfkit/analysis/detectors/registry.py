"""The catalogue of detectors for single metrics, the default one first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from perfkit.analysis.detectors.extremes import Extremes
from perfkit.analysis.detectors.protocol import DetectorSpec

_ALL = (
    DetectorSpec(
        "default",
        "new extremes, for now",
        "Chandler (1952), The distribution and frequency of record values",
        Extremes,
        0.1,
    ),
    DetectorSpec(
        "extremes",
        "values beyond everything seen before",
        "Chandler (1952), The distribution and frequency of record values",
        Extremes,
        0.1,
    ),
)

DETECTORS: Mapping[str, DetectorSpec] = MappingProxyType({spec.name: spec for spec in _ALL})
"""By name."""
