"""The report at a terminal: widths, colour, and what comes first."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_examples import EXAMPLES, hostile_report, plain_report
from rich.cells import cell_len

from perfkit.model.insight import Insight
from perfkit.report import Page
from perfkit.report.sheet import wrap
from perfkit.report.terminal import render

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def lines(report, **page):
    return render([report], Page(**page)).splitlines()


@pytest.mark.parametrize("width", [30, 40, 64, 80, 100, 120])
@pytest.mark.parametrize("name", EXAMPLES)
def test_no_line_is_wider_than_the_page(name, width):
    """From 30 columns on everything fits, hostile names and wide characters too."""
    report = replace(EXAMPLES[name], source="目录/会话.parquet " * 12)

    assert [line for line in lines(report, width=width) if cell_len(line) > width] == []


def test_colour_changes_nothing_but_the_colour():
    """With the colour sequences taken out, the report is the plain one."""
    report = plain_report()
    plain = lines(report, width=80)

    coloured = [COLOUR.sub("", line).rstrip() for line in lines(report, width=80, colour=True)]

    assert coloured == plain


def test_plain_text_has_no_escape_sequence_and_no_trailing_space():
    """What goes into a pipe is fit for a log and for a diff."""
    text = render([plain_report()], Page())

    assert "\x1b" not in text
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


def test_ascii_pages_get_only_ascii():
    """A terminal that knows no blocks gets a sparkline of what it knows."""
    text = render([plain_report()], Page(ascii_only=True))

    assert text.isascii()
    assert "\\u" not in text


def test_the_verdict_comes_before_everything_else():
    """Title, then verdict, then facts, insights and figures."""
    text = render([plain_report()], Page())

    places = [
        text.index(words)
        for words in ("postgres (pid 4242)", "POOR", "recorded", "Insights", "cpu_percent", "cost")
    ]
    assert places == sorted(places)


def test_the_most_severe_insight_leads_and_one_cause_is_told_once():
    """High before medium; the second insight on memory stands beneath the first."""
    text = render([plain_report()], Page())

    assert text.index("Memory keeps growing") < text.index("Descriptors grow")
    assert "also (medium): 91.0 % of what binds it." in text
    assert text.count("→ Set a limit.") == 1


def test_rich_markup_in_a_name_is_shown_as_it_is():
    """`[red]` is five characters, not a colour."""
    text = render([hostile_report("[red]x[/red]")], Page(width=120, colour=True))

    assert "[red]x[/red]" in COLOUR.sub("", text)


def test_a_metric_that_never_changed_takes_no_row():
    """Steady figures share a line, columns without a value are only named."""
    text = render([plain_report()], Page())

    assert "  steady   threads_count 7\n" in text
    assert "  no value swap_bytes\n" in text
    assert "  totals   cpu_time_ns 32.0 s\n" in text


def test_a_narrow_page_keeps_the_figures():
    """At 40 columns each metric takes two lines, mean and maximum with it."""
    text = render([plain_report()], Page(width=40))

    assert "  rss_bytes\n    mean 2.33 MiB · max 4.00 MiB  ▁▃█\n" in text


def test_an_insight_without_impact_or_evidence_leaves_no_empty_line():
    """Only what a rule said is written."""
    bare = Insight("r", "Title", "low", "c", "", "Message.", {}, ())
    report = replace(plain_report(), insights=(bare,))

    text = render([report], Page())

    assert "  low     Title\n          Message.\n\nTarget" in text


def test_a_number_is_never_torn_from_its_unit():
    """Lines end before a number, not between it and its unit."""
    text = "grew to 12.3 MiB within 1 m 05 s at 98.2 % of 2 cores or 3 /s and 4 µs"

    for width in range(8, 40):
        for line in wrap(text, width):
            assert not re.match(r"(MiB|m|s|%|cores|/s|µs)\b|%", line), (width, line)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), st.integers(8, 40))
def test_wrapping_loses_nothing(text, width):
    """Every character but the spaces at the ends of lines is still there, and every line fits."""
    text = text.replace("\0", "")

    parts = wrap(text, width)

    assert "".join(parts).replace(" ", "") == text.replace(" ", "")
    assert all(cell_len(part) <= width for part in parts)
