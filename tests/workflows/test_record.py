"""`perfkit record` as a user runs it: exit codes, streams, signals, truth, and every bad day."""

from __future__ import annotations

import json
import os
import pty
import random
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perfkit.sampling.metrics import RAW_METRICS
from perfkit.session.reader import open_source
from perfkit.workflows.source import open_recording

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small recorder is for Linux")

Command = Callable[..., list[str]]
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


@pytest.fixture
def perfkit(perfkit_command: Command, tmp_path: Path) -> Callable[..., Any]:
    """Runs perfkit in the test's folder and returns the finished process, output as text."""

    def run(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        options = {"capture_output": True, "text": True, "cwd": tmp_path, "timeout": 120} | options
        return subprocess.run(perfkit_command(*map(str, words)), **options)

    return run


def columns(path: Path, *names: str) -> dict[str, list[Any]]:
    """Columns of a session as lists, null as None."""
    table = open_recording(path).table(names)
    return {name: table.column(name).to_pylist() for name in names}


def one_sentence(text: str) -> bool:
    """Whether stderr is a single line of perfkit's, without a traceback."""
    return text.startswith("perfkit: ") and text.count("\n") == 1 and "Traceback" not in text


def wait_for(path: Path) -> None:
    """Wait until the recording has its first ticks."""
    while not (path.exists() and path.stat().st_size > 16384):
        time.sleep(0.001)


# ── what it returns ──


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 143)],
)
def test_the_commands_exit_code_is_returned(
    perfkit: Any, tmp_path: Path, script: str, code: int
) -> None:
    """128 + N for a signal, as a shell says it; the file knows it too."""
    done = perfkit("record", "-q", "-o", "s.parquet", "--", "sh", "-c", script)
    assert (done.returncode, done.stderr) == (code, "")
    session = open_source(tmp_path / "s.parquet").session
    assert session.exit_signal == (code - 128 if code in (137, 143) else None)
    assert session.exit_code == (None if code in (137, 143) else code)
    assert session.stop_reason == "the target exited"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["record", "--", "no-such-command"], 127, "cannot run no-such-command"),
        (["record", "--", "/etc/passwd"], 126, "cannot run /etc/passwd"),
        (["record", "-i", "0", "--", "true"], 125, "--interval"),
        (["record", "--bogus", "--", "true"], 125, "No such option"),
        (["record", "-o", "no/such/s.parquet", "--", "true"], 125, "no folder"),
        (["record", "-o", ".", "--", "true"], 125, "is a folder"),
        (["record", "-o", "-", "--", "true"], 125, "cannot go to standard output"),
    ],
)
def test_until_the_command_runs_failures_are_those_of_env(
    perfkit: Any, tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    """125, 126 and 127, one sentence, and nothing is left behind."""
    done = perfkit(*words)
    assert done.returncode == code
    assert one_sentence(done.stderr)
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["record"], 2, "perfkit record --pid N"),
        (["record", "--pid", "1", "-i", "1us"], 2, "1ms to 1h"),
        (["record", "--pid", "1", "-i", "-5s"], 2, "out of range"),
        (["record", "--pid", "1", "-d", "-1s"], 2, "above 0"),
        (["record", "--pid", "1", "-d", "0"], 2, "above 0"),
        (
            ["record", "--pid", "1", "-d", "1y"],
            2,
            "ns, us, ms, s, m, min, h, d, or none for seconds",
        ),
        (["record", "--pid", "1", "-d", "1e400s"], 2, "out of range"),
        (["record", "--pid", "1", "--keep", "50ms"], 2, "--keep is shorter than --interval"),
        (["record", "--pid", "1", "--keep", "nan"], 2, "not a length of time"),
        (["record", "--pid", "1", "-d", "soon"], 2, "--duration"),
        (["record", "--pid", "one"], 2, "valid int"),
        (["record", "--pid", "0"], 2, "positive number"),
        (["record", "--pid", "-1"], 2, "positive number"),
        (["record", "--pid", "4194303"], 5, "no process 4194303"),
        (["record", "--pid", "99999999999"], 5, "no process 99999999999"),
    ],
)
def test_bad_words_and_missing_targets_get_one_sentence(
    perfkit: Any, words: list[str], code: int, says: str
) -> None:
    """What is wrong, and how to mend it."""
    done = perfkit(*words)
    assert done.returncode == code
    assert one_sentence(done.stderr)
    assert says in done.stderr


def test_a_zombie_and_a_thread_are_named_for_what_they_are(perfkit: Any, processes: Any) -> None:
    """Neither can be recorded; for a thread the process is named."""
    zombie = processes.start(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    done = perfkit("record", "--pid", str(zombie.pid))
    assert (done.returncode, one_sentence(done.stderr)) == (5, True)
    assert "zombie" in done.stderr
    threaded = processes.python(
        "import threading, sys; threading.Thread(target=sys.stdin.read).start();"
        "print('ready', flush=True)"
    )
    thread = max(int(path.name) for path in Path(f"/proc/{threaded.pid}/task").iterdir())
    done = perfkit("record", "--pid", str(thread))
    assert done.returncode == 5
    assert f"--pid {threaded.pid}" in done.stderr


# ── what it leaves alone ──


def test_the_commands_streams_are_untouched(perfkit: Any) -> None:
    """stdin reaches the command, stdout and stderr are its own; perfkit's first and last line are stderr's."""
    script = "read line; echo out $line; echo err >&2"
    done = perfkit("record", "-o", "s.parquet", "--", "sh", "-c", script, input="in\n")
    assert done.stdout == "out in\n"
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert "err" in lines[:2]  # whoever is first
    assert "perfkit: recording sh (pid " in "".join(lines[:2])
    assert "perfkit analyze s.parquet" in lines[2]
    done = perfkit("record", "-q", "-o", "q.parquet", "--", "sh", "-c", script, input="in\n")
    assert done.stderr == "err\n"


def test_the_command_has_the_default_signal_dispositions(perfkit: Any) -> None:
    """SIGPIPE, SIGXFSZ and SIGINT are not ignored, whatever Python does; nothing is blocked."""
    done = perfkit("record", "-q", "-o", "s.parquet", "--", "cat", "/proc/self/status")
    facts = dict(line.split(":\t", 1) for line in done.stdout.splitlines())
    assert int(facts["SigIgn"], 16) & (1 << 12 | 1 << 24 | 1 << 1 | 1 << 2) == 0
    assert int(facts["SigBlk"], 16) == 0


def test_the_command_inherits_no_descriptor_of_perfkits(perfkit: Any) -> None:
    """Only the three standard streams (and what `ls` opens itself)."""
    done = perfkit("record", "-q", "-o", "s.parquet", "--", "ls", "/proc/self/fd")
    assert done.stdout.split() == ["0", "1", "2", "3"]


def test_sigterm_reaches_the_command_which_decides(
    perfkit_command: Command, tmp_path: Path
) -> None:
    """The command catches it, says goodbye and returns its own code."""
    recorder = subprocess.Popen(
        perfkit_command(
            "record", "-q", "-o", "s.parquet", "--",
            "sh", "-c", "trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.01; done",
        ),
        cwd=tmp_path, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert recorder.stdout is not None
    assert recorder.stdout.readline() == "ready\n"
    wait_for(tmp_path / "s.parquet.partial/000000.ticks")
    recorder.send_signal(signal.SIGTERM)
    assert recorder.communicate(timeout=60)[0] == "bye\n"
    assert recorder.returncode == 9
    assert open_source(tmp_path / "s.parquet").session.exit_code == 9


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_recording_by_pid_and_seals_it(
    perfkit_command: Command, processes: Any, tmp_path: Path, number: signal.Signals
) -> None:
    """The target goes on; the file says why the recording stopped."""
    target = processes.start(["sleep", "60"])
    recorder = processes.start(
        perfkit_command(
            "record", "--pid", str(target.pid), "-o", "s.parquet", "--no-adaptive", "-i", "1ms"
        ),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    )
    wait_for(tmp_path / "s.parquet.partial/000000.ticks")
    recorder.send_signal(number)
    assert "perfkit analyze s.parquet" in recorder.communicate(timeout=60)[1]
    assert recorder.returncode == 0
    assert target.poll() is None
    session = open_source(tmp_path / "s.parquet").session
    assert session.stop_reason == f"{number.name} was received"
    assert not (tmp_path / "s.parquet.partial").exists()


def test_ctrl_c_while_perfkit_starts_ends_it_cleanly(
    perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """From the journal's first moment on an interrupt is kept until the recorder listens."""
    target = processes.start(["sleep", "60"])
    recorder = processes.start(
        perfkit_command("record", "--pid", str(target.pid), "-o", "s.parquet"),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    )
    while not (tmp_path / "s.parquet.partial").exists():
        time.sleep(0.0005)
    recorder.send_signal(signal.SIGINT)
    said = recorder.communicate(timeout=60)[1]
    assert recorder.returncode == 0
    assert "Traceback" not in said
    assert open_source(tmp_path / "s.parquet").session.stop_reason == "SIGINT was received"
    assert not (tmp_path / "s.parquet.partial").exists()


def test_a_recording_by_pid_ends_with_its_target(
    perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """A last tick is taken while the target waits to be reaped, so its last figures are there."""
    target = processes.start(["sleep", "60"])
    recorder = processes.start(
        perfkit_command("record", "-q", "--pid", str(target.pid), "-o", "s.parquet"), cwd=tmp_path
    )
    while not (tmp_path / "s.parquet.partial/000000.frames").exists():
        time.sleep(0.001)
    target.kill()
    assert recorder.wait(timeout=60) == 0
    recording = open_recording(tmp_path / "s.parquet")
    assert recording.session.stop_reason == "the target exited"
    assert columns(recording.path, "processes_count")["processes_count"][-1] == 0


def test_a_duration_ends_the_recording_but_not_the_command(perfkit: Any, tmp_path: Path) -> None:
    """The command runs to its end, and its code is returned."""
    script = "sleep 0.6; touch finished; exit 4"
    done = perfkit(
        "record", "-q", "-d", "200ms", "-i", "50ms", "-o", "s.parquet", "--", "sh", "-c", script
    )
    assert done.returncode == 4
    assert (tmp_path / "finished").exists()
    recording = open_recording(tmp_path / "s.parquet")
    assert recording.session.stop_reason == "--duration was reached"
    assert len(columns(recording.path, "t_ns")["t_ns"]) <= 5


# ── what it says ──


def test_the_default_name_tells_the_command_and_the_time(perfkit: Any, tmp_path: Path) -> None:
    """perfkit-NAME-TIME.parquet, in the current folder."""
    assert perfkit("record", "-q", "--", "true").returncode == 0
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("perfkit-true-2")
    assert path.suffix == ".parquet"


def test_names_that_perfkit_chooses_never_collide(perfkit: Any, tmp_path: Path) -> None:
    """Recordings begun within one second get names of their own; no command is left unrun."""
    codes = [perfkit("record", "-q", "--", "true").returncode for _ in range(4)]
    assert codes == [0, 0, 0, 0]
    assert len(list(tmp_path.glob("perfkit-true-*.parquet"))) == 4


def test_a_live_line_is_drawn_on_a_terminal_and_taken_away(
    perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """Elapsed, ticks, CPU, memory and own cost; afterwards the line is clear for the last word."""
    target = processes.start(["sleep", "60"])
    leader, follower = pty.openpty()
    recorder = processes.start(
        perfkit_command("record", "--pid", str(target.pid), "-d", "1200ms", "-o", "s.parquet"),
        cwd=tmp_path, stderr=follower, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while select.select([leader], [], [], 60)[0]:
        try:
            shown += os.read(leader, 4096)
        except OSError:
            break  # the last writer has closed it
    os.close(leader)
    assert recorder.wait() == 0
    line = shown.split(b"\r\x1b[2K")[2].decode()
    for word in (" s  ", " ticks", "CPU ", "memory ", "recording costs "):
        assert word in line
    assert shown.split(b"\r\x1b[2K")[-1].startswith(b"perfkit: ")


def test_hostile_names_are_shown_harmlessly(perfkit: Any, tmp_path: Path) -> None:
    """Escape sequences, newlines and bytes that are no text, in name and arguments."""
    evil = os.fsdecode(b"ev\x1b[31mil\n\xff")
    script = tmp_path / evil
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)
    done = perfkit("record", "--", script, "a\x1b]0;b\x07", text=False, capture_output=True)
    assert done.returncode == 0
    assert b"\x1b" not in done.stderr
    assert done.stderr.count(b"\n") == 2
    (path,) = tmp_path.glob("*.parquet")
    session = open_source(path).session
    assert "\x1b" not in session.command + session.target_name + path.name
    assert "\\xff" in session.target_name


def test_secrets_of_the_command_line_are_in_no_file(perfkit: Any, tmp_path: Path) -> None:
    """Neither in the metadata nor in the list of processes."""
    perfkit(
        "record", "-q", "-o", "s.parquet", "--",
        sys.executable, "-c", "import time; time.sleep(0.3)", "--password=hunter2",
    )  # fmt: skip
    session = open_source(tmp_path / "s.parquet").session
    assert "--password=***" in session.command
    entries = [
        e for row in columns(tmp_path / "s.parquet", "processes")["processes"] for e in row or ()
    ]
    assert any("--password=***" in entry["command"] for entry in entries)
    assert "hunter2" not in json.dumps([session.command, entries])


# ── what is true ──


def cpu_by_wait4(run: Callable[[], Any]) -> float:
    """Seconds of CPU that the children of this process used meanwhile."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_cpu_of_500_short_processes_is_counted(perfkit: Any, tmp_path: Path) -> None:
    """Within 3 % of wait4 or 40 ms, whichever is larger: they lived and died between two ticks."""
    script = "i=0; while [ $i -lt 500 ]; do /bin/true; i=$((i+1)); done"
    perfkit("record", "-q", "-o", "s.parquet", "--", "sh", "-c", script)
    truth = int(open_source(tmp_path / "s.parquet").session.notes["exit_cpu_ns"]) / 1e9
    counted = columns(tmp_path / "s.parquet", "cpu_time_ns")["cpu_time_ns"][-1] / 1e9
    assert truth > 0.05
    assert counted == pytest.approx(truth, abs=max(0.03 * truth, 0.04))


def test_what_the_kernel_says_of_the_command_is_noted(perfkit: Any, tmp_path: Path) -> None:
    """Its CPU time in both modes, faults, switches, and its largest resident set, from wait4."""
    code = "kept = bytearray(150_000_000); sum(range(1_000_000))"
    perfkit("record", "-q", "-o", "s.parquet", "--", sys.executable, "-c", code)
    notes = open_source(tmp_path / "s.parquet").session.notes
    known = {name: int(value) for name, value in notes.items() if name.startswith("exit_")}
    assert known["exit_cpu_user_ns"] + known["exit_cpu_system_ns"] == pytest.approx(
        known["exit_cpu_ns"], abs=2
    )
    assert 150_000_000 < known["exit_peak_rss_bytes"] < 220_000_000
    assert known["exit_minor_faults"] > 150_000_000 / 4096 / 512  # huge pages or small ones
    assert {"exit_major_faults", "exit_voluntary_switches", "exit_read_bytes"} <= set(known)


def test_no_memory_of_the_recorder_is_taken_for_the_commands(perfkit: Any, tmp_path: Path) -> None:
    """A command smaller than what started it has no largest resident set that could be told."""
    perfkit("record", "-q", "-o", "s.parquet", "--", "/bin/true")
    notes = open_source(tmp_path / "s.parquet").session.notes
    assert "exit_cpu_ns" in notes
    assert "exit_peak_rss_bytes" not in notes


def test_daemons_of_the_command_are_adopted_and_counted(perfkit: Any, tmp_path: Path) -> None:
    """A double fork leaves the shell's family; its CPU time is still the tree's."""
    burn = "import time; a=time.process_time()\nwhile time.process_time()-a<0.3: pass"
    script = f"(setsid {sys.executable} -c '{burn}' &) ; sleep 1.2"
    perfkit("record", "-q", "-o", "s.parquet", "--", "sh", "-c", script)
    counted = columns(tmp_path / "s.parquet", "cpu_time_ns", "processes_count")
    assert counted["cpu_time_ns"][-1] >= 0.3e9
    assert max(counted["processes_count"]) >= 2


def test_following_daemons_ends_with_the_last_of_them(perfkit: Any, tmp_path: Path) -> None:
    """The command is gone in an instant, its code is kept, and what stays is recorded."""
    burn = "import time; a=time.process_time()\nwhile time.process_time()-a<0.3: pass"
    script = f"(setsid {sys.executable} -c '{burn}' &) ; exit 3"
    done = perfkit("record", "-q", "--follow-daemons", "-o", "s.parquet", "--", "sh", "-c", script)
    assert (done.returncode, done.stderr) == (3, "")
    session = open_source(tmp_path / "s.parquet").session
    assert (session.exit_code, session.stop_reason) == (3, "the last process of the tree exited")
    assert columns(tmp_path / "s.parquet", "cpu_time_ns")["cpu_time_ns"][-1] >= 0.3e9


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_following_of_daemons_that_stay(
    perfkit_command: Command, processes: Any, tmp_path: Path, number: signal.Signals
) -> None:
    """Once the command has ended there is nobody to forward it to."""
    script = "setsid sleep 60 & echo $$ $! > new; mv new pids; exit 4"
    recorder = processes.start(
        perfkit_command(
            "record", "-q", "--follow-daemons", "-o", "s.parquet", "--", "sh", "-c", script
        ),
        cwd=tmp_path,
    )
    while not (tmp_path / "pids").exists():
        time.sleep(0.001)
    command, daemon = map(int, (tmp_path / "pids").read_text().split())
    while Path(f"/proc/{command}").exists():
        time.sleep(0.001)
    recorder.send_signal(number)
    assert recorder.wait(30) == 4
    os.kill(daemon, signal.SIGKILL)
    assert open_source(tmp_path / "s.parquet").session.stop_reason == f"{number.name} was received"


def test_no_counter_ever_falls(perfkit: Any, tmp_path: Path) -> None:
    """Processes that come and go take nothing back."""
    script = "for i in 1 2 3 4 5 6; do sh -c 'x=0; while [ $x -lt 20000 ]; do x=$((x+1)); done' & done; wait"
    perfkit(
        "record", "-q", "--no-adaptive", "-i", "5ms", "-o", "s.parquet", "--", "sh", "-c", script
    )
    recording = open_recording(tmp_path / "s.parquet")
    counters = [m.name for m in recording.metrics if m.kind == "counter" and m.scope == "target"]
    for name, values in columns(recording.path, *counters).items():
        known = [value for value in values if value is not None]
        assert known == sorted(known), name


def test_ticks_are_in_order_and_tell_their_own_cost(perfkit: Any, tmp_path: Path) -> None:
    """t_ns rises strictly; every tick carries its lateness and what it cost."""
    perfkit("record", "-q", "--no-adaptive", "-i", "10ms", "-o", "s.parquet", "--", "sleep", "0.3")
    found = columns(
        tmp_path / "s.parquet", "t_ns", "tick_late_ns", "sampler_cost_ns", "ticks_missed"
    )
    assert all(a < b for a, b in zip(found["t_ns"], found["t_ns"][1:], strict=False))
    assert found["t_ns"][0] < 50e6
    assert all(cost > 0 for cost in found["sampler_cost_ns"])
    assert len(found["t_ns"]) + sum(found["ticks_missed"]) >= 29


# ── what it survives ──


def test_kill_9_at_any_moment_loses_at_most_the_tick_in_flight(
    perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """Fifty times: every record that was written is there, in sequence, and can be sealed.

    Together with test_a_tick_without_frames_is_one_write (nothing is buffered) this is the promise.
    """
    target = processes.start(["sleep", "300"])
    dice = random.Random(3)
    for attempt in range(50):
        output = tmp_path / f"{attempt}.parquet"
        journal = tmp_path / f"{attempt}.parquet.partial"
        recorder = subprocess.Popen(
            perfkit_command(
                "record", "-q", "--no-adaptive", "-i", "1ms", "--pid", str(target.pid), "-o", output
            )
        )
        while not (journal / "000000.frames").exists():
            time.sleep(0.0005)
        time.sleep(dice.random() * 0.05)
        recorder.kill()
        recorder.wait()
        data = (journal / "000000.ticks").read_bytes()
        end = data.index(b"\n") + 1
        size = json.loads(data[:end])["record_size"]
        whole, torn = divmod(len(data) - end, size)
        assert torn == 0  # one write a tick is all or nothing on a local file system
        source = open_source(journal)
        times = [t for block in source.blocks(["t_ns"]) for t in block.t_ns.tolist()]
        assert len(times) == whole
        assert times == sorted(set(times))
        if attempt % 10 == 0 and whole:
            subprocess.run(perfkit_command("recover", journal), check=True, capture_output=True)
            assert len(columns(output, "t_ns")["t_ns"]) == whole
            assert not journal.exists()


def test_a_reader_sees_a_recording_in_progress(
    perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """A live journal is read as it stands, and says that it is live; recover leaves it alone."""
    target = processes.start(["sleep", "60"])
    processes.start(
        perfkit_command(
            "record",
            "-q",
            "--no-adaptive",
            "-i",
            "2ms",
            "--pid",
            str(target.pid),
            "-o",
            "s.parquet",
        ),
        cwd=tmp_path,
    )
    journal = tmp_path / "s.parquet.partial"
    wait_for(journal / "000000.ticks")
    recording = open_recording(journal)
    assert recording.kind == "live journal"
    assert sum(len(block) for block in recording.blocks(["cpu_percent"])) > 2
    done = subprocess.run(perfkit_command("recover", journal), capture_output=True, text=True)
    assert done.returncode == 5
    assert "still being recorded" in done.stderr


def test_an_existing_file_is_refused_without_force(perfkit: Any, tmp_path: Path) -> None:
    """Nothing is overwritten unasked."""
    (tmp_path / "s.parquet").write_text("precious")
    done = perfkit("record", "-o", "s.parquet", "--", "true")
    assert (done.returncode, one_sentence(done.stderr)) == (125, True)
    assert "--force" in done.stderr
    assert (tmp_path / "s.parquet").read_text() == "precious"
    assert perfkit("record", "-q", "--force", "-o", "s.parquet", "--", "true").returncode == 0
    assert open_source(tmp_path / "s.parquet").session.exit_code == 0


def test_a_file_that_appears_meanwhile_is_not_overwritten(perfkit: Any, tmp_path: Path) -> None:
    """Sealing finds the name taken: the journal is kept, and the command's code still wins."""
    done = perfkit("record", "-o", "s.parquet", "--", "sh", "-c", "echo mine > s.parquet; exit 6")
    assert done.returncode == 6
    assert "perfkit recover" in done.stderr
    assert (tmp_path / "s.parquet").read_text() == "mine\n"
    assert perfkit("recover", "s.parquet.partial", "-o", "t.parquet").returncode == 0


def test_two_recorders_never_share_a_file(
    perfkit: Any, perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """The second is refused with one sentence; the first goes on."""
    target = processes.start(["sleep", "60"])
    first = processes.start(
        perfkit_command("record", "-q", "--pid", str(target.pid), "-o", "s.parquet"), cwd=tmp_path
    )
    while not (tmp_path / "s.parquet.partial/000000.frames").exists():
        time.sleep(0.001)
    second = perfkit("record", "--pid", str(target.pid), "-o", "s.parquet")
    assert (second.returncode, one_sentence(second.stderr)) == (5, True)
    assert "another recording writes there" in second.stderr
    first.send_signal(signal.SIGINT)
    assert first.wait(timeout=60) == 0


def test_a_disk_that_fills_stops_the_recording_and_loses_nothing(
    perfkit: Any, processes: Any, tmp_path: Path
) -> None:
    """RLIMIT_FSIZE stands in for the disk: one sentence says so, and what was written is sealed."""
    target = processes.start(["sleep", "60"])
    done = perfkit(
        "record", "--no-adaptive", "-i", "1ms", "-d", "20s", "--pid", str(target.pid), "-o", "s.parquet",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000)),
    )  # fmt: skip
    assert done.returncode == 5
    assert "recording stopped" in done.stderr
    assert "Traceback" not in done.stderr
    ticks = len(columns(tmp_path / "s.parquet", "t_ns")["t_ns"])
    assert 500 < ticks < 1000


def test_a_disk_that_fills_does_not_hurt_the_command(perfkit: Any, tmp_path: Path) -> None:
    """Its exit code wins, and it runs to its end."""
    done = perfkit(
        "record", "--no-adaptive", "-i", "1ms", "-o", "s.parquet", "--", "sh", "-c", "sleep 2; exit 8",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)),
    )  # fmt: skip
    assert done.returncode == 8
    assert "recording stopped" in done.stderr


def test_a_journal_removed_under_the_recorder_stops_it(
    perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """Going on would write into nothing."""
    target = processes.start(["sleep", "60"])
    recorder = processes.start(
        perfkit_command("record", "--pid", str(target.pid), "-o", "s.parquet"),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    )
    journal = tmp_path / "s.parquet.partial"
    while not (journal / "000000.frames").exists():
        time.sleep(0.001)
    for file in journal.iterdir():
        file.unlink()
    assert "was removed meanwhile" in recorder.communicate(timeout=60)[1]
    assert recorder.returncode == 5


@NEEDS_ROOT
def test_a_folder_that_may_not_be_written_is_refused(
    perfkit_command: Command, tmp_path: Path
) -> None:
    """One sentence and the way out; tried as nobody, since root may write everywhere."""
    folder = tmp_path / "readonly"
    folder.mkdir(mode=0o755)
    # The first run, as root, loads everything: nobody may not enter the interpreter's own folder
    # where that lies in root's home.
    code = (
        "import os, sys; from perfkit.cli import run\n"
        "words = ['record', '-o', 's.parquet', '--pid']\n"
        "sys.stderr = open(os.devnull, 'w'); run([*words, '4194303']); sys.stderr = sys.__stderr__\n"
        f"os.chdir({str(folder)!r}); os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(run([*words, str(os.getppid())]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 5
    assert one_sentence(done.stderr)
    assert "Permission denied" in done.stderr
    assert list(folder.iterdir()) == []
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    inside = code.replace("'s.parquet'", repr(str(closed / "s.parquet")))
    done = subprocess.run([sys.executable, "-c", inside], capture_output=True, text=True)
    assert (done.returncode, one_sentence(done.stderr)) == (5, True)


def test_what_a_killed_recorder_left_says_that_it_was_cut_off(
    perfkit: Any, perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """Not that it is a copy: how the target ended is unknown, and the length is that of the ticks."""
    target = processes.start(["sleep", "60"])
    recorder = processes.start(
        perfkit_command(
            "record", "-q", "--no-adaptive", "-i", "1ms", "--pid", str(target.pid), "-o", "s.parquet"
        ),
        cwd=tmp_path,
    )  # fmt: skip
    wait_for(tmp_path / "s.parquet.partial/000000.ticks")
    recorder.kill()
    recorder.wait()
    segment = tmp_path / "s.parquet.partial/000000.ticks"
    data = bytearray(segment.read_bytes())
    data[-5 * (24 + 8 * len(RAW_METRICS)) + 20] ^= 1
    segment.write_bytes(data)
    done = perfkit("recover", "s.parquet.partial")
    assert done.returncode == 0
    assert "(1 damaged tick left out)" in done.stdout
    session = open_source(tmp_path / "s.parquet").session
    assert session.stop_reason is None
    assert session.duration_ns == columns(tmp_path / "s.parquet", "t_ns")["t_ns"][-1]
    for command in ("analyze", "info"):
        said = " ".join(perfkit(command, "s.parquet").stdout.split())
        assert "the recorder was cut off (killed)" in said
        assert "copy" not in said
    assert "1 tick: recorded, but damaged in the journal" in perfkit("analyze", "s.parquet").stdout


def test_the_recorder_is_found_by_its_name_and_by_its_first_line(
    perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """Whom to signal is told in one line; `pgrep perfkit` finds it too."""
    target = processes.start(["sleep", "60"])
    recorder = processes.start(
        perfkit_command("record", "--pid", str(target.pid), "-o", "s.parquet"),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    )
    said = recorder.stderr.readline()
    assert said.startswith(f"perfkit: recording sleep (pid {target.pid}) into s.parquet (Ctrl-C")
    assert f"kill {recorder.pid} ends it); kill -USR1 {recorder.pid} writes a copy" in said
    assert Path(f"/proc/{recorder.pid}/comm").read_text() == "perfkit\n"
    recorder.send_signal(signal.SIGTERM)
    assert recorder.communicate(timeout=60)[1].count("\n") == 1


@pytest.mark.parametrize(
    ("words", "code"), [(["--pid", "PARENT"], 5), (["--", "touch", "ran"], 125)]
)
def test_a_recorder_that_may_not_be_executed_leaves_nothing(
    tmp_path: Path, words: list[str], code: int
) -> None:
    """One sentence, no journal, and the command did not run."""
    script = (
        "import os, sys\n"
        "def refused(*words): raise PermissionError(13, 'Permission denied')\n"
        "os.execv = refused\n"
        "from perfkit.cli import run\n"
        "words = [w.replace('PARENT', str(os.getppid())) for w in sys.argv[1:]]\n"
        "sys.exit(run(['record', *words]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, one_sentence(done.stderr)) == (code, True), done.stderr
    assert "as the recorder (Permission denied)" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_segments_holds_nothing_to_recover(perfkit: Any, tmp_path: Path) -> None:
    """It is named as what it is; no session file is asked for."""
    (tmp_path / "empty.parquet.partial").mkdir()
    said = perfkit("recover", "empty.parquet.partial").stderr
    assert "there is nothing to recover" in said
    assert "session file" not in said


def test_what_is_no_journal_cannot_be_recovered(perfkit: Any, tmp_path: Path) -> None:
    """A file, an empty folder, nothing at all: one sentence each."""
    (tmp_path / "file.partial").write_text("")
    (tmp_path / "empty.parquet.partial").mkdir()
    for name in ("file.partial", "empty.parquet.partial", "absent.partial"):
        done = perfkit("recover", name)
        assert (done.returncode, one_sentence(done.stderr)) == (5, True), name
