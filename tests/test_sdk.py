"""The SDK as an application has it: what it sends, that it never waits, never raises, never grows."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="recorders listen on Linux")


def read_all(sender: socket.socket) -> bytes:
    """Everything that comes until the connection ends."""
    return b"".join(iter(lambda: sender.recv(65_536), b""))


class Ear:
    """A recorder that only listens: a socket at which tests read what an application says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(64)
        self.listener.settimeout(60)
        self.senders: list[socket.socket] = []

    def accept(self) -> socket.socket:
        sender, _ = self.listener.accept()
        sender.settimeout(60)
        self.senders.append(sender)
        return sender

    def hear(self, connections: int = 1) -> list[dict[str, Any]]:
        """All lines of so many connections, each to its end."""
        lines: list[dict[str, Any]] = []
        for _ in range(connections):
            lines += [json.loads(line) for line in read_all(self.accept()).splitlines()]
        return lines

    def close(self) -> None:
        self.listener.close()
        for sender in self.senders:
            sender.close()
        self.path.unlink(missing_ok=True)


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    opened = Ear(tmp_path / "ear.sock")
    yield opened
    opened.close()


@pytest.fixture
def application(project_root: Path, tmp_path: Path, processes: Any) -> Any:
    """Starts Python code as an application whose environment names the ear."""

    def start(code: str, *arguments: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "PERFKIT_SOCKET": str(tmp_path / "ear.sock")}
        environment["PYTHONPATH"] = str(project_root)
        started: subprocess.Popen[str] = processes.start(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments],
            env=environment,
        )
        return started

    return start


def said(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines without what differs from run to run."""
    unsteady = ("t_ns", "duration_ms", "operation_id", "parent_id")
    return [{key: value for key, value in line.items() if key not in unsteady} for line in lines]


# ── what is sent ──


def test_an_event_is_a_line_with_its_fields(ear: Ear, application: Any) -> None:
    """The type first, then when, then what the caller named."""
    application("import perfkit; perfkit.event('cache_operation', hit=True, level='L1', ms=0.4)")

    (line,) = ear.hear()

    assert list(line) == ["type", "t_ns", "hit", "level", "ms"]
    assert said([line]) == [{"type": "cache_operation", "hit": True, "level": "L1", "ms": 0.4}]
    assert 0 < line["t_ns"] < 2**63


def test_a_gauge_and_a_timed_function_are_lines(ear: Ear, application: Any) -> None:
    """As the contract with the reader has them."""
    application(
        """
        import perfkit
        perfkit.gauge("queue_depth", 17, shard="a")

        @perfkit.timed("render")
        def render(x):
            "What it does."
            if x < 0:
                raise KeyError(x)
            return x + 1

        assert render(1) == 2 and render.__name__ == "render" and render.__doc__
        try:
            render(-1)
        except KeyError:
            pass
        """
    )

    lines = ear.hear()

    assert said(lines) == [
        {"type": "gauge", "name": "queue_depth", "value": 17, "shard": "a"},
        {"type": "render", "success": True},
        {"type": "render", "success": False, "error": "KeyError"},
    ]
    assert all(line["duration_ms"] >= 0 for line in lines[1:])


def test_coroutines_and_generators_are_timed_until_they_are_done(
    ear: Ear, application: Any
) -> None:
    """Not until they are made, which takes no time."""
    application(
        """
        import asyncio, perfkit

        @perfkit.timed("fetch")
        async def fetch():
            await asyncio.sleep(0.02)
            return 5

        @perfkit.timed("rows")
        def rows():
            import time
            got = yield 1
            time.sleep(0.02)
            yield got

        async def main():
            assert await fetch() == 5
            task = asyncio.create_task(fetch())
            await asyncio.sleep(0)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass

        asyncio.run(main())
        each = rows()
        assert next(each) == 1 and each.send("x") == "x" and list(each) == []
        """
    )

    done, cancelled, rows = ear.hear()

    assert (done["type"], done["success"]) == ("fetch", True)
    assert done["duration_ms"] >= 20
    assert (cancelled["success"], cancelled["error"]) == (False, "CancelledError")
    assert (rows["type"], rows["success"]) == ("rows", True)
    assert rows["duration_ms"] >= 20


def test_asynchronous_generators_are_timed_and_stay_what_they_are(
    ear: Ear, application: Any
) -> None:
    """What is sent into them, thrown into them and asked of them at their end arrives there."""
    application(
        """
        import asyncio, inspect, perfkit
        steps = []

        @perfkit.timed("rows")
        async def rows(last):
            try:
                got = yield 1
                await asyncio.sleep(0.02)
                try:
                    yield got
                except KeyError:
                    yield "caught"
                if last:
                    raise LookupError
            finally:
                steps.append("closed")

        async def main():
            assert inspect.isasyncgenfunction(rows)
            assert [row async for row in rows(False)] == [1, None]
            each = rows(True)
            assert await each.__anext__() == 1 and await each.asend("x") == "x"
            assert await each.athrow(KeyError()) == "caught"
            try:
                await each.__anext__()
            except LookupError:
                steps.append("raised")
            each = rows(False)
            await each.__anext__()
            await each.aclose()
        asyncio.run(main())
        assert steps == ["closed", "closed", "raised", "closed"], steps
        """
    )

    lines = ear.hear()

    assert [line["type"] for line in lines] == ["rows"] * 3
    assert [line["success"] for line in lines] == [True, False, True]
    assert lines[1]["error"] == "LookupError"
    assert lines[0]["duration_ms"] >= 20


def test_a_span_is_a_start_and_an_end_with_one_id(ear: Ear, application: Any) -> None:
    """The end repeats the fields and has what was set meanwhile; nested ones name their parent."""
    application(
        """
        import perfkit
        with perfkit.span("outer", batch_size=64) as s:
            s.set(items=3)
            with perfkit.span("inner"):
                pass
        """
    )

    outer, inner, inner_end, outer_end = ear.hear()

    assert said([outer, outer_end]) == [
        {"type": "outer_start", "batch_size": 64},
        {"type": "outer_end", "success": True, "batch_size": 64, "items": 3},
    ]
    assert outer["operation_id"] == outer_end["operation_id"]
    assert inner["operation_id"] == inner_end["operation_id"] != outer["operation_id"]
    assert inner["parent_id"] == inner_end["parent_id"] == outer["operation_id"]
    assert "parent_id" not in outer
    assert inner_end["duration_ms"] <= outer_end["duration_ms"]


def test_an_exception_passes_through_a_span_and_is_named(ear: Ear, application: Any) -> None:
    """Its class, not its text, which may hold anything; a failure without one is set."""
    application(
        """
        import perfkit
        class Broken(Exception): pass
        try:
            with perfkit.span("a"):
                raise Broken("password=1234")
        except Broken:
            pass
        with perfkit.span("b") as s:
            s.set(success=False)
        """
    )

    lines = ear.hear()

    assert said([lines[1], lines[3]]) == [
        {"type": "a_end", "success": False, "error": "Broken"},
        {"type": "b_end", "success": False},
    ]


def test_spans_of_threads_and_tasks_do_not_mix(ear: Ear, application: Any) -> None:
    """A task inherits the span it was made in; a thread begins with none."""
    application(
        """
        import asyncio, threading, perfkit
        async def one(name):
            with perfkit.span(name):
                await asyncio.sleep(0.01)
                perfkit.event("in_" + name)
                with perfkit.span("sub_" + name):
                    await asyncio.sleep(0.01)
        async def main():
            with perfkit.span("root"):
                await asyncio.gather(one("a"), one("b"))
        asyncio.run(main())
        with perfkit.span("main"):
            thread = threading.Thread(target=lambda: perfkit.span("thread").__enter__())
            thread.start()
            thread.join()
        """
    )

    lines = {line["type"]: line for line in ear.hear()}

    root = lines["root_start"]["operation_id"]
    for name in "ab":
        assert lines[f"{name}_start"]["parent_id"] == root
        assert lines[f"sub_{name}_start"]["parent_id"] == lines[f"{name}_start"]["operation_id"]
    assert "parent_id" not in lines["thread_start"]
    ids = [line["operation_id"] for kind, line in lines.items() if kind.endswith("_start")]
    assert len(set(ids)) == len(ids) == 7


def test_whatever_is_said_becomes_a_line_and_nothing_raises(ear: Ear, application: Any) -> None:
    """Numbers that JSON has not, cycles, deep nests, broken objects, lone surrogates, megabytes."""
    application(
        """
        import datetime, decimal, perfkit
        class Rude:
            def __str__(self): raise RuntimeError("no")
            __repr__ = __str__
        class Number:
            def item(self): return 7
        loop = []; loop.append(loop)
        deep = []
        for _ in range(100_000): deep = [deep]
        say = perfkit.event
        say("nan", x=float("nan"), y=1)
        say("huge", x=10**5000)
        say("loop", x=loop, y=1)
        say("deep", x=deep)
        say("rude", x=Rude(), y=1)
        say("item", x=Number(), d=decimal.Decimal("1.5"), when=datetime.date(2026, 1, 2))
        say("keys", x={(1, 2): 3}, y=1)
        say("text", x="\\ud800\\n\\x1b[31m\\u2028", y=1)
        say("long", x="a" * 5_000_000, y="\\U0001f600" * 30_000, z=1)
        say("bytes", x=b"\\xff\\x00")
        say("many", **{f"k{i}": "v" * 1000 for i in range(1000)})
        say("clash", type="other", t_ns=5)
        say(Rude())
        say(5)
        perfkit.gauge("g", object())
        while deep: deep = deep[0]
        """
    )

    data = read_all(ear.accept())
    raw = data.split(b"\n")[:-1]
    lines = {str(line["type"]): line for line in map(json.loads, raw)}

    assert len(raw) == 15
    assert max(map(len, raw)) < 65_536
    assert data.isascii()
    assert lines["nan"]["x"] is None
    assert lines["nan"]["y"] == 1
    assert lines["huge"]["x"] is None
    assert lines["loop"]["y"] == lines["rude"]["y"] == lines["keys"]["y"] == 1
    assert lines["rude"]["x"] == "<Rude>"
    assert (lines["item"]["x"], lines["item"]["d"], lines["item"]["when"]) == (7, 1.5, "2026-01-02")
    assert lines["text"]["x"] == "\ud800\n\x1b[31m\u2028"
    assert lines["long"]["z"] == 1
    assert lines["many"]["perfkit_truncated"] is True


# ── forks, threads, the end ──


def test_a_forked_child_has_a_connection_of_its_own(ear: Ear, application: Any) -> None:
    """And says nothing twice: what waited in the parent is the parent's."""
    application(
        """
        import os, sys, perfkit
        perfkit.event("before")
        pid = os.fork()
        perfkit.event("child" if pid == 0 else "parent")
        with perfkit.span("s"):
            pass
        if pid: os.waitpid(pid, 0)
        """
    )

    lines = ear.hear(connections=2)

    assert sorted(line["type"] for line in lines) == sorted(
        ["before", "parent", "child", *["s_start", "s_end"] * 2]
    )
    assert len({line["operation_id"] for line in lines if "operation_id" in line}) == 2


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_lose_nothing(
    ear: Ear, processes: Any, project_root: Path, tmp_path: Path, method: str
) -> None:
    """They leave without atexit."""
    code = """
        import multiprocessing, sys, perfkit
        def work(i):
            for k in range(100):
                perfkit.event("work", i=i, k=k)
        if __name__ == "__main__":
            perfkit.event("main")
            context = multiprocessing.get_context(sys.argv[1])
            workers = [context.Process(target=work, args=(i,)) for i in range(3)]
            for worker in workers: worker.start()
            for worker in workers: worker.join()
        """
    # a file, since spawned workers load it again
    (tmp_path / "app.py").write_text(textwrap.dedent(code))
    environment = {**os.environ, "PERFKIT_SOCKET": str(ear.path), "PYTHONPATH": str(project_root)}
    done = processes.start([sys.executable, tmp_path / "app.py", method], env=environment)

    lines = ear.hear(connections=4)

    assert done.wait() == 0
    assert sum(line["type"] == "work" for line in lines) == 300


def test_what_many_threads_say_arrives_whole_and_once(ear: Ear, application: Any) -> None:
    """Ten thousand lines of eight threads, through one connection."""
    application(
        """
        import threading, perfkit
        def work(i):
            for k in range(1250):
                perfkit.event("work", i=i, k=k)
        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """
    )

    lines = ear.hear()

    assert sum(line.get("perfkit_dropped", 0) for line in lines) == 0
    assert sorted((line["i"], line["k"]) for line in lines) == [
        (i, k) for i in range(8) for k in range(1250)
    ]


def test_a_batch_is_sent_without_another_call(ear: Ear, application: Any) -> None:
    """A thread sends what a quiet application has left lying."""
    process = application("import sys, perfkit; perfkit.event('one'); sys.stdin.read()")
    sender = ear.accept()

    assert json.loads(sender.recv(65_536))["type"] == "one"
    assert process.poll() is None


# ── recorders that are absent, stopped, gone, back ──


def test_without_a_recorder_it_looks_once_a_second_and_finds_the_one_that_comes(
    tmp_path: Path, project_root: Path
) -> None:
    """Its clock is told here; a caller in a tight loop is let off even the clock."""
    code = """
        import sys
        import perfkit
        from perfkit import sdk
        now, looks = [1000.0], []
        sdk._monotonic = lambda: now[0]
        sdk._places = lambda: looks.append(now[0]) or iter(())
        for _ in range(10_000):
            perfkit.event("x", a=1)
            now[0] += 0.001
        assert len(looks) == 10, len(looks)
        for _ in range(10_000):
            perfkit.event("x", a=1)
            now[0] += 1e-6
        assert len(looks) <= 11, len(looks)
        now[0] += 5
        for _ in range(64):
            perfkit.event("x", a=1)
        assert len(looks) <= 12 and looks[-1] == now[0]
        assert sdk._link._encode is None and "json" not in sys.modules
        """
    environment = {**os.environ, "PYTHONPATH": str(project_root)}
    environment.pop("PERFKIT_SOCKET", None)
    words = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_recorder_that_takes_nothing_neither_blocks_nor_fills_the_memory(
    ear: Ear, application: Any
) -> None:
    """A stopped one: beyond a mebibyte lines are dropped, and told exactly once it goes on."""
    process = application(
        """
        import sys, perfkit
        perfkit.event("begin")
        print("ready", flush=True)
        sys.stdin.readline()
        for i in range(60_000):
            perfkit.event("work", i=i, text="x" * 100)
        size = open("/proc/self/status").read().split("VmRSS:")[1].split()[0]
        print(size, len(perfkit.sdk._link._unsent), flush=True)
        sys.stdin.readline()
        perfkit.event("end")
        """
    )
    assert process.stdout.readline() == "ready\n"
    sender = ear.accept()
    process.stdin.write("go\n")
    process.stdin.flush()
    size_kib, backlog = map(int, process.stdout.readline().split())

    assert backlog < 2 * 2**20
    assert size_kib < 60_000
    process.stdin.write("end\n")
    process.stdin.flush()
    data = read_all(sender)
    lines = [json.loads(line) for line in data.splitlines()]
    dropped = sum(line.get("perfkit_dropped", 0) for line in lines)
    of_ours = [line for line in lines if line["type"] != "perfkit.dropped"]
    assert dropped > 0
    assert len(of_ours) + dropped == 60_002
    assert process.wait() == 0


def test_a_stopped_recorder_does_not_keep_the_application_from_ending(
    ear: Ear, application: Any
) -> None:
    """At exit it waits only as long as something is taken."""
    process = application(
        """
        import perfkit
        for i in range(60_000):
            perfkit.event("work", i=i, text="x" * 100)
        """
    )
    ear.accept()

    assert process.wait(timeout=60) == 0


def test_a_recorder_that_leaves_is_let_go_and_the_next_one_found(
    ear: Ear, application: Any
) -> None:
    """EPIPE is nobody's business but ours, whatever the application does with SIGPIPE."""
    process = application(
        """
        import itertools, signal, sys, time, perfkit
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        print("ready", flush=True)
        for i in itertools.count():
            perfkit.event("work", i=i)
            time.sleep(0.005)
        """
    )
    assert process.stdout.readline() == "ready\n"
    first = ear.accept()
    assert first.recv(100)
    first.close()
    ear.close()
    again = Ear(ear.path)
    second = again.accept()
    data = second.recv(65_536)
    again.close()

    assert json.loads(data[: data.index(b"\n")])["type"] == "work"  # never the rest of a line
    assert process.poll() is None


def test_kill_9_of_the_application_leaves_whole_lines(ear: Ear, application: Any) -> None:
    """It may lose the last 50 ms; what came is intact but for a torn last line."""
    process = application(
        """
        import perfkit
        print("ready", flush=True)
        i = 0
        while True:
            perfkit.event("work", i=i)
            i += 1
        """
    )
    sender = ear.accept()
    data = sender.recv(65_536) + sender.recv(65_536)
    process.send_signal(signal.SIGKILL)
    data += read_all(sender)

    *whole, _torn = data.split(b"\n")
    assert [json.loads(line)["i"] for line in whole if b"dropped" not in line][:100] == [
        *range(100)
    ]
    assert all(json.loads(line)["type"] == "work" for line in whole)


def test_calls_from_a_signal_handler_are_kept(ear: Ear, application: Any) -> None:
    """A handler may interrupt any call, a flush included."""
    application(
        """
        import signal, perfkit
        count = [0]
        def handler(*_):
            count[0] += 1
            perfkit.event("signal")
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        import time; time.sleep(0.01)  # the first ones while the SDK is loaded
        for i in range(30_000):
            perfkit.event("work")
        signal.setitimer(signal.ITIMER_REAL, 0)
        perfkit.event("count", signals=count[0])
        """
    )

    lines = ear.hear()

    (told,) = [line["signals"] for line in lines if line["type"] == "count"]
    assert told > 0
    # what is said while the same thread is loading the SDK goes unheard
    assert told - 20 <= sum(line["type"] == "signal" for line in lines) <= told
    assert sum(line["type"] == "work" for line in lines) == 30_000


def test_an_import_lock_that_is_interrupted_raises_nothing(ear: Ear, application: Any) -> None:
    """As CPython 3.11 does when a handler imports while its own thread takes a lock: once, unheard."""
    application(
        """
        import sys
        class Interrupted:
            def find_spec(self, name, *_):
                if name == "perfkit.model.wire":
                    sys.meta_path.remove(self)
                    raise KeyError(139902648023936)
        sys.meta_path.insert(0, Interrupted())
        import perfkit
        perfkit.event("unheard")
        perfkit.event("heard")
        """
    )

    assert [line["type"] for line in ear.hear()] == ["heard"]


# ── what it costs to have it ──


def test_only_the_first_use_loads_the_sdk_and_only_a_recorder_loads_json(
    project_root: Path,
) -> None:
    """Everything else of the standard library that it needs is part of the interpreter."""
    code = f"""
        import os, sys; sys.path.insert(0, {str(project_root)!r})
        before = set(sys.modules)
        import perfkit
        assert not any("sdk" in name for name in sys.modules)
        perfkit.event("x")
        print(*sorted(set(sys.modules) - before))
    """
    environment = {key: value for key, value in os.environ.items() if key != "PERFKIT_SOCKET"}
    words = [sys.executable, "-S", "-E", "-c", textwrap.dedent(code)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)

    loaded = set(done.stdout.split())
    assert loaded - {"__future__", "_socket", "itertools", "time", "_contextvars", "atexit"} == {
        "perfkit", "perfkit.version", "perfkit.sdk", "perfkit.model", "perfkit.model.wire",
    }  # fmt: skip


def test_the_package_has_its_names_and_no_others() -> None:
    """A wrong one is an AttributeError as of any module, before and after the first use."""
    import perfkit

    assert {"event", "gauge", "span", "timed"} <= set(dir(perfkit))
    with pytest.raises(AttributeError):
        perfkit.evnt  # noqa: B018
    assert callable(perfkit.event)
    with pytest.raises(AttributeError):
        perfkit.evnt  # noqa: B018
