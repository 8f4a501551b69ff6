"""Left on for a week: does the recorder's memory, its descriptors or its disk grow?

    python benchmarks/soak.py [--fraction F]

A week at 1 Hz and a day at 10 Hz, with and without `--keep 10m`: every tick is taken and written,
by the recorder's own ticker and journal, with a clock that is told and readings that were recorded
before. Then 100,000 real ticks back to back. Each in a process of its own that has loaded what the
small recorder loads. Memory and descriptors after the first tenth are held against those at the
end. Takes about two minutes and 1 GB of the temporary folder; --fraction takes a part of each.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from perfkit.sampling.clock import Clock  # noqa: E402
from perfkit.sampling.linux import LinuxSampler  # noqa: E402
from perfkit.sampling.metrics import RAW_METRICS, SYSTEM_METRICS  # noqa: E402
from perfkit.sampling.pace import Pace  # noqa: E402
from perfkit.session.journal import JournalWriter, create_journal  # noqa: E402
from perfkit.workflows.ticker import FRONT, Ticker  # noqa: E402

NS = 1_000_000_000
KEEP_NS = 600 * NS
GROWTH_LIMIT_BYTES = 2**20
REAL = "100,000 real ticks back to back"
SCENARIOS = {
    # name: (ticks, interval, what is kept)
    "a week at 1 Hz": (7 * 86_400, NS, None),
    "a week at 1 Hz, --keep 10m": (7 * 86_400, NS, KEEP_NS),
    "a day at 10 Hz": (864_000, NS // 10, None),
    "a day at 10 Hz, --keep 10m": (864_000, NS // 10, KEEP_NS),
    REAL: (100_000, NS // 10, None),
}
MEMBERS = 3
READINGS = 50
_TICK_COST_NS = 300_000


class ToldClock(Clock):
    """The recorder's clock, told to be one interval further at each tick."""

    def __init__(self) -> None:
        self.now_ns = 1000 * NS
        self.used_ns = 0

    def now(self) -> tuple[int, int, int]:
        """See Clock."""
        return self.now_ns, self.now_ns, 1_700_000_000_000_000 + self.now_ns // 1000

    def cpu_ns(self) -> int:
        """See Clock."""
        self.used_ns += _TICK_COST_NS // 2  # asked twice in a tick of one group, once in others
        return self.used_ns


class Replay:
    """A sampler that gives recorded rows again and again, group by group as they are asked for."""

    def __init__(self, sampler: LinuxSampler, readings: int) -> None:
        self._rows = []
        self._front = len(RAW_METRICS[:FRONT])
        self._system_end = FRONT + len(SYSTEM_METRICS)
        self._next = 0
        for _ in range(readings):
            row: list[int | float] = [
                -(2**63) if metric.format == "q" else float("nan") for metric in RAW_METRICS
            ]
            sampler.read(row, system=True, slow=True)
            self._rows.append(row)
        self._entries = sampler.processes()
        self._notes = sampler.take_notes()

    def read(self, row: list[int | float], *, system: bool, slow: bool, may_go_on: object) -> bool:
        """See LinuxSampler.read."""
        del may_go_on
        recorded = self._rows[self._next % len(self._rows)]
        self._next += 1
        row[7:FRONT] = recorded[7:FRONT]
        if system:
            row[FRONT : self._system_end] = recorded[FRONT : self._system_end]
        if slow:
            row[self._system_end :] = recorded[self._system_end :]
        return slow

    def processes(self) -> list[tuple[object, ...]]:
        """The list that was recorded."""
        return self._entries

    def take_notes(self) -> list[tuple[str, str]]:
        """What was missing, once."""
        notes, self._notes = self._notes, []
        return notes

    def target_gone(self) -> bool:
        """Never."""
        return False


def resident_bytes() -> int:
    """Resident memory of this process, exactly (statm lags by some pages)."""
    with open("/proc/self/smaps_rollup", "rb") as file:
        text = file.read()
    start = text.index(b"\nRss:") + 5
    return 1024 * int(text[start:].split(None, 1)[0])


def disk_bytes(folder: str) -> int:
    """Size of all files in the journal's folder."""
    return sum(entry.stat().st_size for entry in os.scandir(folder))


def take_ticks(name: str, fraction: float, folder: str) -> None:
    """Take a scenario's ticks in this process and print what it held after a tenth and at the end."""
    ticks, interval_ns, keep_ns = SCENARIOS[name]
    ticks = max(100, round(ticks * fraction))
    if keep_ns is not None and fraction < 1:
        keep_ns = round(keep_ns * fraction)
    path = f"{folder}/soak.parquet.partial"
    create_journal(path, RAW_METRICS, _FACTS)
    journal = JournalWriter(path, RAW_METRICS, front=FRONT)
    real = LinuxSampler(os.getpid())
    told = ToldClock()
    if name == REAL:
        ticker = Ticker(real, journal, Clock(), Pace(interval_ns, None), keep_ns)
    else:
        replay = Replay(real, READINGS)
        ticker = Ticker(replay, journal, told, Pace(interval_ns, 0.01), keep_ns)
    gc.collect()
    gc.freeze()
    held = []
    disk_most = 0
    for stop in (ticks // 10, *range(ticks // 5, ticks, max(1, ticks // 10)), ticks):
        while journal.sequence < stop:
            ticker.tick()
            told.now_ns += interval_ns
        disk = disk_bytes(path)
        disk_most = max(disk_most, disk)
        held.append((resident_bytes(), sum(1 for _ in os.scandir("/proc/self/fd")), disk))
    print(*held[0], *held[-1], disk_most, journal.sequence, max(fds for _, fds, _ in held))


_FACTS = {
    "session_id": "soak", "perfkit_version": "0", "schema_version": "1.0", "mode": "pid",
    "sampler": "linux", "target_pid": 1, "target_name": "soak", "command": "soak",
    "interval_ns": NS, "started_at_us": 0, "start_boottime_ns": 0,
}  # fmt: skip


def _start_member() -> int:
    return os.posix_spawn("/bin/sleep", ["sleep", "3600"], {})


class Soaked:
    """What one scenario held. Each pair is (after the first tenth, at the end)."""

    def __init__(self, name: str, figures: list[int]) -> None:
        self.name = name
        self.resident = figures[0], figures[3]
        self.descriptors = figures[1], figures[4]
        self.disk = figures[2], figures[5]
        self.disk_most = figures[6]
        self.ticks = figures[7]
        self.descriptors_most = figures[8]

    @property
    def growth_bytes(self) -> int:
        """Resident memory gained since the first tenth."""
        return self.resident[1] - self.resident[0]

    def is_steady(self) -> bool:
        """Memory within the limit, descriptors constant, disk bounded where only a part is kept."""
        bounded = "--keep" not in self.name or self.disk_most <= 1.5 * max(self.disk)
        return (
            self.growth_bytes <= GROWTH_LIMIT_BYTES
            and self.descriptors[0] == self.descriptors[1] == self.descriptors_most
            and bounded
        )


def soak(name: str, fraction: float = 1.0) -> Soaked:
    """Run one scenario in a process of its own."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-S", "-E", "-P", __file__, "--child", name, str(fraction), folder]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
    return Soaked(name, [int(word) for word in done.stdout.split()])


def main() -> None:
    import argparse
    import time

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fraction", type=float, default=1.0)
    options = parser.parse_args()
    print(
        f"{'scenario':<34}{'ticks':>9}{'resident':>17}{'growth':>9}{'fds':>7}{'disk':>19}{'took':>7}"
    )
    steady = True
    for name in SCENARIOS:
        started = time.monotonic()
        one = soak(name, options.fraction)
        took = time.monotonic() - started
        resident, disk = (
            [f"{value / 2**20:.2f}" for value in pair] for pair in (one.resident, one.disk)
        )
        print(
            f"{name:<34}{one.ticks:>9}{' → '.join(resident) + ' MiB':>17}"
            f"{one.growth_bytes / 1024:>5.0f} KiB{one.descriptors[0]:>4}→{one.descriptors[1]:<2}"
            f"{' → '.join(disk) + ' MiB':>19}{took:>5.0f} s{'' if one.is_steady() else '  GROWS'}"
        )  # fmt: skip
        steady = steady and one.is_steady()
    raise SystemExit(0 if steady else 3)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        members = [_start_member() for _ in range(MEMBERS)]
        try:
            take_ticks(sys.argv[2], float(sys.argv[3]), sys.argv[4])
        finally:
            for pid in members:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
    else:
        main()
