"""Pairs of runs: real processes, short ones, and what can go wrong with either side."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from perfkit.model.run import FailedRun, Pair, Run
from perfkit.workflows import duet, duet_launcher, orphans
from perfkit.workflows.duet import Side, run_pair, run_sides
from perfkit.workflows.instructions import why_not

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the runner is Linux's")

CORE = min(os.sched_getaffinity(0)) if sys.platform == "linux" else 0
BURN = "import time\nwhile time.process_time() < {seconds}: pass"


def python(name: str, code: str, **options: Path) -> Side:
    """A side that runs a few lines of Python in a small interpreter."""
    return Side(name, (sys.executable, "-S", "-E", "-c", code), **options)


def only(runs: Mapping[str, Run | FailedRun]) -> Run:
    (run,) = runs.values()
    assert isinstance(run, Run), run
    return run


def failure(runs: Mapping[str, Run | FailedRun]) -> FailedRun:
    (run,) = runs.values()
    assert isinstance(run, FailedRun)
    return run


def test_both_sides_run_at_once_on_the_core() -> None:
    """Their times overlap, and each needs about twice its CPU time for want of the other's half."""
    burn = BURN.format(seconds=0.15)
    pair = run_pair((python("base", burn), python("head", burn)), random.Random(1), core=CORE)
    runs = pair.measured()

    assert runs is not None
    assert [*runs] == ["base", "head"]
    base, head = runs.values()
    assert base.started_ns < head.ended_ns
    assert head.started_ns < base.ended_ns
    assert base.cpu_s >= 0.15
    assert max(base.wall_s, head.wall_s) >= 0.3


def test_one_after_the_other_they_do_not_overlap() -> None:
    """For wall time: whoever came first has ended before the second is let go."""
    sides = (python("base", "pass"), python("head", "pass"))
    pair = run_pair(sides, random.Random(1), core=None, together=False)
    runs = pair.measured()

    assert runs is not None
    second = "head" if pair.first == "base" else "base"
    assert runs[pair.first].ended_ns <= runs[second].started_ns


def test_the_order_is_left_to_chance_and_the_chance_is_seeded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both orders come up about as often; the same seed gives the same; results keep the names."""
    orders: list[list[str]] = []

    def note(sides: list[Side], **_: object) -> dict[str, Run | FailedRun]:
        orders.append([side.name for side in sides])
        return {side.name: FailedRun(f"of {side.name}") for side in sides}

    monkeypatch.setattr(duet, "run_sides", note)
    sides = (Side("base", ("a",)), Side("head", ("b",)))
    twice = []
    for _ in range(2):
        chance = random.Random(7)
        twice.append([run_pair(sides, chance, core=0) for _ in range(200)])

    assert twice[0] == twice[1]
    assert [pair.first for pair in twice[0]] == [order[0] for order in orders[:200]]
    assert 70 < sum(pair.first == "base" for pair in twice[0]) < 130
    assert all(str(pair.runs["head"]) == "of head" for pair in twice[0])


def test_the_figures_hold_reaped_children() -> None:
    """CPU of a child that was waited for is its parent's."""
    code = f"import os\nif os.fork() == 0:\n  exec({BURN.format(seconds=0.1)!r})\n  os._exit(0)\nos.wait()"
    run = only(run_sides([python("a", code)], core=CORE))

    assert run.cpu_s >= 0.1
    assert run.voluntary_switches >= 1


def test_the_peak_is_the_commands_and_not_that_of_whoever_asks() -> None:
    """`true` asked for by a process of 500 MB: it cannot be told from the small launcher."""
    code = f"""
import sys
sys.path[:0] = {[*sys.path]!r}
ballast = bytearray(500 << 20)
ballast[::4096] = b"x" * len(ballast[::4096])
from perfkit.workflows.duet import Side, run_sides
large = ("{sys.executable}", "-S", "-c", "x = bytearray(60 << 20); x[::4096] = b'x' * len(x[::4096])")
runs = run_sides([Side("true", ("true",)), Side("large", large)], core=None)
print(runs["true"].peak_rss_bytes, runs["large"].peak_rss_bytes)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    true, large = result.stdout.split()

    assert true == "None"
    assert 60 << 20 < int(large) < 90 << 20


def test_each_side_has_its_own_folder_for_temporary_files(tmp_path: Path) -> None:
    """TMPDIR differs, exists, and is gone afterwards; the folder to work in is the side's."""
    code = "import os; open('told', 'w').write(os.environ['TMPDIR']); open(os.environ['TMPDIR'] + '/x', 'w')"
    folders = [tmp_path / "base", tmp_path / "head"]
    for folder in folders:
        folder.mkdir()
    run_sides([python(folder.name, code, cwd=folder) for folder in folders], core=None)
    told = [Path((folder / "told").read_text()) for folder in folders]

    assert told[0] != told[1]
    assert not any(path.exists() for path in told)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("sh", "-c", "echo first >&2; echo oh dear >&2; exit 3"), "it exited with 3: oh dear"),
        (("sh", "-c", "kill -9 $$"), "it was ended by signal 9 (Killed)"),
        (("/no/such/program",), "/no/such/program cannot be started (No such file or directory)"),
    ],
)
def test_a_side_that_fails_is_told_apart(words: tuple[str, ...], reason: str) -> None:
    """The other side is measured all the same; the pair is none."""
    runs = run_sides([Side("base", ("true",)), Side("head", words)], core=None)

    assert isinstance(runs["base"], Run)
    assert str(runs["head"]) == reason
    assert Pair("base", runs).measured() is None


def test_a_side_that_hangs_is_killed_with_all_its_children() -> None:
    """After the time allowed; nothing of its group is left."""
    before = time.monotonic()
    side = Side("hangs", ("sh", "-c", "sleep 1000 & sleep 1000"))
    seen: list[int] = []

    @contextlib.contextmanager
    def note(pids: Mapping[str, int]) -> Iterator[None]:
        seen.extend(pids.values())
        yield

    failed = failure(run_sides([side], core=None, timeout_s=0.3, beside=note))

    assert failed.reason == "it was killed after 0.3 s"
    assert time.monotonic() - before < 60
    assert _left_in_group(seen[0]) == []


def test_what_a_side_leaves_behind_is_ended_with_it() -> None:
    """A daemon of its group would go on beside the next pair."""
    seen: list[int] = []

    @contextlib.contextmanager
    def note(pids: Mapping[str, int]) -> Iterator[None]:
        seen.extend(pids.values())
        yield

    only(run_sides([Side("a", ("sh", "-c", "sleep 1000 &"))], core=None, beside=note))

    assert _left_in_group(seen[0]) == []


def test_what_goes_on_beside_is_there_before_the_sides_are_let_go() -> None:
    """It sees a process that is on its core and has not begun; afterwards it is gone."""
    seen: dict[str, tuple[set[int], bytes]] = {}

    @contextlib.contextmanager
    def look(pids: Mapping[str, int]) -> Iterator[None]:
        for name, pid in pids.items():
            seen[name] = os.sched_getaffinity(pid), Path(f"/proc/{pid}/cmdline").read_bytes()
        yield
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
        seen["left"] = set(), b""

    run = only(run_sides([Side("a", ("sh", "-c", ":"))], core=CORE, beside=look))

    assert run.cpu_s < 5
    assert seen["a"][0] == {CORE}
    assert b"duet_launcher" in seen["a"][1]
    assert "left" in seen


def test_nothing_is_run_when_what_goes_on_beside_cannot_begin(tmp_path: Path) -> None:
    """The sides that waited are ended; the error is the observer's."""
    seen: list[int] = []

    @contextlib.contextmanager
    def fail(pids: Mapping[str, int]) -> Iterator[None]:
        seen.extend(pids.values())
        raise LookupError("no recorder")
        yield

    with pytest.raises(LookupError, match="no recorder"):
        run_sides([Side("a", ("touch", str(tmp_path / "ran")))], core=None, beside=fail)

    assert not (tmp_path / "ran").exists()
    assert not Path(f"/proc/{seen[0]}").exists() or _alive_in_group(seen[0]) == []


def test_a_side_that_prints_megabytes_is_not_held_up() -> None:
    """Standard output goes nowhere; of standard error the last line is kept."""
    code = (
        "import sys, os\nos.write(1, b'x' * 5000000)\nos.write(2, b'y\\n' * 2000000)\nsys.exit(9)"
    )

    assert str(failure(run_sides([python("a", code)], core=None))) == "it exited with 9: y"


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1], "w").write(str(os.getpid()))
        time.sleep(1000)
    os._exit(0)
os.wait()
while not os.path.exists(sys.argv[1]): pass
"""


def test_a_daemon_that_left_the_group_is_found_and_ended(tmp_path: Path) -> None:
    """It has a session of its own and no parent; its TMPDIR tells whose it is."""
    told = tmp_path / "pid"
    words = (sys.executable, "-S", "-E", "-c", DAEMON, str(told))
    with orphans.adopting():
        runs = run_sides([Side("base", ("true",)), Side("head", words)], core=None)

    assert isinstance(runs["base"], Run)
    assert isinstance(runs["head"], Run)
    assert runs["base"].left_behind == ()
    assert [name[:6] for name in runs["head"].left_behind] == ["python"]
    assert not Path(f"/proc/{told.read_text()}").exists()


def test_what_stayed_in_the_group_is_named_too() -> None:
    """The small process ends it before we see it; its name is still known."""
    with orphans.adopting():
        run = only(run_sides([Side("a", ("sh", "-c", "sleep 1000 &"))], core=None))

    assert len(run.left_behind) == 1


def test_children_of_others_are_left_alone() -> None:
    """Only what came meanwhile is ended."""
    with orphans.adopting(), subprocess.Popen(["sleep", "1000"]) as mine:
        only(run_sides([Side("a", ("true",))], core=None))

        assert mine.poll() is None
        mine.kill()


def test_read_and_write_calls_are_counted_to_the_byte() -> None:
    """By the kernel, until the process is reaped; its reaped children are in the count."""
    plain = python("a", "import os; f = os.open('/dev/null', 1)")
    writing = python(
        "b", "import os; f = os.open('/dev/null', 1)\nfor _ in range(100): os.write(f, b'x' * 1000)"
    )
    runs = run_sides([plain, writing], core=None)
    a, b = runs["a"], runs["b"]

    assert isinstance(a, Run)
    assert isinstance(b, Run)
    if a.written_call_bytes is None or b.written_call_bytes is None:
        pytest.skip("this kernel keeps no account of calls")
    assert b.written_call_bytes - a.written_call_bytes == 100_000
    assert b.write_calls is not None
    assert a.write_calls is not None
    assert b.write_calls - a.write_calls == 100


def test_instructions_are_counted_or_the_reason_is_given() -> None:
    """Twice the loop is nearly twice the count where the hardware counts."""
    loop = "for _ in range({}): pass"
    sides = [python("a", loop.format(2_000_000)), python("b", loop.format(4_000_000))]
    runs = run_sides(sides, core=None, instructions=True)
    counts = [run.instructions for run in runs.values() if isinstance(run, Run)]

    if why_not():
        assert counts == [None, None]
        return
    a, b = counts
    assert a is not None
    assert b is not None
    assert 1.5 < b / a < 2


def test_in_a_duet_each_side_has_the_time_of_both() -> None:
    """They share the core, so that what takes as long as allowed alone is not killed in company."""
    burn = BURN.format(seconds=0.4)
    pair = run_pair(
        (python("base", burn), python("head", burn)), random.Random(1), core=CORE, timeout_s=0.7
    )

    assert pair.measured() is not None


def test_standard_error_without_end_does_not_fill_the_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its file is started anew once it has become large."""
    file = tmp_path / "errors"
    file.write_bytes(b"x" * 5000)
    monkeypatch.setattr(duet_launcher, "_MOST_ERROR_BYTES", 4096)
    side = object.__new__(duet_launcher.Side)
    side._errors = os.fsencode(file)
    side.shorten_errors()

    assert file.stat().st_size == 0
    file.unlink()
    side.shorten_errors()


def _left_in_group(group: int) -> list[int]:
    """Processes of a group that was killed, once they had time to die of it: at most 10 s."""
    deadline = time.monotonic() + 10
    while (left := _alive_in_group(group)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def _alive_in_group(group: int) -> list[int]:
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == group and fields[0] not in "ZX":
                    found.append(int(path.name))
    return found
