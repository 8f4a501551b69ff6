"""What can be recorded, on a copied machine from which one thing after the other is taken away."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from perfkit.model.capability import AVAILABLE, LIMITED, MISSING, NOTE, STATES, Capability
from perfkit.sampling.capabilities import Kernel, can_record, capabilities

NOBODY = 65534
PID = 42


class ToldKernel(Kernel):
    """Answers as told: files that are denied, calls that are refused, who asks, which limit."""

    def __init__(
        self,
        denied: tuple[str, ...] = (),
        refused: tuple[str, ...] = (),
        user: int = 1000,
        limit: int | None = 1_048_576,
    ) -> None:
        self.denied = denied
        self.refused = refused
        self.user = user
        self.limit = limit

    def read(self, path: str) -> bytes:
        if any(path.endswith(name) for name in self.denied):
            raise PermissionError(13, "Permission denied")
        return super().read(path)

    def size(self, path: str) -> int:
        return 0 if "size" in self.refused else min(1, super().size(path))

    def user_id(self) -> int:
        return self.user

    def cpu_clock(self, pid: int) -> None:
        self._refuse("cpu_clock", pid)

    def sleep_clock(self) -> None:
        self._refuse("sleep_clock")

    def process_descriptor(self, pid: int) -> None:
        self._refuse("process_descriptor", pid)

    def adopt(self) -> None:
        self._refuse("adopt")

    def descriptor_limit(self) -> int | None:
        return self.limit

    def _refuse(self, name: str, _pid: int = 0) -> None:
        if name in self.refused:
            raise OSError(38, "Function not implemented")


STATUS = "Name:\tapp\nUid:\t{0}\t{0}\t{0}\t{0}\nVmRSS:\t100 kB\n"

WHOLE = {
    **{f"proc/{PID}/{name}": "x" for name in ("stat", "io", "smaps_rollup", "schedstat", "net/dev")},
    f"proc/{PID}/task/{PID}/children": "",
    f"proc/{PID}/status": STATUS.format(1000),
    f"proc/{PID}/fd/0": "",
    f"proc/{PID}/cgroup": "0::/app\n",
    "proc/77/stat": "x",
    "proc/77/status": STATUS.format(0),
    "proc/77/io": "x",
    "proc/77/smaps_rollup": "x",
    "proc/77/fd/0": "",
    "proc/self/stat": "x",
    "proc/stat": "cpu 1\n",
    "proc/meminfo": "MemTotal: 1 kB\n",
    "proc/loadavg": "0 0 0 1/1 1\n",
    "proc/mounts": "proc /proc proc rw,nosuid 0 0\n",
    "proc/pressure/cpu": "some total=1\n",
    "proc/pressure/memory": "some total=1\n",
    "proc/pressure/io": "some total=1\n",
    "proc/sys/kernel/yama/ptrace_scope": "0\n",
    "proc/cpuinfo": "flags\t: fpu sse\n",
    "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
    "sys/fs/cgroup/app/cpu.stat": "usage_usec 5\nnr_periods 1\nnr_throttled 0\nthrottled_usec 0\n",
    "sys/fs/cgroup/app/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/app/memory.current": "4096\n",
    "sys/fs/cgroup/app/memory.max": "1000000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
}  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine on which nothing is missing."""
    for name, text in WHOLE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def examined(
    machine: Path, kernel: Kernel | None = None, pid: int | None = PID
) -> dict[str, Capability]:
    found = capabilities(
        pid, proc=str(machine / "proc"), sys=str(machine / "sys"), kernel=kernel or ToldKernel()
    )
    assert len({one.key for one in found}) == len(found)
    return {one.key: one for one in found}


def remove(*names: str) -> Callable[[Path], None]:
    def act(machine: Path) -> None:
        for name in names:
            path = machine / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return act


def write(name: str, text: str) -> Callable[[Path], None]:
    def act(machine: Path) -> None:
        (machine / name).parent.mkdir(parents=True, exist_ok=True)
        (machine / name).write_text(text)

    return act


@dataclass(frozen=True)
class Lack:
    """One thing that is missing: how it is taken away, and what is then said and advised."""

    story: str
    key: str
    state: str
    finding: str
    remedy: str
    change: Callable[[Path], None] = lambda _: None
    kernel: Kernel | None = None


DENIED = "cannot be read (Permission denied)"
SUDO = f"sudo perfkit record --pid {PID}"
LACKS = [
    Lack("no process", "process", MISSING, "cannot be read (No such file", SUDO, remove(f"proc/{PID}/stat")),
    Lack("no /proc", "process", MISSING, "cannot be read", "sudo mount -t proc proc /proc", remove("proc")),
    Lack("another PID namespace", "cpu_clock", LIMITED, "(Function not implemented)", "PID namespace", kernel=ToldKernel(refused=("cpu_clock",))),
    Lack("I/O of another user", "io", MISSING, DENIED, SUDO, kernel=ToldKernel(denied=("42/io",))),
    Lack("no I/O accounting", "io", MISSING, "CONFIG_TASK_IO_ACCOUNTING", "CONFIG_TASK_IO_ACCOUNTING=y", remove(f"proc/{PID}/io")),
    Lack("root without the capability", "io", MISSING, DENIED, "--cap-add=SYS_PTRACE", kernel=ToldKernel(denied=("42/io",), user=0)),
    Lack("PSS of another user", "smaps_rollup", MISSING, DENIED, SUDO, kernel=ToldKernel(denied=("42/smaps_rollup",))),
    Lack("an old kernel: no PSS", "smaps_rollup", MISSING, "older than Linux 4.14", "Linux 4.14", remove(f"proc/{PID}/smaps_rollup")),
    Lack("no schedstat", "schedstat", MISSING, "CONFIG_SCHED_INFO", "CONFIG_SCHEDSTATS=y", remove(f"proc/{PID}/schedstat")),
    Lack("no children files", "children", LIMITED, "no /proc/PID/task/TID/children", "CONFIG_PROC_CHILDREN=y", remove(f"proc/{PID}/task/{PID}/children")),
    Lack("an old kernel: no count of descriptors", "fds", LIMITED, "before Linux 6.2", "Linux 6.2", kernel=ToldKernel(refused=("size",))),
    Lack("no descriptors", "fds", MISSING, "cannot be looked at", SUDO, remove(f"proc/{PID}/fd")),
    Lack("hidepid", "hidepid", MISSING, "hidepid=invisible", "sudo mount -o remount,hidepid=0 /proc", write("proc/mounts", "proc /proc proc rw,hidepid=invisible 0 0\n")),
    Lack("a process of another user", "ptrace", LIMITED, "you may not look into process 42", "sudo py-spy", kernel=ToldKernel(denied=("42/auxv",))),
    Lack("ptrace scope 1", "ptrace", LIMITED, "ptrace_scope is 1", "sudo sysctl kernel.yama.ptrace_scope=0", write("proc/sys/kernel/yama/ptrace_scope", "1\n")),
    Lack("ptrace scope 3", "ptrace", LIMITED, "ptrace_scope is 3", "boot anew", write("proc/sys/kernel/yama/ptrace_scope", "3\n"), ToldKernel(user=0)),
    Lack("a sandbox without meminfo", "machine", MISSING, "cannot read /proc/meminfo", "sandbox", remove("proc/meminfo")),
    Lack("booted without PSI", "pressure", MISSING, "booted without PSI, or is older", "--args=psi=1", remove("proc/pressure")),
    Lack("PSI switched off", "pressure", MISSING, "(Permission denied): the kernel was booted without PSI", "psi=1", kernel=ToldKernel(denied=("pressure/cpu", "pressure/io", "pressure/memory"))),
    Lack("no control group", "cgroup", MISSING, "shows no figures", "mount -t cgroup2", remove("sys/fs/cgroup")),
    Lack("no CPU controller", "cgroup", LIMITED, "no figures of the cpu controller", "echo '+cpu' | sudo tee", write("sys/fs/cgroup/app/cpu.stat", "usage_usec 5\n")),
    Lack("no memory controller", "cgroup", LIMITED, "no figures of the memory controller", "'+memory'", remove("sys/fs/cgroup/app/memory.current")),
    Lack("no network", "network", MISSING, "net/dev cannot be read", SUDO, remove(f"proc/{PID}/net")),
    Lack("no pidfd", "pidfd", LIMITED, "refuses it", "Linux 5.3", kernel=ToldKernel(refused=("process_descriptor",))),
    Lack("no subreaper", "subreaper", LIMITED, "refuses it", "Linux 3.4", kernel=ToldKernel(refused=("adopt",))),
    Lack("no CLOCK_BOOTTIME", "boottime", LIMITED, "refuses it", "Linux 2.6.39", kernel=ToldKernel(refused=("sleep_clock",))),
    Lack("few descriptors", "descriptor_limit", LIMITED, "the hard limit is 64: the files of 8 processes", "ulimit -n 65536", kernel=ToldKernel(limit=64)),
    Lack("a governor that saves power", "governor", NOTE, "powersave", "cpupower frequency-set -g performance", write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n")),
    Lack("a guest", "virtualisation", NOTE, "a guest on KVM", "", lambda machine: (write("proc/cpuinfo", "flags\t: fpu hypervisor\n")(machine), write("sys/class/dmi/id/product_name", "KVM\n")(machine))[0]),
    Lack("a container", "container", NOTE, "in a container", "on the host", write("proc/1/environ", "container=lxc\0")),
]  # fmt: skip


def test_a_machine_that_has_everything_lacks_nothing(machine: Path) -> None:
    """Its limits are told, too."""
    found = examined(machine)

    assert [one for one in found.values() if one.state in (MISSING, LIMITED)] == []
    assert can_record(tuple(found.values()))
    assert "memory limit 1000000 bytes, CPU quota 1.5 cores" in found["cgroup"].finding


@pytest.mark.parametrize("lack", LACKS, ids=lambda lack: lack.story)
def test_what_is_missing_is_said_with_what_mends_it(machine: Path, lack: Lack) -> None:
    """The state, what was found, and the command; nothing else is blamed for it."""
    whole = examined(machine)
    lack.change(machine)
    found = examined(machine, lack.kernel)
    one = found[lack.key]

    assert one.state == lack.state
    assert lack.finding in one.finding
    assert lack.remedy in one.remedy
    assert bool(one.loses) == (one.state in (MISSING, LIMITED))
    assert can_record(tuple(found.values())) == (lack.key != "process")
    if lack.story not in (
        "no /proc",
        "no process",
        "root without the capability",
        "ptrace scope 3",
    ):
        worse = {key for key in found if found[key] != whole.get(key)}
        assert worse <= {lack.key}  # this machine may be a guest or a container itself


def test_every_check_that_can_fail_has_a_case() -> None:
    """A check without one is not finished; `others` has tests of its own."""
    keys = {one.key for one in capabilities()} - {"others"}

    assert keys <= {lack.key for lack in LACKS}


def test_processes_of_other_users_are_tried_where_none_is_named(machine: Path) -> None:
    """One that belongs to somebody else stands for all."""
    denied = ToldKernel(denied=("77/io", "77/smaps_rollup"))
    found = capabilities(None, proc=str(machine / "proc"), sys=str(machine / "sys"), kernel=denied)
    (others,) = [one for one in found if one.key == "others"]

    assert others.state == LIMITED
    assert others.finding == "/proc/PID/io, /proc/PID/smaps_rollup of process 77 cannot be read"
    assert others.remedy == "sudo perfkit record --pid PID"
    assert "others" not in examined(machine)


def test_descriptors_of_others_are_counted_where_their_folder_may_not_be_listed(
    machine: Path,
) -> None:
    """Its size is enough; before Linux 6.2, when it said nothing, it had to be listed."""

    def others(refused: tuple[str, ...] = ()) -> Capability:
        told = ToldKernel(denied=("77/fd",), refused=refused)
        found = capabilities(
            None, proc=str(machine / "proc"), sys=str(machine / "sys"), kernel=told
        )
        return next(one for one in found if one.key == "others")

    assert others().state == AVAILABLE
    old = others(("size",))
    assert (old.state, old.loses) == (LIMITED, "fds_count of such processes")


def test_where_there_is_nobody_else_nothing_is_claimed(machine: Path) -> None:
    """Neither that it works nor that it does not."""
    remove("proc/77")(machine)
    found = capabilities(
        None, proc=str(machine / "proc"), sys=str(machine / "sys"), kernel=ToldKernel()
    )

    assert [one.state for one in found if one.key == "others"] == [NOTE]


def test_hidepid_does_not_bind_root(machine: Path) -> None:
    """Root sees everything all the same."""
    write("proc/mounts", "proc /proc proc rw,hidepid=2 0 0\n")(machine)

    assert examined(machine, ToldKernel(user=0))["hidepid"].state == AVAILABLE


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_this_machine_can_be_examined() -> None:
    """On the real kernel no check fails, and every state is a known one."""
    found = capabilities()

    assert can_record(found)
    assert {one.state for one in found} <= set(STATES)
    assert all(one.remedy for one in found if one.state in (MISSING, LIMITED))
    by_key = {one.key: one for one in found}
    assert by_key["boottime"].state == AVAILABLE
    assert by_key["cpu_clock"].state == AVAILABLE
