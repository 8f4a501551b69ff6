"""Annotations: at most ten of a kind, and no stranger's text becomes a command of its own."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from comparison_examples import BETTER, COMPARISONS, FAILING, PASSING, UNCLEAR, metric, side
from hypothesis import example, given
from hypothesis import strategies as st

from perfkit.model.verdict import REGRESSED, UNDECIDED
from perfkit.report.github import (
    ANNOTATIONS_A_KIND,
    MESSAGE_LIMIT,
    annotate,
    disarmed,
    escaped,
    escaped_property,
)

REGISTERED = [
    "error",
    "warning",
    "notice",
    "add-mask",
    "stop-commands",
    "set-output",
    "debug",
    "group",
    "endgroup",
]


def runner(text):
    """The commands that GitHub's runner finds in a log: ActionCommand.TryParseV2, then TryParse."""
    found = []
    for line in text.split("\n"):
        trimmed = line.strip()
        if trimmed.startswith("::") and "::" in trimmed[2:]:
            info, _, data = trimmed[2:].partition("::")
            name, _, properties = info.partition(" ")
            if name in REGISTERED:
                pairs = dict(one.split("=", 1) for one in properties.split(",") if "=" in one)
                found.append(
                    (name, {k: unescaped_property(v) for k, v in pairs.items()}, unescaped(data))
                )
                continue
        old = re.search(r"##\[([^\] ]*)[^\]]*\]", line)
        if old and old[1] in REGISTERED:
            found.append((old[1], {}, line))
    return found


def unescaped(text):
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def unescaped_property(text):
    for token, shown in (("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C"), ("%", "%25")):
        text = text.replace(shown, token)
    return text


@pytest.mark.parametrize("name", COMPARISONS)
def test_every_line_is_one_command_of_ours(name):
    """Whatever the names hold: as many commands as lines, each with our title and nothing more."""
    text = annotate(COMPARISONS[name])
    commands = runner(text)

    assert len(commands) == len(text.splitlines())
    for kind, properties, message in commands:
        assert kind in ("error", "warning", "notice")
        assert list(properties) == ["title"]
        assert properties["title"].startswith("perfkit")
        assert 0 < len(message) <= MESSAGE_LIMIT


@given(st.text())
@example("a%0Ab%250A::error::x\r\n%25,:")
def test_the_runner_undoes_the_escaping_exactly(text):
    """What is shown is what was written, percent signs included."""
    assert unescaped(escaped(text)) == text
    assert unescaped_property(escaped_property(text)) == text
    assert not {"\r", "\n"} & set(escaped(text))
    assert not {"\r", "\n", ":", ","} & set(escaped_property(text))


@given(
    st.lists(
        st.text("ab \t")
        | st.sampled_from(["::", ":", "error", "##[", "#", "[", "]", "\n", "\u3000"])
    )
)
@example(["::", "error", "::", "owned"])
@example(["\u3000", "::", "error", "::"])
def test_a_disarmed_log_holds_no_command(pieces):
    """Not at a line's start, not behind blanks of any kind, not in the older form."""
    assert runner(disarmed("".join(pieces))) == []


def test_a_name_with_colons_is_left_as_it_is():
    """Test identifiers hold `::`, and inside a line that is nobody's command."""
    assert disarmed("  tests/test_a.py::test_b") == "  tests/test_a.py::test_b"


def test_a_regression_is_an_error_with_its_reason():
    """One cause, one annotation; the runs left out are a warning."""
    commands = runner(annotate(FAILING))

    assert [kind for kind, _, _ in commands] == ["error", "warning", "notice"]
    assert commands[0][2].startswith("CPU time +5.2 %")
    assert commands[0][2].endswith("Why: python spends 9.1 % more CPU in user mode")


def test_undecided_is_a_warning():
    """Whether it fails is the exit code's to say."""
    [(kind, properties, message)] = runner(annotate(UNCLEAR))

    assert (kind, properties["title"]) == ("warning", "perfkit: undecided")
    assert "about 200 pairs" in message


def test_a_plain_pass_says_nothing_and_a_gain_is_a_notice():
    """Nobody reads a green annotation a second time."""
    assert annotate(PASSING) == ""
    assert [kind for kind, _, _ in runner(annotate(BETTER))] == ["notice"]


def test_there_are_at_most_ten_of_a_kind_and_the_tenth_says_how_many_more():
    """GitHub drops the eleventh without a word."""
    metrics = tuple(
        metric(f"test_{number}", verdict=REGRESSED, cause="", effect=0.02 + number / 1000)
        for number in range(60)
    )
    many = replace(
        FAILING,
        metrics=metrics,
        base=side("base", failed=[f"exit code {number}" for number in range(60)]),
        notes=tuple(f"note {number}" for number in range(60)),
    )
    commands = runner(annotate(many))

    for kind in ("error", "warning", "notice"):
        assert sum(one[0] == kind for one in commands) == ANNOTATIONS_A_KIND
    errors = [message for kind, _, message in commands if kind == "error"]
    assert errors[0].startswith("test_59")
    assert errors[-1].startswith("and 51 more")


def test_what_does_not_decide_is_no_annotation():
    """A regressed metric that is not gated is in the table only."""
    beside = metric(verdict=REGRESSED, gating=False)

    assert annotate(replace(PASSING, metrics=(*PASSING.metrics, beside))) == ""


def test_a_verdict_that_no_metric_shows_is_told_nevertheless():
    """An exit code without a word would leave everybody guessing."""
    assert runner(annotate(replace(PASSING, verdict=REGRESSED)))[0][0] == "error"
    assert runner(annotate(replace(PASSING, verdict=UNDECIDED)))[0][0] == "warning"
