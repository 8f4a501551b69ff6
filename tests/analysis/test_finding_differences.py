"""What two runs of the analysis say differently."""

from __future__ import annotations

from dataclasses import replace

from perfkit.analysis.differences import differences
from perfkit.model.finding import UP, Finding

ONE = Finding("alert", "alert", "cpu", "cpu_percent", 100, 50, 90, None, "medium", UP, 1.0)


def told(*pairs: tuple[Finding | None, Finding | None]) -> list[tuple[str, int | None, int | None]]:
    before = [one for one, _ in pairs if one is not None]
    after = [one for _, one in pairs if one is not None]
    return [
        (d.kind, d.before and d.before.known_at_ns, d.after and d.after.known_at_ns)
        for d in differences(before, after)
    ]


def test_the_same_stream_has_no_difference() -> None:
    """Nothing raised, missed or moved."""
    assert told((ONE, ONE)) == []


def test_what_only_one_run_says_is_raised_or_missed() -> None:
    """Of another metric, or at another time altogether."""
    other = replace(ONE, metric="rss_bytes")
    assert told((ONE, None), (None, other)) == [("missed", 100, None), ("raised", None, 100)]
    ended, late = replace(ONE, end_ns=120), replace(ONE, onset_ns=500, known_at_ns=550)
    assert told((ended, late)) == [("missed", 100, None), ("raised", None, 550)]


def test_the_same_thing_known_at_another_time_is_earlier_or_later() -> None:
    """Overlapping intervals are one thing; its later emissions do not count."""
    sooner = replace(ONE, onset_ns=40, known_at_ns=60)
    assert told((ONE, sooner)) == [("earlier", 100, 60)]
    assert told((sooner, ONE)) == [("later", 60, 100)]
    assert told((ONE, ONE), (replace(ONE, severity="high", known_at_ns=200), None)) == []
