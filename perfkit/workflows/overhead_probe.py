"""The measured half of `perfkit bench-overhead`: loops that run as small as the recorder does.

Three kinds, each paced by the recorder's own deadlines and its way of waiting:

clock   wakes up and does nothing: slots that even this loop misses are the machine's doing.
bare    wakes up and calls `pread` on the files that the sampler reads, at the same cadence of
        groups, and neither parses nor writes: what any recorder in this language must pay.
parts   records, and takes apart what a tick costs: the groups read, the write, and the rest.

Which files those are is not listed here but found out, by watching the sampler read each group.
"""

from __future__ import annotations

import os
import select
import sys

from perfkit.model.metric import NULL_INTEGER
from perfkit.sampling.clock import Clock, Deadlines
from perfkit.sampling.linux import LinuxSampler
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.sampling.pace import Pace
from perfkit.session.journal import JournalWriter
from perfkit.workflows.ticker import FRONT, SLOW_EVERY_NS, SYSTEM_EVERY_NS, Ticker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_READ_BYTES = 16384


class Watched:
    """Hands readings through to os.pread and os.read, and remembers which files they were of."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self._pread, self._read = os.pread, os.read

    def __enter__(self) -> Watched:
        os.pread = self._watched_pread
        os.read = self._watched_read
        return self

    def __exit__(self, *_: object) -> None:
        os.pread, os.read = self._pread, self._read

    def _watched_pread(self, descriptor: int, length: int, offset: int) -> bytes:
        self._remember(descriptor)
        return self._pread(descriptor, length, offset)

    def _watched_read(self, descriptor: int, length: int) -> bytes:
        self._remember(descriptor)
        return self._read(descriptor, length)

    def _remember(self, descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115  (no pathlib here)
        # the kernel calls an entry of /proc deleted once it has dropped it from its cache
        path = path.removesuffix(" (deleted)")
        if path not in self.paths:
            self.paths.append(path)


def files_of_groups(pid: int) -> tuple[list[str], list[str], list[str]]:
    """The files that the sampler reads for the fast, the system and the slow group of a process."""
    sampler = LinuxSampler(pid)
    blank = [NULL_INTEGER for _ in RAW_METRICS]
    # the first readings open what is kept and try what may be missing
    sampler.read([*blank], system=True, slow=True)
    sampler.processes()
    found: list[list[str]] = []
    for system, slow in ((False, False), (True, False), (False, True)):
        with Watched() as watched:
            sampler.read([*blank], system=system, slow=slow)
            if slow:
                sampler.processes()
        found.append(watched.paths)
    sampler.close()
    fast, system_paths, slow_paths = found
    return (
        fast,
        [path for path in system_paths if path not in fast],
        [path for path in slow_paths if path not in fast],
    )


class Paced:
    """Calls `work` at every deadline for as long as asked, and keeps account of both.

    work: takes (system, slow), whether those groups are due. The account begins after the warm-up.
    clock, wait: those of the machine; tests pass their own. wait takes seconds.
    """

    def __init__(
        self,
        interval_ns: int,
        warm_up_ns: int,
        measured_ns: int,
        clock: Clock | None = None,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.interval_ns = interval_ns
        self.start_ns = self.clock.monotonic_ns()
        self.counted_from_ns = self.start_ns + warm_up_ns
        self.until_ns = self.counted_from_ns + measured_ns
        self.ticks = self.missed = self.cpu_ns = 0
        self.late_ns: list[int] = []
        self.counting = False
        if wait is None:
            # the recorder's way of waiting: for a descriptor that tells of the target's end
            never, _ = os.pipe()
            self._sleep: Callable[[float], object] = _wait_for((never,))
        else:
            self._sleep = wait

    def run(self, work: Callable[[bool, bool], None]) -> None:
        """Loop until the time is over; the figures are in ticks, missed, late_ns, cpu_ns."""
        clock = self.clock
        deadlines = Deadlines(self.start_ns, self.interval_ns)
        next_system = next_slow = self.start_ns
        cpu_ns = clock.cpu_ns()
        while True:
            now = clock.monotonic_ns()
            if now >= self.until_ns:
                break
            if not self.counting and now >= self.counted_from_ns:
                self.counting = True
                cpu_ns = clock.cpu_ns()
            late_ns, missed = deadlines.arrive(now)
            system, slow = now >= next_system, now >= next_slow
            if system:
                next_system = now + SYSTEM_EVERY_NS - self.interval_ns // 2
            if slow:
                next_slow = now + SLOW_EVERY_NS - self.interval_ns // 2
            work(system, slow)
            if self.counting:
                self.ticks += 1
                self.missed += missed
                self.late_ns.append(late_ns)
            self._wait(deadlines)
        self.cpu_ns = clock.cpu_ns() - cpu_ns

    def _wait(self, deadlines: Deadlines) -> None:
        while True:
            remaining = deadlines.next_ns - self.clock.monotonic_ns()
            if remaining <= 0:
                return
            self._sleep(remaining / 1e9)


def _wait_for(watched: tuple[int, ...]) -> Callable[[float], object]:
    """A wait for so many seconds, or until a descriptor is ready."""
    return lambda seconds: select.select(watched, (), (), seconds)


def clock_loop(paced: Paced) -> None:
    """Do nothing, on time."""
    paced.run(lambda _system, _slow: None)


def bare_loop(paced: Paced, pid: int) -> None:
    """Read what the sampler reads, through descriptors kept open, and look at nothing."""
    fast, system, slow = (tuple(_opened(path) for path in paths) for paths in files_of_groups(pid))
    pread = os.pread

    def work(system_due: bool, slow_due: bool) -> None:
        for descriptor in fast:
            pread(descriptor, _READ_BYTES, 0)
        if system_due:
            for descriptor in system:
                pread(descriptor, _READ_BYTES, 0)
        if slow_due:
            for descriptor in slow:
                pread(descriptor, _READ_BYTES, 0)

    paced.run(work)


def _opened(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


class PartsOfTicks:
    """A sampler and a journal in one, which hand through and note what each call cost.

    A tick that reads one group more than another costs that group more: means over the kinds of
    ticks tell the groups apart, so nothing inside the sampler is touched.
    """

    def __init__(self, sampler: LinuxSampler, journal: JournalWriter, clock: Clock) -> None:
        self.sampler, self.journal, self.clock = sampler, journal, clock
        self.blank, self.directory = journal.blank, journal.directory
        self.costs: dict[tuple[bool, bool], list[int]] = {}
        self.list_cost_ns = self.lists = self.write_cost_ns = self.writes = 0
        self.counting = False

    @property
    def segment(self) -> int:
        """See JournalWriter."""
        return self.journal.segment

    @property
    def sequence(self) -> int:
        """See JournalWriter."""
        return self.journal.sequence

    def read(
        self,
        row: list[int | float],
        *,
        system: bool,
        slow: bool,
        may_go_on: Callable[[], bool] | None,
    ) -> bool:
        """See LinuxSampler.read."""
        before = self.clock.cpu_ns()
        swept = self.sampler.read(row, system=system, slow=slow, may_go_on=may_go_on)
        if self.counting:
            self.costs.setdefault((system, slow), []).append(self.clock.cpu_ns() - before)
        return swept

    def processes(self) -> list[tuple[object, ...]]:
        """See LinuxSampler.processes."""
        before = self.clock.cpu_ns()
        listed = self.sampler.processes()
        if self.counting:
            self.list_cost_ns += self.clock.cpu_ns() - before
            self.lists += 1
        return listed

    def take_notes(self) -> list[tuple[str, str]]:
        """See LinuxSampler.take_notes."""
        return self.sampler.take_notes()

    def target_gone(self) -> bool:
        """See LinuxSampler.target_gone."""
        return self.sampler.target_gone()

    def is_lost(self) -> bool:
        """See JournalWriter.is_lost."""
        return self.journal.is_lost()

    def append(
        self, row: Sequence[int | float], frames: Sequence[bytes] = (), *, whole: bool = True
    ) -> None:
        """See JournalWriter.append."""
        before = self.clock.cpu_ns()
        self.journal.append(row, frames, whole=whole)
        if self.counting:
            self.write_cost_ns += self.clock.cpu_ns() - before
            self.writes += 1

    def groups_ns(self) -> dict[str, float]:
        """Mean CPU of reading each group once, and of one write; groups not told apart left out."""
        means = {kind: sum(costs) / len(costs) for kind, costs in self.costs.items()}
        parts = {"write_ns": self.write_cost_ns / max(1, self.writes)}
        plain = means.get((False, False))
        with_system = means.get((True, False))
        if plain is not None:
            parts["fast_ns"] = plain
        if plain is not None and with_system is not None:
            parts["system_ns"] = with_system - plain
        listed = self.list_cost_ns / self.lists if self.lists else 0.0
        for system, without in ((True, with_system), (False, plain)):
            slow = means.get((system, True))
            if slow is not None and without is not None:
                parts["slow_ns"] = slow - without + listed
                break
        return parts


def parts_loop(paced: Paced, pid: int, journal_path: str) -> dict[str, float]:
    """Record into a journal and tell what the parts of a tick cost."""
    clock = paced.clock
    parts = PartsOfTicks(
        LinuxSampler(pid), JournalWriter(journal_path, RAW_METRICS, front=FRONT), clock
    )
    ticker = Ticker(parts, parts, clock, Pace(paced.interval_ns, None))  # type: ignore[arg-type]
    wall_ns = 0

    def work(_system: bool, _slow: bool) -> None:
        nonlocal wall_ns
        parts.counting = paced.counting
        before = clock.monotonic_ns()
        ticker.tick()
        if paced.counting:
            wall_ns += clock.monotonic_ns() - before

    paced.run(work)
    return {"wall_ns": wall_ns / max(1, paced.ticks), **parts.groups_ns()}


def main() -> None:
    """Entry of the measured process: KIND INTERVAL_NS WARM_UP_NS MEASURED_NS PID [JOURNAL]."""
    kind, *numbers = sys.argv[1:6]
    interval_ns, warm_up_ns, measured_ns, pid = map(int, numbers)
    paced = Paced(interval_ns, warm_up_ns, measured_ns)
    figures: dict[str, float] = {}
    if kind == "clock":
        clock_loop(paced)
    elif kind == "bare":
        bare_loop(paced, pid)
    else:
        figures = parts_loop(paced, pid, sys.argv[6])
    figures |= {"ticks": paced.ticks, "missed": paced.missed, "cpu_ns": paced.cpu_ns}
    print(" ".join(f"{name}={value}" for name, value in figures.items()))
    print(*paced.late_ns)
