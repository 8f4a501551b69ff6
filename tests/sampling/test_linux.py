"""The Linux sampler on real process trees, held against what the kernel tells their parents."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import wait_until_asleep

from perfkit.errors import TargetGone
from perfkit.model.metric import NULL_INTEGER
from perfkit.model.tick import PROCESS_FIELDS
from perfkit.sampling.linux import LinuxSampler
from perfkit.sampling.metrics import RAW_METRICS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

NAMES = [metric.name for metric in RAW_METRICS]


def read(sampler: LinuxSampler) -> dict[str, int | float | None]:
    """One reading of all groups, by column; null is None."""
    row: list[int | float] = [
        NULL_INTEGER if metric.format == "q" else float("nan") for metric in RAW_METRICS
    ]
    sampler.read(row, system=True, slow=True)
    return {
        name: None if value == NULL_INTEGER or value != value else value
        for name, value in zip(NAMES, row, strict=True)
    }


def entries(sampler: LinuxSampler) -> dict[int, Mapping[str, Any]]:
    """The list of processes by pid."""
    names = [name for name, _, _ in PROCESS_FIELDS]
    found = [dict(zip(names, entry, strict=True)) for entry in sampler.processes()]
    return {entry["pid"]: entry for entry in found}


def ask(process: subprocess.Popen[str], word: str = "go") -> str:
    """Say a word to a helper process and wait for its answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


@pytest.fixture
def sampler_of() -> Any:
    """Makes samplers and closes them."""
    made: list[LinuxSampler] = []

    def make(pid: int, **options: Any) -> LinuxSampler:
        made.append(LinuxSampler(pid, **options))
        return made[-1]

    yield make
    for sampler in made:
        sampler.close()


WORKER = """
import os, sys, threading
print("ready", flush=True)
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""


def test_cpu_time_is_what_the_process_says_of_itself(processes: Any, sampler_of: Any) -> None:
    """The CPU clock of the target and its own clock agree within a millisecond."""
    target = processes.python(WORKER)
    before = read(sampler := sampler_of(target.pid))["cpu_time_ns"]
    code = "import time; a=time.process_time_ns()\nwhile time.process_time_ns()-a<200_000_000: pass"
    ask(target, f"exec({code!r})")
    used = read(sampler)["cpu_time_ns"]
    assert before == 0
    assert used == pytest.approx(200e6, abs=10e6)


def test_a_child_is_found_and_its_end_takes_nothing_back(processes: Any, sampler_of: Any) -> None:
    """Counters of the tree keep what a reaped child used; the child leaves the list."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    ask(
        target,
        "pid = os.fork() or (sys.stdin.close(), [x*x for x in range(3_000_000)], os.pause() if hasattr(os,'pause') else __import__('signal').pause())",
    )
    child = None
    while child is None:
        read(sampler)
        child = next((pid for pid in entries(sampler) if pid != target.pid), None)
    with_child = read(sampler)
    assert with_child["processes_count"] == 2
    ask(target, "os.kill(pid, 9); os.waitpid(pid, 0)")
    after = read(sampler)
    assert after["processes_count"] == 1
    assert after["processes_gone_count"] == 1
    assert child not in entries(sampler)
    for name in ("cpu_time_ns", "cpu_user_ns", "minor_faults_count", "read_calls_count"):
        assert after[name] >= with_child[name], name


def test_orphans_of_a_shell_are_kept_after_they_are_reparented(
    processes: Any, sampler_of: Any
) -> None:
    """A grandchild whose parent ends stays a member."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    ask(
        target,
        "import subprocess; middle = subprocess.Popen(['sh', '-c', 'sleep 60 & wait'], "
        "stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)",
    )
    sleepers: list[int] = []
    while not sleepers:
        read(sampler)
        sleepers = [pid for pid, e in entries(sampler).items() if e["name"] == b"sleep"]
    ask(target, "middle.kill(); middle.wait()")
    read(sampler)
    assert sleepers[0] in entries(sampler)
    os.kill(sleepers[0], 9)


def test_a_name_with_parentheses_and_blanks_is_read_whole(
    processes: Any, sampler_of: Any, tmp_path: Path
) -> None:
    """`) (` in a name does not shift the fields behind it."""
    odd = tmp_path / ") R (x"
    odd.symlink_to(sys.executable)
    target = processes.start(
        [odd, "-c", "import sys; print('ready', flush=True); sys.stdin.read()"]
    )
    assert target.stdout.readline() == "ready\n"
    sampler = sampler_of(target.pid)
    values = read(sampler)
    assert entries(sampler)[target.pid]["name"] == b") R (x"
    assert values["threads_count"] == 1
    assert values["rss_bytes"] > 1_000_000


def test_descriptors_threads_and_memory_are_counted(processes: Any, sampler_of: Any) -> None:
    """Twenty pipes are forty descriptors; three threads are three; 64 MiB are 64 MiB."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    before = read(sampler)
    ask(target, "pipes = [os.pipe() for _ in range(20)]")
    ask(
        target,
        "stop = threading.Event(); [threading.Thread(target=stop.wait, daemon=True).start() for _ in range(3)]",
    )
    ask(target, "data = b'x' * (64 * 2**20)")
    after = read(sampler)
    assert after["fds_count"] - before["fds_count"] == 40
    assert after["threads_count"] - before["threads_count"] == 3
    for name in ("rss_bytes", "pss_bytes"):
        assert after[name] - before[name] == pytest.approx(64 * 2**20, rel=0.03), name


def test_shared_pages_are_counted_once_in_pss_and_once_a_process_in_rss(
    processes: Any, sampler_of: Any
) -> None:
    """A fork shares 64 MiB: RSS says 128, PSS says 64."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    ask(target, "data = b'x' * (64 * 2**20)")
    alone = read(sampler)
    ask(target, "pid = os.fork() or __import__('signal').pause()")
    both = read(sampler)
    assert both["processes_count"] == 2
    assert both["rss_bytes"] - alone["rss_bytes"] > 64 * 2**20
    assert both["pss_bytes"] - alone["pss_bytes"] < 8 * 2**20


def test_reading_and_writing_are_counted(processes: Any, sampler_of: Any, tmp_path: Path) -> None:
    """256 writes of 4 KiB are 256 calls and a mebibyte."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    before = read(sampler)
    ask(
        target,
        f"f = open({str(tmp_path / 'x')!r}, 'wb', buffering=0); [f.write(b'x'*4096) for _ in range(256)]",
    )
    after = read(sampler)
    # The kernel books a call after its bytes have arrived at the reader, so the two answers on
    # stdout (six and five bytes) may lie on either side of the readings.
    assert after["write_call_bytes"] - before["write_call_bytes"] == pytest.approx(
        256 * 4096, abs=11
    )
    assert after["write_calls_count"] - before["write_calls_count"] == pytest.approx(256, abs=2)


def test_context_switches_and_waiting_are_summed_over_threads(
    processes: Any, sampler_of: Any
) -> None:
    """Switches of threads that have ended stay in the sum."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    read(sampler)
    ask(
        target,
        "import time; t = threading.Thread(target=lambda: [time.sleep(0.0005) for _ in range(200)]); t.start()",
    )
    while (during := read(sampler))["ctx_switches_voluntary_count"] < 20:
        pass
    ask(target, "t.join()")
    after = read(sampler)
    assert after["ctx_switches_voluntary_count"] >= during["ctx_switches_voluntary_count"]
    assert after["runqueue_wait_ns"] >= during["runqueue_wait_ns"]


def test_a_parent_that_ignores_sigchld_is_flagged(processes: Any, sampler_of: Any) -> None:
    """Its children's figures reach nobody: the column counts such parents."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    assert read(sampler)["sigchld_ignored_count"] == 0
    ask(target, "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)")
    assert read(sampler)["sigchld_ignored_count"] == 1
    assert entries(sampler)[target.pid]["ignores_sigchld"] == 1


def test_what_a_child_used_is_not_lost_when_its_parent_ignores_sigchld(
    processes: Any, sampler_of: Any
) -> None:
    """Nobody absorbs the child, so the last value seen is kept."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    ask(target, "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)")
    ask(target, "pid = os.fork() or (sum(range(8_000_000)), signal.pause())")
    while (used := read(sampler)["cpu_time_ns"]) < 50e6:
        pass
    ask(target, "os.kill(pid, 9)")
    while (after := read(sampler))["processes_count"] > 1:
        pass
    assert after["cpu_time_ns"] >= used


def test_exec_keeps_the_identity_and_changes_the_name(processes: Any, sampler_of: Any) -> None:
    """The same process, another program."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    started = entries(sampler)[target.pid]["started_ns"]
    assert target.stdin is not None
    target.stdin.write("os.execvp('sleep', ['sleep', '60'])\n")
    target.stdin.flush()
    while entries(sampler)[target.pid]["command"] != b"sleep 60":
        read(sampler)
    read(sampler)
    assert entries(sampler)[target.pid]["name"] == b"sleep"
    assert entries(sampler)[target.pid]["started_ns"] == started


def test_a_target_that_ends_is_noticed(processes: Any, sampler_of: Any) -> None:
    """First a zombie, then gone; both are the end, and reading goes on without error."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    read(sampler)
    assert not sampler.target_gone()
    os.kill(target.pid, signal.SIGKILL)
    os.waitid(os.P_PID, target.pid, os.WEXITED | os.WNOWAIT)
    zombie = read(sampler)
    assert sampler.target_gone()
    assert zombie["processes_count"] == 0
    assert zombie["rss_bytes"] is None  # levels of what has ended say nothing
    assert zombie["fds_count"] is None
    target.wait()
    gone = read(sampler)
    assert gone["cpu_time_ns"] == zombie["cpu_time_ns"]


def test_a_process_that_never_was_is_refused() -> None:
    """One sentence, no traceback."""
    with pytest.raises(TargetGone, match="cannot be recorded"):
        LinuxSampler(2**22 - 1)


def test_limits_bind_where_they_are_nearest(processes: Any, sampler_of: Any) -> None:
    """The descriptor limit is the process's own; address space has a figure only with a limit."""
    target = processes.start(["sh", "-c", "ulimit -n 100; ulimit -v 4000000; echo ready; exec cat"])
    assert target.stdout.readline() == "ready\n"
    sampler = sampler_of(target.pid)
    while entries(sampler)[target.pid]["name"] != b"cat":
        read(sampler)
    values = read(sampler)
    assert values["fds_limit_count"] == 100
    assert values["virtual_limit_bytes"] == 4_000_000 * 1024
    assert 0 < values["virtual_nearest_bytes"] < values["virtual_limit_bytes"]


def test_a_copied_machine_without_pressure_or_groups_gives_nulls_and_reasons(
    tmp_path: Path,
) -> None:
    """What the machine lacks is a null column and one line that says why."""
    proc = tmp_path / "proc"
    (proc / "42/task/42").mkdir(parents=True)
    fields = "S 1 42 42 0 -1 0 10 5 2 1 100 50 20 10 20 0 1 0 777 1000000 300"
    (proc / "42/stat").write_text(f"42 (app) {fields} {' '.join(['0'] * 28)}\n")
    (proc / "42/task/42/children").write_text("")
    (proc / "stat").write_text("cpu  100 1 50 800 7 0 3 2 0 0\ncpu0 100 1 50 800 7 0 3 2 0 0\n")
    (proc / "meminfo").write_text("MemTotal: 1000 kB\nMemAvailable: 400 kB\n")
    sampler = LinuxSampler(42, proc=str(proc), sys=str(tmp_path / "sys"), cpu_clock=None)
    values = read(sampler)
    assert values["cpu_time_ns"] == 0  # counted from the attachment
    assert values["minor_faults_count"] == 0
    assert values["rss_bytes"] == 300 * os.sysconf("SC_PAGE_SIZE")
    assert values["system_memory_available_bytes"] == 400 * 1024
    assert values["memory_capacity_bytes"] == 1000 * 1024
    assert values["psi_cpu_some_us"] is None
    assert values["pss_bytes"] is None
    assert values["read_bytes"] is None
    notes = dict(sampler.take_notes())
    assert "psi_cpu_some_us" in notes
    assert "cgroup" in notes
    assert "system_swap_total_bytes" in notes
    assert sampler.take_notes() == []
    sampler.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_what_may_not_be_read_is_null_and_said(processes: Any) -> None:
    """Seen by nobody, root's process shows CPU and memory, but neither I/O nor PSS."""
    target = processes.python(WORKER)
    script = (
        "import os, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "from perfkit.sampling.linux import LinuxSampler\n"
        "from perfkit.sampling.metrics import RAW_METRICS\n"
        "from perfkit.sampling.tree import INDEX\n"
        "row = [-(2**63) if m.format == 'q' else float('nan') for m in RAW_METRICS]\n"
        f"s = LinuxSampler({target.pid}); s.read(row, system=True, slow=True)\n"
        "print([row[INDEX[n]] for n in ('read_bytes', 'write_calls_count', 'pss_bytes')])\n"
        "print(row[INDEX['rss_bytes']] > 0)\n"
        "print('\\n'.join(n + ': ' + r for n, r in s.take_notes()))\n"
    )
    # imported as root first: the tree may lie in a folder that nobody else may enter
    script = "import perfkit.sampling.linux, perfkit.sampling.metrics\n" + script
    seen = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert seen[0] == str([NULL_INTEGER] * 3)
    assert seen[1] == "True"
    assert any("Permission denied" in line for line in seen[2:])


def test_an_idle_process_is_not_parsed_again(
    processes: Any, sampler_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unchanged lines cost a comparison, not a parsing."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    member = sampler.tree.members[target.pid]
    wait_until_asleep(target.pid)
    read(sampler)
    parsed: list[bytes] = []
    parse: Callable[[Any, bytes], None] = type(member).parse_stat
    monkeypatch.setattr(
        type(member), "parse_stat", lambda self, raw: (parsed.append(raw), parse(self, raw))
    )
    read(sampler)
    assert parsed == []


def test_the_files_of_a_process_that_has_not_run_are_left_alone(
    processes: Any, sampler_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its CPU clock stands still, so nothing can have changed; what has run is read as ever."""
    target = processes.python(WORKER)
    ask(target, "import signal; os.fork() or signal.pause()")
    (child,) = Path(f"/proc/{target.pid}/task/{target.pid}/children").read_text().split()
    while " S " not in Path(f"/proc/{child}/stat").read_text():
        pass  # it may not have had a core yet since it was born
    sampler = sampler_of(target.pid)
    first = read(sampler)
    seen: list[str] = []
    pread = os.pread

    def watched(descriptor: int, length: int, offset: int) -> bytes:
        seen.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        return pread(descriptor, length, offset)

    def files_read() -> set[str]:
        seen.clear()
        sampler.read(row, system=False, slow=False)
        return {path for path in seen if path.endswith(("/stat", "/io"))}

    row: list[int | float] = [NULL_INTEGER for _ in RAW_METRICS]
    monkeypatch.setattr(os, "pread", watched)
    # both are still on their way to sleep
    readings = 1
    while files_read() and readings < 10_000:
        readings += 1
    ask(target, "sum(range(100000))")
    once_it_ran = files_read()
    monkeypatch.undo()

    assert readings < 10_000
    assert {f"/proc/{target.pid}/stat", f"/proc/{target.pid}/io"} <= once_it_ran
    assert not any(path.startswith(f"/proc/{child}/") for path in once_it_ran)
    assert first["processes_count"] == row[NAMES.index("processes_count")] == 2
    assert row[NAMES.index("cpu_time_ns")] > first["cpu_time_ns"]  # type: ignore[operator]


def test_a_child_of_a_process_that_ran_only_to_fork_is_found_at_once(
    processes: Any, sampler_of: Any
) -> None:
    """Ten times in a row, between the full looks of every second."""
    target = processes.python(WORKER)
    sampler = sampler_of(target.pid)
    read(sampler)
    row: list[int | float] = [NULL_INTEGER for _ in RAW_METRICS]
    found = []
    for _ in range(10):
        ask(target, "import signal; os.fork() or signal.pause()")
        sampler.read(row, system=False, slow=False)
        sampler.read(row, system=False, slow=False)
        found.append(row[NAMES.index("processes_count")])

    assert found == list(range(2, 12))
