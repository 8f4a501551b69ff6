"""What a session says of itself, for a person and for a program."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from report_examples import EXAMPLES, HOSTILE, hostile_report, plain_report
from rich.cells import cell_len

from perfkit.model.information import Information
from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.information import as_json, as_table


def information(report):
    return Information(
        source=report.source,
        source_kind=report.source_kind,
        session=report.session,
        metrics=tuple(one.metric for one in report.summaries),
        ticks=598,
        size_bytes=40_000,
    )


PLAIN = information(plain_report())


def test_every_column_is_shown_with_its_unit_kind_group_and_meaning():
    """The list of columns is what a query is written from."""
    text = as_table(PLAIN, Page(width=100))

    assert "  cpu_percent                    percent  rate     fast    CPU\n" in text
    assert "  swap_bytes                     bytes    gauge    slow    swap\n" in text


def test_a_missing_capability_is_shown_with_its_reason():
    """What could not be recorded is said, and why."""
    text = as_table(PLAIN, Page(width=120))

    assert "psi_cpu_some_us  the kernel was built without pressure stall information" in text


def test_notes_that_are_numbers_are_shown_in_their_unit():
    """A note is text in the file; its name says what it is."""
    session = replace(PLAIN.session, notes={"exit_cpu_ns": "589209000"})

    assert "exit_cpu_ns  589 ms" in as_table(replace(PLAIN, session=session), Page())


@pytest.mark.parametrize("width", [30, 40, 80, 120])
@pytest.mark.parametrize("name", EXAMPLES)
def test_no_line_is_wider_than_the_page_and_none_harms(name, width):
    """Hostile names and long ones fit and are shown harmlessly."""
    lines = as_table(information(EXAMPLES[name]), Page(width=width)).splitlines()

    assert [line for line in lines if cell_len(line) > width or printable(line) != line] == []


def test_the_json_has_facts_and_columns():
    """All that the table shows, for programs."""
    found = json.loads(as_json(PLAIN))

    assert found["ticks"] == 598
    assert found["session"]["host"]["cores"] == 2
    assert found["columns"][1] == {
        "name": "cpu_percent", "unit": "percent", "kind": "rate", "group": "fast",
        "scope": "target", "meaning": "CPU",
    }  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_json_is_harmless_ascii(text):
    """As the report's JSON."""
    written = as_json(information(hostile_report(text)))

    json.loads(written)
    assert written.isascii()
    assert "<" not in written
