"""How well a detector finds labelled windows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DetectorScore:
    """One detector over a folder of labelled series, at one threshold for all of them.

    nab_standard, nab_low_fp, nab_low_fn: normalised scores of the benchmark's three profiles, 0
    for a detector that never speaks, 100 for a perfect one; None where there is no window.
    standard_error: of nab_standard, over files (bootstrap, fixed seed). fitted: the threshold was
    chosen on these very files. rows_per_s: of CPU time.
    """

    detector: str
    nab_standard: float | None
    nab_low_fp: float | None
    nab_low_fn: float | None
    standard_error: float | None
    windows_found: int
    windows: int
    false_rows_per_1000: float
    threshold: float
    fitted: bool
    rows: int
    rows_per_s: float
