"""The gate over commands: real processes, what they may do wrong, and what is said of it."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perfkit.errors import OutputRefused, UnusableInput, UsageError
from perfkit.gate.decision import Terms
from perfkit.model.verdict import (
    ALTERNATING,
    DUET,
    IMPROVED,
    PASSED,
    REGRESSED,
    UNCHANGED,
    UNDECIDED,
    Comparison,
    MetricVerdict,
)
from perfkit.workflows.gate import Request, choose_metrics, gate
from perfkit.workflows.recorded_runs import observations_of_sessions

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the runner is Linux's")

FEW = Terms(max_pairs=2)
LOOP = "for _ in range({}): pass"


def python(code: str) -> str:
    """A command line for a few lines of Python in a small interpreter."""
    return shlex.join([sys.executable, "-S", "-E", "-c", code])


def decide(base: str, head: str, metric: str | None = "cpu_s", **options: Any) -> Comparison:
    """A gate without recordings, of two pairs at most unless told otherwise."""
    options = {"terms": FEW, "max_time_s": 600.0, "timeout_s": 60.0, "record": False} | options
    options = {"warmup": 0, "seed": 1} | options
    return gate(Request(base=base, head=head, metrics=choose_metrics(metric), **options))


def metric(comparison: Comparison, name: str) -> MetricVerdict:
    (one,) = [one for one in comparison.metrics if one.metric == name]
    return one


# ── what it decides ──


def test_twice_the_work_is_a_regression_and_its_mirror_an_improvement() -> None:
    """CPU time alone decides; the swapped sides never regress."""
    once, twice = python(LOOP.format(2_000_000)), python(LOOP.format(4_000_000))
    worse = decide(once, twice, terms=Terms())
    better = decide(twice, once, terms=Terms())

    assert worse.verdict == REGRESSED
    assert metric(worse, "cpu_s").verdict == REGRESSED
    assert better.verdict == PASSED
    assert metric(better, "cpu_s").verdict == IMPROVED


def test_more_memory_regresses_by_default_and_the_why_names_it() -> None:
    """The peak is one of the metrics that decide when nothing is chosen."""
    small, large = (python(f"x = bytearray({size} << 20); x[::4096] = b'x' * len(x[::4096])")
                    for size in (40, 60))  # fmt: skip
    comparison = decide(small, large, None, terms=Terms())

    assert comparison.verdict == REGRESSED
    assert metric(comparison, "peak_rss_bytes").verdict == REGRESSED
    assert comparison.reasons


def test_a_sleep_is_seen_by_wall_time_and_measured_one_after_the_other() -> None:
    """CPU time would not notice."""
    comparison = decide(
        python("import time; time.sleep(0.02)"),
        python("import time; time.sleep(0.3)"),
        "wall_s",
        terms=Terms(),
    )

    assert comparison.verdict == REGRESSED
    assert metric(comparison, "wall_s").design == ALTERNATING
    assert any("waits longer" in reason for reason in comparison.reasons)


def test_what_does_not_decide_is_named() -> None:
    """Metrics that were not chosen, and those that cannot be had, with the reason."""
    comparison = decide("true", "true", "peak_rss_bytes,cpu_s")

    assert "wall_s" in comparison.not_gated
    (peak,) = [one for one in comparison.not_gated if one.startswith("peak_rss_bytes")]
    assert re.search(r"below \d+ MiB", peak)
    assert not any(one.metric == "peak_rss_bytes" for one in comparison.metrics)


def test_a_peak_that_only_head_shows_is_compared_with_what_base_has_at_most() -> None:
    """`true` is smaller than what starts it; a program of 60 MB is not."""
    large = python("x = bytearray(60 << 20); x[::4096] = b'x' * len(x[::4096])")
    comparison = decide("true", large, "peak_rss_bytes", terms=Terms())

    assert metric(comparison, "peak_rss_bytes").verdict == REGRESSED


def test_if_only_unmeasurable_metrics_were_chosen_it_is_unusable() -> None:
    """Nothing to decide by is no pass."""
    with pytest.raises(UnusableInput, match="peak_rss_bytes"):
        decide("true", "true", "peak_rss_bytes")


def test_pairs_that_do_not_suffice_leave_it_undecided() -> None:
    """Two pairs decide nothing."""
    comparison = decide("true", "true")

    assert comparison.verdict == UNDECIDED
    assert metric(comparison, "cpu_s").pairs == 2


def test_the_seed_is_told_and_counts_are_right() -> None:
    """So that the order can be had again."""
    comparison = decide("true", "true", seed=77)

    assert comparison.seed == 77
    assert comparison.base.runs == comparison.head.runs == 2
    assert comparison.host


# ── sides ──


def test_side_is_replaced_in_commands_folders_and_setup(tmp_path: Path) -> None:
    """Each side finds what its own setup made."""
    for side in ("base", "head"):
        (tmp_path / side).mkdir()
    check = (
        "import os, sys; sys.exit(open('made').read() != '{side}' or os.getcwd()[-4:] != '{side}')"
    )
    comparison = decide(
        python(check),
        python(check),
        setup=shlex.join(["sh", "-c", "echo x >> times; printf {side} > made"]),
        cwd_base=tmp_path / "{side}",
        cwd_head=tmp_path / "{side}",
    )

    assert comparison.base.failed == comparison.head.failed == ()
    assert (tmp_path / "head" / "made").read_text() == "head"
    assert (tmp_path / "base" / "times").read_text() == "x\n"
    assert "{side}" not in comparison.head.source


def test_no_shell_sees_the_words(tmp_path: Path) -> None:
    """A semicolon is a word."""
    decide(f"true ; touch {tmp_path}/made", "true")

    assert not (tmp_path / "made").exists()


def test_warm_up_pairs_do_not_count(tmp_path: Path) -> None:
    """They run, and their figures are left out."""
    command = shlex.join(["sh", "-c", f"echo x >> {tmp_path}/" + "{side}"])
    comparison = decide(command, command, warmup=3)

    assert comparison.base.runs == 2
    assert (tmp_path / "base").read_text().count("x") == 5


def test_every_run_is_pinned_where_a_core_is_named(tmp_path: Path) -> None:
    """Alternating runs too."""
    core = min(os.sched_getaffinity(0))
    tell = python(
        f"import os; open('{tmp_path}/cores', 'a').write(str(os.sched_getaffinity(0)) + '\\n')"
    )
    decide(tell, tell, "cpu_s,wall_s", cpu=core)

    assert set((tmp_path / "cores").read_text().splitlines()) == {str({core})}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"cpu": 4096}, UsageError, "no core that may be used"),
        ({"cwd_head": Path("/no/such/folder")}, UnusableInput, "is no folder"),
        ({"setup": "/no/such/setup"}, UnusableInput, "cannot be started"),
        ({"setup": "sh -c 'echo oh dear >&2; exit 4'"}, UnusableInput, "exited with 4.*oh dear"),
        ({"setup": "'"}, UsageError, "cannot be split"),
        ({"setup": "sleep 1000", "max_time_s": 0.2}, UnusableInput, "took longer"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_measured(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    """One sentence, and which option it is about."""
    with pytest.raises(error, match=words):
        decide("true", "true", **options)


@pytest.mark.parametrize("command", ["'", " ", "a\0b"])
def test_a_command_that_is_none_is_refused(command: str) -> None:
    """Whatever was written, there are words to run or a sentence that says why not."""
    with pytest.raises(UsageError, match="--head"):
        decide("true", command)


def test_a_metric_that_does_not_exist_is_refused_with_those_that_do() -> None:
    """A misspelt name would otherwise gate on nothing."""
    with pytest.raises(UsageError, match=r"'cpu' is no metric; choose from cpu_s, .*, or all"):
        choose_metrics("cpu")
    assert all(one.gating for one in choose_metrics("all"))


# ── commands that misbehave ──


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("/no/such/program", "head: /no/such/program cannot be started"),
        ("sh -c 'echo oh dear >&2; exit 3'", "head: it exited with 3: oh dear"),
        ("sh -c 'kill -9 $$'", "head: it was ended by signal 9"),
    ],
)
def test_a_command_that_always_fails_is_unusable(head: str, words: str) -> None:
    """It is no data point; base's own end is told beside it where it was tried again."""
    with pytest.raises(UnusableInput, match=re.escape(words)):
        decide("true", head)


def test_a_command_that_cannot_be_started_is_not_tried_again(tmp_path: Path) -> None:
    """Another try would end the same."""
    with pytest.raises(UnusableInput):
        decide(shlex.join(["sh", "-c", f"echo x >> {tmp_path}/runs"]), "/no/such/program")

    assert (tmp_path / "runs").read_text() == "x\n"


def test_a_command_that_fails_now_and_then_is_tried_again_and_said(tmp_path: Path) -> None:
    """The failed run is named, and is in no figure."""
    code = f"""
import os, sys
try:
    os.close(os.open('{tmp_path}/failed', os.O_CREAT | os.O_EXCL))
except FileExistsError:
    sys.exit(0)
sys.exit(7)
"""
    comparison = decide("true", python(code))

    assert comparison.head.runs == 2
    assert comparison.base.failed == ()
    assert [reason[:16] for reason in comparison.head.failed] == ["it exited with 7"]
    assert metric(comparison, "cpu_s").design == DUET


def test_a_command_that_hangs_is_killed_and_unusable() -> None:
    """After --timeout, twice that in company, and no third time."""
    before = time.monotonic()
    with pytest.raises(UnusableInput, match=r"killed after .*raise --timeout"):
        decide("true", "sleep 1000", timeout_s=0.2)

    assert time.monotonic() - before < 60


def test_when_the_time_is_up_nothing_measured_is_unusable() -> None:
    """Never a pass, and not blamed on the command."""
    with pytest.raises(UnusableInput, match=r"nothing was measured within 0.3 s.*--max-time"):
        decide("true", "sleep 1000", max_time_s=0.3)


def test_when_the_time_is_up_what_was_measured_counts() -> None:
    """Undecided, with the reason; a run that this cut short is no failure."""
    comparison = decide("sleep 0.3", "sleep 0.3", terms=Terms(), max_time_s=1.5)

    assert comparison.verdict == UNDECIDED
    assert comparison.base.runs >= 1
    assert comparison.base.failed == ()
    assert any("--max-time" in note for note in comparison.notes)


def test_a_side_that_fails_only_in_company_is_measured_alone() -> None:
    """Whoever finds another child of its parent gives up; the report says why the runs alternate."""
    code = """
import os, sys
parent = os.getppid()
if len(open(f'/proc/{parent}/task/{parent}/children').read().split()) > 1:
    sys.exit('somebody else is here')
"""
    comparison = decide(python(code), python(code), "cpu_s,wall_s", warmup=1)

    assert comparison.base.runs == comparison.head.runs == 2
    assert metric(comparison, "cpu_s").design == ALTERNATING
    assert metric(comparison, "cpu_s").pairs == metric(comparison, "wall_s").pairs == 2
    note = next(note for note in comparison.notes if "only in company" in note)
    assert "fails only in company (it exited with 1: somebody else is here)" in note
    assert "{side}" in note


def test_daemons_are_ended_and_named(tmp_path: Path) -> None:
    """They would go on beside the next pair."""
    code = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open('{tmp_path}/' + str(os.getpid()), 'w').close()
        time.sleep(1000)
    os._exit(0)
os.wait()
while not os.listdir('{tmp_path}'): pass
"""
    comparison = decide("true", python(code))

    assert any("head leaves processes behind (python" in note for note in comparison.notes)
    assert not any(Path("/proc", name.name).exists() for name in tmp_path.iterdir())


def test_what_the_setup_left_running_stays_until_the_end(tmp_path: Path) -> None:
    """A server that both sides talk to is there for every pair, and gone afterwards."""
    server = f"(sleep 1000 & echo $! > {tmp_path}/" + "{side}) > /dev/null"
    check = python(
        f"import os; os.kill(int(open('{tmp_path}/' + '{{side}}').read()), 0)".replace(
            "{{side}}", "{side}"
        )
    )
    comparison = decide(check, check, setup=shlex.join(["sh", "-c", server]))
    pid = int((tmp_path / "base").read_text())

    assert comparison.base.failed == ()
    assert comparison.notes == ()
    assert not Path(f"/proc/{pid}").exists()


def test_megabytes_of_output_change_nothing() -> None:
    """Standard output and standard error of a run go nowhere."""
    loud = python(
        "import os\nfor _ in range(50): os.write(1, b'x' * 100000); os.write(2, b'x' * 100000)"
    )
    comparison = decide(loud, loud)

    assert comparison.base.runs == 2


def test_unequal_work_is_said() -> None:
    """Bytes that pass through calls are exact, so two percent is a different job."""
    write = "import os; f = os.open('/dev/null', 1); [os.write(f, b'x' * 1000) for _ in range({})]"
    comparison = decide(python(write.format(1000)), python(write.format(2000)))

    assert any("the work differs" in note and "write calls" in note for note in comparison.notes)


def test_hostile_last_words_stay_printable() -> None:
    """No escape sequence of a command reaches the terminal."""
    with pytest.raises(UnusableInput) as caught:
        decide("true", shlex.join(["sh", "-c", r"printf '\033[31m::error::\001' >&2; exit 1"]))

    assert str(caught.value).isprintable()


# ── recordings ──


def test_the_runs_are_kept_as_sessions_that_can_be_compared_later(tmp_path: Path) -> None:
    """A file a run, each with what the kernel said at its end."""
    burn = python("import time\nwhile time.process_time() < 0.05: pass")
    comparison = decide(burn, burn, "cpu_s,wall_s", record=True, sessions=tmp_path / "kept")
    names = sorted(path.name for path in (tmp_path / "kept" / "base").iterdir())
    side = observations_of_sessions(str(tmp_path / "kept" / "head"))

    assert len(names) == comparison.base.runs == 4
    assert all(re.fullmatch(r"\d{4}-(duet|alternating)\.parquet", name) for name in names)
    assert len(side.runs) == 4
    assert side.failed == ()
    assert [run.values["cpu_s"] >= 0.05 for run in side.runs if "cpu_s" in run.values] == [True] * 2
    assert sum("wall_s" in run.values for run in side.runs) == 2
    assert side.runs[0].session.command.startswith(sys.executable)


def test_a_folder_that_holds_something_is_not_mixed_with_new_sessions(tmp_path: Path) -> None:
    """Yesterday's runs are not today's."""
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "old.parquet").touch()

    with pytest.raises(OutputRefused, match="not empty"):
        decide("true", "true", record=True, sessions=tmp_path)


def test_a_regression_comes_with_the_process_that_it_is_in() -> None:
    """The recordings know which of two it was."""
    child = "import time\nwhile time.process_time() < {}: pass"
    tree = (
        "import os\nif os.fork() == 0:\n"
        "  open('/proc/self/comm', 'w').write('worker')\n"
        "  exec({!r})\n  os._exit(0)\nos.wait()"
    )
    comparison = decide(
        python(tree.format(child.format(0.2))),
        python(tree.format(child.format(0.4))),
        record=True,
        terms=Terms(),
    )

    assert comparison.verdict == REGRESSED
    assert any("uses more CPU" in reason for reason in comparison.reasons)


def test_a_recorder_that_cannot_work_takes_no_figure_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The figures are the kernel's; that recordings are missing is said."""

    def refuse(*_: object, **__: object) -> None:
        raise OutputRefused("no room")

    monkeypatch.setattr("perfkit.workflows.gate_recording.start_recorder", refuse)
    comparison = decide("true", "true", record=True)

    assert comparison.base.runs == 2
    assert any("no room" in note for note in comparison.notes)


# ── the end ──


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_it_leaves_nothing_behind(
    number: signal.Signals, tmp_path: Path, perfkit_command: Callable[..., list[str]]
) -> None:
    """No process of either side, no folder for temporary files."""
    told = tmp_path / "pids"
    sleep = python(
        f"import os, time; open('{told}', 'a').write(str(os.getpid()) + '\\n'); time.sleep(1000)"
    )
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        perfkit_command("gate", "--base", sleep, "--head", sleep),
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while process.poll() is None and (not told.exists() or told.read_text().count("\n") < 2):
        time.sleep(0.01)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)

    assert process.returncode == 128 + number
    assert b"Traceback" not in error
    assert list(temporary.iterdir()) == []
    with contextlib.suppress(FileNotFoundError):
        assert not any(Path("/proc", pid).exists() for pid in told.read_text().split())


def test_unchanged_needs_more_than_one_pair() -> None:
    """One run is undecided, whatever it says."""
    comparison = decide("true", "true", terms=Terms(max_pairs=1))

    assert comparison.verdict == UNDECIDED
    assert metric(comparison, "cpu_s").verdict != UNCHANGED


def test_pairs_in_company_do_not_count_once_a_side_failed_there(tmp_path: Path) -> None:
    """Whatever spoilt the failed ones may have spoilt those before as well."""
    code = f"""
import os, sys
open('{tmp_path}/count', 'a').write('x')
parent = os.getppid()
company = len(open(f'/proc/{{parent}}/task/{{parent}}/children').read().split()) > 1
if company and os.path.getsize('{tmp_path}/count') > 4:
    sys.exit('somebody else is here')
"""
    wait = python("import time; time.sleep(0.5)")
    comparison = decide(wait, python(code), "cpu_s,wall_s", terms=Terms(max_pairs=4))

    assert any(
        "2 pairs that ran in company before that do not count" in n for n in comparison.notes
    )
    assert metric(comparison, "cpu_s").design == ALTERNATING
    assert metric(comparison, "cpu_s").pairs == metric(comparison, "wall_s").pairs == 4
    assert comparison.head.runs == 4
