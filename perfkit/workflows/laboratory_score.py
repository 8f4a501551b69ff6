"""Hold the analysis against recordings of which the truth is known."""

from __future__ import annotations

import json
import math
import multiprocessing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from perfkit.analysis.detection_scoring import score
from perfkit.analysis.pipeline import STAGES
from perfkit.errors import UnusableInput, UsageError
from perfkit.lab import truth
from perfkit.model.detection import DetectionScore, Examined, KnownFault
from perfkit.model.text import printable
from perfkit.workflows.replay import Changes, Replay

USUAL_STAGES = ("anomaly", "alert")


def score_laboratory(
    folders: Sequence[Path],
    changes: Changes,
    stages: Sequence[str] = USUAL_STAGES,
    *,
    side_by_side: int = 1,
    tell: Callable[[str], None] = lambda _: None,
) -> list[DetectionScore]:
    """What these stages make of the recordings of the folders: those with a truth beside them.

    Recordings of forecasts are passed over: what grows there is neither a fault nor nothing.
    side_by_side: processes to replay in. Raises UsageError for a stage that there is not or wrong
    settings, UnusableInput for a folder without such a recording or one that cannot be read.
    """
    names = [name for name, _ in STAGES]
    for stage in stages:
        if stage not in names:
            raise UsageError(
                f"there is no stage {printable(stage, 40)!r}: --stage takes {', '.join(names)}"
            )
    changes.settings()  # a mistake in them is told once, not once a recording
    jobs = [(path, changes, frozenset(stages)) for path in _truths(folders)]
    examined: list[Examined] = []
    for done, (path, outcome) in enumerate(_replayed(jobs, side_by_side), start=1):
        if isinstance(outcome, str):
            raise UnusableInput(outcome)
        tell(f"{done} of {len(jobs)} replayed, the last {printable(path.name)}")
        if outcome is not None:
            examined.append(outcome)
    if not examined:
        raise UnusableInput(
            f"{_shown(folders)}: no recording of a fault, nor a clean one; make some with "
            "`perfkit lab run-all -o DIR --only fault`"
        )
    return [score(examined, stage) for stage in stages]


_Job = tuple[Path, Changes, frozenset[str]]
_Outcome = Examined | str | None


def _replayed(jobs: Sequence[_Job], side_by_side: int) -> Iterator[tuple[Path, _Outcome]]:
    if side_by_side < 2 or len(jobs) < 2:
        yield from ((job[0], _examined(job)) for job in jobs)
        return
    # fresh processes: a forked one would hold the threads' locks of this one
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(side_by_side, len(jobs)), context) as pool:
        yield from zip((job[0] for job in jobs), pool.map(_examined, jobs), strict=True)


def _examined(job: _Job) -> _Outcome:
    """The recording replayed; None for one of forecasts, a sentence if it cannot be read."""
    path, changes, stages = job
    try:
        return examine(path, changes, stages)
    except (UnusableInput, UsageError) as error:
        return str(error)


def examine(path: Path, changes: Changes, stages: Collection[str]) -> Examined | None:
    """One recording by its truth's file, replayed; None where it is one of forecasts.

    stages: of which findings are kept. Raises UnusableInput.
    """
    facts = _facts(path)
    if facts["purpose"] == "forecast":
        return None
    recording = path.with_name(path.name.removesuffix(truth.SUFFIX))
    found = [one for one in Replay(recording, changes).findings() if one.stage in stages]
    return Examined(
        str(recording),
        facts["program"],
        facts["strength"],
        facts["seconds"],
        facts["faults"],
        tuple(found),
    )


def _truths(folders: Iterable[Path]) -> list[Path]:
    """The truths in the folders, by name; one that is told twice is read once."""
    found: dict[Path, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UnusableInput(
                f"{printable(str(folder))} is no folder; name one that "
                "`perfkit lab run-all -o DIR` made"
            )
        inside = sorted(folder.glob(f"*{truth.SUFFIX}"))
        if not inside:
            raise UnusableInput(
                f"{printable(str(folder))} holds no recording with its truth beside it "
                f"(*{truth.SUFFIX}); make some with `perfkit lab run-all -o DIR`"
            )
        for path in inside:
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _facts(path: Path) -> dict[str, Any]:
    """What scoring needs of a truth. Raises UnusableInput where it is none."""
    try:
        facts = json.loads(path.read_bytes())
        strength = facts["strength"]
        read = {
            "program": str(facts["program"]),
            "purpose": str(facts["purpose"]),
            "strength": None if strength is None else _number(strength),
            "seconds": _number(facts["seconds"]),
            "faults": tuple(_fault(one) for one in facts["faults"]),
        }
        if not read["faults"] and read["purpose"] != "forecast" and facts["clean"] is not True:
            raise ValueError
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise UnusableInput(
            f"{printable(str(path))} is no truth of a recording, or a damaged one; delete it, and "
            "`perfkit lab run-all` makes both anew"
        ) from None
    return read


def _fault(facts: Mapping[str, Any]) -> KnownFault:
    from_s, until_s = _number(facts["from_s"]), _number(facts["until_s"])
    if until_s < from_s:
        raise ValueError
    return KnownFault(str(facts["kind"]), str(facts["metric"]), from_s, until_s)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _shown(folders: Iterable[Path]) -> str:
    return ", ".join(printable(str(one)) for one in folders)
