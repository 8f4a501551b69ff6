"""Comparisons that every way of telling them is shown: plain ones, empty ones, hostile ones."""

from __future__ import annotations

import math
from dataclasses import replace

from report_examples import HOSTILE

from perfkit.model.verdict import (
    ALTERNATING,
    DUET,
    IMPROVED,
    PASSED,
    REGRESSED,
    UNCHANGED,
    UNDECIDED,
    UNPAIRED,
    ComparedSide,
    Comparison,
    Difference,
    MetricVerdict,
)


def metric(name="cpu_s", unit="s", **fields):
    """A gating metric that is unchanged after seven pairs, and whatever else is said of it."""
    known = {
        "design": DUET,
        "gating": True,
        "verdict": UNCHANGED,
        "effect": 0.002,
        "ci_low": -0.008,
        "ci_high": 0.013,
        "pairs": 7,
        "tolerance": 0.01,
        "margin": 0.03,
        "base": 0.214,
        "head": 0.2144,
        "noise": 0.011,
        "detectable_effect": 0.031,
        "decided_after": 6,
        "cause": "cpu",
        "note": "",
    }
    return MetricVerdict(metric=name, unit=unit, **{**known, **fields})


MEMORY = metric(
    "peak_rss_bytes",
    "bytes",
    effect=0.0004,
    ci_low=-0.0012,
    ci_high=0.0019,
    base=43_000_000.0,
    head=43_017_200.0,
    noise=0.0015,
    detectable_effect=0.0112,
    cause="memory",
)
SLOWER = metric(verdict=REGRESSED, effect=0.0523, ci_low=0.0412, ci_high=0.0643, head=0.2252)
WALL = metric(
    "wall_s",
    design=ALTERNATING,
    effect=-0.02,
    ci_low=-0.2,
    ci_high=0.18,
    margin=0.25,
    base=0.3,
    head=0.294,
    noise=0.12,
    detectable_effect=0.37,
)
OPEN = metric(
    verdict=UNDECIDED,
    effect=0.014,
    ci_low=-0.02,
    ci_high=0.055,
    pairs=30,
    noise=0.06,
    detectable_effect=0.065,
    decided_after=None,
)
USER = metric(
    "cpu_user_s", verdict=REGRESSED, gating=False, effect=0.061, ci_low=0.049, ci_high=0.07
)


def side(name, source="python bench.py", runs=8, failed=()):
    return ComparedSide(name, source, runs, tuple(failed))


PASSING = Comparison(
    PASSED,
    side("base"),
    side("head"),
    (MEMORY, metric(), WALL),
    0.01,
    0.05,
    not_gated=("instructions", "read_bytes"),
    elapsed_s=34.2,
    host="AMD EPYC, 2 cores, 7.8 GiB, Linux 6.1",
    seed=7,
)
FAILING = replace(
    PASSING,
    verdict=REGRESSED,
    base=side("base", failed=["exit code 1: Traceback", "exit code 1: Traceback"]),
    metrics=(MEMORY, SLOWER, replace(WALL, verdict=UNDECIDED, ci_high=0.31), USER),
    reasons=("python spends 9.1 % more CPU in user mode",),
    notes=("wall time was measured by alternating runs",),
    differences=(
        Difference("part", "start-up", "cpu_s", "s", 0.1, 0.1, 0.0),
        Difference("part", "steady state", "cpu_s", "s", 0.1, 0.115, 0.15),
        Difference("process", "process sqlite3", "written_bytes", "bytes", 0, 4096, None),
    ),
)
UNCLEAR = replace(PASSING, verdict=UNDECIDED, metrics=(MEMORY, OPEN, WALL))
BETTER = replace(
    PASSING,
    metrics=(MEMORY, metric(verdict=IMPROVED, effect=-0.08, ci_low=-0.09, ci_high=-0.07), WALL),
)
EMPTY = Comparison(UNDECIDED, side("base", "", 0), side("head", "", 0), (), 0.01, 0.05)
UNMEASURED = replace(
    EMPTY,
    metrics=(
        metric(
            verdict=UNDECIDED,
            effect=None,
            ci_low=None,
            ci_high=None,
            pairs=0,
            base=None,
            head=None,
            noise=None,
            detectable_effect=None,
        ),
    ),
)


def hostile(text: str) -> Comparison:
    """Every place that a stranger's words can get into holds this text; figures are wild too."""
    wild = [
        metric(text, text, verdict=REGRESSED, cause=text, note=text, effect=math.inf),
        metric(
            f"beside {text}",
            verdict=REGRESSED,
            gating=False,
            cause=text,
            effect=1e300,
            base=math.nan,
        ),
        metric(f"open {text}", verdict=UNDECIDED, design=UNPAIRED, note=text, effect=math.nan),
        metric("zero", verdict=IMPROVED, effect=-1.0, ci_low=-1.0, ci_high=-0.0, noise=math.inf),
    ]
    return Comparison(
        REGRESSED,
        side("base", text, failed=[text, text]),
        side("head", text, failed=[text]),
        tuple(wild),
        0.01,
        0.05,
        not_gated=(text,),
        reasons=(text,),
        notes=(text,),
        differences=(Difference(text, text, text, text, 1.0, math.inf, math.nan),),
        elapsed_s=math.nan,
        host=text,
        seed=1,
    )


COMMANDS = {
    "a workflow command": "::error::owned",
    "a command behind a blank": " \t::add-mask::e",
    "an older command": "x ##[add-mask]e ##[error]owned",
    "an escaped newline": "a%0A::error::owned%25%3A%2C",
    "properties": "file=a.py,line=1::owned",
    "the end of data": "]]></system-out></testsuite>&amp;\ufffe\uffff",
    "a list": "- item",
    "another list": "+ item",
    "a numbered list": "12. item",
    "a rule": "---",
    "indented": "      code",
    "a setext heading": "===",
    "long": "word " * 20_000,
    "long without a blank": "x" * 100_000,
}
COMPARISONS = {
    "passing": PASSING,
    "failing": FAILING,
    "unclear": UNCLEAR,
    "better": BETTER,
    "empty": EMPTY,
    "unmeasured": UNMEASURED,
    **{f"hostile: {name}": hostile(text) for name, text in {**HOSTILE, **COMMANDS}.items()},
}
