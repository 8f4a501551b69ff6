"""Hostile days: whatever happens to the target, the recorder, the machine or the disk, the
recording goes on or ends in a sentence, and the file says what was missing and why."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from perfkit.model.metric import NULL_INTEGER
from perfkit.sampling.linux import LinuxSampler
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.sampling.pace import Pace
from perfkit.sampling.tree import INDEX
from perfkit.session.journal import JournalWriter, create_journal
from perfkit.session.reader import open_source
from perfkit.workflows.seal import seal
from perfkit.workflows.source import Recording, open_recording
from perfkit.workflows.ticker import FRONT, Ticker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small recorder is for Linux")

Command = Callable[..., list[str]]
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
MS, S, HOUR = 1_000_000, 1_000_000_000, 3_600_000_000_000
# a user id that no process of a sane machine has
SPARE_UID = 54_321


def columns(path: Path, *names: str) -> dict[str, list[Any]]:
    """Columns of a session or journal as lists, null as None."""
    table = open_recording(path).table(names)
    return {name: table.column(name).to_pylist() for name in names}


def one_sentence(text: str) -> bool:
    """Whether stderr is a single line of perfkit's, without a traceback."""
    return text.startswith("perfkit: ") and text.count("\n") == 1 and "Traceback" not in text


def ticks_in(journal: Path) -> int:
    """How many ticks a journal that is being written has by now; 0 before it is there."""
    ticks = journal / "000000.ticks"
    try:
        size, header = ticks.stat().st_size, 0
        with open(ticks, "rb") as file:
            header = len(file.readline())
    except FileNotFoundError:
        return 0
    return (size - header) // (24 + 8 * len(RAW_METRICS))


def wait_for(said: Callable[[], object]) -> None:
    """Wait until something is true."""
    while not said():
        time.sleep(0.002)


def may(*words: str) -> bool:
    """Whether a command can be run here."""
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


class Background:
    """A recorder of one process that runs beside the test, and its journal."""

    def __init__(self, processes: Any, words: list[str], folder: Path, **options: Any) -> None:
        self.output = folder / "s.parquet"
        self.journal = folder / "s.parquet.partial"
        self.process = processes.start(words, cwd=folder, stderr=subprocess.PIPE, **options)

    def goes_on(self, ticks: int = 5) -> None:
        """Wait for further ticks."""
        so_far = ticks_in(self.journal)
        wait_for(
            lambda: ticks_in(self.journal) >= so_far + ticks or self.process.poll() is not None
        )
        assert self.process.poll() is None, self.process.stderr.read()

    def end(self, number: int = signal.SIGINT) -> str:
        """Stop it and return what it said."""
        self.process.send_signal(number)
        said: str = self.process.communicate(timeout=60)[1]
        return said


@pytest.fixture
def record(perfkit_command: Command, processes: Any, tmp_path: Path) -> Callable[..., Background]:
    """Starts `perfkit record -o s.parquet` in the background; waits for the first ticks."""

    def start(*words: object, folder: Path = tmp_path, **options: Any) -> Background:
        argv = perfkit_command("record", "-o", "s.parquet", *map(str, words))
        recorder = Background(processes, argv, folder, **options)
        recorder.goes_on(2)
        return recorder

    return start


FAST = ("--no-adaptive", "-i", "10ms")


# ── stopped for a while ──


def test_a_stopped_target_is_recorded_as_idle(record: Any, processes: Any) -> None:
    """SIGSTOP: ticks go on, CPU stands still, the state is T; SIGCONT: it moves again."""
    target = processes.start([sys.executable, "-c", "while True: pass"])
    recorder = record("-q", *FAST, "--pid", target.pid)
    recorder.goes_on(20)
    target.send_signal(signal.SIGSTOP)
    # the state is in the list of processes, which comes with the slow group
    wait_for(lambda: "T" in states(recorder.journal))
    first = ticks_in(recorder.journal)
    recorder.goes_on(20)
    last = ticks_in(recorder.journal)
    target.send_signal(signal.SIGCONT)
    recorder.goes_on(30)
    assert recorder.end() == ""
    found = columns(recorder.output, "cpu_time_ns", "cpu_percent", "processes_count")
    cpu = found["cpu_time_ns"]
    assert cpu[last - 1] == cpu[first]
    assert cpu[-1] > cpu[last]
    assert set(found["cpu_percent"][first + 1 : last - 1]) == {0.0}
    assert set(found["processes_count"]) == {1}


def states(path: Path) -> list[str]:
    rows = columns(path, "processes")["processes"]
    return [entry["state"] for row in rows for entry in row or ()]


def test_a_stopped_recorder_misses_slots_and_says_so(record: Any, processes: Any) -> None:
    """No ticks are bunched afterwards, and the CPU used meanwhile is not lost."""
    target = processes.start([sys.executable, "-c", "while True: pass"])
    recorder = record("-q", *FAST, "--pid", target.pid)
    recorder.goes_on(10)
    recorder.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: stat_state(recorder.process.pid) == "T")
    stopped = cpu_clock_ns(target.pid)
    wait_for(lambda: cpu_clock_ns(target.pid) > stopped + 250 * MS)
    recorder.process.send_signal(signal.SIGCONT)
    recorder.goes_on(20)
    assert recorder.end() == ""
    found = columns(recorder.output, "t_ns", "ticks_missed", "cpu_time_ns", "suspended_ns")
    gap = max(range(1, len(found["t_ns"])), key=lambda i: found["t_ns"][i] - found["t_ns"][i - 1])
    slots = (found["t_ns"][gap] - found["t_ns"][gap - 1]) // (10 * MS)
    assert slots >= 24
    assert found["ticks_missed"][gap] == pytest.approx(slots, abs=2)
    assert found["cpu_time_ns"][gap] - found["cpu_time_ns"][gap - 1] >= 240 * MS
    assert not any(found["suspended_ns"])  # the machine did not sleep
    assert open_recording(recorder.output).session.stop_reason == "SIGINT was received"


def stat_state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def cpu_clock_ns(pid: int) -> int:
    return time.clock_gettime_ns((~pid) << 3 | 2)


# ── time that jumps ──


class ToldClock:
    """The methods of sampling.clock.Clock over times that move only when told."""

    def __init__(self) -> None:
        self.monotonic, self.asleep, self.wall = 5 * S, HOUR, 1_700_000_000_000_000
        self.used = 0

    def now(self) -> tuple[int, int, int]:
        return self.monotonic, self.monotonic + self.asleep, self.wall

    def cpu_ns(self) -> int:
        self.used += 100_000
        return self.used

    def go_on(self, by_ns: int = 100 * MS) -> None:
        self.monotonic += by_ns
        self.wall += by_ns // 1000


def fake_recording(
    folder: Path, sampler: LinuxSampler, clock: ToldClock, happenings: Mapping[int, Any], ticks: int
) -> Recording:
    """A sealed recording over a told clock; happenings: tick to what occurs before it."""
    path = folder / "s.parquet.partial"
    facts = {
        "session_id": "x", "perfkit_version": "0", "schema_version": "1.0", "mode": "pid",
        "sampler": "linux", "target_pid": 1, "target_name": "x", "command": "x",
        "interval_ns": 100 * MS, "started_at_us": clock.wall, "start_boottime_ns": 0,
    }  # fmt: skip
    lock = create_journal(str(path), RAW_METRICS, facts)
    journal = JournalWriter(str(path), RAW_METRICS, front=FRONT)
    ticker = Ticker(sampler, journal, clock, Pace(100 * MS, None))  # type: ignore[arg-type]
    for number in range(ticks):
        if number in happenings:
            happenings[number]()
        ticker.tick()
        clock.go_on()
    journal.close()
    os.close(lock)
    seal(path, folder / "s.parquet")
    return open_recording(folder / "s.parquet")


@pytest.fixture
def own_sampler() -> Iterator[LinuxSampler]:
    """A sampler of this very process, which has some CPU time in every tick."""
    sampler = LinuxSampler(os.getppid())
    yield sampler
    sampler.close()


def test_a_suspend_is_time_that_nobody_missed(tmp_path: Path, own_sampler: LinuxSampler) -> None:
    """An hour of sleep: one figure says so, no slot counts as missed, no rate is made of it."""
    clock = ToldClock()

    def sleep() -> None:
        clock.asleep += HOUR
        clock.wall += HOUR // 1000

    fake_recording(tmp_path, own_sampler, clock, {20: sleep}, 40)
    found = columns(
        tmp_path / "s.parquet",
        "t_ns", "suspended_ns", "ticks_missed", "tick_late_ns", "cpu_percent", "time",
    )  # fmt: skip
    assert [(i, s) for i, s in enumerate(found["suspended_ns"]) if s] == [(20, HOUR)]
    assert not any(found["ticks_missed"])
    assert not any(found["tick_late_ns"])
    assert found["t_ns"][20] - found["t_ns"][19] == HOUR + 100 * MS
    assert [i for i, rate in enumerate(found["cpu_percent"]) if rate is None] == [0, 20]


def test_a_wall_clock_that_steps_back_changes_the_order_of_nothing(
    tmp_path: Path, own_sampler: LinuxSampler
) -> None:
    """An hour back: `time` shows it, the order, the rates and the duration do not."""
    clock = ToldClock()

    def step() -> None:
        clock.wall -= HOUR // 1000

    recording = fake_recording(tmp_path, own_sampler, clock, {20: step}, 40)
    found = columns(recording.path, "t_ns", "time", "suspended_ns", "ticks_missed", "cpu_percent")
    assert [b - a for a, b in zip(found["t_ns"], found["t_ns"][1:], strict=False)] == [
        100 * MS
    ] * 39
    stepped = (found["time"][20] - found["time"][19]).total_seconds()
    assert stepped == pytest.approx(-3600 + 0.1)
    assert not any(found["suspended_ns"])
    assert not any(found["ticks_missed"])
    assert [i for i, rate in enumerate(found["cpu_percent"]) if rate is None] == [0]


# ── limits ──

CROWD = """
import os, signal, sys
hold, up = os.pipe(), os.pipe()
def child(i):
    if not os.fork():
        os.close(hold[1]); os.write(up[1], b"x")
        if i % 10 == 0:
            for _ in range(2_000_000): pass
        null = os.open("/dev/null", os.O_WRONLY)
        for _ in range(20): os.write(null, b"x" * 1000)
        os.read(hold[0], 1); os._exit(0)
for i in range(int(sys.argv[1])): child(i)
for i in range(int(sys.argv[1])): os.read(up[0], 1)
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_descriptor_limit_of_64_holds_a_tree_of_100(record: Any, processes: Any) -> None:
    """Soft and hard: members without a descriptor are opened and closed again at each tick."""
    target = processes.python(CROWD, "100")
    recorder = record(
        "-q", "--no-adaptive", "-i", "50ms", "--pid", target.pid,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    )  # fmt: skip
    recorder.goes_on(25)
    assert len(list(Path(f"/proc/{recorder.process.pid}/fd").iterdir())) < 64
    assert recorder.end() == ""
    found = columns(
        recorder.output, "processes_count", "processes_gone_count", "read_bytes", "threads_count",
        "fds_count", "pss_bytes", "cgroup_cpu_ns", "system_cpu_idle_ns", "net_receive_bytes",
    )  # fmt: skip
    assert set(found["processes_count"]) == {101}
    assert set(found["threads_count"]) == {101}
    assert set(found["processes_gone_count"]) == {0}
    assert None not in found["read_bytes"]
    assert found["fds_count"][0] > 300
    assert found["pss_bytes"][0] > 0
    assert {"Too many open files"}.isdisjoint(open_source(recorder.output).session.missing.values())


def test_a_soft_descriptor_limit_is_raised_for_the_recorder_alone(
    record: Any, perfkit_command: Command, tmp_path: Path
) -> None:
    """The command keeps the limit that it was started with."""
    done = subprocess.run(
        perfkit_command("record", "-q", "-o", "c.parquet", "--", "sh", "-c", "ulimit -Sn; ulimit -Hn"),
        cwd=tmp_path, capture_output=True, text=True, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 300)),
    )  # fmt: skip
    assert done.stdout.split() == ["64", "300"]
    recorder = record(
        "-q", *FAST, "--pid", os.getpid(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 300)),
    )  # fmt: skip
    limits = Path(f"/proc/{recorder.process.pid}/limits").read_text()
    assert limits.split("Max open files")[1].split()[:2] == ["300", "300"]
    recorder.end()


# Forks until the kernel refuses, and tries again for a while.
FORK_UNTIL_REFUSED = """
import os, resource, signal, sys, time
resource.setrlimit(resource.RLIMIT_NPROC, (120, 120))
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
pids, refused = [], 0
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    try:
        pid = os.fork()
    except BlockingIOError:
        refused += 1
        time.sleep(0.01)
        continue
    if not pid:
        signal.pause()
    pids.append(pid)
for pid in pids: os.kill(pid, 9); os.waitpid(pid, 0)
sys.exit(9 if refused and len(pids) > 50 else 1)
"""


@NEEDS_ROOT
def test_a_target_that_forks_until_it_is_refused_is_recorded(
    perfkit_command: Command, tmp_path: Path
) -> None:
    """RLIMIT_NPROC of a spare user: all its processes are counted, and its exit code is returned."""
    done = subprocess.run(
        perfkit_command(
            "record", "-q", "--no-adaptive", "-i", "20ms", "-o", "s.parquet", "--",
            sys.executable, "-c", FORK_UNTIL_REFUSED, str(SPARE_UID), "1",
        ),
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (9, "")
    found = columns(tmp_path / "s.parquet", "processes_count", "processes_gone_count")
    assert max(found["processes_count"]) in (119, 120)
    assert found["processes_gone_count"][-1] >= 118


# One process, since a spare user may often not run this interpreter again.
RECORD_WITHOUT_FORKING = """
import os, resource, sys
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.session.journal import create_journal
from perfkit.workflows.recorder import Recorder
facts = {"session_id": "x", "perfkit_version": "0", "schema_version": "1.0", "mode": "pid",
         "sampler": "linux", "target_pid": os.getppid(), "target_name": "x", "command": "x",
         "interval_ns": 10**7, "started_at_us": 0, "start_boottime_ns": 0}
lock = create_journal("s.parquet.partial", RAW_METRICS, facts)
os.chown("s.parquet.partial", UID, UID); os.chown("s.parquet.partial/000000.ticks", UID, UID)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
os.setgroups([]); os.setgid(UID); os.setuid(UID)
options = dict.fromkeys(("budget", "keep_ns", "command", "go_fd", "exec_error_fd"), "")
options |= {"journal": "s.parquet.partial", "output": "s.parquet", "pid": str(os.getppid()),
            "mode": "pid", "interval_ns": "10000000", "duration_ns": "200000000", "force": "0",
            "follow_daemons": "0", "quiet": "0", "lock_fd": str(lock), "go_fd": "-1",
            "exec_error_fd": "-1", "live": "0", "root": ROOT}
sys.exit(Recorder(options).run())
"""


@NEEDS_ROOT
def test_a_recorder_that_may_not_fork_keeps_the_journal(
    perfkit_command: Command, project_root: Path, tmp_path: Path
) -> None:
    """Its user has used up RLIMIT_NPROC: one sentence says how to seal the recording later."""
    code = RECORD_WITHOUT_FORKING.replace("UID", str(SPARE_UID))
    with tempfile.TemporaryDirectory() as name:  # pytest's own folder is closed to others
        folder = Path(name)
        folder.chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", code.replace("ROOT", repr(str(project_root)))],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 5
        started, trouble = done.stderr.splitlines()
        assert started.startswith("perfkit: recording ")
        assert "perfkit recover s.parquet.partial" in trouble
        journal = folder / "s.parquet.partial"
        subprocess.run(perfkit_command("recover", journal), check=True, capture_output=True)
        assert len(columns(folder / "s.parquet", "t_ns")["t_ns"]) >= 10


# ── a machine that shows less ──

UNDER_HIDEPID = """
import ctypes, json, os, subprocess, sys
from perfkit.cli import run
from perfkit.sampling.linux import LinuxSampler
from perfkit.sampling.metrics import RAW_METRICS
subprocess.run(["mount", "-t", "proc", "-o", "hidepid=" + sys.argv[1], "proc", "/proc"], check=True)
own = [lambda: os.setgroups([]), lambda: os.setgid(65534), lambda: os.setuid(65534)]
def nobody(): [do() for do in own]
roots = subprocess.Popen(["sleep", "60"])
ours, ready = os.pipe(), os.pipe()
target = os.fork()
if not target:
    # a member of root's within a tree of nobody's: as after sudo
    go = os.pipe()
    if not os.fork():
        os.write(ready[1], b"x"); os.read(go[0], 1)
    nobody()
    ctypes.CDLL(None).prctl(4, 1)
    os.write(ready[1], b"x"); os.read(go[0], 1)
os.read(ready[0], 1); os.read(ready[0], 1)
run(["record", "--pid", "4194303"])  # loads what nobody may not load
sys.stderr.flush(); print("loaded", file=sys.stderr, flush=True)
nobody()
code = run(["record", "--pid", str(roots.pid)])
sampler = LinuxSampler(target)
row = [-(2**63) if m.format == "q" else 0.0 for m in RAW_METRICS]
sampler.read(row, system=True, slow=True)
values = {m.name: v for m, v in zip(RAW_METRICS, row)}
print(json.dumps([code, values, sampler.take_notes()]), flush=True)
os._exit(0)
"""


@NEEDS_ROOT
@pytest.mark.parametrize("hidepid", ["1", "2"])
def test_what_hidepid_hides_is_said(hidepid: str, tmp_path: Path) -> None:
    """Another user's process is refused with the reason; a hidden member of the tree is told."""
    if not may("unshare", "--mount", "mount", "-t", "proc", "-o", "hidepid=2", "proc", "/proc"):
        pytest.skip("may not mount /proc in a namespace")
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child",
         sys.executable, "-c", UNDER_HIDEPID, hidepid],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stderr.partition("loaded\n")[2]
    assert one_sentence(said), said
    assert "hidepid" in said
    code, values, notes = json.loads(done.stdout)
    assert code == 5
    assert values["rss_bytes"] > 0
    assert values["system_memory_total_bytes"] > 0
    assert any("hidepid" in reason for _, reason in notes), notes


# Root files of a machine, as a container or an older kernel shows them.
BARE = {
    "proc/42/stat": "42 (app) S 1 42 42 0 -1 0 10 5 2 1 100 50 20 10 20 0 3 0 777 1000000 300 "
    + "0 " * 28,
    "proc/42/task/42/children": "",
    "proc/stat": "cpu  100 1 50 800 7 0 3 2 0 0\n" + "cpu0 0\ncpu1 0\ncpu2 0\ncpu3 0\n",
    "proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
    "proc/loadavg": "0.50 0.40 0.30 1/100 4242\n",
}
PRESSURE = {
    f"proc/pressure/{name}": "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=3\n"
    for name in ("cpu", "memory", "io")
}
CGROUP_2 = {
    "proc/42/cgroup": "0::/\n",
    "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
    "sys/fs/cgroup/cpu.stat": "usage_usec 10\nnr_periods 4\nnr_throttled 1\nthrottled_usec 5\n",
    "sys/fs/cgroup/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/memory.max": "1073741824\n",
    "sys/fs/cgroup/memory.current": "500000000\n",
}
CGROUP_1 = {
    "proc/42/cgroup": "4:memory:/box\n2:cpu,cpuacct:/box\n",
    "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "150000\n",
    "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/cpu/box/cpu.stat": "nr_periods 4\nnr_throttled 1\nthrottled_time 5000\n",
    "sys/fs/cgroup/cpuacct/box/cpuacct.usage": "10000\n",
    "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "1073741824\n",
    "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "500000000\n",
}


@pytest.mark.parametrize(
    ("files", "cores", "memory", "missing"),
    [
        ({}, 4.0, 8_192_000_000, {"psi_cpu_some_us", "cgroup"}),
        (PRESSURE, 4.0, 8_192_000_000, {"cgroup"}),
        (CGROUP_1, 1.5, 2**30, {"psi_cpu_some_us"}),
        ({**CGROUP_2, **PRESSURE}, 1.5, 2**30, set()),
    ],
    ids=["no PSI, no cgroup", "no cgroup", "version 1, no PSI", "version 2"],
)
def test_what_a_machine_lacks_is_in_the_file_with_its_reason(
    tmp_path: Path, files: Mapping[str, str], cores: float, memory: int, missing: set[str]
) -> None:
    """Copied roots: a container's limits bind, and what is absent is null, never zero."""
    for name, text in {**BARE, **files}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    sampler = LinuxSampler(
        42, proc=str(tmp_path / "proc"), sys=str(tmp_path / "sys"), cpu_clock=None
    )
    recording = fake_recording(tmp_path, sampler, ToldClock(), {}, 30)
    sampler.close()
    found = columns(
        recording.path, "cpu_capacity_cores", "memory_capacity_bytes", "psi_cpu_some_us",
        "cgroup_cpu_ns", "cgroup_throttled_ns", "threads_count",
    )  # fmt: skip
    assert set(found["threads_count"]) == {3}
    assert {value for value in found["cpu_capacity_cores"] if value is not None} == {cores}
    assert {value for value in found["memory_capacity_bytes"] if value is not None} == {memory}
    told = recording.session.missing
    assert missing <= set(told)
    assert {"psi_cpu_some_us", "cgroup"} & set(told) == missing
    assert all(len(reason) > 10 for reason in told.values())
    assert any(found["psi_cpu_some_us"]) == ("psi_cpu_some_us" not in missing)
    for name, value in (("cgroup_cpu_ns", 10_000), ("cgroup_throttled_ns", 5_000)):
        known = {v for v in found[name] if v is not None}
        assert known == (set() if "cgroup" in missing else {value})


# ── loads with a known truth ──

LOOPBACK = """
import socket, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect(receiver.getsockname())
print("ready", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        sender.send(b"x" * 4000)
        receiver.recv(65536)
    print("done", flush=True)
"""


def test_network_counters_are_those_of_the_targets_namespace(processes: Any) -> None:
    """1000 datagrams of 4000 bytes over a loopback of its own: 28 bytes of headers each."""
    if not may("unshare", "--net", "ip", "link", "set", "lo", "up"):
        pytest.skip("may not make a network namespace")
    target = processes.start(["unshare", "--net", sys.executable, "-c", LOOPBACK])
    assert target.stdout.readline() == "ready\n"
    sampler = LinuxSampler(target.pid)
    before = read(sampler)
    target.stdin.write("1000\n")
    target.stdin.flush()
    assert target.stdout.readline() == "done\n"
    after = read(sampler)
    sampler.close()
    for name in ("net_receive_bytes", "net_transmit_bytes"):
        assert after[name] - before[name] == pytest.approx(1000 * 4028, rel=0.03), name
    assert after["net_errors_count"] == before["net_errors_count"]


def read(sampler: LinuxSampler) -> dict[str, int | float]:
    row: list[int | float] = [
        NULL_INTEGER if metric.format == "q" else float("nan") for metric in RAW_METRICS
    ]
    sampler.read(row, system=True, slow=True)
    return {name: row[position] for name, position in INDEX.items()}


@pytest.fixture
def limited(processes: Any) -> Iterator[Path]:
    """A version 1 group that may use a fifth of a core."""
    folder = Path(f"/sys/fs/cgroup/cpu/perfkit-hostile-{os.getpid()}")
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no CPU-limited control group can be made here ({error})")
    try:
        if not (folder / "cpu.cfs_quota_us").exists():
            pytest.skip("the CPU controller of this machine has no quota")
        (folder / "cpu.cfs_quota_us").write_text("20000")
        yield folder
    finally:
        processes.end()
        wait_for(lambda: not (folder / "cgroup.procs").read_text())
        folder.rmdir()


def test_a_throttled_target_is_seen_to_be_throttled(
    limited: Path, record: Any, processes: Any
) -> None:
    """A fifth of a core: the quota is the capacity, and the kernel's own count is the file's."""
    target = processes.start(
        [sys.executable, "-c", "while True: pass"],
        preexec_fn=lambda: (limited / "cgroup.procs").write_text(str(os.getpid())),
    )
    recorder = record("-q", "--no-adaptive", "-i", "50ms", "--pid", target.pid)
    recorder.goes_on(45)
    recorder.end()
    truth = dict(line.split() for line in (limited / "cpu.stat").read_text().splitlines())
    found = {
        name: [value for value in values if value is not None]
        for name, values in columns(
            recorder.output, "cpu_percent", "cpu_capacity_cores", "cgroup_cpu_limit_cores",
            "cgroup_periods_count", "cgroup_throttled_count", "cgroup_throttled_percent",
            "cpu_time_ns", "t_ns",
        ).items()
    }  # fmt: skip
    assert set(found["cgroup_cpu_limit_cores"]) == {0.2}
    assert set(found["cpu_capacity_cores"]) == {0.2}
    used, elapsed = (found[n][-1] - found[n][0] for n in ("cpu_time_ns", "t_ns"))
    assert used / elapsed == pytest.approx(0.2, abs=0.05)
    for name, key in (("periods", "nr_periods"), ("throttled", "nr_throttled")):
        counts = found[f"cgroup_{name}_count"]
        assert counts[-1] - counts[0] >= 10
        assert counts[-1] <= int(truth[key])
    assert max(found["cgroup_throttled_percent"]) > 90


# ── disks ──


@pytest.fixture
def mounted(tmp_path: Path, processes: Any) -> Iterator[Callable[..., Path]]:
    """Mounts file systems below the test's folder and takes them away again."""
    folders: list[Path] = []

    def mount(*words: object) -> Path:
        folder = tmp_path / f"disk{len(folders)}"
        folder.mkdir()
        if not may("mount", *map(str, words), str(folder)):
            pytest.skip(f"may not mount {words[0]} {words[1]} here")
        folders.append(folder)
        return folder

    yield mount
    processes.end()
    for folder in folders:
        subprocess.run(["umount", "-l", folder], capture_output=True, check=False)


def test_a_disk_that_fills_keeps_every_intact_record(
    mounted: Any, record: Any, processes: Any, perfkit_command: Command, tmp_path: Path
) -> None:
    """A file system of 300 kB: the recording stops with one sentence, the journal can be sealed
    elsewhere, and no tick that was written is lost."""
    disk = mounted("-t", "tmpfs", "-o", "size=300k", "tmpfs")
    target = processes.start(["sleep", "300"])
    recorder = record("--no-adaptive", "-i", "1ms", "--pid", target.pid, folder=disk)
    said = recorder.process.communicate(timeout=60)[1].splitlines()
    assert recorder.process.returncode == 5
    assert [line[:27] for line in said if "recording stopped" in line] == [
        "perfkit: recording stopped:"
    ]
    assert not any("Traceback" in line for line in said)
    assert "perfkit recover" in said[-1]
    written = ticks_in(recorder.journal)
    assert written > 300
    done = subprocess.run(
        perfkit_command("recover", recorder.journal, "-o", tmp_path / "saved.parquet"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = columns(tmp_path / "saved.parquet", "t_ns")["t_ns"]
    assert len(found) == written
    assert not recorder.journal.exists()


def test_a_disk_that_vanishes_stops_the_recording(
    mounted: Any, record: Any, processes: Any
) -> None:
    """Unmounted in the middle: going on would write where nobody can read."""
    disk = mounted("-t", "tmpfs", "tmpfs")
    target = processes.start(["sleep", "300"])
    recorder = record(*FAST, "--pid", target.pid, folder=disk)
    subprocess.run(["umount", "-l", disk], check=True)
    said = recorder.process.communicate(timeout=20)[1]
    assert recorder.process.returncode == 5
    assert said.splitlines()[1].startswith("perfkit: recording stopped:")
    assert "Traceback" not in said


def test_a_disk_that_goes_read_only_keeps_every_intact_record(
    mounted: Any, record: Any, processes: Any, perfkit_command: Command, tmp_path: Path
) -> None:
    """ext4 after an error: the recording stops with one sentence, and what is there is read."""
    image = tmp_path / "image"
    with open(image, "wb") as file:
        file.truncate(16 * 2**20)
    if not may("mkfs.ext4", "-q", "-F", str(image)):
        pytest.skip("no mkfs.ext4 here")
    disk = mounted("-o", "loop,errors=remount-ro", image)
    source = subprocess.run(
        ["findmnt", "-n", "-o", "SOURCE", disk], capture_output=True, text=True, check=True
    ).stdout.strip()
    trigger = Path(f"/sys/fs/ext4/{Path(source).name}/trigger_fs_error")
    target = processes.start(["sleep", "300"])
    recorder = record(*FAST, "--pid", target.pid, folder=disk)
    recorder.goes_on(20)
    try:
        trigger.write_text("test")
    except OSError as error:
        pytest.skip(f"cannot make ext4 go read-only ({error})")
    said = recorder.process.communicate(timeout=60)[1].splitlines()
    assert recorder.process.returncode == 5
    assert said[1].startswith("perfkit: recording stopped:")
    assert "Read-only file system" in said[1]
    assert not any("Traceback" in line for line in said)
    written = ticks_in(recorder.journal)
    assert written >= 20
    assert len(columns(recorder.journal, "t_ns")["t_ns"]) == written


def test_two_recorders_of_one_target_do_not_disturb_each_other(
    record: Any, processes: Any, tmp_path: Path
) -> None:
    """Each has its own file, and both say the same of the target."""
    target = processes.python("import sys; print('ready', flush=True); sys.stdin.read()")
    recorders = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        recorders.append(record("-q", *FAST, "--pid", target.pid, folder=tmp_path / name))
    for recorder in recorders:
        recorder.goes_on(10)
    rss = []
    for recorder in recorders:
        assert recorder.end() == ""
        rss.append(columns(recorder.output, "rss_bytes")["rss_bytes"][-1])
    assert rss[0] == rss[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-i", "365d"], "1ms to 1h"),
        (["-i", "0"], "above 0"),
        (["--keep", "50ms", "-i", "100ms"], "--keep"),
        (["-d", "50ms", "-i", "100ms"], "--duration"),
    ],
)
def test_lengths_that_make_no_recording_are_refused(
    perfkit_command: Command, tmp_path: Path, words: list[str], says: str
) -> None:
    """An interval of a year or nothing, a duration shorter than an interval: one sentence."""
    done = subprocess.run(
        perfkit_command("record", "--pid", str(os.getpid()), *words),
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, one_sentence(done.stderr)) == (2, True), done.stderr
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []
