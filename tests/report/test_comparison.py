"""What a comparison says, and that every format bears whatever it is given."""

from __future__ import annotations

import itertools
import json
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from comparison_examples import (
    BETTER,
    COMPARISONS,
    EMPTY,
    FAILING,
    MEMORY,
    OPEN,
    PASSING,
    SLOWER,
    UNCLEAR,
    USER,
    hostile,
    metric,
)
from hypothesis import given
from hypothesis import strategies as st

from perfkit.gate.metrics import GATE_METRICS
from perfkit.model.text import printable
from perfkit.model.verdict import IMPROVED, REGRESSED, UNPAIRED
from perfkit.report import (
    Page,
    comparison_json,
    comparison_markdown,
    comparison_terminal,
    github,
    junit,
)
from perfkit.report.comparison import (
    PICTURE_WIDTH,
    causes,
    effect_words,
    failed_sentences,
    headline,
    interval_words,
    legend_sentences,
    metric_rows,
    metric_words,
    note_sentences,
    open_sentences,
    pairs_to_decide,
    terms_sentences,
)

PAGES = [Page(), Page(width=40), Page(width=1), Page(width=200, colour=True), Page(ascii_only=True)]
FORMATS = {
    "markdown": comparison_markdown.render,
    "json": comparison_json.render,
    "junit": junit.render,
    "annotations": github.annotate,
    **{
        f"terminal {page.width}": lambda comparison, page=page: comparison_terminal.render(
            comparison, page
        )
        for page in PAGES
    },
}


@pytest.fixture(params=FORMATS)
def render(request):
    return FORMATS[request.param]


@pytest.fixture(params=COMPARISONS)
def comparison(request):
    return COMPARISONS[request.param]


def test_every_comparison_is_told_in_every_format(render, comparison):
    """No comparison is too empty or too strange; only annotations may have nothing to say."""
    text = render(comparison)

    assert text.endswith("\n") or (render is github.annotate and text == "")
    assert not text.endswith("\n\n")
    text.encode("utf-8")


def test_no_control_or_deceiving_character_reaches_the_reader(render, comparison):
    """What a stranger wrote can neither move the cursor, nor hide, nor turn text around."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", render(comparison)).replace("\n", "")

    assert printable(text) == text


def test_no_figure_is_called_nan_or_infinite(render):
    """A number that is none is shown as no value."""
    words = re.split(r"[^\w-]+", render(hostile("x")).lower())

    assert not {"nan", "inf", "-inf", "infinity"} & set(words)


def test_telling_twice_gives_the_same(render, comparison):
    """Nothing of the moment or the machine gets into what is told."""
    assert render(comparison) == render(comparison)


def test_the_verdict_and_its_metric_are_in_every_format(render):
    """Whatever the format: what happened, to what, and by how much."""
    text = render(FAILING).lower()

    for words in ("regressed", "cpu", "5.2" if render is not comparison_json.render else "0.0523"):
        assert words in text


def test_the_reason_and_the_runs_left_out_are_in_every_format(render):
    """A regression comes with its why, and a run that failed is never passed over."""
    text = re.sub(r"\s+", " ", render(FAILING))

    for words in ("in user mode", "Traceback", "alternating"):
        assert words in text


def test_what_was_not_gated_is_named(render):
    """But for annotations, which are for what went wrong."""
    if render is github.annotate:
        pytest.skip("not their part")
    text = render(PASSING).replace("\\", "")

    assert "instructions" in text
    assert "read_bytes" in text


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (0.0523, "+5.2 %"),
        (-0.0013, "-0.13 %"),
        (0.0, "0 %"),
        (-0.0, "0 %"),
        (-0.00001, "0 %"),
        (0.00994, "+0.99 %"),
        (0.00996, "+1.0 %"),
        (0.21, "+21 %"),
        (2.5, "+250 %"),
        (10.0, "11 times"),
        (2047.0, "2\u202f048 times"),
        (1e300, "1.0e+300 times"),
        (-1.0, "-100 %"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_an_effect_is_told_to_the_digit_that_matters(effect, words):
    """Two digits, a sign, and no percentage that nobody can picture."""
    assert effect_words(effect) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.0412, 0.0643, "+4.1 … +6.4 %"),
        (-0.0012, 0.0019, "-0.12 … +0.19 %"),
        (-0.008, 0.013, "-0.8 … +1.3 %"),
        (-0.12, 1.9, "-12 … +190 %"),
        (None, 0.05, "– … +5.0 %"),
        (0.05, None, "+5.0 % … –"),
        (0.5, 99.0, "+50 % … 100 times"),
        (None, None, "–"),
        (math.nan, math.inf, "–"),
    ],
)
def test_both_ends_of_an_interval_have_the_same_digits(low, high, words):
    """So that they can be compared at a glance."""
    assert interval_words(low, high) == words


def test_one_cause_is_one_line():
    """CPU time and its part in user mode rose together, and that is one thing to tell."""
    told = causes(FAILING)

    assert len(told) == 1
    assert told[0].lead == SLOWER
    assert str(told[0]).endswith("tolerated; with it CPU time in user mode +6.1 %")


def test_what_decides_speaks_for_its_cause():
    """However the metrics are ordered."""
    told = causes(replace(FAILING, metrics=(USER, SLOWER)))

    assert [cause.lead for cause in told] == [SLOWER]


def test_one_cause_both_ways_is_two_lines():
    """Less memory and more faults are not the same news."""
    less = replace(MEMORY, verdict=IMPROVED, effect=-0.1)
    more = metric("minor_faults", "count", verdict=REGRESSED, gating=False, cause="memory")

    assert [cause.verdict for cause in causes(replace(PASSING, metrics=(more, less)))] == [
        IMPROVED,
        REGRESSED,
    ]


def test_metrics_without_a_cause_stand_alone():
    """Benchmarks of other tools know nothing of causes."""
    metrics = tuple(metric(name, verdict=REGRESSED, cause="") for name in "abc")

    assert len(causes(replace(FAILING, metrics=metrics))) == 3


def test_the_worst_comes_first():
    """Of what decides, by size; a gain and what does not decide come later."""
    metrics = (
        replace(USER, cause="other", effect=9.0),
        metric("a", verdict=IMPROVED, effect=-0.9, cause="a"),
        metric("b", verdict=REGRESSED, effect=0.02, cause="b"),
        metric("c", verdict=REGRESSED, effect=0.5, cause="c"),
    )
    told = causes(replace(FAILING, metrics=metrics))

    assert [cause.lead.metric for cause in told] == ["c", "b", "a", "cpu_user_s"]


def test_the_headline_of_a_pass_is_what_it_promises():
    """Each margin with the metrics it holds for."""
    assert (
        headline(PASSING)
        == "ruled out is a rise of 3 % in peak memory or CPU time or of 25 % in wall time"
    )


def test_the_headline_of_a_pass_tells_a_gain():
    """It is what its author wants to hear."""
    assert headline(BETTER).endswith("; CPU time -8.0 % (-9.0 … -7.0 %), better than base")


def test_the_headline_of_an_undecided_gate_names_what_is_open():
    """And nothing that is decided."""
    assert headline(UNCLEAR) == "it cannot be told at this noise: CPU time"


def test_a_gate_that_measured_nothing_says_so():
    """Nothing measured is no pass."""
    assert "nothing can be said" in headline(EMPTY)
    assert ET.fromstring(junit.render(EMPTY)).get("errors") == "1"


def test_many_names_are_not_all_in_the_headline():
    """A file of another tool may hold hundreds."""
    metrics = tuple(metric(f"test_{number}") for number in range(300))

    assert headline(replace(PASSING, metrics=metrics)).endswith(
        "test_0, test_1, test_2, test_3 and 296 more"
    )


def test_undecided_says_the_detectable_effect_and_what_would_decide_it():
    """Pairs, spread, what they find, and how many more: in one sentence."""
    assert open_sentences(UNCLEAR) == [
        "CPU time: 30 pairs that spread by 6.2 % each find a true +6.5 % in 80 of 100 cases; about "
        "200 pairs would decide it (--max-pairs, --max-time), and so would quieter runs: longer "
        "ones, or an idle machine (perfkit bench-noise tells)"
    ]


def test_unpaired_runs_are_told_what_pairs_would_save():
    """That is what it costs to compare with a stored baseline."""
    [said] = open_sentences(replace(UNCLEAR, metrics=(replace(OPEN, design=UNPAIRED, pairs=1),)))

    assert said.startswith("CPU time: 1 run a side that")
    assert "pairs made on one machine need far fewer" in said


def test_what_no_number_of_pairs_would_find_is_said():
    """Rather than a number of pairs nobody would wait for."""
    none = replace(OPEN, detectable_effect=None, ci_low=None, ci_high=None, pairs=3)
    [said] = open_sentences(replace(UNCLEAR, metrics=(none,)))

    assert "can find no regression, however large" in said
    assert "raise --max-pairs" in said


@pytest.mark.parametrize(
    ("effect", "low", "high", "pairs"),
    [
        # upper end 4 % of the log away, margin 2 %: twice as wide, four times the pairs
        (math.expm1(0.01), None, math.expm1(0.01 + 2 * (math.log(1.03) - 0.01)), 40),
        # lower end twice as far as the tolerance
        (0.1, math.expm1(math.log(1.1) - 2 * (math.log(1.1) - math.log(1.01))), None, 40),
        # never fewer than one more
        (0.02, -0.01, 0.03000001, 15),
        (0.02, None, None, None),
        (None, 0.0, 0.1, None),
        (math.nan, 0.0, 0.1, None),
        (-1.0, -1.0, 0.1, None),
        (0.0299999, -0.5, 5.0, None),
    ],
)
def test_the_pairs_that_would_decide_grow_with_the_square_of_the_interval(effect, low, high, pairs):
    """Half as wide takes four times as many."""
    one = replace(OPEN, effect=effect, ci_low=low, ci_high=high, pairs=10)

    assert pairs_to_decide(one) == pairs


@given(
    *(st.none() | st.floats(-1, 100) | st.sampled_from([math.nan, math.inf]) for _ in range(3)),
    st.integers(0, 10_000),
)
def test_whatever_the_figures_a_row_can_be_written(effect, low, high, pairs):
    """The picture keeps its width, and no figure breaks the sentence."""
    one = replace(OPEN, effect=effect, ci_low=low, ci_high=high, pairs=pairs)
    unclear = replace(UNCLEAR, metrics=(one,))
    [row] = metric_rows(unclear)

    assert len(row.picture) in (0, PICTURE_WIDTH)
    assert open_sentences(unclear)
    needed = pairs_to_decide(one)
    assert needed is None or needed > pairs


@pytest.mark.parametrize(
    ("effect", "low", "high", "picture"),
    [
        (0.0, 0.0, 0.0, "          ●    ┊     "),
        (0.03, 0.03, 0.03, "          │    ●     "),
        (0.03, 0.012, 0.05, "          │ ───●───  "),
        (0.9, -0.9, 0.9, "────────────────────●"),
        (-0.9, None, -0.03, "●─────    │    ┊     "),
        (0.03, 0.012, None, "          │ ───●─────"),
    ],
)
def test_the_picture_shows_the_interval_in_margins(effect, low, high, picture):
    """The middle is no difference, the broken line the margin; what lies outside ends at the edge."""
    [row] = metric_rows(
        replace(PASSING, metrics=(metric(effect=effect, ci_low=low, ci_high=high),))
    )

    assert row.picture == picture


def test_a_regression_says_what_was_open_when_it_ended_the_gate():
    """Wall time is neither passed nor failed."""
    assert terms_sentences(FAILING)[0] == "A regression ends a gate; open by then: wall time."
    assert open_sentences(FAILING) == []


def test_equal_failures_are_counted():
    """Thirty runs that crash alike are one line."""
    assert failed_sentences(FAILING) == ["base: 2 times: exit code 1: Traceback"]


def test_a_narrow_page_gives_columns_up_and_then_the_table():
    """Metric, verdict, effect and interval stay as long as there is a table."""
    widths = (160, 100, 80, 60, 40)
    texts = [comparison_terminal.render(PASSING, Page(width=width)) for width in widths]

    titles = [text.split("Metrics that decide\n")[1].split("\n")[0].split() for text in texts]
    for word in ("margin", "noise", "finds", "pairs", "base", "interval"):
        shown = [word in title for title in titles]
        assert shown == sorted(shown, reverse=True)
        assert shown[0]
        assert not shown[-1]
    for width, text in zip(widths, texts, strict=True):
        assert max(map(len, text.splitlines())) <= min(width, 120)


def test_no_line_of_the_log_is_a_command_to_a_runner():
    """A runner trims a line and looks for `::`; the older form it takes anywhere."""
    for comparison, render in itertools.product(COMPARISONS.values(), FORMATS.values()):
        if render is github.annotate:
            continue
        text = render(comparison)
        assert "##[" not in text
        assert [line for line in text.splitlines() if line.lstrip().startswith("::")] == []


def test_it_is_said_how_the_pairs_were_made():
    """A duet and an alternating pair are not worth the same."""
    assert legend_sentences(PASSING)[:2] == [
        "peak_rss_bytes and cpu_s: pairs ran at once on one core.",
        "wall_s: pairs ran one after the other, in random order.",
    ]
    unpaired = replace(PASSING, metrics=(metric(design=UNPAIRED),))
    assert legend_sentences(unpaired)[0].startswith("Runs that were not made in pairs")
    assert metric_rows(unpaired)[0].runs == "7 runs"


# JSON


def test_the_json_has_what_the_gate_promises():
    """Verdict and metrics by name, with the figures that other programs read."""
    told = json.loads(comparison_json.render(FAILING))

    assert told["schema_version"] == comparison_json.SCHEMA_VERSION
    assert told["verdict"] == REGRESSED
    assert list(told["metrics"]) == ["peak_rss_bytes", "cpu_s", "wall_s", "cpu_user_s"]
    expected = {
        "effect": 0.0523,
        "ci_low": 0.0412,
        "ci_high": 0.0643,
        "verdict": REGRESSED,
        "pairs": 7,
        "detectable_effect": 0.031,
    }
    assert expected.items() <= told["metrics"]["cpu_s"].items()


def test_the_json_is_ascii_and_has_the_same_keys_for_everyone(comparison):
    """A program need not look whether a key is there."""
    text = comparison_json.render(comparison)
    told, plain = json.loads(text), json.loads(comparison_json.render(FAILING))

    assert text.isascii()
    assert told.keys() == plain.keys()
    assert all(one.keys() == plain["metrics"]["cpu_s"].keys() for one in told["metrics"].values())
    assert told["base"].keys() == plain["base"].keys()
    assert len(told["metrics"]) == len(comparison.metrics)


def test_names_that_look_alike_are_both_kept():
    """An escape and the text of that escape are printed alike, and are two metrics."""
    metrics = (metric("a\x1b"), metric("a\\x1b"))
    told = json.loads(comparison_json.render(replace(PASSING, metrics=metrics)))

    assert list(told["metrics"]) == ["a\\x1b", "a\\x1b (2)"]


def json_keys(value, path=""):
    if isinstance(value, list):
        for member in value:
            yield from json_keys(member, path)
    if isinstance(value, dict):
        for key, member in value.items():
            if path != "metrics":
                yield key
            yield from json_keys(member, "" if path == "metrics" else key)


@pytest.mark.parametrize("key", sorted(set(json_keys(json.loads(comparison_json.render(FAILING))))))
def test_the_key_is_documented(key, project_root):
    """A key that the documentation does not know would be a promise nobody made."""
    assert f"`{key}`" in (project_root / "docs" / "gate-json.md").read_text("utf-8")


def test_the_documented_version_is_this_one(project_root):
    """The page says of which version it speaks."""
    page = (project_root / "docs" / "gate-json.md").read_text("utf-8")

    assert f"`schema_version` is `{comparison_json.SCHEMA_VERSION}`" in page


# JUnit


def test_junit_is_well_formed_and_counts_right(comparison):
    """Whatever the names hold, an XML parser reads it, and the counts are those of the cases."""
    root = ET.fromstring(junit.render(comparison).encode("utf-8"))
    [suite] = root.findall("testsuite")
    cases = suite.findall("testcase")

    assert int(suite.get("tests")) == len(cases) >= max(1, len(comparison.metrics))
    for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert int(suite.get(count)) == sum(case.find(tag) is not None for case in cases)
        assert suite.get(count) == root.get(count)
    assert all(len(list(case)) <= 2 for case in cases)


def test_junit_fails_exactly_where_the_gate_does(comparison):
    """A reader of the XML alone comes to the verdict of the exit code."""
    suite = ET.fromstring(junit.render(comparison))

    assert (suite.get("failures") != "0") == (comparison.verdict == REGRESSED)


def test_junit_names_the_metric_and_the_reason():
    """The failing case is the metric, its message the sentence."""
    root = ET.fromstring(junit.render(FAILING))
    [case] = [one for one in root.iter("testcase") if one.find("failure") is not None]

    assert case.get("name") == "cpu_s"
    assert case.find("failure").get("message").startswith("CPU time +5.2 %")
    assert [
        one.get("name") for one in root.iter("testcase") if one.find("skipped") is not None
    ] == ["wall_s"]


def test_a_regression_that_no_metric_shows_is_a_failure_too():
    """The verdict counts, even if what it says of its metrics does not fit."""
    root = ET.fromstring(junit.render(replace(PASSING, verdict=REGRESSED)))

    assert root.get("failures") == "1"


@given(st.text())
def test_xml_shows_exactly_the_printable_text(text):
    """Escaping is undone by every parser; what XML cannot hold is shown as an escape."""
    shown = printable(text)
    parsed = ET.fromstring(f'<a b="{junit.escaped(shown)}">{junit.escaped(shown)}</a>')

    held = re.sub("[\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", shown)
    assert (parsed.text or "") == parsed.get("b") == held


def test_the_page_of_the_gate_names_every_metric(project_root):
    """By the name that --metric takes, and only those that there are."""
    page = (project_root / "docs" / "gate.md").read_text("utf-8")
    table = page.split("## What is compared")[1].split("\n## ")[0]
    named = {
        name
        for row in table.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }

    assert named == {one.name for one in GATE_METRICS}


@pytest.mark.parametrize("one", GATE_METRICS, ids=lambda one: one.name)
def test_every_metric_has_words(one):
    """A sentence speaks of CPU time, not of cpu_s."""
    assert "_" not in metric_words(one.name)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.011, 0.163, "+10.4 % (+1.1 … +16.3 %)"),
        (0.012, 0.35, "+10.4 % (+1.2 … +35.0 %)"),
        (-0.24, 0.32, "+10 % (-24 … +32 %)"),
        (0.1042, 0.1046, "+10.44 % (+10.42 … +10.46 %)"),
        (None, None, "+10.4 % (–)"),
    ],
)
def test_an_effect_has_the_digits_of_its_interval(low, high, words):
    """More would pretend to know, fewer would hide on which side of the tolerance a bound is."""
    one = metric(verdict=REGRESSED, effect=0.1044, ci_low=low, ci_high=high)

    assert f" {words}," in str(causes(replace(FAILING, metrics=(one,)))[0])


def test_what_neither_side_had_any_of_takes_no_row():
    """Four metrics of nothing are one line."""
    none = tuple(
        metric(name, "count", gating=False, base=0.0, head=0.0, effect=0.0)
        for name in ("major_faults", "read_calls")
    )
    lines = comparison_terminal.render(
        replace(PASSING, metrics=(*PASSING.metrics, *none)), Page()
    ).splitlines()

    assert lines[lines.index("Not gated") + 1] == "  none of it  major_faults · read_calls"


def test_what_is_in_the_table_is_not_called_uncompared():
    """A metric that is not gated is named once."""
    told = replace(FAILING, not_gated=("cpu_user_s", "instructions (no counters here)"))

    assert terms_sentences(told)[-1] == (
        "Not gated and not compared: instructions (no counters here)."
    )


def test_notes_are_of_the_whole_and_of_what_decides():
    """What limits a metric that decides nothing is in the JSON."""
    metrics = (
        metric(note="few pairs"),
        metric("read_calls", gating=False, note="between the sizes"),
    )

    assert note_sentences(replace(PASSING, metrics=metrics, notes=("alternating",))) == [
        "alternating",
        "CPU time: few pairs",
    ]
