"""What recording costs: each part measured after the other, so that none disturbs another."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from perfkit.errors import UnusableInput, UsageError
from perfkit.model.overhead import (
    PARTS,
    WORKLOADS,
    Budget,
    Overhead,
    PeerCost,
    RateCost,
    Slowdown,
    SumCheck,
    TreeCost,
    figure_names,
    measures_rates,
)
from perfkit.model.text import printable
from perfkit.workflows.overhead_peers import PEERS, measure_peer, with_ratio
from perfkit.workflows.overhead_processes import WARM_UP_S, target
from perfkit.workflows.overhead_rates import BUSY_TARGET, measure_rate, recorder_us_per_tick
from perfkit.workflows.overhead_slowdown import measure_slowdown
from perfkit.workflows.overhead_sums import check_sums
from perfkit.workflows.overhead_trees import idle_tree, measure_tree

MAX_RATE_HZ = 1000
MAX_SECONDS = 3600
MAX_PROCESSES = 5000
LEAST_PAIRS, MAX_PAIRS = 6, 10_000

# until another tool has loaded what it needs
_SETTLE_S = 2.0

_BUDGET = re.compile(r"\s*([A-Za-z0-9_]+)\s*(<=|<)\s*([0-9.eE+-]+)\s*")

Say = Callable[[str], None]


def parse_budgets(
    texts: Sequence[str],
    rates_hz: Sequence[int],
    trees: Sequence[int] = (),
    parts: Sequence[str] = ("ticks",),
) -> tuple[Budget, ...]:
    """Budgets from `figure<=limit` or `figure<limit`. Raises UsageError, naming what is known."""
    known = figure_names(rates_hz, trees, parts)
    budgets = []
    for text in texts:
        match = _BUDGET.fullmatch(text)
        try:
            limit = float(match.group(3)) if match else float("nan")
        except ValueError:
            limit = float("nan")
        if match is None or limit != limit:
            raise UsageError(
                f"--budget {printable(text)!r} is not FIGURE<=NUMBER, such as 'cpu_us_per_tick<=400'"
            )
        if match.group(1) not in known:
            plain = ", ".join(name for name in known if "_at_" not in name)
            rates = "_at_" + "hz, _at_".join(map(str, rates_hz)) + "hz"
            others = f"; those of rates also with {rates}" if measures_rates(parts) else ""
            raise UsageError(
                f"--budget names no figure {printable(match.group(1))!r}; with these parts there "
                f"are {plain}{others}"
            )
        budgets.append(Budget(match.group(1), limit, strict=match.group(2) == "<"))
    return tuple(budgets)


def parse_parts(text: str) -> tuple[str, ...]:
    """Parts from `ticks,duet`, each once, in the order of PARTS. Raises UsageError."""
    words = {word.strip() for word in text.split(",")}
    if not words <= {*PARTS}:
        raise UsageError(
            f"--parts {printable(text)!r} is not a list of parts; there are {', '.join(PARTS)}"
        )
    return tuple(part for part in PARTS if part in words)


def parse_rates(text: str) -> tuple[int, ...]:
    """Rates in Hz from `1,10,100`, each once, ascending. Raises UsageError."""
    return _whole_numbers(text, "--rates", MAX_RATE_HZ, "1,10,100")


def parse_trees(text: str) -> tuple[int, ...]:
    """Sizes of trees from `1,10,100`, each once, ascending. Raises UsageError."""
    return _whole_numbers(text, "--trees", MAX_PROCESSES, "1,10,100")


def _whole_numbers(text: str, option: str, greatest: int, example: str) -> tuple[int, ...]:
    try:
        numbers = sorted({int(word) for word in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 1 or numbers[-1] > greatest:
        raise UsageError(
            f"{option} {printable(text)!r} is not a list of whole numbers from 1 to {greatest}, "
            f"such as {example}"
        )
    return tuple(numbers)


def measure(
    seconds: float,
    rates_hz: Sequence[int],
    *,
    parts: Sequence[str] = PARTS,
    trees: Sequence[int] = (1, 10, 100),
    pairs: int = 30,
    say: Say = lambda _: None,
) -> Overhead:
    """Measure these parts, one after the other.

    seconds: for each rate, tree and peer, after its warm-up. pairs: of each workload's duet.
    say: is told what happens now and about how long it takes. Raises UsageError if a number is out
    of range, UnusableInput where there is no /proc.
    """
    if not 0 < seconds <= MAX_SECONDS:
        raise UsageError(f"--seconds {seconds:g} is out of range; choose from 1 to {MAX_SECONDS}")
    if "duet" in parts and not LEAST_PAIRS <= pairs <= MAX_PAIRS:
        raise UsageError(
            f"--pairs {pairs} is out of range; choose from {LEAST_PAIRS} (fewer have no interval "
            f"of 95 %) to {MAX_PAIRS}"
        )
    if sys.platform != "linux":
        raise UnusableInput("bench-overhead measures the Linux sampler; here is no Linux")
    with tempfile.TemporaryDirectory(prefix="perfkit-overhead-") as folder:
        bench = _Bench(seconds, Path(folder), say)
        rates = bench.rates(rates_hz) if measures_rates(parts) else ()
        sized = bench.trees(trees) if "trees" in parts else ()
        slowdowns = bench.slowdowns(pairs) if "duet" in parts else ()
        sums = bench.sums() if "fidelity" in parts else ()
        peers = bench.peers(rates, sized) if "peers" in parts else ()
    return Overhead(seconds, WARM_UP_S, rates, peers, sized, slowdowns, sums)


class _Bench:
    """The parts, each with the same length and folder."""

    def __init__(self, seconds: float, folder: Path, say: Say) -> None:
        self._seconds, self._folder, self._say = seconds, folder, say

    def rates(self, rates_hz: Sequence[int]) -> tuple[RateCost, ...]:
        costs = []
        with target(BUSY_TARGET) as pid:
            for rate in rates_hz:
                self._say(f"ticks at {rate} Hz, {3 * self._seconds + WARM_UP_S + 3:.0f} s")
                costs.append(measure_rate(rate, self._seconds, WARM_UP_S, pid, self._folder))
        return tuple(costs)

    def trees(self, sizes: Sequence[int]) -> tuple[TreeCost, ...]:
        costs = []
        for size in sizes:
            self._say(f"a tree of {size}, {self._seconds + WARM_UP_S:.0f} s")
            costs.append(measure_tree(size, self._seconds, WARM_UP_S, self._folder))
        return tuple(costs)

    def slowdowns(self, pairs: int) -> tuple[Slowdown, ...]:
        def say(kind: str, done: int) -> None:
            if done % 10 == 0 or done == pairs:
                self._say(f"slow-down of a target, {kind}: pair {done} of {pairs}")

        found = []
        for kind in WORKLOADS:
            say(kind, 0)
            found.append(measure_slowdown(kind, pairs, say=partial(say, kind)))
        return tuple(found)

    def sums(self) -> tuple[SumCheck, ...]:
        self._say("sums against wait4, 6 s")
        return tuple(check_sums(kind) for kind in WORKLOADS)

    def peers(self, rates: Sequence[RateCost], sized: Sequence[TreeCost]) -> tuple[PeerCost, ...]:
        ours_us = {rate.rate_hz: (rate.cpu_us_per_tick, rate.clock_us_per_tick) for rate in rates}
        seconds = self._seconds
        costs = []
        with target(BUSY_TARGET) as pid:
            for peer in PEERS:
                self._say(f"{peer.name}, {seconds + _SETTLE_S:.0f} s")
                cost = measure_peer(peer, seconds, _SETTLE_S, pid, self._folder)
                rate_hz = round(1 / peer.interval_s)
                if not cost.absent and rate_hz not in ours_us:
                    self._say(f"perfkit at {rate_hz} Hz for it, {seconds + WARM_UP_S:.0f} s")
                    ours_us[rate_hz] = recorder_us_per_tick(
                        rate_hz, seconds, WARM_UP_S, pid, self._folder
                    )
                costs.append(with_ratio(cost, *ours_us.get(rate_hz, (None, None))))
        return tuple(costs) + self._peers_of_largest(sized)

    def _peers_of_largest(self, sized: Sequence[TreeCost]) -> tuple[PeerCost, ...]:
        """Those that know trees, beside the largest one."""
        if not sized or sized[-1].processes == 1:
            return ()
        tree, costs = sized[-1], []
        with idle_tree(tree.processes) as pid:
            for peer in PEERS:
                if not peer.trees:
                    continue
                self._say(
                    f"{peer.name}, a tree of {tree.processes}, {self._seconds + _SETTLE_S:.0f} s"
                )
                cost = measure_peer(
                    peer, self._seconds, _SETTLE_S, pid, self._folder, processes=tree.processes
                )
                if not cost.absent:
                    costs.append(with_ratio(cost, tree.cpu_us_per_tick))
        return tuple(costs)
