"""From a recording to its report: facts, summaries, the recording's own cost, insights, verdict."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from perfkit.actions.decide import decide
from perfkit.analysis.monitoring import monitoring, with_damage
from perfkit.analysis.periods import period_length_ns
from perfkit.analysis.pipeline import Pipeline
from perfkit.analysis.recommend import recommendations
from perfkit.analysis.score import unless_too_short, verdict
from perfkit.analysis.summary import Summaries
from perfkit.errors import UnusableInput
from perfkit.model.block import Block
from perfkit.model.finding import latest
from perfkit.model.insight import SEVERITIES, Insight, NotApplicable, RuleFailed
from perfkit.model.metric import RECORDER
from perfkit.model.report import MetricSummary, Monitoring, Report, Verdict
from perfkit.model.text import printable
from perfkit.report.units import format_value
from perfkit.session.reader import expand
from perfkit.workflows.findings import findings, patterns_after_ns, standing
from perfkit.workflows.insights import insights
from perfkit.workflows.pipeline_settings import pipeline_settings
from perfkit.workflows.score_figures import score_figures
from perfkit.workflows.source import Recording, open_recording

ENOUGH_PERIODS = 30
"""A session of fewer is called short; a target that has run for so many has started up."""

GROWTH_PERIODS = 24
GROWTH_NS = 24_000_000_000
"""What the rule on growing memory needs, the last two periods included, which it leaves out."""


def analyze_all(
    paths: Iterable[Path],
    rules_dir: Path | None = None,
    overrides: Sequence[str] = (),
    baseline: Path | None = None,
    detector: str | None = None,
    *,
    allow_different_hosts: bool = False,
) -> tuple[list[Report], list[UnusableInput]]:
    """The reports of all sessions that are meant, in the order given; a folder's are sorted.

    Returns the reports and why others could not be made: one damaged file in a folder does not
    hide the rest. Raises UnusableInput for a folder without a session.
    """
    reports: list[Report] = []
    refused: list[UnusableInput] = []
    for path in expand(paths):
        try:
            reports.append(
                analyze(
                    path,
                    rules_dir,
                    overrides,
                    baseline,
                    detector,
                    allow_different_hosts=allow_different_hosts,
                )
            )
        except UnusableInput as error:
            refused.append(error)
    return reports, refused


def analyze(
    path: Path,
    rules_dir: Path | None = None,
    overrides: Sequence[str] = (),
    baseline: Path | None = None,
    detector: str | None = None,
    *,
    allow_different_hosts: bool = False,
) -> Report:
    """The report of the session or journal at path.

    rules_dir: a folder of rules beside perfkit's own. overrides: settings for this run,
    `KEY=VALUE`. baseline: file of a learnt one, None for the session's own calm start.
    detector: name of one, None for the default. allow_different_hosts: the baseline may be of
    another class of host.
    A session without a tick gives a report too, which says what it cannot tell.
    Raises UnusableInput if path, settings, baseline or a rule's file cannot be read, UsageError for
    an override that is none.
    """
    recording = open_recording(path)
    settings = pipeline_settings(
        overrides,
        baseline,
        recording.session.host,
        detector,
        allow_different_hosts=allow_different_hosts,
    )
    summaries = Summaries(recording.metrics)
    own = monitoring(
        _observed(recording.blocks([metric.name for metric in recording.metrics]), summaries),
        recording.session,
        active=recording.live,
    )
    session = recording.told()
    own = with_damage(own, session)
    summarised = summaries.finish()
    outcomes = insights(recording, rules_dir, settings)
    found = tuple(one for one in outcomes if isinstance(one, Insight))
    figures = score_figures(recording, summarised)
    ended: list[Pipeline] = []
    said = tuple(latest(findings(recording, settings, at_end=ended.append)))
    foreseen = standing(ended[0], recording)
    advised = tuple(recommendations(found, said, shlex.quote(printable(str(path)))))
    return Report(
        source=str(path),
        source_kind=recording.kind,
        session=session,
        monitoring=own,
        summaries=summarised,
        insights=found,
        not_applicable=tuple(one for one in outcomes if isinstance(one, NotApplicable)),
        failed_rules=tuple(one for one in outcomes if isinstance(one, RuleFailed)),
        verdict=_verdict(verdict(figures, found, len(advised)), summarised, own, silent=not found),
        cannot_tell=(*_cannot_tell(recording, own, summarised), *_too_late(recording, found)),
        findings=said,
        recommendations=advised,
        forecasts=foreseen,
        decisions=decide(foreseen),
        patterns_after_ns=patterns_after_ns(ended[0]),
    )


def _too_late(recording: Recording, found: Sequence[Insight]) -> Iterator[str]:
    """A word on recommended commands that name a process which is no more."""
    session = recording.session
    pid = str(session.target_pid)
    ended = (session.stop_reason or "").startswith("the target exited")
    if ended and any(pid in advice for one in found for advice in one.recommendations):
        yield f"Process {pid} has ended: the commands that name it are for its next run."


def _verdict(
    found: Verdict, summaries: Sequence[MetricSummary], own: Monitoring, *, silent: bool
) -> Verdict:
    """The verdict, "unknown" where nothing or next to nothing was measured: no news is not good news."""
    judged = unless_too_short(found, own.ticks, own.duration_ns)
    if not silent or any(one.count for one in summaries if one.metric.scope != RECORDER):
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


def _too_short(recording: Recording, own: Monitoring) -> Iterator[str]:
    """A word on growth, where the session is too short for it."""
    period_ns = period_length_ns(recording.session.interval_ns)
    enough_ns = ENOUGH_PERIODS * period_ns
    if own.duration_ns >= enough_ns:
        return
    length = format_value(own.duration_ns, "ns")
    if _ran_before_ns(recording) < enough_ns:
        yield (
            f"The session is short ({length}): below {format_value(enough_ns, 'ns')} growth cannot "
            "be told from start-up."
        )
    elif own.duration_ns < (growth_ns := max(GROWTH_PERIODS * period_ns, GROWTH_NS)):
        yield (
            f"The session is too short to judge growth ({length}): that takes "
            f"{format_value(growth_ns, 'ns')}."
        )


def _ran_before_ns(recording: Recording) -> int:
    """How long the target is known to have run when the first tick that is there was taken."""
    session = recording.session
    first_ns = 0
    for block in recording.blocks(["t_ns", "processes"]):
        if len(block) and not first_ns:
            first_ns = int(block.t_ns[0])
        for _, entries in block.processes:
            for one in entries:
                started_ns = one["started_ns"]
                if one["pid"] == session.target_pid and isinstance(started_ns, int):
                    return max(first_ns, session.start_boottime_ns + first_ns - started_ns)
            return first_ns
    return first_ns


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
        yield from _too_short(recording, own)
    if recording.damaged:
        count = f"{recording.damaged} tick{'' if recording.damaged == 1 else 's'}"
        were = "was" if recording.damaged == 1 else "were"
        yield f"{count} of the journal cannot be read any more and {were} left out."
    yield from recording.problems
    if recording.kind == "orphaned journal":
        yield (
            "The recording was cut off before it was sealed, so how the target ended is unknown. "
            "`perfkit recover` seals what there is."
        )
    elif recording.kind == "session" and recording.session.stop_reason is None and own.ticks:
        yield "The recorder was cut off: how the target ended is unknown."
    elif recording.kind == "live journal":
        yield "The recording goes on: what is reported here holds until its last tick so far."
