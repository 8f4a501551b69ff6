"""From a recording to its report: facts, summaries, the recording's own cost, insights, verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from perfkit.analysis.monitoring import monitoring
from perfkit.analysis.periods import period_length_ns
from perfkit.analysis.score import verdict
from perfkit.analysis.summary import Summaries
from perfkit.errors import UnusableInput
from perfkit.model.block import Block
from perfkit.model.insight import SEVERITIES, Insight, NotApplicable, RuleFailed
from perfkit.model.metric import RECORDER
from perfkit.model.report import MetricSummary, Monitoring, Report, Verdict
from perfkit.report.units import format_value
from perfkit.session.reader import expand
from perfkit.workflows.insights import insights
from perfkit.workflows.source import Recording, open_recording

ENOUGH_PERIODS = 30
"""A session of fewer is called short."""


def analyze_all(
    paths: Iterable[Path], rules_dir: Path | None = None
) -> tuple[list[Report], list[UnusableInput]]:
    """The reports of all sessions that are meant, in the order given; a folder's are sorted.

    Returns the reports and why others could not be made: one damaged file in a folder does not
    hide the rest. Raises UnusableInput for a folder without a session.
    """
    reports: list[Report] = []
    refused: list[UnusableInput] = []
    for path in expand(paths):
        try:
            reports.append(analyze(path, rules_dir))
        except UnusableInput as error:
            refused.append(error)
    return reports, refused


def analyze(path: Path, rules_dir: Path | None = None) -> Report:
    """The report of the session or journal at path.

    rules_dir: a folder of rules beside perfkit's own.
    A session without a tick gives a report too, which says what it cannot tell.
    Raises UnusableInput if path or a rule's file cannot be read.
    """
    recording = open_recording(path)
    summaries = Summaries(recording.metrics)
    own = monitoring(
        _observed(recording.blocks([metric.name for metric in recording.metrics]), summaries),
        recording.session,
        active=recording.live,
    )
    summarised = summaries.finish()
    outcomes = insights(recording, rules_dir)
    found = tuple(one for one in outcomes if isinstance(one, Insight))
    return Report(
        source=str(path),
        source_kind=recording.kind,
        session=recording.session,
        monitoring=own,
        summaries=summarised,
        insights=found,
        not_applicable=tuple(one for one in outcomes if isinstance(one, NotApplicable)),
        failed_rules=tuple(one for one in outcomes if isinstance(one, RuleFailed)),
        verdict=_verdict(summarised, found),
        cannot_tell=(*_cannot_tell(recording, own, summarised), *_too_late(recording, found)),
    )


def _too_late(recording: Recording, found: Sequence[Insight]) -> Iterator[str]:
    """A word on recommended commands that name a process which is no more."""
    session = recording.session
    pid = str(session.target_pid)
    ended = (session.stop_reason or "").startswith("the target exited")
    if ended and any(pid in advice for one in found for advice in one.recommendations):
        yield f"Process {pid} has ended: the commands that name it are for its next run."


def _verdict(summaries: Sequence[MetricSummary], found: Sequence[Insight]) -> Verdict:
    """The verdict, which is "unknown" where nothing was measured: no news is not good news."""
    judged = verdict(summaries, found)
    if found or any(one.count for one in summaries if one.metric.scope != RECORDER):
        return judged
    return replace(judged, status="unknown", reason="no score; nothing was measured")


def is_as_severe(report: Report, severity: str) -> bool:
    """Whether the report holds an insight of at least this severity."""
    least = SEVERITIES.index(severity)
    return any(
        SEVERITIES.index(insight.severity) >= least
        for insight in report.insights
        if insight.severity in SEVERITIES
    )


def _observed(blocks: Iterable[Block], summaries: Summaries) -> Iterator[Block]:
    """The blocks as they are, summed up as they pass: the ticks are read once for both."""
    for block in blocks:
        summaries.add(block)
        yield block


def _cannot_tell(
    recording: Recording, own: Monitoring, summaries: Sequence[MetricSummary]
) -> Iterator[str]:
    """Sentences on what this session is too short or too empty to say."""
    if own.ticks == 0:
        yield "The session holds no tick: nothing was measured, so nothing can be judged."
    elif own.ticks == 1:
        yield "The session holds one tick: rates and changes over time need at least two."
    if own.ticks and not any(one.count for one in summaries if one.metric.scope != RECORDER):
        yield "No column on the target or the machine holds a value: there is nothing to judge by."
    elif own.ticks > 1:
        period_ns = period_length_ns(recording.session.interval_ns)
        periods = own.duration_ns // period_ns
        if periods < ENOUGH_PERIODS:
            yield (
                f"The session is short ({format_value(own.duration_ns, 'ns')}): below "
                f"{format_value(ENOUGH_PERIODS * period_ns, 'ns')} growth cannot be told from "
                "start-up."
            )
    if recording.damaged:
        count = f"{recording.damaged} tick{'' if recording.damaged == 1 else 's'}"
        yield f"{count} of the journal cannot be read any more and were left out."
    yield from recording.problems
    if recording.kind == "orphaned journal":
        yield (
            "The recording was cut off before it was sealed: how it ended is unknown. "
            "`perfkit recover` seals what there is."
        )
    elif recording.kind == "session" and recording.session.stop_reason is None and own.ticks:
        yield "The recorder was cut off: how the target ended is unknown."
    elif recording.kind == "live journal":
        yield "The recording goes on: what is reported here holds until its last tick so far."
