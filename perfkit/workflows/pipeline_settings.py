"""The pipeline's settings: what the project sets, what the command line says, what was learnt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from perfkit.analysis.pipeline import Settings
from perfkit.errors import UsageError
from perfkit.model.text import printable
from perfkit.workflows.settings import load_settings


def pipeline_settings(
    overrides: Iterable[str] = (),
    baseline: Path | None = None,
    host: Mapping[str, Any] | None = None,
    detector: str | None = None,
    *,
    allow_different_hosts: bool = False,
) -> Settings:
    """Settings of the pipeline for this working directory.

    overrides: `KEY=VALUE`, as of `--set`.
    baseline: file of a learnt one, None for the session's own calm start. host: that of the session, of whose class the
    baseline has to be, unless allow_different_hosts. detector: its name, None for the default one.
    Raises UsageError or UnusableInput if any of it cannot be used.
    """
    learned = None
    if baseline is not None:
        # only now: it stands on what compares recordings, which few runs need
        from perfkit.workflows.baseline import load_baseline

        learned = load_baseline(baseline, host=host, allow_different_hosts=allow_different_hosts)
    chosen = load_settings(overrides)
    return Settings(
        thresholds=chosen.thresholds,
        horizon_ns=chosen.forecast.horizon_ns,
        baseline=learned,
        detector=known_detector(detector),
    )


def known_detector(name: str | None) -> str:
    """The name of a detector that there is, the default one for None.

    Raises UsageError, with all that there are, for a name that is none.
    """
    from perfkit.analysis.detectors.registry import DETECTORS

    if name is None:
        return next(iter(DETECTORS))
    if name not in DETECTORS:
        raise UsageError(
            f"there is no detector {printable(name, 60)!r}: choose one of {', '.join(DETECTORS)}"
        )
    return name
