"""`perfkit replay`: a session through the pipeline again, and what other settings would change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from perfkit.analysis.differences import differences
from perfkit.analysis.pipeline import Settings
from perfkit.errors import UsageError
from perfkit.model.difference import Difference
from perfkit.model.finding import Finding
from perfkit.workflows.findings import findings
from perfkit.workflows.source import open_recording


class Replay:
    """One session replayed.

    changed: whether its settings are others than the usual ones.
    """

    def __init__(
        self, path: Path, settings: Settings, from_ns: int | None = None, to_ns: int | None = None
    ) -> None:
        """from_ns, to_ns: the part of the session to replay, on its own clock.

        Raises UsageError for a part that is none, UnusableInput if path cannot be read.
        """
        if from_ns is not None and to_ns is not None and from_ns >= to_ns:
            raise UsageError("--from is not before --to: swap them or choose a longer part")
        self._recording = open_recording(path)
        self._settings = settings
        self._part = from_ns, to_ns
        self._found: list[Finding] = []
        self.changed: bool = settings != Settings()

    def findings(self) -> Iterator[Finding]:
        """What is found, as it becomes known on the session's clock."""
        self._found = []
        for one in findings(self._recording, self._settings, None, *self._part):
            self._found.append(one)
            yield one

    def differences(self) -> list[Difference]:
        """What the settings changed, after `findings` has come to its end."""
        return differences(findings(self._recording, None, None, *self._part), self._found)
