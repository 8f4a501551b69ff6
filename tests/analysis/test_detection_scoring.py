"""Recall, delay and false alarms, against a count by hand and against a plain second opinion."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.analysis.detection_scoring import alarm_rate, score
from perfkit.model.detection import Examined, KnownFault
from perfkit.model.finding import Finding


def _finding(
    known_s: float,
    onset_s: float | None = None,
    metric: str | None = "cpu_percent",
    stage: str = "anomaly",
    kind: str = "anomaly",
    cause: str = "cpu",
) -> Finding:
    onset_ns = round((known_s if onset_s is None else onset_s) * 1e9)
    return Finding(
        stage, kind, cause, metric, round(known_s * 1e9), onset_ns, onset_ns, None, "low"
    )


def _faulty(*findings: Finding, metric: str = "cpu_percent", strength: float = 2.0) -> Examined:
    fault = KnownFault("hog", metric, 60.0, 80.0)
    return Examined("f.parquet", "hog", strength, 120.0, (fault,), findings)


def _clean(*findings: Finding) -> Examined:
    return Examined("c.parquet", "crowd", None, 720.0, (), findings)


@pytest.mark.parametrize(
    ("known_s", "onset_s", "delay_s"),
    [
        (60.0, 55.0, 0.0),
        (85.0, 60.0, 25.0),
        (63.5, 62.0, 3.5),
        (85.1, 70.0, None),
        (61.0, 54.9, None),
        (59.9, 59.0, None),
    ],
)
def test_a_fault_is_found_while_it_is_on_and_a_little_longer(
    known_s: float, onset_s: float, delay_s: float | None
) -> None:
    """Both ends count; what began long before it is something else."""
    (seen,) = score([_faulty(_finding(known_s, onset_s))], "anomaly").seen
    assert seen.delay_s == pytest.approx(delay_s)
    assert (seen.found is None) == (delay_s is None)


def test_false_alarms_are_those_of_clean_hours() -> None:
    """Before a fault and in clean recordings; after a fault nothing counts."""
    told = score(
        [_faulty(_finding(30.0), _finding(61.0), _finding(110.0)), _clean(_finding(700.0))],
        "anomaly",
    )
    assert [(one.file, one.clean) for one in told.false_alarms] == [
        ("f.parquet", False),
        ("c.parquet", True),
    ]
    assert told.rate.hours == pytest.approx((60 + 720) / 3600)
    assert (told.rate.alarms, told.clean_rate.alarms) == (2, 1)
    assert told.clean_rate.hours == pytest.approx(0.2)


def test_a_finding_counts_once_and_only_if_somebody_is_told() -> None:
    """Later emissions of it, suppressed ones and other stages do not count."""
    again = [_finding(61.0, 60.0), _finding(62.0, 60.0)]
    other = [_finding(61.0, stage="baseline"), _finding(10.0, kind="suppressed")]
    told = score([_clean(*again, *other)], "anomaly")
    assert [one.finding for one in told.false_alarms] == again[:1]


@pytest.mark.parametrize(
    ("metric", "cause", "named"),
    [
        ("latency_ms_mean", "x", True),
        ("latency_ms_p95", "latency", True),
        (None, "latency", True),
        ("rss_bytes", "memory", False),
    ],
)
def test_what_a_finding_names_is_held_against_the_truth(
    metric: str | None, cause: str, named: bool
) -> None:
    """The metric itself, or its cause."""
    one = _faulty(_finding(61.0, metric=metric, cause=cause), metric="latency_ms_mean")
    told = score([one], "anomaly")
    assert told.total.found == 1
    assert told.total.named == named


def test_a_neighbour_that_is_heard_first_hides_no_delay() -> None:
    """The delay of what names the fault stands beside that of whatever came first."""
    neighbour = _finding(60.5, metric="system_cpu_percent", cause="neighbour")
    told = score([_faulty(neighbour, _finding(70.0))], "anomaly").total
    assert (told.median_delay_s, told.named_median_delay_s) == (0.5, 10.0)
    alone = score([_faulty(neighbour)], "anomaly").total
    assert (alone.found, alone.named, alone.named_late_delay_s) == (1, 0, None)


def test_delays_are_those_of_what_was_found() -> None:
    """Median and the delay that nine of ten stay within; a miss has none."""
    found = [_faulty(_finding(60.0 + delay)) for delay in range(1, 11)]
    told = score([*found, _faulty()], "anomaly")
    assert (told.total.median_delay_s, told.total.late_delay_s) == (5.0, 9.0)
    assert told.total.share == pytest.approx(10 / 11)
    assert len(told.misses) == 1


def test_the_upper_bound_is_exact() -> None:
    """So many or fewer would come with five in a hundred, were the rate the bound's."""
    for alarms in (0, 1, 4, 30):
        most = alarm_rate(alarms, 2.0).most_per_hour
        assert most is not None
        mean = most * 2.0
        chance = sum(
            math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(alarms + 1)
        )
        assert chance == pytest.approx(0.05, rel=1e-6)
    assert alarm_rate(0, 5.0).most_per_hour == pytest.approx(math.log(20) / 5)
    assert alarm_rate(0, 0.0).most_per_hour is None


_MOMENTS = st.integers(0, 120).map(float)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, 1.25, 2.0, 4.0]),
            st.lists(st.tuples(_MOMENTS, _MOMENTS), max_size=5, unique_by=lambda one: one[1]),
        ),
        max_size=8,
    )
)
def test_counts_are_those_of_a_plain_second_opinion(
    drawn: list[tuple[float | None, list[tuple[float, float]]]],
) -> None:
    """Faults found by strength, false alarms and hours, counted one by one."""
    recordings = []
    found: dict[float, int] = {}
    faults: dict[float, int] = {}
    alarms, seconds = 0, 0.0
    for strength, moments in drawn:
        findings = [_finding(known, onset) for known, onset in moments]
        recordings.append(
            _clean(*findings) if strength is None else _faulty(*findings, strength=strength)
        )
        if strength is None:
            alarms += len(findings)
            seconds += 720
            continue
        faults[strength] = faults.get(strength, 0) + 1
        found[strength] = found.get(strength, 0) + any(
            60 <= known <= 85 and onset >= 55 for known, onset in moments
        )
        alarms += sum(known < 60 for known, _ in moments)
        seconds += 60
    told = score(recordings, "anomaly")
    assert {one.strength: one.faults for one in told.by_strength} == faults
    assert {one.strength: one.found for one in told.by_strength} == found
    assert told.total.found == sum(found.values())
    assert len(told.false_alarms) == told.rate.alarms == alarms
    assert told.rate.hours == pytest.approx(seconds / 3600)
