"""What can be read here and by this user, found out by reading it: nothing is inferred from names.

Each check is one function that gives one Capability; the table at the end is their order. `proc`
and `sys` may point to copies of other machines' file systems, and what no file shows is asked of
a `Kernel`: tests do both.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from perfkit.model.capability import AVAILABLE, LIMITED, MISSING, NOTE, Capability
from perfkit.sampling.cgroup import Cgroup
from perfkit.sampling.descriptors import OF_A_MEMBER, RESERVED
from perfkit.sampling.host import fingerprint

_PR_GET_CHILD_SUBREAPER = 37
_FEW_MEMBERS = 300


class Kernel:
    """System calls that a copied /proc cannot stand for. Each raises OSError where it fails."""

    def read(self, path: str) -> bytes:
        """The beginning of a file."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, 65536)
        finally:
            os.close(descriptor)

    def size(self, path: str) -> int:
        """The size that a folder states."""
        return os.stat(path).st_size

    def user_id(self) -> int:
        """The effective user."""
        return os.geteuid()

    def cpu_clock(self, pid: int) -> None:
        """Read the CPU clock of a process."""
        time.clock_gettime_ns((~pid) << 3 | 2)

    def sleep_clock(self) -> None:
        """Read the clock that goes on while the machine sleeps."""
        if not hasattr(time, "CLOCK_BOOTTIME"):
            raise OSError(0, "not on this system")
        time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def process_descriptor(self, pid: int) -> None:
        """Open a descriptor of a process (pidfd_open)."""
        if not hasattr(os, "pidfd_open"):
            raise OSError(0, "not on this system")
        os.close(os.pidfd_open(pid))

    def adopt(self) -> None:
        """Ask whether orphans may be adopted (child subreaper)."""
        answer = ctypes.c_int()
        call = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
        if call is None or call(_PR_GET_CHILD_SUBREAPER, ctypes.byref(answer), 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl refuses PR_GET_CHILD_SUBREAPER")

    def descriptor_limit(self) -> int | None:
        """The hard limit on open descriptors, to which the recorder raises its own."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return None if hard == resource.RLIM_INFINITY else hard


@dataclass(frozen=True)
class Place:
    """Where a check looks. pid: the target, or a process of this user's own; named: which of them."""

    proc: str
    sys: str
    pid: int
    named: bool
    kernel: Kernel

    def text(self, path: str) -> str | None:
        """A file's text, or None if it cannot be read."""
        try:
            return self.kernel.read(path).decode("utf-8", "backslashreplace")
        except OSError:
            return None

    def reason(self, path: str) -> str:
        """Why a file cannot be read; empty if it can be."""
        try:
            self.kernel.read(path)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def of_target(self, name: str) -> str:
        """The path of one of the process's files."""
        return f"{self.proc}/{self.pid}/{name}"

    @property
    def to_look_inside(self) -> str:
        """What gives the right to read the files that tell more of a process than `ps` does."""
        if self.kernel.user_id() == 0:
            return (
                "give perfkit the capability CAP_SYS_PTRACE (docker run --cap-add=SYS_PTRACE), or "
                "run it as the process's own user"
            )
        return f"sudo perfkit record --pid {self.pid if self.named else 'PID'}"

    @property
    def whose(self) -> str:
        """Whose files are spoken of."""
        return f"process {self.pid}" if self.named else "your own processes"


def capabilities(
    pid: int | None = None,
    *,
    proc: str = "/proc",
    sys: str = "/sys",
    kernel: Kernel | None = None,
) -> tuple[Capability, ...]:
    """What can be recorded of a process, or in general: of one's own and of others'."""
    place = Place(
        proc, sys, os.getpid() if pid is None else pid, pid is not None, kernel or Kernel()
    )
    return tuple(found for check in CHECKS if (found := check(place)) is not None)


def can_record(found: tuple[Capability, ...]) -> bool:
    """Whether a recording would hold anything: without the process's own figures it would not."""
    return all(one.state != MISSING for one in found if one.key == "process")


# ── the process ──


def _process(place: Place) -> Capability:
    title = "CPU time, resident memory, faults, threads"
    reason = place.reason(place.of_target("stat"))
    if not reason:
        return Capability(
            "process", title, AVAILABLE, f"/proc/PID/stat of {place.whose} can be read"
        )
    mounted = place.text(f"{place.proc}/self/stat") or place.text(f"{place.proc}/stat")
    return Capability(
        "process",
        title,
        MISSING,
        f"/proc/PID/stat of {place.whose} cannot be read ({reason})",
        "everything: nothing can be recorded",
        place.to_look_inside if mounted else "sudo mount -t proc proc /proc",
    )


def _cpu_clock(place: Place) -> Capability:
    title = "CPU time to the nanosecond"
    try:
        place.kernel.cpu_clock(place.pid)
    except (OSError, OverflowError) as error:
        return Capability(
            "cpu_clock",
            title,
            LIMITED,
            f"the CPU clock of {place.whose} cannot be read ({_why(error)})",
            "CPU time comes from /proc/PID/stat, in steps of 10 ms",
            "record from within the process's own PID namespace",
        )
    return Capability("cpu_clock", title, AVAILABLE, f"the CPU clock of {place.whose} can be read")


def _own_file(
    key: str, title: str, name: str, columns: str, absent: str, absent_remedy: str
) -> Callable[[Place], Capability]:
    """A check of one file of the process that needs the right to look into it."""

    def check(place: Place) -> Capability:
        reason = place.reason(place.of_target(name))
        if not reason:
            return Capability(
                key, title, AVAILABLE, f"/proc/PID/{name} of {place.whose} can be read"
            )
        exists = os.path.exists(place.of_target(name))
        return Capability(
            key,
            title,
            MISSING,
            f"/proc/PID/{name} of {place.whose} cannot be read ({reason})"
            + ("" if exists else f": {absent}"),
            columns,
            place.to_look_inside if exists else absent_remedy,
        )

    return check


def _others(place: Place) -> Capability | None:
    """What of a process of another user can be read, where none was named."""
    if place.named:
        return None
    title = "processes of other users"
    if (stranger := next(_strangers(place), None)) is None:
        return Capability("others", title, NOTE, "no process of another user is to be seen")
    folder = f"{place.proc}/{stranger}"
    denied = [name for name in ("io", "smaps_rollup") if place.reason(f"{folder}/{name}")]
    if not _descriptors_counted(place, f"{folder}/fd"):
        denied.append("fd")
    if not denied:
        return Capability(
            "others", title, AVAILABLE, f"all files of process {stranger} can be read"
        )
    return Capability(
        "others",
        title,
        LIMITED,
        f"{', '.join(f'/proc/PID/{name}' for name in denied)} of process {stranger} cannot be read",
        f"{', '.join(_OF_OTHERS[name] for name in denied)} of such processes",
        place.to_look_inside,
    )


_OF_OTHERS = {
    "io": "read_bytes and the other columns of I/O",
    "smaps_rollup": "pss_bytes, swap_bytes",
    "fd": "fds_count",
}


def _descriptors_counted(place: Place, folder: str) -> bool:
    """By the folder's size, which everybody may ask for, or by listing it, which only some may."""
    try:
        if place.kernel.size(folder) > 0:
            return True
    except OSError:
        return False
    return place.reason(folder) in ("", os.strerror(errno.EISDIR))


def _strangers(place: Place) -> Iterator[int]:
    own = place.kernel.user_id()
    try:
        names = os.listdir(place.proc)
    except OSError:
        return
    for pid in sorted(int(name) for name in names if name.isdigit()):
        status = place.text(f"{place.proc}/{pid}/status") or ""
        user = _value(status, "Uid").split()[:1]
        # kernel threads have no memory to show
        if user and user[0].isdigit() and int(user[0]) != own and "VmRSS:" in status:
            yield pid


def _hidden(place: Place) -> Capability:
    title = "processes of other users are visible"
    option = _mount_option(place, "hidepid")
    if option in ("", "0", "off") or place.kernel.user_id() == 0:
        finding = (
            "/proc shows every process"
            if option in ("", "0", "off")
            else f"/proc is mounted with hidepid={option}, which does not bind root"
        )
        return Capability("hidepid", title, AVAILABLE, finding)
    return Capability(
        "hidepid",
        title,
        MISSING,
        f"/proc is mounted with hidepid={option}: it shows nothing but your own processes",
        "recording processes of other users, also where they are members of the target's tree",
        "sudo mount -o remount,hidepid=0 /proc",
    )


def _mount_option(place: Place, name: str) -> str:
    """The value of an option with which /proc is mounted; the last mount counts."""
    value = ""
    for line in (place.text(f"{place.proc}/mounts") or "").splitlines():
        words = line.split()
        if len(words) >= 4 and words[2] == "proc" and words[1] == "/proc":
            found = [option for option in words[3].split(",") if option.startswith(f"{name}=")]
            value = found[0].partition("=")[2] if found else ""
    return value


def _children(place: Place) -> Capability:
    title = "short-lived descendants are found"
    if os.path.exists(place.of_target(f"task/{place.pid}/children")):
        return Capability(
            "children", title, AVAILABLE, "the kernel lists children in /proc/PID/task/TID/children"
        )
    return Capability(
        "children",
        title,
        LIMITED,
        "this kernel has no /proc/PID/task/TID/children",
        "descendants are looked for once a second, among all processes",
        "boot a kernel built with CONFIG_PROC_CHILDREN=y",
    )


def _descriptor_count(place: Place) -> Capability:
    title = "descriptors are counted without listing them"
    try:
        counted = place.kernel.size(place.of_target("fd")) > 0
    except OSError as error:
        return Capability(
            "fds",
            title,
            MISSING,
            f"/proc/PID/fd of {place.whose} cannot be looked at ({_why(error)})",
            "fds_count",
            place.to_look_inside,
        )
    if counted:
        return Capability("fds", title, AVAILABLE, "the size of /proc/PID/fd is their number")
    return Capability(
        "fds",
        title,
        LIMITED,
        "before Linux 6.2 the size of /proc/PID/fd is no number: they are listed",
        "nothing, but a process with many descriptors takes longer to read",
        "boot Linux 6.2 or newer",
    )


_DENIALS = (os.strerror(errno.EACCES), os.strerror(errno.EPERM))


def _tracing(place: Place) -> Capability:
    title = "tools that the reports recommend may attach"
    # the kernel asks the same for attaching as for this file, which holds no secret, and more
    if place.named and place.reason(place.of_target("auxv")) in _DENIALS:
        return Capability(
            "ptrace",
            title,
            LIMITED,
            f"you may not look into process {place.pid}, so py-spy, strace and gdb may not attach",
            "nothing: perfkit reads and never attaches",
            "give the container the capability CAP_SYS_PTRACE (docker run --cap-add=SYS_PTRACE)"
            if place.kernel.user_id() == 0
            else f"sudo py-spy dump --pid {place.pid}, and so on: run these tools as root",
        )
    scope = (place.text(f"{place.proc}/sys/kernel/yama/ptrace_scope") or "0").strip()
    if scope == "0" or (place.kernel.user_id() == 0 and scope != "3"):
        return Capability(
            "ptrace",
            title,
            AVAILABLE,
            f"py-spy, strace and gdb may attach to {place.whose}",
        )
    return Capability(
        "ptrace",
        title,
        LIMITED,
        f"kernel.yama.ptrace_scope is {scope}: py-spy, strace and gdb may not attach",
        "nothing: perfkit reads and never attaches",
        "boot anew, with kernel.yama.ptrace_scope = 0 in /etc/sysctl.d"
        if scope == "3"
        else "sudo sysctl kernel.yama.ptrace_scope=0",
    )


# ── the machine ──

_MACHINE_FILES = {
    "stat": "the machine's CPU by state",
    "meminfo": "the machine's memory",
    "loadavg": "load",
}


def _machine(place: Place) -> Capability:
    title = "the machine's CPU, memory and load"
    missing = [name for name in _MACHINE_FILES if place.reason(f"{place.proc}/{name}")]
    if not missing:
        return Capability(
            "machine", title, AVAILABLE, "/proc/stat, meminfo and loadavg can be read"
        )
    return Capability(
        "machine",
        title,
        MISSING,
        f"cannot read {', '.join(f'/proc/{name}' for name in missing)}",
        ", ".join(_MACHINE_FILES[name] for name in missing),
        "allow /proc in the sandbox that recording runs in",
    )


def _network(place: Place) -> Capability:
    title = "network of the target's namespace"
    if not (reason := place.reason(place.of_target("net/dev"))):
        return Capability("network", title, AVAILABLE, "/proc/PID/net/dev can be read")
    return Capability(
        "network", title, MISSING, f"/proc/PID/net/dev cannot be read ({reason})",
        "net_receive_bytes, net_transmit_bytes, net_packets_count, net_errors_count", place.to_look_inside,
    )  # fmt: skip


def _pressure(place: Place) -> Capability:
    title = "pressure stall information (PSI)"
    reasons = {
        name: reason
        for name in ("cpu", "memory", "io")
        if (reason := place.reason(f"{place.proc}/pressure/{name}"))
    }
    if not reasons:
        return Capability(
            "pressure", title, AVAILABLE, "/proc/pressure tells of cpu, memory and io"
        )
    return Capability(
        "pressure",
        title,
        MISSING,
        "/proc/pressure "
        + (
            f"cannot be read ({next(iter(reasons.values()))}): the kernel was booted without PSI"
            if os.path.isdir(f"{place.proc}/pressure")
            else "is not there: the kernel was booted without PSI, or is older than Linux 4.20"
        ),
        ", ".join(f"psi_{name}_…" for name in reasons),
        "sudo grubby --update-kernel=ALL --args=psi=1 (or psi=1 in GRUB_CMDLINE_LINUX of "
        "/etc/default/grub and sudo update-grub), then boot anew",
    )


def _cgroup(place: Place) -> Capability:
    title = "control group: use, limits, throttling"
    group = Cgroup(place.proc, place.sys, place.pid)
    figures = group.read()
    group.close()
    if not figures:
        return Capability(
            "cgroup",
            title,
            MISSING,
            "the control group of the target shows no figures",
            "all columns that begin with cgroup_; capacity is that of the machine",
            "sudo mount -t cgroup2 none /sys/fs/cgroup (in a container: mount /sys/fs/cgroup)",
        )
    wanted = {"cpu": "cgroup_periods_count", "memory": "cgroup_memory_bytes"}
    absent = [name for name, column in wanted.items() if column not in figures]
    limits = (
        f"memory limit {_amount(group.memory_limit_bytes, 'bytes')}, "
        f"CPU quota {_amount(group.cpu_limit_cores, 'cores')}"
    )
    if not absent:
        return Capability("cgroup", title, AVAILABLE, f"version {group.version}; {limits}")
    enable = " ".join(f"+{name}" for name in absent)
    return Capability(
        "cgroup",
        title,
        LIMITED,
        f"version {group.version}; {limits}; no figures of the {' and the '.join(absent)} controller",
        ", ".join(f"cgroup_{name}_…" if name == "memory" else "throttling" for name in absent),
        f"echo '{enable}' | sudo tee /sys/fs/cgroup/cgroup.subtree_control"
        if group.version == 2
        else f"mount the {' and the '.join(absent)} controller below /sys/fs/cgroup",
    )


def _amount(value: float | None, unit: str) -> str:
    return (
        "none" if value is None else f"{value:g} {unit}" if unit == "cores" else f"{value} {unit}"
    )


# ── the recorder ──


def _asked(
    key: str, title: str, ask: Callable[[Place], None], works: str, loses: str, remedy: str
) -> Callable[[Place], Capability]:
    """A check that is one system call."""

    def check(place: Place) -> Capability:
        try:
            ask(place)
        except OSError as error:
            return Capability(
                key, title, LIMITED, f"the kernel refuses it ({_why(error)})", loses, remedy
            )
        return Capability(key, title, AVAILABLE, works)

    return check


def _descriptor_limit(place: Place) -> Capability:
    title = "descriptors for large trees"
    hard = place.kernel.descriptor_limit()
    if hard is None:
        return Capability("descriptor_limit", title, AVAILABLE, "no limit on open descriptors")
    members = max(0, hard - RESERVED) // OF_A_MEMBER
    finding = f"the hard limit is {hard}: the files of {members} processes can be kept open"
    if members >= _FEW_MEMBERS:
        return Capability("descriptor_limit", title, AVAILABLE, finding)
    return Capability(
        "descriptor_limit",
        title,
        LIMITED,
        finding,
        "nothing, but further processes cost more: their files are opened anew at each tick",
        "ulimit -n 65536 (as root, or LimitNOFILE= of the unit), then record from that shell",
    )


# ── what adds noise ──


def _container(place: Place) -> Capability | None:
    name = fingerprint(place.proc, place.sys).get("container")
    if not name:
        return None
    return Capability(
        "container",
        "container",
        NOTE,
        f"in a container ({name}): the machine's figures may be those of the whole host",
        "",
        "to record a process of another container, run perfkit on the host",
    )


def _governor(place: Place) -> Capability:
    path = f"{place.sys}/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    governor = (place.text(path) or "").strip()
    title = "steady clock rate of the cores"
    if not governor:
        return Capability("governor", title, NOTE, "the kernel does not say how it is governed")
    if governor == "performance":
        return Capability("governor", title, AVAILABLE, "the governor is performance")
    return Capability(
        "governor",
        title,
        NOTE,
        f"the governor is {governor}: the same work takes more CPU time at a lower clock rate",
        "",
        "sudo cpupower frequency-set -g performance",
    )


def _virtualisation(place: Place) -> Capability | None:
    name = fingerprint(place.proc, place.sys).get("virtualisation")
    if not name:
        return None
    return Capability(
        "virtualisation",
        "a machine of its own",
        NOTE,
        f"a guest on {name}: other guests take CPU time, which system_steal_percent shows",
    )


def _why(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _value(text: str, key: str) -> str:
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return value.strip()
    return ""


Check = Callable[[Place], Capability | None]

CHECKS: tuple[Check, ...] = (
    _process,
    _cpu_clock,
    _own_file(
        "io", "reads and writes", "io", "read_bytes, write_bytes and the other columns of I/O",
        "the kernel was built without CONFIG_TASK_IO_ACCOUNTING",
        "boot a kernel built with CONFIG_TASK_IO_ACCOUNTING=y",
    ),
    _own_file(
        "smaps_rollup", "memory with shared pages divided (PSS), swap", "smaps_rollup",
        "pss_bytes, swap_bytes", "the kernel is older than Linux 4.14", "boot Linux 4.14 or newer",
    ),
    _own_file(
        "schedstat", "waiting for a core", "schedstat", "runqueue_wait_ns",
        "the kernel was built without CONFIG_SCHED_INFO", "boot a kernel built with CONFIG_SCHEDSTATS=y",
    ),
    _descriptor_count,
    _children,
    _others,
    _hidden,
    _tracing,
    _machine,
    _pressure,
    _cgroup,
    _network,
    _asked(
        "pidfd", "the target's end is noticed at once",
        lambda place: place.kernel.process_descriptor(place.pid), "pidfd_open works",
        "nothing, but the end is noticed at the next tick", "boot Linux 5.3 or newer",
    ),
    _asked(
        "subreaper", "daemons of a command are adopted",
        lambda place: place.kernel.adopt(), "the recorder may be a child subreaper",
        "processes that leave the tree of `record -- CMD` by a double fork", "boot Linux 3.4 or newer",
    ),
    _asked(
        "boottime", "sleep of the machine is told from missed ticks",
        lambda place: place.kernel.sleep_clock(), "CLOCK_BOOTTIME can be read",
        "suspended_ns: sleep goes unnoticed", "boot Linux 2.6.39 or newer",
    ),
    _descriptor_limit,
    _container,
    _governor,
    _virtualisation,
)  # fmt: skip
"""Every check, in the order in which a person reads the answers."""
