"""Numbers as people read them: formatted by unit, never by name."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.report.units import THIN_SPACE, format_by_name, format_value, unit_of_name
from perfkit.sampling.metrics import RAW_METRICS

UNITS = ["ns", "us", "ms", "s", "bytes", "bytes/s", "count", "count/s", "percent", "ratio", "cores", "furlong"]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "bytes", "0 B"),
        (1023, "bytes", "1023 B"),
        (1024, "bytes", "1.00 KiB"),
        (12.3 * 2**20, "bytes", "12.3 MiB"),
        (1023.6 * 2**10, "bytes", "1.00 MiB"),
        (-3 * 2**30, "bytes", "-3.00 GiB"),
        (2**80, "bytes", f"1{THIN_SPACE}048{THIN_SPACE}576 EiB"),
        (1.5 * 2**20, "bytes/s", "1.50 MiB/s"),
        (0, "ns", "0 s"),
        (350, "ns", "350 ns"),
        (1_250_000, "ns", "1.25 ms"),
        (999_400_000, "ns", "999 ms"),
        (999_600_000, "ns", "1.00 s"),
        (65_000_000_000, "ns", "1 m 05 s"),
        (59_960_000_000, "ns", "1 m 00 s"),
        (7_380_000_000_000, "ns", "2 h 03 m"),
        (3_599_700_000_000, "ns", "1 h 00 m"),
        (86_399_000_000_000, "ns", "1 d 00 h"),
        (273_600_000_000_000, "ns", "3 d 04 h"),
        (-1_500_000, "us", "-1.50 s"),
        (2.5, "ms", "2.50 ms"),
        (90, "s", "1 m 30 s"),
        (12.34, "percent", "12.3 %"),
        (100, "percent", "100 %"),
        (0.0, "percent", "0 %"),
        (0.00001, "percent", "<0.001 %"),
        (0.914, "ratio", "91.4 %"),
        (1234, "count", "1234"),
        (1234567, "count", f"1{THIN_SPACE}234{THIN_SPACE}567"),
        (12.0, "count", "12"),
        (0.125, "count", "0.12"),
        (12.34, "count/s", "12.3 /s"),
        (1, "cores", "1 core"),
        (2.0, "cores", "2 cores"),
        (1.5, "cores", "1.5 cores"),
        (5, "furlong", "5 furlong"),
        (None, "bytes", "–"),
        (math.nan, "bytes", "–"),
        (math.inf, "ns", "–"),
    ],
)
def test_a_value_is_shown_in_its_unit(value, unit, text):
    """About three significant digits, in the unit that makes them readable."""
    assert format_value(value, unit) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("rss_growth_bytes", 3 * 2**20, "3.00 MiB"),
        ("growth_bytes_per_h", 2**30, "1.00 GiB/h"),
        ("read_bytes_per_s_mean", 2048, "2.00 KiB/s"),
        ("cpu_percent_max", 98.25, "98.2 %"),
        ("share_percent_per_min", 2.5, "2.50 %/min"),
        ("switches_per_s", 20000.0, f"20{THIN_SPACE}000 /s"),
        ("memory_pressure_ratio", 0.91, "91.0 %"),
        ("duration_s", 65, "1 m 05 s"),
        ("pid", 1234567, "1234567"),
        ("worst_pid", 1234567, "1234567"),
        ("exit_code", 0, "0"),
        ("found", True, "yes"),
        ("slope", 0.5, "0.50"),
        ("slope", 0.00001, "~0"),
        ("rss_bytes", None, "unknown"),
        ("rss_bytes", math.nan, "unknown"),
        ("name", "a\x1b[31mb", "a\\x1b[31mb"),
        ("name", b"a\xff", "a\\xff"),
    ],
)
def test_evidence_is_formatted_by_the_unit_its_name_ends_in(name, value, text):
    """Rules name their columns; the ending says what the number is."""
    assert format_by_name(name, value) == text


@pytest.mark.parametrize("metric", RAW_METRICS, ids=lambda metric: metric.name)
def test_the_unit_in_a_metrics_name_is_its_unit(metric):
    """Formatting by name and by unit agree for everything that is recorded."""
    if metric.name not in ("time", "ticks_missed", "events_dropped"):
        assert unit_of_name(metric.name) == metric.unit


@given(st.floats() | st.integers(-(2**63), 2**63), st.sampled_from(UNITS))
@example(1.8e299, "s")
def test_no_number_is_too_strange(value, unit):
    """Every number gives one short line of text, without exponents and without nan."""
    text = format_value(value, unit)

    assert text
    assert "\n" not in text
    assert "nan" not in text
    assert "e+" not in text


@given(st.integers(0, 2**62), st.integers(0, 2**62), st.sampled_from(["ns", "bytes"]))
def test_equal_values_read_equal_and_the_sign_is_only_a_sign(value, _, unit):
    """A negative amount reads as the positive one with a minus before it."""
    if value:
        assert format_value(-value, unit) == "-" + format_value(value, unit)
