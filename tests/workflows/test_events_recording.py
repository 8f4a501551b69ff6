"""Applications that speak while they are recorded, and every bad day of the recorder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from event_examples import committed_bytes, dropped_in, events_of, lines_of, wait_for

from perfkit.model.wire import FOLDERS
from perfkit.session.reader import open_source
from perfkit.workflows.record import start_recorder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small recorder is for Linux")

Command = Callable[..., list[str]]
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
MS = 1_000_000

CHATTER = """
import itertools, time, perfkit
print("ready", flush=True)
for i in itertools.count():
    perfkit.event("work", i=i)
    time.sleep(0.002)
"""
"""Says something all the time, as long as it lives."""


@pytest.fixture
def environment(project_root: Path) -> dict[str, str]:
    """An application's, without a socket that another recording has named."""
    kept = {key: value for key, value in os.environ.items() if key != "PERFKIT_SOCKET"}
    return {**kept, "PYTHONPATH": str(project_root)}


@pytest.fixture
def application(processes: Any, environment: dict[str, str]) -> Any:
    """Starts Python code that has already printed `ready`, as an application."""
    return lambda code, *words: processes.python(code, *words, env=environment)


class Recordings:
    """Recordings by pid that are left unsealed, so that their journals can be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._recorders: list[subprocess.Popen[bytes]] = []
        self._targets: set[int] = set()

    def start(self, pid: int, interval_ns: int = 20 * MS) -> tuple[subprocess.Popen[bytes], Path]:
        output = self._folder / f"{len(self._recorders)}.parquet"
        self._targets.add(pid)
        recorder = start_recorder(pid, ["app"], output=output, interval_ns=interval_ns, events=True)
        self._recorders.append(recorder)
        journal = Path(f"{output}.partial")
        empty = (journal / "000000.ticks").stat().st_size
        wait_for(lambda: (journal / "000000.ticks").stat().st_size > empty)
        return recorder, journal

    def end(self) -> None:
        for recorder in self._recorders:
            recorder.kill()
            recorder.communicate()
        for pid in self._targets:
            socket_of(pid).unlink(missing_ok=True)


@pytest.fixture
def recordings(tmp_path: Path) -> Iterator[Recordings]:
    started = Recordings(tmp_path)
    yield started
    started.end()


def socket_of(pid: int) -> Path:
    return Path(FOLDERS[1].format(uid=os.geteuid())) / f"{pid}.sock"


# ── what it is for ──


def test_a_command_speaks_without_doing_anything_for_it(
    perfkit_command: Command, processes: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    """The environment names the socket; a child of a shell finds it as well."""
    code = (
        "import perfkit, sys\n"
        "with perfkit.span('job', n=1): perfkit.event('step')\n"
        "print('said', flush=True); sys.stdin.read()"
    )
    recorder = processes.start(
        [
            *perfkit_command("record", "-q", "-i", "5ms", "-o", tmp_path / "s.parquet", "--"),
            *("sh", "-c", '"$0" -c "$1"; exit 3', sys.executable, code),
        ],
        env=environment,
    )
    assert recorder.stdout.readline() == "said\n"
    journal = tmp_path / "s.parquet.partial"
    wait_for(lambda: len(lines_of(journal)) == 3)

    assert [event["type"] for event in events_of(journal)] == ["job_start", "step", "job_end"]
    recorder.communicate("")
    assert recorder.returncode == 3
    assert open_source(tmp_path / "s.parquet").session.missing.get("events") is None
    assert not list(Path(FOLDERS[1].format(uid=os.geteuid())).glob(f"{recorder.pid}*.sock"))


def test_a_running_application_connects_when_the_recorder_comes_and_lets_go_when_it_leaves(
    application: Any, recordings: Recordings
) -> None:
    """And finds the next one."""
    target = application(CHATTER)
    recorder, first = recordings.start(target.pid)
    wait_for(lambda: len(lines_of(first)) > 100)
    recorder.terminate()
    assert recorder.wait() == 0
    assert not socket_of(target.pid).exists()
    _, second = recordings.start(target.pid)
    wait_for(lambda: len(lines_of(second)) > 100)

    numbers = [[event["i"] for event in events_of(journal)] for journal in (first, second)]
    for said in numbers:
        assert said == [*range(said[0], said[0] + len(said))]
    assert numbers[1][0] > numbers[0][-1]
    assert target.poll() is None


def test_sent_is_stored_plus_dropped_for_an_application_that_ends(
    application: Any, recordings: Recordings
) -> None:
    """Forty thousand as fast as it can, from three processes; the last ones at its exit."""
    target = application(
        """
        import os, sys, perfkit
        print("ready", flush=True)
        sys.stdin.readline()
        children = []
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                for i in range(10_000):
                    perfkit.event("work", i=i, text="x" * 60)
                sys.exit()
            children.append(pid)
        for i in range(20_000):
            perfkit.event("work", i=i, text="x" * 60)
        for pid in children:
            os.waitpid(pid, 0)
        """
    )
    recorder, journal = recordings.start(target.pid)
    target.communicate("go\n")
    assert recorder.wait() == 0

    stored = [event for event in events_of(journal) if event["type"] == "work"]
    assert len(stored) + dropped_in(journal) == 40_000
    assert len(stored) > 0


def test_what_was_said_right_before_the_end_is_committed_by_the_last_tick(
    application: Any, recordings: Recordings
) -> None:
    """A journal holds nothing behind its last tick but notes."""
    target = application(
        """
        import sys, perfkit
        print("ready", flush=True)
        sys.stdin.readline()
        perfkit.event("last")
        """
    )
    recorder, journal = recordings.start(target.pid, interval_ns=1000 * MS)
    target.communicate("go\n")
    assert recorder.wait() == 0

    assert [event["type"] for event in events_of(journal)] == ["last"]
    frames = (journal / "000000.frames").read_bytes()
    assert frames.index(b'{"type": "last"') < committed_bytes(journal) <= len(frames)


def test_frames_that_wait_for_a_distant_tick_are_written_before_it(
    application: Any, recordings: Recordings
) -> None:
    """The recorder's memory does not grow with its interval."""
    target = application(
        """
        import sys, perfkit
        print("ready", flush=True)
        sys.stdin.readline()
        for i in range(20_000):
            perfkit.event("work", i=i, text="x" * 60)
        print("done", flush=True)
        sys.stdin.read()
        """
    )
    recorder, journal = recordings.start(target.pid, interval_ns=3_600_000 * MS)
    target.stdin.write("go\n")
    target.stdin.flush()
    assert target.stdout.readline() == "done\n"
    wait_for(lambda: len(lines_of(journal)) > 10_000)
    target.communicate("")
    assert recorder.wait() == 0

    assert len(events_of(journal)) + dropped_in(journal) == 20_000


# ── bad days ──


def test_a_second_recorder_records_without_events_and_says_so(
    application: Any, recordings: Recordings, perfkit_command: Command, tmp_path: Path
) -> None:
    """The first one keeps them."""
    target = application(
        """
        import time, perfkit
        print("ready", flush=True)
        while True:
            perfkit.event("work")
            time.sleep(0.01)
        """
    )
    _, journal = recordings.start(target.pid)
    words = ("-p", str(target.pid), "-d", "200ms", "-i", "20ms", "-o", tmp_path / "second.parquet")
    done = subprocess.run(
        perfkit_command("record", *words), capture_output=True, text=True, check=False
    )

    assert done.returncode == 0
    assert "recording without events: another recorder listens" in done.stderr
    session = open_source(tmp_path / "second.parquet").session
    assert "another recorder" in session.missing["events"]
    before = len(lines_of(journal))
    wait_for(lambda: len(lines_of(journal)) > before)
    assert socket_of(target.pid).exists()


def test_a_killed_recorders_socket_is_taken_over_by_the_next(
    application: Any, recordings: Recordings
) -> None:
    """kill -9 leaves the file behind; it neither hurts the application nor the next recorder."""
    target = application(CHATTER)
    recorder, first = recordings.start(target.pid)
    wait_for(lambda: len(lines_of(first)) > 20)
    recorder.kill()
    recorder.wait()
    assert socket_of(target.pid).exists()
    _, second = recordings.start(target.pid)
    wait_for(lambda: len(lines_of(second)) > 20)

    assert target.poll() is None
    for line in lines_of(second):
        json.loads(line)


def test_an_application_goes_on_while_its_recorder_is_stopped(
    application: Any, recordings: Recordings
) -> None:
    """SIGSTOP: nothing waits for it; what did not fit is counted, to the line, when it goes on."""
    target = application(
        """
        import sys, perfkit
        print("ready", flush=True)
        for order in sys.stdin:
            for i in range(int(order)):
                perfkit.event("work", i=i, text="x" * 60)
            print("said", flush=True)
        """
    )
    recorder, journal = recordings.start(target.pid)

    def say(count: int) -> None:
        target.stdin.write(f"{count}\n")
        target.stdin.flush()
        assert target.stdout.readline() == "said\n"

    say(10)
    wait_for(lambda: len(lines_of(journal)) == 10)
    recorder.send_signal(signal.SIGSTOP)
    say(60_000)
    recorder.send_signal(signal.SIGCONT)
    target.communicate("")
    assert recorder.wait() == 0

    stored = len([event for event in events_of(journal) if event["type"] == "work"])
    dropped = dropped_in(journal)
    assert dropped > 0
    assert stored + dropped == 60_010


def test_a_flood_from_elsewhere_does_not_keep_the_recorder_from_its_ticks(
    application: Any, recordings: Recordings
) -> None:
    """Endless garbage on several connections: ticks go on, and the end is seen."""
    target = application("import sys; print('ready', flush=True); sys.stdin.read()")
    recorder, journal = recordings.start(target.pid)
    flood = []
    for _ in range(3):
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sender.connect(str(socket_of(target.pid)))
        sender.setblocking(False)
        flood.append(sender)
    ticks = journal / "000000.ticks"
    garbage = os.urandom(100_000) + b"\n"
    begun = ticks.stat().st_size
    while ticks.stat().st_size < begun + 20_000:
        for sender in flood:
            try:
                sender.send(garbage)
            except BlockingIOError:
                continue
    target.communicate("")

    assert recorder.wait() == 0
    for sender in flood:
        sender.close()


@NEEDS_ROOT
def test_another_users_process_is_turned_away(
    application: Any, recordings: Recordings, processes: Any, tmp_path: Path
) -> None:
    """By the folder already; even with the descriptor of a directory inside, by SO_PEERCRED."""
    target = application("import sys; print('ready', flush=True); sys.stdin.read()")
    recordings.start(target.pid)
    code = f"""
        import os, socket
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        os.setgroups([]); os.setgid(12345); os.setuid(12345)
        try:
            sender.connect({str(socket_of(target.pid))!r})
        except OSError as error:
            print(type(error).__name__)
        """
    words = [sys.executable, "-S", "-c", textwrap.dedent(code)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)

    assert done.stdout == "PermissionError\n"
    assert socket_of(target.pid).parent.stat().st_mode & 0o777 == 0o700


@NEEDS_ROOT
def test_root_listens_where_another_users_process_looks(
    processes: Any, recordings: Recordings, project_root: Path, tmp_path: Path
) -> None:
    """The folder and the socket are that user's, and its events arrive."""
    uid = 12_346
    folder = Path(FOLDERS[1].format(uid=uid))
    target = processes.python(
        f"""
        import os, sys
        sys.path.insert(0, {str(project_root)!r})
        import perfkit, json.encoder, perfkit.sdk, atexit
        os.setgroups([]); os.setgid({uid}); os.setuid({uid})
        print("ready", flush=True)
        while True:
            perfkit.event("work")
            os.sched_yield()
        """
    )
    try:
        _, journal = recordings.start(target.pid)
        wait_for(lambda: len(lines_of(journal)) > 10)
        facts = [path.stat() for path in (folder, folder / f"{target.pid}.sock")]

        assert [(each.st_uid, each.st_mode & 0o077) for each in facts] == [(uid, 0)] * 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_command_that_cannot_be_run_leaves_no_socket(
    perfkit_command: Command, tmp_path: Path
) -> None:
    """It was made before the command was to run."""
    folder = Path(FOLDERS[1].format(uid=os.geteuid()))
    before = set(folder.glob("*.sock"))
    words = perfkit_command("record", "-o", tmp_path / "s.parquet", "--", "no-such-command")
    done = subprocess.run(words, capture_output=True, check=False)

    assert done.returncode == 127
    # those of other tests go by themselves
    wait_for(
        lambda: all(
            Path("/proc", path.stem).exists() for path in set(folder.glob("*.sock")) - before
        )
    )


# ── other languages ──


def test_a_line_from_the_shell_is_an_event(application: Any, recordings: Recordings) -> None:
    """As docs/events.md has it, where there is nc or socat."""
    target = application("import sys; print('ready', flush=True); sys.stdin.read()")
    _, journal = recordings.start(target.pid)
    path = str(socket_of(target.pid))
    ways = {
        "nc": ["nc", "-U", "-N", path],
        "socat": ["socat", "-", f"UNIX-CONNECT:{path}"],
    }
    words = next((words for tool, words in ways.items() if shutil.which(tool)), None)
    if words is None:
        pytest.skip("neither nc nor socat is here")
    subprocess.run(words, input=b'{"type": "deploy", "version": "1.2"}\n', check=True, timeout=60)
    wait_for(lambda: lines_of(journal))

    assert events_of(journal) == [{"type": "deploy", "version": "1.2"}]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_node_speaks_as_the_document_has_it(
    application: Any, recordings: Recordings, project_root: Path, environment: dict[str, str]
) -> None:
    """The document's own example, run."""
    page = (project_root / "docs" / "events.md").read_text("utf-8")
    code = page.split("```js\n")[1].split("```")[0]
    target = application("import sys; print('ready', flush=True); sys.stdin.read()")
    _, journal = recordings.start(target.pid)
    subprocess.run(
        ["node", "-e", code],
        env={**environment, "PERFKIT_SOCKET": str(socket_of(target.pid))},
        check=True,
        timeout=60,
    )
    wait_for(lambda: lines_of(journal))

    assert [event["type"] for event in events_of(journal)] == ["request"]


# ── StatsD ──


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_statsd_is_taken_by_a_process_that_is_none_of_the_targets(
    perfkit_command: Command, processes: Any, tmp_path: Path
) -> None:
    """It forwards to the socket, and ends with the recorder."""
    port = free_port()
    recorder = processes.start(
        [
            *perfkit_command("record", "-q", "-i", "10ms", "-o", tmp_path / "s.parquet"),
            *("--statsd", str(port), "--", "sh", "-c", "echo ready; read line"),
        ]
    )
    assert recorder.stdout.readline() == "ready\n"
    journal = tmp_path / "s.parquet.partial"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"hits:3|c|@0.5\nlatency:12.5|ms|#env:prod\nnonsense", ("127.0.0.1", port))
        wait_for(lambda: len(lines_of(journal)) == 3)
        children = Path(f"/proc/{recorder.pid}/task/{recorder.pid}/children").read_text().split()
        assert len(children) == 2
        sender.sendto(b"last:1|c", ("127.0.0.1", port))
    assert events_of(journal) == [
        {"type": "counter", "name": "hits", "value": 6.0},
        {"type": "timer", "name": "latency", "duration_ms": 12.5, "env": "prod"},
        {"type": "perfkit.statsd", "malformed": 1},
    ]
    recorder.communicate("\n")
    assert recorder.returncode == 0
    table = open_source(tmp_path / "s.parquet").table(["processes_count"])
    assert max(table.column("processes_count").to_pylist()) == 1
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


def test_a_port_that_is_taken_or_none_is_said_before_anything_runs(
    perfkit_command: Command, tmp_path: Path
) -> None:
    """125 with a command, as for every failure before it; no journal is left."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        for port in (str(taken.getsockname()[1]), "0", "http", "70000", ":5"):
            words = ["record", "-o", tmp_path / "s.parquet", "--statsd", port, "--", "true"]
            done = subprocess.run(
                perfkit_command(*words), capture_output=True, text=True, check=False
            )
            assert done.returncode == 125
            assert "--statsd" in done.stderr
    assert list(tmp_path.iterdir()) == []
