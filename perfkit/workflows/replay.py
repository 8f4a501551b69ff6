"""`perfkit replay`: a session through the analysis again, and what other settings would change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perfkit.actions.decide import decide
from perfkit.analysis.differences import differences
from perfkit.analysis.pipeline import Pipeline, Settings
from perfkit.model.decision import Decision
from perfkit.model.difference import Difference
from perfkit.model.finding import Finding
from perfkit.model.forecast import Forecast
from perfkit.model.insight import Insight
from perfkit.workflows.findings import findings, part_of_session, standing
from perfkit.workflows.insights import insights
from perfkit.workflows.pipeline_settings import pipeline_settings
from perfkit.workflows.source import open_recording


@dataclass(frozen=True)
class Changes:
    """What a replay does otherwise than usual.

    overrides: of settings, `KEY=VALUE`.
    baseline: file of a learnt one. rules: a folder of rules beside perfkit's own.
    detector: name of the one to use. allow_different_hosts: the baseline may be of another class
    of host.
    """

    overrides: tuple[str, ...] = ()
    baseline: Path | None = None
    rules: Path | None = None
    detector: str | None = None
    allow_different_hosts: bool = False

    def settings(self, host: Mapping[str, Any] | None = None) -> Settings:
        """The pipeline's settings for a session of this host.

        Raises UsageError or UnusableInput if they are not usable.
        """
        return pipeline_settings(
            self.overrides,
            self.baseline,
            host,
            self.detector,
            allow_different_hosts=self.allow_different_hosts,
        )


class Replay:
    """One session, replayed with changes.

    changed: whether there are any, so that a difference can be told. forecasts: as they stood at
    the end, once `findings` has come to it; decisions: what to consider against them.
    """

    def __init__(
        self, path: Path, changes: Changes, from_: str | None = None, to: str | None = None
    ) -> None:
        """from_, to: the part of the session, times on its own clock such as `30s`.

        Raises UsageError for a part that is none or for wrong settings, UnusableInput if path
        cannot be read.
        """
        self._part = part_of_session(from_, to)
        self._changes = changes
        self._recording = open_recording(path)
        self._settings = changes.settings(self._recording.session.host)
        self._found: list[Finding] = []
        self.changed: bool = changes != Changes()
        self.forecasts: tuple[Forecast, ...] = ()
        self.decisions: tuple[Decision, ...] = ()

    def findings(self) -> Iterator[Finding]:
        """What is found, as it becomes known on the session's clock."""
        self._found = []
        ended: list[Pipeline] = []
        said = findings(self._recording, self._settings, None, *self._part, ended.append)
        for one in said:
            self._found.append(one)
            yield one
        self.forecasts = standing(ended[0], self._recording)
        self.decisions = decide(self.forecasts)

    def differences(self) -> list[Difference]:
        """What the changes change of the findings, once `findings` has come to its end."""
        usual = findings(self._recording, Changes().settings(), None, *self._part)
        return differences(usual, self._found)

    def insights(self) -> tuple[list[Insight], list[Insight]]:
        """Insights over the whole session that the changes raise, and those that they take away."""
        now = self._insights(self._changes)
        usual = self._insights(Changes())
        return _without(now, usual), _without(usual, now)

    def _insights(self, changes: Changes) -> list[Insight]:
        chosen = changes.settings(self._recording.session.host)
        said = insights(self._recording, changes.rules, chosen)
        return [one for one in said if isinstance(one, Insight)]


def _without(some: Sequence[Insight], others: Sequence[Insight]) -> list[Insight]:
    known = {(one.rule, one.severity) for one in others}
    return [one for one in some if (one.rule, one.severity) not in known]
