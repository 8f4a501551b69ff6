"""Trees of every kind, each held against what the kernel, or the tree's maker, knows of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import wait_until_asleep
from tree_truth import (
    Group,
    allowance_ns,
    ask,
    cpu_clock_ns,
    cpu_of,
    entries,
    finish,
    made_group,
    read,
    storage_is_counted,
)

from perfkit.model.metric import NULL_INTEGER
from perfkit.sampling.linux import LinuxSampler
from perfkit.sampling.tree import Tree
from perfkit.workflows.source import open_recording

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
Command = Callable[..., list[str]]


def unshared(*options: str) -> bool:
    """Whether this machine and user may make namespaces."""
    return (
        subprocess.run(["unshare", *options, "true"], capture_output=True, check=False).returncode
        == 0
    )


def tell(what: str, value: float, truth: float) -> None:
    """How far a figure is from the truth: shown by `pytest -rP`."""
    print(f"{what} {(value - truth) / truth:+.3%} of {truth:.4g}")


@pytest.fixture
def group(processes: Any) -> Iterator[Group | None]:
    """A control group that books CPU time, or None where none can be made."""
    with made_group("cpuacct") as made:
        yield None if isinstance(made, str) else made
        processes.end()


@pytest.fixture
def sampler_of() -> Iterator[Callable[..., LinuxSampler]]:
    """Makes samplers and closes them."""
    made: list[LinuxSampler] = []

    def make(pid: int, **options: Any) -> LinuxSampler:
        made.append(LinuxSampler(pid, **options))
        return made[-1]

    yield make
    for sampler in made:
        sampler.close()


# Processes that do a known amount of work. `burn` spends CPU time, half of it in the kernel;
# `write` makes calls of 4 KiB to nowhere, and of a file as many pages as are asked for.
WORK = """
import os, signal, sys, time
null = os.open("/dev/null", os.O_WRONLY)
page = b"x" * 4096
def burn(ms):
    end = time.process_time_ns() + ms * 1_000_000
    while time.process_time_ns() < end: os.stat("/")
def write(calls, folder=None, pages=0):
    for _ in range(calls): os.write(null, page)
    if pages:
        file = os.open(f"{folder}/{os.getpid()}", os.O_WRONLY | os.O_CREAT)
        for _ in range(pages): os.write(file, page)
        os.close(file); os.unlink(f"{folder}/{os.getpid()}")
def child(do):
    pid = os.fork()
    if not pid:
        try:
            do()
        finally:
            os._exit(0)
    return pid
"""

WORKER = (
    WORK
    + """
print("ready", flush=True)
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""
)

# argv: folder, pages, CPU milliseconds and calls of each process, then the branches of each level
BRANCHING = (
    WORK
    + """
folder, pages, ms, calls, *levels = sys.argv[1], *map(int, sys.argv[2:])
up, down = os.pipe(), [os.pipe(), os.pipe()]
ends = [end for _, end in down]
size = 1
for branches in reversed(levels): size = 1 + branches * size
def grow(levels):
    pids = [child(lambda: live(levels[1:])) for _ in range(levels[0] if levels else 0)]
    return pids
def live(levels):
    while ends: os.close(ends.pop())
    pids = grow(levels)
    os.write(up[1], b"x")
    os.read(down[0][0], 1)
    burn(ms); write(calls, folder, pages)
    os.write(up[1], b"x")
    os.read(down[1][0], 1)
    for pid in pids: os.waitpid(pid, 0)
def gather():
    left = size - 1
    while left: left -= len(os.read(up[0], left))
print("ready", flush=True)
sys.stdin.readline()
pids = grow(levels); gather()
print("grown", flush=True)
sys.stdin.readline()
os.close(down[0][1]); burn(ms); write(calls, folder, pages); gather()
print("worked", flush=True)
sys.stdin.readline()
os.close(down[1][1])
for pid in pids: os.waitpid(pid, 0)
print("reaped", flush=True)
sys.stdin.read()
"""
)


@pytest.mark.parametrize("levels", [(), (9,), (9, 10), (9, 10, 10)], ids=["1", "10", "100", "1000"])
def test_a_tree_of_any_size_is_counted_whole(
    processes: Any,
    sampler_of: Any,
    group: Group | None,
    tmp_path: Path,
    levels: tuple[int, ...],
) -> None:
    """1, 10, 100 and 1000 processes: CPU while all live against the control group, after they
    were reaped against wait4; calls and pages against what each of them wrote."""
    size = 1
    for branches in reversed(levels):
        size = 1 + branches * size
    ms, calls, pages = max(1, 1500 // size), max(4, 2000 // size), max(20, 1000 // size)
    counted = storage_is_counted(tmp_path)
    target = processes.python(
        BRANCHING, str(tmp_path), *map(str, (pages, ms, calls, *levels)),
        preexec_fn=group.join if group else None,
    )  # fmt: skip
    before_ns = cpu_clock_ns(target.pid)
    sampler = sampler_of(target.pid)
    assert ask(target, "grow", sampler) == "grown"
    assert read(sampler)["processes_count"] == size
    assert ask(target, "work", sampler) == "worked"
    living = read(sampler)
    if group:
        truth = group.cpu_ns() - before_ns
        tell("living_cpu_error", living["cpu_time_ns"], truth)
        assert living["cpu_time_ns"] == pytest.approx(truth, abs=allowance_ns(truth))
    assert ask(target, "end", sampler) == "reaped"
    reaped = read(sampler)
    assert reaped["processes_count"] == 1
    assert reaped["processes_gone_count"] == size - 1
    last, usage = finish(target, sampler)
    truth = cpu_of(usage) - before_ns
    tell("cpu_error", last["cpu_time_ns"], truth)
    assert last["cpu_time_ns"] == pytest.approx(truth, abs=allowance_ns(truth))
    assert last["cpu_user_ns"] + last["cpu_system_ns"] == pytest.approx(
        truth, abs=allowance_ns(truth) + 40e6
    )
    for values in (living, last):
        # beside its work, each child says twice that it is ready, and the root a few words
        truth = size * (calls + pages) + 2 * (size - 1)
        tell("calls_error", values["write_calls_count"], truth)
        assert values["write_calls_count"] == pytest.approx(truth, abs=8)
        assert values["write_call_bytes"] == pytest.approx(size * (calls + pages) * 4096, rel=0.03)
        if counted:
            tell("storage_error", values["write_bytes"], size * pages * 4096)
            assert values["write_bytes"] == pytest.approx(size * pages * 4096, rel=0.03)


def test_children_that_live_between_two_ticks_are_counted(processes: Any, sampler_of: Any) -> None:
    """500 children and as many grandchildren, one after the other, at an interval of 50 ms."""
    target = processes.python(WORKER)
    before_ns = cpu_clock_ns(target.pid)
    sampler = sampler_of(target.pid)
    grandchild = "os.waitpid(child(lambda: (burn(1), write(4))), 0)"
    ask(
        target,
        f"for _ in range(500): os.waitpid(child(lambda: (burn(1), write(4), {grandchild})), 0)",
        sampler,
    )
    last, usage = finish(target, sampler)
    truth = cpu_of(usage) - before_ns
    tell("cpu_error", last["cpu_time_ns"], truth)
    assert last["cpu_time_ns"] == pytest.approx(truth, abs=allowance_ns(truth))
    assert last["write_calls_count"] == pytest.approx(4000, rel=0.03)
    assert last["write_call_bytes"] == pytest.approx(4000 * 4096, rel=0.03)


# ── daemons ──

DAEMONS = (
    WORK
    + """
def leave():
    def daemon():
        os.setsid(); os.close(hold[1])
        burn(60); write(100)
        os.read(hold[0], 1)
        burn(20)
    child(daemon)
hold = os.pipe()
for _ in range(20): os.waitpid(child(leave), 0)
time.sleep(1.5)
os.close(hold[1])
time.sleep(0.5)
"""
)


def test_daemons_of_a_command_are_counted_whole(
    perfkit_command: Command, group: Group | None, tmp_path: Path
) -> None:
    """Double forks under `record -- CMD` are adopted; the control group says what they used."""
    program = tmp_path / "daemons.py"
    program.write_text(DAEMONS)
    join = "".join(
        f"echo $$ > {folder}/cgroup.procs; " for folder in (group.folders.values() if group else ())
    )
    words = f"{join}exec {sys.executable} {program}"
    subprocess.run(
        perfkit_command("record", "-q", "-o", tmp_path / "s.parquet", "--", "sh", "-c", words),
        check=True,
    )
    table = open_recording(tmp_path / "s.parquet").table(
        ["cpu_time_ns", "processes_count", "write_calls_count"]
    )
    cpu, count, calls = (table.column(n).to_pylist() for n in table.column_names[-3:])
    assert max(count) >= 21
    # its own start-up and the shell's write a little as well
    assert calls[-1] == pytest.approx(2000, abs=0.03 * 2000)
    if group:
        truth = group.cpu_ns()
        tell("cpu_error", cpu[-1], truth)
        assert cpu[-1] == pytest.approx(truth, abs=allowance_ns(truth))
    assert cpu[-1] >= 0.97 * 20 * 80e6


def test_a_daemon_seen_before_it_was_reparented_stays_a_member(
    processes: Any, sampler_of: Any
) -> None:
    """Under --pid: what it uses afterwards is counted, also once a stranger has reaped it."""
    target = processes.python(WORKER)
    before_ns = cpu_clock_ns(target.pid)
    sampler = sampler_of(target.pid)
    ask(target, "go, told, grown = os.pipe(), os.pipe(), os.pipe()")
    middle = (
        "def daemon():\\n os.setsid(); os.write(grown[1], b'x'); os.read(go[0], 1)\\n"
        " burn(300); write(1500)\\n"
        " os.write(told[1], b'%d' % time.process_time_ns()); os.read(go[0], 1)\\n"
        "def leave(): child(daemon); signal.pause()\\n"
        "pid = child(leave); os.read(grown[0], 1)"
    )
    ask(target, f"exec('''{middle}''')", sampler)
    assert read(sampler)["processes_count"] == 3
    ask(target, "os.kill(pid, 9); os.waitpid(pid, 0)", sampler)
    orphaned = read(sampler)
    assert orphaned["processes_count"] == 2
    daemon = next(entry for pid, entry in entries(sampler).items() if pid != target.pid)
    assert daemon["ppid"] not in (target.pid, 0)
    ask(target, "os.write(go[1], b'x'); daemon_cpu = int(os.read(told[0], 32))", sampler)
    read(sampler)
    ask(target, "os.write(go[1], b'x')", sampler)
    while read(sampler)["processes_count"] > 1:
        pass
    ask(target, "print(daemon_cpu, end=' ')")
    last, usage = finish(target, sampler)
    truth = cpu_of(usage) - before_ns + 300e6
    tell("cpu_error", last["cpu_time_ns"], truth)
    assert last["cpu_time_ns"] == pytest.approx(truth, abs=allowance_ns(truth))
    assert last["write_calls_count"] == pytest.approx(1500, abs=0.03 * 1500)


# ── ends of every kind ──


def test_zombies_are_counted_for_what_they_used_and_not_as_living(
    processes: Any, sampler_of: Any
) -> None:
    """Fifty children that wait to be reaped hold no memory; reaping them changes no sum."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    before = read(sampler)
    ask(target, "pids = [child(lambda: (burn(4), write(10))) for _ in range(50)]", sampler)
    ask(target, "[os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT) for pid in pids]", sampler)
    dead = read(sampler)
    assert dead["processes_count"] == 1
    assert dead["threads_count"] == 1
    assert dead["rss_bytes"] == pytest.approx(before["rss_bytes"], rel=0.1)
    assert dead["pss_bytes"] is not None
    states = [entry["state"] for pid, entry in entries(sampler).items() if pid != target.pid]
    assert states == [b"Z"] * 50
    ask(target, "[os.waitpid(pid, 0) for pid in pids]", sampler)
    reaped = read(sampler)
    assert reaped["processes_gone_count"] == 50
    for values in (dead, reaped):
        assert values["cpu_time_ns"] >= 0.97 * 200e6
        assert values["write_calls_count"] == pytest.approx(500, rel=0.03)
    assert reaped["cpu_time_ns"] == pytest.approx(
        dead["cpu_time_ns"], abs=allowance_ns(dead["cpu_time_ns"])
    )


def test_a_leader_that_has_ended_is_no_end_of_its_process(processes: Any, sampler_of: Any) -> None:
    """Its state is Z while its threads go on: CPU is counted, memory that it hides is null."""
    target = processes.python(WORK + """
        import ctypes, threading
        def rest():
            print("ready", flush=True)
            sys.stdin.readline(); burn(200); print("done", flush=True); sys.stdin.readline()
            os._exit(0)
        threading.Thread(target=rest).start()
        ctypes.CDLL(None).syscall(ctypes.c_long(EXIT), 0)
        """.replace("\n        ", "\n").replace("EXIT", str(_exit_number())))  # fmt: skip
    while Path(f"/proc/{target.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        pass
    sampler = sampler_of(target.pid)
    read(sampler)
    assert not sampler.target_gone()
    assert ask(target, "go", sampler) == "done"
    values = read(sampler)
    assert values["processes_count"] == 1
    assert values["cpu_time_ns"] >= 0.97 * 200e6
    assert values["rss_bytes"] is None
    assert values["pss_bytes"] is None


def _exit_number() -> int:
    """The number of the system call that ends one thread."""
    return {"x86_64": 60, "aarch64": 93}.get(os.uname().machine, 60)


def test_threads_and_leaders_may_be_named_anything(processes: Any, sampler_of: Any) -> None:
    """`) (` as the name of a thread, of a leader and of a child: no figure shifts."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    ask(
        target,
        "import ctypes, threading; libc = ctypes.CDLL(None); name = lambda: libc.prctl(15, b') (');"
        "stop = threading.Event(); up = threading.Barrier(2);"
        "t = threading.Thread(target=lambda: (name(), up.wait(), stop.wait()), daemon=True); t.start();"
        "up.wait(); name(); ready = os.pipe();"
        "pid = child(lambda: (name(), os.write(ready[1], b'x'), signal.pause())); os.read(ready[0], 1)",
    )
    read(sampler)
    values = read(sampler)
    assert values["processes_count"] == 2
    assert values["threads_count"] == 3
    assert values["ctx_switches_voluntary_count"] is not None
    found = entries(sampler)
    assert {entry["name"] for entry in found.values()} == {b") ("}
    assert [entry["ppid"] for entry in found.values()][1] == target.pid


def test_children_of_a_parent_that_ignores_sigchld_are_in_nobodys_account(
    processes: Any, sampler_of: Any, group: Group | None
) -> None:
    """The control group knows them, the parent's figures do not; the column says so."""
    if group is None:
        pytest.skip("no version 1 control group can be made here")
    target = processes.python(WORKER, preexec_fn=group.join)
    before_ns = cpu_clock_ns(target.pid)
    sampler = sampler_of(target.pid)
    ask(target, "signal.signal(signal.SIGCHLD, signal.SIG_IGN)")
    ask(target, "import contextlib; gone = lambda: contextlib.suppress(ChildProcessError)")
    # waiting for a child that nobody reaps ends with ECHILD once it has gone
    wait = "for _ in range(20):\\n pid = child(lambda: burn(10))\\n with gone(): os.waitpid(pid, 0)"
    ask(target, f"exec('{wait}')")
    values = read(sampler)
    assert values["sigchld_ignored_count"] == 1
    assert group.cpu_ns() - before_ns > 200e6
    assert values["cpu_time_ns"] < 150e6


# ── memory ──


def test_the_pss_of_a_fork_tree_is_its_memory_once(processes: Any, sampler_of: Any) -> None:
    """200 MB shared by a parent and eight children: PSS within 3 %, RSS nine times as much."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    before = read(sampler)
    ask(target, "import mmap; data = mmap.mmap(-1, 200_000_000, flags=mmap.MAP_PRIVATE)")
    ask(target, "for at in range(0, len(data), 4096): data[at] = 1")
    ask(target, "ready = os.pipe()")
    ask(
        target,
        "pids = [child(lambda: (os.write(ready[1], b'x'), signal.pause())) for _ in range(8)];"
        "[os.read(ready[0], 1) for _ in pids]",
    )
    after = read(sampler)
    grown = after["pss_bytes"] - before["pss_bytes"]
    tell("pss_error", grown, 200e6)
    assert grown == pytest.approx(200e6, rel=0.03)
    assert after["rss_bytes"] - before["rss_bytes"] > 8.9 * 200e6
    listed = sum(entry["pss_bytes"] for entry in entries(sampler).values())
    assert listed == after["pss_bytes"]


# ── namespaces ──


@pytest.mark.skipif(
    not unshared("--pid", "--fork", "--mount-proc"), reason="may not make PID namespaces"
)
def test_a_tree_across_pid_namespaces_is_one_tree(processes: Any, sampler_of: Any) -> None:
    """Seen from outside: `unshare`, the namespace's PID 1 and its children, by outer pids."""
    target = processes.start(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", WORKER]
    )
    assert target.stdout.readline() == "ready\n"
    sampler = sampler_of(target.pid)
    (first,) = (pid for pid in entries(sampler) if pid != target.pid)
    before_ns = cpu_clock_ns(target.pid) + cpu_clock_ns(first)
    ask(target, "ready, hold = os.pipe(), os.pipe()")
    ask(
        target,
        "pids = [child(lambda: (burn(100), write(100), os.write(ready[1], b'x'), os.close(hold[1]),"
        " os.read(hold[0], 1))) for _ in range(3)]; [os.read(ready[0], 1) for _ in pids]",
        sampler,
    )
    assert read(sampler)["processes_count"] == 5
    ask(target, "os.close(hold[1]); [os.waitpid(pid, 0) for pid in pids]", sampler)
    last, usage = finish(target, sampler)
    truth = cpu_of(usage) - before_ns
    tell("cpu_error", last["cpu_time_ns"], truth)
    assert last["cpu_time_ns"] == pytest.approx(truth, abs=allowance_ns(truth, reapers=2))
    assert last["write_calls_count"] == pytest.approx(300, abs=0.03 * 300 + 6)


@pytest.mark.skipif(
    not unshared("--pid", "--fork", "--mount-proc"), reason="may not make PID namespaces"
)
def test_the_recorder_may_be_pid_1_of_a_container(perfkit_command: Command, tmp_path: Path) -> None:
    """`record -- CMD` as a container's entry: orphans come to it, and the code is CMD's."""
    burn = "import time; a=time.process_time()\nwhile time.process_time()-a<0.2: pass"
    script = f"(setsid {sys.executable} -c '{burn}' &) ; sleep 0.8; exit 7"
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc",
         *perfkit_command("record", "-q", "-o", tmp_path / "s.parquet", "--", "sh", "-c", script)],
        check=False,
    )  # fmt: skip
    assert done.returncode == 7
    recording = open_recording(tmp_path / "s.parquet")
    assert recording.session.target_pid != 1
    assert recording.table(["cpu_time_ns"]).column("cpu_time_ns").to_pylist()[-1] >= 0.97 * 200e6


@pytest.mark.skipif(
    not unshared("--pid", "--fork", "--mount-proc"), reason="may not make PID namespaces"
)
def test_pid_1_can_be_the_target_and_the_recorder_is_not_counted(
    perfkit_command: Command, tmp_path: Path
) -> None:
    """A recorder that its own target has started is no part of the tree."""
    words = perfkit_command(
        "record", "-q", "--pid", "1", "-d", "300ms", "-i", "20ms", "--no-adaptive", "-o",
        tmp_path / "s.parquet",
    )  # fmt: skip
    code = f"import subprocess; raise SystemExit(subprocess.run({words!r}).returncode)"
    subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code], check=True
    )
    recording = open_recording(tmp_path / "s.parquet")
    assert recording.session.target_pid == 1
    assert set(recording.table(["processes_count"]).column("processes_count").to_pylist()) == {1}


# In a PID namespace of its own nothing else takes pids, so the next one can be chosen.
REUSE = """
import os, signal, sys, time
from perfkit.model.metric import NULL_INTEGER
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.sampling.tree import INDEX, Tree
def column(tree, name):
    row = [NULL_INTEGER if m.format == "q" else 0.0 for m in RAW_METRICS]
    tree.read(row)
    return row[INDEX[name]]
def next_pid_is(pid):
    with open("/proc/sys/kernel/ns_last_pid", "w") as file: file.write(str(pid - 1))
def fork(do):
    pid = os.fork()
    if not pid:
        do(); os._exit(0)
    return pid
def spend():
    for _ in range(20_000_000): pass
def settle():
    # a start is told to 10 ms, so the next one must not fall into the same
    until = time.monotonic() + 0.03
    while time.monotonic() < until: pass
ask, answer = os.pipe(), os.pipe()
def root():
    while True:
        word = os.read(ask[0], 1)
        if word == b"f": pid = fork(signal.pause)
        if word == b"k": os.kill(pid, 9); os.waitpid(pid, 0)
        os.write(answer[1], b"%d" % pid)
def say(word):
    os.write(ask[1], word)
    return int(os.read(answer[0], 16))
top = fork(root)
tree = Tree("/proc", top, room=int(sys.argv[1]))
tree.attach(from_zero=False)
pid = say(b"f")
tree.discover(all_threads=True)
assert set(tree.members) == {top, pid}, tree.members
say(b"k")
settle()
next_pid_is(pid)
stranger = fork(lambda: (spend(), signal.pause()))
assert stranger == pid, (stranger, pid)
while int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[11]) < 5: pass
tree.discover(all_threads=True)
print(column(tree, "processes_count"), column(tree, "processes_gone_count"), column(tree, "cpu_time_ns") < 30e6, pid in tree.members)
os.kill(pid, 9); os.waitpid(pid, 0)
next_pid_is(pid)
assert say(b"f") == pid
tree.discover(all_threads=True)
old = tree.members[pid]
say(b"k"); settle(); next_pid_is(pid); assert say(b"f") == pid
for _ in range(2):
    tree.discover(all_threads=True)
    column(tree, "cpu_time_ns")
print(column(tree, "processes_count"), column(tree, "processes_born_count"))
os.kill(top, 9)
"""


@NEEDS_ROOT
@pytest.mark.skipif(
    not unshared("--pid", "--fork", "--mount-proc"), reason="may not make PID namespaces"
)
@pytest.mark.skipif(
    not os.access("/proc/sys/kernel/ns_last_pid", os.W_OK), reason="the next pid cannot be chosen"
)
@pytest.mark.parametrize("room", [100, 0], ids=["kept descriptors", "opened afresh"])
def test_a_reused_pid_is_never_taken_for_the_member_that_had_it(room: int) -> None:
    """A stranger with a member's old pid is none; a new child with it is a new member."""
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", REUSE, str(room)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["1 1 True False", "2 3"], done.stderr


# ── other users' processes ──

SEEN_BY_NOBODY = """
import perfkit.sampling.linux, perfkit.sampling.metrics
import json, os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
from perfkit.sampling.linux import LinuxSampler
from perfkit.sampling.metrics import RAW_METRICS
sampler = LinuxSampler(int(sys.argv[1]))
print("attached", flush=True)
sys.stdin.readline()
row = [-(2**63) if m.format == "q" else 0.0 for m in RAW_METRICS]
sampler.read(row, system=True, slow=True)
values = {m.name: v for m, v in zip(RAW_METRICS, row)}
listed = {e[0]: (e[3], e[5], e[9]) for e in sampler.processes()}
print(json.dumps([values, listed, sampler.take_notes()]))
"""


@NEEDS_ROOT
def test_of_another_users_member_cpu_is_known_and_the_rest_is_null(processes: Any) -> None:
    """The recorder is nobody, the root of the tree is root's, a child is nobody's own."""
    target = processes.python(WORKER)
    ask(target, "own = lambda: (os.setgroups([]), os.setgid(65534), os.setuid(65534))")
    ask(target, "ready, go = os.pipe(), os.pipe()")
    ask(
        target,
        "import ctypes; pid = child(lambda: (own(), ctypes.CDLL(None).prctl(4, 1), os.write(ready[1], b'x'),"
        "os.read(go[0], 1), burn(100), os.write(ready[1], b'x'), signal.pause())); os.read(ready[0], 1)",
    )
    recorder = processes.start([sys.executable, "-c", SEEN_BY_NOBODY, str(target.pid)])
    assert recorder.stdout.readline() == "attached\n"
    ask(target, "os.write(go[1], b'x'); burn(100); os.read(ready[0], 1)")
    values, listed, notes = json.loads(recorder.communicate("go\n")[0])
    assert values["processes_count"] == 2
    assert values["cpu_time_ns"] == pytest.approx(200e6, abs=40e6)
    assert values["rss_bytes"] > 0
    for name in ("read_bytes", "write_calls_count", "pss_bytes", "swap_bytes"):
        assert values[name] == NULL_INTEGER, name
    roots, own = listed.pop(str(target.pid)), listed.popitem()[1]
    assert roots[1:] == [NULL_INTEGER, NULL_INTEGER]
    assert own[1] > 0
    assert own[2] >= 0
    assert any("Permission denied" in reason for _, reason in notes)


# ── more members than descriptors ──


def test_the_most_active_members_keep_their_descriptors(processes: Any) -> None:
    """Room for two of five: figures are the same, and the room goes to whoever is busy."""
    target = processes.python(WORKER)
    ask(target, "busy, told = os.pipe(), os.pipe()")
    ask(
        target,
        "pids = [child(lambda: [(os.read(busy[0], 1), burn(20), write(10), os.write(told[1], b'x'))"
        " for _ in range(9)] if i == 3 else signal.pause()) for i in range(4)]; print(pids[3], end=' ')",
    )
    scarce, ample = Tree("/proc", target.pid, room=2), Tree("/proc", target.pid)
    for tree in (scarce, ample):
        tree.attach(from_zero=True)
    active = max(scarce.members)
    assert [m.stat_fd >= 0 for m in scarce.members.values()] == [True, True, False, False, False]
    for _ in range(3):
        ask(target, "os.write(busy[1], b'x'); os.read(told[0], 1)")
        wait_until_asleep(*scarce.members)
        rows: list[list[int | float]] = [[NULL_INTEGER] * 100, [NULL_INTEGER] * 100]
        scarce.read(rows[0])
        ample.read(rows[1])
        assert rows[0] == rows[1]
    scarce.discover(all_threads=True)
    assert scarce.members[active].stat_fd >= 0
    assert sum(m.stat_fd >= 0 for m in scarce.members.values()) == 2
    os.kill(active, signal.SIGKILL)
    ask(target, "os.waitpid(pids[3], 0)")
    for tree in (scarce, ample):
        tree.read([NULL_INTEGER] * 100)
        assert len(tree.members) == 4
    scarce.discover(all_threads=True)
    assert sum(m.stat_fd >= 0 for m in scarce.members.values()) == 2
    for tree in (scarce, ample):
        tree.close()
