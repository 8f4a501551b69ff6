"""Findings of a recording: joins whatever it is stored in with the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

import numpy as np

from perfkit.analysis.forecast.stage import ForecastStage
from perfkit.analysis.patterns import Patterns
from perfkit.analysis.pipeline import Pipeline, Settings
from perfkit.errors import UsageError
from perfkit.model.block import Block
from perfkit.model.finding import Finding
from perfkit.model.forecast import Forecast
from perfkit.workflows.durations import parse_duration
from perfkit.workflows.source import Recording

Part = tuple[int | None, int | None]
"""[start, end) of a session on its clock, ns; None is its beginning or end."""


def part_of_session(from_: str | None, to: str | None) -> Part:
    """The part that two options mean, times such as `30s`. Raises UsageError for one that is none."""
    start = None if from_ is None else parse_duration(from_, "--from")
    end = None if to is None else parse_duration(to, "--to")
    if start is not None and end is not None and start >= end:
        raise UsageError("--from is not before --to: swap them or choose a longer part")
    return start, end


def findings(
    recording: Recording,
    settings: Settings | None = None,
    stages: Collection[str] | None = None,
    from_ns: int | None = None,
    to_ns: int | None = None,
    at_end: Callable[[Pipeline], None] | None = None,
) -> Iterator[Finding]:
    """What the pipeline says of a recording, in order, as soon as each thing is known.

    stages: whose findings are asked for, all by default. from_ns, to_ns: the part of the session
    to look at, [from_ns, to_ns) on its clock. at_end: told the pipeline when all is said, for what
    its stages know beside their findings.
    Raises UnusableInput where the source turns out to be damaged.
    """
    pipeline = Pipeline(recording.metrics, recording.session.interval_ns, settings, stages)
    for block in within(recording.blocks(pipeline.inputs), from_ns, to_ns):
        yield from pipeline.add(block)
    yield from pipeline.finish()
    if at_end is not None:
        at_end(pipeline)


def patterns_after_ns(pipeline: Pipeline) -> int | None:
    """How long a session must be for patterns to be told, None where this one was."""
    stage = pipeline.stage("pattern")
    return stage.enough_ns if isinstance(stage, Patterns) else None


def standing(pipeline: Pipeline, recording: Recording) -> tuple[Forecast, ...]:
    """The forecasts as they stand, of all that the recording has a metric for."""
    stage = pipeline.stage("forecast")
    if not isinstance(stage, ForecastStage):
        return ()
    names = {metric.name for metric in recording.metrics}
    return tuple(one for one in stage.standing if one.metric in names)


def within(blocks: Iterable[Block], from_ns: int | None, to_ns: int | None) -> Iterator[Block]:
    """The ticks of [from_ns, to_ns); None is the beginning or the end."""
    for block in blocks:
        first = 0 if from_ns is None else int(np.searchsorted(block.t_ns, from_ns))
        last = len(block) if to_ns is None else int(np.searchsorted(block.t_ns, to_ns))
        if first == 0 and last == len(block):
            yield block
        elif first < last:
            yield block[first:last]
        if last < len(block):
            return
