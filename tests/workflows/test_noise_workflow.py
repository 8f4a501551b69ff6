"""How noisy this machine is for a command: real processes, short ones, and commands that fail."""

from __future__ import annotations

import os
import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perfkit.errors import OutputRefused, UnusableInput, UsageError
from perfkit.model.noise import Noise
from perfkit.model.run import FailedRun, Pair, Run
from perfkit.model.verdict import ALTERNATING, DUET
from perfkit.sampling.host import fingerprint
from perfkit.workflows import noise as workflow
from perfkit.workflows.duet import Side
from perfkit.workflows.floor import read_floor
from perfkit.workflows.noise import measure, parse_command, parse_core

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the runner is Linux's")

RUN = Run(
    started_ns=0, ended_ns=10**9, cpu_user_s=0.2, cpu_system_s=0.05, peak_rss_bytes=10 << 20,
    minor_faults=100, major_faults=0, read_bytes=0, written_bytes=0, voluntary_switches=1,
    involuntary_switches=1,
)  # fmt: skip


class Machine:
    """Stands for the runner: runs that differ by chance, a duet's less than those alone."""

    def __init__(
        self, fails_together: bool = False, fails_alone: frozenset[int] = frozenset()
    ) -> None:
        self.chance = random.Random(5)
        self.asked: list[tuple[bool, int | None]] = []
        self.fails_together = fails_together
        self.fails_alone = fails_alone
        self.now_ns = 0

    def run(self, spread: float) -> Run:
        self.now_ns += 1
        return replace(
            RUN,
            started_ns=self.now_ns,
            ended_ns=self.now_ns + int(1e9 * (1 + abs(self.chance.gauss(0, spread)))),
            cpu_user_s=0.2 * (1 + self.chance.gauss(0, spread)),
        )

    def pair(
        self, sides: tuple[Side, Side], chance: random.Random, *, core: int | None,
        together: bool = True, **_: Any,
    ) -> Pair:  # fmt: skip
        self.asked.append((together, core))
        alone = sum(not one for one, _ in self.asked)
        if (together and self.fails_together) or (not together and alone in self.fails_alone):
            return Pair("base", {"base": FailedRun("it exited with 1"), "head": RUN})
        spread = 0.01 if together else 0.1
        return Pair("base", {side.name: self.run(spread) for side in sides})

    def sides(self, sides: list[Side], **_: Any) -> dict[str, Run]:
        return {side.name: RUN for side in sides}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return installed(Machine(), monkeypatch)


def installed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(workflow, "run_pair", machine.pair)
    monkeypatch.setattr(workflow, "run_sides", machine.sides)
    return machine


def designs_of(noise: Noise, metric: str) -> dict[str, int]:
    return {one.design: one.pairs for one in noise.metrics if one.metric == metric}


def test_real_runs_of_a_small_command(tmp_path: Path) -> None:
    """Five pairs of each; the floor file holds the runs alone in order, as many as there were."""
    path = tmp_path / "floor.json"
    code = "import os; assert os.environ['TMPDIR']; x = bytearray(30 << 20); sum(range(300000))"
    noise = measure((sys.executable, "-S", "-c", code), pairs=5, floor=path)

    assert designs_of(noise, "cpu_s") == {DUET: 5, ALTERNATING: 5}
    assert designs_of(noise, "peak_rss_bytes") == {DUET: 5}
    assert designs_of(noise, "wall_s") == {ALTERNATING: 5}
    assert noise.failed == ()
    assert noise.elapsed_s > 0
    assert noise.others_cores is not None
    assert noise.others_cores >= 0
    cpu = next(one for one in noise.runs if one.metric == "cpu_s")
    assert cpu.runs == 10
    assert cpu.typical > 0
    written = read_floor(path)
    assert written.host == fingerprint()
    (series,) = written.series
    assert {len(values) for values in series.runs.values()} == {10}


def test_duets_and_runs_alone_take_turns(machine: Machine) -> None:
    """So that both see the same machine; the duets on one core, the others on any."""
    noise = measure(("x",), pairs=6)

    core = max(os.sched_getaffinity(0))
    assert machine.asked == [(True, core), (False, None)] * 6
    assert not noise.pinned
    duet = next(one for one in noise.metrics if one.metric == "cpu_s" and one.design == DUET)
    apart = next(
        one for one in noise.metrics if one.metric == "cpu_s" and one.design == ALTERNATING
    )
    assert duet.gating
    assert not apart.gating
    assert duet.noise is not None
    assert apart.noise is not None
    assert apart.noise > 2 * duet.noise
    assert any("Keep the duet" in sentence for sentence in noise.advice)
    assert "instructions" in noise.absent


def test_a_pinned_measurement_keeps_all_runs_to_the_core(machine: Machine) -> None:
    """--cpu holds for both designs."""
    core = min(os.sched_getaffinity(0))
    assert measure(("x",), pairs=5, core=core).pinned
    assert {where for _, where in machine.asked} == {core}


def test_a_command_that_fails_only_in_company_is_measured_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After three failed duets; the gating metrics are then those of runs in turn."""
    machine = installed(Machine(fails_together=True), monkeypatch)
    noise = measure(("x",), pairs=6)

    assert sum(together for together, _ in machine.asked) == 3
    assert designs_of(noise, "cpu_s") == {ALTERNATING: 6}
    assert designs_of(noise, "peak_rss_bytes") == {ALTERNATING: 6}
    assert all(one.gating for one in noise.metrics if one.metric == "cpu_s")
    assert noise.failed == ("in company: it exited with 1",) * 3
    assert noise.advice[0].startswith("Two copies at once do not work here")


def test_a_run_that_failed_is_no_figure_and_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two failures are told; the third ends it."""
    installed(Machine(fails_alone=frozenset({2, 4})), monkeypatch)
    noise = measure(("x",), pairs=5)
    assert designs_of(noise, "wall_s") == {ALTERNATING: 5}
    assert noise.failed == ("alone: it exited with 1",) * 2

    installed(Machine(fails_alone=frozenset({2, 3, 4})), monkeypatch)
    with pytest.raises(UnusableInput, match="CMD failed 3 times: it exited with 1"):
        measure(("x",), pairs=5)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("/no/such/program",), "cannot be started"),
        (("sh", "-c", "echo oh dear >&2; exit 3"), "it exited with 3: oh dear"),
        (("sleep", "1000"), "it was killed after 0.2 s"),
    ],
)
def test_a_command_that_does_not_work_ends_it_at_once(words: tuple[str, ...], says: str) -> None:
    """Nothing measured is an error, never a quiet machine."""
    with pytest.raises(UnusableInput, match=says):
        measure(words, pairs=5, timeout_s=0.2)


def test_each_side_has_its_own_name_in_the_command(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For ports, files and databases that two copies must not share."""
    seen: set[tuple[str, ...]] = set()

    def pair(sides: tuple[Side, Side], *given: Any, **options: Any) -> Pair:
        seen.update(side.words for side in sides)
        return machine.pair(sides, *given, **options)

    monkeypatch.setattr(workflow, "run_pair", pair)
    measure(("serve --socket={side}.sock",), pairs=5)

    assert seen == {("serve", "--socket=base.sock"), ("serve", "--socket=head.sock")}


def test_an_output_that_would_be_refused_is_so_before_anything_is_run(
    machine: Machine, tmp_path: Path
) -> None:
    """A minute of runs is not made for nothing."""
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    for bad in (path, tmp_path, tmp_path / "none" / "x.json", tmp_path / "x.parquet"):
        with pytest.raises(OutputRefused):
            measure(("x",), pairs=5, floor=bad)

    assert machine.asked == []
    assert path.read_text() == "mine"


def test_a_single_word_is_split_as_a_shell_would() -> None:
    """As gate does with --base; several words are taken as they are."""
    assert parse_command(("python -c 'print(1)'",)) == ("python", "-c", "print(1)")
    assert parse_command(("python", "-c", "print( 1)")) == ("python", "-c", "print( 1)")
    assert parse_command(()) == ()
    for bad in ("'", "", "  "):
        with pytest.raises(UsageError):
            parse_command((bad,))


def test_a_core_that_may_not_be_used_is_refused() -> None:
    """With those that may."""
    assert parse_core(None) is None
    with pytest.raises(
        UsageError, match="--cpu 4095 is no core that may be used here; choose from"
    ):
        parse_core(4095)
