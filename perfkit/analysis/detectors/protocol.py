"""What a detector is: values of one metric in, how unusual each is out.

To add one: a file here with a class that has `score`, and its line in `registry`. The suite in
`tests/analysis/test_detectors.py` then holds it to what is promised below.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
"""Consecutive finite values of one metric; what is null is left out by the caller."""

Scores = npt.NDArray[np.float64]
"""One a value, in no unit: finite, at least 0, higher is more unusual, without an upper end.

Never saturating: of two alarms the stranger one has the higher score. 0 says nothing at all.
"""


class Detector(Protocol):
    """Scores the values of one metric as they come; carries its state from call to call.

    Causal: a score depends on the value and those before it, never on later ones. Chunk invariant:
    `score(a)` then `score(b)` gives the bits of `score(a + b)`. Deterministic, and bounded in
    memory however long the stream. Scores do not depend on the metric's unit: a stream times a
    power of two scores the same (save where it leaves the range of float64).
    """

    def score(self, values: Values) -> Scores:
        """How unusual each of the next values is, given all before it.

        values: shape (n,), n >= 0, finite float64, left as they are. Returns shape (n,).
        """
        ...


@dataclass(frozen=True)
class DetectorSpec:
    """A detector as the registry knows it.

    summary: what it is good for, one sentence. source: where the method comes from.
    start: a detector at the beginning of a stream. threshold: the score from which on a row counts
    as unusual (`score >= threshold`) unless the user says otherwise.
    """

    name: str
    summary: str
    source: str
    start: Callable[[], Detector]
    threshold: float
