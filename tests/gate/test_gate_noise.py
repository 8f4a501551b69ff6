"""What runs of an unchanged command show: spread, neighbours, floors, and the advice on it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.gate.decision import Terms
from perfkit.gate.metrics import GATE_METRICS
from perfkit.gate.noise import (
    advice,
    autocorrelation,
    floor_for,
    floors_of,
    logarithms,
    pair_noise,
    run_noise,
    shift_between,
    spread,
)
from perfkit.model.noise import Floor, MetricNoise, Noise, RunNoise, Series
from perfkit.model.verdict import ALTERNATING, DUET

METRICS = {metric.name: metric for metric in GATE_METRICS}
CPU = METRICS["cpu_s"]


def naive_shift(series: list[list[float]], size: int) -> float | None:
    """Block by block, other by other."""
    blocks = [
        (at, start, float(np.median(values[start : start + size])))
        for at, values in enumerate(series)
        for start in range(len(values) - size + 1)
    ]
    shifts = [
        abs(median - other)
        for at, start, median in blocks
        for where, begin, other in blocks
        if at != where or abs(start - begin) >= size
    ]
    return max(shifts, default=None)


@given(
    st.lists(
        st.lists(st.floats(-3, 3, allow_nan=False), min_size=1, max_size=9), min_size=1, max_size=4
    ),
    st.integers(1, 5),
)
def test_the_floor_is_the_largest_of_all_blocks_against_each_other(
    series: list[list[float]], size: int
) -> None:
    """The fast function and the plain loops agree."""
    wanted = naive_shift(series, size)
    found = shift_between([np.array(values) for values in series], size)

    assert (found is None) == (wanted is None)
    if wanted is not None:
        assert found == pytest.approx(wanted, abs=1e-12)


def test_a_day_that_was_slower_throughout_is_in_the_floor() -> None:
    """Two steady days that lie ten percent apart: no number of runs sees below that."""
    floor = Floor(
        {},
        "x",
        (
            Series("1", {"cpu_s": (1.0, 1.01, 0.99, 1.0) * 5}),
            Series("2", {"cpu_s": (1.1, 1.11, 1.09, 1.1) * 5}),
        ),
    )

    assert floors_of(floor, CPU, (10,))[10] == pytest.approx(math.log(1.1), abs=0.02)
    first = replace(floor, series=floor.series[:1])
    assert floors_of(first, CPU, (10,))[10] < 0.006


def test_where_the_file_knows_fewer_runs_the_floor_is_that_of_fewer() -> None:
    """Which is the higher one, so that nothing is called regressed for want of runs."""
    values = (1.0, 1.3, 1.0, 1.0, 1.0, 1.0)
    floor = Floor({}, "x", (Series("1", {"cpu_s": values}),))

    assert floor_for(floor, GATE_METRICS, 1) == {"cpu_s": pytest.approx(math.log(1.3))}
    assert floor_for(floor, GATE_METRICS, 40) == floor_for(floor, GATE_METRICS, 3)
    lone = Floor({}, "x", (Series("1", {"cpu_s": (1.0,)}),))
    assert floor_for(lone, GATE_METRICS, 1) == {}


def test_neighbours_that_know_nothing_of_one_another_have_no_correlation() -> None:
    """White noise is near 0; a wandering speed near 1; alternation negative."""
    generator = np.random.default_rng(4)
    white = generator.standard_normal(400)
    slow = np.empty(400)
    slow[0] = white[0]
    for at in range(1, 400):
        slow[at] = 0.8 * slow[at - 1] + white[at]

    assert abs(autocorrelation(white) or 0) < 0.15
    assert (autocorrelation(slow) or 0) > 0.65
    assert (autocorrelation(np.array([1.0, 2.0] * 10)) or 0) < -0.9


@pytest.mark.parametrize("values", [[1.0] * 20, [1.0, 2.0, 3.0], []])
def test_equal_or_few_values_have_no_correlation_to_tell(values: list[float]) -> None:
    """None, and not a division by zero."""
    assert autocorrelation(np.array(values)) is None


def test_one_wild_run_does_not_make_the_spread() -> None:
    """Robust, yet a spread that is there is never called none."""
    generator = np.random.default_rng(1)
    values = 0.01 * generator.standard_normal(200)
    values[7] = 5.0

    assert spread(values) == pytest.approx(0.01, rel=0.25)
    assert spread(np.array([0.0, 0.0, 0.0, 1.0])) > 0
    assert spread(np.zeros(5)) == 0


def test_none_against_none_is_no_difference() -> None:
    """Counts of zero, as of faults from storage, have logarithms all the same."""
    assert logarithms([0.0, 0.0], 1.0).tolist() == [0.0, 0.0]
    told = run_noise(METRICS["major_faults"], [0.0] * 10, {})
    assert told.noise == 0
    assert told.autocorrelation is None


def test_more_pairs_find_smaller_effects_and_too_few_find_none() -> None:
    """A duet's noise of 1.2 %: as the gate's own simulation has it."""
    generator = np.random.default_rng(3)
    pairs = [(1.0, math.exp(0.012 * value)) for value in generator.standard_normal(20)]
    told = pair_noise(CPU, pairs, design=DUET, gating=True, terms=Terms(), family=3)

    assert told.pairs == 20
    assert told.noise == pytest.approx(0.012, rel=0.5)
    assert told.largest == pytest.approx(max(abs(math.log(head)) for _, head in pairs))
    assert told.detectable[5] is None
    ten, twenty = told.detectable[10], told.detectable[20]
    assert ten is not None
    assert twenty is not None
    assert 0.015 < twenty < ten < 0.06


def test_three_pairs_say_nothing_of_what_would_be_found() -> None:
    """Too few to know the noise; zero pairs are no error."""
    three = pair_noise(CPU, [(1, 1.01)] * 3, design=DUET, gating=True, terms=Terms(), family=3)
    none = pair_noise(CPU, [], design=DUET, gating=True, terms=Terms(), family=3)

    assert set(three.detectable.values()) == {None}
    assert none.typical is none.noise is none.largest is None


# ── advice ──


def metric(
    name: str, design: str, noise: float, found: float | None, typical: float = 0.3
) -> MetricNoise:
    return MetricNoise(
        name, "s", design, True, 20, typical, noise, 3 * noise, {5: None, 10: found, 20: found}
    )


STEADY = Noise(
    command="x",
    core=1,
    pinned=False,
    pairs=20,
    seed=0,
    elapsed_s=10,
    host={"cores": 2},
    metrics=(
        metric("cpu_s", DUET, 0.01, 0.03),
        metric("cpu_s", ALTERNATING, 0.01, 0.03),
        metric("wall_s", ALTERNATING, 0.02, 0.1),
    ),
    runs=(RunNoise("cpu_s", "s", 40, 0.3, 0.01, 0.0, {}),),
    others_cores=0.0,
    stolen_cores=0.0,
)


def told(**changes: object) -> str:
    return "\n".join(advice(replace(STEADY, **changes), 0.03))  # type: ignore[arg-type]


def test_a_quiet_machine_is_told_that_the_gate_works() -> None:
    """One sentence, with the pairs that it takes."""
    assert told() == "A gate on CPU time works here: 10 pairs find a difference of 3.0 %."


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"metrics": (metric("cpu_s", DUET, 0.1, 0.3),)}, "finds a difference of 30.0 % even with 20"),
        ({"metrics": (metric("cpu_s", DUET, 0.1, None),)}, "take more pairs (--max-pairs)"),
        ({"metrics": (metric("cpu_s", DUET, 0.01, 0.03, 0.02),)}, "takes 20 ms of CPU time"),
        (
            {"metrics": (metric("cpu_s", DUET, 0.01, 0.03), metric("cpu_s", ALTERNATING, 0.1, 0.5))},
            "Keep the duet for CPU time: its pairs are 10 times as steady",
        ),
        (
            {"metrics": (*STEADY.metrics[:2], metric("wall_s", ALTERNATING, 0.3, None))},
            "Wall time finds no difference of any size in 20 pairs",
        ),
        ({"metrics": STEADY.metrics[1:]}, "Two copies at once do not work here"),
        (
            {"runs": (RunNoise("wall_s", "s", 40, 0.3, 0.1, 0.5, {}),)},
            "Neighbouring runs resemble each other",
        ),
        ({"others_cores": 1.5}, "Others used 1.5 of 2 cores meanwhile"),
        ({"stolen_cores": 0.2}, "The hypervisor took away 20 % of a core"),
        ({"host": {"governor": "powersave"}}, "(governor powersave): set it to performance"),
    ],
)  # fmt: skip
def test_each_cause_of_noise_has_its_remedy(changes: dict[str, object], says: str) -> None:
    """Pin, longer runs, more pairs, another metric, other company."""
    assert says in told(**changes)


def test_a_steadier_metric_is_named_where_cpu_time_is_not_enough() -> None:
    """By its name on the command line, since it is given to --metric."""
    steady = MetricNoise(
        "minor_faults", "count", DUET, False, 20, 900, 0.0, 0.0, {5: 0.02, 10: 0.02, 20: 0.02}
    )
    assert "minor_faults" in told(metrics=(metric("cpu_s", DUET, 0.1, 0.3), steady))
