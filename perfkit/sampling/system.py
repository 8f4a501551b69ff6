"""The machine's own figures: CPU by state, memory, load, pressure, network, control group."""

from __future__ import annotations

import os

from perfkit.sampling.cgroup import Cgroup
from perfkit.sampling.member import TICK_NS
from perfkit.sampling.metrics import (
    CGROUP_METRICS,
    CORES_METRIC,
    LOAD_METRIC,
    MEMINFO_FIELDS,
    NET_FIELDS,
    PSI_FIELDS,
    RUNNABLE_METRIC,
    STAT_CPU_FIELDS,
)
from perfkit.sampling.tree import INDEX, Row

_READ_BYTES = 16384

# looked up once: where each number goes in the row
_CPU_SLOTS = tuple((INDEX[metric.name], positions) for metric, positions in STAT_CPU_FIELDS)
_CORES = INDEX[CORES_METRIC.name]
_LOAD = INDEX[LOAD_METRIC.name]
_RUNNABLE = INDEX[RUNNABLE_METRIC.name]
_MEMORY_SLOTS = tuple((INDEX[m.name], m.name, f"{key}:".encode()) for m, key in MEMINFO_FIELDS)
_MEMORY_TOTAL = INDEX["system_memory_total_bytes"]
_PSI_SLOTS = tuple((INDEX[m.name], m.name, res, share.encode()) for m, res, share in PSI_FIELDS)
_NET_SLOTS = tuple((INDEX[metric.name], positions) for metric, positions in NET_FIELDS)
_CGROUP_SLOTS = {metric.name: INDEX[metric.name] for metric in CGROUP_METRICS}


class System:
    """Reads what is the machine's and the control group's, through descriptors kept open.

    missing: column to the reason why the machine does not give it; filled by the first read.
    """

    def __init__(self, proc: str, sys: str, pid: int) -> None:
        self.missing: dict[str, str] = {}
        self._proc = proc
        self._files: dict[str, int] = {}
        self.cores = 0
        self.memory_total_bytes = 0
        self._tasks = 0
        self._most_tasks = _least_of(f"{proc}/sys/kernel/threads-max", f"{proc}/sys/kernel/pid_max")
        self.cgroup = Cgroup(proc, sys, pid)
        for name in ("stat", "meminfo", "loadavg", f"{pid}/net/dev"):
            self._keep(name)
        for resource in sorted({resource for _, resource, _ in PSI_FIELDS}):
            self._keep(f"pressure/{resource}")
        self._network = f"{pid}/net/dev"

    def read(self, row: Row) -> None:
        """Write the system columns into the row; what is missing stays null."""
        self._read_cpu(row)
        self._read_memory(row)
        self._read_load(row)
        self._read_pressure(row)
        self._read_network(row)
        values = self.cgroup.read()
        for name, value in values.items():
            row[_CGROUP_SLOTS[name]] = value
        if not values:
            self._lacks("cgroup", "the target's control group shows no figures")

    def tasks_nearest(self) -> tuple[int, int] | None:
        """Threads that count against a limit, and the limit, where they are nearest to it."""
        found = [(self._tasks, self._most_tasks)] if self._tasks and self._most_tasks else []
        own = self.cgroup.tasks()
        if own is not None:
            found.append(own)
        return max(found, key=lambda pair: pair[0] / pair[1], default=None)

    def close(self) -> None:
        """Let go of all descriptors."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files = {}
        self.cgroup.close()

    def _read_cpu(self, row: Row) -> None:
        text = self._text("stat")
        if text is None:
            self._lacks("system_cpu", "no /proc/stat")
            return
        figures = text[: text.index(b"\n")].split()[1:]
        for metric, positions in STAT_CPU_FIELDS:
            row[INDEX[metric.name]] = TICK_NS * sum(
                int(figures[position]) for position in positions
            )
        self.cores = text.count(b"\ncpu")
        row[INDEX[CORES_METRIC.name]] = self.cores

    def _read_memory(self, row: Row) -> None:
        text = self._text("meminfo")
        if text is None:
            self._lacks("system_memory", "no /proc/meminfo")
            return
        for slot, name, key in _MEMORY_SLOTS:
            start = text.find(key)
            if start < 0:
                self._lacks(name, f"/proc/meminfo has no {key.decode()}")
                continue
            start += len(key)
            row[slot] = 1024 * int(text[start : text.index(b"kB", start)])
        self.memory_total_bytes = max(0, int(row[_MEMORY_TOTAL]))

    def _read_load(self, row: Row) -> None:
        text = self._text("loadavg")
        if text is None:
            return
        figures = text.split(None, 4)
        row[_LOAD] = float(figures[0])
        running, _, all_tasks = figures[3].partition(b"/")
        row[_RUNNABLE] = max(0, int(running) - 1)  # who reads this runs
        self._tasks = int(all_tasks)

    def _read_pressure(self, row: Row) -> None:
        texts: dict[str, bytes | None] = {}
        for slot, name, resource, share in _PSI_SLOTS:
            if resource not in texts:
                texts[resource] = self._text(f"pressure/{resource}")
            text = texts[resource]
            start = -1 if text is None else text.find(share)
            if text is None or start < 0:
                self._lacks(name, f"no {share.decode()} line in /proc/pressure/{resource}")
                continue
            start = text.index(b"total=", start) + 6
            row[slot] = int(text[start : text.index(b"\n", start)])

    def _read_network(self, row: Row) -> None:
        text = self._text(self._network)
        if text is None:
            self._lacks("net", "the target's /proc/PID/net/dev cannot be read")
            return
        interfaces = [line.rpartition(b":")[2].split(None, 12) for line in text.splitlines()[2:]]
        for slot, positions in _NET_SLOTS:
            amount = 0
            for figures in interfaces:
                for position in positions:
                    amount += int(figures[position])
            row[slot] = amount

    def _keep(self, name: str) -> None:
        try:
            self._files[name] = os.open(f"{self._proc}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            pass  # the reader of this file says what is missing

    def _text(self, name: str) -> bytes | None:
        descriptor = self._files.get(name)
        if descriptor is None:
            return None
        try:
            return os.pread(descriptor, _READ_BYTES, 0)
        except OSError:
            return None  # pressure switched off at boot answers EOPNOTSUPP; net/dev dies with it

    def _lacks(self, name: str, reason: str) -> None:
        self.missing.setdefault(name, reason)


def _least_of(*paths: str) -> int:
    """The least of the numbers that these files hold, 0 where none does."""
    numbers = []
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            text = os.read(descriptor, 32).strip()
        finally:
            os.close(descriptor)
        if text.isdigit():
            numbers.append(int(text))
    return min(numbers, default=0)
