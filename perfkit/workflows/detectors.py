"""The detectors: what there is, and how well each does on labelled series."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perfkit.analysis.detectors.protocol import DetectorSpec
from perfkit.analysis.detectors.registry import DETECTORS
from perfkit.analysis.nab_scoring import (
    LOW_FN,
    LOW_FP,
    Judged,
    best_threshold,
    judge,
    outcome,
)
from perfkit.errors import OutputRefused
from perfkit.foreign.labelled_series import LabelledSeries, read_folder
from perfkit.model.detector_score import DetectorScore
from perfkit.model.joint import JOINT
from perfkit.model.text import printable
from perfkit.workflows.pipeline_settings import known_detector

Scores = npt.NDArray[np.float64]

JOINT_LISTED = (
    "metrics in a combination that never was, each of them ordinary: needs a learned baseline",
    None,
    "Ledoit and Wolf 2004, shrunk covariance; Mahalanobis 1936",
)
"""Of the one that judges metrics together: what it is for, its threshold (learned), its source."""

_RESAMPLES = 1000


def listing() -> tuple[list[str], list[list[object]]]:
    """Columns and rows of what detectors there are."""
    columns = ["detector", "good for", "threshold", "source"]
    rows: list[list[object]] = [
        [d.name, d.summary, d.threshold, d.source] for d in DETECTORS.values()
    ]
    return columns, [*rows, [JOINT, *JOINT_LISTED]]


def chosen(names: Sequence[str]) -> list[DetectorSpec]:
    """The detectors of these names, all where there is none. Raises UsageError for a wrong one."""
    wanted = {known_detector(name) for name in names} or DETECTORS.keys()
    return [spec for name, spec in DETECTORS.items() if name in wanted]


def score_detectors(
    folder: Path,
    names: Sequence[str] = (),
    threshold: float | None = None,
    fit: bool = False,
    scores_out: Path | None = None,
) -> list[DetectorScore]:
    """Every detector asked for over the labelled series of a folder.

    names: of detectors, all by default. threshold: instead of each detector's own. fit: the one
    that is best on these files, which flatters. scores_out: a folder for the scores themselves, a
    file a series, DETECTOR/FOLDER/NAME.csv.
    Raises UnusableInput for a folder that is not as it should be, UsageError for a wrong name,
    OutputRefused where scores cannot be written.
    """
    specs = chosen(names)
    series = read_folder(folder)
    judged = [judge(len(one.values), one.windows) for one in series]
    made = []
    for spec in specs:
        began_s = time.process_time()
        scores = [spec.start().score(one.values) for one in series]
        took_s = time.process_time() - began_s
        if scores_out is not None:
            _write(scores_out / spec.name, series, scores)
        made.append(_scored(spec, judged, scores, threshold, fit, took_s))
    return made


def _scored(
    spec: DetectorSpec,
    judged: Sequence[Judged],
    scores: Sequence[Scores],
    threshold: float | None,
    fit: bool,
    took_s: float,
) -> DetectorScore:
    mark = best_threshold(judged, scores) if fit else threshold
    mark = spec.threshold if mark is None else mark
    found = outcome(judged, scores, mark)
    return DetectorScore(
        spec.name,
        found.normalised,
        outcome(judged, scores, mark, LOW_FP).normalised,
        outcome(judged, scores, mark, LOW_FN).normalised,
        _standard_error(judged, scores, mark),
        found.found,
        found.windows,
        1000.0 * found.false_rows / found.all_rows,
        mark,
        fit,
        found.all_rows,
        found.all_rows / max(took_s, 1e-9),
    )


def _standard_error(
    judged: Sequence[Judged], scores: Sequence[Scores], threshold: float
) -> float | None:
    """Of the normalised score, over files drawn anew with replacement (Efron 1979)."""
    files = [outcome([j], [s], threshold) for j, s in zip(judged, scores, strict=True)]
    parts = np.array([[one.gained - one.null, one.perfect - one.null] for one in files])
    drawn = np.random.default_rng(0).integers(0, len(files), (_RESAMPLES, len(files)))
    sums = parts[drawn].sum(axis=1)
    sums = sums[sums[:, 1] > 0]
    if len(files) < 2 or len(sums) < 2:
        return None
    error = float(np.std(100.0 * sums[:, 0] / sums[:, 1], ddof=1))
    return error if math.isfinite(error) else None


def _write(folder: Path, series: Sequence[LabelledSeries], scores: Sequence[Scores]) -> None:
    for one, of_rows in zip(series, scores, strict=True):
        place = folder / one.name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("w", newline="", encoding="utf-8") as file:
                rows = csv.writer(file, lineterminator="\n")
                rows.writerow(["timestamp", "anomaly_score"])
                rows.writerows(zip(one.timestamps, of_rows.tolist(), strict=True))
        except OSError as error:
            raise OutputRefused(
                f"{printable(str(place))} cannot be written ({error.strerror}); choose another folder"
            ) from None
