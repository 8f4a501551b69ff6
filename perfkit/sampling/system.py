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
    STAT_CPU_FIELDS,
)
from perfkit.sampling.tree import INDEX, Row

_READ_BYTES = 16384


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
        for metric in CGROUP_METRICS:
            if metric.name in values:
                row[INDEX[metric.name]] = values[metric.name]
        if not values:
            self._lacks("cgroup", "the target's control group shows no figures")

    def close(self) -> None:
        """Let go of all descriptors."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files = {}

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
        for metric, key in MEMINFO_FIELDS:
            start = text.find(key.encode() + b":")
            if start < 0:
                self._lacks(metric.name, f"/proc/meminfo has no {key}")
                continue
            row[INDEX[metric.name]] = 1024 * int(text[start + len(key) + 1 :].split(None, 1)[0])
        total = row[INDEX["system_memory_total_bytes"]]
        self.memory_total_bytes = max(0, int(total))

    def _read_load(self, row: Row) -> None:
        text = self._text("loadavg")
        if text is not None:
            row[INDEX[LOAD_METRIC.name]] = float(text.split(None, 1)[0])

    def _read_pressure(self, row: Row) -> None:
        texts: dict[str, bytes | None] = {}
        for metric, resource, share in PSI_FIELDS:
            if resource not in texts:
                texts[resource] = self._text(f"pressure/{resource}")
            text = texts[resource]
            start = -1 if text is None else text.find(share.encode())
            if text is None or start < 0:
                self._lacks(metric.name, f"no {share} line in /proc/pressure/{resource}")
                continue
            start = text.index(b"total=", start) + 6
            row[INDEX[metric.name]] = int(text[start:].split(None, 1)[0])

    def _read_network(self, row: Row) -> None:
        text = self._text(self._network)
        if text is None:
            self._lacks("net", "the target's /proc/PID/net/dev cannot be read")
            return
        interfaces = [line.rpartition(b":")[2].split() for line in text.splitlines()[2:]]
        for metric, positions in NET_FIELDS:
            row[INDEX[metric.name]] = sum(
                int(figures[position]) for figures in interfaces for position in positions
            )

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
