"""The psutil sampler: the same columns as the Linux one, null where the platform has none.

A figure that means something else on a platform stays null rather than be taken for it:

- Context switches are the leader thread's alone on Linux, and one sum of both kinds on macOS and
  Windows: only the BSDs give the two figures of the whole process.
- Page faults, pressure stall, cgroups, waiting for a core and signals ignored are not in psutil.
- On Linux the limit that binds may be a cgroup's, which psutil does not read: capacities are
  given only where there are no cgroups.

CPU time of reaped children is known on Linux and the BSDs, I/O of reaped children on Linux;
elsewhere what a child did after the last tick that saw it is in nobody's account.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil

from perfkit.errors import TargetGone
from perfkit.model.metric import COUNTER, NULL_INTEGER
from perfkit.sampling.metrics import FAST_METRICS, RAW_METRICS
from perfkit.sampling.redact import redact

_INDEX = {metric.name: position for position, metric in enumerate(RAW_METRICS)}

# What the kernel adds to a parent when it reaps a child, and psutil shows.
_CHILDREN_CPU_KNOWN = psutil.LINUX or psutil.BSD
_CHILDREN_IO_KNOWN = psutil.LINUX

_CPU_COLUMNS = ("cpu_time_ns", "cpu_user_ns", "cpu_system_ns")
# psutil's read_bytes are bytes of calls everywhere but on Linux, where they come from storage
_IO_COLUMNS: dict[str, str] = (
    {
        "read_call_bytes": "read_chars",
        "write_call_bytes": "write_chars",
        "read_calls_count": "read_count",
        "write_calls_count": "write_count",
        "read_bytes": "read_bytes",
        "write_bytes": "write_bytes",
    }
    if psutil.LINUX
    else {
        "read_call_bytes": "read_bytes",
        "write_call_bytes": "write_bytes",
        "read_calls_count": "read_count",
        "write_calls_count": "write_count",
    }
)
_GAUGES = ("threads_count", "rss_bytes", "fds_count")
_FAST_NAMES = frozenset(metric.name for metric in FAST_METRICS)
_COUNTERS = tuple(
    metric.name
    for metric in FAST_METRICS
    if metric.kind == COUNTER and (metric.name in _CPU_COLUMNS or metric.name in _IO_COLUMNS)
)

_STATE_LETTERS = {
    psutil.STATUS_RUNNING: b"R",
    psutil.STATUS_SLEEPING: b"S",
    psutil.STATUS_DISK_SLEEP: b"D",
    psutil.STATUS_STOPPED: b"T",
    psutil.STATUS_TRACING_STOP: b"t",
    psutil.STATUS_ZOMBIE: b"Z",
    psutil.STATUS_DEAD: b"X",
    psutil.STATUS_IDLE: b"I",
    psutil.STATUS_PARKED: b"P",
}
_COMMAND_BYTES = 256
_NAME_BYTES = 15
_TICK_NS = 10_000_000
_NANOSECONDS = 1_000_000_000

Row = list[int | float]


def _columns_not_given() -> dict[str, str]:
    """What is null on this platform, and why, as it is written into the session."""
    missing = {
        "minor_faults_count, major_faults_count": "psutil does not give page faults",
        "runqueue_wait_ns": "psutil does not give the wait for a core",
        "busiest_thread_cpu_ns": "psutil gives the CPU of threads in steps that are too coarse",
        "sigchld_ignored_count": "psutil does not give the signals that are ignored",
        "system_runnable_count": "psutil does not give what runs or could",
        "tasks_nearest_count, tasks_limit_count": "psutil does not give limits on threads",
        "disk_free_bytes, disk_total_bytes": (
            "psutil asks every open file where it lies, which a dead network server may never answer"
        ),
        "psi": "psutil does not give pressure stall information",
        "cgroup": "psutil does not read control groups",
    }
    if psutil.LINUX:
        missing["memory_capacity_bytes, cpu_capacity_cores"] = (
            "psutil does not read control groups, whose limits may bind"
        )
        missing["ctx_switches"] = "psutil gives those of the leader thread alone"
    elif psutil.MACOS or psutil.WINDOWS:
        missing["ctx_switches"] = "the platform gives one sum of both kinds"
        missing["read_bytes, write_bytes"] = "the platform does not tell storage from cache"
    if not hasattr(psutil.Process, "rlimit"):
        missing["fds_limit_count, virtual_limit_bytes"] = "psutil gives no limits here"
    if not hasattr(psutil.Process, "num_fds"):
        missing["fds_count"] = "the platform has handles, which are something else"
    if not hasattr(psutil.Process, "io_counters"):
        missing["io"] = "the platform counts no I/O of a process"
    return missing


@dataclass
class _Member:
    """A process of the tree with its last figures; None is what may not be read."""

    process: psutil.Process
    ppid: int
    state: bytes = b"?"
    virtual_bytes: int | None = None
    figures: dict[str, int | None] = field(default_factory=dict)
    pss_bytes: int | None = None
    swap_bytes: int | None = None

    @property
    def pid(self) -> int:
        return int(self.process.pid)

    def is_zombie(self) -> bool:
        return self.state in (b"Z", b"X")


class PortableSampler:
    """Samples one process tree and the machine under it, by psutil; see LinuxSampler.

    pid: the root. adopter: pid of the recorder if it adopts orphans, else 0; the target's CPU is
    then counted from its start, not from the attachment.
    Raises TargetGone if there is no such process.
    """

    name = "psutil"

    def __init__(self, pid: int, *, adopter: int = 0) -> None:
        self.pid = pid
        self._adopter = adopter
        self._members: dict[int, _Member] = {}
        self._strangers: set[int] = set()
        self._vanished: dict[int, int] = {}
        self._born = self._gone = 0
        self._lost = dict.fromkeys(_COUNTERS, 0)
        self._published = dict.fromkeys(_COUNTERS, 0)
        self._missing = _columns_not_given()
        self._noted: set[str] = set()
        self._boot_s = float(psutil.boot_time())
        try:
            process = psutil.Process(pid)
            self._admit(process, process.ppid())
        except psutil.Error as error:
            raise TargetGone(
                f"process {pid} cannot be recorded ({type(error).__name__}); "
                "it has ended or is hidden from this user"
            ) from None
        self._discover(everyone=True)
        self._born = 0
        if not adopter:
            for name in _COUNTERS:
                self._lost[name] = -(self._sum(name) or 0)

    def target_gone(self) -> bool:
        """See LinuxSampler.target_gone."""
        root = self._members.get(self.pid)
        return root is None or root.is_zombie()

    def read(
        self,
        row: Row,
        *,
        system: bool,
        slow: bool,
        may_go_on: Callable[[], bool] | None = None,  # noqa: ARG002  (its slow group is one call)
    ) -> bool:
        """See LinuxSampler.read."""
        self._discover(everyone=system)
        self._read_tree(row, system=system)
        if slow:
            self._read_slow(row)
        if system:
            self._read_machine(row)
            self._read_limits(row)
        return slow

    def processes(self) -> list[tuple[Any, ...]]:
        """See LinuxSampler.processes."""
        entries = []
        for member in self._members.values():
            try:
                entries.append(self._entry(member))
            except psutil.Error:
                continue  # ends just now
        return entries

    def take_notes(self) -> list[tuple[str, str]]:
        """See LinuxSampler.take_notes."""
        notes = [item for item in self._missing.items() if item[0] not in self._noted]
        self._noted.update(self._missing)
        return notes

    def close(self) -> None:
        """Nothing is kept open."""

    # ── who belongs to the tree ──

    def _discover(self, *, everyone: bool) -> None:
        """Admit what members have started; everyone: look at processes known as strangers too.

        Who is a stranger stays one until its pid vanishes, so most processes are asked once.
        """
        pids = set(psutil.pids())
        self._strangers = set() if everyone else self._strangers & pids
        parents: dict[int, tuple[psutil.Process, int]] = {}
        for pid in pids - self._strangers - self._members.keys():
            try:
                process = psutil.Process(pid)
                parents[pid] = (process, process.ppid())
            except psutil.Error:
                continue  # lived and died between two readings
        found = True
        while found:
            found = False
            for pid, (process, parent) in list(parents.items()):
                if parent in self._members or (self._adopter and parent == self._adopter):
                    del parents[pid]
                    found = True
                    try:
                        self._admit(process, parent)
                    except psutil.Error:
                        continue
        self._strangers |= parents.keys()

    def _admit(self, process: psutil.Process, parent: int) -> None:
        member = _Member(process, parent)
        self._read_member(member)
        self._members[member.pid] = member
        self._born += 1

    def _vanish(self, member: _Member) -> None:
        del self._members[member.pid]
        self._gone += 1
        absorbed = self._was_absorbed(member)
        for name in _COUNTERS:
            known = _CHILDREN_CPU_KNOWN if name in _CPU_COLUMNS else _CHILDREN_IO_KNOWN
            if not (absorbed and known):
                self._lost[name] += member.figures.get(name) or 0

    def _was_absorbed(self, member: _Member) -> bool:
        """Whether a living member has taken over the figures: see Tree._was_absorbed."""
        parent = member.ppid
        while parent in self._vanished:
            parent = self._vanished[parent]
        return parent in self._members

    # ── what they used ──

    def _read_tree(self, row: Row, *, system: bool) -> None:
        gone = []
        for member in self._members.values():
            try:
                if not member.process.is_running():  # also when its pid was given to another
                    gone.append(member)
                    continue
                self._read_member(member)
            except psutil.NoSuchProcess:
                gone.append(member)
        self._vanished = {member.pid: member.ppid for member in gone}
        for member in gone:
            self._vanish(member)
        self._reap_adopted()
        for name in _COUNTERS:
            living = self._sum(name)
            if living is not None:
                value = max(self._published[name], living + self._lost[name])
                self._published[name] = value
                row[_INDEX[name]] = value
        alive = sum(not member.is_zombie() for member in self._members.values())
        row[_INDEX["processes_count"]] = alive
        for name in _GAUGES:
            # levels of what has ended say nothing
            due = alive and (system or name in _FAST_NAMES)
            if due and (level := self._sum(name)) is not None:
                row[_INDEX[name]] = level
        row[_INDEX["processes_born_count"]] = self._born
        row[_INDEX["processes_gone_count"]] = self._gone

    def _sum(self, name: str) -> int | None:
        """Σ over members; None if one may not be read, since the rest would be a guess."""
        total = 0
        for member in self._members.values():
            figure = member.figures.get(name)
            if figure is None:
                return None
            total += figure
        return total

    def _read_member(self, member: _Member) -> None:
        """Read one process. Raises psutil.NoSuchProcess if it is gone."""
        process = member.process
        figures = member.figures
        with process.oneshot():
            try:
                member.state = _STATE_LETTERS.get(process.status(), b"?")
                member.ppid = process.ppid()
                self._read_cpu(member)
                self._read_io(member)
                if not member.is_zombie():
                    self._read_gauges(member)
            except psutil.ZombieProcess:
                member.state = b"Z"
        if member.is_zombie():
            figures.update(dict.fromkeys(_GAUGES, 0))

    def _read_cpu(self, member: _Member) -> None:
        try:
            times = member.process.cpu_times()
        except psutil.AccessDenied:
            self._deny(member, _CPU_COLUMNS)
            return
        user = _as_ns(times.user + getattr(times, "children_user", 0.0))
        system = _as_ns(times.system + getattr(times, "children_system", 0.0))
        member.figures.update(cpu_time_ns=user + system, cpu_user_ns=user, cpu_system_ns=system)

    def _read_io(self, member: _Member) -> None:
        if not hasattr(member.process, "io_counters"):
            return
        if member.is_zombie() and "read_calls_count" in member.figures:
            return  # a zombie's are hidden from some users; the last figures stand
        try:
            counters = member.process.io_counters()
        except psutil.AccessDenied:
            self._deny(member, tuple(_IO_COLUMNS))
            return
        for column, name in _IO_COLUMNS.items():
            member.figures[column] = int(getattr(counters, name))

    def _read_gauges(self, member: _Member) -> None:
        process = member.process
        try:
            memory = process.memory_info()
            member.virtual_bytes = int(memory.vms)
            member.figures["rss_bytes"] = int(memory.rss)
            member.figures["threads_count"] = int(process.num_threads())
        except psutil.AccessDenied:
            self._deny(member, ("rss_bytes", "threads_count"))
        try:
            member.figures["fds_count"] = (
                int(process.num_fds()) if hasattr(process, "num_fds") else None
            )
        except psutil.AccessDenied:
            self._deny(member, ("fds_count",))

    def _deny(self, member: _Member, columns: tuple[str, ...]) -> None:
        member.figures.update(dict.fromkeys(columns, None))
        self._missing[", ".join(columns)] = "a process of the tree denies it (access denied)"

    def _reap_adopted(self) -> None:
        """Reap adopted orphans that have ended; the kernel then tells their exact CPU time."""
        if not self._adopter:
            return
        for member in list(self._members.values()):
            ours = member.ppid == self._adopter and member.pid != self.pid
            if ours and member.is_zombie():
                pid, _, usage = os.wait4(member.pid, os.WNOHANG)
                if pid:
                    exact = _as_ns(usage.ru_utime + usage.ru_stime)
                    sampled = member.figures.get("cpu_time_ns") or 0
                    member.figures["cpu_time_ns"] = max(exact, sampled)
                    self._vanish(member)

    def _read_slow(self, row: Row) -> None:
        living = [member for member in self._members.values() if not member.is_zombie()]
        for member in living:
            self._read_memory(member)
        for name, levels in (
            ("pss_bytes", [member.pss_bytes for member in living]),
            ("swap_bytes", [member.swap_bytes for member in living]),
        ):
            known = [level for level in levels if level is not None]
            if len(known) == len(levels):
                row[_INDEX[name]] = sum(known)
            else:
                self._missing.setdefault(name, "a process of the tree does not show it")
        if psutil.BSD:
            self._read_switches(row, living)

    def _read_memory(self, member: _Member) -> None:
        try:
            memory = member.process.memory_full_info()
        except psutil.Error:
            member.pss_bytes = member.swap_bytes = None
            return
        pss = getattr(memory, "pss", None)
        swap = getattr(memory, "swap", None)
        member.pss_bytes = None if pss is None else int(pss)
        member.swap_bytes = None if swap is None else int(swap)

    def _read_switches(self, row: Row, living: list[_Member]) -> None:
        try:
            switches = [member.process.num_ctx_switches() for member in living]
        except psutil.Error:
            return
        row[_INDEX["ctx_switches_voluntary_count"]] = sum(pair.voluntary for pair in switches)
        row[_INDEX["ctx_switches_involuntary_count"]] = sum(pair.involuntary for pair in switches)

    # ── the machine ──

    def _read_machine(self, row: Row) -> None:
        cpu = psutil.cpu_times()
        memory = psutil.virtual_memory()
        swap = psutil.swap_memory()
        # nowrap keeps a table that grows with every interface ever seen
        network = psutil.net_io_counters(nowrap=False)
        values: dict[str, int | float | None] = {
            "system_cpu_user_ns": _as_ns(cpu.user + getattr(cpu, "nice", 0.0)),
            "system_cpu_kernel_ns": _as_ns(
                cpu.system
                + getattr(cpu, "irq", getattr(cpu, "interrupt", 0.0))
                + getattr(cpu, "softirq", getattr(cpu, "dpc", 0.0))
            ),
            "system_cpu_idle_ns": _as_ns(cpu.idle),
            "system_cpu_iowait_ns": _as_ns(cpu.iowait) if hasattr(cpu, "iowait") else None,
            "system_cpu_steal_ns": _as_ns(cpu.steal) if hasattr(cpu, "steal") else None,
            "system_cores_count": psutil.cpu_count(),
            # on Windows psutil only imitates a load average
            "system_load_1m_count": None if psutil.WINDOWS else psutil.getloadavg()[0],
            "system_memory_total_bytes": memory.total,
            "system_memory_available_bytes": memory.available,
            "system_swap_total_bytes": swap.total,
            "system_swap_free_bytes": swap.free,
        }
        if network is not None:
            values["net_receive_bytes"] = network.bytes_recv
            values["net_transmit_bytes"] = network.bytes_sent
            values["net_packets_count"] = network.packets_recv + network.packets_sent
            values["net_errors_count"] = (
                network.errin + network.errout + network.dropin + network.dropout
            )
        if not psutil.LINUX:
            values["memory_capacity_bytes"] = memory.total
            values["cpu_capacity_cores"] = self._cores()
        for name, value in values.items():
            if value is not None:
                row[_INDEX[name]] = value

    def _cores(self) -> float | None:
        """Cores the target may use, where nothing but affinity can limit them."""
        cores = psutil.cpu_count()
        try:
            affinity = len(psutil.Process(self.pid).cpu_affinity())
        except (AttributeError, psutil.Error):
            return None if cores is None else float(cores)
        return float(min(affinity, cores or affinity))

    def _read_limits(self, row: Row) -> None:
        if not hasattr(psutil.Process, "rlimit"):
            return
        nearest = {"fds": -1.0, "virtual": -1.0}
        for member in self._members.values():
            if member.is_zombie():
                continue
            try:
                files, _ = member.process.rlimit(psutil.RLIMIT_NOFILE)
                space, _ = member.process.rlimit(psutil.RLIMIT_AS)
            except psutil.Error:
                continue
            for kind, used, limit, suffix in (
                ("fds", member.figures.get("fds_count"), files, "count"),
                ("virtual", member.virtual_bytes, space, "bytes"),
            ):
                unlimited = limit <= 0 or limit == psutil.RLIM_INFINITY
                if used is None or unlimited or used / limit <= nearest[kind]:
                    continue
                nearest[kind] = used / limit
                row[_INDEX[f"{kind}_nearest_{suffix}"]] = used
                row[_INDEX[f"{kind}_limit_{suffix}"]] = limit

    def _entry(self, member: _Member) -> tuple[Any, ...]:
        process = member.process
        figures = member.figures
        since_boot_s = float(process.create_time()) - self._boot_s
        try:
            words = [os.fsencode(word) for word in process.cmdline()]
        except (psutil.AccessDenied, psutil.ZombieProcess):
            words = []
        return (
            member.pid,
            member.ppid,
            round(since_boot_s * _NANOSECONDS / _TICK_NS) * _TICK_NS,
            _or_null(figures.get("cpu_time_ns")),
            _or_null(figures.get("rss_bytes")),
            _or_null(member.pss_bytes),
            _or_null(member.swap_bytes),
            _or_null(figures.get("threads_count")),
            _or_null(figures.get("fds_count")),
            _or_null(figures.get("read_bytes")),
            _or_null(figures.get("write_bytes")),
            NULL_INTEGER,
            NULL_INTEGER,
            NULL_INTEGER,
            member.state,
            os.fsencode(process.name())[:_NAME_BYTES],
            b" ".join(redact(words))[:_COMMAND_BYTES],
        )


def _as_ns(seconds: float) -> int:
    """Seconds as nanoseconds, rounded to the microsecond that psutil's floats still hold."""
    return round(seconds * 1e6) * 1000


def _or_null(figure: int | None) -> int:
    return NULL_INTEGER if figure is None else figure
