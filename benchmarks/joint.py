"""Metrics judged together, against a baseline learned of other recordings of the same program.

    perfkit lab run-all -o DIR --only fault
    perfkit lab run-all -o DIR2 --only clean --seeds 3 --side-by-side 28
    python benchmarks/joint.py DIR DIR2
    python benchmarks/joint.py DIR DIR2 --crossed     and on baselines of another program
    python benchmarks/joint.py --days 4               false alarms on days made up from four seeds a kind

A recording is never held against itself: a clean one is held against the other seeds of its program,
one of a fault against the calm beginnings, up to ten seconds before the first fault, of the others
of its program (seeds, strengths). Beside the joint stage stands the default one on the same recordings.

A day is 86,400 periods of twenty metrics (`loads.py`); its baseline is of the first hour of three
other seeds of its kind, so that 24 hours are judged on three.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from loads import HELD_OUT, SECOND_NS, TUNED, WATCHED_HERE, clean_day

from perfkit.analysis.detection_scoring import score
from perfkit.analysis.joint.episode import KIND
from perfkit.analysis.joint.learning import JointLearner
from perfkit.analysis.joint.stage import JointStage
from perfkit.lab import truth
from perfkit.model.baseline import Baseline
from perfkit.model.detection import Examined
from perfkit.model.finding import Finding, latest
from perfkit.model.joint import JOINT, joint_to_facts
from perfkit.report import Page
from perfkit.report.detection_scores import as_json, as_text
from perfkit.workflows.baseline import learn, write_baseline
from perfkit.workflows.laboratory_score import examine
from perfkit.workflows.replay import Changes

STAGES = ("joint", "anomaly")
CALM_S = 10.0
SESSIONS = 3
LEARNED_ROWS = 3600


def programs(folders: Sequence[Path]) -> dict[tuple[str, bool], list[Path]]:
    """The truths by program, and whether it is one of faults."""
    found: dict[tuple[str, bool], list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.glob(f"*{truth.SUFFIX}")):
            facts = json.loads(path.read_bytes())
            if facts["purpose"] in ("fault", "clean"):
                key = (facts["program"], facts["purpose"] == "fault")
                found.setdefault(key, []).append(path)
    return found


def calm_until(truths: Sequence[Path]) -> str | None:
    """Before the first fault of any of them; None where there is none."""
    begins = [
        fault["from_s"] for path in truths for fault in json.loads(path.read_bytes())["faults"]
    ]
    return f"{min(begins) - CALM_S:.1f}s" if begins else None


def learned(truths: Sequence[Path], folder: Path) -> Path:
    """A baseline of what was calm in these recordings."""
    made = learn(
        [path.with_name(path.name.removesuffix(truth.SUFFIX)) for path in truths],
        to=calm_until(truths),
        allow_different_hosts=True,
    )
    path = folder / "baseline.json"
    path.unlink(missing_ok=True)
    write_baseline(path, made)
    return path


def held_out(found: dict[tuple[str, bool], list[Path]], folder: Path) -> Iterator[Examined]:
    """Every recording, replayed with a baseline of the others of its program."""
    for truths in found.values():
        for path in truths:
            others = [one for one in truths if one != path]
            if others:
                changes = Changes(baseline=learned(others, folder), allow_different_hosts=True)
                examined = examine(path, changes, STAGES)
                if examined is not None:
                    yield examined


def crossed(found: dict[tuple[str, bool], list[Path]], folder: Path) -> Counter[str]:
    """What is said of clean recordings on the baseline of another program."""
    clean = {name: truths for (name, faulty), truths in found.items() if not faulty}
    said: Counter[str] = Counter()
    for name, truths in clean.items():
        changes = Changes(
            baseline=learned(truths[:-1] or truths, folder), allow_different_hosts=True
        )
        for other, those in clean.items():
            examined = examine(those[-1], changes, STAGES) if other != name else None
            if examined is not None:
                kinds = Counter(
                    {one.id: one.kind for one in examined.findings if one.stage == "joint"}.values()
                )
                said[
                    ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())) or "nothing"
                ] += 1
    return said


def alarms(day: tuple[str, int]) -> list[Finding]:
    """What the joint stage says of a day on a baseline of other seeds, each as it stood last."""
    kind, seed = day
    learner = JointLearner([one.metric for one in WATCHED_HERE], SECOND_NS)
    for other in range(1, SESSIONS + 1):
        learner.add(clean_day(kind, 100 * seed + other)[:LEARNED_ROWS])
        learner.end_session()
    model = learner.learned()
    if model is None:
        raise SystemExit(f"nothing could be learned of {kind}")
    known = Baseline(SECOND_NS, {}, detectors={JOINT: joint_to_facts(model)})
    stage = JointStage(SECOND_NS, known)
    return latest(stage.add(clean_day(kind, 100 * seed), []) + stage.finish([]))


def print_days(seeds: int) -> None:
    """Alarms a day, by kind and over all."""
    kinds = [*TUNED, *HELD_OUT]
    days = [(kind, seed) for kind in kinds for seed in range(1, seeds + 1)]
    with ProcessPoolExecutor(2) as pool:
        found = list(pool.map(alarms, days))
    counts = np.array([sum(one.kind == KIND for one in told) for told in found])
    misfits = sum(one.kind != KIND for told in found for one in told)
    for kind in kinds:
        own = counts[[one == kind for one, _ in days]]
        print(f"{kind:>16}: {own.mean():5.2f} a day, worst {own.max()}")
    print(f"{'all':>16}: {counts.mean():5.2f} a day, worst {counts.max()}, of {len(days)} days")
    print(f"{misfits} of them were said not to fit")


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="the joint stage on recordings with a truth")
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--days", type=int, default=0, metavar="SEEDS")
    parser.add_argument("--crossed", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(words)
    if asked.days:
        print_days(asked.days)
    found = programs(asked.folders)
    if not found:
        return
    with tempfile.TemporaryDirectory() as name:
        examined = list(held_out(found, Path(name)))
        scores = [score(examined, stage) for stage in STAGES]
        print(as_json(scores) if asked.json else as_text(scores, Page(width=160)))
        if asked.crossed:
            for what, count in crossed(found, Path(name)).most_common():
                print(f"{count:4} recordings on the baseline of another program: {what}")


if __name__ == "__main__":
    main()
