"""What the gate decided as JUnit XML: a test case a metric, for the CI systems that read it.

Only what fails the gate is a failure: a gating metric that regressed. What is undecided is skipped
with a reason. The dialect is what Jenkins, GitLab and pytest share: testsuites, testsuite,
testcase, failure, skipped, error, system-out.
"""

from __future__ import annotations

import math
import re

from perfkit.model.text import printable
from perfkit.model.verdict import REGRESSED, UNDECIDED, Comparison, MetricVerdict
from perfkit.report.comparison import (
    cut,
    effect_words,
    failed_sentences,
    headline,
    interval_words,
    note_sentences,
    open_sentences,
    reason_sentences,
    runs_words,
    sentence,
    side_facts,
    terms_sentences,
    title,
)
from perfkit.report.units import format_value

_CLASS = "perfkit.gate"
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even as a reference (section 2.2)."""

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def render(comparison: Comparison) -> str:
    """The comparison as an XML document, to be written in UTF-8; ends in a newline."""
    cases = [_metric_case(one) for one in comparison.metrics]
    outcomes = [one for one in map(_outcome, comparison.metrics) if one]
    # A suite without a case, or without a failure, would be a pass to whoever reads it.
    if not any(one.gating for one in comparison.metrics):
        outcomes.append("error")
        cases.append(_case("the gate", _element("error", headline(comparison), "unmeasured")))
    elif comparison.verdict == REGRESSED and "failure" not in outcomes:
        outcomes.append("failure")
        cases.append(_case("the gate", _element("failure", headline(comparison), REGRESSED)))
    counts = " ".join(
        [
            f'tests="{len(cases)}"',
            *(
                f'{plural}="{outcomes.count(kind)}"'
                for kind, plural in (
                    ("failure", "failures"),
                    ("error", "errors"),
                    ("skipped", "skipped"),
                )
            ),
            f'time="{_seconds(comparison.elapsed_s)}"',
        ]
    )
    inside = "\n".join(cases)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites name="perfkit" {counts}>\n'
        f'<testsuite name="perfkit gate" {counts}>\n'
        f"{inside}\n"
        f"<system-out>{escaped(_story(comparison))}</system-out>\n"
        "</testsuite>\n"
        "</testsuites>\n"
    )


def _outcome(one: MetricVerdict) -> str:
    if not one.gating:
        return ""
    return {REGRESSED: "failure", UNDECIDED: "skipped"}.get(one.verdict, "")


def _metric_case(one: MetricVerdict) -> str:
    outcome = _outcome(one)
    said = sentence(one)
    inside = [_element(outcome, said, one.verdict)] if outcome else []
    inside.append(f"<system-out>{escaped(_figures(one))}</system-out>")
    return _case(one.metric, *inside)


def _case(name: str, *inside: str) -> str:
    body = "".join(f"  {element}\n" for element in inside)
    return f'<testcase classname="{_CLASS}" name="{escaped(printable(name))}">\n{body}</testcase>'


def _element(kind: str, message: str, type: str) -> str:
    typed = "" if kind == "skipped" else f' type="{escaped(printable(type))}"'
    return f'<{kind} message="{escaped(message)}"{typed}>{escaped(message)}</{kind}>'


def _figures(one: MetricVerdict) -> str:
    parts = [
        printable(one.verdict),
        f"effect {effect_words(one.effect)} ({interval_words(one.ci_low, one.ci_high)})",
        f"base {format_value(one.base, one.unit)}, head {format_value(one.head, one.unit)}",
        runs_words(one),
    ]
    if one.detectable_effect is not None:
        parts.append(f"finds {effect_words(one.detectable_effect)} in 80 of 100 cases")
    return "; ".join(parts)


def _story(comparison: Comparison) -> str:
    """What belongs to no single metric, a sentence a line."""
    return "\n".join(
        [
            f"{title(comparison)}: {headline(comparison)}",
            *(f"{label}: {text}" for label, text in side_facts(comparison)),
            *(f"why: {text}" for text in reason_sentences(comparison)),
            *(f"would decide it: {text}" for text in cut(open_sentences(comparison))),
            *(f"left out: {text}" for text in failed_sentences(comparison)),
            *(f"note: {text}" for text in note_sentences(comparison)),
            *terms_sentences(comparison),
            *(
                f"not gated: {printable(one.metric)}"
                for one in comparison.metrics
                if not one.gating
            ),
        ]
    )


def _seconds(elapsed_s: float | None) -> str:
    if elapsed_s is None or not math.isfinite(elapsed_s) or elapsed_s < 0:
        return "0.000"
    return f"{elapsed_s:.3f}"


def escaped(text: str) -> str:
    """Text as the content of an element or the value of an attribute."""
    text = _NO_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    # A document on standard output holds no command for a GitHub runner either.
    return text.translate(_ENTITIES).replace("##[", "##&#91;")
