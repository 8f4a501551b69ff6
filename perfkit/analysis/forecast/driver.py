"""What drives a capacity: where that is foreseen to be met, so is this; a second signal.

A queue jumps from a tenth of what may be waited to all of it within moments, once the workers are
all busy, and until then it hardly moves: the wait goes as 1 / (1 - share busy) (M/M/c, Kleinrock,
*Queueing Systems* I, 3.5). How busy they are has been growing for long by then.
"""

from __future__ import annotations

from dataclasses import replace

from perfkit.analysis.forecast.passage import Passage

MET = 0.9
"""Probability where the driver's capacity is met now: it may turn back before this one's is."""

LONG_MET = 0.8
"""Where it was met for such a share of a whole horizon, and this one's is not met even so, it does
not drive it: workers that are always busy because work is handed to them only when they are free."""


def driven(own: Passage, driver: Passage | None, *, met: bool) -> Passage:
    """The passage of what is driven, by its own past or by its driver's, whichever is surer.

    driver: the driver's passage, None where nothing can be said of it; met: its capacity is met
    now, so that when this one's will be is for its own past to tell.
    """
    if met:
        if own.probability >= MET:
            return own
        return replace(own, probability=MET, surge_risk=max(MET, own.surge_risk), driven=True)
    if driver is None or own.probability >= driver.probability:
        return own
    return replace(driver, driven=True)
