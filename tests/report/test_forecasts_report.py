"""Forecasts in words and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from report_examples import plain_report

from perfkit.actions.decide import decide
from perfkit.model.finding import Finding
from perfkit.model.forecast import BEYOND, CLEAR, CROSSING, NOTICE, TOO_LITTLE, UNKNOWN, Forecast
from perfkit.report import Format, Page, renderer
from perfkit.report.forecasts import as_json, as_text, finding_as_text

PAGE = Page(width=200)
SURE = Forecast(
    kind="memory_exhaustion",
    cause="memory",
    metric="rss_bytes",
    against="what the machine can still give",
    falling=False,
    at_ns=120_000_000_000,
    horizon_s=300.0,
    state=CROSSING,
    level=NOTICE,
    probability=0.92,
    median_s=130.0,
    low_s=90.0,
    high_s=240.0,
    value=800.0 * 2**20,
    capacity=1024.0 * 2**20,
)
CALM = replace(
    SURE, kind="descriptor_exhaustion", metric="fds_nearest_count", state=CLEAR, level="",
    probability=0.01, median_s=None, low_s=None, high_s=None, value=37.0, capacity=1024.0,
)  # fmt: skip
SILENT = replace(
    CALM, kind="disk_exhaustion", metric="disk_free_bytes", state=UNKNOWN, reason="no values"
)


def text(*forecasts: Forecast) -> str:
    """What a person reads of them."""
    return as_text("s.parquet", 120_000_000_000, 300.0, forecasts, decide(forecasts), PAGE)


def test_a_sure_forecast_says_when_and_how_surely() -> None:
    """Median, interval, probability, level and capacity; and what to consider."""
    said = " ".join(text(SURE).replace("\u2009", " ").split())
    assert "notice memory exhaustion: rss_bytes 800 MiB, of 1.00 GiB" in said
    assert "92 % sure" in said
    assert "in about 2 m 10 s (80 %: 1 m 30 s to 4 m 00 s)" in said
    assert "high clear_cache (level aggressive): memory_exhaustion (rss_bytes)" in said


def test_a_forecast_says_what_it_rests_on() -> None:
    """How long it has been growing, how much of that the work explains, and what else is known."""
    grown = {"growing_s": 90.0, "lasting": 1.0, "explained_by_work_ratio": 0.25}
    said = text(replace(SURE, evidence={**grown, "psi_memory_some_percent_mean": 3.0}))
    said = " ".join(said.replace("\u2009", " ").replace("\u202f", " ").split())
    assert "92 % sure; growing for 1 m 30 s, steadily, 25 % of that goes with the work" in said
    assert "psi_memory_some_percent 3.00 %" in said
    queue = replace(SURE, evidence={**grown, "driven": 1.0, "worker_utilisation_ratio": 0.96})
    said = " ".join(text(queue).split())
    assert "foreseen by what drives it, worker_utilisation_ratio 96.0 %" in said
    assert "growing" not in said


def test_a_surge_that_is_not_believed_is_said() -> None:
    """Where it would be met if what goes on now went on, and why that is not to be expected."""
    surge = replace(CALM, surge_risk=0.9, evidence={"explained_by_work_ratio": 0.8})
    assert "(probability 1 %, 90 % if it just went on; it grows with the work)" in text(surge)
    assert "went on" not in text(replace(CALM, surge_risk=0.4))


def test_too_short_a_session_is_told_what_would_do() -> None:
    """The longest round horizon for which enough was seen, if there is one that is shorter."""
    short = replace(
        CALM,
        state=TOO_LITTLE,
        reason="65 s seen, 150 s needed",
        evidence={"longest_horizon_s": 130.0},
    )
    said = text(short)
    assert "not enough data (65 s seen, 150 s needed; enough for --set horizon=2m)" in said
    assert "horizon=" not in text(replace(short, evidence={"longest_horizon_s": 3.0}))
    assert "horizon=1m" in text(replace(short, horizon_s=70.0))


def test_nobody_reads_that_all_is_clear_where_it_is_not() -> None:
    """From a fifth on it says that it may well be."""
    said = " ".join(text(replace(CALM, probability=0.35)).split())
    assert "open descriptor exhaustion" in said
    assert "a crossing is less likely than not, 987 left" in said
    assert "  clear    descriptor exhaustion" in text(replace(CALM, probability=0.15))


def test_no_crossing_in_sight_has_its_margin() -> None:
    """Plainly, with what is left."""
    said = " ".join(text(CALM).split())
    assert "no crossing in sight, 987 left (probability 1 %)" in said
    assert "To consider" not in said


def test_what_cannot_be_said_says_why() -> None:
    """Kinds of one reason together; a kind of which something is known is left out."""
    lack = replace(SILENT, kind="fps_degradation", metric="fps")
    short = replace(
        SILENT,
        kind="cpu_saturation",
        state=TOO_LITTLE,
        reason="20 s of 100 s",
        evidence={"longest_horizon_s": 40.0},
    )
    other = replace(SURE, metric="cgroup_memory_bytes", state=UNKNOWN, reason="capacity unknown")
    said = " ".join(text(SURE, SILENT, lack, short, other).split())
    assert "disk exhaustion, fps degradation: no values" in said
    assert "cpu saturation: not enough data (20 s of 100 s; enough for --set horizon=30s)" in said
    assert "capacity unknown" not in said


def test_beyond_its_capacity_comes_first() -> None:
    """There is nothing left to foresee."""
    said = text(CALM, SURE, replace(CALM, kind="thread_exhaustion", state=BEYOND)).splitlines()
    assert said[1].split()[:3] == ["beyond", "thread", "exhaustion:"]
    assert "reached or passed already" in said[1]


def test_nothing_is_ever_quite_sure() -> None:
    """Neither 0 nor 100 %."""
    assert ">99 % sure" in text(replace(SURE, probability=0.9999))
    assert "<1 %" in text(replace(CALM, probability=0.0))


@pytest.mark.parametrize("width", [40, 80])
def test_it_fits_narrow_pages(width: int) -> None:
    """Long words about capacities are wrapped."""
    forecasts = (SURE, CALM, SILENT)
    page = Page(width=width)
    said = as_text("s.parquet", 120_000_000_000, 300.0, forecasts, decide(forecasts), page)
    assert max(map(len, said.splitlines())) <= width


def test_an_open_end_is_said() -> None:
    """An interval whose end lies beyond what is seen."""
    assert "or later)" in text(replace(SURE, high_s=None))
    assert "never" in text(replace(SURE, high_s=math.inf))


def test_nothing_recorded_is_said() -> None:
    """No forecasts at all."""
    assert "nothing is recorded that could run out" in text()


def test_json_has_every_forecast_and_decision() -> None:
    """Numbers that JSON does not know are null."""
    forecasts = (CALM, replace(SURE, high_s=math.inf), SILENT)
    said = json.loads(as_json("s", 120_000_000_000, 300.0, forecasts, decide(forecasts)))
    assert [one["kind"] for one in said["forecasts"]] == [
        "memory_exhaustion", "descriptor_exhaustion", "disk_exhaustion",
    ]  # fmt: skip
    first = said["forecasts"][0]
    assert (first["at_s"], first["median_s"], first["high_s"]) == (120.0, 130.0, None)
    assert first["margin"] == 224.0 * 2**20
    assert said["decisions"][0]["action"] == "clear_cache"


@pytest.mark.parametrize(
    ("known", "end_ns", "word"),
    [(False, None, "opens"), (True, None, "changes"), (True, 7, "closes")],
)
def test_a_line_tells_what_became_of_a_forecast(known: bool, end_ns: int | None, word: str) -> None:
    """It opens, changes or closes."""
    finding = Finding(
        "forecast", "memory_exhaustion", "memory", "rss_bytes", 10, 5, 10, end_ns, "low",
        probability=0.7, evidence={"median_s": 60.0}, text="rss_bytes is on its way to its limit\x1b[31m",
    )  # fmt: skip
    line = finding_as_text(finding, known, PAGE)
    assert word in line
    assert "\x1b" not in line
    assert ("70 % sure" in line) == (end_ns is None)


@pytest.mark.parametrize("form", [Format.TERMINAL, Format.MARKDOWN])
def test_a_report_lists_forecasts_and_what_to_consider(form: Format) -> None:
    """As `perfkit forecast` does."""
    forecasts = (SURE, CALM, SILENT)
    report = replace(plain_report(), forecasts=forecasts, decisions=decide(forecasts))
    said = " ".join(renderer(form)([report], PAGE).replace("\\", "").split())
    assert "Forecasts" in said
    assert "no crossing in sight" in said
    assert "disk exhaustion: no values" in said
    assert "To consider (nothing is done)" in said
    assert "clear_cache" in said


def test_a_report_as_json_has_them_too() -> None:
    """Under analysis.forecasts and optimization.plans."""
    report = replace(plain_report(), forecasts=(CALM, SURE), decisions=decide((SURE,)))
    said = json.loads(renderer(Format.JSON)([report], PAGE))
    assert said["analysis"]["forecasts"][0]["kind"] == "memory_exhaustion"
    assert said["optimization"]["plans"][0]["action"] == "clear_cache"


def test_strangers_text_is_made_printable() -> None:
    """A path may hold anything."""
    assert "\x1b" not in as_text("\x1b[31m", 0, 300.0, (SURE,), (), PAGE)
