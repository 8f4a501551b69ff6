"""What a stage of the pipeline is: periods in, findings out, the same however they are cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from perfkit.model.block import Block
from perfkit.model.finding import Finding


class Stage(Protocol):
    """One step of the analysis; carries its state from block to block, never looks ahead.

    Given the same periods, in whatever blocks, a stage emits the same findings to the last bit.
    Its memory is bounded whatever the session's length. It knows no clock but `t_ns`.
    """

    @property
    def name(self) -> str:
        """What findings of this stage call it."""
        ...

    @property
    def inputs(self) -> frozenset[str]:
        """The columns of periods (as of `analysis.periods`) that it reads; one may be missing."""
        ...

    def add(self, periods: Block, earlier: Sequence[Finding], /) -> list[Finding]:
        """What these periods show.

        periods: one row a period, t_ns its start, none or many at once. earlier: what the stages
        before this one said of exactly these periods, in order. A finding's known_at_ns is the
        end of the period that showed it (t_ns + length), so it lies within these periods.
        """
        ...

    def finish(self, earlier: Sequence[Finding], /) -> list[Finding]:
        """What can be said now that no further period comes; closes what is open."""
        ...
