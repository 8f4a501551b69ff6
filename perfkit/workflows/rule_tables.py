"""Tables that rules select from beside the recording itself: what is set, and what was compared."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from perfkit.model.thresholds import Thresholds
from perfkit.workflows.source import Recording

if TYPE_CHECKING:
    from perfkit.sql.engine import Table

_EXPOSURE_TYPES = {
    "type": "VARCHAR",
    "exposure": "VARCHAR",
    "operations_count": "BIGINT",
    "slow_count": "BIGINT",
    "slow_ms": "DOUBLE",
    "normal_ms": "DOUBLE",
    "slow_amount": "DOUBLE",
    "normal_amount": "DOUBLE",
    "exposed_ratio": "DOUBLE",
    "incidents_count": "BIGINT",
    "chance_ratio": "DOUBLE",
}


def threshold_table(thresholds: Thresholds) -> Table:
    """One row: NAME_warning and NAME_critical of each metric that has thresholds."""
    from perfkit.sql.engine import Table
    from perfkit.sql.views import Rows

    marks = {
        f"{name}_{mark}": value
        for name, threshold in asdict(thresholds).items()
        for mark, value in threshold.items()
    }

    def load(columns: Collection[str]) -> Any:
        chosen = {name: value for name, value in marks.items() if name in columns} or marks
        return Rows(dict.fromkeys(chosen, "DOUBLE"), [tuple(chosen.values())])

    return Table(tuple(marks), load)


def slow_exposures_table(recording: Recording) -> Table:
    """What went on while slow operations ran, see `perfkit.analysis.exposure`."""
    from perfkit.sql.engine import Table
    from perfkit.sql.views import Rows

    def load(columns: Collection[str]) -> Any:
        from perfkit.analysis.exposure import INPUTS, slow_exposures

        found = slow_exposures(recording.blocks([*INPUTS, "events"]))
        chosen = {
            name: type for name, type in _EXPOSURE_TYPES.items() if name in columns
        } or _EXPOSURE_TYPES
        return Rows(dict(chosen), [tuple(getattr(one, name) for name in chosen) for one in found])

    return Table(tuple(_EXPOSURE_TYPES), load)
