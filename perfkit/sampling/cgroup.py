"""The target's control group, version 1 or 2: what it used, what binds it, how it was throttled.

A limit may sit on any ancestor (a systemd slice, a container's root). Memory is read from the
group whose limit is the tightest, so that usage and limit speak of the same group; throttling
from the group whose CPU quota is the tightest. Without any limit, the target's own group is read.
A target that moves to another group takes its counters along: they go on from where they were.

Sources: Documentation/admin-guide/cgroup-v2.rst; cgroup-v1/memory.rst; scheduler/sched-bwc.rst.
"""

from __future__ import annotations

import os

Values = dict[str, int | float]
Wanted = tuple[tuple[str, str, int], ...]
"""Metric, key (between a line's start and the number) and scale, a row a figure."""

_USAGE_V2: Wanted = (("cgroup_cpu_ns", "\nusage_usec ", 1000),)
_THROTTLING_V2: Wanted = (
    ("cgroup_periods_count", "\nnr_periods ", 1),
    ("cgroup_throttled_count", "\nnr_throttled ", 1),
    ("cgroup_throttled_ns", "\nthrottled_usec ", 1000),
)
_INACTIVE_V2: Wanted = (("cgroup_memory_inactive_file_bytes", "\ninactive_file ", 1),)
_EVENTS_V2: Wanted = (
    ("cgroup_memory_limit_hits_count", "\nmax ", 1),
    ("cgroup_oom_kills_count", "\noom_kill ", 1),
)
_THROTTLING_V1: Wanted = (*_THROTTLING_V2[:2], ("cgroup_throttled_ns", "\nthrottled_time ", 1))
_INACTIVE_V1: Wanted = (("cgroup_memory_inactive_file_bytes", "\ntotal_inactive_file ", 1),)
_EVENTS_V1: Wanted = (("cgroup_oom_kills_count", "\noom_kill ", 1),)

_COUNTED = tuple(name for name, _, _ in (*_USAGE_V2, *_THROTTLING_V2, *_EVENTS_V2))
"""What only ever grows, in one group."""

# Version 1 writes "no limit" as the largest multiple of a page that a long can hold.
_NO_LIMIT = 1 << 62


class Cgroup:
    """Reads the control group of one process.

    proc, sys: where the process and system file systems are mounted.
    read() returns the values of CGROUP_METRICS by name; what the kernel does not give is absent.
    """

    def __init__(self, proc: str, sys: str, pid: int) -> None:
        self._proc, self._sys, self._pid = proc, sys, pid
        self._told = ""
        self._paths: dict[str, list[str]] = {}
        self.version = 0
        self._kept: dict[str, int] = {}
        self._memory: tuple[str, int | None] = ("", None)
        self._cpu: tuple[str, float | None] = ("", None)
        self._tasks: tuple[str, int] | None = None
        self._source: tuple[object, ...] = ()
        self._latest: Values = {}
        self._before: dict[str, int | float] = {}
        self._joins: set[str] = set()
        self.find_limits()

    def find_limits(self) -> None:
        """Look for the group and the tightest limits again: the target may be moved and limits may
        be set while it runs, so the slow cadence calls this."""
        told = _read(f"{self._proc}/{self._pid}/cgroup") or ""
        if told != self._told and told:
            self._told = told
            self.close()
            self._paths = _controller_paths(told, self._sys)
            self.version = 2 if "" in self._paths else 1 if self._paths else 0
        memory = self._paths.get("memory", self._paths.get("", []))
        cpu = self._paths.get("cpu", self._paths.get("", []))
        limits = [(_memory_limit(path), path) for path in memory]
        bound = [(limit, path) for limit, path in limits if limit is not None]
        self._memory = (
            (min(bound)[1], min(bound)[0]) if bound else (memory[0] if memory else "", None)
        )
        quotas = [(_cpu_quota(path), path) for path in cpu]
        quoted = [(quota, path) for quota, path in quotas if quota is not None]
        self._cpu = (min(quoted)[1], min(quoted)[0]) if quoted else (cpu[0] if cpu else "", None)

        tasks = self._paths.get("pids", self._paths.get("", []))
        counted = [(limit, path) for path in tasks if (limit := _number(path, "pids.max"))]
        self._tasks = (min(counted)[1], min(counted)[0]) if counted else None

    @property
    def memory_limit_bytes(self) -> int | None:
        """The tightest memory limit over the target's group and its ancestors, if there is one."""
        return self._memory[1]

    @property
    def cpu_limit_cores(self) -> float | None:
        """The tightest CPU quota over the target's group and its ancestors, in cores."""
        return self._cpu[1]

    def tasks(self) -> tuple[int, int] | None:
        """Threads that count against the tightest `pids.max`, and that limit; None without one."""
        if self._tasks is None:
            return None
        current = self._number(self._tasks[0], "pids.current")
        return None if current is None else (current, self._tasks[1])

    def close(self) -> None:
        """Let go of all descriptors."""
        for descriptor in self._kept.values():
            if descriptor >= 0:
                os.close(descriptor)
        self._kept = {}

    def read(self) -> Values:
        """The current figures, by metric name."""
        values: Values = {}
        if self.version == 2:
            self._read_v2(values)
        elif self.version == 1:
            self._read_v1(values)
        if self._cpu[1] is not None:
            values["cgroup_cpu_limit_cores"] = self._cpu[1]
        if self._memory[1] is not None:
            values["cgroup_memory_limit_bytes"] = self._memory[1]
        self._go_on(values)
        return values

    def _go_on(self, values: Values) -> None:
        """Let counters of another group than before go on from where they were."""
        source = (self._told, self._memory[0], self._cpu[0])
        if self._source and source != self._source:
            self._joins = set(_COUNTED)
        self._source = source
        for name in _COUNTED:
            if name not in values:
                continue
            if name in self._joins:
                self._joins.discard(name)
                self._before[name] = self._latest.get(name, values[name]) - values[name]
            values[name] += self._before.get(name, 0)
            self._latest[name] = values[name]

    def _read_v2(self, values: Values) -> None:
        self._take(values, self._paths[""][0], "cpu.stat", _USAGE_V2)
        self._take(values, self._cpu[0], "cpu.stat", _THROTTLING_V2)
        memory = self._memory[0]
        _put(values, "cgroup_memory_bytes", self._number(memory, "memory.current"))
        self._take(values, memory, "memory.stat", _INACTIVE_V2)
        self._take(values, memory, "memory.events", _EVENTS_V2)

    def _read_v1(self, values: Values) -> None:
        accounting = self._paths.get("cpuacct")
        if accounting:
            _put(values, "cgroup_cpu_ns", self._number(accounting[0], "cpuacct.usage"))
        if self._cpu[0]:
            self._take(values, self._cpu[0], "cpu.stat", _THROTTLING_V1)
        memory = self._memory[0]
        if memory:
            _put(values, "cgroup_memory_bytes", self._number(memory, "memory.usage_in_bytes"))
            self._take(values, memory, "memory.stat", _INACTIVE_V1)
            _put(values, "cgroup_memory_limit_hits_count", self._number(memory, "memory.failcnt"))
            self._take(values, memory, "memory.oom_control", _EVENTS_V1)

    def _number(self, directory: str, name: str) -> int | None:
        return _as_number(self._pread(f"{directory}/{name}"))

    def _take(self, values: Values, directory: str, name: str, wanted: Wanted) -> None:
        """Put the wanted lines (`key number`) of a file into the values."""
        text = self._pread(f"{directory}/{name}")
        if text is None:
            return
        text = "\n" + text
        for metric, key, scale in wanted:
            start = text.find(key)
            if start >= 0:
                start += len(key)
                values[metric] = scale * int(text[start : text.index("\n", start)])

    def _pread(self, path: str) -> str | None:
        """The file through a descriptor that is opened once; absent files are tried once."""
        descriptor = self._kept.get(path)
        if descriptor is None:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                descriptor = -1
            self._kept[path] = descriptor
        if descriptor < 0:
            return None
        try:
            return os.pread(descriptor, 65536, 0).decode("ascii", "replace")
        except OSError:
            return None  # the group is gone: its last member has left it


def _controller_paths(told: str, sys: str) -> dict[str, list[str]]:
    """Controller to the group's directory and its ancestors' (own first); "" is version 2.

    told: /proc/PID/cgroup. Version 2 counts only where it has controllers: on a hybrid host its
    tree is bare.
    """
    lines = told.splitlines()
    unified: list[str] = []
    legacy: dict[str, list[str]] = {}
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            unified = _chain(f"{sys}/fs/cgroup", path)
        for controller in controllers.split(","):
            if controller in ("cpu", "cpuacct", "memory", "pids"):
                chain = _chain(f"{sys}/fs/cgroup/{controller}", path)
                if chain:
                    legacy[controller] = chain
    if unified and os.path.exists(f"{sys}/fs/cgroup/cgroup.controllers"):
        return {"": unified}
    return legacy


def _chain(mount: str, path: str) -> list[str]:
    """The directories from the group up to the mount; from the mount alone where the path is
    not visible (a container that sees its own group as the root)."""
    if not os.path.isdir(mount):
        return []
    parts = [part for part in path.split("/") if part and part != ".."]
    chain = ["/".join([mount, *parts[:count]]) for count in range(len(parts), -1, -1)]
    return [directory for directory in chain if os.path.isdir(directory)]


def _memory_limit(path: str) -> int | None:
    limit = _number(path, "memory.max")
    if limit is None:
        limit = _number(path, "memory.limit_in_bytes")
    return None if limit is None or limit >= _NO_LIMIT else limit


def _cpu_quota(path: str) -> float | None:
    words = (_read(f"{path}/cpu.max") or "").split()
    if len(words) == 2 and words[0] != "max":
        return int(words[0]) / int(words[1])
    quota, period = _number(path, "cpu.cfs_quota_us"), _number(path, "cpu.cfs_period_us")
    return quota / period if quota is not None and quota > 0 and period else None


def _read(path: str) -> str | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(descriptor, 65536).decode("ascii", "replace")
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _number(directory: str, name: str) -> int | None:
    return _as_number(_read(f"{directory}/{name}"))


def _as_number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.lstrip("-").isdigit() else None


def _put(values: Values, name: str, value: int | None) -> None:
    if value is not None:
        values[name] = value
