"""What a session says of itself, before any tick is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from perfkit.model.metric import Metric
from perfkit.model.session import Session


@dataclass(frozen=True)
class Information:
    """The facts of a session and the list of its columns.

    source, source_kind: as in `perfkit.model.report.Report`.
    metrics: the columns that are stored, in their order; derived ones too where they are stored.
    ticks: rows. size_bytes: of the file, or of everything in the journal's folder.
    """

    source: str
    source_kind: str
    session: Session
    metrics: tuple[Metric, ...]
    ticks: int
    size_bytes: int
