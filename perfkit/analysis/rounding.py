"""How derived values are rounded: to what is meaningful, so that they weigh little in a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Rounding(Protocol):
    """Cuts digits that say nothing: elementwise, finite numbers in and out."""

    def __call__(self, values: Floats, /) -> Floats:
        """The values with the digits that mean something."""
        ...


@dataclass(frozen=True)
class Decimals:
    """So many digits after the point."""

    digits: int

    def __call__(self, values: Floats) -> Floats:
        """See Rounding."""
        return np.round(values, self.digits)


@dataclass(frozen=True)
class WithinHalfPercent:
    """The nearest of 100, 101 … 200, 202 … 500, 505 … 1000 and so on in every power of ten.

    For values that are not negative. Three digits say less than the jitter of a tick's length
    does, and weigh a sixth more.
    """

    def __call__(self, values: Floats) -> Floats:
        """See Rounding."""
        # Comparing with bounds is exact; a logarithm's last bit may differ between the vector and
        # the scalar path of one library.
        step = _STEPS[np.searchsorted(_BOUNDS, values, side="right")]
        rounded: Floats = np.rint(values / step) * step
        return rounded


_BOUNDS = np.array([lead * 10.0**power for power in range(-9, 20) for lead in (1, 2, 5)])
_STEPS = np.concatenate(([_BOUNDS[0] / 100], _BOUNDS / 100))
