"""The pipeline's settings: what the project sets, what the command line says, what was learnt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from perfkit.analysis.detectors.registry import DETECTORS
from perfkit.analysis.pipeline import Settings
from perfkit.errors import UsageError
from perfkit.model.text import printable
from perfkit.workflows.baseline import load_baseline
from perfkit.workflows.settings import load_settings


def pipeline_settings(
    overrides: Iterable[str] = (),
    detector: str | None = None,
    baseline: Path | None = None,
    host: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings of the pipeline for this working directory.

    overrides: `KEY=VALUE`, as of `--set`. detector: name of one, None for the usual one.
    baseline: file of a learnt one, None for the session's own calm start. host: that of the session, of whose class the
    baseline has to be.
    Raises UsageError or UnusableInput if any of it cannot be used.
    """
    if detector is not None and detector not in DETECTORS:
        close = difflib.get_close_matches(detector, DETECTORS, n=1)
        meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(DETECTORS)}"
        raise UsageError(
            f"--detector {printable(detector, 60)}: there is no such detector; {meant}"
        )
    return Settings(
        thresholds=load_settings(overrides).thresholds,
        baseline=None if baseline is None else load_baseline(baseline, host=host),
        detector=detector or next(iter(DETECTORS)),
    )
