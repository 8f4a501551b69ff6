"""`perfkit forecast`: what will run out or degrade, when, and what to consider."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from perfkit.actions.decide import decide
from perfkit.analysis.pipeline import Pipeline, Settings
from perfkit.errors import UsageError
from perfkit.model.decision import Decision
from perfkit.model.finding import Finding
from perfkit.model.forecast import Forecast
from perfkit.workflows.durations import parse_duration
from perfkit.workflows.findings import standing, within
from perfkit.workflows.follow import followed
from perfkit.workflows.pipeline_settings import pipeline_settings
from perfkit.workflows.source import Recording, open_recording

_STAGE = "forecast"


@dataclass(frozen=True)
class Outlook:
    """What is foreseen at one moment of a session.

    source: its path. at_ns: the moment on its clock: that asked for, else the last tick.
    horizon_s: how far it looks. forecasts: one a capacity. decisions: what to consider.
    """

    source: str
    at_ns: int
    horizon_s: float
    forecasts: tuple[Forecast, ...]
    decisions: tuple[Decision, ...]


def outlook(
    path: Path,
    overrides: Sequence[str] = (),
    horizon: str | None = None,
    at: str | None = None,
) -> Outlook:
    """What was foreseen at time `at` of the session's clock, of what was known by then alone.

    at: such as `2m`; None is the end. horizon: such as `5m`. overrides: of settings, `KEY=VALUE`.
    Raises UsageError for a time that is none or beyond the session, UnusableInput if path cannot be
    read.
    """
    at_ns = None if at is None else parse_duration(at, "--at")
    recording = open_recording(path)
    settings = _settings(overrides, horizon)
    pipeline = Pipeline(recording.metrics, recording.session.interval_ns, settings, (_STAGE,))
    last_ns = 0
    for block in within(recording.blocks({*pipeline.inputs, "t_ns"}), None, at_ns):
        pipeline.add(block)
        last_ns = int(block.t_ns[-1]) if len(block) else last_ns
    if at_ns is not None and at_ns - last_ns > _longest_pause_ns(recording):
        raise UsageError(
            f"--at {at} lies beyond the session, which ends at {last_ns / 1e9:.1f} s: "
            "choose an earlier time"
        )
    pipeline.finish()
    forecasts = standing(pipeline, recording)
    return Outlook(
        str(path),
        # the last period would have gone on for a while after the last tick
        last_ns if at_ns is None else at_ns,
        settings.horizon_ns / 1e9,
        forecasts,
        decide(forecasts),
    )


def follow(
    path: Path, overrides: Sequence[str] = (), horizon: str | None = None
) -> Iterator[tuple[Finding, bool]]:
    """Forecasts of a recording in progress as they open, change and close.

    Yields each with whether it was told before. Raises as `workflows.follow.follow`, at once.
    """
    return _marked(followed(path, _settings(overrides, horizon)))


def _marked(findings: Iterator[Finding]) -> Iterator[tuple[Finding, bool]]:
    told: set[str] = set()
    for one in findings:
        if one.stage == _STAGE:
            yield one, one.id in told
            told.add(one.id)


def _settings(overrides: Sequence[str], horizon: str | None) -> Settings:
    settings = pipeline_settings(overrides)
    if horizon is None:
        return settings
    return replace(settings, horizon_ns=parse_duration(horizon, "--horizon"))


def _longest_pause_ns(recording: Recording) -> int:
    """How far apart ticks may be: so much beyond the last one still belongs to the session."""
    changes = (interval for _, interval in recording.session.interval_changes)
    return 2 * max((recording.session.interval_ns, *changes))
