"""Which rules could not speak, told once for all that lack the same."""

from __future__ import annotations

from dataclasses import replace

from report_examples import plain_report

from perfkit.model.insight import NotApplicable, RuleFailed
from perfkit.report.facts import rule_sentences


def test_rules_that_lack_the_same_share_a_sentence() -> None:
    """A session without events would otherwise take a line for each rule on events."""
    report = replace(
        plain_report(),
        not_applicable=(
            NotApplicable("one", "One", ("events",)),
            NotApplicable("two", "Two", ("psi_cpu_some_us", "events:gc|log")),
            NotApplicable("three", "Three", ("events",)),
        ),
        failed_rules=(RuleFailed("mine", "it ran too long"),),
    )

    assert rule_sentences(report) == [
        "one, three: not applicable, need events of the application",
        "two: not applicable, needs psi_cpu_some_us, events of type gc or log",
        "mine: failed, it ran too long",
    ]
