"""How often to read, so that recording stays inside its share of one core.

The budget is a share of one core. Half of it is meant for the fast columns; the system group and
the slow group have an allowance each, a quarter of the budget, from which what they cost is taken:
a group whose allowance is used up waits, so its cadence follows its measured cost. Only when that
is not enough does the interval grow, by half at a time, up to five seconds: a step a tick from the
third tick in a row on that costs twice the budget, else a step every ten seconds. When the cost has
been below half of the budget for a minute, it shrinks by the same steps.
"""

from __future__ import annotations

SMOOTHING_NS = 10_000_000_000
STEP_EVERY_NS = 10_000_000_000
CALM_NS = 60_000_000_000
LONGEST_INTERVAL_NS = 5_000_000_000
DEAR_TICKS = 3
# each change is written with all before it: a load that swings for weeks must not fill the disk
CHANGES_KEPT = 200
GROUP_SHARE = 0.25
# so much may be spent at once: a first reading of all groups, also of a larger tree
BURST_NS = 50_000_000


class Allowance:
    """What a group may still spend; grows with time, up to a burst, and may run into debt once.

    share: of one core, or None for no bound.
    """

    __slots__ = ("_credit_ns", "_share", "_t_ns")

    def __init__(self, share: float | None) -> None:
        self._share = share
        self._credit_ns = float(BURST_NS)
        self._t_ns = 0

    def has_left(self, t_ns: int) -> bool:
        """Whether there is anything left at this time."""
        if self._share is None:
            return True
        self._credit_ns = min(float(BURST_NS), self._credit_ns + self._share * (t_ns - self._t_ns))
        self._t_ns = t_ns
        return self._credit_ns > 0

    def is_spent_by(self, cost_ns: int) -> bool:
        """Whether a cost, not yet taken from it, uses up what is left."""
        return self._share is not None and cost_ns >= self._credit_ns

    def spend(self, cost_ns: int) -> None:
        """Take what was spent from it."""
        self._credit_ns -= cost_ns


class Pace:
    """Decides the interval from what ticks cost.

    asked_ns: the interval asked for, never undercut. budget: share of one core, or None to keep
    the interval whatever it costs.
    interval_ns: the interval now. changes: (t_ns, interval_ns) of every change so far: the
        first one and the newest.
    """

    def __init__(self, asked_ns: int, budget: float | None) -> None:
        self.interval_ns = asked_ns
        self.changes: list[tuple[int, int]] = []
        self._asked_ns = asked_ns
        self._budget = budget
        self._longest_ns = max(asked_ns, LONGEST_INTERVAL_NS)
        self._steps = 0
        self._share = 0.0
        self._t_ns = 0
        self._changed_ns = 0
        self._calm_since_ns = 0
        self._dear_ticks = 0
        group = None if budget is None else budget * GROUP_SHARE
        self.system = Allowance(group)
        self.slow = Allowance(group)

    def spent(self, t_ns: int, cost_ns: int, groups_ns: int) -> bool:
        """Take note of a tick's whole cost; returns whether the interval has changed.

        cost_ns: CPU since the tick before. groups_ns: the part of it that the system and slow
        groups took, which have their own bound.
        """
        budget = self._budget
        elapsed = t_ns - self._t_ns
        if budget is None or elapsed <= 0:
            return False
        self._t_ns = t_ns
        self._share += (cost_ns / elapsed - self._share) * elapsed / (SMOOTHING_NS + elapsed)
        if self._share >= budget / 2:
            self._calm_since_ns = t_ns
        if (cost_ns - groups_ns) / self.interval_ns >= 2 * budget:
            # one dear tick is a cold cache or a busy machine; several in a row are the tree
            self._dear_ticks += 1
            if self._dear_ticks >= DEAR_TICKS:
                return self._step(t_ns, 1)
        else:
            self._dear_ticks = 0
        if self._share > budget and t_ns - self._changed_ns >= STEP_EVERY_NS:
            return self._step(t_ns, 1)
        if t_ns - self._calm_since_ns >= CALM_NS:
            self._calm_since_ns = t_ns
            return self._step(t_ns, -1)
        return False

    def _step(self, t_ns: int, direction: int) -> bool:
        steps = max(0, self._steps + direction)
        interval_ns = min(self._longest_ns, self._asked_ns * 3**steps // 2**steps)
        if interval_ns == self.interval_ns:
            return False
        self._steps = steps
        self.interval_ns = interval_ns
        self._changed_ns = t_ns
        self.changes.append((t_ns, interval_ns))
        if len(self.changes) > CHANGES_KEPT:
            del self.changes[1]
        return True
